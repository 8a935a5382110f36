//! Every change of what a namespace holds, in Lua: Redis runs a script as one step.
//!
//! `KEYS[1]` is always the index, `KEYS[2]` the expiries, and from `KEYS[3]` on follow values, all as in
//! [`Names`](crate::names::Names). The first line of a script is for Redis: a script without `allow-oom` is refused as a
//! whole when memory has run out, instead of failing in its middle.

use std::sync::LazyLock;

/// A script and what Redis calls it.
#[derive(Debug)]
pub(crate) struct Script {
    /// For EVAL.
    pub(crate) text: String,
    /// For EVALSHA.
    pub(crate) hash: String,
    /// Whether a run whose answer is lost may have changed something that can be seen.
    pub(crate) writes: bool,
}

impl Script {
    fn new(writes: bool, parts: &[&str]) -> Self {
        let text = parts.concat();
        Self { hash: redis::Script::new(&text).get_hash().to_owned(), text, writes }
    }
}

/// What may be refused when memory has run out.
const GROWS: &str = "#!lua\n";
/// What must go on when memory has run out.
const SHRINKS: &str = "#!lua flags=allow-oom\n";

/// `purge(most)` takes up to `most` keys that have expired out of both sets, and answers whether that was all of them.
///
/// Redis lets keys expire by itself, but says so to nobody. Only what is really gone is taken out: within a script the
/// time stands still for expiry, while TIME may go on.
const PURGE: &str = r"
local function purge(most)
  local time = redis.call('TIME')
  local now = string.format('(%d%03d', time[1], math.floor(time[2] / 1000))
  local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, most)
  for _, value in ipairs(expired) do
    if redis.call('EXISTS', value) == 0 then
      redis.call('ZREM', KEYS[1], value)
      redis.call('ZREM', KEYS[2], value)
    end
  end
  return #expired < most
end
";

/// The value `KEYS[i]` becomes `ARGV[i - 2]`, without a TTL, or is removed where there is no such argument. Answers for
/// each value that is removed whether it was there.
const APPLY: &str = r"
local existed = {}
for i = 3, #KEYS do
  local value = ARGV[i - 2]
  if value then
    redis.call('SET', KEYS[i], value)
    redis.call('ZADD', KEYS[1], 0, KEYS[i])
  else
    existed[#existed + 1] = redis.call('UNLINK', KEYS[i])
    redis.call('ZREM', KEYS[1], KEYS[i])
  end
  redis.call('ZREM', KEYS[2], KEYS[i])
end
return existed
";

/// Sets some values and removes others; see [`APPLY`].
pub(crate) static STORE: LazyLock<Script> = LazyLock::new(|| Script::new(true, &[GROWS, APPLY]));

/// [`STORE`] for removals alone, which goes on when memory has run out.
pub(crate) static REMOVE: LazyLock<Script> = LazyLock::new(|| Script::new(true, &[SHRINKS, APPLY]));

/// The value `KEYS[3]` becomes `ARGV[1]` for `ARGV[2]` milliseconds. What has expired goes a few at a time, so that a
/// namespace that nobody lists does not grow for ever.
pub(crate) static STORE_FOR: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[1], 0, KEYS[3])
redis.call('ZADD', KEYS[2], redis.call('PEXPIRETIME', KEYS[3]), KEYS[3])
purge(16)
";
    Script::new(true, &[GROWS, PURGE, BODY])
});

/// The value `KEYS[3]` stays for `ARGV[1]` milliseconds; answers whether it is there.
pub(crate) static EXPIRE: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
if redis.call('PEXPIRE', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], redis.call('PEXPIRETIME', KEYS[3]), KEYS[3])
purge(16)
return 1
";
    Script::new(true, &[GROWS, PURGE, BODY])
});

/// The value `KEYS[3]` loses its TTL; answers whether it had one.
pub(crate) static PERSIST: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
if redis.call('PERSIST', KEYS[3]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], KEYS[3])
return 1
";
    Script::new(true, &[SHRINKS, BODY])
});

/// The value `KEYS[3]` becomes `ARGV[1]` and keeps its TTL if it is `ARGV[2]`, or if it is not there and there is no
/// such argument; answers whether it did.
pub(crate) static SWAP: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
local current = redis.call('GET', KEYS[3])
if ARGV[2] then
  if current ~= ARGV[2] then return 0 end
  redis.call('SET', KEYS[3], ARGV[1], 'KEEPTTL')
else
  if current then return 0 end
  redis.call('SET', KEYS[3], ARGV[1])
  redis.call('ZADD', KEYS[1], 0, KEYS[3])
  redis.call('ZREM', KEYS[2], KEYS[3])
end
return 1
";
    Script::new(true, &[GROWS, BODY])
});

/// The value `KEYS[3]` is removed if it is `ARGV[1]`; answers whether it was.
pub(crate) static REMOVE_IF: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[3])
redis.call('ZREM', KEYS[1], KEYS[3])
redis.call('ZREM', KEYS[2], KEYS[3])
return 1
";
    Script::new(true, &[SHRINKS, BODY])
});

/// Adds `ARGV[1]` to the number `KEYS[3]`; answers the sum, or what keeps it from being one. The sum is read back as
/// text, because numbers in Lua are doubles.
pub(crate) static INCREMENT: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
local sum = redis.pcall('INCRBY', KEYS[3], ARGV[1])
if type(sum) == 'table' then
  if string.find(sum.err, 'would overflow', 1, true) then return 'overflow' end
  if string.find(sum.err, 'is not an integer', 1, true) then return 'not a number' end
  return sum
end
redis.call('ZADD', KEYS[1], 0, KEYS[3])
if redis.call('PTTL', KEYS[3]) == -1 then redis.call('ZREM', KEYS[2], KEYS[3]) end
return redis.call('GET', KEYS[3])
";
    Script::new(true, &[GROWS, BODY])
});

/// The values from `KEYS[3]` on, in their order; nothing where they are larger together than `ARGV[1]` bytes.
pub(crate) static FETCH: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
local values, bytes = {}, 0
for i = 3, #KEYS do
  bytes = bytes + redis.call('STRLEN', KEYS[i])
  if bytes > tonumber(ARGV[1]) then return false end
  values[i - 2] = redis.call('GET', KEYS[i])
end
return values
";
    Script::new(false, &["#!lua flags=no-writes\n", BODY])
});

/// A page of the index between `ARGV[1]` and `ARGV[2]`, bounds as of ZRANGEBYLEX, of at most `ARGV[3]` keys. Where there
/// is an `ARGV[4]`, values come along, and the page ends before it is larger than that, unless one value alone is.
/// Answers the last key of the page, empty when there is nothing after it; the keys; the values. Answers nothing when it
/// is to be asked again, because much has expired.
pub(crate) static LIST: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
if not purge(1000) then return false end
local most, room = tonumber(ARGV[3]), tonumber(ARGV[4])
local found = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, most + 1)
local last, keys, values, bytes = '', {}, {}, 0
for i, key in ipairs(found) do
  if i > most then return {last, keys, values} end
  if room then
    local value = redis.call('GET', key)
    if value then
      bytes = bytes + #key + #value
      if bytes > room and #keys > 0 then return {last, keys, values} end
      keys[#keys + 1] = key
      values[#values + 1] = value
    end
  else
    keys[i] = key
  end
  last = key
end
return {'', keys, values}
";
    Script::new(false, &[SHRINKS, PURGE, BODY])
});

/// How many keys of the index are between `ARGV[1]` and `ARGV[2]`, bounds as of ZLEXCOUNT. Answers nothing when it is to
/// be asked again, because much has expired.
pub(crate) static COUNT: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
if not purge(1000) then return false end
return redis.call('ZLEXCOUNT', KEYS[1], ARGV[1], ARGV[2])
";
    Script::new(false, &[SHRINKS, PURGE, BODY])
});

/// Removes up to `ARGV[1]` values of the namespace, and with the last of them all else, `KEYS[3]` included. Answers
/// whether there is more.
pub(crate) static CLEAR: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
local values = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
for _, value in ipairs(values) do redis.call('UNLINK', value) end
if #values == tonumber(ARGV[1]) then
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, ARGV[1] - 1)
  return 1
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
return 0
";
    Script::new(true, &[SHRINKS, BODY])
});

/// Tells the subscription `ARGV[2]` on the channel `ARGV[1]` to end; answers whether it was in force. `KEYS[3]` remembers
/// for a minute which ones were told, because the connection of one that was takes a moment to go away.
pub(crate) static UNSUBSCRIBE: LazyLock<Script> = LazyLock::new(|| {
    const BODY: &str = r"
if redis.call('PUBLISH', ARGV[1], '') == 0 then return 0 end
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - 60)
local first = redis.call('ZADD', KEYS[3], 'NX', now, ARGV[2])
redis.call('EXPIRE', KEYS[3], 120)
return first
";
    Script::new(true, &[SHRINKS, BODY])
});
