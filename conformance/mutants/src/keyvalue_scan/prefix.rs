//! Prefixes that match too much or too little.

use super::{client, everything};
use crate::{
    Mutant,
    forward::{ScanTwist, scan},
    mutant::mutant,
};
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{
        CountRequest, CountResponse, ScanKeysRequest, ScanKeysResponse, ScanRequest, ScanResponse,
    },
};
use tonic::{Request, Response, Status};

pub(super) fn mutants() -> Vec<Mutant> {
    let twisted = |id, sentence, twist: Matching| crate::mutant::Mutant {
        id,
        sentence,
        subject: crate::Subject::Endpoint(std::sync::Arc::new(move || {
            Box::new(move |next| scan(next, twist))
        })),
    };
    vec![
        twisted(
            "keyvalue_scan/prefix_is_a_like_pattern",
            "`%` and `_` in a prefix match anything, as in SQL",
            Matching {
                asked: |prefix| before(prefix, &['%', '_']),
                matches: |prefix, key| like(&format!("{prefix}%"), key),
            },
        ),
        twisted(
            "keyvalue_scan/prefix_is_a_glob_pattern",
            "`*` and `?` in a prefix match anything, as in a shell",
            Matching {
                asked: |prefix| before(prefix, &['*', '?']),
                matches: |prefix, key| {
                    let swapped = |text: &str| text.replace('%', "\u{1}").replace('_', "\u{2}");
                    let pattern = swapped(prefix).replace('*', "%").replace('?', "_");
                    like(&format!("{pattern}%"), &swapped(key))
                },
            },
        ),
        twisted(
            "keyvalue_scan/prefix_is_folded",
            "Prefixes match without case",
            Matching {
                asked: |_| "",
                matches: |prefix, key| key.to_lowercase().starts_with(&prefix.to_lowercase()),
            },
        ),
        twisted(
            "keyvalue_scan/prefix_ends_at_nul",
            "A prefix is cut at its first NUL",
            Matching {
                asked: |prefix| before(prefix, &['\0']),
                matches: |prefix, key| key.starts_with(before(prefix, &['\0'])),
            },
        ),
        twisted(
            "keyvalue_scan/prefix_is_a_substring",
            "A prefix matches anywhere in a key",
            Matching { asked: |_| "", matches: |prefix, key| key.contains(prefix) },
        ),
        twisted(
            "keyvalue_scan/prefix_itself_is_left_out",
            "A key that equals the prefix is not listed",
            Matching { asked: |prefix| prefix, matches: |prefix, key| key != prefix },
        ),
        mutant("keyvalue_scan/empty_prefix_is_nothing", "An empty prefix matches no key", |next| {
            scan(next, EmptyPrefixIsNothing)
        }),
    ]
}

fn before<'a>(text: &'a str, stops: &[char]) -> &'a str {
    text.split(stops).next().unwrap_or_default()
}

/// Whether SQL's LIKE without an escape character would match.
fn like(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    if first == '%' {
        return rest.is_empty()
            || text.char_indices().any(|(at, _)| like(rest, &text[at..]))
            || like(rest, "");
    }
    let mut chars = text.chars();
    chars.next().is_some_and(|next| (first == '_' || first == next) && like(rest, chars.as_str()))
}

/// Asks for a shorter prefix and keeps what matches by a rule of its own.
#[derive(Clone, Copy)]
struct Matching {
    asked: fn(&str) -> &str,
    matches: fn(&str, &str) -> bool,
}

#[tonic::async_trait]
impl ScanTwist for Matching {
    async fn scan(
        &self,
        next: &Endpoint,
        mut request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let prefix = request.get_ref().prefix.clone();
        (self.asked)(&prefix).clone_into(&mut request.get_mut().prefix);
        let mut response = client(next).scan(request).await?;
        response.get_mut().entries.retain(|entry| (self.matches)(&prefix, &entry.key));
        Ok(response)
    }

    async fn scan_keys(
        &self,
        next: &Endpoint,
        mut request: Request<ScanKeysRequest>,
    ) -> Result<Response<ScanKeysResponse>, Status> {
        let prefix = request.get_ref().prefix.clone();
        (self.asked)(&prefix).clone_into(&mut request.get_mut().prefix);
        let mut response = client(next).scan_keys(request).await?;
        response.get_mut().keys.retain(|key| (self.matches)(&prefix, key));
        Ok(response)
    }

    async fn count(
        &self,
        next: &Endpoint,
        request: Request<CountRequest>,
    ) -> Result<Response<CountResponse>, Status> {
        let prefix = &request.get_ref().prefix;
        let entries = everything(next, &request, (self.asked)(prefix)).await?;
        let count = entries.iter().filter(|entry| (self.matches)(prefix, &entry.key)).count() as u64;
        Ok(Response::new(CountResponse { count }))
    }
}

struct EmptyPrefixIsNothing;

#[tonic::async_trait]
impl ScanTwist for EmptyPrefixIsNothing {
    async fn scan(
        &self,
        next: &Endpoint,
        request: Request<ScanRequest>,
    ) -> Result<Response<ScanResponse>, Status> {
        let is_empty = request.get_ref().prefix.is_empty();
        let mut response = client(next).scan(request).await?;
        if is_empty {
            *response.get_mut() = ScanResponse::default();
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_match_as_in_sql() {
        for (pattern, text) in
            [("a%", "a"), ("a%", "a%b"), ("_%", "é"), ("%b", "aab"), ("a_c", "abc"), ("", "")]
        {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a%", "ba"), ("_", ""), ("a_c", "ac"), ("", "a"), ("%b", "bc")] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }
}
