//! Listings while others write.

use crate::{
    Case, Context, Failure, Verdict, case,
    client::KeyValue,
    concurrent::{is_unknown, joined},
};
use prism_check::{
    Outcome,
    scan::{self, Page, Scan, Write},
    stamp,
};
use rand::RngExt;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::task::{JoinSet, yield_now};
use tonic::Status;

const WRITERS: usize = 3;
const SCANNERS: usize = 2;

/// After so many listings a scanner has seen enough of a round, however slow its writers are.
const MOST_SCANS: usize = 24;

/// Keys that nobody touches, and as many that come and go between them.
const STEADY: usize = 16;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "keyvalue_scan/steady_keys_appear_once_while_others_write",
            &["KVS-07", "KVS-05"],
            "While others write, a key that is there throughout appears exactly once",
            steady_keys,
        )
        .history(),
    ]
}

async fn steady_keys(context: Context) -> Verdict {
    for round in 0..context.effort().histories() / 4 {
        let (writes, scans) = record(&context, round).await?;
        for scan in &scans {
            let faults = scan::judge(&writes, scan);
            if let Some(fault) = faults.first() {
                return Err(Failure::violation(format!("a scan while others wrote: {fault}"))
                    .detail(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
            }
        }
    }
    Ok(())
}

/// Some clients write while others list; everything that was written, and every listing.
async fn record(context: &Context, round: usize) -> Result<(Vec<Write>, Vec<Scan>), Failure> {
    let kv = context.keyvalue();
    let prefix = format!("round-{round}-");
    let mut writes = Vec::new();
    for number in 0..STEADY {
        writes.push(set(&kv, format!("{prefix}{number:02}-steady"), number.to_string()).await?);
    }
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (kv, prefix, writing) = (kv.clone(), prefix.clone(), Arc::clone(&writing));
        let mut rng = context.rng((round * 16 + writer) as u64);
        writers.spawn(async move {
            let mut done = Vec::new();
            for seq in 0..40 {
                let number: usize = rng.random_range(0..STEADY);
                // A writer has keys of its own; of the steady ones all may change the value.
                let write = match rng.random_range(0..3) {
                    0 => set(&kv, format!("{prefix}{number:02}-steady"), format!("{writer}.{seq}")).await,
                    1 => {
                        set(&kv, format!("{prefix}{number:02}-of-{writer}"), format!("{writer}.{seq}")).await
                    }
                    _ => match delete(&kv, format!("{prefix}{number:02}-of-{writer}")).await {
                        Ok(None) => continue,
                        Ok(Some(write)) => Ok(write),
                        Err(status) => Err(status),
                    },
                };
                match write {
                    Ok(write) => done.push(write),
                    Err(status) => {
                        writing.fetch_sub(1, Ordering::AcqRel);
                        return Err(status);
                    }
                }
                yield_now().await;
            }
            writing.fetch_sub(1, Ordering::AcqRel);
            Ok(done)
        });
    }
    let ordered = context.traits("keyvalue_scan").flag("ordered");
    let mut scanners = JoinSet::new();
    for scanner in 0..SCANNERS {
        let (kv, prefix, writing) = (kv.clone(), prefix.clone(), Arc::clone(&writing));
        scanners.spawn(async move {
            let mut scans = Vec::new();
            // The last listing begins when the writers are still at it.
            loop {
                scans.push(list(&kv, &prefix, ordered, scanner == 0, [3, 7][scanner % 2]).await?);
                if writing.load(Ordering::Acquire) == 0 || scans.len() >= MOST_SCANS {
                    return Ok::<_, Failure>(scans);
                }
                // A listing of one page has let nobody else have a turn.
                yield_now().await;
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writes.extend(joined(writer.map(|written| written.map_err(Failure::from)))?);
    }
    let mut scans = Vec::new();
    while let Some(scanner) = scanners.join_next().await {
        scans.extend(joined(scanner)?);
    }
    Ok((writes, scans))
}

async fn list(kv: &KeyValue, prefix: &str, ordered: bool, values: bool, limit: u32) -> Result<Scan, Failure> {
    let call = stamp();
    let (mut pages, mut cursor): (Vec<Page>, _) = (Vec::new(), String::new());
    loop {
        let (entries, next) = if values {
            let page = kv.scan(prefix, limit, &cursor).await?;
            let entries = page.entries.into_iter().map(|entry| (entry.key, Some(entry.value.to_vec())));
            (entries.collect(), page.next_cursor)
        } else {
            let page = kv.scan_keys(prefix, limit, &cursor).await?;
            (page.keys.into_iter().map(|key| (key, None)).collect(), page.next_cursor)
        };
        pages.push(Page { limit, entries });
        if next.is_empty() {
            return Ok(Scan { prefix: prefix.to_owned(), ordered, call, returned: stamp(), pages });
        }
        if pages.len() > 2000 {
            return Err(
                Failure::violation("a listing of a few keys goes on after 2000 pages").clause("KVS-04")
            );
        }
        cursor = next;
        yield_now().await;
    }
}

async fn set(kv: &KeyValue, key: String, value: String) -> Result<Write, Status> {
    let call = stamp();
    let outcome = outcome(kv.set(&key, value.clone()).await)?;
    Ok(Write { key, value: Some(value.into_bytes()), call, returned: stamp(), outcome })
}

/// `None` where there was nothing to delete.
async fn delete(kv: &KeyValue, key: String) -> Result<Option<Write>, Status> {
    let call = stamp();
    let result = kv.delete(&key).await;
    if let Ok(false) = result {
        return Ok(None);
    }
    let outcome = outcome(result.map(|_| ()))?;
    Ok(Some(Write { key, value: None, call, returned: stamp(), outcome }))
}

/// What became of a write; an error where it was refused, which none of these may be.
fn outcome(result: Result<(), Status>) -> Result<Outcome<()>, Status> {
    match result {
        Ok(()) => Ok(Outcome::Ok(())),
        Err(status) if is_unknown(&status) => Ok(Outcome::Info),
        Err(status) => Err(status),
    }
}
