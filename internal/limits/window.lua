-- What both scripts do. A window is a hash: n is the newest step; r and t are the requests and tokens of all
-- steps, r7 and t7 those of the steps that are 7 modulo STEPS; ru and tu the last steps in which any were taken.
local STEP, STEPS = 500, 121

local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local present = math.floor(now / STEP)

-- fields are those of both windows for some steps.
local function fields(from, to)
  local all = {}
  for s = from, to do
    all[#all + 1] = 'r' .. (s % STEPS)
    all[#all + 1] = 't' .. (s % STEPS)
  end
  return all
end

-- rebase has all that the windows of a scope hold count from the present step on: the clock has gone back so far
-- that it would be held against the caller until the clock has come there again.
local function rebase(key)
  local sums = redis.call('HMGET', key, 'r', 't')
  redis.call('HDEL', key, unpack(fields(1, STEPS)))
  local slot = present % STEPS
  redis.call('HSET', key, 'n', present, 'ru', present, 'tu', present)
  redis.call('HSET', key, 'r' .. slot, sums[1] or 0, 't' .. slot, sums[2] or 0)
  return present
end

-- advance moves the windows of a scope on to the present step, and returns the step that they have come to. While
-- the clock is a little behind that, it stays.
local function advance(key)
  local newest = tonumber(redis.call('HGET', key, 'n'))
  if newest and present <= newest then
    if newest - present < STEPS then return newest end
    return rebase(key)
  end
  if newest then
    local gone = fields(math.max(newest, present - STEPS) + 1, present)
    local counts, r, t = redis.call('HMGET', key, unpack(gone)), 0, 0
    for i = 1, #gone, 2 do
      r = r + (tonumber(counts[i]) or 0)
      t = t + (tonumber(counts[i + 1]) or 0)
    end
    redis.call('HDEL', key, unpack(gone))
    if r ~= 0 then redis.call('HINCRBY', key, 'r', -r) end
    if t ~= 0 then redis.call('HINCRBY', key, 't', -t) end
  end
  redis.call('HSET', key, 'n', present)
  return present
end

-- leaves is how long it takes until a step has left the window.
local function leaves(s) return (s + STEPS) * STEP - now end

-- add takes n in the newest step.
local function add(key, prefix, newest, n)
  redis.call('HINCRBY', key, prefix .. (newest % STEPS), n)
  redis.call('HINCRBY', key, prefix, n)
  redis.call('HSET', key, prefix .. 'u', newest)
end

-- keep has a key expire, in ms, and not before it would have.
local function keep(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end

-- Where a request takes from a quota, whose mark says so until it is settled, the keys are one more than two a scope.
-- A mark holds the day and the month in which was taken, and of each scope the step and the life of its count; nothing,
-- where the request was given up before it was seen here.
local mark = #KEYS % 2 == 1 and KEYS[#KEYS]
local MARKED = 600000
