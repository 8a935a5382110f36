//! Listing keys by prefix.

use crate::{declaration::MAX_VALUE_BYTES, driver::Service, error::Error, table::Table, value::Value};
use prism_driver_kit::cursor;
use prism_interfaces::{
    Namespace,
    keyvalue::v1::{
        CountRequest, CountResponse, KeyValueEntry, ScanKeysRequest, ScanKeysResponse, ScanRequest,
        ScanResponse, key_value_scan_server::KeyValueScan,
    },
};
use tonic::{Request, Response, Status};

/// Entries on a page where the caller does not say.
const DEFAULT_LIMIT: usize = 1000;
/// The most entries on a page.
const MAX_LIMIT: usize = 10_000;
/// A page ends before its keys and values are larger than this together, unless it would hold nothing.
const MAX_PAGE_BYTES: usize = MAX_VALUE_BYTES;

/// A listing, which a cursor belongs to.
struct Listing<'a> {
    kind: &'static str,
    namespace: Namespace,
    prefix: &'a str,
}

impl Listing<'_> {
    /// The last key of the page before; none on the first page.
    fn after(&self, cursor: &str) -> Result<Option<String>, Status> {
        let position = cursor::decode(self.kind, &self.namespace, self.prefix, cursor)?;
        Ok(position.map(String::from_utf8).transpose().map_err(|_| Error::CursorInvalid)?)
    }

    /// The cursor after a page; empty where there is nothing more.
    fn next(&self, last: Option<&str>) -> String {
        let encode = |last: &str| cursor::encode(self.kind, &self.namespace, self.prefix, last.as_bytes());
        last.map(encode).unwrap_or_default()
    }
}

fn limit_of(limit: u32) -> usize {
    match limit as usize {
        0 => DEFAULT_LIMIT,
        limit => limit.min(MAX_LIMIT),
    }
}

impl Table {
    /// The keys that start with a prefix, in the order of their bytes.
    fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.range_from(prefix).take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// A page of them, converted by `convert`, which also says how many bytes an entry counts for; and whether there
    /// is more.
    fn page<T>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        convert: impl Fn(&String, &Value) -> (T, usize),
    ) -> (Vec<T>, bool) {
        let mut page = Vec::new();
        let mut bytes = 0;
        // A cursor of this listing points at a key with the prefix, so everything from there on is in order.
        let start = after.unwrap_or(prefix);
        let entries = self.range_from(start).take_while(|(key, _)| key.starts_with(prefix));
        for (key, value) in entries.filter(|(key, _)| after != Some(key.as_str())) {
            let (entry, size) = convert(key, value);
            bytes += size;
            if page.len() == limit || (bytes > MAX_PAGE_BYTES && !page.is_empty()) {
                return (page, true);
            }
            page.push(entry);
        }
        (page, false)
    }
}

#[tonic::async_trait]
impl KeyValueScan for Service {
    async fn scan(&self, request: Request<ScanRequest>) -> Result<Response<ScanResponse>, Status> {
        let namespace = prism_driver_kit::namespace(&request)?;
        let ScanRequest { prefix, limit, cursor } = request.into_inner();
        let listing = Listing { kind: "scan", namespace, prefix: &prefix };
        let after = listing.after(&cursor)?;
        let entry = |key: &String, value: &Value| {
            (KeyValueEntry { key: key.clone(), value: value.to_bytes() }, key.len() + value.as_slice().len())
        };
        let space = self.0.space(&listing.namespace);
        let (entries, more) = space.keys().page(&prefix, after.as_deref(), limit_of(limit), entry);
        let last = entries.last().filter(|_| more).map(|entry| entry.key.as_str());
        Ok(Response::new(ScanResponse { next_cursor: listing.next(last), entries }))
    }

    async fn scan_keys(
        &self,
        request: Request<ScanKeysRequest>,
    ) -> Result<Response<ScanKeysResponse>, Status> {
        let namespace = prism_driver_kit::namespace(&request)?;
        let ScanKeysRequest { prefix, limit, cursor } = request.into_inner();
        let listing = Listing { kind: "scan_keys", namespace, prefix: &prefix };
        let after = listing.after(&cursor)?;
        let space = self.0.space(&listing.namespace);
        let entry = |key: &String, _: &Value| (key.clone(), key.len());
        let (keys, more) = space.keys().page(&prefix, after.as_deref(), limit_of(limit), entry);
        let last = keys.last().filter(|_| more).map(String::as_str);
        Ok(Response::new(ScanKeysResponse { next_cursor: listing.next(last), keys }))
    }

    async fn count(&self, request: Request<CountRequest>) -> Result<Response<CountResponse>, Status> {
        let space = self.space(&request)?;
        let CountRequest { prefix } = request.into_inner();
        let count = space.keys().with_prefix(&prefix).count() as u64;
        Ok(Response::new(CountResponse { count }))
    }
}
