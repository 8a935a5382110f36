//! Listings under concurrent writes: what a scan must show, may show and must not show, given what was written around
//! it and when.
//!
//! A key that is certainly there from before the first page is asked for until the last page has come **must** appear,
//! once. A key that is certainly not there all that time **must not**. Of the others either is right. A value that is
//! shown must have been current at some moment of the scan.
//!
//! Cost: `O(w log w)` for the writes plus, per key, the product of its puts and removals.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use crate::{history::Outcome, quote::quote};

/// Something that put a value under a key or removed it. Reads, and writes that changed nothing (a lost CAS, the removal
/// of a missing key), are not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: String,
    /// The value put there; `None` where the key was removed.
    pub value: Option<Vec<u8>>,
    /// The stamp of the call.
    pub call: u64,
    /// The stamp of the return; of no meaning where the outcome is unknown.
    pub returned: u64,
    /// How it ended. A failed write counts as none; one of unknown outcome may take effect at any time after its call.
    pub outcome: Outcome<()>,
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The limit asked for; 0 for the driver's own.
    pub limit: u32,
    /// What came, in its order; values are `None` where only keys were asked for.
    pub entries: Vec<(String, Option<Vec<u8>>)>,
}

/// A listing from its first page to its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What keys start with.
    pub prefix: String,
    /// Whether the driver declares an order.
    pub ordered: bool,
    /// The stamp of the call for the first page.
    pub call: u64,
    /// The stamp of the return of the last page.
    pub returned: u64,
    /// The pages.
    pub pages: Vec<Page>,
}

/// What is wrong with a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanFault {
    /// A key that was there throughout does not appear (KVS-01, KVS-05, KVS-07).
    Missing {
        /// The key.
        key: String,
    },
    /// A key appears that was not there at any time of the scan (KVS-07).
    NotThere {
        /// The key.
        key: String,
    },
    /// A key appears again (KVS-05, KVS-07).
    Duplicate {
        /// The key.
        key: String,
        /// The pages of its first and of its repeated appearance, from 0.
        pages: (usize, usize),
    },
    /// A key does not start with the prefix (KVS-01).
    OutsidePrefix {
        /// The key.
        key: String,
    },
    /// A key comes after one that its bytes order behind it (KVS-06).
    OutOfOrder {
        /// The key.
        key: String,
        /// The key before it.
        after: String,
    },
    /// A page holds more than was asked for (KVS-04).
    PageTooLong {
        /// The page, from 0.
        page: usize,
        /// What it holds.
        len: usize,
        /// What was asked for.
        limit: u32,
    },
    /// A value that the key did not have at any time of the scan (KVS-01).
    WrongValue {
        /// The key.
        key: String,
        /// The value shown.
        value: Vec<u8>,
    },
    /// More pages than the keys explain; see [`judge_page_count`].
    TooManyPages {
        /// Pages that came.
        pages: usize,
        /// Pages that should have been enough.
        at_most: usize,
    },
}

impl Display for ScanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScanFault::Missing { key } => write!(f, "{} was there throughout and is missing", quote(key)),
            ScanFault::NotThere { key } => write!(f, "{} appears and was not there at any time", quote(key)),
            ScanFault::Duplicate { key, pages: (first, again) } => {
                write!(f, "{} appears on page {first} and again on page {again}", quote(key))
            }
            ScanFault::OutsidePrefix { key } => write!(f, "{} does not start with the prefix", quote(key)),
            ScanFault::OutOfOrder { key, after } => write!(f, "{} comes after {}", quote(key), quote(after)),
            ScanFault::PageTooLong { page, len, limit } => {
                write!(f, "page {page} holds {len} entries, the limit was {limit}")
            }
            ScanFault::WrongValue { key, value } => {
                write!(f, "{} appears with {}, which it did not hold at any time", quote(key), quote(value))
            }
            ScanFault::TooManyPages { pages, at_most } => {
                write!(f, "{pages} pages, {at_most} should have been enough")
            }
        }
    }
}

/// Judges a listing against everything that was written to the namespace, before and during it.
pub fn judge(writes: &[Write], scan: &Scan) -> Vec<ScanFault> {
    let mut faults = Vec::new();
    let mut keys: BTreeMap<&str, Vec<&Write>> = BTreeMap::new();
    for write in writes.iter().filter(|w| w.outcome != Outcome::Fail && w.key.starts_with(&scan.prefix)) {
        keys.entry(&write.key).or_default().push(write);
    }

    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    let mut previous: Option<&str> = None;
    for (number, page) in scan.pages.iter().enumerate() {
        if page.limit > 0 && page.entries.len() > page.limit as usize {
            faults.push(ScanFault::PageTooLong { page: number, len: page.entries.len(), limit: page.limit });
        }
        for (key, value) in &page.entries {
            if !key.starts_with(&scan.prefix) {
                faults.push(ScanFault::OutsidePrefix { key: key.clone() });
                continue;
            }
            if let Some(&first) = shown.get(key.as_str()) {
                faults.push(ScanFault::Duplicate { key: key.clone(), pages: (first, number) });
                continue;
            }
            if let Some(after) = previous.filter(|after| scan.ordered && *after > key.as_str()) {
                faults.push(ScanFault::OutOfOrder { key: key.clone(), after: after.to_owned() });
            }
            shown.insert(key, number);
            previous = Some(key);
            let writes = keys.get(key.as_str()).map_or(&[][..], Vec::as_slice);
            if !may_appear(writes, scan) {
                faults.push(ScanFault::NotThere { key: key.clone() });
            } else if let Some(value) = value.as_ref().filter(|value| !may_hold(writes, scan, value)) {
                faults.push(ScanFault::WrongValue { key: key.clone(), value: value.clone() });
            }
        }
    }
    faults.extend(
        keys.iter()
            .filter(|(key, writes)| !shown.contains_key(*key) && must_appear(writes, scan))
            .map(|(key, _)| ScanFault::Missing { key: (*key).to_owned() }),
    );
    faults
}

/// Judges the number of pages of a listing of `keys` keys while nobody writes: `⌈keys / limit⌉ + 2` are enough for a
/// driver that fills its pages. The contract lets a driver return fewer entries than asked for (`ScanRequest.limit`), so
/// this is a measure of thrift and a guard against listings without end, not a clause.
pub fn judge_page_count(keys: usize, limit: u32, pages: usize) -> Result<(), ScanFault> {
    let at_most = keys.div_ceil(limit.max(1) as usize) + 2;
    if pages <= at_most { Ok(()) } else { Err(ScanFault::TooManyPages { pages, at_most }) }
}

/// Whether `first` had certainly taken effect before `second` began.
fn precedes(first: &Write, second: &Write) -> bool {
    done_before(first, second.call)
}

fn done_before(write: &Write, at: u64) -> bool {
    matches!(write.outcome, Outcome::Ok(())) && write.returned < at
}

/// A put was done before the scan, and no removal that may come after it is done before the scan is over.
fn must_appear(writes: &[&Write], scan: &Scan) -> bool {
    let removals = || writes.iter().filter(|w| w.value.is_none());
    writes.iter().filter(|w| w.value.is_some()).any(|put| {
        done_before(put, scan.call) && removals().all(|r| precedes(r, put) || r.call > scan.returned)
    })
}

/// There is a put that may be in effect at some time of the scan.
fn may_appear(writes: &[&Write], scan: &Scan) -> bool {
    writes.iter().any(|put| put.value.is_some() && in_effect(put, writes, scan))
}

/// There is such a put of this value.
fn may_hold(writes: &[&Write], scan: &Scan, value: &[u8]) -> bool {
    writes.iter().any(|put| put.value.as_deref() == Some(value) && in_effect(put, writes, scan))
}

/// The put had begun by the end of the scan, and nothing that certainly came after it was done before the scan.
fn in_effect(put: &Write, writes: &[&Write], scan: &Scan) -> bool {
    let replaced = writes.iter().any(|other| precedes(put, other) && done_before(other, scan.call));
    put.call <= scan.returned && !replaced
}

#[cfg(test)]
mod tests;
