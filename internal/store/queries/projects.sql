-- name: Project :one
SELECT * FROM projects WHERE id = $1;

-- name: ProjectNamed :one
SELECT * FROM projects WHERE organization_id = $1 AND name = $2;

-- name: DefaultProject :one
SELECT * FROM projects WHERE organization_id = $1 AND is_default;

-- name: Projects :many
SELECT * FROM projects ORDER BY organization_id, name;

-- name: ProjectsOf :many
SELECT * FROM projects WHERE organization_id = $1 ORDER BY name;

-- name: InsertProject :exec
INSERT INTO projects (id, organization_id, name, is_default, disabled, requests, tokens, parallel, day_tokens, month_tokens, created_at, changed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: UpdateProject :exec
UPDATE projects
SET name = $2, disabled = $3, requests = $4, tokens = $5, parallel = $6, day_tokens = $7, month_tokens = $8, changed = $9
WHERE id = $1;
