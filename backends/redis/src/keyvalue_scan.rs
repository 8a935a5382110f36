//! Scan, ScanKeys, Count.

use crate::{
    driver::Store,
    error::{Effect, Error},
    names::Names,
    scripts,
};
use bytes::Bytes;
use prism_driver_kit::{Refusal, cursor, namespace};
use prism_interfaces::{
    Namespace,
    keyvalue::v1::{
        CountRequest, CountResponse, KeyValueEntry, ScanKeysRequest, ScanKeysResponse, ScanRequest,
        ScanResponse, key_value_scan_server::KeyValueScan,
    },
};
use tonic::{Request, Response, Status};

/// The most keys of a page, and how many there are where the caller does not say. Redis serves nobody else while it
/// puts a page together.
const MAX_PAGE: u32 = 1000;

/// How large a page gets before it ends, in bytes.
const PAGE_BYTES: usize = 4 << 20;

/// Between which names of values a listing goes, in the notation of ZRANGEBYLEX.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Range {
    /// The keys with a prefix, after `position` where there is one. No key contains the byte 0xFF, because keys are
    /// UTF-8; so what comes before the prefix with that byte is what starts with the prefix.
    fn new(names: &Names, prefix: &str, position: Option<&str>) -> Self {
        let start = names.value(prefix);
        let to = [b"(", start.as_bytes(), b"\xff"].concat();
        let from = match position {
            None => format!("[{start}"),
            Some(key) => format!("({}", names.value(key)),
        };
        Self { from: from.into_bytes(), to }
    }
}

/// A page of values as Redis answers it.
struct Page {
    keys: Vec<String>,
    values: Vec<Bytes>,
    next_cursor: String,
}

impl Store {
    /// A page of the listing `kind`, which is what its cursors are good for.
    async fn page(
        &self,
        kind: &str,
        namespace: &Namespace,
        prefix: &str,
        limit: u32,
        cursor: &str,
        with_values: bool,
    ) -> Result<Page, Status> {
        let names = Names::new(namespace);
        let position = cursor::decode(kind, namespace, prefix, cursor)?
            .map(|position| String::from_utf8(position).map_err(|_| Refusal::CursorInvalid))
            .transpose()?;
        let Range { from, to } = Range::new(&names, prefix, position.as_deref());
        let limit = if limit == 0 { MAX_PAGE } else { limit.min(MAX_PAGE) };
        let mut arguments = vec![from, to, limit.to_string().into_bytes()];
        if with_values {
            arguments.push(PAGE_BYTES.to_string().into_bytes());
        }
        let (last, keys, values): (Bytes, Vec<Bytes>, Vec<Bytes>) = loop {
            if let Some(page) = self.client.run(&scripts::LIST, &names, &[], &arguments).await? {
                break page;
            }
        };
        let key = |value: &Bytes| names.key(value).ok_or(Error::AnswerUnexpected(Effect::None));
        let next_cursor = match &last {
            last if last.is_empty() => String::new(),
            last => cursor::encode(kind, namespace, prefix, key(last)?.as_bytes()),
        };
        Ok(Page { keys: keys.iter().map(key).collect::<Result<_, _>>()?, values, next_cursor })
    }
}

#[tonic::async_trait]
impl KeyValueScan for Store {
    async fn scan(&self, request: Request<ScanRequest>) -> Result<Response<ScanResponse>, Status> {
        let namespace = namespace(&request)?;
        let ScanRequest { prefix, limit, cursor } = request.into_inner();
        let page = self.page("scan", &namespace, &prefix, limit, &cursor, true).await?;
        let entries =
            page.keys.into_iter().zip(page.values).map(|(key, value)| KeyValueEntry { key, value }).collect();
        Ok(Response::new(ScanResponse { entries, next_cursor: page.next_cursor }))
    }

    async fn scan_keys(
        &self,
        request: Request<ScanKeysRequest>,
    ) -> Result<Response<ScanKeysResponse>, Status> {
        let namespace = namespace(&request)?;
        let ScanKeysRequest { prefix, limit, cursor } = request.into_inner();
        let page = self.page("scan_keys", &namespace, &prefix, limit, &cursor, false).await?;
        Ok(Response::new(ScanKeysResponse { keys: page.keys, next_cursor: page.next_cursor }))
    }

    async fn count(&self, request: Request<CountRequest>) -> Result<Response<CountResponse>, Status> {
        let names = Names::new(&namespace(&request)?);
        let Range { from, to } = Range::new(&names, &request.get_ref().prefix, None);
        let arguments = [from, to];
        let count = loop {
            if let Some(count) = self.client.run(&scripts::COUNT, &names, &[], &arguments).await? {
                break count;
            }
        };
        Ok(Response::new(CountResponse { count }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_starts_with_the_prefix_and_comes_after_the_position() {
        let names = Names::new(&Namespace::new("n").unwrap());
        let holds = |range: &Range, key: &str| {
            let value = names.value(key).into_bytes();
            let after = match range.from.split_first().unwrap() {
                (b'[', from) => value.as_slice() >= from,
                (_, from) => value.as_slice() > from,
            };
            assert_eq!(range.to[0], b'(');
            after && value.as_slice() < &range.to[1..]
        };
        let largest = "a\u{10ffff}";
        let all = Range::new(&names, "a", None);
        for (key, inside) in
            [("a", true), ("a\0", true), (largest, true), ("b", false), ("A", false), ("", false)]
        {
            assert_eq!(holds(&all, key), inside, "{key:?}");
        }
        let rest = Range::new(&names, "a", Some("ab"));
        for (key, inside) in [("a", false), ("ab", false), ("ab\0", true), ("ac", true), (largest, true)] {
            assert_eq!(holds(&rest, key), inside, "{key:?}");
        }
        let everything = Range::new(&names, "", None);
        assert!(holds(&everything, "\0") && holds(&everything, "\u{10ffff}"));
    }
}
