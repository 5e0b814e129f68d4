import type { RedisClient } from '@millrace/kernel/redis-client';

/**
 * Writes entries. KEYS: one of each entry, nothing else, so that a cluster is given them one by one and never meets two keys in a call.
 * ARGV: tombstone's life in seconds; a position below which what entries have left is certain to be done ('' for none); per entry: version and
 * data ('' deletes), where version is position (20 characters), committedAt (24) and sets (the rest, see encoding.ts): fewer, longer arguments are
 * what client and server handle fastest.
 *
 * Guarantees: an entry is written where its position is not below the stored one; positions are 20-digit texts, so text order is their order
 * (Lua's numbers could not hold them). Sorted sets have keys of their own and are not touched: the entry says in `sets` which ones hold it, and in
 * `left` which ones must not, with the position at which it left the last of them. Answers, for each entry that was written and is or was in
 * sets: its number and the sets that it must not be in, NUL between them.
 */
const entriesScript = `
local ttl, settled, answer = ARGV[1], ARGV[2], {}
local function leaving(position, before, sets, left)
  local stays, gone = {}, {}
  for set in string.gmatch(sets, '[^%z]+') do stays[set] = true end
  local function leave(set)
    if not stays[set] then
      stays[set] = true
      gone[#gone + 1] = set
    end
  end
  for set in string.gmatch(string.sub(left, 21), '[^%z]+') do leave(set) end
  local at = 1
  for part in string.gmatch(before, '[^%z]+') do
    if at > 2 then leave(part) end
    at = at + 1
  end
  return #gone == 0 and '' or position .. '\\0' .. table.concat(gone, '\\0')
end
for i = 1, #KEYS do
  local key, version, data = KEYS[i], ARGV[i * 2 + 1], ARGV[i * 2 + 2]
  local position, committed, sets = string.sub(version, 1, 20), string.sub(version, 21, 44), string.sub(version, 45)
  local old = redis.call('HMGET', key, 'position', 'sets', 'left', 'deleted')
  if not old[1] or old[1] <= position then
    local before, left = old[2] or '', old[3] or ''
    if left ~= '' and string.sub(left, 1, 20) <= settled then left = '' end
    if before ~= sets and (before ~= '' or left ~= '') then left = leaving(position, before, sets, left) end
    if data == '' then
      if old[1] then redis.call('HDEL', key, 'data', 'sets') end
      redis.call('HSET', key, 'position', position, 'committedAt', committed, 'deleted', '1')
      redis.call('EXPIRE', key, ttl)
    else
      if old[4] then
        redis.call('HDEL', key, 'deleted')
        redis.call('PERSIST', key)
      end
      if sets ~= '' then
        redis.call('HSET', key, 'position', position, 'committedAt', committed, 'data', data, 'sets', sets)
      else
        if before ~= '' then redis.call('HDEL', key, 'sets') end
        redis.call('HSET', key, 'position', position, 'committedAt', committed, 'data', data)
      end
    end
    if left ~= '' then
      if left ~= old[3] then redis.call('HSET', key, 'left', left) end
    elseif old[3] then
      redis.call('HDEL', key, 'left')
    end
    if sets ~= '' or left ~= '' then
      answer[#answer + 1] = i
      answer[#answer + 1] = string.sub(left, 22)
    end
  end
end
return answer
`;

/**
 * Which history of writes a server goes on with: another one after a replica has taken its place. '' where the server does not tell.
 */
const history = `
local info = redis.pcall('INFO', 'replication')
local history = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
`;

/**
 * Stores marks. KEYS: one hash. ARGV: history that the caller knows the entries to be in ('' for any); per mark: field, watermark text, offset
 * that the caller knows to be stored there ('' for none).
 *
 * Guarantees: it writes all or, where the server has lost what it had acknowledged (another history, or a stored offset behind the one the
 * caller knows), nothing, and answers ''. Every part of a watermark only grows. Answers the history, or '?', when written.
 */
const marksScript = `${history}
if ARGV[1] ~= '' and ARGV[1] ~= history then return '' end
for i = 2, #ARGV, 3 do
  if ARGV[i + 2] ~= '' then
    local stored = redis.call('HGET', KEYS[1], ARGV[i])
    if not stored or string.sub(stored, -20) < ARGV[i + 2] then return '' end
  end
end
for i = 2, #ARGV, 3 do
  local mark = ARGV[i + 1]
  local stored = redis.call('HGET', KEYS[1], ARGV[i])
  if stored then
    local merged = {}
    local theirs = string.gmatch(stored, '[^|]+')
    for part in string.gmatch(mark, '[^|]+') do
      local other = theirs() or ''
      merged[#merged + 1] = other > part and other or part
    end
    mark = table.concat(merged, '|')
  end
  redis.call('HSET', KEYS[1], ARGV[i], mark)
end
return history == '' and '?' or history
`;

/** Reads marks. KEYS: one hash. Answers the history, then fields and values. */
const heldScript = `${history}
local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, history)
return answer
`;

/** The scripts as commands of the client, which gives a server the text that it does not know yet or has forgotten. */
export interface RedisScripts {
  /** Number of keys, keys, arguments; flat answers: number of an entry, sets that it must not be in. */
  millraceEntries(...args: (string | number)[]): Promise<(number | string)[]>;
  /** Key, arguments. */
  millraceMarks(...args: string[]): Promise<string>;
  millraceHeld(key: string): Promise<string[]>;
}

/** The same client, which knows the scripts from now on. */
export function withScripts<C extends RedisClient>(client: C): C & RedisScripts {
  client.defineCommand('millraceEntries', { lua: entriesScript });
  client.defineCommand('millraceMarks', { lua: marksScript, numberOfKeys: 1 });
  client.defineCommand('millraceHeld', { lua: heldScript, numberOfKeys: 1 });
  return client as C & RedisScripts;
}
