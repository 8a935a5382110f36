//! What is declared, as in backend.yaml.

use prism_driver_kit::{InterfaceInfo, check};
use prism_interfaces::Fault;
use std::time::Duration;

/// The longest key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 4096;

/// The largest value, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 4 << 20;

/// The longest time to live.
pub(crate) const MAX_TTL: Duration = Duration::new(3650 * 86_400, 0);

/// The most entries in a batch.
pub(crate) const MAX_BATCH: usize = 1000;

/// How long a transaction may be left alone.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);

/// What the driver serves.
pub(crate) const INTERFACES: &[InterfaceInfo] = &[
    InterfaceInfo { id: "keyvalue_basic", traits: &[("max_key_bytes", "4KiB"), ("max_value_bytes", "4MiB")] },
    InterfaceInfo { id: "keyvalue_scan", traits: &[("ordered", "true")] },
    InterfaceInfo {
        id: "keyvalue_ttl",
        traits: &[("granularity", "1ms"), ("sweep", "0s"), ("max_ttl", "3650d")],
    },
    InterfaceInfo {
        id: "keyvalue_transactional",
        traits: &[("isolation", "serializable"), ("timeout", "2s")],
    },
    InterfaceInfo { id: "keyvalue_batch", traits: &[("max_batch", "1000"), ("atomic", "true")] },
    InterfaceInfo { id: "keyvalue_cas", traits: &[] },
];

/// Checks a key against the limits.
pub(crate) fn check_key(field: &str, key: &str) -> Result<(), Fault> {
    check::name(field, key, MAX_KEY_BYTES)
}

/// Checks a value against the limits.
pub(crate) fn check_value(field: &str, value: &[u8]) -> Result<(), Fault> {
    check::value(field, value, MAX_VALUE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::traits::{Traits, specs};

    #[test]
    fn the_declared_traits_are_complete_canonical_and_what_is_enforced() {
        let traits = |id: &str| {
            let declared = INTERFACES.iter().find(|interface| interface.id == id).unwrap().traits;
            let parsed = Traits::parse(specs(id), declared.iter().copied()).unwrap();
            let mut written: Vec<_> =
                declared.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            written.sort_unstable();
            assert_eq!(parsed.iter().collect::<Vec<_>>(), written, "{id}");
            parsed
        };
        let basic = traits("keyvalue_basic");
        assert_eq!(basic.bytes("max_key_bytes"), MAX_KEY_BYTES as u64);
        assert_eq!(basic.bytes("max_value_bytes"), MAX_VALUE_BYTES as u64);
        assert!(traits("keyvalue_scan").flag("ordered"));
        let ttl = traits("keyvalue_ttl");
        assert_eq!(ttl.duration("granularity"), Duration::from_millis(1));
        assert_eq!(ttl.duration("max_ttl"), MAX_TTL);
        assert_eq!(traits("keyvalue_transactional").duration("timeout"), TRANSACTION_TIMEOUT);
        assert_eq!(traits("keyvalue_batch").count("max_batch"), MAX_BATCH as u64);
        traits("keyvalue_cas");
    }
}
