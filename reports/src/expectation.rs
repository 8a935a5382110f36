//! Known failures: what an expectation file says of cases, and what it turns their results into.
//!
//! A log holds results as they were found, beside the entries of the file; the fold applies the one to the other. So a
//! report says both what was found and what was made of it, and logs of several machines are judged as one.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{CaseFinished, Failure, Route, TargetPlanned};
use crate::outcome::Outcome;
use crate::pattern::matches;

/// One entry of an expectation file: these cases fail on these backends, for this reason, until this day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// The file, as it was given.
    pub file: String,
    /// The line that the entry begins on, from 1.
    pub line: usize,
    /// Backends, set-ups (`redis@redis-7.0`) and bindings of patterns, in which `*` stands for any characters.
    pub backends: Vec<String>,
    /// Ids of cases, in which `*` stands for any characters.
    pub cases: Vec<String>,
    /// The way to the backend that it speaks of; none for every way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Why they fail.
    pub because: String,
    /// Where that is being looked after.
    pub issue: String,
    /// The last day on which the entry excuses anything, as `YYYY-MM-DD`, in UTC.
    pub expires: String,
    /// The clause that has to be the broken one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The gRPC status or the reason of an error that has to be among what came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many results it would speak of if everything that is registered were run; 0 says that it matches nothing.
    pub known: u64,
}

/// What an entry speaks of: a backend in a set-up, reached in a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The backend, or the pattern.
    pub backend: String,
    /// The set-up, or the binding.
    pub setup: String,
    /// As `--backend` takes it.
    pub name: String,
    /// The way to it.
    pub route: Route,
}

impl From<&TargetPlanned> for Subject {
    fn from(plan: &TargetPlanned) -> Self {
        Self {
            backend: plan.backend.clone(),
            setup: plan.setup.clone(),
            name: plan.name().to_owned(),
            route: plan.route,
        }
    }
}

/// What became of an entry in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectationState {
    /// Every result that it speaks of failed as it says.
    Held,
    /// Nothing that it speaks of was selected, or has a result.
    NotSeen,
    /// Something that it speaks of passed.
    Passes,
    /// Something that it speaks of failed in another way.
    Differs,
    /// Its last day is over.
    Expired,
    /// It speaks of nothing, whatever is selected.
    MatchesNothing,
}

impl ExpectationState {
    /// Whether the entry is itself a failure.
    pub fn is_broken(self) -> bool {
        match self {
            Self::Held | Self::NotSeen => false,
            Self::Passes | Self::Differs | Self::Expired | Self::MatchesNothing => true,
        }
    }

    /// The word of the state, in snake_case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::NotSeen => "not_seen",
            Self::Passes => "passes",
            Self::Differs => "differs",
            Self::Expired => "expired",
            Self::MatchesNothing => "matches_nothing",
        }
    }

    /// What is wrong with the entry, or right.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Held => "failed as it says",
            Self::NotSeen => "nothing of it was run",
            Self::Passes => "a case of it passes: remove it",
            Self::Differs => "a case of it fails in another way",
            Self::Expired => "it has expired",
            Self::MatchesNothing => "it matches no case of any backend: remove it",
        }
    }
}

/// An entry, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectationReport {
    /// The entry.
    #[serde(flatten)]
    pub entry: Expectation,
    /// What became of it.
    pub state: ExpectationState,
    /// How many planned cases of this run it speaks of.
    pub planned: u64,
    /// How many results it excuses.
    pub excused: u64,
    /// Whether the result of a case shows what is wrong with it.
    pub shown_by_a_case: bool,
}

impl ExpectationReport {
    /// What the entry is about and what became of it, in one sentence without its place.
    pub fn sentence(&self) -> String {
        let Expectation { backends, cases, issue, expires, .. } = &self.entry;
        let (cases, backends) = (cases.join(", "), backends.join(", "));
        format!("{cases} on {backends}, {issue}, until {expires}: {}", self.state.meaning())
    }
}

/// What an entry made of the result of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectedHere {
    /// The place of the entry in the list of the report, from 0.
    pub entry: usize,
    /// What the case came to by itself.
    pub found: Outcome,
    /// What the entry says, and how the result differs.
    pub note: String,
}

/// The entries of a run, and the day it was made on.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    entries: Vec<Expectation>,
    today: Option<Date>,
}

/// How a result stands to its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    AsExpected,
    Passes,
    Expired,
    Differs(String),
    /// There is no result that an entry could excuse or contradict.
    Undecided,
}

impl Expectations {
    /// For a run that was started then (RFC 3339). Where that is no time, every entry counts as expired.
    pub fn new(entries: Vec<Expectation>, started_at: &str) -> Self {
        let today = started_at.parse::<Timestamp>().ok();
        Self { entries, today: today.map(|instant| instant.to_zoned(TimeZone::UTC).date()) }
    }

    /// The entries, in the order of their files.
    pub fn entries(&self) -> &[Expectation] {
        &self.entries
    }

    /// The first entry that speaks of this result.
    pub fn find(&self, subject: &Subject, case: &str) -> Option<(usize, &Expectation)> {
        self.of(subject).find(|(_, entry)| entry.speaks_of_case(case))
    }

    /// The entries that speak of a target, with their places.
    pub(crate) fn of(&self, subject: &Subject) -> impl Iterator<Item = (usize, &Expectation)> {
        self.entries.iter().enumerate().filter(|(_, entry)| entry.speaks_of(subject))
    }

    /// What a result comes to.
    pub fn outcome(&self, subject: &Subject, result: &CaseFinished) -> Outcome {
        match self.find(subject, &result.case) {
            Some((_, entry)) => self.outcome_under(entry, result.outcome, result.failure.as_ref()),
            None => result.outcome,
        }
    }

    /// What a result comes to under an entry that speaks of it.
    pub fn outcome_under(&self, entry: &Expectation, found: Outcome, failure: Option<&Failure>) -> Outcome {
        self.stand(entry, found, failure).outcome(found)
    }

    pub(crate) fn stand(&self, entry: &Expectation, found: Outcome, failure: Option<&Failure>) -> Standing {
        match found {
            Outcome::Pass | Outcome::Refused => Standing::Passes,
            Outcome::Fail | Outcome::Timeout | Outcome::Undeclared => {
                if self.is_expired(entry) {
                    return Standing::Expired;
                }
                entry.difference(failure).map_or(Standing::AsExpected, Standing::Differs)
            }
            // What broke on our side is never excused.
            _ => Standing::Undecided,
        }
    }

    pub(crate) fn is_expired(&self, entry: &Expectation) -> bool {
        match (self.today, entry.expires.parse::<Date>()) {
            (Some(today), Ok(last)) => today > last,
            _ => true,
        }
    }
}

impl Standing {
    pub(crate) fn outcome(&self, found: Outcome) -> Outcome {
        match self {
            Self::AsExpected => Outcome::ExpectedFail,
            Self::Passes => Outcome::UnexpectedPass,
            Self::Expired | Self::Differs(_) | Self::Undecided => found,
        }
    }

    /// What to say of it at the case.
    pub(crate) fn note(&self, entry: &Expectation) -> String {
        let place = entry.place();
        match self {
            Self::AsExpected => format!("{place}: {}", entry.excuse()),
            Self::Passes => format!("{place} expects it to fail, and it passes: remove the entry"),
            Self::Expired => format!("{place} excused it until {}: {}", entry.expires, entry.issue),
            Self::Differs(how) => format!("{place} does not excuse it: {how}"),
            Self::Undecided => format!("{place} expects it to fail, which this result does not decide"),
        }
    }
}

/// What every entry met in a run.
pub(crate) struct Ledger<'a> {
    expectations: &'a Expectations,
    seen: Vec<Seen>,
}

/// How many results stand how to one entry.
#[derive(Clone, Copy, Default)]
struct Seen {
    cases: u64,
    held: u64,
    passes: u64,
    differs: u64,
    expired: u64,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(expectations: &'a Expectations) -> Self {
        Self { expectations, seen: vec![Seen::default(); expectations.entries.len()] }
    }

    pub(crate) fn note(&mut self, entry: usize, standing: &Standing) {
        let Some(seen) = self.seen.get_mut(entry) else { return };
        seen.cases += 1;
        match standing {
            Standing::AsExpected => seen.held += 1,
            Standing::Passes => seen.passes += 1,
            Standing::Differs(_) => seen.differs += 1,
            Standing::Expired => seen.expired += 1,
            Standing::Undecided => {}
        }
    }

    pub(crate) fn close(self) -> Vec<ExpectationReport> {
        let Self { expectations, seen } = self;
        let entries = expectations.entries.iter().zip(seen);
        entries
            .map(|(entry, seen)| {
                let state = if entry.known == 0 && seen.cases == 0 {
                    ExpectationState::MatchesNothing
                } else if expectations.is_expired(entry) {
                    ExpectationState::Expired
                } else if seen.passes > 0 {
                    ExpectationState::Passes
                } else if seen.differs > 0 {
                    ExpectationState::Differs
                } else if seen.held > 0 {
                    ExpectationState::Held
                } else {
                    ExpectationState::NotSeen
                };
                let shown_by_a_case = state.is_broken() && seen.passes + seen.differs + seen.expired > 0;
                ExpectationReport {
                    entry: entry.clone(),
                    state,
                    planned: seen.cases,
                    excused: seen.held,
                    shown_by_a_case,
                }
            })
            .collect()
    }
}

impl Expectation {
    /// Where the entry is: `file:line`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Why, where that is looked after, and until when.
    pub fn excuse(&self) -> String {
        format!("{} ({}, until {})", self.because, self.issue, self.expires)
    }

    /// Whether it speaks of cases of this target.
    pub fn speaks_of(&self, subject: &Subject) -> bool {
        self.route.is_none_or(|route| route == subject.route)
            && self.backends.iter().any(|pattern| subject.is_meant_by(pattern))
    }

    /// Whether it speaks of this case.
    pub fn speaks_of_case(&self, case: &str) -> bool {
        self.cases.iter().any(|pattern| matches(pattern, case))
    }

    /// How a failure is another than the one that is expected.
    fn difference(&self, failure: Option<&Failure>) -> Option<String> {
        if let Some(clause) = &self.clause {
            let broken = failure.and_then(|failure| failure.clause.as_deref());
            if broken != Some(clause) {
                let broken = broken.unwrap_or("no clause");
                return Some(format!("it expects {clause} to be broken, and {broken} is"));
            }
        }
        if let Some(error) = &self.error
            && !failure.is_some_and(|failure| failed_with(failure, error))
        {
            return Some(format!("it expects the error {error}, which is not what came"));
        }
        None
    }
}

impl Subject {
    /// Whether this names it: its backend or pattern, its set-up, or its binding.
    pub fn is_meant_by(&self, pattern: &str) -> bool {
        matches(pattern, &self.backend)
            || matches(pattern, &self.name)
            || matches(pattern, &format!("{}@{}", self.backend, self.setup))
    }
}

/// Whether what came, or the last call, has this gRPC status or reason.
fn failed_with(failure: &Failure, error: &str) -> bool {
    // Results quote a status as Rust spells it: `ResourceExhausted` for `RESOURCE_EXHAUSTED`.
    let spelt: String = error.split('_').map(capitalised).collect();
    let says = |text: &str| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .any(|word| word == error || word == spelt)
    };
    failure.got.as_deref().is_some_and(says)
        || says(&failure.message)
        || failure.calls.last().is_some_and(|call| call.status == error)
}

fn capitalised(word: &str) -> String {
    let mut text = word.to_ascii_lowercase();
    text.get_mut(..1).map(str::make_ascii_uppercase);
    text
}
