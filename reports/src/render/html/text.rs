//! Foreign text in a page.

use std::fmt::{self, Write as _};

use crate::escape;
use crate::render::links::{Piece, pieces};

/// Longest foreign text in one place, in bytes; `report.json` has all of it.
const LIMIT: usize = 16 * 1024;

/// Text as it stands in an element or in a quoted attribute: nothing in it is markup, every character can be seen, and
/// what is longer than 16 KiB is cut, with a note on how much is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    text: &'a str,
    lines: bool,
}

impl<'a> Text<'a> {
    /// On one line.
    pub(crate) fn line(text: &'a str) -> Self {
        Self { text, lines: false }
    }

    /// With its line ends, for `<pre>`.
    pub(crate) fn block(text: &'a str) -> Self {
        Self { text, lines: true }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = escape::cap(self.text, LIMIT);
        let visible = if self.lines { escape::block(&text) } else { escape::line(&text) };
        // Unlike a page full of them, most texts hold nothing that has to be written otherwise.
        if !visible.contains(['&', '<', '>', '"', '\'']) {
            return f.write_str(&visible);
        }
        visible.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

/// As [`Text`], with the addresses in it to be followed: for what an expectation file says, and for nothing that a target
/// says. What is too long to be shown in whole has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linked<'a>(Text<'a>);

impl<'a> Linked<'a> {
    /// On one line.
    pub(crate) fn line(text: &'a str) -> Self {
        Self(Text::line(text))
    }

    /// With its line ends, for `<pre>`.
    pub(crate) fn block(text: &'a str) -> Self {
        Self(Text::block(text))
    }
}

impl fmt::Display for Linked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0;
        if whole.text.len() > LIMIT {
            return whole.fmt(f);
        }
        pieces(whole.text).into_iter().try_for_each(|piece| match piece {
            Piece::Text(text) => Text { text, ..whole }.fmt(f),
            Piece::Link(address) => {
                let address = Text::line(address);
                write!(f, "<a href=\"{address}\" rel=\"noreferrer\">{address}</a>")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_somewhere_and_nothing_else_does() {
        assert_eq!(
            Linked::line("<b> (https://a.b/c?d=1&e=\"2\", until 2027)").to_string(),
            "&lt;b&gt; (<a href=\"https://a.b/c?d=1&amp;e=\" rel=\"noreferrer\">https://a.b/c?d=1&amp;e=</a>&quot;2&quot;, \
             until 2027)"
        );
        assert_eq!(
            Linked::block("javascript:alert(1)\nftp://a.b").to_string(),
            "javascript:alert(1)\nftp://a.b"
        );
        let long = Linked::line(&format!("https://a.b/{}", "c".repeat(LIMIT))).to_string();
        assert!(!long.contains("<a "), "half of an address leads elsewhere");
    }

    #[test]
    fn nothing_is_markup() {
        assert_eq!(
            Text::line("</script><b a=\"1\" c='2'>&amp;\u{1b}\n").to_string(),
            "&lt;/script&gt;&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;\\u{1b}\\n"
        );
        assert_eq!(Text::block("a\r\n<\u{202e}").to_string(), "a\n&lt;\\u{202e}");
        let long = Text::line(&"<".repeat(1 << 20)).to_string();
        assert!(long.len() < 5 * LIMIT && long.ends_with("(1032192 more bytes)"));
    }
}
