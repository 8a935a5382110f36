//! JUnit as a consumer reads it.

use std::collections::BTreeMap;

use prism_reports::event::Failure;
use prism_reports::outcome::JunitElement;
use prism_reports::render::junit;
use prism_reports::{EventKind, Outcome, Report};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as Xml};

use crate::fixture::{self, Log, NASTY, case, done, finished, planned, ready};

/// A case as a consumer sees it.
#[derive(Debug, Default)]
struct Seen {
    attributes: BTreeMap<String, String>,
    child: Option<(String, BTreeMap<String, String>)>,
    body: String,
    out: String,
}

impl Seen {
    /// What the outcome was, as far as the format tells.
    fn outcome(&self) -> Outcome {
        match &self.child {
            Some((_, attributes)) => attributes["type"].parse().unwrap(),
            None => match self.out.lines().next().and_then(|line| line.strip_prefix("outcome: ")) {
                Some(word) => word.parse().unwrap(),
                None => Outcome::Pass,
            },
        }
    }
}

fn attributes(element: &BytesStart<'_>) -> BTreeMap<String, String> {
    element
        .attributes()
        .map(|attribute| {
            let attribute = attribute.unwrap();
            let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
            let value = std::str::from_utf8(&attribute.value).unwrap();
            (key, quick_xml::escape::unescape(value).unwrap().into_owned())
        })
        .collect()
}

/// Reads the document; panics where it is not well-formed.
fn read(document: &str) -> (Vec<BTreeMap<String, String>>, Vec<Seen>) {
    let mut reader = Reader::from_str(document);
    let (mut suites, mut cases, mut path) = (Vec::new(), Vec::<Seen>::new(), Vec::<String>::new());
    loop {
        let event = reader.read_event().unwrap();
        if let Xml::Start(element) | Xml::Empty(element) = &event {
            let name = String::from_utf8(element.name().as_ref().to_vec()).unwrap();
            match name.as_str() {
                "testsuite" => suites.push(attributes(element)),
                "testcase" => cases.push(Seen { attributes: attributes(element), ..Seen::default() }),
                "testsuites" | "system-out" | "system-err" => {}
                _ => cases.last_mut().unwrap().child = Some((name.clone(), attributes(element))),
            }
            if matches!(event, Xml::Start(_)) {
                path.push(name);
            }
            continue;
        }
        match event {
            Xml::End(_) => drop(path.pop()),
            Xml::CData(data) => {
                let text = String::from_utf8(data.to_vec()).unwrap();
                let case = cases.last_mut().unwrap();
                match path.last().unwrap().as_str() {
                    "system-out" => case.out.push_str(&text),
                    "system-err" => {}
                    _ => case.body.push_str(&text),
                }
            }
            Xml::Eof => break,
            _ => {}
        }
    }
    assert!(path.is_empty());
    (suites, cases)
}

#[test]
fn every_outcome_comes_back_with_a_message() {
    let report = Report::from_events(&fixture::full_run());
    let (suites, seen) = read(&junit::render(&report));
    let mut outcomes: Vec<Outcome> = Vec::new();
    assert_eq!(seen.len() as u64, report.totals.total());
    for (target, case) in report.cases() {
        let classname = format!("{}.{}", target.target, case.interface);
        let seen = seen
            .iter()
            .find(|seen| seen.attributes["classname"] == classname && seen.attributes["name"] == case.id)
            .unwrap();
        assert_eq!(seen.outcome(), case.outcome, "{seen:?}");
        outcomes.push(case.outcome);
        let element = match case.outcome.junit() {
            JunitElement::Success => None,
            JunitElement::Failure => Some("failure"),
            JunitElement::Error => Some("error"),
            JunitElement::Skipped => Some("skipped"),
        };
        assert_eq!(seen.child.as_ref().map(|(name, _)| name.as_str()), element);
        if let Some((_, attributes)) = &seen.child {
            assert!(!attributes["message"].is_empty(), "{seen:?}");
            assert!(seen.body.contains(&format!("case says: {}", case.sentence)), "{seen:?}");
        }
    }
    for outcome in Outcome::ALL {
        assert!(outcomes.contains(&outcome), "the run by hand has no `{outcome}`");
    }
    assert!(suites.iter().any(|suite| suite["name"] == "redis.keyvalue_basic" && suite["failures"] == "2"));
    assert!(suites.iter().all(|suite| suite["timestamp"] == "2025-01-02T03:04:05Z"));
}

#[test]
fn nasty_text_is_one_readable_message() {
    let (_, seen) = read(&junit::render(&Report::from_events(&fixture::full_run())));
    let nasty = seen
        .iter()
        .find(|seen| {
            seen.attributes["classname"] == "redis.keyvalue_basic" && seen.outcome() == Outcome::Fail
        })
        .unwrap();
    let message = &nasty.child.as_ref().unwrap().1["message"];
    assert!(message.starts_with("[KVB-01] MUST: \\u{1b}[31mred"), "{message}");
    assert!(
        message.contains("<script>alert(1)</script>") && message.contains("]]> & \"quoted\""),
        "{message}"
    );
    assert!(!message.contains('\n'));
    assert!(nasty.body.contains("]]> & \"quoted\" \\u{0} \\u{202e}rtl\\u{fffe}"), "{}", nasty.body);
    assert!(nasty.body.contains("reproduce: prism-conformance run --backend redis"));
}

#[test]
fn names_that_are_not_xml_do_not_break_it() {
    let mut log = Log::default();
    log.push(fixture::started());
    log.push(EventKind::TargetPlanned(planned(NASTY, NASTY, &[], vec![case(NASTY, &[], NASTY)])));
    log.push(ready(NASTY, "endpoint", Some(NASTY)));
    let mut result = finished(NASTY, NASTY, Outcome::Error, f64::NAN);
    result.failure = Some(Failure::default());
    log.push(done(result)).close(false);
    let document = junit::render(&Report::from_events(&log.events));
    let allowed = |c: char| matches!(c, '\n' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    assert!(document.chars().all(allowed));
    let (_, seen) = read(&document);
    assert_eq!(seen[0].outcome(), Outcome::Error);
    assert_eq!(seen[0].child.as_ref().unwrap().1["message"], Outcome::Error.meaning());
}

#[test]
fn a_date_that_is_none_does_no_harm() {
    for started_at in ["", "yesterday", "-000500-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
        let mut events = fixture::good_run();
        if let EventKind::RunStarted(run) = &mut events[0].kind {
            run.started_at = started_at.into();
        }
        let (suites, _) = read(&junit::render(&Report::from_events(&events)));
        assert_eq!(suites.len(), 2);
    }
}

/// An element: what may be inside, which attributes are required, which are allowed.
type Element = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// What the schema of the Jenkins xUnit plugin (junit-10.xsd), which is also the one of Maven Surefire, allows: elements
/// inside which element, attributes, and which of them are required.
const ALLOWED: [Element; 8] = [
    ("testsuites", &["testsuite"], &[], &["name", "time", "tests", "failures", "errors"]),
    (
        "testsuite",
        &["testsuite", "properties", "testcase", "system-out", "system-err"],
        &["name", "tests", "failures", "errors"],
        &["group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"],
    ),
    (
        "testcase",
        &["skipped", "error", "failure", "system-out", "system-err"],
        &["name"],
        &["time", "classname", "group"],
    ),
    ("failure", &[], &[], &["type", "message"]),
    ("error", &[], &[], &["type", "message"]),
    ("skipped", &[], &[], &["type", "message"]),
    ("system-out", &[], &[], &[]),
    ("system-err", &[], &[], &[]),
];

/// Everything in the document that the schema does not allow.
fn breaches(document: &str) -> Vec<String> {
    let mut reader = Reader::from_str(document);
    let mut found = Vec::new();
    let mut path: Vec<String> = Vec::new();
    loop {
        let event = reader.read_event().unwrap();
        let (start, empty) = match &event {
            Xml::Start(start) => (start, false),
            Xml::Empty(start) => (start, true),
            Xml::End(_) => {
                path.pop();
                continue;
            }
            Xml::Eof => break,
            _ => continue,
        };
        let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
        let Some((_, _, required, optional)) = ALLOWED.iter().find(|(element, ..)| *element == name) else {
            found.push(format!("element {name}"));
            continue;
        };
        let parent = path.last().map(String::as_str);
        let inside = ALLOWED.iter().find(|(element, ..)| Some(*element) == parent);
        let allowed =
            inside.map_or(name == "testsuites", |(_, children, ..)| children.contains(&name.as_str()));
        if !allowed {
            found.push(format!("{name} in {parent:?}"));
        }
        let attributes = attributes(start);
        for key in attributes.keys().filter(|key| !required.contains(&key.as_str())) {
            if !optional.contains(&key.as_str()) {
                found.push(format!("{name} {key}"));
            }
        }
        found.extend(
            required
                .iter()
                .filter(|key| !attributes.contains_key(**key))
                .map(|key| format!("{name} without {key}")),
        );
        // SUREFIRE_TIME: digits with an optional fraction, never an exponent or a sign.
        if let Some(time) = attributes.get("time") {
            let plain = time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !time.is_empty();
            if !plain || time.matches('.').count() > 1 {
                found.push(format!("time {time}"));
            }
        }
        if !empty {
            path.push(name);
        }
    }
    found
}

#[test]
fn consumers_find_what_their_schema_says() {
    let mut cut_off = fixture::full_run();
    cut_off.truncate(9);
    let mut odd = fixture::good_run();
    for event in &mut odd {
        if let EventKind::CaseFinished(case) = &mut event.kind {
            case.duration_ms = if case.case.ends_with("empty_value") { 1e-9 } else { 1e15 };
        }
    }
    for events in [fixture::full_run(), fixture::good_run(), fixture::empty_run(), cut_off, odd, Vec::new()] {
        assert_eq!(breaches(&junit::render(&Report::from_events(&events))), Vec::<String>::new());
    }
    let wrong =
        "<testsuites><testcase name='a' time='1e-9'><failed/></testcase><testsuite id='1'/></testsuites>";
    assert_eq!(
        breaches(wrong),
        [
            "testcase in Some(\"testsuites\")",
            "time 1e-9",
            "element failed",
            "testsuite without name",
            "testsuite without tests",
            "testsuite without failures",
            "testsuite without errors",
        ]
    );
}
