//! Limits of names and values, and what a refusal leaves behind.

use crate::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq, expect_refused, expect_value},
    keyvalue::bulk::{self, limits},
};
use prism_interfaces::fault;
use rand::RngExt;
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "keyvalue_basic/longest_names",
            &["GEN-08", "GEN-06"],
            "Keys of exactly the declared length work, whatever their characters",
            longest_names,
        ),
        case(
            "keyvalue_basic/too_long_name_changes_nothing",
            &["GEN-08", "KVB-04"],
            "Set of a key that is a byte too long is refused and changes nothing",
            too_long_name,
        ),
        case(
            "keyvalue_basic/largest_value",
            &["GEN-10", "GEN-09"],
            "A value of exactly the declared size comes back as it was stored",
            largest_value,
        ),
        case(
            "keyvalue_basic/too_large_value_changes_nothing",
            &["GEN-10", "KVB-04"],
            "Set of a value that is a byte too large is refused and leaves what was there",
            too_large_value,
        ),
        case(
            "keyvalue_basic/limits_are_generous",
            &["GEN-17"],
            "Values of a mebibyte are within the declared limit, and work",
            limits_are_generous,
        ),
        case(
            "keyvalue_basic/refusals_say_what_became_of_the_write",
            &["GEN-05"],
            "A refused write says whether it was applied",
            refusals_say_outcome,
        ),
    ]
}

async fn longest_names(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let (max, _) = limits(&context);
    // Cut or filled up with `x` to exactly the limit, at a character boundary.
    let fit = |part: &str| {
        let mut name = part.repeat(max / part.len());
        name.push_str(&"x".repeat(max - name.len()));
        name
    };
    let mut rng = context.rng(0);
    let hex: String = (0..max).map(|_| char::from(b"0123456789abcdef"[rng.random_range(0..16)])).collect();
    let same = "k".repeat(max - 1);
    let names = [
        ("that differs from the next in the last byte", format!("{same}1")),
        ("that differs from the one before in the last byte", format!("{same}2")),
        ("of noise", hex),
        ("of two-byte characters", fit("é")),
        ("of four-byte characters", fit("😀")),
        ("of NULs", fit("\0")),
        ("of percent signs and slashes", fit("%/")),
    ];
    for (number, (what, name)) in names.iter().enumerate() {
        kv.set(name, format!("value {number}"))
            .await
            .map_err(|status| Failure::from(status).during(format!("Set of a key of {max} bytes, {what}")))?;
    }
    for (number, (what, name)) in names.iter().enumerate() {
        let expected = format!("value {number}");
        expect_value(
            format!("Get of a key of {max} bytes, {what},"),
            &kv.get(name).await?,
            Some(expected.as_bytes()),
        )?;
        expect_eq(format!("Delete of a key of {max} bytes, {what},"), kv.delete(name).await?, true)?;
    }
    Ok(())
}

async fn too_long_name(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let (max, _) = limits(&context);
    // In characters the second one is far below the limit.
    let wide = format!("{}{}", "é".repeat(max / 2), "x".repeat(max % 2));
    for longest in ["k".repeat(max), wide] {
        kv.set(&longest, "kept").await?;
        let too_long = format!("{longest}x");
        expect_refused(
            format!("Set of a key of {} bytes", too_long.len()),
            kv.set(&too_long, "changed").await,
            Code::InvalidArgument,
        )?;
        expect_value("Get of the key without its last byte", &kv.get(&longest).await?, Some(b"kept"))?;
    }
    Ok(())
}

async fn largest_value(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let (_, max) = limits(&context);
    let value = bulk::noise(&context, 0, max);
    kv.set("key", value.clone())
        .await
        .map_err(|status| Failure::from(status).during(format!("Set of a value of {max} bytes")))?;
    expect_value(format!("Get of a value of {max} bytes"), &kv.get("key").await?, Some(&value))
}

async fn too_large_value(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let (_, max) = limits(&context);
    kv.set("key", "kept").await?;
    for key in ["key", "missing"] {
        expect_refused(
            format!("Set of a value of {} bytes", max + 1),
            kv.set(key, vec![b'v'; max + 1]).await,
            Code::InvalidArgument,
        )?;
    }
    expect_value("Get of the key that was there before", &kv.get("key").await?, Some(b"kept"))?;
    expect_value("Get of the key that was not there before", &kv.get("missing").await?, None)
}

async fn limits_are_generous(context: Context) -> Verdict {
    const MEBIBYTE: usize = 1 << 20;
    let (max_key, max_value) = limits(&context);
    expect(max_key >= 256, format!("`max_key_bytes` is declared as {max_key}"))?;
    expect(max_value >= MEBIBYTE, format!("`max_value_bytes` is declared as {max_value}"))?;
    let kv = context.keyvalue();
    let value = bulk::noise(&context, 0, MEBIBYTE);
    kv.set("key", value.clone()).await?;
    expect_value("Get of a value of a mebibyte", &kv.get("key").await?, Some(&value))
}

async fn refusals_say_outcome(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let (max_key, max_value) = limits(&context);
    let too_long = "k".repeat(max_key + 1);
    let refused = [
        ("Set of an empty key", kv.set("", "value").await),
        ("Set of a key that is too long", kv.set(&too_long, "value").await),
        ("Set of a value that is too large", kv.set("key", vec![0; max_value + 1]).await),
        ("Delete of an empty key", kv.delete("").await.map(|_| ())),
    ];
    for (what, result) in refused {
        let status = expect_refused(what, result, Code::InvalidArgument)?;
        if fault::write_outcome(&status).is_none() {
            let info = tonic_types::StatusExt::get_details_error_info(&status);
            return Err(Failure::violation(format!("{what} does not say what became of the write"))
                .expected("`outcome` of `not_applied` or `unknown` in ErrorInfo.metadata")
                .got(format!("{:?}", info.map(|info| info.metadata))));
        }
    }
    Ok(())
}
