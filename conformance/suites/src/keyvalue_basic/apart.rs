//! Namespaces that are apart, instances that agree, data that outlives a restart.

use crate::{
    Case, Context, Failure, FailureKind, Verdict, case,
    client::{KeyValue, Lifecycle},
    expect::{expect_eq, expect_value},
    keyvalue::bulk::patience,
};
use prism_check::quote;
use std::sync::{Mutex, PoisonError};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "keyvalue_basic/namespaces_are_apart",
            &["GEN-03"],
            "The same key in two namespaces is two keys",
            namespaces_are_apart,
        ),
        case(
            "keyvalue_basic/namespace_and_key_are_not_joined",
            &["GEN-03", "GEN-06"],
            "A key that looks like the rest of another namespace's name is still a key of its own",
            not_joined,
        ),
        case(
            "keyvalue_basic/second_instance_agrees",
            &["GEN-15"],
            "What one instance was told, another one on the same server answers",
            second_instance_agrees,
        )
        .second_instance(),
        case(
            "keyvalue_basic/survives_a_restart",
            &["GEN-16"],
            "What was acknowledged before Stop is there after the next Start",
            survives_a_restart,
        )
        .fresh_instance()
        .given("guarantees", "durability", &["driver_restart", "process_crash", "os_crash"]),
    ]
}

async fn namespaces_are_apart(context: Context) -> Verdict {
    let (here, there) = (context.keyvalue(), context.elsewhere().keyvalue());
    here.set("key", "here").await?;
    expect_value("Get in a namespace where nothing was set", &there.get("key").await?, None)?;
    expect_eq("Delete in a namespace where nothing was set", there.delete("key").await?, false)?;
    there.set("key", "there").await?;
    expect_value("Get in the first namespace", &here.get("key").await?, Some(b"here"))?;
    expect_value("Get in the second namespace", &there.get("key").await?, Some(b"there"))?;
    here.delete("key").await?;
    expect_value("Get in the second after Delete in the first", &there.get("key").await?, Some(b"there"))
}

async fn not_joined(context: Context) -> Verdict {
    // The name of the second namespace is that of the first with something behind it. Where a driver joins namespace
    // and key, a key of the first can be made to look like one of the second.
    let elsewhere = context.elsewhere();
    let (here, there) = (context.keyvalue(), elsewhere.keyvalue());
    let rest = elsewhere.namespace().strip_prefix(context.namespace()).unwrap_or_default().to_owned();
    for separator in ["", "-", "--", ":", "/", ".", "_", "|", "\0"] {
        let joined = format!("{rest}{separator}key");
        // With the separator that a driver puts in, the key here must begin after it.
        let key = joined.strip_prefix(separator).unwrap_or(&joined);
        here.set(key, "here").await?;
        let seen = there.get("key").await?;
        expect_value(format!("Get(\"key\") elsewhere, after Set({}) here,", quote(key)), &seen, None)?;
        there.set("key", "there").await?;
        expect_value(
            format!("Get({}) here, after Set(\"key\") elsewhere,", quote(key)),
            &here.get(key).await?,
            Some(b"here"),
        )?;
        there.delete("key").await?;
    }
    Ok(())
}

async fn second_instance_agrees(context: Context) -> Verdict {
    let one = context.keyvalue();
    let other = KeyValue::new(context.second_endpoint().await?);
    agree(&context, &one, None).await?;
    agree(&context, &other, None).await?;
    // Both have read the key before each of these, so that whoever remembers answers is found out.
    for round in 0..3 {
        for (writer, reader) in [(&one, &other), (&other, &one)] {
            let value = format!("value of round {round}");
            writer.set("key", value.clone()).await?;
            agree(&context, reader, Some(value.as_bytes())).await?;
            agree(&context, writer, Some(value.as_bytes())).await?;
            writer.delete("key").await?;
            agree(&context, reader, None).await?;
        }
    }
    Ok(())
}

/// Demands the value, at once where the driver declares so, else in the time that it declares.
async fn agree(context: &Context, kv: &KeyValue, expected: Option<&[u8]>) -> Verdict {
    let last = Mutex::new(None);
    let arrived = context
        .eventually("agreement of the instances", patience(context), || async {
            let (got, exists) = (kv.get("key").await?, kv.exists("key").await?);
            let agrees = got.as_deref() == expected && exists == expected.is_some();
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((got, exists));
            Ok(agrees.then_some(()))
        })
        .await;
    match (arrived, last.into_inner().unwrap_or_else(PoisonError::into_inner)) {
        // Said in terms of the answers, which tell more than that there was no agreement.
        (Err(failure), Some((got, exists))) if failure.kind == FailureKind::Violation => {
            expect_value("Get from an instance after the other was told", &got, expected)?;
            expect_eq("Exists from an instance after the other was told", exists, expected.is_some())
        }
        (arrived, _) => arrived,
    }
}

async fn survives_a_restart(context: Context) -> Verdict {
    let fresh = context.fresh_instance().await?;
    let (lifecycle, kv) = (Lifecycle::new(fresh.endpoint.clone()), KeyValue::new(fresh.endpoint));
    lifecycle.initialize(&fresh.settings).await?;
    lifecycle.start().await?;
    kv.set("kept", "value").await?;
    kv.set("overwritten", "old").await?;
    kv.set("overwritten", "new").await?;
    kv.set("deleted", "value").await?;
    kv.delete("deleted").await?;

    lifecycle.stop().await?;
    lifecycle.initialize(&fresh.settings).await?;
    lifecycle.start().await?;
    let after = |failure: Failure| failure.during("after Stop and Start");
    expect_value("a key that was set", &kv.get("kept").await?, Some(b"value")).map_err(after)?;
    expect_value("a key that was overwritten", &kv.get("overwritten").await?, Some(b"new")).map_err(after)?;
    expect_value("a key that was deleted", &kv.get("deleted").await?, None).map_err(after)?;
    lifecycle.stop().await?;
    Ok(())
}
