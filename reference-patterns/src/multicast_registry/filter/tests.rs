//! The truth table: every filter below against every value, in `truth_table.txt`. A change of what filters mean shows as a
//! change of that file; `PRISM_BLESS=1` writes it anew.

use super::*;
use bytes::Bytes;
use prism_interfaces::pattern::multicast_registry::v1::{Choice, Filters, List, Null, TextMatch};
use std::fmt::Write as _;
use tonic::{Code, Status};

fn of(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

fn text(text: &str) -> Value {
    of(Kind::Text(text.into()))
}

fn list(values: &[Value]) -> Value {
    of(Kind::List(List { values: values.to_vec() }))
}

/// The values that a field can have, with how they are written in the table; the first stands for no field.
fn values() -> Vec<(&'static str, Option<Value>)> {
    let big = 1_i64 << 53;
    let mut values = vec![("missing", None)];
    values.extend(
        [
            ("null", of(Kind::Null(Null {}))),
            ("false", of(Kind::Flag(false))),
            ("true", of(Kind::Flag(true))),
            ("0", of(Kind::Integer(0))),
            ("-0.0", of(Kind::Number(-0.0))),
            ("3", of(Kind::Integer(3))),
            ("3.0", of(Kind::Number(3.0))),
            ("3.5", of(Kind::Number(3.5))),
            ("2^53", of(Kind::Integer(big))),
            ("2^53+1", of(Kind::Integer(big + 1))),
            ("2^53.0", of(Kind::Number(big as f64))),
            ("2^63-1", of(Kind::Integer(i64::MAX))),
            ("2^63.0", of(Kind::Number(9_223_372_036_854_775_808.0))),
            ("-2^63", of(Kind::Integer(i64::MIN))),
            ("inf", of(Kind::Number(f64::INFINITY))),
            ("''", text("")),
            ("'3'", text("3")),
            ("'ab'", text("ab")),
            ("'aB'", text("aB")),
            ("'a%'", text("a%")),
            ("'é'", text("\u{e9}")),
            ("b'ab'", of(Kind::Data(Bytes::from_static(b"ab")))),
            ("[]", list(&[])),
            ("[3,'ab']", list(&[of(Kind::Integer(3)), text("ab")])),
            ("[3.0,'ab']", list(&[of(Kind::Number(3.0)), text("ab")])),
            ("['ab',3]", list(&[text("ab"), of(Kind::Integer(3))])),
        ]
        .map(|(shown, value)| (shown, Some(value))),
    );
    values
}

type Compare = (&'static str, fn(Comparison) -> Condition);

const COMPARISONS: [Compare; 7] = [
    ("equals", Condition::Equals),
    ("not_equals", Condition::NotEquals),
    ("less", Condition::Less),
    ("less_or_equal", Condition::LessOrEqual),
    ("greater", Condition::Greater),
    ("greater_or_equal", Condition::GreaterOrEqual),
    ("contains", Condition::Contains),
];

fn filter(condition: Condition) -> Filter {
    Filter { condition: Some(condition) }
}

fn not(inner: Filter) -> Filter {
    filter(Condition::Not(Box::new(inner)))
}

fn filters() -> Vec<(String, Filter)> {
    let field = || "x".to_owned();
    let mut filters = Vec::new();
    for (shown, value) in values().into_iter().filter_map(|(shown, value)| Some((shown, value?))) {
        for (name, condition) in COMPARISONS {
            let comparison = Comparison { field: field(), value: Some(value.clone()) };
            filters.push((format!("x {name} {shown}"), filter(condition(comparison))));
        }
    }
    for part in ["", "a", "b", "aB", "%", "\u{e9}"] {
        let part_of = || TextMatch { field: field(), text: part.to_owned() };
        filters.push((format!("x starts_with '{part}'"), filter(Condition::StartsWith(part_of()))));
        filters.push((format!("x ends_with '{part}'"), filter(Condition::EndsWith(part_of()))));
    }
    let one_of =
        |values: &[Value]| filter(Condition::OneOf(Choice { field: field(), values: values.to_vec() }));
    let exists = || filter(Condition::Exists(field()));
    let equals = |value| filter(Condition::Equals(Comparison { field: field(), value: Some(value) }));
    let differs = |value| filter(Condition::NotEquals(Comparison { field: field(), value: Some(value) }));
    let all = |filters: &[Filter]| filter(Condition::All(Filters { filters: filters.to_vec() }));
    let any = |filters: &[Filter]| filter(Condition::Any(Filters { filters: filters.to_vec() }));
    let three = || of(Kind::Integer(3));
    filters.extend([
        ("x one_of".to_owned(), one_of(&[])),
        ("x one_of 3, 'ab', null".to_owned(), one_of(&[three(), text("ab"), of(Kind::Null(Null {}))])),
        ("x exists".to_owned(), exists()),
        ("not x exists".to_owned(), not(exists())),
        ("not x equals 3".to_owned(), not(equals(three()))),
        ("not x not_equals 3".to_owned(), not(differs(three()))),
        ("not not x equals 3".to_owned(), not(not(equals(three())))),
        ("all".to_owned(), all(&[])),
        ("any".to_owned(), any(&[])),
        ("all (x exists) (x not_equals 3)".to_owned(), all(&[exists(), differs(three())])),
        ("any (x equals 3) (x equals 'ab')".to_owned(), any(&[equals(three()), equals(text("ab"))])),
        ("not any (x equals 3) (x equals 'ab')".to_owned(), not(any(&[equals(three()), equals(text("ab"))]))),
    ]);
    filters
}

fn table() -> String {
    let columns = values();
    let mut table = String::from(
        "# What each filter matches, of a field `x` with each of these values (\"missing\" is an identity without it):\n#",
    );
    for (shown, _) in &columns {
        let _ = write!(table, " {shown}");
    }
    table.push('\n');
    for (shown, filter) in filters() {
        let matching = columns.iter().filter(|(_, value)| {
            let metadata = value.iter().map(|value| ("x".to_owned(), value.clone())).collect();
            matches(Some(&filter), &metadata)
        });
        let matching: Vec<&str> = matching.map(|(shown, _)| *shown).collect();
        let matching = match matching.len() {
            0 => "nothing".to_owned(),
            all if all == columns.len() => "everything".to_owned(),
            _ => matching.join(" "),
        };
        let _ = writeln!(table, "{shown}: {matching}");
    }
    table
}

#[test]
fn filters_mean_what_the_truth_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/multicast_registry/filter/truth_table.txt");
    if std::env::var_os("PRISM_BLESS").is_some() {
        std::fs::write(path, table()).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    for (ours, theirs) in table().lines().zip(golden.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(table().lines().count(), golden.lines().count());
}

#[test]
fn no_filter_matches_everything() {
    assert!(matches(None, &Metadata::new()) && check(None, Limits { depth: 1, clauses: 1 }).is_ok());
}

#[test]
fn depth_and_clauses_are_counted() {
    let exists = || filter(Condition::Exists("x".into()));
    let all = |filters: Vec<Filter>| filter(Condition::All(Filters { filters }));
    let within = |filter: &Filter, depth, clauses| {
        check(Some(filter), Limits { depth, clauses }).map_err(|fault| Status::from(fault).code())
    };
    for (filter, depth, clauses) in [
        (exists(), 1, 1),
        (not(exists()), 2, 2),
        (all(vec![]), 1, 1),
        (all(vec![exists(), exists()]), 2, 3),
        (all(vec![not(not(exists())), exists()]), 4, 5),
    ] {
        assert_eq!(within(&filter, depth, clauses), Ok(()));
        assert_eq!(within(&filter, depth - 1, clauses), Err(Code::InvalidArgument));
        assert_eq!(within(&filter, depth, clauses - 1), Err(Code::InvalidArgument));
    }
}
