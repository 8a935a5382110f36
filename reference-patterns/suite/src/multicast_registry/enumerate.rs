//! Enumerate: order, pages, cursors.

use super::{
    Build, Registry,
    client::{data, equals, exists, flag, identity, integer, list, null, number, text},
    register::refused,
};
use prism_interfaces::pattern::multicast_registry::v1::{EnumerateRequest, SortKey, Value};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    expect::{expect, expect_eq},
};
use tonic::Code;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_multicast_registry/sorts_by_fields",
            &["MCR-16"],
            "Identities come in the order of the fields that are asked for, those without the field last",
            sorts_by_fields,
        ),
        case(
            "pattern_multicast_registry/pages_hold_each_once",
            &["MCR-17"],
            "Whatever the page size and the order, the pages hold every match once and tell the total",
            pages,
        ),
        case(
            "pattern_multicast_registry/pages_while_others_come_and_go",
            &["MCR-17"],
            "What is there throughout a listing appears exactly once, whoever comes and goes meanwhile",
            pages_while_others_come_and_go,
        ),
        case(
            "pattern_multicast_registry/foreign_cursor_is_refused",
            &["MCR-18"],
            "A cursor of another listing, or none at all, is refused",
            foreign_cursor,
        ),
        case(
            "pattern_multicast_registry/metadata_can_be_left_out",
            &["MCR-19"],
            "With `omit_metadata` everything but the metadata is listed, in the same order",
            metadata_left_out,
        ),
    ]
}

fn by(fields: &[(&str, bool)]) -> Vec<SortKey> {
    fields
        .iter()
        .map(|(field, descending)| SortKey { field: (*field).into(), descending: *descending })
        .collect()
}

async fn sorts_by_fields(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let loads: [(&str, Option<Value>); 9] = [
        ("a", Some(number(2.5))),
        ("b", None),
        ("c", Some(integer(-3))),
        ("d", Some(integer(10))),
        ("e", Some(number(9.75))),
        ("f", Some(integer((1 << 53) + 1))),
        ("g", Some(number((1_u64 << 53) as f64))),
        ("h", None),
        ("i", Some(number(-3.0))),
    ];
    for (name, load) in loads {
        let request = identity(name).with("zone", text(if name < "e" { "z" } else { "B" }));
        registry
            .register(match load {
                Some(load) => request.with("load", load),
                None => request,
            })
            .await?;
    }
    for (sort_by, expected) in [
        (vec![], "abcdefghi"),
        (by(&[("load", false)]), "ciaedgfbh"),
        (by(&[("load", true)]), "fgdeacibh"),
        (by(&[("zone", false), ("load", true)]), "fgeihdacb"),
        (by(&[("zone", true)]), "abcdefghi"),
        (by(&[("nowhere", true)]), "abcdefghi"),
    ] {
        let request = EnumerateRequest { sort_by: sort_by.clone(), ..EnumerateRequest::default() };
        let names: String =
            registry.enumerate(request).await?.identities.into_iter().map(|found| found.identity).collect();
        expect_eq(format!("the order by {sort_by:?}"), names.as_str(), expected)?;
    }
    Ok(())
}

/// As many as make several pages of any size tried here.
const MANY: usize = 23;

async fn some(context: &Context) -> Result<Registry, Failure> {
    let registry = Registry::new(context.endpoint());
    for number in 0..MANY {
        let request = identity(&format!("n{number:02}")).with("third", integer(number as i64 % 3));
        registry.register(if number % 2 == 0 { request.with("even", flag(true)) } else { request }).await?;
    }
    Ok(registry)
}

async fn pages(context: Context) -> Verdict {
    let registry = some(&context).await?;
    for filter in [None, Some(exists("even")), Some(equals("third", integer(1)))] {
        for sort_by in [vec![], by(&[("third", true)]), by(&[("even", false), ("third", false)])] {
            let whole = EnumerateRequest {
                filter: filter.clone(),
                sort_by,
                limit: 1000,
                ..EnumerateRequest::default()
            };
            let all = registry.pages(whole.clone(), 1).await?.concat();
            for limit in [1, 2, 5, 22, 23, 24] {
                let what = format!("the pages of {limit}");
                let request = EnumerateRequest { limit, ..whole.clone() };
                let page = registry.enumerate(request.clone()).await?;
                expect_eq("the total", page.total as usize, all.len())?;
                let pages = registry.pages(request, MANY).await?;
                let too_long = pages.iter().any(|page| page.len() > limit as usize);
                expect(!too_long, format!("a page of {limit} holds more"))?;
                expect_eq(what, &pages.concat(), &all)?;
            }
        }
    }
    let unlimited = registry.pages(EnumerateRequest::default(), MANY).await?.concat();
    expect_eq("the number of all identities", unlimited.len(), MANY)
}

async fn pages_while_others_come_and_go(context: Context) -> Verdict {
    let registry = some(&context).await?;
    let mut request =
        EnumerateRequest { limit: 4, sort_by: by(&[("third", false)]), ..EnumerateRequest::default() };
    let mut seen: Vec<String> = Vec::new();
    for round in 0.. {
        let page = registry.enumerate(request.clone()).await?;
        seen.extend(page.identities.into_iter().map(|found| found.identity));
        if page.next_cursor.is_empty() {
            break;
        }
        expect(round < MANY, "the pages do not end")?;
        request.cursor = page.next_cursor;
        // The last one of the page goes, and others come before and after it.
        if let Some(last) = seen.last().filter(|last| last.starts_with('n')) {
            registry.unregister(last).await?;
        }
        for (name, third) in [(format!("a{round}"), 0), (format!("z{round}"), 2)] {
            registry.register(identity(&name).with("third", integer(third))).await?;
        }
    }
    let mut stayed: Vec<&String> = seen.iter().filter(|name| name.starts_with('n')).collect();
    stayed.sort();
    let expected: Vec<String> = (0..MANY).map(|number| format!("n{number:02}")).collect();
    expect_eq("those that were there when their page came", stayed, expected.iter().collect::<Vec<_>>())
}

async fn foreign_cursor(context: Context) -> Verdict {
    let registry = some(&context).await?;
    let elsewhere = Registry::new(context.elsewhere().endpoint());
    let request = EnumerateRequest {
        filter: Some(exists("third")),
        sort_by: by(&[("third", false)]),
        limit: 3,
        ..EnumerateRequest::default()
    };
    let cursor = registry.enumerate(request.clone()).await?.next_cursor;
    expect(!cursor.is_empty(), "the first of several pages has no cursor")?;
    let with = |change: &dyn Fn(&mut EnumerateRequest)| {
        let mut request = EnumerateRequest { cursor: cursor.clone(), ..request.clone() };
        change(&mut request);
        request
    };
    let foreign = [
        ("garbage", with(&|request| "garbage".clone_into(&mut request.cursor))),
        ("a part of it", with(&|request| request.cursor.truncate(cursor.len() / 2))),
        ("another filter", with(&|request| request.filter = Some(exists("even")))),
        ("no filter", with(&|request| request.filter = None)),
        ("another field", with(&|request| request.sort_by = by(&[("even", false)]))),
        ("another direction", with(&|request| request.sort_by = by(&[("third", true)]))),
    ];
    for (what, request) in foreign {
        let answer = registry.enumerate(request).await;
        let what = format!("Enumerate with the cursor and {what}");
        refused(&what, answer, Code::InvalidArgument, "CURSOR_INVALID")?;
    }
    let answer = elsewhere.enumerate(with(&|_| ())).await;
    refused("Enumerate in another namespace", answer, Code::InvalidArgument, "CURSOR_INVALID")?;
    let next = registry.enumerate(with(&|_| ())).await?;
    expect_eq("the size of the next page", next.identities.len(), 3)
}

async fn metadata_left_out(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let values = [text("x"), integer(1), flag(true), data(b"x"), list([]), null(), number(0.5)];
    for (number, value) in values.into_iter().enumerate() {
        registry.register(identity(&format!("n{number}")).with("field", value)).await?;
    }
    let request = EnumerateRequest {
        filter: Some(exists("field")),
        sort_by: by(&[("field", true)]),
        limit: 2,
        ..EnumerateRequest::default()
    };
    let without = EnumerateRequest { omit_metadata: true, ..request.clone() };
    let page = registry.enumerate(without.clone()).await?;
    expect(
        page.identities.iter().all(|identity| identity.metadata.is_empty()),
        "metadata are listed where they are to be left out",
    )?;
    let topics = page.identities.iter().all(|identity| identity.topic.starts_with("to."));
    expect(topics, "the topics are left out with the metadata")?;
    expect_eq(
        "the pages without metadata",
        registry.pages(without, MANY).await?,
        registry.pages(request, MANY).await?,
    )
}
