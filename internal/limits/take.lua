-- Takes one request and some tokens from all scopes, or nothing from any; as Memory does.
-- KEYS: of each scope a hash (window, day, month), and a sorted set (leases); then the mark, if there is one.
-- ARGV: the time in ms, '' for the server's; tokens; the id of a lease, and how long it holds in ms; then
--   of each scope its limits: requests, tokens, parallel, tokens of a day and of a month; 0 is none; and its use of
--   the day and the month before it is known here: -1 where that can be asked for, -2 where nobody knows it; and since
--   when the limits are these: what was used before is asked for again then.
-- Returns: 1 if it was taken, the time, the day, the month; then of each scope the step, the requests in the
--   window, ms until they fit, ms until none counts; the same of tokens; running; used of day and of month; which
--   life of the count of both it was taken from.
--   Or 2 and the time, where the use before has to be asked for; then nothing was taken.
if mark and redis.call('EXISTS', mark) == 1 then return redis.error_reply('ERR the request was given up') end
local tokens, lease, holds = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local day = math.floor(now / 86400000)

-- The month by its number, from the day: years begin in March, so that the leap day is their last.
local function month_of(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  return (era * 400 + yoe) * 12 + mp + 2
end
local month = month_of(day)

-- born is when a count of days and months begins, to the microsecond: one that is lost, and begins anew, is another.
local function born()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

-- used is what was used of a day or a month. A clock that went back takes it along.
local function used(period, n, present_period)
  return period and tonumber(period) >= present_period and tonumber(n) or 0
end

local function read(key)
  local newest = advance(key)
  local v = redis.call('HMGET', key, 'r', 't', 'ru', 'tu', 'd', 'D', 'm', 'M', 's', 'dh', 'mh', 'b')
  return {
    newest = newest, r = tonumber(v[1]) or 0, t = tonumber(v[2]) or 0, ru = tonumber(v[3]), tu = tonumber(v[4]),
    seeded = tonumber(v[9]), born = tonumber(v[12]) or born(),
    day = used(v[5], v[6], day), month = used(v[7], v[8], month),
    of_day = used(v[5], v[10], day), of_month = used(v[7], v[11], month), -- what requests hold that are not settled
  }
end

-- wait is how long it takes until n of a window have left it.
local function wait(key, h, prefix, n)
  local fields = {}
  for s = h.newest - STEPS + 1, h.newest do fields[#fields + 1] = prefix .. (s % STEPS) end
  local counts = redis.call('HMGET', key, unpack(fields))
  for i = 1, STEPS - 1 do
    n = n - (tonumber(counts[i]) or 0)
    if n <= 0 then return leaves(h.newest - STEPS + i) end
  end
  return leaves(h.newest)
end

local function window(reply, key, h, prefix, limit, ask)
  local sum, last = h[prefix], h[prefix .. 'u']
  local over = sum + ask - limit
  reply[#reply + 1] = sum
  reply[#reply + 1] = limit > 0 and over > 0 and wait(key, h, prefix, over) or 0
  reply[#reply + 1] = sum > 0 and leaves(last) or 0
  return limit > 0 and ask > 0 and over > 0
end

-- calendar keeps the use of the day and the month, and what of it is held.
local function calendar(key, h)
  redis.call('HSET', key, 'd', day, 'D', h.day, 'm', month, 'M', h.month, 'dh', h.of_day, 'mh', h.of_month, 'b', h.born)
  keep(key, 32 * 86400000)
end

-- seed begins a scope with its use before, once for the limits since then. What was counted meanwhile is most likely part of it; what is held by
-- requests that run is not.
local function seed(key, h, day_before, month_before, since)
  if h.seeded and h.seeded >= since or day_before == -2 then return true end
  if day_before == -1 then return false end
  h.day = math.max(h.day - h.of_day, day_before) + h.of_day
  h.month = math.max(h.month - h.of_month, month_before) + h.of_month
  calendar(key, h)
  redis.call('HSET', key, 's', string.format('%.0f', since))
  return true
end

local scopes, reply, refused = {}, {1, now, day, month}, false
local count = (#ARGV - 4) / 8
for i = 1, count do
  local key, running, l, places = KEYS[2 * i - 1], KEYS[2 * i], {}, 0
  for j = 1, 8 do l[j] = tonumber(ARGV[8 * i - 4 + j]) end
  local h = read(key)
  if not seed(key, h, l[6], l[7], l[8]) then return {2, now} end
  reply[#reply + 1] = h.newest
  if l[3] > 0 then
    redis.call('ZREMRANGEBYSCORE', running, '-inf', now)
    places = redis.call('ZCARD', running)
  end
  if window(reply, key, h, 'r', l[1], 1) then refused = true end
  if window(reply, key, h, 't', l[2], tokens) then refused = true end
  if l[3] > 0 and places + 1 > l[3] then refused = true end
  if tokens > 0 and (l[4] > 0 and h.day + tokens > l[4] or l[5] > 0 and h.month + tokens > l[5]) then refused = true end
  reply[#reply + 1] = places
  reply[#reply + 1] = h.day
  reply[#reply + 1] = h.month
  reply[#reply + 1] = h.born
  scopes[i] = {key = key, running = running, h = h, l = l}
end

local function take(s)
  local key, h, l = s.key, s.h, s.l
  if l[1] > 0 then add(key, 'r', h.newest, 1) end
  if l[2] > 0 and tokens > 0 then add(key, 't', h.newest, tokens) end
  if l[3] > 0 then
    redis.call('ZADD', s.running, now + holds, lease)
    keep(s.running, holds)
  end
  if l[4] > 0 or l[5] > 0 then
    h.day, h.month = h.day + tokens, h.month + tokens
    h.of_day, h.of_month = h.of_day + tokens, h.of_month + tokens
    calendar(key, h)
  end
end

local says = day .. ' ' .. month
for _, s in ipairs(scopes) do
  if not refused then take(s) end
  says = says .. ' ' .. s.h.newest .. ' ' .. string.format('%.0f', s.h.born)
  keep(s.key, 2 * STEPS * STEP)
end
if mark and not refused then redis.call('SET', mark, says, 'PX', MARKED) end
if refused then reply[1] = 0 end
return reply
