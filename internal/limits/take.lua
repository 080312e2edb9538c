-- Takes one request and some tokens from all scopes, or nothing from any; as Memory does.
-- KEYS: of each scope a string (window, day, month), and a sorted set (leases); then the mark, if there is one.
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

-- begin reads a scope, what of it is limited (max), and what was used before it is known here.
local function begin(key, limits)
  local h = load(key)
  h.max_r, h.max_t, h.max_parallel, h.max_d, h.max_m, h.before_d, h.before_m, h.since = unpack(LIMITS, limits)
  h.quota = h.max_d > 0 or h.max_m > 0
  return h
end

-- calendar has a scope count the present day and month. A clock that went back takes along what was used. A scope begins
-- with its use before, once for the limits since then: what was counted meanwhile is most likely part of that; what is
-- held by requests that run is not.
local function calendar(h)
  if h.d < day then h.D, h.dh = 0, 0 end
  if h.m < month then h.M, h.mh = 0, 0 end
  h.d, h.m = day, month
  if h.s < h.since and h.before_d >= 0 then
    h.D = math.max(h.D - h.dh, h.before_d) + h.dh
    h.M = math.max(h.M - h.mh, h.before_m) + h.mh
    h.s, h.changed = h.since, true
  end
  if h.b == 0 and h.quota then h.b = micros end
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
local function count(running, h)
  local places = call('ZCARD', running)
  if places < h.max_parallel and not h.changed then return places end
  call('ZREMRANGEBYSCORE', running, '-inf', now)
  return call('ZCARD', running)
end

-- refuses reports whether a scope refuses the request, and how long it takes until it fits into each window.
local function refuses(h, running)
  local r_over, t_over, r_wait, t_wait = h.r + 1 - h.max_r, h.t + tokens - h.max_t, 0, 0
  local refused = tokens > 0 and (h.max_d > 0 and h.D + tokens > h.max_d or h.max_m > 0 and h.M + tokens > h.max_m)
  if h.max_r > 0 and r_over > 0 then
    refused, r_wait = true, wait(h, r_over, h.r - h.rn, 1)
  end
  if h.max_t > 0 and t_over > 0 then
    refused, t_wait = refused or tokens > 0, wait(h, t_over, h.t - h.tn, 2)
  end
  if h.max_parallel > 0 then
    h.places = count(running, h)
    refused = refused or h.places >= h.max_parallel
  end
  return refused, r_wait, t_wait
end

local scopes = {}
for i = 1, #ARGV - 4 do
  local h = begin(KEYS[2 * i - 1], ARGV[4 + i])
  if h.s < h.since and h.before_d == -1 then return {2, now} end
  scopes[i] = h
end

local says, reply, refused, n = {pack(SAID, day, month)}, {1, now, day, month}, false, 4
for i, h in ipairs(scopes) do
  advance(h)
  calendar(h)
  local refuses_it, r_wait, t_wait = refuses(h, KEYS[2 * i])
  refused = refused or refuses_it
  says[i + 1] = pack(SAID, h.n, h.b)
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = h.n, h.r, r_wait, h.r > 0 and leaves(h.ru) or 0
  reply[n + 5], reply[n + 6], reply[n + 7] = h.t, t_wait, h.t > 0 and leaves(h.tu) or 0
  reply[n + 8], reply[n + 9], reply[n + 10], reply[n + 11] = h.places or 0, h.D, h.M, h.b
  n = n + 11
end

-- take takes from a scope. The set of leases is gone with the last of them; one that begins anew has no time to live.
local function take(h, running)
  if h.max_r > 0 then h.r, h.rn, h.ru = h.r + 1, h.rn + 1, h.n end
  if h.max_t > 0 and tokens > 0 then h.t, h.tn, h.tu = h.t + tokens, h.tn + tokens, h.n end
  if h.quota then h.D, h.dh, h.M, h.mh = h.D + tokens, h.dh + tokens, h.M + tokens, h.mh + tokens end
  if h.max_parallel > 0 then
    call('ZADD', running, string.format('%.0f', now + holds), lease)
    if h.places == 0 or h.changed then call('PEXPIRE', running, holds + STEPS * STEP) end
  end
end

for i, h in ipairs(scopes) do
  if not refused then take(h, KEYS[2 * i]) end
  if not refused or h.changed then save(h) end
end
if refused then
  reply[1] = 0
elseif mark then
  call('SET', mark, table.concat(says), 'PX', MARKED)
end
return reply
