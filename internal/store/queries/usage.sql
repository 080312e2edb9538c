-- What comes as one JSON object both databases take apart alike. The names in that of records are their ids; in
-- those of sums they do not matter.

-- name: AddRecords :many
INSERT INTO usage (id, record)
SELECT key, value FROM json_each(sqlc.arg(records))
WHERE true
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: AddToDays :exec
INSERT INTO usage_daily (
    day, organization_id, project_id, key_id, model, user_hash, requests, errors, cancelled, estimated,
    prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens
)
SELECT CAST(value->>'day' AS bigint), value->>'organization', value->>'project', value->>'key', value->>'model', value->>'user',
    CAST(value->>'requests' AS bigint), CAST(value->>'errors' AS bigint),
    CAST(value->>'cancelled' AS bigint), CAST(value->>'estimated' AS bigint),
    CAST(value->>'prompt' AS bigint), CAST(value->>'cached' AS bigint),
    CAST(value->>'completion' AS bigint), CAST(value->>'reasoning' AS bigint)
FROM json_each(sqlc.arg(sums))
WHERE true
ORDER BY 1, 2, 3, 4, 5, 6
ON CONFLICT (day, organization_id, project_id, key_id, model, user_hash) DO UPDATE
SET requests = usage_daily.requests + excluded.requests,
    errors = usage_daily.errors + excluded.errors,
    cancelled = usage_daily.cancelled + excluded.cancelled,
    estimated = usage_daily.estimated + excluded.estimated,
    prompt_tokens = usage_daily.prompt_tokens + excluded.prompt_tokens,
    cached_tokens = usage_daily.cached_tokens + excluded.cached_tokens,
    completion_tokens = usage_daily.completion_tokens + excluded.completion_tokens,
    reasoning_tokens = usage_daily.reasoning_tokens + excluded.reasoning_tokens;

-- name: SumDays :many
SELECT CAST(CASE WHEN CAST(sqlc.arg(by_day) AS boolean) THEN day ELSE 0 END AS bigint) AS day,
    CAST(CASE WHEN CAST(sqlc.arg(by_organization) AS boolean) THEN organization_id ELSE '' END AS text) AS organization_id,
    CAST(CASE WHEN CAST(sqlc.arg(by_project) AS boolean) THEN project_id ELSE '' END AS text) AS project_id,
    CAST(CASE WHEN CAST(sqlc.arg(by_key) AS boolean) THEN key_id ELSE '' END AS text) AS key_id,
    CAST(CASE WHEN CAST(sqlc.arg(by_model) AS boolean) THEN model ELSE '' END AS text) AS model,
    CAST(CASE WHEN CAST(sqlc.arg(by_user) AS boolean) THEN user_hash ELSE '' END AS text) AS user_hash,
    CAST(sum(requests) AS bigint) AS requests,
    CAST(sum(errors) AS bigint) AS errors,
    CAST(sum(cancelled) AS bigint) AS cancelled,
    CAST(sum(estimated) AS bigint) AS estimated,
    CAST(sum(prompt_tokens) AS bigint) AS prompt_tokens,
    CAST(sum(cached_tokens) AS bigint) AS cached_tokens,
    CAST(sum(completion_tokens) AS bigint) AS completion_tokens,
    CAST(sum(reasoning_tokens) AS bigint) AS reasoning_tokens
FROM usage_daily
WHERE usage_daily.day >= sqlc.arg(since) AND usage_daily.day < sqlc.arg(until)
    AND (CAST(sqlc.arg(organization) AS text) = '' OR usage_daily.organization_id = sqlc.arg(organization))
    AND (CAST(sqlc.arg(project) AS text) = '' OR usage_daily.project_id = sqlc.arg(project))
    AND (CAST(sqlc.arg(key) AS text) = '' OR usage_daily.key_id = sqlc.arg(key))
    AND (CAST(sqlc.arg(model) AS text) = '' OR usage_daily.model = sqlc.arg(model))
    AND (CAST(sqlc.arg(user_hash) AS text) = '' OR usage_daily.user_hash = sqlc.arg(user_hash))
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6;

-- name: Records :many
SELECT * FROM usage
WHERE id > sqlc.arg(after) AND id < sqlc.arg(before)
    AND (CAST(sqlc.arg(organization) AS text) = '' OR record->>'organization' = sqlc.arg(organization))
    AND (CAST(sqlc.arg(project) AS text) = '' OR record->>'project' = sqlc.arg(project))
    AND (CAST(sqlc.arg(key) AS text) = '' OR record->>'key' = sqlc.arg(key))
    AND (CAST(sqlc.arg(model) AS text) = '' OR record->>'model' = sqlc.arg(model))
    AND (CAST(sqlc.arg(user_hash) AS text) = '' OR record->>'user' = sqlc.arg(user_hash))
ORDER BY id
LIMIT sqlc.arg(most);

-- name: NewestRecords :many
SELECT * FROM usage
WHERE id >= sqlc.arg(since) AND id < sqlc.arg(before)
    AND (CAST(sqlc.arg(organization) AS text) = '' OR record->>'organization' = sqlc.arg(organization))
    AND (CAST(sqlc.arg(project) AS text) = '' OR record->>'project' = sqlc.arg(project))
    AND (CAST(sqlc.arg(key) AS text) = '' OR record->>'key' = sqlc.arg(key))
    AND (CAST(sqlc.arg(model) AS text) = '' OR record->>'model' = sqlc.arg(model))
    AND (CAST(sqlc.arg(user_hash) AS text) = '' OR record->>'user' = sqlc.arg(user_hash))
ORDER BY id DESC
LIMIT sqlc.arg(most);

-- name: AddToScopes :exec
INSERT INTO usage_scopes (scope, id, day, tokens)
SELECT value->>'scope', value->>'id', CAST(value->>'day' AS bigint), CAST(value->>'tokens' AS bigint)
FROM json_each(sqlc.arg(sums))
WHERE true
ORDER BY 1, 2, 3
ON CONFLICT (scope, id, day) DO UPDATE SET tokens = usage_scopes.tokens + excluded.tokens;

-- name: TokensOf :one
SELECT CAST(coalesce(sum(CASE WHEN day >= sqlc.arg(today) THEN tokens ELSE 0 END), 0) AS bigint) AS of_day,
    CAST(coalesce(sum(tokens), 0) AS bigint) AS of_month
FROM usage_scopes WHERE scope = sqlc.arg(scope) AND id = sqlc.arg(id) AND day >= sqlc.arg(month_begins);

-- name: BeginUpkeep :execrows
UPDATE usage_upkeep SET busy_until = sqlc.arg(until)
WHERE busy_until <= sqlc.arg(now) OR busy_until > sqlc.arg(too_late);

-- name: DeleteRecords :execrows
DELETE FROM usage WHERE id IN (SELECT old.id FROM usage AS old WHERE old.id < sqlc.arg(before) ORDER BY old.id LIMIT sqlc.arg(most));

-- name: DeleteDays :execrows
DELETE FROM usage_daily WHERE (day, organization_id, project_id, key_id, model, user_hash) IN (
    SELECT old.day, old.organization_id, old.project_id, old.key_id, old.model, old.user_hash FROM usage_daily AS old
    WHERE old.day < sqlc.arg(before) ORDER BY 1, 2, 3, 4, 5, 6 LIMIT sqlc.arg(most)
);

-- name: DeleteScopes :execrows
DELETE FROM usage_scopes WHERE (scope, id, day) IN (
    SELECT old.scope, old.id, old.day FROM usage_scopes AS old WHERE old.day < sqlc.arg(before) ORDER BY old.day LIMIT sqlc.arg(most)
);

-- name: FullDays :many
SELECT day, organization_id, project_id, key_id FROM usage_daily
WHERE day >= sqlc.arg(since) AND day < sqlc.arg(until)
GROUP BY 1, 2, 3, 4 HAVING count(*) > CAST(sqlc.arg(most) AS bigint);

-- name: UsersBeyond :many
SELECT old.model, old.user_hash FROM usage_daily AS old
WHERE old.day = sqlc.arg(day) AND old.organization_id = sqlc.arg(organization) AND old.project_id = sqlc.arg(project) AND old.key_id = sqlc.arg(key)
    AND old.user_hash <> '' AND old.user_hash <> 'other'
ORDER BY 1, 2 LIMIT sqlc.arg(most) OFFSET sqlc.arg(kept);

-- name: ModelsBeyond :many
SELECT old.model FROM usage_daily AS old
WHERE old.day = sqlc.arg(day) AND old.organization_id = sqlc.arg(organization) AND old.project_id = sqlc.arg(project) AND old.key_id = sqlc.arg(key)
    AND old.model <> 'other'
GROUP BY 1 ORDER BY sum(old.requests) DESC, 1 LIMIT sqlc.arg(most) OFFSET sqlc.arg(kept);

-- name: TakeUsers :many
DELETE FROM usage_daily
WHERE usage_daily.day = sqlc.arg(day) AND usage_daily.organization_id = sqlc.arg(organization) AND usage_daily.project_id = sqlc.arg(project) AND usage_daily.key_id = sqlc.arg(key)
    AND (model, user_hash) IN (SELECT value->>'model', value->>'user' FROM json_each(sqlc.arg(chosen)))
RETURNING *;

-- name: TakeModels :many
DELETE FROM usage_daily
WHERE usage_daily.day = sqlc.arg(day) AND usage_daily.organization_id = sqlc.arg(organization) AND usage_daily.project_id = sqlc.arg(project) AND usage_daily.key_id = sqlc.arg(key)
    AND model IN (SELECT value->>'model' FROM json_each(sqlc.arg(chosen)))
RETURNING *;

-- name: AddSecret :exec
INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING;

-- name: Secret :one
SELECT value FROM secrets WHERE name = $1;
