//! The patterns of pubsub_wildcards: which topics a subscription is for.

/// A pattern: tokens between dots, where `*` stands for exactly one token (an empty one too) and `>`, which can only
/// be the last, for one or more. Every other token stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    tokens: Vec<Token>,
    /// Whether the pattern ends with `>`.
    rest: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Token {
    One,
    Literal(String),
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PatternError {
    /// The pattern is empty.
    #[error("a pattern is not empty")]
    Empty,
    /// `>` stands before the end.
    #[error("`>` can only be the last token of a pattern")]
    RestNotLast,
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let mut tokens: Vec<&str> = text.split('.').collect();
        let rest = tokens.pop_if(|last| *last == ">").is_some();
        if tokens.contains(&">") {
            return Err(PatternError::RestNotLast);
        }
        let token = |token: &str| if token == "*" { Token::One } else { Token::Literal(token.to_owned()) };
        Ok(Pattern { tokens: tokens.into_iter().map(token).collect(), rest })
    }

    /// Whether the pattern is for this topic.
    pub fn matches(&self, topic: &str) -> bool {
        let mut tokens = topic.split('.');
        let start = self.tokens.iter().all(|wanted| match (wanted, tokens.next()) {
            (_, None) => false,
            (Token::One, Some(_)) => true,
            (Token::Literal(wanted), Some(token)) => wanted == token,
        });
        start && tokens.next().is_some() == self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, PatternError};

    #[test]
    fn truth_table() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("a", &["a"], &["A", "", "a.", ".a", "a.a", "aa", "*"]),
            ("a.b", &["a.b"], &["a", "a.b.c", "ab", "a.B", "a.", "a..b"]),
            ("*", &["a", "", "*", ">"], &["a.b", ".", "a."]),
            ("*.b", &["a.b", ".b", "*.b"], &["b", "a.b.b", "a.c"]),
            ("a.*", &["a.b", "a.", "a.*"], &["a", "a.b.c", "b.b", "a.b."]),
            ("a.*.c", &["a.b.c", "a..c"], &["a.c", "a.b.b.c", "a.b", "a.b.c.d"]),
            ("*.*", &["a.b", "."], &["a", "a.b.c"]),
            (">", &["a", "a.b", "a.b.c", "", ".", "a."], &[]),
            ("a.>", &["a.b", "a.b.c", "a.", "a..b"], &["a", "b.a", "A.b", "ab"]),
            ("*.>", &["a.b", "a.b.c", "."], &["a", ""]),
            ("a.*.>", &["a.b.c", "a.b.c.d", "a.."], &["a.b", "a", "a.b_c"]),
            (".", &["."], &["", "a", "..", "a."]),
            ("a.", &["a."], &["a", "a..", "a.b"]),
            ("a.**", &["a.**"], &["a.b", "a.b.c"]),
            ("a*", &["a*"], &["ab", "a", "a.b"]),
            ("a>", &["a>"], &["ab", "a.b"]),
            (">a", &[">a"], &["a", "b.a"]),
            ("a?", &["a?"], &["ab"]),
            ("[ab]", &["[ab]"], &["a", "b"]),
            ("a\\*", &["a\\*"], &["a*"]),
            ("%", &["%"], &["a"]),
            ("é.*", &["é.x"], &["e\u{301}.x"]),
        ];
        for (pattern, good, bad) in table {
            let pattern = Pattern::parse(pattern).unwrap();
            for topic in *good {
                assert!(pattern.matches(topic), "{pattern:?} is for {topic:?}");
            }
            for topic in *bad {
                assert!(!pattern.matches(topic), "{pattern:?} is not for {topic:?}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        for text in [">.a", "a.>.b", ">.>", ">.*", "a.>.", ">."] {
            assert_eq!(Pattern::parse(text), Err(PatternError::RestNotLast), "{text:?}");
        }
        assert_eq!(PatternError::Empty.to_string(), "a pattern is not empty");
        assert_eq!(PatternError::RestNotLast.to_string(), "`>` can only be the last token of a pattern");
    }
}
