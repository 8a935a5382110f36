//! The order of a listing, its pages and its cursors.

use super::value;
use prism_driver_kit::{Refusal, cursor};
use prism_interfaces::{
    Fault, Namespace,
    contract::v1::Reason,
    pattern::multicast_registry::v1::{EnumerateRequest, EnumerateResponse, Identity, SortKey},
};
use prost::Message;
use std::cmp::Ordering;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
const MAX_SORT_KEYS: usize = 8;

/// A page ends where it gets larger, so that a client with gRPC's usual limit of 4 MiB can take it.
const PAGE_BYTES: usize = 3 << 20;

/// What a listing is, and where its page begins.
pub(super) struct Listing {
    sort_by: Vec<SortKey>,
    limit: usize,
    omit_metadata: bool,
    /// The last one of the page before, with the fields that are sorted by.
    after: Option<Identity>,
    /// Tells this listing from any other.
    what: String,
    namespace: Namespace,
}

impl Listing {
    /// Reads what was asked for.
    pub(super) fn new(request: &EnumerateRequest, namespace: &Namespace) -> Result<Self, Fault> {
        let refuse =
            |problem: &str| Fault::invalid_argument(Reason::ArgumentInvalid, problem).field("sort_by");
        if request.sort_by.len() > MAX_SORT_KEYS {
            return Err(refuse("`sort_by` has more than 8 fields"));
        }
        if request.sort_by.iter().any(|key| key.field.is_empty()) {
            return Err(refuse("a field of `sort_by` has an empty name"));
        }
        let what = format!("{:?} {:?}", request.filter, request.sort_by);
        let after = cursor::decode(super::ID, namespace, &what, &request.cursor)?
            .map(|position| Identity::decode(&position[..]).map_err(|_| Fault::from(Refusal::CursorInvalid)))
            .transpose()?;
        let limit = match request.limit as usize {
            0 => DEFAULT_LIMIT,
            limit => limit.min(MAX_LIMIT),
        };
        Ok(Self {
            sort_by: request.sort_by.clone(),
            limit,
            omit_metadata: request.omit_metadata,
            after,
            what,
            namespace: namespace.clone(),
        })
    }

    /// The page of all that match; they come in the order of their identities.
    pub(super) fn page(&self, mut matching: Vec<Identity>) -> EnumerateResponse {
        if !self.sort_by.is_empty() {
            matching.sort_by(|left, right| self.order(left, right));
        }
        let total = matching.len() as u64;
        let begin = match &self.after {
            Some(after) => matching.partition_point(|identity| self.order(identity, after).is_le()),
            None => 0,
        };
        let (mut identities, mut bytes) = (Vec::new(), 0);
        let mut rest = matching.drain(begin..).peekable();
        let mut last = None;
        while identities.len() < self.limit
            && let Some(mut identity) = rest.next_if(|_| identities.is_empty() || bytes < PAGE_BYTES)
        {
            last = Some(self.position(&identity));
            if self.omit_metadata {
                identity.metadata.clear();
            }
            bytes += identity.encoded_len();
            identities.push(identity);
        }
        let next_cursor = match (last, rest.peek()) {
            (Some(last), Some(_)) => {
                cursor::encode(super::ID, &self.namespace, &self.what, &last.encode_to_vec())
            }
            _ => String::new(),
        };
        EnumerateResponse { identities, next_cursor, total }
    }

    fn order(&self, left: &Identity, right: &Identity) -> Ordering {
        for SortKey { field, descending } in &self.sort_by {
            let order = match (left.metadata.get(field), right.metadata.get(field)) {
                (Some(left), Some(right)) if *descending => value::sort(right, left),
                (Some(left), Some(right)) => value::sort(left, right),
                // Those that lack the field come last, whatever the direction.
                (left, right) => right.is_some().cmp(&left.is_some()),
            };
            if order.is_ne() {
                return order;
            }
        }
        left.identity.as_bytes().cmp(right.identity.as_bytes())
    }

    /// As much of an identity as its place depends on.
    fn position(&self, identity: &Identity) -> Identity {
        let sorted = identity
            .metadata
            .iter()
            .filter(|(name, _)| self.sort_by.iter().any(|key| key.field == **name))
            .map(|(name, value)| (name.clone(), value.clone()));
        Identity { identity: identity.identity.clone(), metadata: sorted.collect(), ..Identity::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prism_interfaces::pattern::multicast_registry::v1::{Value, value::Kind};

    fn identity(name: &str, load: Option<i64>) -> Identity {
        let load = load.map(|load| ("load".to_owned(), Value { kind: Some(Kind::Integer(load)) }));
        Identity { identity: name.into(), metadata: load.into_iter().collect(), ..Identity::default() }
    }

    fn names(request: &EnumerateRequest, all: &[Identity]) -> Vec<Vec<String>> {
        let namespace = Namespace::new("a").unwrap();
        let (mut pages, mut request) = (Vec::new(), request.clone());
        loop {
            let page = Listing::new(&request, &namespace).unwrap().page(all.to_vec());
            assert_eq!(page.total, all.len() as u64);
            pages.push(page.identities.into_iter().map(|identity| identity.identity).collect());
            if page.next_cursor.is_empty() {
                return pages;
            }
            request.cursor = page.next_cursor;
        }
    }

    #[test]
    fn pages_follow_the_order_and_hold_each_once() {
        let all = [
            identity("a", Some(2)),
            identity("b", None),
            identity("c", Some(1)),
            identity("d", Some(2)),
            identity("e", None),
        ];
        for (limit, descending, expected) in [
            (2, None, vec![vec!["a", "b"], vec!["c", "d"], vec!["e"]]),
            (5, None, vec![vec!["a", "b", "c", "d", "e"]]),
            (2, Some(false), vec![vec!["c", "a"], vec!["d", "b"], vec!["e"]]),
            (2, Some(true), vec![vec!["a", "d"], vec!["c", "b"], vec!["e"]]),
            (1, Some(true), vec![vec!["a"], vec!["d"], vec!["c"], vec!["b"], vec!["e"]]),
        ] {
            let sort_by = descending
                .map(|descending| SortKey { field: "load".into(), descending })
                .into_iter()
                .collect();
            let request = EnumerateRequest { limit, sort_by, ..EnumerateRequest::default() };
            assert_eq!(names(&request, &all), expected, "{limit} {descending:?}");
        }
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_and_holds_at_least_one() {
        let large = |name: &str| {
            let value = Value { kind: Some(Kind::Text("x".repeat(2 << 20))) };
            Identity { metadata: [("x".to_owned(), value)].into(), ..identity(name, None) }
        };
        let all = [large("a"), large("b"), large("c")];
        assert_eq!(names(&EnumerateRequest::default(), &all), [vec!["a", "b"], vec!["c"]]);
    }
}
