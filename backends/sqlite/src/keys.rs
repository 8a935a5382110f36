//! Keys as SQL sees them.
//!
//! Keys are stored as BLOBs, which SQLite compares byte for byte; as TEXT, a U+0000 would end them in some functions.

use std::fmt::Write;

/// The keys from the first (included) to the second (excluded) start with `prefix` and come after `after`.
///
/// No character of a prefix means anything here, as it would in LIKE or GLOB.
pub(crate) fn range(prefix: &str, after: Option<&[u8]>) -> (Vec<u8>, Vec<u8>) {
    let from = match after {
        None => prefix.as_bytes().to_vec(),
        // The next key there can be.
        Some(after) => [after, b"\0"].concat(),
    };
    let mut to = prefix.as_bytes().to_vec();
    match to.last_mut() {
        // 0xFF is no byte of UTF-8: the last byte of a prefix can be counted up, and no key starts with 0xFF.
        Some(last) => *last += 1,
        None => to.push(0xFF),
    }
    (from, to)
}

/// Keys as a JSON list of hexadecimal strings: one parameter, and so one prepared statement, for any number of keys.
pub(crate) fn list<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    json(keys, push_hex)
}

/// Keys with the version that was seen of each, as a JSON list of `["hex", version or null]`.
pub(crate) fn list_versions<'a>(reads: impl Iterator<Item = (&'a str, Option<i64>)>) -> String {
    json(reads, |json, (key, version)| {
        json.push('[');
        push_hex(json, key);
        // Writing to a String cannot fail.
        let _ = match version {
            Some(version) => write!(json, ",{version}]"),
            None => write!(json, ",null]"),
        };
    })
}

fn json<T>(items: impl Iterator<Item = T>, push: impl Fn(&mut String, T)) -> String {
    let mut json = String::from("[");
    for item in items {
        if json.len() > 1 {
            json.push(',');
        }
        push(&mut json, item);
    }
    json.push(']');
    json
}

fn push_hex(json: &mut String, key: &str) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    json.push('"');
    for byte in key.bytes() {
        json.push(char::from(DIGITS[usize::from(byte >> 4)]));
        json.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_the_keys_with_the_prefix_and_no_others() {
        let keys =
            ["\0", "a", "a\0", "a\0b", "a%", "a_", "ab", "a\u{7f}", "a\u{10ffff}", "b", "é", "\u{10ffff}"];
        for prefix in ["", "\0", "a", "a\0", "a%", "a_", "é", "\u{7f}", "\u{fff}", "\u{10ffff}", "zz"] {
            let (from, to) = range(prefix, None);
            for key in keys {
                let inside = key.as_bytes() >= from.as_slice() && key.as_bytes() < to.as_slice();
                assert_eq!(inside, key.starts_with(prefix), "{key:?} {prefix:?}");
            }
        }
    }

    #[test]
    fn a_range_goes_on_right_after_a_key() {
        let (from, _) = range("a", Some(b"ab"));
        assert!(from.as_slice() > b"ab".as_slice());
        assert!(from.as_slice() <= b"ab\0".as_slice());
    }

    #[test]
    fn lists_are_json() {
        assert_eq!(list([].into_iter()), "[]");
        assert_eq!(list(["a", "\0\"é"].into_iter()), r#"["61","0022c3a9"]"#);
        assert_eq!(list_versions([("a", Some(7)), ("b", None)].into_iter()), r#"[["61",7],["62",null]]"#);
    }
}
