/**
 * What Redis does in one step. Names and ends of values are in a sorted set, their sizes in a hash,
 * with their sum under the empty name; a name whose end has passed is taken off both when the next
 * value is put. Where a server that is short of memory has thrown one of the two away, the count
 * begins anew.
 */

/** Keys: value, claim, ends, sizes. Arguments: claim, value, ttl, size, most, name, prefix. */
export const putScript = `
if redis.call("GET", KEYS[2]) ~= ARGV[1] then return 0 end
redis.call("DEL", KEYS[2])
if tonumber(ARGV[4]) > tonumber(ARGV[5]) then return 0 end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function off(name)
  local size = redis.call("HGET", KEYS[4], name)
  redis.call("ZREM", KEYS[3], name)
  if size then
    redis.call("HDEL", KEYS[4], name)
    redis.call("HINCRBY", KEYS[4], "", -size)
  end
end
off(ARGV[6])
for _, name in ipairs(redis.call("ZRANGEBYSCORE", KEYS[3], "-inf", now, "LIMIT", 0, 100)) do
  off(name)
end
redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
redis.call("ZADD", KEYS[3], now + ARGV[3], ARGV[6])
redis.call("HSET", KEYS[4], ARGV[6], ARGV[4])
local bytes = redis.call("HINCRBY", KEYS[4], "", ARGV[4])
while bytes > tonumber(ARGV[5]) do
  local first = redis.call("ZRANGE", KEYS[3], 0, 1)
  local name = first[1]
  if name == ARGV[6] then name = first[2] end
  if not name then
    redis.call("DEL", KEYS[4])
    break
  end
  redis.call("DEL", ARGV[7] .. name)
  off(name)
  bytes = tonumber(redis.call("HGET", KEYS[4], ""))
end
return 1`

/** Keys: claim. Arguments: claim. */
export const releaseScript = `
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0`

/** Keys: value, claim, ends, sizes. Arguments: name. */
export const dropScript = `
redis.call("DEL", KEYS[1], KEYS[2])
local size = redis.call("HGET", KEYS[4], ARGV[1])
redis.call("ZREM", KEYS[3], ARGV[1])
if size then
  redis.call("HDEL", KEYS[4], ARGV[1])
  redis.call("HINCRBY", KEYS[4], "", -size)
end
return 1`
