-- Takes one request and some tokens from all scopes, or nothing from any; as Memory does.
-- KEYS: of each scope a string (what it has used), and a sorted set (leases); then the mark, if there is one.
-- ARGV: the time in ms, '' for the server's; tokens; the id of a lease, and how long it holds in ms; then
--   of each scope numbers, as LIMITS has them: its limits of requests, tokens, parallel, tokens of a day and of a month;
--   0 is none; and its use of the day and the month before it is known here: -1 where that can be asked for, -2 where
--   nobody knows it; and since when the limits are these: what was used before is asked for again then.
-- Returns: 1 if it was taken, the time, the day, the month; then of each scope the step, the requests in the
--   window, ms until they fit, ms until none counts; the same of tokens; running; used of day and of month; which
--   life of the count of both it was taken from.
--   Or 2 and the time, where the use before has to be asked for; then nothing was taken.
if mark and call('EXISTS', mark) == 1 then return redis.error_reply('ERR the request was given up') end
look()
local LIMITS = '<dddddddd'
local tokens, lease, holds = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local day = floor(now / 86400000)

-- The month by its number, from the day: years begin in March, so that the leap day is their last.
local function month_of(days)
  local z = days + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  return (era * 400 + yoe) * 12 + mp + 2
end
local month = month_of(day)

-- calendar has a scope count the present day and month. A clock that went back takes along what was used.
local function calendar(h)
  if h.d < day then h.D, h.dh = 0, 0 end
  if h.m < month then h.M, h.mh = 0, 0 end
  h.d, h.m = day, month
end

-- seed begins a scope with its use before, once for the limits since then. What was counted meanwhile is most likely part
-- of it; what is held by requests that run is not.
local function seed(h, l)
  h.D = math.max(h.D - h.dh, l.day_before) + h.dh
  h.M = math.max(h.M - h.mh, l.month_before) + h.mh
  h.s, h.seeded = l.since, true
end

-- leaves is how long it takes until a step has left the window.
local function leaves(s) return (s + STEPS) * STEP - now end

-- wait is how long it takes until so much has left a window of which the steps before the newest hold some: the first of
-- a slot's numbers, or the second.
local function wait(h, over, before, number)
  if over > before then return leaves(h.n) end
  local slots = h.slots or call('GETRANGE', h.key, HEAD_SIZE, '-1')
  for s = h.n - STEPS + 1, h.n - 1 do
    local r, t = unpack(SLOT, slots, 1 + s % STEPS * SLOT_SIZE)
    over = over - (number == 1 and r or t)
    if over <= 0 then return leaves(s) end
  end
  return leaves(h.n)
end

-- count is how many places of a scope are taken. Leases that have run out may be among them while that says nothing.
local function count(running, h, limit)
  local places = call('ZCARD', running)
  if places < limit and not h.moved then return places end
  call('ZREMRANGEBYSCORE', running, '-inf', now)
  return call('ZCARD', running)
end

local scopes = {}
for i = 1, #ARGV - 4 do
  local h = load(KEYS[2 * i - 1])
  local requests, tokens_, parallel, day_tokens, month_tokens, day_before, month_before, since = unpack(LIMITS, ARGV[4 + i])
  h.l = {
    requests = requests, tokens = tokens_, parallel = parallel, day = day_tokens, month = month_tokens,
    day_before = day_before, month_before = month_before, since = since,
  }
  if h.s < since and day_before == -1 then return {2, now} end
  scopes[i] = h
end

local reply, refused, last = {1, now, day, month}, false, 4
for i, h in ipairs(scopes) do
  local l, places, r_wait, t_wait = h.l, 0, 0, 0
  advance(h)
  calendar(h)
  if h.s < l.since and l.day_before ~= -2 then seed(h, l) end
  h.quota = l.day > 0 or l.month > 0
  if h.b == 0 and (h.quota or h.seeded) then h.b = micros end
  if l.requests > 0 and h.r + 1 > l.requests then
    refused, r_wait = true, wait(h, h.r + 1 - l.requests, h.r - h.rn, 1)
  end
  if l.tokens > 0 and h.t + tokens > l.tokens then
    refused, t_wait = refused or tokens > 0, wait(h, h.t + tokens - l.tokens, h.t - h.tn, 2)
  end
  if l.parallel > 0 then
    h.places = count(KEYS[2 * i], h, l.parallel)
    places = h.places
    refused = refused or places >= l.parallel
  end
  if tokens > 0 and (l.day > 0 and h.D + tokens > l.day or l.month > 0 and h.M + tokens > l.month) then refused = true end
  reply[last + 1], reply[last + 2], reply[last + 3], reply[last + 4] = h.n, h.r, r_wait, h.r > 0 and leaves(h.ru) or 0
  reply[last + 5], reply[last + 6], reply[last + 7] = h.t, t_wait, h.t > 0 and leaves(h.tu) or 0
  reply[last + 8], reply[last + 9], reply[last + 10], reply[last + 11] = places, h.D, h.M, h.b
  last = last + 11
end

-- place takes a place. A key that is gone with its last lease has no time to live when it is back.
local function place_of(running, h)
  call('ZADD', running, string.format('%.0f', now + holds), lease)
  if h.places == 0 or h.moved then call('PEXPIRE', running, holds + STEPS * STEP) end
end

local function take(h, running)
  local l = h.l
  if l.requests > 0 then h.r, h.rn, h.ru = h.r + 1, h.rn + 1, h.n end
  if l.tokens > 0 and tokens > 0 then h.t, h.tn, h.tu = h.t + tokens, h.tn + tokens, h.n end
  if l.parallel > 0 then place_of(running, h) end
  if h.quota then
    h.D, h.dh, h.M, h.mh = h.D + tokens, h.dh + tokens, h.M + tokens, h.mh + tokens
  end
end

local says = {pack('<dd', day, month)}
for i, h in ipairs(scopes) do
  if not refused then take(h, KEYS[2 * i]) end
  if not refused or h.moved or h.seeded then save(h) end
  says[i + 1] = pack('<dd', h.n, h.b)
end
if mark and not refused then call('SET', mark, table.concat(says), 'PX', MARKED) end
if refused then reply[1] = 0 end
return reply
