//! Cases of keyvalue_batch.

use crate::{
    Case, Context, Failure, Verdict, case,
    client::KeyValue,
    concurrent::joined,
    expect::{expect, expect_eq, expect_refused, expect_value, show},
    keyvalue::{
        bulk::{self, limits},
        steps,
    },
    lockstep::lockstep,
};
use bytes::Bytes;
use prism_check::{pools, quote};
use prism_interfaces::fault;
use proptest::prelude::*;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::task::{JoinSet, yield_now};
use tonic::{Code, Status};

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    let cases = [
        case(
            "keyvalue_batch/set_stores_every_entry",
            &["KVM-01"],
            "BatchSet stores every entry, in place of what was there",
            set_stores_every_entry,
        ),
        case(
            "keyvalue_batch/names_and_values_byte_for_byte",
            &["KVM-01", "GEN-06", "GEN-09"],
            "Batches keep every byte of unusual keys and values",
            byte_for_byte,
        ),
        case(
            "keyvalue_batch/large_batches",
            &["KVM-01", "KVM-07"],
            "Batches of several mebibytes are stored and read back",
            large_batches,
        ),
        case(
            "keyvalue_batch/last_of_repeated_keys_wins",
            &["KVM-02"],
            "Where a key is repeated in a BatchSet, its last value is what is there",
            last_wins,
        ),
        case(
            "keyvalue_batch/bad_entry_refuses_the_whole",
            &["KVM-03", "GEN-05"],
            "A batch with an entry that Set would refuse is refused, and nothing of it is applied",
            bad_entry,
        ),
        case(
            "keyvalue_batch/largest_batch",
            &["KVM-04"],
            "A batch of exactly `max_batch` entries is accepted",
            largest_batch,
        ),
        case(
            "keyvalue_batch/too_large_batch_changes_nothing",
            &["KVM-04"],
            "A batch of one entry more than `max_batch` is refused, and nothing of it is applied",
            too_large_batch,
        ),
        case(
            "keyvalue_batch/empty_batch",
            &["KVM-05"],
            "An empty batch is no error and answers nothing",
            empty_batch,
        ),
        case(
            "keyvalue_batch/nobody_sees_a_part",
            &["KVM-06"],
            "Whoever reads all keys of a BatchSet at once sees all of it or nothing of it",
            nobody_sees_a_part,
        )
        .history()
        .given("keyvalue_batch", "atomic", &["true"]),
        case(
            "keyvalue_batch/nobody_gets_a_part",
            &["KVM-06"],
            "Whoever saw one entry of a BatchSet finds the others no older",
            nobody_gets_a_part,
        )
        .history()
        .given("keyvalue_batch", "atomic", &["true"]),
        case(
            "keyvalue_batch/get_answers_position_by_position",
            &["KVM-07"],
            "BatchGet answers in the order of the request, repeated and missing keys included",
            get_by_position,
        ),
        case(
            "keyvalue_batch/delete_answers_position_by_position",
            &["KVM-08"],
            "BatchDelete removes every key and says of each position whether it was there",
            delete_by_position,
        ),
        case(
            "keyvalue_batch/namespaces_are_apart",
            &["GEN-03"],
            "Batches see and change the keys of their own namespace alone",
            namespaces_are_apart,
        ),
        case(
            "keyvalue_batch/model",
            &["KVM-01", "KVM-02", "KVM-07", "KVM-08"],
            "Any sequence of single and batch operations is answered as the model answers it",
            model,
        )
        .model(),
    ];
    // Every case looks at single keys as well, which the interface needs.
    cases.into_iter().map(|case| case.needs(&["keyvalue_basic"])).collect()
}

/// How many entries a batch may hold, as declared.
fn max_batch(context: &Context) -> usize {
    context.traits("keyvalue_batch").count("max_batch") as usize
}

/// Sets entries in batches that are as large as declared.
async fn set_in_batches(context: &Context, kv: &KeyValue, entries: &[(String, Bytes)]) -> Result<(), Status> {
    for batch in entries.chunks(max_batch(context)) {
        kv.batch_set(batch.to_vec()).await?;
    }
    Ok(())
}

/// Reads keys in batches that are as large as declared, and demands an answer for each.
async fn get_in_batches(
    context: &Context,
    kv: &KeyValue,
    keys: &[String],
) -> Result<Vec<Option<Bytes>>, Failure> {
    let mut all = Vec::new();
    for batch in keys.chunks(max_batch(context)) {
        let got = kv.batch_get(batch).await?;
        expect_eq("the number of answers to BatchGet", got.len(), batch.len())
            .map_err(|failure| failure.clause("KVM-07"))?;
        all.extend(got);
    }
    Ok(all)
}

fn keys_of(entries: &[(String, Bytes)]) -> Vec<String> {
    entries.iter().map(|(key, _)| key.clone()).collect()
}

async fn set_stores_every_entry(context: Context) -> Verdict {
    let kv = context.keyvalue();
    // No round number, so that whoever works in portions has a rest.
    let mut entries = bulk::numbered("key-", 137);
    kv.set(&entries[0].0, "old").await?;
    kv.set(&entries[70].0, "a longer value that was there before").await?;
    for round in 0..2 {
        for (key, value) in &mut entries {
            *value = Bytes::from(format!("{key} in round {round}"));
        }
        set_in_batches(&context, &kv, &entries).await?;
        bulk::demand_all(&kv, &entries).await?;
    }
    Ok(())
}

async fn byte_for_byte(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let values = pools::values();
    let keys = pools::keys().into_iter().enumerate();
    let entries: Vec<_> =
        keys.map(|(number, key)| (key, Bytes::from(values[number % values.len()].clone()))).collect();
    set_in_batches(&context, &kv, &entries).await?;
    bulk::demand_all(&kv, &entries).await?;
    let got = get_in_batches(&context, &kv, &keys_of(&entries)).await?;
    for ((key, value), got) in entries.iter().zip(got) {
        expect_value(format!("BatchGet of {}", quote(key)), &got, Some(value))?;
    }
    Ok(())
}

async fn large_batches(context: Context) -> Verdict {
    const ENTRIES: usize = 6;
    let kv = context.keyvalue();
    let (_, max_value) = limits(&context);
    let size = max_value.min(1 << 20);
    let entries: Vec<_> = (0..ENTRIES)
        .map(|number| (format!("large-{number}"), Bytes::from(bulk::noise(&context, number as u64, size))))
        .collect();
    set_in_batches(&context, &kv, &entries).await?;
    let got = get_in_batches(&context, &kv, &keys_of(&entries)).await?;
    for ((key, value), got) in entries.iter().zip(got) {
        expect_value(format!("BatchGet of {key}, {size} bytes"), &got, Some(value))?;
    }
    Ok(())
}

async fn last_wins(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("there", "before").await?;
    let entries = [("there", "1"), ("new", "1"), ("there", "2"), ("other", "x"), ("new", "2"), ("there", "")];
    let batch: Vec<_> = entries.map(|(key, value)| (key.to_owned(), Bytes::from(value))).into();
    kv.batch_set(batch).await?;
    for (key, expected) in [("there", ""), ("new", "2"), ("other", "x")] {
        expect_value(
            format!("Get of {key:?}, which a batch has set"),
            &kv.get(key).await?,
            Some(expected.as_bytes()),
        )?;
    }
    Ok(())
}

async fn bad_entry(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let (max_key, max_value) = limits(&context);
    kv.set("there", "before").await?;
    let bad = [
        ("an empty key", (String::new(), Bytes::from("value"))),
        ("a key that is too long", ("k".repeat(max_key + 1), Bytes::from("value"))),
        ("a value that is too large", ("large".to_owned(), Bytes::from(vec![0; max_value + 1]))),
    ];
    for (what, entry) in bad {
        for position in 0..3 {
            let mut batch =
                vec![("there".to_owned(), Bytes::from("changed")), ("new".to_owned(), Bytes::from("value"))];
            batch.insert(position, entry.clone());
            let call = format!("BatchSet with {what} at position {position}");
            let status = expect_refused(&call, kv.batch_set(batch).await, Code::InvalidArgument)?;
            expect(fault::write_outcome(&status).is_some(), format!("{call} does not say what became of it"))
                .map_err(|failure| failure.clause("GEN-05"))?;
            let after = |key: &str| format!("Get({key:?}) after {call}");
            expect_value(after("there"), &kv.get("there").await?, Some(b"before"))?;
            expect_value(after("new"), &kv.get("new").await?, None)?;
        }
    }
    Ok(())
}

async fn largest_batch(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let max = max_batch(&context);
    let entries = bulk::numbered("key-", max);
    let keys = keys_of(&entries);
    let during = |rpc: &str, status: Status| Failure::from(status).during(format!("{rpc} of {max} entries"));
    kv.batch_set(entries.clone()).await.map_err(|status| during("BatchSet", status))?;
    let got = kv.batch_get(&keys).await.map_err(|status| during("BatchGet", status))?;
    expect_eq("the number of answers to BatchGet", got.len(), max)?;
    for ((key, value), got) in entries.iter().zip(got) {
        expect_value(format!("BatchGet of {key}"), &got, Some(value))?;
    }
    let existed = kv.batch_delete(&keys).await.map_err(|status| during("BatchDelete", status))?;
    expect_eq("the number of keys that BatchDelete found", existed.iter().filter(|yes| **yes).count(), max)
}

async fn too_large_batch(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let max = max_batch(&context);
    let entries = bulk::numbered("key-", max + 1);
    let keys = keys_of(&entries);
    let call = |rpc: &str| format!("{rpc} of {} entries", max + 1);
    expect_refused(call("BatchSet"), kv.batch_set(entries).await, Code::InvalidArgument)?;
    for key in [&keys[0], &keys[max / 2], &keys[max]] {
        expect_value(format!("Get({key}) after {}", call("BatchSet")), &kv.get(key).await?, None)?;
    }
    expect_refused(call("BatchGet"), kv.batch_get(&keys).await, Code::InvalidArgument)?;
    kv.set(&keys[0], "value").await?;
    expect_refused(call("BatchDelete"), kv.batch_delete(&keys).await, Code::InvalidArgument)?;
    expect_value(format!("Get after {}", call("BatchDelete")), &kv.get(&keys[0]).await?, Some(b"value"))
}

async fn empty_batch(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "value").await?;
    kv.batch_set(Vec::new()).await?;
    expect_eq("BatchGet of nothing", kv.batch_get(&[]).await?, [])?;
    expect_eq("BatchDelete of nothing", kv.batch_delete(&[]).await?, [false; 0])?;
    expect_value("Get after empty batches", &kv.get("key").await?, Some(b"value"))
}

/// The keys that the batches of the two cases below set, far enough apart that no driver meets them in one place.
fn stamped() -> Vec<String> {
    ["a", "b", "k1", "k2", "m", "z"].map(String::from).into()
}

/// Sets all of [`stamped`] to one stamp after another while readers look; `read` is told the readers' number and fails
/// on what it must not see.
async fn while_stamping<F, Fut>(context: &Context, read: F) -> Verdict
where
    F: Fn(usize, KeyValue) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Verdict> + Send + 'static,
{
    const READERS: usize = 3;
    const READS_A_WRITE: usize = 20;
    let writes = context.effort().pick(60, 120, 200);
    let set = async |stamp: usize| {
        let stamp = Bytes::from(stamp.to_string());
        let entries = stamped().into_iter().map(|key| (key, stamp.clone())).collect();
        context.keyvalue().batch_set(entries).await
    };
    set(0).await?;
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (kv, done, read) = (context.keyvalue(), Arc::clone(&done), read.clone());
        readers.spawn(async move {
            // Where writing is slow, readers need not go on for ever.
            for _ in 0..writes * READS_A_WRITE {
                if done.load(Ordering::Acquire) {
                    break;
                }
                read(reader, kv.clone()).await?;
                yield_now().await;
            }
            Verdict::Ok(())
        });
    }
    let mut written = Ok(());
    for stamp in 1..=writes {
        written = set(stamp).await;
        if written.is_err() {
            break;
        }
        yield_now().await;
    }
    done.store(true, Ordering::Release);
    while let Some(reader) = readers.join_next().await {
        joined(reader)?;
    }
    written.map_err(Failure::from)
}

async fn nobody_sees_a_part(context: Context) -> Verdict {
    while_stamping(&context, |_, kv| async move {
        let got = kv.batch_get(&stamped()).await?;
        if got.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(());
        }
        let words = |value: &Option<Bytes>| value.as_deref().map_or_else(|| "nothing".to_owned(), show);
        Err(Failure::violation("BatchGet saw a part of a BatchSet")
            .expected("one value under all keys")
            .got(got.iter().map(words).collect::<Vec<_>>().join(", ")))
    })
    .await
}

async fn nobody_gets_a_part(context: Context) -> Verdict {
    while_stamping(&context, |reader, kv| async move {
        // Some readers go through the keys from the front, others from the back.
        let mut keys = stamped();
        if reader % 2 == 1 {
            keys.reverse();
        }
        let mut before = 0;
        for key in keys {
            let got = kv.get(&key).await?;
            let stamp = got.as_deref().and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
            if stamp.is_none_or(|stamp| stamp < before) {
                return Err(Failure::violation(format!(
                    "Get({key:?}) saw a state from before a part of a batch"
                ))
                .expected(format!("the stamp {before} or a later one, as under the key read before"))
                .got(got.as_deref().map_or_else(|| "nothing".to_owned(), show)));
            }
            before = stamp.unwrap_or(before);
        }
        Ok(())
    })
    .await
}

async fn get_by_position(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("b", "value of b").await?;
    kv.set("a", "value of a").await?;
    kv.set("empty", "").await?;
    let keys = ["b", "missing", "a", "b", "empty", "missing", "b"];
    let expected = keys.map(|key| match key {
        "missing" => None,
        "empty" => Some(Bytes::new()),
        key => Some(Bytes::from(format!("value of {key}"))),
    });
    let got = kv.batch_get(&keys.map(String::from)).await?;
    expect_eq(format!("BatchGet({keys:?})"), got, expected)?;
    expect_eq("BatchGet of a missing key alone", kv.batch_get(&["missing".to_owned()]).await?, [None])
}

async fn delete_by_position(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for key in ["a", "b", "empty", "kept"] {
        kv.set(key, if key == "empty" { "" } else { "value" }).await?;
    }
    let keys = ["b", "missing", "a", "b", "empty", "missing", "a"];
    let expected = [true, false, true, false, true, false, false];
    let got = kv.batch_delete(&keys.map(String::from)).await?;
    expect_eq(format!("BatchDelete({keys:?})"), got, expected)?;
    for key in ["a", "b", "empty", "missing"] {
        expect_value(format!("Get({key:?}) after BatchDelete"), &kv.get(key).await?, None)?;
    }
    expect_value("Get of a key that was not in the batch", &kv.get("kept").await?, Some(b"value"))?;
    let again = kv.batch_delete(&keys.map(String::from)).await?;
    expect_eq(format!("BatchDelete({keys:?}) for the second time"), again, [false; 7])
}

async fn namespaces_are_apart(context: Context) -> Verdict {
    let (here, there) = (context.keyvalue(), context.elsewhere().keyvalue());
    let keys = ["a".to_owned(), "b".to_owned()];
    let entries = |value: &'static str| keys.iter().map(|key| (key.clone(), Bytes::from(value))).collect();
    here.batch_set(entries("here")).await?;
    expect_eq("BatchGet where nothing was set", there.batch_get(&keys).await?, [None, None])?;
    expect_eq("BatchDelete where nothing was set", there.batch_delete(&keys).await?, [false, false])?;
    there.batch_set(entries("there")).await?;
    let both = |value: &'static str| [Some(Bytes::from(value)), Some(Bytes::from(value))];
    expect_eq("BatchGet in the first namespace", here.batch_get(&keys).await?, both("here"))?;
    here.batch_delete(&keys).await?;
    expect_eq("BatchGet in the second namespace", there.batch_get(&keys).await?, both("there"))
}

async fn model(context: Context) -> Verdict {
    let max = max_batch(&context);
    // A driver with tiny batches is asked for no larger ones.
    let step = move |keys: Vec<String>| prop_oneof![1 => steps::basic(keys.clone()), 2 => steps::batch(keys, max.min(6))];
    lockstep(&context, steps::lists(context.effort().operations(), step), steps::judge).await
}
