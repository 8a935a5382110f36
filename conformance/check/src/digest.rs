//! Short digests, so that an accounting of a million messages holds numbers and not payloads.

/// The 64-bit FNV-1a hash of `bytes`. It tells accidents apart, not adversaries.
pub fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A digest of headers that does not depend on their order.
pub fn digest_headers<K: AsRef<str>, V: AsRef<str>>(headers: impl IntoIterator<Item = (K, V)>) -> u64 {
    let mut pairs: Vec<(K, V)> = headers.into_iter().collect();
    pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
    let mut bytes = Vec::new();
    for part in pairs.iter().flat_map(|(k, v)| [k.as_ref(), v.as_ref()]) {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    digest(&bytes)
}

#[cfg(test)]
mod tests {
    use super::{digest, digest_headers};

    #[test]
    fn digests_are_fnv_1a() {
        assert_eq!(digest(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(digest(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn headers_are_compared_as_a_map() {
        let base = digest_headers([("a", "1"), ("b", "2")]);
        assert_eq!(base, digest_headers([("b", "2"), ("a", "1")]));
        for other in [
            &[("a", "1")][..],
            &[("a", "2"), ("b", "1")],
            &[("a", "1"), ("b", "")],
            &[("a1", ""), ("b", "2")],
        ] {
            assert_ne!(base, digest_headers(other.iter().copied()), "{other:?}");
        }
        assert_eq!(digest_headers::<&str, &str>([]), digest(b""));
    }
}
