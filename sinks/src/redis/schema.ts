/**
 * The one script that writes. KEYS: `entries` keys of entries, then one watermark hash per mark.
 * ARGV: number of entries, tombstone's life in seconds, number of marks;
 * per entry: version and data ('' deletes), where version is position (20 characters), committedAt (24) and sets (the rest, see encoding.ts):
 * fewer, longer arguments are what client and server handle fastest;
 * per mark: partition, watermark text, offset that the caller knows to be stored ('' for none).
 *
 * Guarantees: it writes all or, where a stored offset is behind the one the caller knows (the store lost what it had acknowledged), nothing,
 * and answers that mark's number. An entry is written where its position is not below the stored one; positions are 20-digit texts, so
 * text order is their order (Lua's numbers could not hold them). An entry is in exactly the sorted sets of its stored version. Every part
 * of a watermark only grows. Answers 0 when written.
 *
 * It derives the keys of sorted sets from the entries, so it needs a server that is no cluster, or one shard.
 */
export const applyScript = `
local n, ttl, m = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local base = 3 + n * 2
for i = 1, m do
  local known = ARGV[base + i * 3]
  if known ~= '' then
    local stored = redis.call('HGET', KEYS[n + i], ARGV[base + i * 3 - 2])
    if not stored or string.sub(stored, -20) < known then return i end
  end
end
local function memberships(text, visit)
  local score, member, at = nil, nil, 1
  for part in string.gmatch(text, '[^%z]+') do
    if at == 1 then score = part elseif at == 2 then member = part else visit(part, score, member) end
    at = at + 1
  end
end
local function leave(set, _, member) redis.call('ZREM', set, member) end
local function join(set, score, member) redis.call('ZADD', set, score, member) end
for i = 1, n do
  local key, version, data = KEYS[i], ARGV[i * 2 + 2], ARGV[i * 2 + 3]
  local position, committed, sets = string.sub(version, 1, 20), string.sub(version, 21, 44), string.sub(version, 45)
  local old = redis.call('HMGET', key, 'position', 'sets', 'deleted')
  if not old[1] or old[1] <= position then
    local before = old[2] or ''
    if before ~= sets and before ~= '' then memberships(before, leave) end
    if data == '' then
      if old[1] then redis.call('HDEL', key, 'data', 'sets') end
      redis.call('HSET', key, 'position', position, 'committedAt', committed, 'deleted', '1')
      redis.call('EXPIRE', key, ttl)
    else
      if old[3] then
        redis.call('HDEL', key, 'deleted')
        redis.call('PERSIST', key)
      end
      if sets ~= '' then
        redis.call('HSET', key, 'position', position, 'committedAt', committed, 'data', data, 'sets', sets)
        memberships(sets, join)
      else
        if before ~= '' then redis.call('HDEL', key, 'sets') end
        redis.call('HSET', key, 'position', position, 'committedAt', committed, 'data', data)
      end
    end
  end
end
for i = 1, m do
  local key, a = KEYS[n + i], base + i * 3
  local partition, mark = ARGV[a - 2], ARGV[a - 1]
  local stored = redis.call('HGET', key, partition)
  if stored then
    local merged = {}
    local theirs = string.gmatch(stored, '[^|]+')
    for part in string.gmatch(mark, '[^|]+') do
      local other = theirs() or ''
      merged[#merged + 1] = other > part and other or part
    end
    mark = table.concat(merged, '|')
  end
  redis.call('HSET', key, partition, mark)
end
return 0
`;
