-- name: Organization :one
SELECT * FROM organizations WHERE id = $1;

-- name: OrganizationNamed :one
SELECT * FROM organizations WHERE name = $1;

-- name: DefaultOrganization :one
SELECT * FROM organizations WHERE is_default;

-- name: Organizations :many
SELECT * FROM organizations ORDER BY name;

-- name: InsertOrganization :exec
INSERT INTO organizations (id, name, is_default, disabled, requests, tokens, parallel, day_tokens, month_tokens, created_at, changed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: UpdateOrganization :exec
UPDATE organizations
SET name = $2, disabled = $3, requests = $4, tokens = $5, parallel = $6, day_tokens = $7, month_tokens = $8, changed = $9
WHERE id = $1;
