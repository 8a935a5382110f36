//! Which transactions commit beside each other.

use super::step::{Transaction, expect_not_applied, expect_not_found};
use crate::{
    Context, Failure, Verdict,
    expect::{expect, expect_value},
};

pub(super) async fn no_lost_update(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (key, start) in [("there", Some("start")), ("missing", None)] {
        if let Some(start) = start {
            kv.set(key, start).await?;
        }
        let mut first = Transaction::begin(&context).await?;
        let mut second = Transaction::begin(&context).await?;
        for (transaction, value) in [(&mut first, "first"), (&mut second, "second")] {
            transaction.get(key).await?;
            transaction.set(key, value).await?;
        }
        let ends = [("first", first.commit().await?), ("second", second.commit().await?)];
        let winners: Vec<&str> =
            ends.iter().filter(|(_, aborted)| aborted.is_none()).map(|(name, _)| *name).collect();
        expect(
            winners.len() <= 1,
            format!("two transactions have read a key ({key}) and written it, and both were committed"),
        )?;
        for (_, aborted) in &ends {
            aborted.as_ref().map_or(Ok(()), expect_not_applied)?;
        }
        let left = winners.first().copied().or(start);
        expect_value("Get after two transactions wrote a key", &kv.get(key).await?, left.map(str::as_bytes))?;
    }
    Ok(())
}

pub(super) async fn set_counts_as_a_conflict(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (key, start) in [("there", Some("1")), ("missing", None)] {
        if let Some(start) = start {
            kv.set(key, start).await?;
        }
        let mut transaction = Transaction::begin(&context).await?;
        transaction.get(key).await?;
        kv.set(key, "outside").await?;
        transaction.set(key, "inside").await?;
        let aborted = transaction.commit().await?;
        let there = kv.get(key).await?;
        expect(
            aborted.is_some(),
            format!("a transaction has overwritten a Set ({key}) that came between its read and its write"),
        )?;
        expect_value("Get after that", &there, Some(b"outside"))?;
    }
    Ok(())
}

pub(super) async fn no_write_skew(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("a", "on call").await?;
    kv.set("b", "on call").await?;
    let mut first = Transaction::begin(&context).await?;
    let mut second = Transaction::begin(&context).await?;
    for transaction in [&mut first, &mut second] {
        transaction.get("a").await?;
        transaction.get("b").await?;
    }
    first.set("a", "off").await?;
    second.set("b", "off").await?;
    let ends = [first.commit().await?, second.commit().await?];
    expect(
        ends.iter().any(Option::is_some),
        "two transactions have each written what the other had read, and both were committed",
    )?;
    let left = [kv.get("a").await?, kv.get("b").await?];
    expect(
        left.iter().flatten().any(|value| value == "on call"),
        "after two transactions that each left one of two keys alone, both keys were changed",
    )
}

pub(super) async fn no_mixed_reads(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for (what, second_key) in [("the same key again", "a"), ("another key", "b")] {
        kv.set("a", "old").await?;
        kv.set("b", "old").await?;
        let mut reader = Transaction::begin(&context).await?;
        let first = reader.get("a").await?;
        let mut writer = Transaction::begin(&context).await?;
        writer.set("a", "new").await?;
        writer.set("b", "new").await?;
        // Whether a reader keeps a writer from committing is not what this case is about.
        let written = writer.commit().await?.is_none();
        let second = reader.get(second_key).await?;
        reader.set("result", "mixed").await?;
        let committed = reader.commit().await?.is_none();
        if written && committed && first != second {
            return Err(Failure::violation(format!(
                "a transaction was committed that read a key before another commit and {what} after it"
            ))
            .expected(format!("{first:?} twice, or ABORTED"))
            .got(format!("{first:?}, then {second:?}")));
        }
    }
    Ok(())
}

pub(super) async fn aborted_changes_nothing(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("key", "start").await?;
    let mut transactions = [Transaction::begin(&context).await?, Transaction::begin(&context).await?];
    for (number, transaction) in transactions.iter_mut().enumerate() {
        kv.set(&format!("deleted-{number}"), "before").await?;
        transaction.get("key").await?;
        transaction.set(&format!("new-{number}"), "inside").await?;
        transaction.delete(&format!("deleted-{number}")).await?;
        transaction.set("key", "inside").await?;
    }
    let mut aborted = 0;
    for (number, transaction) in transactions.iter_mut().enumerate() {
        if transaction.commit().await?.is_none() {
            continue;
        }
        aborted += 1;
        expect_value(
            "Get of a key that was set and ABORTED",
            &kv.get(&format!("new-{number}")).await?,
            None,
        )?;
        let kept = kv.get(&format!("deleted-{number}")).await?;
        expect_value("Get of a key that was deleted and ABORTED", &kept, Some(b"before"))?;
        expect_not_found(&kv, "the id of an ABORTED transaction", &transaction.id, "new").await?;
        expect_value("Get of what was set with that id", &kv.get("new").await?, None)?;
    }
    expect(aborted > 0, "two transactions have read and written the same key, and neither was ABORTED")
        .map_err(|failure| failure.clause("KVX-08"))
}

pub(super) async fn commits_without_a_conflict(context: Context) -> Verdict {
    let kv = context.keyvalue();
    for key in ["shared", "a", "b", "elsewhere"] {
        kv.set(key, "before").await?;
    }
    // Both read one key, and write others.
    let mut first = Transaction::begin(&context).await?;
    let mut second = Transaction::begin(&context).await?;
    // Only reads.
    let mut reader = Transaction::begin(&context).await?;
    // Only writes.
    let mut writer = Transaction::begin(&context).await?;
    for transaction in [&mut first, &mut second, &mut reader] {
        transaction.get("shared").await?;
    }
    first.get("a").await?;
    first.set("a", "first").await?;
    second.get("b").await?;
    second.delete("b").await?;
    writer.set("c", "writer").await?;
    // Others write in the meantime, but nothing that any of the four has touched.
    kv.set("elsewhere", "after").await?;
    kv.delete("elsewhere").await?;
    let mut other = Transaction::begin(&context).await?;
    other.set("elsewhere", "again").await?;
    other.must_commit("Commit of a transaction that only writes a key of its own").await?;

    first.must_commit("Commit beside transactions that share a key read").await?;
    writer.must_commit("Commit of a transaction that only writes a key of its own").await?;
    second.must_commit("Commit beside transactions that share a key read").await?;
    reader.must_commit("Commit of a transaction that only reads").await?;
    for (key, expected) in [("a", Some(&b"first"[..])), ("b", None), ("c", Some(b"writer"))] {
        expect_value(format!("Get of {key:?} after four Commits"), &kv.get(key).await?, expected)?;
    }
    Ok(())
}
