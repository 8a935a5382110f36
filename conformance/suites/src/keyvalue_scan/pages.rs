//! Paging: sizes, ends and cursors.

use crate::{
    Case, Context, Failure, Verdict, case,
    client::KeyValue,
    expect::{expect, expect_eq, expect_refused},
    keyvalue::bulk,
};
use prism_check::quote;
use std::collections::BTreeSet;
use tonic::Code;

/// More than the default page of any driver that we know, so that a cap shows.
const MANY: usize = 1500;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "keyvalue_scan/pages_hold_at_most_limit",
            &["KVS-04"],
            "A page holds at most `limit` entries",
            pages_hold_at_most_limit,
        ),
        case(
            "keyvalue_scan/nothing_to_list",
            &["KVS-04", "KVS-01"],
            "A listing of nothing comes to its end without entries",
            nothing_to_list,
        ),
        case(
            "keyvalue_scan/page_sizes_agree",
            &["KVS-05", "KVS-10"],
            "Every page size yields the same keys, each once",
            page_sizes_agree,
        ),
        case(
            "keyvalue_scan/default_limit_reaches_every_key",
            &["KVS-09"],
            "With a limit of 0 every key is reached",
            default_limit,
        ),
        case(
            "keyvalue_scan/foreign_cursor_is_refused",
            &["KVS-08"],
            "A cursor that was not made for the listing is refused",
            foreign_cursor,
        ),
        case(
            "keyvalue_scan/deletes_between_pages",
            &["KVS-07", "KVS-05"],
            "Keys that are deleted between two pages make no other key disappear",
            deletes_between_pages,
        ),
        case(
            "keyvalue_scan/inserts_between_pages",
            &["KVS-07", "KVS-05"],
            "Keys that are set between two pages make no other key come twice",
            inserts_between_pages,
        ),
    ]
}

async fn pages_hold_at_most_limit(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let entries = bulk::numbered("key-", 12);
    bulk::set_all(&kv, &entries).await?;
    // Among them divisors of the number of keys, the number itself and its neighbours.
    for limit in [1, 2, 3, 5, 11, 12, 13, 100] {
        let (mut cursor, mut seen) = (String::new(), 0);
        loop {
            let page = kv.scan("key-", limit, &cursor).await?;
            let len = page.entries.len();
            seen += len;
            expect(len <= limit as usize, format!("a page of Scan with limit {limit} holds {len} entries"))?;
            let keys = kv.scan_keys("key-", limit, "").await?.keys.len();
            expect(
                keys <= limit as usize,
                format!("a page of ScanKeys with limit {limit} holds {keys} keys"),
            )?;
            cursor = page.next_cursor;
            if cursor.is_empty() {
                break;
            }
            expect(seen <= entries.len(), format!("Scan with limit {limit} goes on after {seen} entries"))?;
        }
        expect_eq(format!("the number of entries in all pages of {limit}"), seen, entries.len())?;
    }
    Ok(())
}

async fn nothing_to_list(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for limit in [0, 1, 10] {
        expect_eq("Scan of an empty namespace", bulk::scan(&kv, "", limit).await?.concat(), [])?;
    }
    kv.set("key", "value").await?;
    for prefix in ["no such prefix", "key-", "kez", "\u{10ffff}"] {
        let what = format!("of {} beside \"key\"", quote(prefix));
        expect_eq(format!("Scan {what}"), bulk::scan(&kv, prefix, 10).await?.concat(), [])?;
        let keys = bulk::scan_keys(&kv, prefix, 10).await?.concat();
        expect_eq(format!("ScanKeys {what}"), keys, Vec::<String>::new())?;
    }
    Ok(())
}

async fn page_sizes_agree(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let entries = bulk::numbered("key-", MANY);
    bulk::set_all(&kv, &entries).await?;
    // Neighbours of the listing, which are not to be listed.
    kv.set("key", "before").await?;
    kv.set("key.", "after").await?;
    let expected: Vec<_> = entries.iter().map(|(key, _)| key.clone()).collect();
    for limit in [7, 1000, u32::MAX] {
        let got = bulk::scan(&kv, "key-", limit).await?.concat();
        let got = got.into_iter().map(|(key, _)| key).collect();
        same_keys(&format!("Scan in pages of {limit}"), got, &expected)?;
    }
    for limit in [1, 2, 3, 1000, u32::MAX] {
        let got = bulk::scan_keys(&kv, "key-", limit).await?.concat();
        same_keys(&format!("ScanKeys in pages of {limit}"), got, &expected)?;
    }
    Ok(())
}

/// Demands exactly the expected keys, which are sorted, in any order.
fn same_keys(what: &str, mut got: Vec<String>, expected: &[String]) -> Verdict {
    got.sort();
    if let Some([twice, ..]) = got.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::violation(format!("{what} yields {} more than once", quote(twice))));
    }
    let (found, wanted) = (got.iter().collect::<BTreeSet<_>>(), expected.iter().collect::<BTreeSet<_>>());
    let missing = wanted.difference(&found).next();
    let foreign = found.difference(&wanted).next();
    if missing.is_none() && foreign.is_none() {
        return Ok(());
    }
    let words = |key: Option<&&String>| key.map_or_else(|| "none".to_owned(), quote);
    Err(Failure::violation(format!("{what} does not yield the keys that are there"))
        .expected(format!("{} keys", expected.len()))
        .got(format!("{} keys; missing {}, foreign {}", got.len(), words(missing), words(foreign))))
}

async fn default_limit(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let entries = bulk::numbered("key-", MANY);
    bulk::set_all(&kv, &entries).await?;
    let expected: Vec<_> = entries.into_iter().map(|(key, _)| key).collect();
    let got = bulk::scan(&kv, "", 0).await?.concat();
    same_keys("Scan with limit 0", got.into_iter().map(|(key, _)| key).collect(), &expected)?;
    let got = bulk::scan_keys(&kv, "", 0).await?.concat();
    same_keys("ScanKeys with limit 0", got, &expected)?;
    expect_eq("Count", kv.count("key-").await?, MANY as u64)
}

async fn foreign_cursor(context: Context) -> Verdict {
    let (kv, elsewhere) = (context.keyvalue(), context.elsewhere().keyvalue());
    for kv in [&kv, &elsewhere] {
        bulk::set_all(kv, &bulk::numbered("key-", 9)).await?;
        bulk::set_all(kv, &bulk::numbered("other-", 9)).await?;
    }
    let of_entries = [
        ("of another prefix", kv.scan("other-", 2, "").await?.next_cursor),
        ("of a shorter prefix", kv.scan("", 2, "").await?.next_cursor),
        ("of another namespace", elsewhere.scan("key-", 2, "").await?.next_cursor),
    ];
    let of_keys = [
        ("of another prefix", kv.scan_keys("other-", 2, "").await?.next_cursor),
        ("of a shorter prefix", kv.scan_keys("", 2, "").await?.next_cursor),
        ("of another namespace", elsewhere.scan_keys("key-", 2, "").await?.next_cursor),
    ];
    let garbage = ["garbage", "0", "1", "-1", "key-00003", "\0", "%00", "!", "e30="];
    let garbage = || garbage.map(|cursor| ("of garbage", cursor.to_owned()));
    for (what, cursor) in of_entries.into_iter().chain(garbage()) {
        // An ordered listing of nine keys does not fit into a page of two.
        expect(!cursor.is_empty(), "nine keys fit into a page of two")?;
        let answer = kv.scan("key-", 2, &cursor).await;
        let what = format!("Scan with a cursor {what}, {},", quote(&cursor));
        expect_refused(what, answer, Code::InvalidArgument)?;
    }
    for (what, cursor) in of_keys.into_iter().chain(garbage()) {
        expect(!cursor.is_empty(), "nine keys fit into a page of two")?;
        let answer = kv.scan_keys("key-", 2, &cursor).await;
        let what = format!("ScanKeys with a cursor {what}, {},", quote(&cursor));
        expect_refused(what, answer, Code::InvalidArgument)?;
    }
    Ok(())
}

async fn deletes_between_pages(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for keys_only in [false, true] {
        let (seen, expected) = list_while(&kv, "deletes-", keys_only, Between::Deletes).await?;
        same_keys("a listing whose keys are deleted once they were listed", seen, &expected)?;
    }
    Ok(())
}

async fn inserts_between_pages(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for keys_only in [false, true] {
        let prefix = format!("inserts-{keys_only}-");
        let (mut seen, expected) = list_while(&kv, &prefix, keys_only, Between::Inserts).await?;
        // Where the order is not that of bytes, new keys may be listed as well.
        seen.retain(|key| !key.contains('!'));
        same_keys("a listing during which keys come before those that were listed", seen, &expected)?;
    }
    Ok(())
}

/// What happens between two pages, once for each key of the page before.
#[derive(Clone, Copy)]
enum Between {
    /// The key goes.
    Deletes,
    /// Another key comes, which sorts before all that are listed.
    Inserts,
}

/// Sets 20 keys and lists them in pages of three, with something between the pages. What was listed, and what was to
/// be listed.
async fn list_while(
    kv: &KeyValue,
    prefix: &str,
    keys_only: bool,
    between: Between,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let entries = bulk::numbered(prefix, 20);
    bulk::set_all(kv, &entries).await?;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (keys, next) = if keys_only {
            let page = kv.scan_keys(prefix, 3, &cursor).await?;
            (page.keys, page.next_cursor)
        } else {
            let page = kv.scan(prefix, 3, &cursor).await?;
            (page.entries.into_iter().map(|entry| entry.key).collect(), page.next_cursor)
        };
        seen.extend(keys.clone());
        if next.is_empty() || seen.len() > 200 {
            return Ok((seen, entries.into_iter().map(|(key, _)| key).collect()));
        }
        for key in keys {
            match between {
                Between::Deletes => kv.delete(&key).await.map(|_| ())?,
                Between::Inserts => kv.set(&format!("{prefix}!{key}"), "new").await?,
            }
        }
        cursor = next;
    }
}
