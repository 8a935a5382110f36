//! Patterns of topics: tokens between dots, `*` for exactly one, `>` at the end for one or more.
//!
//! Redis matches with globs, which know nothing of tokens. So Redis is asked for a glob that lets everything through
//! that may match, and what arrives is matched exactly.

use crate::error::Error;

/// A pattern that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(String),
    One,
    Rest,
}

impl Pattern {
    /// Reads a pattern, which may be anything but one with a `>` before its end.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let tokens: Vec<Token> = text
            .split('.')
            .map(|token| match token {
                "*" => Token::One,
                ">" => Token::Rest,
                literal => Token::Literal(literal.to_owned()),
            })
            .collect();
        match tokens.iter().position(|token| *token == Token::Rest) {
            Some(place) if place + 1 < tokens.len() => Err(Error::PatternInvalid),
            _ => Ok(Self { text: text.to_owned(), tokens }),
        }
    }

    /// Whether a topic is one of those that the pattern stands for.
    pub(crate) fn matches(&self, topic: &str) -> bool {
        let mut parts = topic.split('.');
        for token in &self.tokens {
            match (token, parts.next()) {
                (Token::Rest, Some(_)) => return true,
                (Token::One, Some(_)) => {}
                (Token::Literal(literal), Some(part)) if literal == part => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    }

    /// A glob for Redis that matches `prefix` followed by any topic that the pattern matches, and perhaps more.
    ///
    /// Only what stands before the first and after the last wildcard is in it, with one `*` in between: a glob of many
    /// stars can take Redis, which has one thread, exponentially long to match.
    pub(crate) fn glob(&self, prefix: &str) -> Vec<u8> {
        let wild = |token: &Token| !matches!(token, Token::Literal(_));
        let mut glob = Vec::new();
        escape(&mut glob, prefix);
        let (Some(first), Some(last)) =
            (self.tokens.iter().position(wild), self.tokens.iter().rposition(wild))
        else {
            escape(&mut glob, &self.text);
            return glob;
        };
        for token in &self.tokens[..first] {
            escape(&mut glob, token.text());
            glob.push(b'.');
        }
        glob.push(b'*');
        for token in &self.tokens[last + 1..] {
            glob.push(b'.');
            escape(&mut glob, token.text());
        }
        glob
    }
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::One => "*",
            Self::Rest => ">",
        }
    }
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
    fn tokens_are_matched_one_by_one_and_the_glob_lets_every_match_through() {
        for (pattern, yes, no) in [
            ("a.b", &["a.b"][..], &["a", "a.b.c", "a.B", "ab", "a.", "a.b.", ""][..]),
            ("*", &["a", "*", "é", ">", ""], &["a.b", "."]),
            ("a.*", &["a.b", "a.", "a.*"], &["a", "a.b.c", "b.b"]),
            ("*.b", &["a.b", ".b"], &["b", "a.a.b", "a.b."]),
            ("a.*.c", &["a.b.c", "a..c"], &["a.c", "a.b.b.c"]),
            ("a.*.*.d", &["a.b.c.d", "a...d"], &["a.d", "a.b.d", "a.b.c.c.d"]),
            ("*.b.*", &["a.b.c", ".b."], &["b", "a.c.b", "a.b"]),
            ("a.>", &["a.b", "a.b.c", "a.", "a..", "a.>"], &["a", "b.a", "ab.c"]),
            (">", &["a", "a.b", ".", "..", ">"], &[]),
            ("*.>", &["a.b", "a.b.c", "."], &["a"]),
            ("a?c", &["a?c"], &["abc"]),
            ("a[bc].*", &["a[bc].x"], &["ab.x"]),
            ("**", &["**"], &["a", "a.b"]),
            ("a.**.*", &["a.**.b"], &["a.b.c"]),
            ("a*", &["a*"], &["ab", "a"]),
            ("a>", &["a>"], &["ab", "a.b", "a"]),
            ("a.b>", &["a.b>"], &["a.b", "a.bc"]),
            ("a>.b", &["a>.b"], &["a.b"]),
            ("a\\.*", &["a\\.b"], &["a.b", "a\\b"]),
            (".", &["."], &["a.b", "..", "a"]),
            ("..>", &["..a", "...", "..a.b"], &["a", "."]),
            ("\0.*", &["\0.x"], &["0.x"]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            let glob = parsed.glob("prefix*:");
            for topic in yes {
                assert!(parsed.matches(topic), "{pattern} must match {topic}");
                assert!(redis_matches(&glob, &format!("prefix*:{topic}")), "{pattern}: {glob:?} for {topic}");
            }
            for topic in no {
                assert!(!parsed.matches(topic), "{pattern} must not match {topic}");
            }
            assert!(!redis_matches(&glob, &format!("prefixx:{}", yes[0])), "{pattern}: a prefix is literal");
        }
    }

    #[test]
    fn the_rest_can_only_come_last() {
        for bad in [">.a", "a.>.b", ">.>", ">.", "a.>.", "*.>.*"] {
            assert!(matches!(Pattern::parse(bad), Err(Error::PatternInvalid)), "{bad}");
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
            assert_eq!(String::from_utf8(Pattern::parse(pattern).unwrap().glob("p:")).unwrap(), glob);
        }
    }
}
