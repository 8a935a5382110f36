//! Opaque cursors that only fit the listing that they were made for.
//!
//! A cursor is base64url of an 8-byte checksum and a position. The checksum (FNV-1a, 64 bits) covers what the listing
//! is: its kind, namespace and prefix. It guards against mistakes, not against forgery: a forged cursor only moves a
//! reader within its own namespace.

use crate::Refusal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use prism_interfaces::{Fault, Namespace};

/// Makes a cursor that continues after `position`.
pub fn encode(kind: &str, namespace: &Namespace, prefix: &str, position: &[u8]) -> String {
    let mut bytes = checksum(kind, namespace, prefix, position).to_be_bytes().to_vec();
    bytes.extend_from_slice(position);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position in a cursor; `None` for the empty cursor, which is where a listing starts.
pub fn decode(
    kind: &str,
    namespace: &Namespace,
    prefix: &str,
    cursor: &str,
) -> Result<Option<Vec<u8>>, Fault> {
    if cursor.is_empty() {
        return Ok(None);
    }
    let foreign = || Fault::from(Refusal::CursorInvalid);
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| foreign())?;
    let (sum, position) = bytes.split_first_chunk::<8>().ok_or_else(foreign)?;
    if u64::from_be_bytes(*sum) != checksum(kind, namespace, prefix, position) {
        return Err(foreign());
    }
    Ok(Some(position.to_vec()))
}

fn checksum(kind: &str, namespace: &Namespace, prefix: &str, position: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [kind.as_bytes(), namespace.as_str().as_bytes(), prefix.as_bytes(), position] {
        // The length first, so that parts cannot flow into each other.
        for byte in (part.len() as u64).to_be_bytes().iter().chain(part) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_fits_its_own_listing_only() {
        let (a, b) = (Namespace::new("a").unwrap(), Namespace::new("b").unwrap());
        let cursor = encode("keys", &a, "p", b"\0pos\xff");
        assert_eq!(decode("keys", &a, "p", &cursor).unwrap().as_deref(), Some(&b"\0pos\xff"[..]));
        assert_eq!(decode("keys", &a, "p", "").unwrap(), None);
        for (kind, namespace, prefix) in
            [("other", &a, "p"), ("keys", &b, "p"), ("keys", &a, "q"), ("keys", &a, "")]
        {
            assert!(decode(kind, namespace, prefix, &cursor).is_err());
        }
        for garbage in ["x", "!!", "AAAAAAAAAAAA", &cursor[1..]] {
            assert!(decode("keys", &a, "p", garbage).is_err(), "{garbage}");
        }
    }
}
