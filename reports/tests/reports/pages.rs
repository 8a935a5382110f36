//! What the pages look like: read the snapshots as a reviewer would.

use prism_reports::render::{annotations, badge, ctrf, html, json, junit, markdown, terminal};
use prism_reports::{Event, Report};

use crate::fixture;

pub(crate) fn snapshots(name: &str, events: &[Event]) {
    let report = Report::from_events(events);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let plain = terminal::Options { color: false, width: 110 };
        insta::assert_snapshot!(format!("{name}.terminal"), terminal::render(&report, &plain));
        insta::assert_snapshot!(
            format!("{name}.markdown"),
            markdown::render(&report, &markdown::Options::default())
        );
        insta::assert_snapshot!(format!("{name}.junit"), junit::render(&report));
        insta::assert_snapshot!(format!("{name}.json"), json::render(&report));
        let mut bytes = Vec::new();
        ctrf::write(&report, &mut bytes).unwrap();
        let pretty: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        insta::assert_snapshot!(format!("{name}.ctrf"), serde_json::to_string_pretty(&pretty).unwrap());
        insta::assert_snapshot!(format!("{name}.annotations"), annotations::render(&report));
        let badge = badge::of_run(&report);
        insta::assert_snapshot!(format!("{name}.badge"), badge.svg() + &badge.endpoint());
        // Style and script are files of their own.
        let page = html::render(&report).replace(html::STYLE, "STYLE").replace(html::SCRIPT, "SCRIPT");
        insta::assert_snapshot!(format!("{name}.html"), page.replace(html::SCRIPT_SHA256, "SHA256"));
    });
}

#[test]
fn every_outcome_and_nasty_text() {
    snapshots("full", &fixture::full_run());
}

#[test]
fn nothing_selected() {
    snapshots("empty", &fixture::empty_run());
}

#[test]
fn everything_held() {
    snapshots("good", &fixture::good_run());
}

#[test]
fn a_log_that_was_cut_off() {
    let mut events = fixture::full_run();
    events.truncate(9);
    snapshots("cut_off", &events);
}

#[test]
fn colour_changes_nothing_but_colour() {
    let report = Report::from_events(&fixture::full_run());
    let plain = terminal::render(&report, &terminal::Options { color: false, width: 110 });
    let coloured = terminal::render(&report, &terminal::Options { color: true, width: 110 });
    assert!(!plain.contains('\u{1b}'));
    let mut stripped = String::new();
    let mut pieces = coloured.split("\u{1b}[");
    stripped.push_str(pieces.next().unwrap());
    for piece in pieces {
        let (code, text) = piece.split_once('m').unwrap();
        assert!(code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "{code:?}");
        stripped.push_str(text);
    }
    let without_padding = |page: &str| page.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(without_padding(&stripped), without_padding(&plain));
}

#[test]
fn a_narrow_terminal_wraps_the_matrix_between_targets() {
    let report = Report::from_events(&fixture::full_run());
    let narrow = terminal::render(&report, &terminal::Options { color: false, width: 45 });
    let heads: Vec<&str> = narrow.lines().filter(|line| line.starts_with("                ")).collect();
    let rows = narrow.lines().filter(|line| line.starts_with("keyvalue_basic  ")).count();
    assert_eq!(rows, 4, "{heads:?}");
    let wide = terminal::render(&report, &terminal::Options { color: false, width: 1_000 });
    assert_eq!(wide.lines().filter(|line| line.starts_with("keyvalue_basic  ")).count(), 1);
}

#[test]
fn no_page_holds_a_character_that_steers() {
    let report = Report::from_events(&fixture::full_run());
    let pages = [
        terminal::render(&report, &terminal::Options::default()),
        markdown::render(&report, &markdown::Options::default()),
        junit::render(&report),
        html::render(&report).replace(html::STYLE, "").replace(html::SCRIPT, ""),
        annotations::render(&report),
    ];
    for page in pages {
        let found =
            page.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202e}' | '\u{fffe}'));
        assert_eq!(found, None, "{page}");
    }
}
