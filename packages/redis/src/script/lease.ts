/**
 * Leases. Of each group the hash holds how far messages have been handed out (`<group>:n`), each message that
 * was and is not acknowledged (`<group>:<sequence>`, with deliveries and their limit), and those acknowledged
 * before they were handed out (`<group>:a<sequence>`); the sorted set holds when each lease ends.
 */
export const lease = `
local function isOf(group, member)
  return #member == #group + 17 and string.sub(member, 1, #group + 1) == group .. ':'
end

local function numberOf(member) return tonumber(string.sub(member, -16)) end

-- Members of this group whose lease is over, in the order of the messages. Forgets those of trimmed messages.
local function expired(q, group)
  local found = {}
  for _, member in ipairs(call('ZRANGEBYSCORE', due, '-inf', int(now))) do
    if isOf(group, member) then
      local number = numberOf(member)
      if number > q.head then
        local deliveries, limit = string.match(call('HGET', leased, member) or '', '^(%d+) (%d+)$')
        if deliveries then
          found[#found + 1] =
            { number = number, member = member, deliveries = tonumber(deliveries), limit = tonumber(limit) }
        end
      else
        call('ZREM', due, member)
        call('HDEL', leased, member)
      end
    end
  end
  table.sort(found, function(a, b) return a.number < b.number end)
  return found
end

local function delivery(lease)
  local entry = entries(lease.number - 1, 1)
  return entry and { entry[1], int(lease.deliveries) }
end

-- ARGV: 3 group, 4 max, 5 visibilityMs, 6 maxDeliveries.
if op == 'acquire' then run = function(q)
  local group, max, visibility, limit = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  local handed, at = {}, math.max(q.head, tonumber(call('HGET', leased, group .. ':n') or 0))
  local begun = at
  for _, one in ipairs(expired(q, group)) do
    if #handed >= max then break end
    if one.deliveries < limit then
      one.deliveries = one.deliveries + 1
      handed[#handed + 1] = one
    end
  end
  local early = {}
  while #handed < max and at < q.tail do
    at = at + 1
    local field = group .. ':a' .. pad(at)
    if call('HEXISTS', leased, field) == 1 then
      early[#early + 1] = field
    else
      handed[#handed + 1] = { number = at, member = group .. ':' .. pad(at), deliveries = 1 }
    end
  end
  local reply = {}
  for i, one in ipairs(handed) do
    reply[i] = delivery(one)
    if not reply[i] then return corrupt(one.number - 1) end
  end
  if at > begun then call('HSET', leased, group .. ':n', int(at)) end
  for _, field in ipairs(early) do call('HDEL', leased, field) end
  for _, one in ipairs(handed) do
    call('HSET', leased, one.member, int(one.deliveries) .. ' ' .. int(limit))
    call('ZADD', due, int(now + visibility), one.member)
  end
  return { 'ok', reply }
end end

-- ARGV: 3 group, 4... offsets.
if op == 'acknowledge' then run = function(q)
  local at = tonumber(call('HGET', leased, ARGV[3] .. ':n') or 0)
  for i = 4, #ARGV do
    local number = sequenceOf(ARGV[i])
    local member = ARGV[3] .. ':' .. ARGV[i]
    if number and number <= at then
      call('HDEL', leased, member)
      call('ZREM', due, member)
    elseif number and number > q.head and number <= q.tail then
      call('HSET', leased, ARGV[3] .. ':a' .. ARGV[i], '1')
    end
  end
  return { 'ok' }
end end

if op == 'release' then run = function(q)
  for i = 4, #ARGV do
    if sequenceOf(ARGV[i]) then call('ZADD', due, 'XX', '0', ARGV[3] .. ':' .. ARGV[i]) end
  end
  -- Another consumer may have it now, wherever it waits.
  call('PUBLISH', state, 'released')
  return { 'ok' }
end end

if op == 'dead' then run = function(q)
  local reply = {}
  for _, one in ipairs(expired(q, ARGV[3])) do
    if one.deliveries >= one.limit then
      reply[#reply + 1] = delivery(one)
      if not reply[#reply] then return corrupt(one.number - 1) end
    end
  end
  return { 'ok', reply }
end end

-- Of a message that was trimmed nobody waits for the lease to end.
if op == 'nextExpiry' then run = function(q)
  local group, at = ARGV[3], 0
  while true do
    local page = call('ZRANGEBYSCORE', due, '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', int(at), '100')
    if #page == 0 then return { 'ok', '' } end
    for i = 1, #page, 2 do
      local member = page[i]
      if isOf(group, member) and numberOf(member) > q.head then
        return { 'ok', int(tonumber(page[i + 1])) }
      end
    end
    at = at + 100
  end
end end
`;
