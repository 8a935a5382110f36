//! What is shown while a run goes on: bars on a terminal, a few plain lines in a log.

use crate::command::say;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use prism_interfaces::{Clause, catalogue};
use prism_reports::{EventKind, Expectations, Outcome, event::PlannedCase, expectation::Subject};
use std::{
    collections::{BTreeMap, HashSet},
    io::IsTerminal,
    sync::Arc,
    time::Duration,
};

/// Whether a clause does not count yet.
fn is_provisional(clause: &str) -> bool {
    catalogue::clause(clause).is_some_and(Clause::is_provisional)
}

/// Shows what events say, on standard error.
pub struct Progress {
    /// `None` where standard error is no terminal.
    bars: Option<MultiProgress>,
    targets: BTreeMap<String, TargetProgress>,
    expectations: Arc<Expectations>,
}

struct TargetProgress {
    planned: usize,
    done: usize,
    red: usize,
    subject: Subject,
    /// The cases that do not count yet.
    provisional: HashSet<String>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins, with the seed, which is what makes a run that hangs reproducible.
    pub fn new(seed: u64, expectations: Arc<Expectations>) -> Self {
        say(&format!("seed {seed}"));
        let bars = std::io::stderr()
            .is_terminal()
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        Self { bars, targets: BTreeMap::new(), expectations }
    }

    /// Takes note of an event.
    pub fn see(&mut self, event: &EventKind) {
        match event {
            EventKind::TargetPlanned(planned) if !planned.cases.is_empty() => {
                let bar = self.bars.as_ref().map(|bars| {
                    let bar = bars.add(ProgressBar::new(planned.cases.len() as u64));
                    if let Ok(style) =
                        ProgressStyle::with_template("{prefix:24} {bar:30} {pos:>4}/{len:4} {msg}")
                    {
                        bar.set_style(style);
                    }
                    bar.set_prefix(planned.target.clone());
                    bar.set_message("waiting for its server");
                    bar.enable_steady_tick(Duration::from_millis(200));
                    bar
                });
                let subject = Subject::from(planned);
                let later = |case: &&PlannedCase| case.clauses.iter().all(|id| is_provisional(id));
                let provisional = planned.cases.iter().filter(later).map(|case| case.id.clone()).collect();
                let progress = TargetProgress {
                    planned: planned.cases.len(),
                    done: 0,
                    red: 0,
                    subject,
                    provisional,
                    bar,
                };
                self.targets.insert(planned.target.clone(), progress);
            }
            EventKind::TargetReady(ready) => {
                let provision = &ready.provision;
                let version = provision.server_version.as_deref().unwrap_or("no server");
                let message = format!("{} ({version}), effort {}", provision.provision, provision.effort);
                self.tell(&ready.target, &message, false);
            }
            EventKind::TargetNotMeasured(not) => {
                self.tell(&not.target, &format!("not measured: {}", not.reason), true);
            }
            EventKind::TargetFailed(failed) => {
                let first = failed.reason.lines().next().unwrap_or_default();
                self.tell(&failed.target, &format!("error: {first}"), true);
            }
            EventKind::CaseFinished(case) => {
                let Some(progress) = self.targets.get_mut(&case.target) else { return };
                progress.done += 1;
                let outcome = self.expectations.outcome(&progress.subject, case);
                let red = !progress.provisional.contains(&case.case)
                    && !outcome.proves()
                    && !matches!(outcome, Outcome::NotMeasured | Outcome::ExpectedFail);
                progress.red += usize::from(red);
                let (done, planned, reds) = (progress.done, progress.planned, progress.red);
                let line = red.then(|| format!("{}: {} {}", case.target, outcome.label(), case.case));
                if let Some(bar) = &progress.bar {
                    bar.set_position(done as u64);
                    bar.set_message(if reds == 0 {
                        String::new()
                    } else {
                        format!("{reds} not as they should be")
                    });
                    if let Some(line) = line {
                        bar.println(line);
                    }
                    if done == planned {
                        bar.finish();
                    }
                } else {
                    if let Some(line) = line {
                        say(&line);
                    }
                    if done == planned {
                        say(&format!("{}: {done} cases done, {reds} not as they should be", case.target));
                    }
                }
            }
            _ => {}
        }
    }

    fn tell(&self, target: &str, message: &str, end: bool) {
        match self.targets.get(target).and_then(|progress| progress.bar.as_ref()) {
            Some(bar) if end => bar.abandon_with_message(message.to_owned()),
            Some(bar) => bar.set_message(message.to_owned()),
            None => say(&format!("{target}: {message}")),
        }
    }

    /// Ends; what was shown stays.
    pub fn finish(&mut self) {
        for bar in self.targets.values().filter_map(|progress| progress.bar.as_ref()) {
            if !bar.is_finished() {
                bar.abandon();
            }
        }
    }
}
