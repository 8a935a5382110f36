//! Known failures: what they excuse, what they do not, and that none of them can rot unseen.

use prism_reports::diff::{CaseChangeKind, compare};
use prism_reports::event::{CaseFinished, Failure, Route, TargetPlanned};
use prism_reports::expectation::ExpectationState;
use prism_reports::render::{annotations, changes, ctrf, html, junit, markdown, terminal};
use prism_reports::{Event, EventKind, ExitCode, Expectation, Outcome, Report, Verdict, exit_code};

use crate::fixture::{self, Log, NASTY, case, done, finished, planned, ready};

fn entry(line: usize, backend: &str, case: &str) -> Expectation {
    Expectation {
        file: "known.yaml".into(),
        line,
        backends: vec![backend.into()],
        cases: vec![case.into()],
        route: None,
        because: "redis rounds".into(),
        issue: "https://example.com/issues/1".into(),
        // The run of the fixture is of 2025-01-02.
        expires: "2025-01-02".into(),
        clause: None,
        error: None,
        known: 1,
    }
}

fn failed(target: &str, case: &str, outcome: Outcome) -> CaseFinished {
    CaseFinished {
        failure: Some(Failure {
            clause: Some("KVB-01".into()),
            message: "the value differs".into(),
            got: Some("ResourceExhausted TOO_MUCH: no room".into()),
            ..Failure::default()
        }),
        ..finished(target, case, outcome, 1.0)
    }
}

/// A run of redis, directly and through the proxy, with one case for each of these outcomes.
fn run(entries: &[Expectation], outcomes: &[(&str, Outcome)]) -> Vec<Event> {
    let mut log = Log::default();
    log.push(fixture::started());
    if let EventKind::RunStarted(run) = &mut log.events[0].kind {
        run.expectations = entries.to_vec();
    }
    let cases = || outcomes.iter().map(|(id, _)| case(id, &["KVB-01"], "It holds.")).collect();
    let direct = planned("redis", "redis-7.0", &["keyvalue_basic"], cases());
    let proxied = TargetPlanned {
        target: "redis via proxy".into(),
        backend: "redis".into(),
        route: Route::Proxy,
        ..planned("redis", "redis-7.0", &["keyvalue_basic"], cases())
    };
    for plan in [direct, proxied] {
        let target = plan.target.clone();
        log.push(EventKind::TargetPlanned(plan));
        log.push(ready(&target, "container", None));
        for (id, outcome) in outcomes {
            log.push(done(match outcome {
                Outcome::Fail | Outcome::Timeout | Outcome::Undeclared | Outcome::Error => {
                    failed(&target, id, *outcome)
                }
                _ => finished(&target, id, *outcome, 1.0),
            }));
        }
    }
    log.close(false);
    log.events
}

fn report(entries: &[Expectation], outcomes: &[(&str, Outcome)]) -> Report {
    Report::from_events(&run(entries, outcomes))
}

/// What the cases of a report came to, target by target.
fn outcomes(report: &Report) -> Vec<Outcome> {
    report.cases().map(|(_, case)| case.outcome).collect()
}

const A: &str = "keyvalue_basic/a";
const B: &str = "keyvalue_basic/b";

#[test]
fn a_failure_that_is_known_is_expected_and_proves_nothing() {
    for found in [Outcome::Fail, Outcome::Timeout, Outcome::Undeclared] {
        let report = report(&[entry(3, "redis", A)], &[(A, found), (B, Outcome::Pass)]);
        let known = [Outcome::ExpectedFail, Outcome::Pass];
        assert_eq!(outcomes(&report), [known, known].concat());
        assert_eq!((report.verdict, exit_code(&report)), (Verdict::Conformant, ExitCode::Conformant));
        assert_eq!(report.targets[0].interfaces[0].level, None);
        let here = report.targets[0].cases[0].expectation.as_ref().unwrap();
        assert_eq!((here.entry, here.found), (0, found));
        assert!(here.note.contains("known.yaml:3: redis rounds"), "{}", here.note);
        assert_eq!(
            (report.expectations[0].state, report.expectations[0].excused),
            (ExpectationState::Held, 2)
        );
    }
}

#[test]
fn what_broke_on_our_side_is_never_excused() {
    for found in [Outcome::Error, Outcome::Vacuous, Outcome::Inconclusive] {
        let report = report(&[entry(3, "redis", A)], &[(A, found), (B, Outcome::Pass)]);
        assert_eq!((report.cases().next().unwrap().1.outcome, report.verdict), (found, Verdict::Incomplete));
        assert_eq!(report.expectations[0].state, ExpectationState::NotSeen);
    }
}

#[test]
fn an_entry_whose_case_passes_is_a_failure() {
    let report = report(&[entry(3, "redis", "keyvalue_basic/*")], &[(A, Outcome::Fail), (B, Outcome::Pass)]);
    let found = [Outcome::ExpectedFail, Outcome::UnexpectedPass];
    assert_eq!(outcomes(&report), [found, found].concat());
    assert_eq!(exit_code(&report), ExitCode::NonConformant);
    assert_eq!(report.expectations[0].state, ExpectationState::Passes);
    let refused = self::report(&[entry(3, "redis", A)], &[(A, Outcome::Refused)]);
    assert_eq!(outcomes(&refused)[0], Outcome::UnexpectedPass);
}

#[test]
fn an_entry_is_good_through_its_last_day_and_not_beyond() {
    let state = |expires: &str| {
        let report =
            report(&[Expectation { expires: expires.into(), ..entry(3, "redis", A) }], &[(A, Outcome::Fail)]);
        (outcomes(&report)[0], report.expectations[0].state, exit_code(&report))
    };
    assert_eq!(state("2025-01-02"), (Outcome::ExpectedFail, ExpectationState::Held, ExitCode::Conformant));
    for expires in ["2025-01-01", "never", ""] {
        assert_eq!(state(expires), (Outcome::Fail, ExpectationState::Expired, ExitCode::NonConformant));
    }
    // Where it is not known when the run was made, nothing is excused.
    let mut events = run(&[entry(3, "redis", A)], &[(A, Outcome::Fail)]);
    if let EventKind::RunStarted(run) = &mut events[0].kind {
        run.started_at = "yesterday".into();
    }
    assert_eq!(exit_code(&Report::from_events(&events)), ExitCode::NonConformant);
}

#[test]
fn a_failure_of_another_kind_is_not_the_known_one() {
    let state = |clause: Option<&str>, error: Option<&str>| {
        let entry = Expectation {
            clause: clause.map(Into::into),
            error: error.map(Into::into),
            ..entry(3, "redis", A)
        };
        let report = report(&[entry], &[(A, Outcome::Fail)]);
        (outcomes(&report)[0], report.expectations[0].state)
    };
    let held = (Outcome::ExpectedFail, ExpectationState::Held);
    let differs = (Outcome::Fail, ExpectationState::Differs);
    assert_eq!(state(Some("KVB-01"), None), held);
    assert_eq!(state(None, Some("RESOURCE_EXHAUSTED")), held);
    assert_eq!(state(Some("KVB-01"), Some("TOO_MUCH")), held);
    assert_eq!(state(Some("KVB-07"), None), differs);
    assert_eq!(state(Some("KVB-01"), Some("TOO")), differs);
    assert_eq!(state(None, Some("EXHAUSTED")), differs);
}

#[test]
fn an_entry_may_speak_of_one_way_of_one_set_up() {
    let found = [(A, Outcome::Fail)];
    let only = Expectation { route: Some(Route::Proxy), ..entry(3, "redis@redis-7.0", A) };
    assert_eq!(outcomes(&report(&[only], &found)), [Outcome::Fail, Outcome::ExpectedFail]);
    for (backend, excused) in [("red*", true), ("redis", true), ("redis@redis-7.2", false), ("redi", false)] {
        let first = outcomes(&report(&[entry(3, backend, A)], &found))[0];
        assert_eq!(first == Outcome::ExpectedFail, excused, "{backend}");
    }
}

#[test]
fn what_was_not_selected_is_not_dead() {
    let elsewhere = entry(3, "nats", A);
    let dead = Expectation { known: 0, ..entry(7, "nats", B) };
    let selected = report(std::slice::from_ref(&elsewhere), &[(A, Outcome::Pass)]);
    assert_eq!((selected.expectations[0].state, selected.exit_code), (ExpectationState::NotSeen, 0));
    let with_dead = report(&[elsewhere, dead], &[(A, Outcome::Pass)]);
    assert_eq!(with_dead.expectations[1].state, ExpectationState::MatchesNothing);
    assert_eq!((with_dead.exit_code, with_dead.verdict), (1, Verdict::NonConformant));
}

/// The page, the terminal, JUnit, CTRF, HTML and the annotations all name the entry with its place.
#[test]
fn every_page_names_what_is_wrong_with_an_entry() {
    let dead = Expectation { known: 0, because: NASTY.into(), issue: NASTY.into(), ..entry(7, "nats", B) };
    let events = run(&[entry(3, "redis", A), dead], &[(A, Outcome::Fail), (B, Outcome::Pass)]);
    let report = Report::from_events(&events);
    let mut bytes = Vec::new();
    ctrf::write(&report, &mut bytes).unwrap();
    let ctrf = String::from_utf8(bytes).unwrap();
    for (name, page) in [
        ("terminal", terminal::render(&report, &terminal::Options { color: false, width: 110 })),
        ("markdown", markdown::render(&report, &markdown::Options::default())),
        ("html", html::render(&report)),
        ("junit", junit::render(&report)),
        ("ctrf", ctrf.clone()),
        ("annotations", annotations::render(&report)),
    ] {
        let place = if name == "annotations" { "file=known.yaml,line=7," } else { "known.yaml:7" };
        assert!(page.contains(place), "{name}:\n{page}");
        assert!(page.contains("matches no case of any backend"), "{name}:\n{page}");
        assert!(name == "annotations" || page.contains("redis rounds"), "{name}:\n{page}");
        let is_markup = matches!(name, "html" | "junit" | "markdown");
        assert!(!(is_markup && page.contains("<script>alert")), "{name}");
    }
    // A reader of either format sees one failure, and no case that failed.
    assert_eq!(junit::render(&report).matches("<failure").count(), 1);
    let value: serde_json::Value = serde_json::from_str(&ctrf).unwrap();
    assert_eq!(
        (&value["results"]["summary"]["failed"], &value["results"]["summary"]["tests"]),
        (&1.into(), &5.into())
    );
    assert_eq!(value["results"]["tests"].as_array().unwrap().len(), 5);
}

/// An issue can be followed, by `http` and `https` alone, and only where an entry names it.
#[test]
fn issues_lead_to_where_they_are_looked_after() {
    let issue = "https://example.com/issues?id=7&kind=\"a\"#note_1";
    let address = |because: &str, issue: &str, found| {
        let known = Expectation { because: because.into(), issue: issue.into(), ..entry(3, "redis", A) };
        let mut events = run(&[known], &[(A, found)]);
        for event in &mut events {
            if let EventKind::CaseFinished(case) = &mut event.kind
                && let Some(failure) = &mut case.failure
            {
                failure.message = "see https://example.org/target".into();
            }
        }
        let report = Report::from_events(&events);
        (html::render(&report), markdown::render(&report, &markdown::Options::default()))
    };
    let of_issue = "<a href=\"https://example.com/issues?id=7&amp;kind=\" rel=\"noreferrer\">";
    for found in [Outcome::Fail, Outcome::Pass] {
        let (html, markdown) = address("see http://example.com/why.", issue, found);
        if found == Outcome::Fail {
            assert!(html.contains("<a href=\"http://example.com/why\" rel=\"noreferrer\">"), "{html}");
            assert!(html.contains(of_issue), "{html}");
            assert!(markdown.contains("](<https://example.com/issues?id=7&#38;kind=>)"), "{markdown}");
        }
        for page in [&html, &markdown] {
            assert!(
                !page.contains("href=\"https://example.org") && !page.contains("(<https://example.org"),
                "{page}"
            );
        }
    }
    for issue in ["javascript:alert(1)", "ftp://example.com/1", "https://github.com@example.com/1", "#7"] {
        let (html, markdown) = address("it rounds", issue, Outcome::Fail);
        let body = html.split("</style>").nth(1).expect("a body");
        assert!(body.split(" href=\"").skip(1).all(|link| link.starts_with('#')), "{issue}");
        assert!(!markdown.contains("](<"), "{issue}");
    }
}

/// So it can where the changes tell of it, beside what the target said.
#[test]
fn a_change_that_is_known_names_its_issue() {
    let after = Report::from_events(&run(&[entry(3, "redis", A)], &[(A, Outcome::Fail)]));
    let diff = compare(&Report::from_events(&run(&[], &[(A, Outcome::Fail)])), &after).expect("they compare");
    let [change, _] = diff.cases.as_slice() else { panic!("two ways, one change each: {:?}", diff.cases) };
    assert_eq!(change.kind, CaseChangeKind::Excused);
    assert_eq!(change.message.as_deref(), Some("the value differs"));
    let known = "known.yaml:3: redis rounds (https://example.com/issues/1, until 2025-01-02)";
    assert_eq!(change.expectation.as_deref(), Some(known));
    let html = html::render_since(&after, Some(&Ok(diff.clone())));
    let section = html.split("<h2 id=\"changes\">").nth(1).expect("the section");
    let section = section.split("</section>").next().expect("its end");
    assert!(section.contains("<a href=\"https://example.com/issues/1\" rel=\"noreferrer\">"), "{section}");
    let page = changes::markdown(&diff, &markdown::Options::default());
    assert!(page.contains("](<https://example.com/issues/1>)"), "{page}");
    let page = changes::terminal(&diff, &terminal::Options { color: false, width: 110 });
    assert!(page.contains(&format!("      known      {known}")), "{page}");
}

#[test]
fn the_pages_of_known_failures() {
    use ExpectationState::{Differs, Expired, Held, MatchesNothing, Passes};

    let mut wrong = entry(12, "redis", "keyvalue_basic/c");
    wrong.clause = Some("KVB-07".into());
    let entries = [
        entry(3, "redis", A),
        entry(8, "redis", B),
        wrong,
        Expectation { known: 0, ..entry(17, "nats", "keyvalue_basic/d") },
        Expectation { expires: "2024-12-24".into(), ..entry(22, "redis", "keyvalue_basic/e") },
    ];
    let events = run(
        &entries,
        &[
            (A, Outcome::Fail),
            (B, Outcome::Pass),
            ("keyvalue_basic/c", Outcome::Fail),
            ("keyvalue_basic/e", Outcome::Timeout),
            ("keyvalue_basic/f", Outcome::Pass),
        ],
    );
    let states: Vec<_> = Report::from_events(&events).expectations.iter().map(|known| known.state).collect();
    assert_eq!(states, [Held, Passes, Differs, MatchesNothing, Expired]);
    crate::pages::snapshots("expectations", &events);
}
