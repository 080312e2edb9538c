-- Settles a request that was taken: frees its places, and adds to the tokens what was used beyond those
-- that were taken, or gives back the rest; as Memory does. Only where it took anything is anything corrected.
-- KEYS: as for take. ARGV: the time in ms, '' for the server's; the tokens that were taken, and those that were used;
--   the id of the lease; what the mark says, '' where nobody knows whether this was done before: then the mark tells;
--   then of each scope 1 where it took a place, 1 where tokens of a minute, and 1 where of a day or a month.
local tokens, actual, lease, says = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local more = actual - tokens
local day, month

-- give_back gives what was not used back to the step in which it was taken, if that counts still.
local function give_back(h, taken)
  if taken == h.n then
    local n = math.min(-more, h.tn)
    h.t, h.tn = h.t - n, h.tn - n
    return
  end
  if taken > h.n or h.n - taken >= STEPS or h.t == h.tn then return end
  local at = place(taken % STEPS)
  local r, t = unpack(SLOT, call('GETRANGE', h.key, at, at + SLOT_SIZE - 1))
  local n = math.min(-more, t)
  h.t = h.t - n
  call('SETRANGE', h.key, at, pack(SLOT, r, t - n))
end

-- corrected is what was used of a day or a month, and what of it is held. A count that has begun anew holds nothing of
-- what was taken, nor does the use that it began with: to that all is added.
local function corrected(h, used, held, life)
  if h.b ~= life then return used + actual, held end
  return math.max(0, used + more), math.max(0, held - tokens)
end

-- correct corrects those in which was taken, or to which a clock that went back has taken that.
local function correct(h, life)
  if h.d > 0 and h.d <= day then h.D, h.dh = corrected(h, h.D, h.dh, life) end
  if h.m > 0 and h.m <= month then h.M, h.mh = corrected(h, h.M, h.mh, life) end
end

local function settle(key, minute, quota, step, life)
  local h = load(key)
  if minute and more > 0 then
    advance(h)
    h.t, h.tn, h.tu = h.t + more, h.tn + more, h.n
  elseif minute then
    give_back(h, step)
  end
  if quota then correct(h, life) end
  if h.n == 0 then return end -- it was lost, and has not begun anew
  if more > 0 then save(h) else call('SETRANGE', key, '0', head(h)) end
end

if says == '' then
  says = call('GET', mark) or ''
  if says == '' then
    call('SET', mark, '', 'PX', MARKED) -- should it still be under way, it will take nothing
    return 0
  end
end
if mark then call('DEL', mark) end
day, month = unpack(SAID, says)
if more > 0 then look() end
for i = 1, (#ARGV - 5) / 3 do
  local place, minute, quota = ARGV[3 + 3 * i] == '1', ARGV[4 + 3 * i] == '1' and more ~= 0, ARGV[5 + 3 * i] == '1'
  if place then call('ZREM', KEYS[2 * i], lease) end
  if minute or quota then settle(KEYS[2 * i - 1], minute, quota, unpack(SAID, says, 1 + 16 * i)) end
end
return 1
