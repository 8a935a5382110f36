//! Foreign text in a page.

use std::fmt::{self, Write as _};

use crate::escape;

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

#[cfg(test)]
mod tests {
    use super::*;

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
