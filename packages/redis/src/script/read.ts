/** `look`, `info`, `read`, `take`, `trim`, `remove`, and cursors. */
export const read = `
-- What those who wait need to know; the last is how long the queue has to live, -1 for ever.
if op == 'look' then run = function(q)
  local rest
  if clock then
    local deadline = tonumber(call('HGET', state, 'deadline'))
    rest = deadline and int(deadline - now) or '-1'
  else
    rest = int(call('PTTL', state))
  end
  return { 'ok', pad(q.tail), q.ending and '1' or '0', rest, q.id }, true
end end

if op == 'info' then run = function() return { 'ok', describe() }, true end end

-- ARGV: 3 from, 4 max, 5 maxBytes. About as many are fetched at a time as the average says will do.
if op == 'read' then run = function(q)
  local from, max, most = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
  local at
  if from == 'start' then
    at = q.head
  elseif from == 'now' then
    at = q.tail
  else
    at = sequenceOf(from)
    if not at or at > q.tail then return { 'OFFSET_INVALID', pad(q.tail) } end
    if at < q.head then return { 'OFFSET_TRIMMED', pad(q.head) } end
  end
  local found, bytes = {}, 0
  local average = math.max(1, (q.written - q.dropped) / math.max(1, q.tail - q.head))
  while #found < max and bytes < most and at < q.tail do
    local guess = math.ceil((most - bytes) / average)
    local part = entries(at, math.max(1, math.min(guess, max - #found, q.tail - at, 1000)))
    if not part then return corrupt(at) end
    for _, entry in ipairs(part) do
      if bytes >= most then break end
      found[#found + 1] = entry
      bytes = bytes + #entry[2][2]
      at = at + 1
    end
  end
  return { 'ok', found, pad(at), pad(q.tail), at == q.tail and q.ending or '' }
end end

-- Trims first: Redis lets a script that frees memory write on when memory is short.
local function forget(q, upTo, dropped)
  call('XTRIM', stream, 'MINID', int(upTo + 1))
  call('HSET', state, 'head', int(upTo), 'dropped', dropped)
end

if op == 'take' then run = function(q)
  local count = math.min(tonumber(ARGV[3]), q.tail - q.head)
  if count <= 0 then return { 'ok', {} } end
  local found = entries(q.head, count)
  if not found then return corrupt(q.head) end
  forget(q, q.head + count, found[count][2][1])
  return { 'ok', found }
end end

if op == 'trim' then run = function(q)
  local upTo = ARGV[3] == 'now' and q.tail or sequenceOf(ARGV[3])
  if not upTo or upTo > q.tail then return { 'OFFSET_INVALID', pad(q.tail) } end
  if upTo <= q.head then return { 'ok', '0' } end
  local dropped = int(q.written)
  if upTo < q.tail then
    local last = entries(upTo - 1, 1)
    if not last then return corrupt(upTo - 1) end
    dropped = last[1][2][1]
  end
  forget(q, upTo, dropped)
  return { 'ok', int(upTo - q.head) }
end end

if op == 'remove' then run = function()
  drop()
  return { 'ok' }, true
end end

if op == 'cursor' then run = function() return { 'ok', call('HGET', cursors, ARGV[3]) or '' } end end

-- ARGV: 3 group, 4 offset, 5 what is expected: nothing, or a letter and the offset (empty for none yet).
if op == 'commit' then run = function(q)
  local offset = sequenceOf(ARGV[4])
  if not offset or offset > q.tail then return { 'OFFSET_INVALID', pad(q.tail) } end
  local present = call('HGET', cursors, ARGV[3]) or ''
  if ARGV[5] ~= '' and string.sub(ARGV[5], 2) ~= present then return { 'CURSOR_CONFLICT', present } end
  call('HSET', cursors, ARGV[3], ARGV[4])
  return { 'ok' }
end end
`;
