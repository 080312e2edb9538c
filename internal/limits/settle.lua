-- Settles a request that was taken: frees its places, and adds to the tokens what was used beyond those
-- that were taken, or gives back the rest; as Memory does. Only where it took anything is anything corrected.
-- KEYS: as for take. ARGV: the time in ms, '' for the server's; the tokens that were taken, and those that were used;
--   the id of the lease; what the mark says, '' where nobody knows whether this was done before: then the mark tells;
--   then of each scope 1 where it took tokens of a minute, and 1 where of a day or a month.
local tokens, actual, lease, says = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local more = actual - tokens

-- correct adds to a day or a month, if it is still the one in which was taken, or a clock that went back has taken
-- that to an earlier one. A count that has begun anew holds nothing of what was taken, nor does the use that it began
-- with: to that all is added.
local function correct(key, period, used, taken, life)
  local held = period .. 'h'
  local v = redis.call('HMGET', key, period, used, held, 'b')
  if not v[1] or tonumber(v[1]) > taken then return end
  if tonumber(v[4]) ~= life then
    redis.call('HSET', key, used, tonumber(v[2]) + actual)
    return
  end
  redis.call('HSET', key, used, math.max(0, tonumber(v[2]) + more), held, math.max(0, tonumber(v[3]) - tokens))
end

local function give_back(key, taken)
  local slot = 't' .. (taken % STEPS)
  local v = redis.call('HMGET', key, 'n', slot)
  local newest, holds = tonumber(v[1]), tonumber(v[2])
  if not newest or not holds or taken > newest or newest - taken >= STEPS then return end -- it counts no more
  local n = math.min(-more, holds)
  redis.call('HINCRBY', key, slot, -n)
  redis.call('HINCRBY', key, 't', -n)
end

local function settle(i, day, month, step, life)
  local key, minute, quota = KEYS[2 * i - 1], ARGV[4 + 2 * i] == '1', ARGV[5 + 2 * i] == '1'
  if minute and more > 0 then
    add(key, 't', advance(key), more)
    keep(key, 2 * STEPS * STEP)
  elseif minute and more < 0 then
    give_back(key, step)
  end
  if quota then
    correct(key, 'd', 'D', day, life)
    correct(key, 'm', 'M', month, life)
  end
end

if says == '' then
  says = redis.call('GET', mark) or ''
  if says == '' then
    redis.call('SET', mark, '', 'PX', MARKED) -- should it still be under way, it will take nothing
    return 0
  end
end
if mark then redis.call('DEL', mark) end
local taken = {}
for n in string.gmatch(says, '%d+') do taken[#taken + 1] = tonumber(n) end
for i = 1, (#ARGV - 5) / 2 do
  redis.call('ZREM', KEYS[2 * i], lease)
  settle(i, taken[1], taken[2], taken[1 + 2 * i], taken[2 + 2 * i])
end
return 1
