-- Times are milliseconds since 1970, 0 for never. A limit of 0 is none. changed is the revision at
-- which a row was changed last.

-- +goose Up
CREATE TABLE revision (
    one   integer PRIMARY KEY CHECK (one = 1),
    value integer NOT NULL
);
INSERT INTO revision (one, value) VALUES (1, 0);

CREATE TABLE organizations (
    id           text    PRIMARY KEY,
    name         text    NOT NULL UNIQUE,
    is_default   boolean NOT NULL,
    disabled     boolean NOT NULL,
    requests     integer NOT NULL,
    tokens       integer NOT NULL,
    parallel     integer NOT NULL,
    day_tokens   integer NOT NULL,
    month_tokens integer NOT NULL,
    created_at   integer NOT NULL,
    changed      integer NOT NULL
);
CREATE UNIQUE INDEX organizations_default ON organizations (is_default) WHERE is_default;
CREATE INDEX organizations_changed ON organizations (changed);

CREATE TABLE projects (
    id              text    PRIMARY KEY,
    organization_id text    NOT NULL REFERENCES organizations (id),
    name            text    NOT NULL,
    is_default      boolean NOT NULL,
    disabled        boolean NOT NULL,
    requests        integer NOT NULL,
    tokens          integer NOT NULL,
    parallel        integer NOT NULL,
    day_tokens      integer NOT NULL,
    month_tokens    integer NOT NULL,
    created_at      integer NOT NULL,
    changed         integer NOT NULL,
    UNIQUE (organization_id, name),
    UNIQUE (id, organization_id)
);
CREATE UNIQUE INDEX projects_default ON projects (organization_id) WHERE is_default;
CREATE INDEX projects_changed ON projects (changed);

CREATE TABLE keys (
    id                 text    PRIMARY KEY,
    name               text    NOT NULL,
    description        text    NOT NULL,
    organization_id    text    NOT NULL REFERENCES organizations (id),
    every_project      boolean NOT NULL,
    default_project_id text    NOT NULL,
    models             text    NOT NULL, -- a JSON array of patterns
    secret_hash        blob    NOT NULL, -- SHA-256
    previous_hash      blob    NOT NULL, -- of the secret before; good until previous_until
    previous_until     integer NOT NULL,
    disabled           boolean NOT NULL,
    requests           integer NOT NULL,
    tokens             integer NOT NULL,
    parallel           integer NOT NULL,
    day_tokens         integer NOT NULL,
    month_tokens       integer NOT NULL,
    created_at         integer NOT NULL,
    expires_at         integer NOT NULL,
    revoked_at         integer NOT NULL,
    last_used_at       integer NOT NULL,
    changed            integer NOT NULL,
    FOREIGN KEY (default_project_id, organization_id) REFERENCES projects (id, organization_id)
);
CREATE INDEX keys_name ON keys (name);
CREATE INDEX keys_changed ON keys (changed);

CREATE TABLE key_projects (
    key_id     text NOT NULL REFERENCES keys (id),
    project_id text NOT NULL REFERENCES projects (id),
    PRIMARY KEY (key_id, project_id)
);

INSERT INTO organizations (id, name, is_default, disabled, requests, tokens, parallel, day_tokens, month_tokens, created_at, changed)
VALUES (lower(hex(randomblob(12))), 'default', true, false, 0, 0, 0, 0, 0, CAST(strftime('%s', 'now') AS INTEGER) * 1000, 0);
INSERT INTO projects (id, organization_id, name, is_default, disabled, requests, tokens, parallel, day_tokens, month_tokens, created_at, changed)
SELECT lower(hex(randomblob(12))), id, 'default', true, false, 0, 0, 0, 0, 0, created_at, 0 FROM organizations;
