-- One question for all of a key, so that an id that nobody has takes no fewer.

-- name: Key :one
SELECT sqlc.embed(keys), CAST(COALESCE((
    SELECT string_agg(project_id, ' ' ORDER BY project_id) FROM key_projects WHERE key_id = keys.id
), '') AS text) AS projects
FROM keys WHERE id = $1;

-- name: KeysNamed :many
SELECT * FROM keys WHERE name = $1 AND revoked_at = 0;

-- name: RevokedKeysNamed :many
SELECT * FROM keys WHERE name = $1 AND revoked_at > 0;

-- name: Keys :many
SELECT * FROM keys ORDER BY created_at, id;

-- name: InsertKey :exec
INSERT INTO keys (
    id, name, description, organization_id, every_project, default_project_id, models,
    secret_hash, previous_hash, previous_until, disabled,
    requests, tokens, parallel, day_tokens, month_tokens,
    created_at, expires_at, revoked_at, last_used_at, changed
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21);

-- name: UpdateKey :exec
UPDATE keys
SET name = $2, description = $3, every_project = $4, default_project_id = $5, models = $6,
    secret_hash = $7, previous_hash = $8, previous_until = $9, disabled = $10,
    requests = $11, tokens = $12, parallel = $13, day_tokens = $14, month_tokens = $15,
    expires_at = $16, revoked_at = $17, changed = $18
WHERE id = $1;

-- Uses come as one JSON object, {ID: {"at": MILLISECONDS}}: both databases take that apart alike.

-- name: UseKeys :exec
UPDATE keys SET last_used_at = CAST(uses.value->>'at' AS bigint)
FROM json_each(sqlc.arg(uses)) AS uses
WHERE keys.id = uses.key AND keys.last_used_at < CAST(uses.value->>'at' AS bigint);

-- name: ProjectsOfKeys :many
SELECT key_id, project_id FROM key_projects ORDER BY key_id, project_id;

-- name: InsertKeyProject :exec
INSERT INTO key_projects (key_id, project_id) VALUES ($1, $2);

-- name: DeleteKeyProjects :exec
DELETE FROM key_projects WHERE key_id = $1;
