//! The page for GitHub keeps its budget, whatever it is.

use prism_reports::event::Failure;
use prism_reports::render::markdown::{Options, render};
use prism_reports::{Event, EventKind, Outcome, Report};
use proptest::prelude::*;

use crate::fixture::{self, Log, NASTY, case, done, finished, planned, ready};

fn page(report: &Report, budget_bytes: usize) -> String {
    render(report, &Options { budget_bytes })
}

/// Every budget up to the size of the page.
fn sweep(events: &[Event], step: usize) {
    let report = Report::from_events(events);
    let whole = page(&report, usize::MAX);
    assert!(!whole.contains("Left out to stay within"));
    for budget in (0..whole.len()).step_by(step) {
        let page = page(&report, budget);
        assert!(page.len() <= budget, "{} bytes where {budget} are allowed", page.len());
        let only_a_title = page.lines().filter(|line| !line.is_empty()).count() <= 3;
        assert!(only_a_title || page.contains("Left out to stay within"), "{budget} bytes:\n{page}");
        assert_eq!(
            page.matches("<details>").count(),
            page.matches("</details>").count(),
            "{budget} bytes:\n{page}"
        );
    }
    assert_eq!(page(&report, whole.len()), whole);
}

#[test]
fn every_budget_is_kept() {
    sweep(&fixture::full_run(), 1);
    sweep(&fixture::good_run(), 1);
    sweep(&fixture::empty_run(), 1);
    sweep(&[], 1);
}

#[test]
fn five_thousand_failures_fit_and_are_counted() {
    let mut log = Log::default();
    let cases = (0..5_000).map(|n| case(&format!("keyvalue_basic/case_{n}"), &["KVB-01"], NASTY)).collect();
    log.push(fixture::started());
    log.push(EventKind::TargetPlanned(planned("redis", "redis-7.0", &["keyvalue_basic"], cases)));
    log.push(ready("redis", "container", Some("7.0")));
    for n in 0..5_000 {
        let mut result = finished("redis", &format!("keyvalue_basic/case_{n}"), Outcome::Fail, 1.0);
        let got = Some(NASTY.repeat(40));
        result.failure = Some(Failure { message: format!("failure {n}"), got, ..Failure::default() });
        log.push(done(result));
    }
    log.close(false);
    let report = Report::from_events(&log.events);
    let budget = Options::default().budget_bytes;
    let page = page(&report, budget);
    assert!(page.len() <= budget && page.len() > budget * 9 / 10, "{} bytes", page.len());
    let shown = page.matches("\n### ").count();
    assert!(shown > 100);
    assert!(page.contains(&format!("{} of 5000 failures by cause", 5_000 - shown)));
    assert!(page.contains("FAIL 5000/5000"), "the matrix matters more than the last failure");
}

#[test]
fn two_hundred_errors_of_one_server_are_told_once() {
    let cases = (0..200).map(|n| case(&format!("keyvalue_basic/case_{n}"), &["KVB-01"], "Holds.")).collect();
    let mut log = Log::default();
    log.push(fixture::started());
    log.push(EventKind::TargetPlanned(planned("redis", "redis-7.0", &["keyvalue_basic"], cases)));
    log.push(EventKind::TargetFailed(prism_reports::event::TargetFailed {
        target: "redis".into(),
        reason: "the image cannot be pulled".into(),
    }));
    log.close(false);
    let page = page(&Report::from_events(&log.events), usize::MAX);
    assert!(page.contains("Without a result: 200 cases, 1 cause"));
    assert_eq!(page.matches("\n### ").count(), 1);
    assert!(page.contains("and 189 more"));
}

/// The parts of a page that are neither code nor a fenced block.
pub(crate) fn outside_code(page: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in page.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 && !line[ticks.len()..].contains('`') => fence = Some(ticks),
            None => {
                out.push_str(&without_spans(line));
                out.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "a block is never closed:\n{page}");
    out
}

/// Removes code spans as CommonMark pairs them: a run of backticks closes the run of the same length.
fn without_spans(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('\\') {
            let taken: String = rest.chars().take(2).collect();
            out.push_str(&taken);
            rest = &rest[taken.len()..];
            continue;
        }
        let run = rest.len() - rest.trim_start_matches('`').len();
        let mut from = run;
        let close = loop {
            let Some(at) = rest[from..].find('`') else { break None };
            let start = from + at;
            let length = rest[start..].len() - rest[start..].trim_start_matches('`').len();
            if length == run {
                break Some(start + run);
            }
            from = start + length;
        };
        let end = close.unwrap_or(run);
        out.push_str(if close.is_some() { "CODE" } else { &rest[..run] });
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a target says, in every place where it can say something: no tag, mention, reference or table cell of
    /// its own, and no block that stays open.
    #[test]
    fn foreign_text_is_data(text in "([`|<>@#\\\\\\n\\r\\t $:*_\\[\\]!~&a1é\u{1b}\u{0}-]|GH-1|#1|@a|www\\.|```){0,24}") {
        let mut events = fixture::full_run();
        for event in &mut events {
            match &mut event.kind {
                EventKind::RunStarted(run) => run.command.clone_from(&text),
                EventKind::TargetNotMeasured(absent) => {
                    absent.reason.clone_from(&text);
                    absent.remedy.clone_from(&text);
                }
                EventKind::TargetFailed(failed) => failed.reason.clone_from(&text),
                EventKind::CaseFinished(case) => {
                    if let Some(failure) = &mut case.failure {
                        failure.message.clone_from(&text);
                        failure.expected = Some(text.clone());
                        failure.detail = Some(text.clone());
                        failure.clause_text = Some(text.clone());
                        failure.reproduce.clone_from(&text);
                    }
                    case.notes = vec![text.clone()];
                    case.namespace = Some(text.clone());
                }
                EventKind::TargetPlanned(plan) => {
                    for case in &mut plan.cases {
                        case.sentence.clone_from(&text);
                    }
                }
                _ => {}
            }
        }
        let page = page(&Report::from_events(&events), usize::MAX);
        let prose = outside_code(&page);
        for tag in prose.split('<').skip(1) {
            let ours = ["details>", "/details>", "summary>", "/summary>", "span>$", "/span>"];
            prop_assert!(ours.iter().any(|own| tag.starts_with(own)), "<{tag}\n{page}");
        }
        let bytes = prose.as_bytes();
        for (at, pair) in bytes.windows(2).enumerate() {
            // Our own headings have a space after the sign.
            let mention = pair[0] == b'@' && pair[1] != b'&';
            let reference = pair[0] == b'#' && pair[1].is_ascii_digit() && at > 0 && bytes[at - 1] != b'&';
            prop_assert!(!mention && !reference, "{:?}", String::from_utf8_lossy(&bytes[at.saturating_sub(9)..]));
        }
        prop_assert!(!prose.contains("GH-1") && !prose.contains("www.a"));
        let rows: Vec<&str> = prose.lines().skip_while(|line| !line.starts_with("## Not measured")).take(6).collect();
        let cells = rows[4].replace("\\\\", "").replace("\\|", "").matches('|').count();
        prop_assert_eq!(cells, 5, "{:?}", rows);
    }
}
