//! What a comparison looks like: read the snapshots as a reviewer would.

use prism_reports::diff::compare;
use prism_reports::event::Failure;
use prism_reports::render::changes::{self, Since};
use prism_reports::render::{html, markdown, terminal};
use prism_reports::{Diff, Event, EventKind, Incomparable, Outcome, Report, diff_schema};
use proptest::prelude::*;

use super::run::{Run, json};
use crate::fixture::{self, Log, NASTY, case, done, finished};

/// A baseline of the fixture in which other things were wrong.
fn baseline() -> Vec<Event> {
    let mut events = fixture::full_run();
    for event in &mut events {
        match &mut event.kind {
            EventKind::RunStarted(run) => {
                run.run_id = "0197a001".into();
                run.commit = Some(NASTY.into());
            }
            EventKind::TargetPlanned(plan) if plan.target == "memstore" => {
                plan.cases.remove(1);
                plan.declared[0].traits.insert("max_key_bytes".into(), NASTY.into());
            }
            EventKind::TargetPlanned(plan) if plan.target == "redis" => {
                plan.cases.push(case("keyvalue_basic/gone", &["KVB-01"], "Holds."));
            }
            EventKind::CaseFinished(case) => {
                case.outcome = match case.outcome {
                    Outcome::Fail | Outcome::Inconclusive => Outcome::Pass,
                    Outcome::Pass if case.case.ends_with("set_then_get") => Outcome::Fail,
                    Outcome::Timeout => Outcome::Fail,
                    outcome => outcome,
                };
            }
            _ => {}
        }
    }
    events.retain(|event| !matches!(&event.kind, EventKind::CaseFinished(case) if case.target == "memstore" && case.case == "keyvalue_basic/empty_value"));
    let mut log = Log::default();
    events.pop();
    for event in events {
        log.push(event.kind);
    }
    log.push(done(finished("redis", "keyvalue_basic/gone", Outcome::Pass, 1.0)));
    log.close(false).events.clone()
}

fn compared() -> Diff {
    compare(&Report::from_events(&baseline()), &Report::from_events(&fixture::full_run()))
        .expect("they can be compared")
}

#[test]
fn the_pages_are_read_as_a_reviewer_would() {
    let diff = compared();
    let plain = terminal::Options { color: false, width: 110 };
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!("diff.terminal", changes::terminal(&diff, &plain));
        insta::assert_snapshot!("diff.markdown", changes::markdown(&diff, &markdown::Options::default()));
        insta::assert_snapshot!("diff.json", json(&diff));
        let report = Report::from_events(&fixture::full_run());
        let since: Since = Ok(diff.clone());
        let page = markdown::render_since(&report, Some(&since), &markdown::Options::default());
        let start = page.find("# Changes since").expect("the section");
        assert!(
            start < page.find("| this run |").expect("the provenance"),
            "it comes right after the verdict"
        );
        let end = page[start..].find("\n| this run |").expect("what follows");
        insta::assert_snapshot!("diff.section", &page[start..start + end]);
        let page = html::render_since(&report, Some(&since));
        let start = page.find("<section aria-labelledby=\"changes\">").expect("the section");
        let before = page[..start].rsplit('\n').nth(1);
        assert_eq!(before, Some("<main>"), "it comes right after the verdict");
        let end = page[start..].find("</section>").expect("its end");
        insta::assert_snapshot!("diff.html", &page[start..start + end]);
        let why: Since = Err(Incomparable::OtherRoute);
        let page = html::render_since(&report, Some(&why));
        assert!(page.contains("<p>Not compared: one was reached directly"), "{page}");
        let page = markdown::render_since(&report, Some(&why), &markdown::Options::default());
        assert!(page.contains("Not compared: one was reached directly"), "{page}");
        let page = terminal::render_since(&report, Some(&why), &plain);
        assert!(
            page.contains("CHANGES SINCE THE BASELINE: not compared: one was reached directly"),
            "{page}"
        );
    });
}

/// Whoever reads the one page after the other finds the same, in the same order.
#[test]
fn both_pages_tell_the_same_in_the_same_order() {
    let (diff, report) = (compared(), Report::from_events(&fixture::full_run()));
    let since: Since = Ok(diff);
    let of_markdown = markdown::render_since(&report, Some(&since), &markdown::Options::default());
    let section = of_markdown.split("## Changes since").nth(1).expect("the section");
    let section = section.split("\n| this run |").next().expect("what follows");
    let kinds: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let of_html = html::render_since(&report, Some(&since));
    let section = of_html.split("<h2 id=\"changes\">").nth(1).expect("the section");
    let section = section.split("</section>").next().expect("its end");
    let told: Vec<&str> =
        section.split("<h3>").skip(1).map(|rest| rest.split("</h3>").next().expect("an end")).collect();
    assert!(kinds.len() > 5, "{kinds:?}");
    assert_eq!(told, kinds);
    assert!(html::render(&report) != of_html && !html::render(&report).contains("id=\"changes\""));
}

/// A run of two hundred thousand cases may be compared with one in which none of them held.
#[test]
fn many_changes_do_not_make_a_page_of_them() {
    let cases: Vec<String> = (0..1_000).map(|n| format!("keyvalue_basic/case_{n}")).collect();
    let all = |outcome| Run::of(&cases.iter().map(|id| (id.as_str(), outcome)).collect::<Vec<_>>()).report();
    let (good, bad) = (all(Outcome::Pass), all(Outcome::Fail));
    let since: Since = compare(&good, &bad);
    let page = html::render_since(&bad, Some(&since));
    let section = page.split("<h2 id=\"changes\">").nth(1).expect("the section");
    let section = section.split("</section>").next().expect("its end");
    assert!(section.contains("Newly failing: 1000 cases"), "{section}");
    assert_eq!(section.matches("<tr><th scope=\"row\">").count(), 200 + 1, "and one level lost");
    assert!(section.contains("800 changes more"), "{section}");
}

#[test]
fn every_budget_is_kept_with_changes_too() {
    let (diff, report) = (compared(), Report::from_events(&fixture::full_run()));
    let since: Since = Ok(diff.clone());
    let pages: [&dyn Fn(usize) -> String; 2] =
        [&|budget_bytes| changes::markdown(&diff, &markdown::Options { budget_bytes }), &|budget_bytes| {
            markdown::render_since(&report, Some(&since), &markdown::Options { budget_bytes })
        }];
    for page in pages {
        let whole = page(usize::MAX);
        for budget in (0..whole.len()).step_by(7) {
            let page = page(budget);
            assert!(page.len() <= budget, "{} bytes where {budget} are allowed", page.len());
        }
        assert_eq!(page(whole.len()), whole);
    }
}

#[test]
fn a_diff_keeps_to_its_schema_and_comes_back() {
    let schema = serde_json::from_str(&diff_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = json(&compared());
    let errors: Vec<String> =
        validator.iter_errors(&serde_json::from_str(&text).unwrap()).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(serde_json::from_str::<Diff>(&text).unwrap(), compared());
}

/// A run in which everything that can say something says this text: its commit, its target, a case and what it tells.
fn saying(text: &str, outcome: Outcome, value: &str) -> Report {
    let mut run = Run::of(&[("keyvalue_basic/same", Outcome::Pass), (text, outcome)]);
    run.started.commit = Some(text.to_owned());
    value.clone_into(&mut run.started.contract_revision);
    text.clone_into(&mut run.plan.target);
    run.plan.guarantees.insert(text.to_owned(), value.to_owned());
    let mut events = run.events();
    for event in &mut events {
        if let EventKind::CaseFinished(case) = &mut event.kind
            && case.case == text
        {
            let (message, reproduce, clause) = (text.to_owned(), text.to_owned(), Some(text.to_owned()));
            case.failure = Some(Failure { message, reproduce, clause, ..Failure::default() });
        }
    }
    Report::from_events(&events)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a target, a log or a report says, in every place where it can say something.
    #[test]
    fn foreign_text_is_data(text in "([`|<>@#\\\\\\n\\r\\t $:*_\\[\\]!~&a1é\u{1b}\u{0}\u{202e}-]|GH-1|#1|@a|www\\.|```){0,24}") {
        let diff = compare(&saying(&text, Outcome::Pass, ""), &saying(&text, Outcome::Fail, &text)).expect("they can be compared");
        let page = changes::markdown(&diff, &markdown::Options::default());
        let lines = changes::terminal(&diff, &terminal::Options::default());
        for page in [&page, &lines] {
            let found = page.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
            prop_assert_eq!(found, None, "{}", page);
        }
        let prose = crate::markdown::outside_code(&page);
        for tag in prose.split('<').skip(1) {
            prop_assert!(["span>$", "/span>"].iter().any(|own| tag.starts_with(own)), "<{}\n{}", tag, page);
        }
        for pair in prose.as_bytes().windows(2) {
            prop_assert!(!(pair[0] == b'@' && pair[1] != b'&'), "{}", page);
        }
        prop_assert!(!prose.contains("GH-1") && !prose.contains("www.a"), "{}", page);
    }

    /// On the page for a browser it makes no element of its own.
    #[test]
    fn foreign_text_is_no_element(text in "([<>&\"'=/ a\\n\\r\u{0}\u{1b}\u{202e}-]|<script>|</details>|<!--|&lt;|javascript:){1,12}") {
        let page = |text: &str| {
            // Something that can be seen, so that it is there in both.
            let text = format!("x{text}");
            let after = saying(&text, Outcome::Fail, &text);
            let since: Since = compare(&saying(&text, Outcome::Pass, ""), &after);
            html::render_since(&after, Some(&since))
        };
        let (own, told) = (page("plain"), page(&text));
        prop_assert!(own.contains("<h3>Newly failing: 1 case</h3>"));
        prop_assert_eq!(crate::html::tags(&told), crate::html::tags(&own));
        let steers = told.contains(['\u{0}', '\u{1b}', '\u{202e}', '\r']);
        prop_assert!(!steers);
    }
}
