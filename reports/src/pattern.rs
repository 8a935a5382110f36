//! Names with stars, as the command line takes them.

/// Whether an id matches a pattern in which `*` stands for any characters.
pub fn matches(pattern: &str, id: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = id.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_any_characters_and_nothing_else_is_special() {
        for (pattern, id, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/bc", true),
            ("*c", "a/bc", true),
            ("*b*", "a/bc", true),
            ("a*b*c", "a/b/bc", true),
            ("a*b*c", "a/c", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "a", false),
            ("a?b", "a/b", false),
        ] {
            assert_eq!(matches(pattern, id), expected, "{pattern} {id}");
        }
    }
}
