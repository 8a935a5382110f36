//! How keys, values and payloads are shown to people: quoted, escaped and cut short.

/// Bytes of a value that a report shows before it cuts the rest off.
const SHOWN: usize = 32;

/// Shows bytes on one line of printable ASCII: quoted, everything else escaped as in a Rust byte string.
///
/// More than 32 bytes are cut, and the full length is given: `"aaaa…" (65536 bytes)`.
///
/// ```
/// assert_eq!(prism_check::quote(b"a\0\xff"), r#""a\x00\xff""#);
/// ```
pub fn quote(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    if bytes.len() <= SHOWN {
        format!("\"{}\"", bytes.escape_ascii())
    } else {
        format!("\"{}…\" ({} bytes)", bytes[..SHOWN].escape_ascii(), bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn short_values_are_shown_whole_and_long_ones_are_cut() {
        assert_eq!(quote(""), "\"\"");
        assert_eq!(quote("a \"b\"\n"), "\"a \\\"b\\\"\\n\"");
        assert_eq!(quote([b'x'; 32]), format!("\"{}\"", "x".repeat(32)));
        assert_eq!(quote([b'x'; 33]), format!("\"{}…\" (33 bytes)", "x".repeat(32)));
    }
}
