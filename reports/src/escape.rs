//! Foreign text as data: what a target, a server or a case says can break neither a terminal, nor a page, nor XML.
//!
//! Text that is shown as evidence keeps every character visible: what has no shape of its own is written as
//! `\u{..}`, so that `a` and `a` with a zero-width joiner are told apart by the reader too. What is left is also
//! text that XML 1.0 can hold.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One line of plain text: characters without a shape are written as escapes, line ends as `\n`.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_visible(&mut out, c);
    }
    out
}

/// Several lines of plain text: as [`line()`], but line ends and tabs stay. A carriage return before a line end goes.
pub fn block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            _ => push_visible(&mut out, c),
        }
    }
    out
}

/// Whether a character would steer the terminal or the page, or could not be seen.
fn is_shapeless(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}'
            | '\u{E0000}'..='\u{E007F}')
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if is_shapeless(c) => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        _ => out.push(c),
    }
}

/// Markdown prose on one line: nothing in it is markup, an HTML tag, a mention, a reference to an issue, a link, an
/// emoji or a formula on GitHub.
pub fn prose(text: &str) -> String {
    // GitHub resolves mentions and references after the markup, so a backslash does not stop them;
    // an empty character between sign and name does.
    const BREAK: &str = "&#8203;";
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let visible = line(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut rest = visible.as_str();
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        let next = tail.chars().next();
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '$' => out.push_str("<span>$</span>"),
            '@' => {
                out.push('@');
                out.push_str(BREAK);
            }
            '#' => {
                out.push_str("\\#");
                out.push_str(BREAK);
            }
            ':' if next.is_some_and(|next| !next.is_whitespace()) => {
                out.push(':');
                out.push_str(BREAK);
            }
            '-' if next.is_some_and(|next| next.is_ascii_digit()) && ends_with_gh(&visible, rest) => {
                out.push('-');
                out.push_str(BREAK);
            }
            '.' if ends_with_www(&visible, rest) => {
                out.push('.');
                out.push_str(BREAK);
            }
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            // At the start of a line these begin a list or a heading.
            '-' | '+' | '=' if out.is_empty() => {
                out.push('\\');
                out.push(c);
            }
            '.' if !out.is_empty() && out.bytes().all(|byte| byte.is_ascii_digit()) => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        rest = tail;
    }
    out
}

fn before<'a>(whole: &'a str, rest: &str) -> &'a [u8] {
    &whole.as_bytes()[..whole.len() - rest.len()]
}

fn ends_with_gh(whole: &str, rest: &str) -> bool {
    let before = before(whole, rest);
    before.len() >= 2 && before[before.len() - 2..].eq_ignore_ascii_case(b"gh")
}

fn ends_with_www(whole: &str, rest: &str) -> bool {
    let before = before(whole, rest);
    before.len() >= 3 && before[before.len() - 3..].eq_ignore_ascii_case(b"www")
}

/// A Markdown code span on one line, in which nothing is markup, a mention or a reference.
pub fn code(text: &str) -> String {
    if text.is_empty() {
        // An empty code span does not exist.
        return "(empty)".to_owned();
    }
    let visible = line(text);
    let fence = "`".repeat(longest_run(&visible, '`') + 1);
    // One space at each end is dropped by the reader, so it protects what stands at the ends: backticks and spaces.
    let guard = if visible.starts_with(['`', ' ']) || visible.ends_with(['`', ' ']) { " " } else { "" };
    // A span of nothing but spaces keeps them all; a guard would show.
    let guard = if visible.trim_matches(' ').is_empty() { "" } else { guard };
    format!("{fence}{guard}{visible}{guard}{fence}")
}

/// As [`code`], inside a table, where a bar ends the cell even in a code span.
pub fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A fenced code block with its line end. `language` is ours, `text` may be foreign.
pub fn fenced(language: &str, text: &str) -> String {
    let visible = block(text);
    let fence = "`".repeat((longest_run(&visible, '`') + 1).max(3));
    let end = if visible.ends_with('\n') || visible.is_empty() { "" } else { "\n" };
    format!("{fence}{language}\n{visible}{end}{fence}\n")
}

/// Text for the inside of a CDATA section, whose end mark is split over two sections.
pub fn cdata(text: &str) -> String {
    block(text).replace("]]>", "]]]]><![CDATA[>")
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// At most `limit` bytes of the text, cut between characters, with a note on how much is missing.
pub fn cap(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    Cow::Owned(format!("{} … ({} more bytes)", &text[..end], text.len() - end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_shows_every_character() {
        assert_eq!(line("a\u{1b}[31mb\0\r\n\tc\u{200d}d"), "a\\u{1b}[31mb\\u{0}\\r\\n\\tc\\u{200d}d");
        assert_eq!(line("é 🦀 עברית"), "é 🦀 עברית");
        assert_eq!(block("a\r\nb\rc\td\u{202e}"), "a\nb\\rc\td\\u{202e}");
    }

    #[test]
    fn prose_is_not_markup() {
        assert_eq!(prose("<b>&\"*x*_y_`z`|"), "&lt;b&gt;&amp;\"\\*x\\*\\_y\\_\\`z\\`\\|");
        assert_eq!(prose("ask @octocat about #12"), "ask @&#8203;octocat about \\#&#8203;12");
        assert_eq!(prose("GH-12 a-1 gh-x"), "GH-&#8203;12 a-1 gh-x");
        assert_eq!(prose("https://x www.y :tada: a: b"), "https:&#8203;//x www.&#8203;y :&#8203;tada: a: b");
        assert_eq!(prose("$x$"), "<span>$</span>x<span>$</span>");
        assert_eq!(prose("[a](b)!\\"), "\\[a\\]\\(b\\)\\!\\\\");
        assert_eq!(prose(" two\nlines\t\r\n| "), "two lines \\|");
        assert_eq!(prose("- a - b"), "\\- a - b");
        assert_eq!(prose("12. a. b"), "12\\. a. b");
        assert_eq!(prose(""), "");
    }

    #[test]
    fn code_spans_outlast_what_they_hold() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code(""), "(empty)");
        assert_eq!(code("a``b`c"), "```a``b`c```");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code(" a"), "`  a `");
        assert_eq!(code("  "), "`  `");
        assert_eq!(code("a\nb"), "`a\\nb`");
        assert_eq!(code("a|b"), "`a|b`");
        assert_eq!(code_cell("a|b"), "`a\\|b`");
    }

    #[test]
    fn fences_outlast_what_they_hold() {
        assert_eq!(fenced("text", "a"), "```text\na\n```\n");
        assert_eq!(fenced("", "a\n````\nb\n"), "`````\na\n````\nb\n`````\n");
        assert_eq!(fenced("", ""), "```\n```\n");
    }

    #[test]
    fn xml_holds_only_what_it_may() {
        assert_eq!(cdata("a]]>b"), "a]]]]><![CDATA[>b");
        let all: String = (0..0x20).filter_map(char::from_u32).chain(['\u{fffe}', '\u{ffff}']).collect();
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
        assert!(!all.chars().all(allowed));
        assert!(line(&all).chars().all(allowed));
        assert!(cdata(&all).chars().all(allowed));
    }

    #[test]
    fn caps_cut_between_characters() {
        assert_eq!(cap("abc", 3), "abc");
        assert_eq!(cap("abcd", 3), "abc … (1 more bytes)");
        assert_eq!(cap("éé", 3), "é … (2 more bytes)");
    }
}
