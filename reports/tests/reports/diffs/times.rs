//! Slower and faster calls, and when there is no telling.

use prism_reports::diff::{LatencyVerdict, compare};
use prism_reports::render::{changes, terminal};
use prism_reports::{Diff, EventKind, Outcome, Report};

use super::run::{Run, diff, json};

/// Eight cases that passed, in which the median call of each rpc took so many microseconds, and a bit more in each.
fn timed(rpcs: &[(&str, f64)], cases: usize) -> Run {
    let ids: Vec<String> = (0..cases).map(|n| format!("keyvalue_basic/{n}")).collect();
    let results: Vec<(&str, Outcome)> = ids.iter().map(|id| (id.as_str(), Outcome::Pass)).collect();
    let mut run = Run::of(&results);
    run.times = rpcs.iter().map(|(rpc, us)| ((*rpc).to_owned(), *us)).collect();
    run
}

fn verdicts(diff: &Diff) -> Vec<(&str, LatencyVerdict)> {
    diff.latencies.iter().map(|change| (change.rpc.as_str(), change.verdict)).collect()
}

#[test]
fn slower_calls_are_shown_and_gate_only_where_that_was_asked_for() {
    let before =
        timed(&[("KeyValueBasic/Get", 10.0), ("KeyValueBasic/Set", 10.0), ("KeyValueBasic/Delete", 9.0)], 8);
    let after =
        timed(&[("KeyValueBasic/Get", 30.0), ("KeyValueBasic/Set", 11.0), ("KeyValueBasic/Delete", 3.0)], 8);
    let mut slower = diff(&before, &after);
    assert_eq!(
        verdicts(&slower),
        [
            ("KeyValueBasic/Get", LatencyVerdict::Slower),
            ("KeyValueBasic/Delete", LatencyVerdict::Faster),
            ("KeyValueBasic/Set", LatencyVerdict::Same),
        ]
    );
    assert!(!slower.worse && slower.is_empty());
    assert_eq!(slower, diff(&before, &after), "the draws are the same each time");
    slower.fail_slower(4.0);
    assert!(!slower.worse, "three times as slow is allowed here");
    slower.fail_slower(2.0);
    assert!(slower.worse && slower.latencies[0].too_slow && !slower.latencies[1].too_slow);
    let plain = terminal::Options { color: false, width: 110 };
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!("diff.times.terminal", changes::terminal(&slower, &plain));
        insta::assert_snapshot!("diff.times.json", json(&slower));
    });
}

#[test]
fn few_cases_failed_ones_and_other_machines_say_nothing_about_times() {
    let get = |us, cases| timed(&[("KeyValueBasic/Get", us)], cases);
    let mut few = diff(&get(1.0, 4), &get(100.0, 4));
    assert_eq!(verdicts(&few), [("KeyValueBasic/Get", LatencyVerdict::Inconclusive)]);
    few.fail_slower(2.0);
    assert!(!few.worse);

    let mut failing = get(100.0, 8);
    failing.results.iter_mut().skip(4).for_each(|(_, outcome)| *outcome = Outcome::Fail);
    let failing = diff(&get(1.0, 8), &failing);
    assert_eq!(failing.latencies[0].cases, 4, "only what passed counts");

    let elsewhere = get(100.0, 8).with(|run, _| run.host.cores = 64);
    let elsewhere = diff(&get(1.0, 8), &elsewhere);
    assert_eq!(elsewhere.latencies, []);
    assert!(
        elsewhere.notes.iter().any(|note| note.contains("on different machines")),
        "{:?}",
        elsewhere.notes
    );

    let other = get(100.0, 8);
    let mut events = other.events();
    for event in &mut events {
        if let EventKind::TargetReady(ready) = &mut event.kind {
            ready.provision.provision = "container".into();
        }
    }
    let other = compare(&get(1.0, 8).report(), &Report::from_events(&events)).expect("they can be compared");
    assert_eq!(other.latencies, []);
    assert!(
        other.notes.iter().any(|note| note.contains("its server was process before and is container now"))
    );
}
