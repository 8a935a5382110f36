//! Patterns of topics: tokens between dots, `*` for exactly one, `>` at the end for one or more.

use prism_interfaces::{Fault, contract::v1::Reason};

/// A pattern that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    tokens: Vec<Token>,
}

/// One token of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Itself.
    Literal(String),
    /// Exactly one token, whatever it holds.
    One,
    /// One token or more; only ever the last.
    Rest,
}

impl Pattern {
    /// Reads a pattern, which may be anything but one with a `>` before its end.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let tokens: Vec<Token> = text
            .split('.')
            .map(|token| match token {
                "*" => Token::One,
                ">" => Token::Rest,
                literal => Token::Literal(literal.to_owned()),
            })
            .collect();
        match tokens.iter().position(|token| *token == Token::Rest) {
            Some(place) if place + 1 < tokens.len() => {
                let message = "`pattern` has a `>` that is not its last token";
                Err(Fault::invalid_argument(Reason::ArgumentInvalid, message).field("pattern"))
            }
            _ => Ok(Self { tokens }),
        }
    }

    /// Whether a topic is one of those that the pattern stands for.
    pub fn matches(&self, topic: &str) -> bool {
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

    /// Its tokens, for drivers that translate it for their server.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_matched_one_by_one() {
        for (pattern, yes, no) in [
            ("a.b", &["a.b"][..], &["a", "a.b.c", "a.B", "ab", "a.", "a.b.", ""][..]),
            ("*", &["a", "*", "é", ">", ""], &["a.b", "."]),
            ("a.*", &["a.b", "a.", "a.*"], &["a", "a.b.c", "b.b"]),
            ("*.b", &["a.b", ".b"], &["b", "a.a.b", "a.b."]),
            ("a.*.c", &["a.b.c", "a..c"], &["a.c", "a.b.b.c"]),
            ("a.*.*.d", &["a.b.c.d", "a...d"], &["a.d", "a.b.d", "a.b.c.c.d"]),
            ("a.>", &["a.b", "a.b.c", "a.", "a..", "a.>"], &["a", "b.a", "ab.c"]),
            (">", &["a", "a.b", ".", "..", ">"], &[]),
            ("*.>", &["a.b", "a.b.c", "."], &["a"]),
            ("a?c", &["a?c"], &["abc"]),
            ("a[bc]", &["a[bc]"], &["ab"]),
            ("**", &["**"], &["a", "a.b"]),
            ("a.**", &["a.**"], &["a.b", "a.b.c"]),
            ("a*", &["a*"], &["ab", "a"]),
            ("a>", &["a>"], &["ab", "a.b", "a"]),
            ("a.b>", &["a.b>"], &["a.b", "a.bc"]),
            ("a>.b", &["a>.b"], &["a.b"]),
            ("%", &["%"], &["a"]),
            ("a\\.b", &["a\\.b"], &["a.b"]),
            (".", &["."], &["a.b", "..", "a"]),
            ("..>", &["..a", "...", "..a.b"], &["a", ".a", "."]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            for topic in yes {
                assert!(parsed.matches(topic), "{pattern} must match {topic}");
            }
            for topic in no {
                assert!(!parsed.matches(topic), "{pattern} must not match {topic}");
            }
        }
    }

    #[test]
    fn the_rest_can_only_come_last() {
        for bad in [">.a", "a.>.b", ">.>", ">.", "a.>.", "*.>.*"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
