-- What both scripts do. What a scope has used is a string of numbers: a head, which is all that most requests read and
-- write, and behind it what each step before the newest holds, step s in slot s modulo STEPS. Where the head has nothing
-- in the steps before, there may be no slots yet, or what they hold is old.
local call, pack, unpack, floor = redis.call, struct.pack, struct.unpack, math.floor
local STEP, STEPS = 500, 121
local HEAD, HEAD_SIZE, HEAD_END = '<dddddddddddddddd', 128, '127'
local SLOT, SLOT_SIZE = '<I3d', 11 -- requests, of which Redis cannot be asked for so many in a minute; and tokens

-- For how long a scope is kept, in ms: for its windows, though the clock be put back by one; for its day and month. So
-- that this need not be said to Redis each time, it is kept for SPARE longer.
local MINUTE, QUOTA, SPARE = 2 * STEPS * STEP, 32 * 86400000, 10000

-- The time: in µs by the server's clock, in ms by the one that counts, and its step.
local micros, now, present
local function look()
  local t = call('TIME')
  micros = t[1] * 1000000 + t[2]
  now = tonumber(ARGV[1]) or floor(micros / 1000)
  present = floor(now / STEP)
end

-- load reads the head of a scope:
--   n, the newest step; till, when the key expires, in ms;
--   of requests and of tokens: r and t, those of all steps; rn and tn, those of the newest; ru and tu, the last steps in
--   which any were taken;
--   of the day and of the month: d and m, which it is; D and M, what was used; dh and mh, what of that is held by
--   requests that are not settled;
--   s, since when the limits were those with which it was asked what was used before, -1 for never;
--   b, the life of the count of days and months: when it began, in µs; one that is lost, and begins anew, is another.
local function load(key)
  local s = call('GETRANGE', key, '0', HEAD_END)
  if s == '' then s = pack(HEAD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 0) end
  local n, till, r, rn, ru, t, tn, tu, d, D, dh, m, M, mh, since, b = unpack(HEAD, s)
  return {
    key = key, n = n, till = till, r = r, rn = rn, ru = ru, t = t, tn = tn, tu = tu,
    d = d, D = D, dh = dh, m = m, M = M, mh = mh, s = since, b = b,
  }
end

local function head(h)
  return pack(HEAD, h.n, h.till, h.r, h.rn, h.ru, h.t, h.tn, h.tu, h.d, h.D, h.dh, h.m, h.M, h.mh, h.s, h.b)
end

-- save writes a scope whose windows have come to the present.
local function save(h)
  local left, life = h.till - now, h.b > 0 and QUOTA or MINUTE
  local expires = left < life or left > life + SPARE
  if expires then
    left = life + SPARE
    h.till = now + left
  end
  if h.slots then
    call('SET', h.key, head(h) .. h.slots, 'PX', left)
    return
  end
  call('SETRANGE', h.key, '0', head(h))
  if expires then call('PEXPIRE', h.key, left) end
end

local function place(slot) return HEAD_SIZE + slot * SLOT_SIZE end

local function empty(n) return string.rep('\0', n * SLOT_SIZE) end

-- slots_of reads the slots of n steps; after the last slot comes the first.
local function slots_of(key, from, n)
  local slot = from % STEPS
  local first = math.min(n, STEPS - slot)
  local s = call('GETRANGE', key, place(slot), place(slot + first) - 1)
  if first == n then return s end
  return s .. call('GETRANGE', key, HEAD_SIZE, place(n - first) - 1)
end

local function write_slots(key, from, s)
  local slot = from % STEPS
  local first = (STEPS - slot) * SLOT_SIZE
  call('SETRANGE', key, place(slot), string.sub(s, 1, first))
  if #s > first then call('SETRANGE', key, HEAD_SIZE, string.sub(s, first + 1)) end
end

-- pass has the newest step be one of those before, and takes out the steps that leave, as many as have begun.
local function pass(h, begun)
  local newest = pack(SLOT, h.rn, h.tn)
  if h.r == h.rn and h.t == h.tn then
    local slot = h.n % STEPS
    h.slots = empty(slot) .. newest .. empty(STEPS - 1 - slot)
    return
  end
  local gone = slots_of(h.key, h.n + 1, begun)
  for at = 1, #gone, SLOT_SIZE do
    local r, t = unpack(SLOT, gone, at)
    h.r, h.t = h.r - r, h.t - t
  end
  write_slots(h.key, h.n, newest .. empty(begun - 1))
end

-- advance moves the windows of a scope on to the present step. While the clock is a little behind that which they have
-- come to, they stay. Where it is far behind, all that they hold counts from the present step on: it would be held
-- against the caller until the clock has come there again.
local function advance(h)
  local begun = present - h.n
  if begun <= 0 and begun > -STEPS then return end
  if begun < 0 then
    h.rn, h.ru, h.tn, h.tu = h.r, present, h.t, present
  else
    if begun >= STEPS then
      h.r, h.t = 0, 0
    elseif h.r > 0 or h.t > 0 then
      pass(h, begun)
    end
    h.rn, h.tn = 0, 0
  end
  h.n, h.changed = present, true
end

-- Where a request takes from a quota, whose mark says so until it is settled, the keys are one more than two a scope.
-- A mark is the numbers of the day and the month in which was taken, and of each scope those of the step and the life of
-- its count; nothing, where the request was given up before it was seen here.
local mark = #KEYS % 2 == 1 and KEYS[#KEYS]
local MARKED, SAID = '600000', '<dd'
