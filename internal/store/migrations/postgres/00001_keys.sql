-- Times are milliseconds since 1970, 0 for never. A limit of 0 is none. changed is the revision at
-- which a row was changed last.

-- +goose Up
CREATE TABLE revision (
    one   integer PRIMARY KEY CHECK (one = 1),
    value bigint  NOT NULL
);
INSERT INTO revision (one, value) VALUES (1, 0);

CREATE TABLE organizations (
    id           text    PRIMARY KEY,
    name         text    NOT NULL UNIQUE,
    is_default   boolean NOT NULL,
    disabled     boolean NOT NULL,
    requests     bigint  NOT NULL,
    tokens       bigint  NOT NULL,
    parallel     bigint  NOT NULL,
    day_tokens   bigint  NOT NULL,
    month_tokens bigint  NOT NULL,
    created_at   bigint  NOT NULL,
    changed      bigint  NOT NULL
);
CREATE UNIQUE INDEX organizations_default ON organizations (is_default) WHERE is_default;
CREATE INDEX organizations_changed ON organizations (changed);

CREATE TABLE projects (
    id              text    PRIMARY KEY,
    organization_id text    NOT NULL REFERENCES organizations (id),
    name            text    NOT NULL,
    is_default      boolean NOT NULL,
    disabled        boolean NOT NULL,
    requests        bigint  NOT NULL,
    tokens          bigint  NOT NULL,
    parallel        bigint  NOT NULL,
    day_tokens      bigint  NOT NULL,
    month_tokens    bigint  NOT NULL,
    created_at      bigint  NOT NULL,
    changed         bigint  NOT NULL,
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
    secret_hash        bytea   NOT NULL, -- SHA-256
    previous_hash      bytea   NOT NULL, -- of the secret before; good until previous_until
    previous_until     bigint  NOT NULL,
    disabled           boolean NOT NULL,
    requests           bigint  NOT NULL,
    tokens             bigint  NOT NULL,
    parallel           bigint  NOT NULL,
    day_tokens         bigint  NOT NULL,
    month_tokens       bigint  NOT NULL,
    created_at         bigint  NOT NULL,
    expires_at         bigint  NOT NULL,
    revoked_at         bigint  NOT NULL,
    last_used_at       bigint  NOT NULL,
    changed            bigint  NOT NULL,
    FOREIGN KEY (default_project_id, organization_id) REFERENCES projects (id, organization_id)
);
CREATE INDEX keys_name ON keys (name);
CREATE INDEX keys_changed ON keys (changed);

CREATE TABLE key_projects (
    key_id     text NOT NULL REFERENCES keys (id),
    project_id text NOT NULL REFERENCES projects (id),
    PRIMARY KEY (key_id, project_id)
);

-- +goose StatementBegin
CREATE FUNCTION specgate_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('specgate_changed', '');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER changed AFTER UPDATE ON revision FOR EACH ROW EXECUTE FUNCTION specgate_changed();

INSERT INTO organizations (id, name, is_default, disabled, requests, tokens, parallel, day_tokens, month_tokens, created_at, changed)
VALUES (substr(replace(gen_random_uuid()::text, '-', ''), 1, 24), 'default', true, false, 0, 0, 0, 0, 0, floor(extract(epoch FROM now()) * 1000)::bigint, 0);
INSERT INTO projects (id, organization_id, name, is_default, disabled, requests, tokens, parallel, day_tokens, month_tokens, created_at, changed)
SELECT substr(replace(gen_random_uuid()::text, '-', ''), 1, 24), id, 'default', true, false, 0, 0, 0, 0, 0, created_at, 0 FROM organizations;
