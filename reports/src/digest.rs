//! Digests, by which two runs can tell whether they were made with the same things.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// SHA-256 of bytes, as `sha256:` and hex.
pub fn of_bytes(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The digest of a value as compact JSON, its fields in the order in which they are declared.
pub fn of_json(value: &impl Serialize) -> String {
    of_bytes(&serde_json::to_vec(value).expect("what is digested has only string keys and finite numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_sha_256() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(of_bytes(b""), empty);
        assert_eq!(of_json(&["a"]), of_bytes(br#"["a"]"#));
    }
}
