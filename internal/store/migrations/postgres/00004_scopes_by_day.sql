-- Old days are deleted of all scopes; without this each time reads the whole table.

-- +goose Up
CREATE INDEX usage_scopes_day ON usage_scopes (day);
