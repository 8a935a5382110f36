//! Names, values, TTLs and batches against the declared limits.

use prism_interfaces::{Fault, contract::v1::Reason, time};
use std::time::Duration;

/// A name: a key, a topic, a pattern.
pub fn name(field: &str, name: &str, max_bytes: usize) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::invalid_argument(Reason::NameEmpty, format!("`{field}` is empty")).field(field));
    }
    if name.len() > max_bytes {
        let message = format!("`{field}` has {} bytes; the most is {max_bytes}", name.len());
        return Err(Fault::invalid_argument(Reason::NameTooLong, message).field(field));
    }
    Ok(())
}

/// A value or payload.
pub fn value(field: &str, value: &[u8], max_bytes: usize) -> Result<(), Fault> {
    if value.len() > max_bytes {
        let message = format!("`{field}` has {} bytes; the most is {max_bytes}", value.len());
        return Err(Fault::invalid_argument(Reason::ValueTooLarge, message).field(field));
    }
    Ok(())
}

/// The number of entries in a batch.
pub fn batch(field: &str, entries: usize, max_entries: usize) -> Result<(), Fault> {
    if entries > max_entries {
        let message = format!("`{field}` has {entries} entries; the most is {max_entries}");
        return Err(Fault::invalid_argument(Reason::BatchTooLarge, message).field(field));
    }
    Ok(())
}

/// A TTL: more than zero, at most `max`.
pub fn ttl(field: &str, ttl: Option<&prost_types::Duration>, max: Duration) -> Result<Duration, Fault> {
    let refuse = |problem: &str| {
        Fault::invalid_argument(Reason::TtlInvalid, format!("`{field}` {problem}")).field(field)
    };
    let ttl = ttl.ok_or_else(|| refuse("is missing"))?;
    let ttl = time::to_std(ttl).ok_or_else(|| refuse("is negative"))?;
    if ttl.is_zero() {
        return Err(refuse("is zero"));
    }
    if ttl > max {
        return Err(refuse(&format!("is longer than {} s", max.as_secs())));
    }
    Ok(ttl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::{Code, Status};

    #[test]
    fn names_and_values_are_counted_in_bytes() {
        assert!(name("key", &"é".repeat(128), 256).is_ok());
        for bad in [String::new(), "é".repeat(128) + "x"] {
            assert_eq!(Status::from(name("key", &bad, 256).unwrap_err()).code(), Code::InvalidArgument);
        }
        assert!(value("value", &[0; 4], 4).is_ok() && value("value", b"", 4).is_ok());
        assert!(value("value", &[0; 5], 4).is_err());
        assert!(batch("keys", 3, 3).is_ok() && batch("keys", 4, 3).is_err());
    }

    #[test]
    fn a_ttl_is_positive_and_bounded() {
        let max = Duration::from_secs(10);
        let of = |seconds, nanos| ttl("ttl", Some(&prost_types::Duration { seconds, nanos }), max);
        assert_eq!(of(0, 1).unwrap(), Duration::from_nanos(1));
        assert_eq!(of(10, 0).unwrap(), max);
        for bad in [
            of(0, 0),
            of(-1, 0),
            of(0, -1),
            of(10, 1),
            of(i64::MAX, 0),
            of(i64::MIN, 0),
            ttl("ttl", None, max),
        ] {
            assert_eq!(Status::from(bad.unwrap_err()).code(), Code::InvalidArgument);
        }
    }
}
