-- A number alone does not say whether what was known at it is of this database: a copy from before, put in
-- its place and changed, comes by the same numbers. Each of the latest thousand has a mark that no other has.

-- +goose Up
CREATE TABLE revisions (
    value integer PRIMARY KEY,
    mark  text    NOT NULL
);
INSERT INTO revisions (value, mark) SELECT value, lower(hex(randomblob(16))) FROM revision;

-- +goose StatementBegin
CREATE TRIGGER revised AFTER UPDATE ON revision
BEGIN
    INSERT OR REPLACE INTO revisions (value, mark) VALUES (NEW.value, lower(hex(randomblob(16))));
    DELETE FROM revisions WHERE value <= NEW.value - 1000;
END;
-- +goose StatementEnd
