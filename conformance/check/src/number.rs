//! Numbers as values: the shortest decimal text of a signed 64-bit integer, and nothing else.

/// The number that `text` is the shortest decimal text of; `None` for `007`, `-0`, `+1`, ` 1`, `1.0`, the empty text
/// and everything out of range.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_the_shortest_text_is_a_number() {
        for number in [0, 7, -1, -12, 10, i64::MAX, i64::MIN] {
            assert_eq!(parse(number.to_string().as_bytes()), Some(number));
        }
        let others =
            ["", "007", "-0", "+1", " 1", "1 ", "1\n", "1.0", "1e3", "0x1", "-", "9223372036854775808", "½"];
        for text in others {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(b"1\xff"), None);
    }
}
