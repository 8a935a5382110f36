//! What keys and channels are called in Redis.
//!
//! Everything of a namespace starts with `prism:{namespace}:`. A namespace has no `}`, so that no two can be confused;
//! in a cluster, the braces keep what belongs together on one node. What follows says what it is, so that kinds never
//! collide. Names of keys and topics stand at the end as they are, because Redis takes any bytes.

use prism_interfaces::Namespace;

/// The names of one namespace.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(namespace: &Namespace) -> Self {
        Self { prefix: format!("prism:{{{namespace}}}:") }
    }

    /// The sorted set of every [`Names::value`] there is, all with score 0 and so in the order of their bytes. What
    /// has expired stays in it until the next look at [`Names::expiries`].
    pub(crate) fn index(&self) -> String {
        self.prefix.clone() + "index"
    }

    /// The sorted set of the [`Names::value`]s that expire, by the time in milliseconds at which they do.
    pub(crate) fn expiries(&self) -> String {
        self.prefix.clone() + "expiries"
    }

    /// The sorted set of the subscriptions that were ended in the last minute, by the time in seconds.
    pub(crate) fn ended(&self) -> String {
        self.prefix.clone() + "ended"
    }

    /// The value of a key.
    pub(crate) fn value(&self, key: &str) -> String {
        format!("{}kv:{key}", self.prefix)
    }

    /// The key of a [`Names::value`], or nothing where it is none of this namespace.
    pub(crate) fn key(&self, value: &[u8]) -> Option<String> {
        let key = value.strip_prefix(self.value("").as_bytes())?;
        String::from_utf8(key.to_vec()).ok()
    }

    /// The channel of a topic. Channels are the same in all databases of a server, keys are not, hence its number.
    pub(crate) fn channel(&self, database: i64, topic: &str) -> String {
        format!("{}ps:{database}:{topic}", self.prefix)
    }

    /// The channel on which a subscription is told to end.
    pub(crate) fn control(&self, database: i64, subscription: &str) -> String {
        format!("{}unsub:{database}:{subscription}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn names(namespace: &str) -> Names {
        Names::new(&Namespace::new(namespace).unwrap())
    }

    #[test]
    fn no_two_things_share_a_name() {
        let mut seen = HashSet::new();
        for namespace in ["a", "a-", "b"] {
            let names = names(namespace);
            seen.extend([names.index(), names.expiries(), names.ended()]);
            for name in ["index", ":", "}:kv:", "0:x", "x"] {
                seen.extend([names.value(name), names.channel(0, name), names.channel(1, name)]);
                seen.insert(names.control(0, name));
            }
        }
        assert_eq!(seen.len(), 3 * (3 + 5 * 4));
    }

    #[test]
    fn a_key_is_read_back_from_the_name_of_its_value() {
        let a = names("a");
        for key in ["k", "\0", "é *?[\\", ":", "{b}"] {
            assert_eq!(a.key(a.value(key).as_bytes()).as_deref(), Some(key));
            assert_eq!(names("b").key(a.value(key).as_bytes()), None);
        }
        assert_eq!(a.key(b"prism:{a}:kv:\xff"), None);
        assert_eq!(a.value("k"), "prism:{a}:kv:k");
    }
}
