//! Mutants of keyvalue_scan.

mod contents;
mod paging;
mod prefix;

use crate::Mutant;
use prism_interfaces::{
    Endpoint,
    keyvalue::v1::{KeyValueEntry, ScanRequest, key_value_scan_client::KeyValueScanClient},
};
use tonic::{Request, Status};

use crate::forward::like;

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    [prefix::mutants(), contents::mutants(), paging::mutants()].into_iter().flatten().collect()
}

/// A client that takes answers of any size.
fn client(next: &Endpoint) -> KeyValueScanClient<Endpoint> {
    KeyValueScanClient::new(next.clone()).max_decoding_message_size(usize::MAX)
}

/// Everything under a prefix, in the namespace of the request.
async fn everything<T>(
    next: &Endpoint,
    request: &Request<T>,
    prefix: &str,
) -> Result<Vec<KeyValueEntry>, Status> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let scan = ScanRequest { prefix: prefix.to_owned(), limit: 0, cursor };
        let page = client(next).scan(like(request, scan)).await?.into_inner();
        all.extend(page.entries);
        cursor = page.next_cursor;
        if cursor.is_empty() {
            return Ok(all);
        }
    }
}
