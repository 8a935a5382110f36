//! Addresses in a sentence, such as that of the issue in which a known failure is looked after.

/// A part of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// What stands between addresses.
    Text(&'a str),
    /// An address that can be followed: `http` or `https`, with a host, in the characters that RFC 3986 allows.
    Link(&'a str),
}

/// The pieces of a sentence, in order; put together they are the sentence.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut told, mut at) = (0, 0);
    while let Some(found) = text[at..].find("http") {
        let start = at + found;
        let length = address(&text[start..]);
        let inside_a_word = text[..start].chars().next_back().is_some_and(char::is_alphanumeric);
        if length == 0 || inside_a_word {
            at = start + "http".len();
            continue;
        }
        if told < start {
            pieces.push(Piece::Text(&text[told..start]));
        }
        (told, at) = (start + length, start + length);
        pieces.push(Piece::Link(&text[start..told]));
    }
    if told < text.len() {
        pieces.push(Piece::Text(&text[told..]));
    }
    pieces
}

/// How long the address is that a text begins with; 0 where it begins with none.
fn address(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return 0 };
    let scheme = text.len() - rest.len();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&()*+,;=%".contains(c);
    let whole = &rest[..rest.find(|c| !allowed(c)).unwrap_or(rest.len())];
    // What is no ASCII would go on with it: half of an address leads elsewhere.
    if rest[whole.len()..].chars().next().is_some_and(char::is_alphanumeric) {
        return 0;
    }
    let mut end = whole.len();
    // What ends the sentence, and a bracket around the address, is no part of it.
    while let Some(last) = whole[..end].chars().next_back() {
        let unopened = |open: char, close: char| {
            last == close && whole[..end].matches(close).count() > whole[..end].matches(open).count()
        };
        if !(".,;:!?".contains(last) || unopened('(', ')') || unopened('[', ']')) {
            break;
        }
        end -= last.len_utf8();
    }
    let host = &whole[..whole[..end].find(['/', '?', '#']).unwrap_or(end)];
    // A name in front of the host makes it look like another one.
    let plain = host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.:".contains(c));
    if plain { scheme + end } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses of a text.
    fn links(text: &str) -> Vec<&str> {
        let pieces = pieces(text);
        let whole: String = pieces
            .iter()
            .map(|piece| match *piece {
                Piece::Text(text) | Piece::Link(text) => text,
            })
            .collect();
        assert_eq!(whole, text);
        pieces
            .iter()
            .filter_map(|piece| match *piece {
                Piece::Link(link) => Some(link),
                Piece::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn addresses_are_found_where_they_stand() {
        for (text, expected) in [
            ("because (https://example.com/issues/7, until 2027-03-31)", "https://example.com/issues/7"),
            ("http://localhost:8080/a?b=c&d=e#f.", "http://localhost:8080/a?b=c&d=e#f"),
            ("(see https://example.com/a_(b))", "https://example.com/a_(b)"),
            ("https://example.com", "https://example.com"),
            ("<https://example.com/>", "https://example.com/"),
            ("http https://a.b/http", "https://a.b/http"),
        ] {
            assert_eq!(links(text), [expected], "{text}");
        }
        assert_eq!(links("https://a.b/1 and http://c.d/2"), ["https://a.b/1", "http://c.d/2"]);
    }

    #[test]
    fn nothing_else_can_be_followed() {
        for text in [
            "",
            "http",
            "https://",
            "http:///etc/passwd",
            "https://.",
            "https:// a",
            "javascript:alert(1)",
            "javascript://example.com/%0aalert(1)",
            "data:text/html,https",
            "xhttps://example.com",
            "https://github.com@example.com/",
            "https://exämple.com/",
            "https://example.com\u{202e}/moc",
            "ftp://example.com",
            "HTTPS://example.com",
            "https://[::1]/",
        ] {
            let found = links(text);
            assert!(
                found.is_empty() || text.contains('\u{202e}') && found == ["https://example.com"],
                "{text}: {found:?}"
            );
        }
    }
}
