//! Register and Unregister: what is registered, what is refused, how much there may be.

use super::{
    Build, Registry,
    client::{data, flag, identity, integer, list, null, number, text},
    slots::{registry, registry_over},
};
use crate::twist::Meeting;
use prism_interfaces::{
    fault,
    pattern::multicast_registry::v1::{RegisterRequest, Value},
};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq, expect_refused},
};
use tonic::{Code, Status};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_multicast_registry/registered_is_listed",
            &["MCR-04"],
            "What is registered is listed once, with its topic and every kind of metadata unchanged",
            registered_is_listed,
        ),
        case(
            "pattern_multicast_registry/duplicate_is_refused",
            &["MCR-05"],
            "An identity that is registered cannot be registered again, and stays as it was",
            duplicate_is_refused,
        ),
        case(
            "pattern_multicast_registry/replacing_leaves_nothing_of_the_old",
            &["MCR-06"],
            "A replacement has its own topic and metadata, and says that there was something to replace",
            replacing_leaves_nothing,
        ),
        case(
            "pattern_multicast_registry/identities_are_bytes",
            &["MCR-09", "MCR-16"],
            "Identities that differ in a byte are different, and are listed in the order of their bytes",
            identities_are_bytes,
        ),
        case(
            "pattern_multicast_registry/identities_have_a_limit",
            &["MCR-09"],
            "An empty identity and one that is too long are refused, one of exactly the limit is not",
            identities_have_a_limit,
        ),
        case(
            "pattern_multicast_registry/bad_metadata_are_refused",
            &["MCR-10"],
            "Metadata that make no sense are refused with the name of the field, and change nothing",
            bad_metadata,
        ),
        case(
            "pattern_multicast_registry/field_types_are_kept",
            &["MCR-10"],
            "A field of another kind than the parameter says is refused, and no other",
            field_types,
        ),
        case(
            "pattern_multicast_registry/metadata_have_a_limit",
            &["MCR-11"],
            "Metadata of exactly the limit are accepted, and of a byte more refused",
            metadata_have_a_limit,
        ),
        case(
            "pattern_multicast_registry/full_is_full",
            &["MCR-12"],
            "One identity more than may be is refused, replacing is not, and what goes makes room",
            full_is_full,
        ),
        case(
            "pattern_multicast_registry/full_is_full_at_once",
            &["MCR-12"],
            "Of registrations that arrive at once, no more are acknowledged than may be",
            full_at_once,
        )
        .given("pattern_multicast_registry", "atomic", &["true"]),
        case(
            "pattern_multicast_registry/one_of_a_race_wins",
            &["MCR-13"],
            "Of several registrations of one identity that race, exactly one succeeds",
            one_of_a_race,
        )
        .given("pattern_multicast_registry", "atomic", &["true"]),
        case(
            "pattern_multicast_registry/unregister_removes_it_alone",
            &["MCR-14"],
            "Unregister removes the identity and no other, and says whether there was one",
            unregister,
        ),
    ]
}

/// Demands a refusal with this code and reason.
pub(super) fn refused<T: std::fmt::Debug>(
    what: &str,
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
) -> Result<Status, Failure> {
    let status = expect_refused(what, answer, code)?;
    expect_eq(format!("the reason of {what}"), fault::reason(&status).as_deref(), Some(reason))?;
    Ok(status)
}

fn many_kinds() -> RegisterRequest {
    identity("all kinds")
        .with("text", text("\u{e9}\0 e\u{301}%"))
        .with("empty", text(""))
        .with("integer", integer(i64::MIN))
        .with("beyond doubles", integer((1 << 53) + 1))
        .with("number", number(-0.1))
        .with("infinite", number(f64::NEG_INFINITY))
        .with("flag", flag(false))
        .with("data", data(b"\xff\0"))
        .with("list", list([integer(1), text("x"), null(), number(1.0)]))
        .with("empty list", list([]))
        .with("null", null())
        .with(" \0", flag(true))
}

async fn registered_is_listed(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let request = many_kinds();
    let answer = registry.register(request.clone()).await?;
    expect(!answer.replaced, "Register of what was not there says that something was replaced")?;
    expect(answer.expires_at.is_none(), "Register without a TTL says when it expires")?;
    registry.register(identity("other")).await?;
    let listed = registry.list(None).await?;
    expect_eq("the number of identities", listed.len(), 2)?;
    let found = &listed[0];
    expect_eq("the identity", &found.identity, &request.identity)?;
    expect_eq("the topic", &found.topic, &request.topic)?;
    for (field, value) in &request.metadata {
        expect_eq(format!("the field {field:?}"), found.metadata.get(field), Some(value))?;
    }
    expect_eq("the number of fields", found.metadata.len(), request.metadata.len())?;
    expect_eq("when it was registered", &found.registered_at, &answer.registered_at)?;
    expect(found.registered_at.is_some(), "nothing says when it was registered")
}

async fn duplicate_is_refused(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    registry.register(identity("a").with("version", integer(1))).await?;
    let before = registry.list(None).await?;
    let again = registry.register(identity("a").with("version", integer(2))).await;
    refused("Register of what is registered", again, Code::AlreadyExists, "IDENTITY_EXISTS")?;
    expect_eq("what is registered", registry.list(None).await?, before)
}

async fn replacing_leaves_nothing(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    registry.register(identity("a").with("old", integer(1)).with("both", integer(1))).await?;
    let mut other = identity("a").with("both", integer(2)).with("new", integer(2)).replacing();
    "elsewhere".clone_into(&mut other.topic);
    let answer = registry.register(other.clone()).await?;
    expect(answer.replaced, "Register with `replace` of what was there says that there was nothing")?;
    let listed = registry.list(None).await?;
    expect_eq("the number of identities", listed.len(), 1)?;
    expect_eq("the topic", &listed[0].topic, &other.topic)?;
    expect_eq("the metadata", &listed[0].metadata, &other.metadata)?;
    let answer = registry.register(identity("b").replacing()).await?;
    expect(!answer.replaced, "Register with `replace` of what was not there says that something was replaced")
}

async fn identities_are_bytes(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let mut names =
        ["A", "a", " a", "a ", "a\0", "aa", "\u{e9}", "e\u{301}", "%", "*", "a/b", "a/../b", "\u{1f600}"];
    for name in names {
        let mut request = identity(name);
        "topic".clone_into(&mut request.topic);
        registry.register(request).await?;
    }
    names.sort_unstable();
    expect_eq("the identities", registry.names(None).await?, names)?;
    expect_eq("the answer to Unregister(\"a\")", registry.unregister("a").await?, true)?;
    let left: Vec<&str> = names.into_iter().filter(|name| *name != "a").collect();
    expect_eq("the identities without \"a\"", registry.names(None).await?, left)
}

async fn identities_have_a_limit(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let limit = context.traits("pattern_multicast_registry").bytes("max_identity_bytes") as usize;
    let named = |name: &str| RegisterRequest { topic: "topic".into(), ..identity(name) };
    let (longest, too_long) = ("x".repeat(limit), "x".repeat(limit + 1));
    for (name, reason) in [("", "NAME_EMPTY"), (too_long.as_str(), "NAME_TOO_LONG")] {
        let what = format!("Register of an identity of {} bytes", name.len());
        refused(&what, registry.register(named(name)).await, Code::InvalidArgument, reason)?;
        let what = format!("Unregister of an identity of {} bytes", name.len());
        refused(&what, registry.unregister(name).await, Code::InvalidArgument, reason)?;
    }
    registry.register(named(&longest)).await?;
    expect_eq("the identities", registry.names(None).await?, [longest])
}

async fn bad_metadata(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    registry.register(identity("a").with("kept", integer(1))).await?;
    let before = registry.list(None).await?;
    let bad: [(&str, Value); 6] = [
        ("", integer(1)),
        ("no kind", Value { kind: None }),
        ("not a number", number(f64::NAN)),
        ("list in a list", list([list([])])),
        ("no kind in a list", list([Value { kind: None }])),
        ("not a number in a list", list([integer(1), number(-f64::NAN)])),
    ];
    for (field, value) in bad {
        for request in [identity("a").replacing(), identity("b")] {
            let what = format!("Register with the field {field:?}");
            let answer = registry.register(request.with(field, value.clone())).await;
            let status = refused(&what, answer, Code::InvalidArgument, "METADATA_INVALID")?;
            expect(
                status.message().contains(&format!("{field:?}")),
                format!("the refusal does not name the field: {}", status.message()),
            )?;
        }
    }
    expect_eq("what is registered", registry.list(None).await?, before)
}

async fn field_types(context: Context) -> Verdict {
    let kinds = "zone=text count=integer load=number up=flag key=data tags=list";
    let registry = registry(&context, &[("field_types", kinds)]).await?;
    let good = identity("a")
        .with("zone", text("eu"))
        .with("count", integer(1))
        .with("load", integer(1))
        .with("up", flag(true))
        .with("key", data(b"k"))
        .with("tags", list([]))
        .with("anything", number(0.5));
    registry.register(good).await?;
    registry.register(identity("b").with("load", number(0.5)).with("zone", null())).await?;
    for (field, value) in [
        ("zone", integer(1)),
        ("count", number(1.0)),
        ("load", text("1")),
        ("up", text("true")),
        ("key", text("k")),
        ("tags", text("x")),
    ] {
        let answer = registry.register(identity("c").with(field, value)).await;
        let what = format!("Register with another kind of {field:?}");
        let status = refused(&what, answer, Code::InvalidArgument, "METADATA_INVALID")?;
        expect(
            status.message().contains(&format!("{field:?}")),
            format!("the refusal does not name the field: {}", status.message()),
        )?;
    }
    expect_eq("the identities", registry.names(None).await?, ["a", "b"])
}

async fn metadata_have_a_limit(context: Context) -> Verdict {
    let registry = registry(&context, &[("max_metadata_bytes", "64")]).await?;
    // A field of one byte, and a text with a tag and a length of a byte each.
    let of = |bytes: usize| identity("a").with("x", text(&"y".repeat(bytes - 3))).replacing();
    registry.register(of(64)).await?;
    let before = registry.list(None).await?;
    let answer = registry.register(of(65)).await;
    refused("Register with 65 bytes of metadata", answer, Code::InvalidArgument, "VALUE_TOO_LARGE")?;
    expect_eq("what is registered", registry.list(None).await?, before)
}

async fn full_is_full(context: Context) -> Verdict {
    let registry = registry(&context, &[("max_identities", "3")]).await?;
    registry.register_all(["a", "b", "c"].map(identity)).await?;
    let full = registry.register(identity("d")).await;
    refused("Register of one more than may be", full, Code::ResourceExhausted, "REGISTRY_FULL")?;
    expect_eq("the identities", registry.names(None).await?, ["a", "b", "c"])?;
    registry.register(identity("b").replacing()).await?;
    registry.unregister("a").await?;
    registry.register(identity("d")).await?;
    let full = registry.register(identity("e").replacing()).await;
    refused("Register of one more than may be", full, Code::ResourceExhausted, "REGISTRY_FULL")?;
    expect_eq("the identities", registry.names(None).await?, ["b", "c", "d"])
}

/// How many race.
const RACERS: usize = 4;

async fn full_at_once(context: Context) -> Verdict {
    let meeting = Meeting::new("Count", RACERS);
    let registry =
        registry_over(&context, &[("max_identities", "2")], "registry", |slot| meeting.on(slot)).await?;
    let answers = futures::future::join_all(
        (0..RACERS).map(|racer| registry.register(identity(&format!("racer-{racer}")))),
    )
    .await;
    let acknowledged = answers.iter().filter(|answer| answer.is_ok()).count();
    for status in answers.into_iter().filter_map(Result::err) {
        refused("Register", Err::<(), _>(status), Code::ResourceExhausted, "REGISTRY_FULL")?;
    }
    expect(acknowledged <= 2, format!("{acknowledged} registrations were acknowledged where 2 may be"))?;
    expect_eq("the number of identities", registry.names(None).await?.len(), acknowledged)
}

async fn one_of_a_race(context: Context) -> Verdict {
    let meeting = Meeting::new("Get", RACERS);
    // Two instances, so that nothing in the memory of one decides.
    let here = registry_over(&context, &[], "registry", |slot| meeting.on(slot)).await?;
    let there = registry_over(&context, &[], "registry", |slot| meeting.on(slot)).await?;
    let racers = (0..RACERS).map(|racer| {
        let registry = if racer % 2 == 0 { &here } else { &there };
        registry.register(identity("one").with("racer", integer(racer as i64)))
    });
    let answers = futures::future::join_all(racers).await;
    let winners: Vec<usize> =
        answers.iter().enumerate().filter(|(_, answer)| answer.is_ok()).map(|(racer, _)| racer).collect();
    for status in answers.into_iter().filter_map(Result::err) {
        refused("Register", Err::<(), _>(status), Code::AlreadyExists, "IDENTITY_EXISTS")?;
    }
    expect_eq("the number of winners", winners.len(), 1)?;
    let listed = here.list(None).await?;
    expect_eq(
        "the registration that stays",
        listed.first().and_then(|identity| identity.metadata.get("racer")),
        Some(&integer(winners[0] as i64)),
    )
}

async fn unregister(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    registry.register_all(["a", "aa", "b"].map(identity)).await?;
    expect(registry.unregister("a").await?, "Unregister of what is registered says that it was not")?;
    expect_eq("the identities", registry.names(None).await?, ["aa", "b"])?;
    for name in ["a", "never", "A"] {
        let existed = registry.unregister(name).await?;
        expect(!existed, format!("Unregister({name:?}) says that it was registered"))?;
    }
    expect_eq("the identities", registry.names(None).await?, ["aa", "b"])?;
    registry.register(identity("a")).await?;
    expect_eq("the identities", registry.names(None).await?, ["a", "aa", "b"])
}
