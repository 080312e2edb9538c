-- Settles a request that was taken: frees its places, and adds to the tokens what was used beyond those
-- that were taken, or gives back the rest; as Memory does.
-- KEYS: as for take. ARGV: the time in ms, '' for the server's; the tokens that are added, less than 0 for
--   those that are given back; the id of the lease; the step, the day and the month in which it was taken; then of
--   each scope 1 where tokens of a minute are limited.
local more, lease, taken = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

local function settle(key, limited)
  local v = redis.call('HMGET', key, 'n', 'd', 'm')
  local newest = tonumber(v[1])
  if not newest then return end -- nothing of it counts any more
  if limited and more > 0 then
    add(key, 't', advance(key), more)
    keep(key, 2 * STEPS * STEP)
  elseif limited and newest - taken < STEPS then
    redis.call('HINCRBY', key, 't' .. (taken % STEPS), more)
    redis.call('HINCRBY', key, 't', more)
  end
  if v[2] == ARGV[5] then redis.call('HINCRBY', key, 'D', more) end
  if v[3] == ARGV[6] then redis.call('HINCRBY', key, 'M', more) end
end

for i = 1, #KEYS / 2 do
  redis.call('ZREM', KEYS[2 * i], lease)
  if more ~= 0 then settle(KEYS[2 * i - 1], ARGV[6 + i] == '1') end
end
return 1
