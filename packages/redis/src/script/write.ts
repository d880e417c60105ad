/** `open`, `claim`, `append` and `seal`. */
export const write = `
-- Lua compares strings by the server's locale.
local function sortsAfter(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end

local function full(q, first)
  local count = #ARGV - first + 1
  if count <= 0 then return nil end
  local would = q.tail - q.head + count
  if q.maxMessages and would > q.maxMessages then
    return { 'QUEUE_FULL', 'maxMessages', int(q.maxMessages), int(would) }
  end
  if not q.maxBytes then return nil end
  would = q.written - q.dropped
  for i = first, #ARGV do would = would + #ARGV[i] end
  if would > q.maxBytes then return { 'QUEUE_FULL', 'maxBytes', int(q.maxBytes), int(would) } end
end

local function add(q, first)
  q.time = math.max(now, q.time)
  local suffix = '-' .. int(q.time)
  for i = first, #ARGV do
    q.tail = q.tail + 1
    q.written = q.written + #ARGV[i]
    call('XADD', stream, int(q.tail) .. suffix, int(q.written), ARGV[i])
  end
end

-- ARGV: 3 whether options are given, 4 the options as text, 5 an id, 6 ttl, 7 expires, 8 maxMessages,
-- 9 maxBytes, 10 the writer that owns it, 11 ending, 12... messages; empty for what is not there.
if op == 'open' then run = function(q)
  if q then
    if ARGV[3] ~= '' and call('HGET', state, 'spec') ~= ARGV[4] then
      return { 'QUEUE_EXISTS', describe() }, true
    end
    return { 'ok', '0', describe() }
  end
  q = {
    head = 0, tail = 0, dropped = 0, written = 0, time = 0, ending = ARGV[11] ~= '' and ARGV[11],
    ttl = tonumber(ARGV[6]), expires = tonumber(ARGV[7]),
    maxMessages = tonumber(ARGV[8]), maxBytes = tonumber(ARGV[9])
  }
  local refused = full(q, 12)
  if refused then return refused, true end
  add(q, 12)
  call('HSET', state, 'id', ARGV[5], 'created', int(now), 'head', '0', 'tail', int(q.tail),
    'dropped', '0', 'written', int(q.written), 'time', int(q.time), 'spec', ARGV[4])
  for name, value in pairs({
    ttl = ARGV[6], expires = ARGV[7], maxMessages = ARGV[8], maxBytes = ARGV[9],
    writer = ARGV[10], ending = ARGV[11]
  }) do
    if value ~= '' then call('HSET', state, name, value) end
  end
  local described = describe()
  renew(q)
  -- Whoever still waits on another queue of this name is told.
  call('PUBLISH', state, 'made')
  return { 'ok', '1', described }, true
end end

-- ARGV: 3 the writer that is gone, 4 the one that takes over. Nothing if another was faster.
if op == 'claim' then run = function(q)
  if q.writer ~= ARGV[3] or q.ending then return { 'ok', '0' } end
  call('HSET', state, 'writer', ARGV[4])
  return { 'ok', '1' }
end end

-- ARGV: 3 the producer's id, 4 its epoch, 5 its sequence, 6 expect, 7 order (both with a letter before them),
-- 8 ending, 9 the writer if the queue was its own, 10... messages; empty for what is not there.
if op == 'append' then run = function(q)
  local id, epoch, number, ending = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[8]
  local last
  if id ~= '' then
    local known = call('HGET', producers, id)
    if known then
      local e, n, offset = string.match(known, '^(%d+) (%d+) (%d+)$')
      last = { epoch = tonumber(e), number = tonumber(n) }
      if epoch < last.epoch then return { 'PRODUCER_FENCED', e } end
      if epoch == last.epoch and number <= last.number then return { 'ok', offset, '1', n } end
    end
  end
  if q.ending then
    if ending ~= '' and #ARGV == 9 then
      return { 'ok', pad(q.tail), '0', last and int(last.number) or '' }
    end
    return { 'QUEUE_SEALED', q.ending, pad(q.tail) }
  end
  if ARGV[9] ~= '' and q.writer and q.writer ~= ARGV[9] then return { 'TAKEN_OVER' } end
  if id ~= '' then
    if last and epoch == last.epoch then
      if number ~= last.number + 1 then return { 'PRODUCER_GAP', int(last.number + 1) } end
    elseif number ~= 0 then
      if last then return { 'PRODUCER_EPOCH_START' } end
      return { 'PRODUCER_GAP', '0' }
    end
  end
  local expect, order = ARGV[6], ARGV[7]
  if expect ~= '' and string.sub(expect, 2) ~= pad(q.tail) then return { 'OFFSET_CONFLICT', pad(q.tail) } end
  if order ~= '' then
    order = string.sub(order, 2)
    if q.order and not sortsAfter(order, q.order) then return { 'ORDER_CONFLICT', q.order } end
  else
    order = nil
  end
  local refused = full(q, 10)
  if refused then return refused end

  -- An end takes no room to speak of. This trims nothing, but lets a script on that is short of memory.
  if #ARGV == 9 then call('XTRIM', stream, 'MINID', '0') end
  add(q, 10)
  local set = { 'tail', int(q.tail), 'written', int(q.written), 'time', int(q.time) }
  if order then
    set[#set + 1] = 'order'
    set[#set + 1] = order
  end
  if ending ~= '' then
    q.ending = ending
    set[#set + 1] = 'ending'
    set[#set + 1] = ending
  end
  call('HSET', state, unpack(set))
  local tail = pad(q.tail)
  if id ~= '' then call('HSET', producers, id, int(epoch) .. ' ' .. int(number) .. ' ' .. tail) end
  changed(q, tail)
  return { 'ok', tail, '0', id ~= '' and int(number) or '' }
end end
`;
