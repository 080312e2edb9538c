-- name: Revision :one
SELECT value, CAST(COALESCE((SELECT mark FROM revisions WHERE revisions.value = revision.value), '') AS text) AS mark,
    CAST(COALESCE((SELECT mark FROM revisions WHERE revisions.value = sqlc.arg(since)), '') AS text) AS mark_then
FROM revision;

-- name: NextRevision :one
UPDATE revision SET value = value + 1 RETURNING value;

-- name: ChangedKeys :many
SELECT id FROM keys WHERE changed > $1;

-- name: ChangedOrganizations :many
SELECT id FROM organizations WHERE organizations.changed > sqlc.arg(since)
UNION
SELECT organization_id FROM projects WHERE projects.changed > sqlc.arg(since);
