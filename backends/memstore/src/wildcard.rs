//! Patterns of topics: tokens between dots, `*` for exactly one, `>` at the end for one or more.

use crate::error::Error;

/// A pattern that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The tokens before a final `>`.
    tokens: Vec<Token>,
    /// Whether the last token is `>`.
    open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Any,
    Literal(String),
}

impl Pattern {
    /// Reads a pattern, which may be anything but one with a `>` before its end.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let (text, open) = match text.strip_suffix('>') {
            Some("") => return Ok(Self { tokens: Vec::new(), open: true }),
            Some(head) => match head.strip_suffix('.') {
                Some(head) => (head, true),
                // The last token merely ends in `>`.
                None => (text, false),
            },
            None => (text, false),
        };
        let token = |token: &str| match token {
            "*" => Ok(Token::Any),
            ">" => Err(Error::PatternInvalid),
            literal => Ok(Token::Literal(literal.to_owned())),
        };
        Ok(Self { tokens: text.split('.').map(token).collect::<Result<_, _>>()?, open })
    }

    /// Whether a topic is one of those that the pattern stands for.
    pub(crate) fn matches(&self, topic: &str) -> bool {
        let mut rest = topic.split('.');
        for token in &self.tokens {
            match (token, rest.next()) {
                (_, None) => return false,
                (Token::Any, Some(_)) => {}
                (Token::Literal(literal), Some(part)) => {
                    if literal != part {
                        return false;
                    }
                }
            }
        }
        rest.next().is_some() == self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_matched_one_by_one() {
        for (pattern, yes, no) in [
            ("a.b", &["a.b"][..], &["a", "a.b.c", "a.B", "ab", "a.", "a.b."][..]),
            ("*", &["a", "*", "é", ">"], &["a.b", "."]),
            ("a.*", &["a.b", "a.", "a.*"], &["a", "a.b.c", "b.b"]),
            ("*.b", &["a.b", ".b"], &["b", "a.a.b", "a.b."]),
            ("a.*.c", &["a.b.c", "a..c"], &["a.c", "a.b.b.c"]),
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
            assert_eq!(Pattern::parse(bad), Err(Error::PatternInvalid), "{bad}");
        }
    }
}
