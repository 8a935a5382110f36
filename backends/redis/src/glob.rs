//! What Redis is asked for in place of a pattern.
//!
//! Redis matches with globs, which know nothing of tokens. So Redis is asked for a glob that lets everything through
//! that may match, and what arrives is matched exactly.

use prism_driver_kit::wildcard::{Pattern, Token};

/// A glob for Redis that matches `prefix` followed by any topic that the pattern matches, and perhaps more.
///
/// Only what stands before the first and after the last wildcard is in it, with one `*` in between: a glob of many
/// stars can take Redis, which has one thread, exponentially long to match.
pub(crate) fn glob(prefix: &str, pattern: &Pattern) -> Vec<u8> {
    let literal = |token: &Token| match token {
        Token::Literal(text) => Some(text.clone()),
        Token::One | Token::Rest => None,
    };
    let tokens = pattern.tokens();
    let head: Vec<String> = tokens.iter().map_while(literal).collect();
    let mut glob = Vec::new();
    escape(&mut glob, prefix);
    escape(&mut glob, &head.join("."));
    if head.len() == tokens.len() {
        return glob;
    }
    if !head.is_empty() {
        glob.push(b'.');
    }
    glob.push(b'*');
    let mut tail: Vec<String> = tokens.iter().rev().map_while(literal).collect();
    tail.reverse();
    for token in tail {
        glob.push(b'.');
        escape(&mut glob, &token);
    }
    glob
}

/// Appends `text` as a glob that matches nothing else.
fn escape(glob: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\') {
            glob.push(b'\\');
        }
        glob.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Redis does with the globs that are made here: a literal, or two with one star in between.
    fn redis_matches(glob: &[u8], channel: &str) -> bool {
        let (mut parts, mut escaped) = (vec![Vec::new()], false);
        for byte in glob {
            match (escaped, byte) {
                (false, b'\\') => escaped = true,
                (false, b'*') => parts.push(Vec::new()),
                _ => {
                    parts.last_mut().unwrap().push(*byte);
                    escaped = false;
                }
            }
        }
        match parts.as_slice() {
            [whole] => channel.as_bytes() == whole,
            [head, tail] => channel
                .as_bytes()
                .strip_prefix(head.as_slice())
                .is_some_and(|rest| rest.ends_with(tail.as_slice())),
            more => panic!("{} stars", more.len() - 1),
        }
    }

    #[test]
    fn the_glob_lets_every_match_through() {
        for (pattern, yes) in [
            ("a.b", &["a.b"][..]),
            ("*", &["a", "*", "é", ">", ""]),
            ("a.*", &["a.b", "a.", "a.*"]),
            ("*.b", &["a.b", ".b"]),
            ("a.*.c", &["a.b.c", "a..c"]),
            ("a.*.*.d", &["a.b.c.d", "a...d"]),
            ("*.b.*", &["a.b.c", ".b."]),
            ("a.>", &["a.b", "a.b.c", "a.", "a..", "a.>"]),
            (">", &["a", "a.b", ".", "..", ">"]),
            ("*.>", &["a.b", "a.b.c", "."]),
            ("a?c", &["a?c"]),
            ("a[bc].*", &["a[bc].x"]),
            ("**", &["**"]),
            ("a.**.*", &["a.**.b"]),
            ("a*", &["a*"]),
            ("a>", &["a>"]),
            ("a.b>", &["a.b>"]),
            ("a>.b", &["a>.b"]),
            ("a\\.*", &["a\\.b"]),
            (".", &["."]),
            ("..>", &["..a", "...", "..a.b"]),
            ("\0.*", &["\0.x"]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            let glob = glob("prefix*:", &parsed);
            for topic in yes {
                assert!(parsed.matches(topic), "{pattern} must match {topic}");
                assert!(redis_matches(&glob, &format!("prefix*:{topic}")), "{pattern}: {glob:?} for {topic}");
            }
            assert!(!redis_matches(&glob, &format!("prefixx:{}", yes[0])), "{pattern}: a prefix is literal");
        }
    }

    #[test]
    fn a_glob_has_one_star_and_no_other_character_with_a_meaning() {
        for (pattern, glob) in [
            ("a.b", "p:a.b"),
            ("*", "p:*"),
            ("a.>", "p:a.*"),
            ("a.*.c.*.e", "p:a.*.e"),
            ("a*?[x]\\.*", "p:a\\*\\?\\[x\\]\\\\.*"),
        ] {
            assert_eq!(
                String::from_utf8(super::glob("p:", &Pattern::parse(pattern).unwrap())).unwrap(),
                glob
            );
        }
    }
}
