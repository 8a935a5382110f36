//! DropNamespace.

use crate::{
    Context, Failure, Seam, Verdict,
    client::{KeyValue, Lifecycle, Ttl},
    expect::{expect_eq, expect_refused, expect_value},
};
use prism_check::pools;
use std::time::Duration;
use tonic::Code;

/// Long enough that nothing expires during a case.
const HOUR: Duration = Duration::from_hours(1);

/// Stores keys of every sort that is declared, and returns their names.
async fn fill(context: &Context, kv: &KeyValue) -> Result<Vec<String>, Failure> {
    let mut keys = pools::keys();
    keys.truncate(24);
    for key in &keys {
        kv.set(key, "value").await?;
    }
    for (declared, key) in
        [("keyvalue_ttl", "with ttl"), ("keyvalue_batch", "batched"), ("keyvalue_cas", "counted")]
    {
        if !context.declaration().has(declared) {
            continue;
        }
        match declared {
            "keyvalue_ttl" => kv.set_with_ttl(key, "value", HOUR).await?,
            "keyvalue_batch" => kv.batch_set(vec![(key.to_owned(), "value".into())]).await?,
            _ => drop(kv.increment(key, 1).await?),
        }
        keys.push(key.to_owned());
    }
    Ok(keys)
}

pub(super) async fn removes_everything(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let keys = fill(&context, &kv).await?;
    context.lifecycle().drop_namespace().await?;
    for key in &keys {
        let what = format!("the key {} after DropNamespace", crate::expect::name(key));
        expect_value(&what, &kv.get(key).await?, None)?;
        expect_eq(what, kv.exists(key).await?, false)?;
    }
    if context.declaration().has("keyvalue_scan") {
        expect_eq("the number of keys after DropNamespace", kv.count("").await?, 0)?;
    }
    if context.declaration().has("keyvalue_ttl") {
        expect_eq("the time to live after DropNamespace", kv.get_ttl("with ttl").await?, Ttl::Missing)?;
    }
    if context.declaration().has("keyvalue_cas") {
        expect_eq("a counter after DropNamespace", kv.increment("counted", 1).await?, 1)?;
    }
    // The namespace is as good as new.
    kv.set("with ttl", "again").await?;
    expect_value("a key that was set after DropNamespace", &kv.get("with ttl").await?, Some(b"again"))
}

pub(super) async fn spares_others(context: Context) -> Verdict {
    // The names of these begin with the name of the first.
    let others = [context.elsewhere(), context.elsewhere(), context.elsewhere()];
    let kv = context.keyvalue();
    kv.set("key", "value").await?;
    for other in &others {
        other.keyvalue().set("key", "theirs").await?;
    }
    context.lifecycle().drop_namespace().await?;
    for other in &others {
        let what = "a key of another namespace after DropNamespace";
        expect_value(what, &other.keyvalue().get("key").await?, Some(b"theirs"))?;
    }
    others[0].lifecycle().drop_namespace().await?;
    let what = "a key of another namespace after the second DropNamespace";
    expect_value(what, &others[1].keyvalue().get("key").await?, Some(b"theirs"))?;
    expect_value("a key of a namespace that was dropped", &others[0].keyvalue().get("key").await?, None)
}

pub(super) async fn of_nothing(context: Context) -> Verdict {
    let lifecycle = context.lifecycle();
    for time in ["first", "second"] {
        lifecycle
            .drop_namespace()
            .await
            .map_err(|status| Failure::from(status).during(format!("the {time} DropNamespace of nothing")))?;
    }
    if context.declaration().has("keyvalue_basic") {
        context.keyvalue().set("key", "value").await?;
        for time in ["first", "second"] {
            lifecycle.drop_namespace().await.map_err(|status| {
                Failure::from(status).during(format!("the {time} DropNamespace of something"))
            })?;
        }
    }
    Ok(())
}

pub(super) async fn needs_a_namespace(context: Context) -> Verdict {
    let without = Lifecycle::new(context.bare_endpoint().layer(Seam::bare()));
    let refused = without.drop_namespace().await;
    expect_refused("DropNamespace without a namespace", refused, Code::InvalidArgument)?;
    for malformed in ["A", "-a", "a_b", "*", ""] {
        let endpoint = context.bare_endpoint().layer(Seam::namespace(malformed));
        let refused = Lifecycle::new(endpoint).drop_namespace().await;
        let what = format!("DropNamespace of the namespace `{malformed}`");
        expect_refused(what, refused, Code::InvalidArgument).map_err(|failure| failure.clause("GEN-02"))?;
    }
    Ok(())
}
