/**
 * What all operations have in common. KEYS are the six keys of one queue, see keys.ts; ARGV[1] names the
 * operation, ARGV[2] is the time if the store has a clock of its own (else the server's time counts).
 *
 * A script is atomic, but what it wrote before an error stays. So nothing may fail after the first write: all
 * is checked before, and the first write is one that Redis refuses when memory is short, where there is one
 * (once a script has written, Redis lets it finish).
 *
 * A message is the stream entry `<sequence>-<time>`, with one field whose name is the number of payload bytes
 * in the queue's life up to and including it: so what a trim frees is known without reading it all.
 */
export const common = `
local op, clock = ARGV[1], tonumber(ARGV[2])
local state, stream, producers, cursors, leased, due = unpack(KEYS)
local call = redis.call
local run

-- Numbers as Lua prints them lose digits from 15 on.
local function int(n) return string.format('%.0f', n) end
local function pad(n) return string.format('%016.0f', n) end

local function sequenceOf(offset)
  if #offset ~= 16 or string.find(offset, '%D') then return nil end
  return tonumber(offset)
end

local now = clock
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function drop()
  call('UNLINK', unpack(KEYS))
  call('PUBLISH', state, 'gone')
end

local function load()
  local f = call('HMGET', state, 'id', 'head', 'tail', 'dropped', 'written', 'time', 'ending', 'ttl',
    'expires', 'maxMessages', 'maxBytes', 'order', 'writer', 'deadline')
  if not f[1] then return nil end
  -- Kept only for a clock of the store's own; else the key itself expires.
  if clock and f[14] and tonumber(f[14]) <= now then
    drop()
    return nil
  end
  return {
    id = f[1], head = tonumber(f[2]), tail = tonumber(f[3]),
    dropped = tonumber(f[4]), written = tonumber(f[5]), time = tonumber(f[6]),
    ending = f[7], ttl = tonumber(f[8]), expires = tonumber(f[9]),
    maxMessages = tonumber(f[10]), maxBytes = tonumber(f[11]),
    order = f[12], writer = f[13]
  }
end

-- All keys of a queue expire together. Under a clock of the store's own, Redis' comes an hour later.
local function renew(q)
  local at = q.ttl and now + q.ttl or q.expires
  if not at then return end
  if clock then
    call('HSET', state, 'deadline', int(at))
    at = at + 3600000
  end
  for i = 1, #KEYS do call('PEXPIREAT', KEYS[i], int(at)) end
end

-- Those who wait are told where the queue ends now, and whether for good. All databases of a server share
-- their channels, so the queue's id tells whether it is theirs.
local function changed(q, tail)
  call('PUBLISH', state, tail .. ' ' .. q.id .. (q.ending and ' sealed' or ''))
end

local function describe()
  return call('HMGET', state, 'id', 'created', 'head', 'tail', 'dropped', 'written', 'ending', 'spec', 'writer')
end
`;

/** For those that read messages. */
export const stored = `
-- The first messages after a position, at most so many, all there is of them; nil if the stream lacks some.
local function entries(after, count)
  local found = call('XRANGE', stream, int(after + 1), '+', 'COUNT', int(count))
  if #found < count then return nil end
  if string.match(found[1][1], '^%d+') ~= int(after + 1) then return nil end
  return found
end

local function corrupt(after) return { 'CORRUPT', pad(after) } end
`;
