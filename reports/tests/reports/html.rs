//! The page for a browser is one well-formed file, in which foreign text is data.

use std::collections::BTreeSet;

use base64::Engine as _;
use prism_reports::event::{CallRecord, Failure};
use prism_reports::render::html;
use prism_reports::{EventKind, Outcome, Report};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::fixture::{self, Log, NASTY, case, done, finished, planned, ready};

#[test]
fn the_policy_knows_the_script() {
    let current = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(html::SCRIPT));
    assert_eq!(html::SCRIPT_SHA256, current, "write the new digest into reports/src/render/html.rs");
    assert!(!html::SCRIPT.contains("</script") && !html::STYLE.contains("</style"));
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let page = html::render(&Report::from_events(&fixture::full_run()));
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page.matches("<script").count(), 1);
    for loads in ["<link", "<img", "<iframe", "@import", "url(", " src="] {
        assert!(!page.contains(loads), "{loads}");
    }
    let before_the_script = page.split("<script").next().unwrap();
    for (target, case) in Report::from_events(&fixture::full_run()).cases() {
        let name = case.id.strip_prefix(&format!("{}/", case.interface)).unwrap();
        assert!(before_the_script.contains(&format!(">{name}<")), "{} {name}", target.target);
        let reproduce = case.failure.as_ref().map_or("", |failure| &failure.reproduce);
        assert!(before_the_script.contains(reproduce), "{reproduce}");
    }
}

/// The values of an attribute that stands in this page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    page.split(attribute)
        .skip(1)
        .map(|rest| match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap(),
            None => rest.split([' ', '>']).next().unwrap(),
        })
        .collect()
}

#[test]
fn every_way_into_the_page_leads_somewhere() {
    let mut part = fixture::full_run();
    for event in &mut part {
        if let EventKind::TargetPlanned(plan) = &mut event.kind {
            plan.cases.retain(|case| case.interface != "keyvalue_ttl");
        }
    }
    for events in [fixture::full_run(), part, fixture::good_run(), fixture::empty_run(), Vec::new()] {
        let report = Report::from_events(&events);
        // Something is gone, something has changed, and something was not there.
        let before =
            Report::from_events(&if events.len() < 30 { fixture::full_run() } else { fixture::good_run() });
        let since = prism_reports::diff::compare(&before, &report);
        let page = html::render_since(&report, Some(&since));
        let body = page.split("</style>").nth(1).unwrap().split("<script").next().unwrap();
        let ids = values(body, " id=");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "an id is there twice");
        for link in values(body, " href=") {
            assert!(unique.contains(link.strip_prefix('#').unwrap()), "{link} leads nowhere");
        }
        for label in values(body, " aria-labelledby=") {
            assert!(unique.contains(label), "{label}");
        }
        for (open, close) in [("<details", "</details>"), ("<table", "</table>"), ("<section", "</section>")]
        {
            assert_eq!(body.matches(open).count(), body.matches(close).count(), "{open}");
        }
    }
}

#[test]
fn a_mebibyte_of_text_does_not_make_a_page_of_mebibytes() {
    let mut log = Log::default();
    let huge = NASTY.repeat((1 << 20) / NASTY.len());
    log.push(fixture::started());
    log.push(EventKind::TargetPlanned(planned("redis", "7", &["k"], vec![case("k/a", &["KVB-01"], &huge)])));
    log.push(ready("redis", "container", Some(&huge)));
    let mut result = finished("redis", "k/a", Outcome::Fail, 1.0);
    let call = CallRecord { rpc: huge.clone(), at_ms: 0, took_us: 1, status: huge.clone() };
    let (got, detail, message) = (Some(huge.clone()), Some(huge.clone()), huge.clone());
    result.failure = Some(Failure { message, got, detail, calls: vec![call], ..Failure::default() });
    result.logs = vec![huge.clone()];
    result.notes = vec![huge];
    log.push(done(result)).close(false);
    let page = html::render(&Report::from_events(&log.events));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    assert!(page.contains("more bytes)"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a target, a server or a plan says, in every place where it can say something.
    #[test]
    fn foreign_text_is_data(text in "([<>&\"'=/ a\\n\\r\u{0}\u{1b}\u{202e}-]|<script>|</pre>|<!--|]]>|&lt;|javascript:){1,12}") {
        let own = html::render(&Report::from_events(&everywhere("plain")));
        let page = html::render(&Report::from_events(&everywhere(&text)));
        prop_assert_eq!(tags(&page), tags(&own));
        let steers = page.contains(['\u{0}', '\u{1b}', '\u{202e}', '\r']);
        prop_assert!(!steers);
    }
}

/// The names of the elements, in order, as the tokenizer of a browser would find them.
pub(crate) fn tags(page: &str) -> Vec<&str> {
    let body = page.split("</style>").nth(1).unwrap().split("<script>").next().unwrap();
    body.split('<').skip(1).map(|rest| rest.split([' ', '>', '\n']).next().unwrap()).collect()
}

/// A run in which every foreign text is `text`.
fn everywhere(text: &str) -> Vec<prism_reports::Event> {
    let owned = || text.to_owned();
    let mut events = fixture::full_run();
    for event in &mut events {
        match &mut event.kind {
            EventKind::RunStarted(run) => {
                run.command = owned();
                run.run_id = owned();
                run.commit = Some(owned());
                run.host.os = owned();
                run.clauses.iter_mut().for_each(|clause| clause.text = owned());
            }
            EventKind::TargetPlanned(plan) => {
                plan.setup = owned();
                plan.guarantees.values_mut().for_each(|value| *value = owned());
                plan.cases.iter_mut().for_each(|case| {
                    case.sentence = owned();
                    case.kind = owned();
                });
            }
            EventKind::TargetReady(ready) => ready.provision.server_version = Some(owned()),
            EventKind::TargetNotMeasured(absent) => {
                absent.reason = owned();
                absent.remedy = owned();
            }
            EventKind::TargetFailed(failed) => failed.reason = owned(),
            EventKind::CaseFinished(case) => {
                if let Some(failure) = &mut case.failure {
                    failure.message = owned();
                    failure.expected = Some(owned());
                    failure.got = Some(owned());
                    failure.detail = Some(owned());
                    failure.clause_text = Some(owned());
                    failure.reproduce = owned();
                    failure.calls.iter_mut().for_each(|call| call.rpc = owned());
                }
                case.logs = vec![owned()];
                case.notes = vec![owned()];
                case.namespace = Some(owned());
            }
            EventKind::ShardTrouble(trouble) => trouble.problem = owned(),
            EventKind::RunFinished(_) => {}
        }
    }
    events
}
