//! What filters match: the truth table, over the wire.

use super::{
    Build, Registry,
    client::{
        all, any, contains, data, ends_with, equals, exists, flag, greater, greater_or_equal, identity,
        integer, less, less_or_equal, list, not, not_equals, null, number, one_of, starts_with, text,
    },
    register::refused,
    slots::registry,
};
use prism_interfaces::pattern::multicast_registry::v1::{
    Comparison, EnumerateRequest, Filter, Filters, MulticastRequest, Value, filter::Condition,
};
use prism_suites::{
    Case, Context, Verdict, case,
    expect::{expect, expect_eq},
};
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_multicast_registry/filters_choose_exactly",
            &["MCR-15", "MCR-27"],
            "Enumerate lists exactly what each kind of condition holds for",
            filters_choose_exactly,
        ),
        case(
            "pattern_multicast_registry/missing_fields_match_nothing",
            &["MCR-26"],
            "A condition on a missing field does not hold, and `not` turns that round",
            missing_fields,
        ),
        case(
            "pattern_multicast_registry/numbers_compare_by_value",
            &["MCR-27"],
            "Integers and numbers compare by their exact values, and with nothing else",
            numbers,
        ),
        case(
            "pattern_multicast_registry/conditions_of_nothing",
            &["MCR-28"],
            "`all` of nothing holds, `any` and `one_of` of nothing do not",
            conditions_of_nothing,
        ),
        case(
            "pattern_multicast_registry/filters_have_limits",
            &["MCR-29"],
            "A filter of exactly the limits is accepted, a deeper or a larger one refused",
            filters_have_limits,
        ),
        case(
            "pattern_multicast_registry/bad_filters_are_refused",
            &["MCR-29"],
            "A filter without a meaning is refused by Enumerate and by Multicast",
            bad_filters,
        ),
    ]
}

/// Demands that each filter lists these identities, whose names have one letter.
async fn expect_table(registry: &Registry, table: Vec<(Filter, &str)>) -> Verdict {
    for (filter, expected) in table {
        let what = format!("what {} matches", shown(&filter));
        expect_eq(what, registry.names(Some(filter)).await?.concat().as_str(), expected)?;
    }
    Ok(())
}

/// As short as a report needs it.
fn shown(filter: &Filter) -> String {
    format!("{:?}", filter.condition).replace("Some(", "(").replace("kind: ", "")
}

async fn filters_choose_exactly(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let zones = [("a", text("eu-west")), ("b", text("EU-west")), ("c", text("")), ("d", text("eu%"))];
    let others = [
        ("e", data(b"eu-west")),
        ("f", flag(true)),
        ("g", null()),
        ("h", list([text("eu"), integer(1), null()])),
        ("i", list([])),
        ("j", text("\u{e9}u-west")),
    ];
    for (name, value) in zones.into_iter().chain(others) {
        registry.register(identity(name).with("zone", value)).await?;
    }
    registry.register(identity("k").with("other", text("eu-west"))).await?;
    let zone = "zone";
    expect_eq("what no filter matches", registry.names(None).await?.concat().as_str(), "abcdefghijk")?;
    expect_table(
        &registry,
        vec![
            (equals(zone, text("eu-west")), "a"),
            (equals(zone, text("")), "c"),
            (equals(zone, data(b"eu-west")), "e"),
            (equals(zone, flag(true)), "f"),
            (equals(zone, flag(false)), ""),
            (equals(zone, null()), "g"),
            (equals(zone, list([])), "i"),
            (equals(zone, list([text("eu"), number(1.0), null()])), "h"),
            (equals(zone, list([text("eu"), null(), integer(1)])), ""),
            (not_equals(zone, text("eu-west")), "bcdefghij"),
            (not_equals(zone, list([])), "abcdefghj"),
            (less(zone, text("eu")), "bc"),
            (less_or_equal(zone, text("eu%")), "bcd"),
            (greater(zone, text("eu%")), "aj"),
            (greater_or_equal(zone, text("eu-west")), "aj"),
            (less(zone, flag(true)), ""),
            (greater_or_equal(zone, flag(false)), ""),
            (less_or_equal(zone, null()), ""),
            (greater(zone, data(b"eu")), "e"),
            (greater(zone, list([])), ""),
            (one_of(zone, [text("eu-west"), text("EU-west"), null()]), "abg"),
            (one_of(zone, [list([])]), "i"),
            (starts_with(zone, "eu"), "ad"),
            (starts_with(zone, "eu%"), "d"),
            (starts_with(zone, ""), "abcdj"),
            (ends_with(zone, "west"), "abj"),
            (ends_with(zone, ""), "abcdj"),
            (contains(zone, text("-w")), "abj"),
            (contains(zone, text("")), "abcdj"),
            (contains(zone, text("eu")), "adh"),
            (contains(zone, number(1.0)), "h"),
            (contains(zone, null()), "h"),
            (contains(zone, flag(true)), ""),
            (exists(zone), "abcdefghij"),
            (exists("Zone"), ""),
            (not(exists(zone)), "k"),
            (all([starts_with(zone, "eu"), not(ends_with(zone, "%"))]), "a"),
            (any([equals(zone, flag(true)), equals("other", text("eu-west"))]), "fk"),
            (not(any([exists("other"), starts_with(zone, "")])), "efghi"),
            (not(not(equals(zone, null()))), "g"),
        ],
    )
    .await
}

async fn missing_fields(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    registry
        .register_all([
            identity("a").with("x", integer(1)),
            identity("b").with("x", integer(2)),
            identity("c").with("x", null()),
            identity("d").with("y", integer(1)),
            identity("e"),
        ])
        .await?;
    let one = || integer(1);
    expect_table(
        &registry,
        vec![
            (equals("x", one()), "a"),
            (not_equals("x", one()), "bc"),
            (not(equals("x", one())), "bcde"),
            (not(not_equals("x", one())), "ade"),
            (less("x", integer(9)), "ab"),
            (not(less("x", integer(9))), "cde"),
            (one_of("x", [one(), null()]), "ac"),
            (not(one_of("x", [one(), null()])), "bde"),
            (starts_with("x", ""), ""),
            (not(contains("x", text(""))), "abcde"),
            (exists("x"), "abc"),
            (not(exists("x")), "de"),
            (all([not_equals("x", one()), not_equals("y", one())]), ""),
            (any([exists("y"), not_equals("x", one())]), "bcd"),
        ],
    )
    .await
}

async fn numbers(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let big = 1_i64 << 53;
    let values = [
        ("a", integer(3)),
        ("b", number(3.0)),
        ("c", number(3.5)),
        ("d", text("3")),
        ("e", number(-0.0)),
        ("f", integer(big)),
        ("g", integer(big + 1)),
        ("h", number(big as f64)),
        ("i", number(f64::INFINITY)),
        ("j", integer(i64::MAX)),
        ("k", number(i64::MAX as f64)),
        ("l", integer(i64::MIN)),
        ("m", flag(true)),
    ];
    for (name, value) in values {
        registry.register(identity(name).with("n", value)).await?;
    }
    let n = "n";
    expect_table(
        &registry,
        vec![
            (equals(n, integer(3)), "ab"),
            (equals(n, number(3.0)), "ab"),
            (equals(n, integer(0)), "e"),
            (equals(n, integer(1)), ""),
            (not_equals(n, number(3.0)), "cdefghijklm"),
            (equals(n, number(big as f64)), "fh"),
            (equals(n, integer(big + 1)), "g"),
            (greater(n, number(big as f64)), "gijk"),
            (less(n, number(3.5)), "abel"),
            (less_or_equal(n, integer(3)), "abel"),
            (greater_or_equal(n, number(3.5)), "cfghijk"),
            (greater(n, integer(i64::MAX)), "ik"),
            (less(n, number(i64::MAX as f64)), "abcefghjl"),
            (less(n, number(f64::INFINITY)), "abcefghjkl"),
            (equals(n, number(i64::MIN as f64)), "l"),
            (one_of(n, [number(3.0), integer(big)]), "abfh"),
            (less(n, text("4")), "d"),
        ],
    )
    .await
}

async fn conditions_of_nothing(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    registry.register_all(["a", "b"].map(|name| identity(name).with("x", integer(1)))).await?;
    expect_table(
        &registry,
        vec![
            (all([]), "ab"),
            (any([]), ""),
            (one_of("x", []), ""),
            (not(all([])), ""),
            (not(any([])), "ab"),
            (not(one_of("x", [])), "ab"),
            (all([all([]), exists("x")]), "ab"),
            (any([any([]), one_of("x", [])]), ""),
        ],
    )
    .await
}

/// `not` around a condition, so many levels in all.
fn nots(levels: usize) -> Filter {
    (1..levels).fold(exists("x"), |inner, _| not(inner))
}

async fn filters_have_limits(context: Context) -> Verdict {
    let registry = registry(&context, &[("max_filter_depth", "4"), ("max_filter_clauses", "6")]).await?;
    registry.register(identity("a").with("x", integer(1))).await?;
    let wide = |conditions: usize| all((1..conditions).map(|_| exists("x")));
    for filter in [nots(4), all([all([all([exists("x")])])]), wide(6), any([not(exists("y")), wide(3)])] {
        let names = registry.names(Some(filter.clone())).await;
        let names = names.map_err(|status| prism_suites::Failure::from(status).during(shown(&filter)))?;
        expect_eq(format!("what {} matches", shown(&filter)), names.len() <= 1, true)?;
    }
    let too_deep = [nots(5), all([all([all([all([exists("x")])])])]), nots(12), nots(60), nots(90)];
    let too_large = [wide(7), any([wide(3), wide(3)]), wide(500)];
    for filter in too_deep.into_iter().chain(too_large) {
        let what = "Enumerate with a filter beyond the limits";
        let answer = registry.names(Some(filter.clone())).await;
        refused(what, answer, Code::InvalidArgument, "FILTER_INVALID")?;
        let what = "Multicast with a filter beyond the limits";
        let answer = registry.send(Some(filter), "payload").await;
        refused(what, answer, Code::InvalidArgument, "FILTER_INVALID")?;
    }
    // So deep that a message cannot even be read.
    let answer = registry.names(Some(nots(200))).await;
    refused("Enumerate with a filter of 200 levels", answer, Code::InvalidArgument, "ARGUMENT_INVALID")
        .map(|_| ())
}

async fn bad_filters(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    registry.register(identity("a").with("x", integer(1))).await?;
    let without_value =
        Filter { condition: Some(Condition::Equals(Comparison { field: "x".into(), value: None })) };
    let nothing = Filter { condition: None };
    let of_nothing = Filter { condition: Some(Condition::All(Filters { filters: vec![nothing.clone()] })) };
    let bad = [
        ("no condition", nothing.clone()),
        ("no condition in `all`", of_nothing),
        ("no condition in `not`", not(nothing)),
        ("no value", without_value),
        ("a value of no kind", less("x", Value { kind: None })),
        ("NaN", equals("x", number(f64::NAN))),
        ("NaN among others", one_of("x", [integer(1), number(f64::NAN)])),
        ("a list in a list", equals("x", list([list([])]))),
        ("an empty field", equals("", integer(1))),
        ("an empty field that exists", exists("")),
        ("an empty field that starts", starts_with("", "x")),
        ("an empty field of one", any([exists("x"), one_of("", [])])),
        ("101 values", one_of("x", (0..101).map(integer))),
    ];
    for (what, filter) in bad {
        let request = EnumerateRequest { filter: Some(filter.clone()), ..EnumerateRequest::default() };
        let answer = registry.enumerate(request).await;
        let told = format!("Enumerate with a filter with {what}");
        let status = refused(&told, answer, Code::InvalidArgument, "FILTER_INVALID")?;
        expect(!status.message().is_empty(), "the refusal has no words")?;
        let request = MulticastRequest { filter: Some(filter), ..MulticastRequest::default() };
        let answer = registry.multicast(request, None).await;
        refused(
            &format!("Multicast with a filter with {what}"),
            answer,
            Code::InvalidArgument,
            "FILTER_INVALID",
        )?;
    }
    registry.names(Some(one_of("x", (0..100).map(integer)))).await?;
    Ok(())
}
