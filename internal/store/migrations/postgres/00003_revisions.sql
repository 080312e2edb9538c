-- A number alone does not say whether what was known at it is of this database: a copy from before, put in
-- its place and changed, comes by the same numbers. Each of the latest thousand has a mark that no other has.

-- +goose Up
CREATE TABLE revisions (
    value bigint PRIMARY KEY,
    mark  text   NOT NULL
);
INSERT INTO revisions (value, mark) SELECT value, gen_random_uuid()::text FROM revision;

-- +goose StatementBegin
CREATE FUNCTION specgate_revised() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revisions (value, mark) VALUES (NEW.value, gen_random_uuid()::text)
    ON CONFLICT (value) DO UPDATE SET mark = excluded.mark;
    DELETE FROM revisions WHERE value <= NEW.value - 1000;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER revised AFTER UPDATE ON revision FOR EACH ROW EXECUTE FUNCTION specgate_revised();
