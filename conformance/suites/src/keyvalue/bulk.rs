//! Many keys at once, and listings from their first page to their last.

use crate::{Context, Failure, Verdict, client::KeyValue, expect::show};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use prism_check::quote;
use rand::Rng;
use std::time::Duration;
use tonic::Status;

/// Calls that are in flight at once: enough to hide the way to a server, too few to exhaust one.
const IN_FLIGHT: usize = 32;

/// A listing of more pages than this counts as endless: no case sets as many keys, though some pages may be empty.
const MOST_PAGES: usize = 5000;

/// And so does a listing of more entries.
const MOST_ENTRIES: usize = 20_000;

/// The declared limits of keys and values, in bytes.
pub(crate) fn limits(context: &Context) -> (usize, usize) {
    let traits = context.traits("keyvalue_basic");
    (traits.bytes("max_key_bytes") as usize, traits.bytes("max_value_bytes") as usize)
}

/// `count` keys with a common prefix, in the order of their bytes, each with a value of its own.
pub(crate) fn numbered(prefix: &str, count: usize) -> Vec<(String, Bytes)> {
    (0..count).map(|n| (format!("{prefix}{n:05}"), Bytes::from(format!("value {n}")))).collect()
}

/// `len` bytes of noise that follow from the seed of the case.
pub(crate) fn noise(context: &Context, stream: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    context.rng(stream).fill_bytes(&mut bytes);
    bytes
}

/// Sets every entry, many at a time and in no order.
pub(crate) async fn set_all(kv: &KeyValue, entries: &[(String, Bytes)]) -> Result<(), Status> {
    stream::iter(entries.iter().cloned())
        .map(|(key, value)| async move { kv.set(&key, value).await })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await
}

/// Demands that every entry is there, reading many at a time.
pub(crate) async fn demand_all(kv: &KeyValue, entries: &[(String, Bytes)]) -> Verdict {
    stream::iter(entries.iter().cloned())
        .map(|(key, value)| async move {
            let got = kv.get(&key).await?;
            if got.as_ref() == Some(&value) {
                return Ok(());
            }
            Err(Failure::violation(format!("Get({}) is not what was set", quote(&key)))
                .expected(show(&value))
                .got(got.as_deref().map_or_else(|| "nothing".to_owned(), show)))
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await
}

/// The pages of Scan from the first to the last; a listing that does not end is a violation.
pub(crate) async fn scan(
    kv: &KeyValue,
    prefix: &str,
    limit: u32,
) -> Result<Vec<Vec<(String, Bytes)>>, Failure> {
    let mut pages: Vec<Vec<(String, Bytes)>> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = kv.scan(prefix, limit, &cursor).await?;
        pages.push(page.entries.into_iter().map(|entry| (entry.key, entry.value)).collect());
        if page.next_cursor.is_empty() {
            return Ok(pages);
        }
        demand_an_end("Scan", prefix, limit, pages.len(), pages.iter().map(Vec::len).sum())?;
        cursor = page.next_cursor;
    }
}

/// As [`scan`], for ScanKeys.
pub(crate) async fn scan_keys(kv: &KeyValue, prefix: &str, limit: u32) -> Result<Vec<Vec<String>>, Failure> {
    let mut pages: Vec<Vec<String>> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = kv.scan_keys(prefix, limit, &cursor).await?;
        pages.push(page.keys);
        if page.next_cursor.is_empty() {
            return Ok(pages);
        }
        demand_an_end("ScanKeys", prefix, limit, pages.len(), pages.iter().map(Vec::len).sum())?;
        cursor = page.next_cursor;
    }
}

fn demand_an_end(rpc: &str, prefix: &str, limit: u32, pages: usize, entries: usize) -> Verdict {
    if pages < MOST_PAGES && entries < MOST_ENTRIES {
        return Ok(());
    }
    Err(Failure::violation(format!("{rpc} of {} with limit {limit} does not end", quote(prefix)))
        .clause("KVS-04")
        .expected("an empty `next_cursor` at some time")
        .got(format!("{pages} pages with {entries} entries, and another cursor")))
}

/// How long a driver may take until an answer reflects what was acknowledged elsewhere.
pub(crate) fn patience(context: &Context) -> Duration {
    let guarantees = &context.declaration().guarantees;
    if guarantees.choice("consistency") == "linearizable" {
        Duration::ZERO
    } else {
        guarantees.duration("within") + Duration::from_secs(1)
    }
}
