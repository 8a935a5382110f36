//! Workflow commands: few, the most important first, and none that a target has made.

use prism_reports::event::Failure;
use prism_reports::render::annotations::{LIMIT, render};
use prism_reports::{EventKind, Outcome, Report};
use proptest::prelude::*;

use crate::fixture::{self, Log, NASTY, case, done, finished, planned, ready};

/// Command, title and message of each line, decoded as the runner of GitHub does it.
fn read(page: &str) -> Vec<(String, String, String)> {
    page.lines()
        .map(|line| {
            let (head, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
            let (command, properties) = head.split_once(' ').unwrap();
            let title = properties.strip_prefix("title=").unwrap();
            assert!(!title.contains(','), "a second property: {line}");
            let message = message.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%");
            let title = title.replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
            (command.to_owned(), title, message)
        })
        .collect()
}

fn failing(count: usize, text: &str) -> Report {
    let mut log = Log::default();
    let id = |n: usize| format!("keyvalue_basic/case_{n}");
    let cases = (0..count).map(|n| case(&id(n), &["KVB-01"], text)).collect();
    log.push(fixture::started());
    log.push(EventKind::TargetPlanned(planned("redis", "redis-7.0", &["keyvalue_basic"], cases)));
    log.push(ready("redis", "container", None));
    for n in 0..count {
        let mut result = finished("redis", &id(n), Outcome::Fail, 1.0);
        let (message, reproduce) = (text.to_owned(), text.to_owned());
        result.failure = Some(Failure { message, reproduce, got: Some(text.into()), ..Failure::default() });
        log.push(done(result));
    }
    log.close(false);
    Report::from_events(&log.events)
}

#[test]
fn never_more_than_ten_and_the_last_says_how_many_there_are() {
    assert_eq!(read(&render(&failing(10, "lost"))).len(), 10);
    let many = read(&render(&failing(5_000, NASTY)));
    assert_eq!(many.len(), LIMIT);
    assert!(many.iter().all(|(command, ..)| command == "error"));
    assert_eq!(many[9].2, "4991 annotations more, in the summary and the report");
}

#[test]
fn breaches_come_before_what_is_missing() {
    let all = read(&render(&Report::from_events(&fixture::full_run())));
    let first_warning = all.iter().position(|(command, ..)| command == "warning").unwrap_or(all.len());
    assert!(first_warning > 0 && all[..first_warning].iter().all(|(command, ..)| command == "error"));
    assert!(render(&Report::from_events(&fixture::good_run())).is_empty());
    assert_eq!(read(&render(&Report::from_events(&fixture::empty_run()))).len(), 1, "nothing measured shows");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_becomes_a_command(text in "([:%,=a\\n\\r \u{1b}]|::error::|::add-mask::|%0A|##\\[group\\]){0,20}") {
        let page = render(&failing(3, &text));
        prop_assert_eq!(page.lines().count(), 3);
        prop_assert_eq!(page.split(['\n', '\r']).filter(|line| line.trim_start().starts_with("::")).count(), 3);
        prop_assert!(read(&page).iter().all(|(command, ..)| command == "error"));
    }
}
