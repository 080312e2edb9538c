-- The id of a record begins with its time, so the primary key is in the order of time. What it says is one JSON
-- object, whose names are those of usage.Record; what is unknown, empty or zero is not in it. Days are days since 1970.
-- Keys, organizations and projects are ids; what is unknown in a sum is ''.

-- +goose Up
CREATE TABLE usage (
    id     text  COLLATE "C" PRIMARY KEY,
    record jsonb NOT NULL
);

-- The sums of all records of a day, also of those that are gone from usage.
CREATE TABLE usage_daily (
    day               bigint NOT NULL,
    organization_id   text   NOT NULL,
    project_id        text   NOT NULL,
    key_id            text   NOT NULL,
    model             text   NOT NULL,
    user_hash         text   NOT NULL,
    requests          bigint NOT NULL,
    errors            bigint NOT NULL,
    cancelled         bigint NOT NULL,
    estimated         bigint NOT NULL, -- requests whose tokens were
    prompt_tokens     bigint NOT NULL,
    cached_tokens     bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    reasoning_tokens  bigint NOT NULL,
    PRIMARY KEY (day, organization_id, project_id, key_id, model, user_hash)
);

-- The tokens of a day by what has a quota, whatever the models and the users: as few rows as there are days are
-- read of a scope when it begins to be counted.
CREATE TABLE usage_scopes (
    scope  text   NOT NULL, -- organization, project or key
    id     text   NOT NULL,
    day    bigint NOT NULL,
    tokens bigint NOT NULL,
    PRIMARY KEY (scope, id, day)
);

-- Which instance deletes what is too old: the one that moves busy_until on.
CREATE TABLE usage_upkeep (
    one        integer PRIMARY KEY CHECK (one = 1),
    busy_until bigint  NOT NULL
);
INSERT INTO usage_upkeep (one, busy_until) VALUES (1, 0);

-- What is shared by all instances and shown to nobody.
CREATE TABLE secrets (
    name  text  PRIMARY KEY,
    value bytea NOT NULL
);
