//! Failures with one cause are one group: two hundred cases that fail because a server died are told once.

use std::collections::HashMap;

use crate::event::Failure;
use crate::model::{CaseReport, Report, TargetReport};
use crate::outcome::{ExitClass, Outcome};

/// One failed case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    pub(super) target: &'a TargetReport,
    pub(super) case: &'a CaseReport,
    /// The place of the target in the report, and of the case in the target.
    pub(super) places: (usize, usize),
}

/// Cases that failed for one cause, in planned order; never empty.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) members: Vec<Member<'a>>,
}

impl<'a> Group<'a> {
    /// The case that is shown in full.
    pub(super) fn first(&self) -> Member<'a> {
        self.members[0]
    }

    /// The other cases.
    pub(super) fn others(&self) -> &[Member<'a>] {
        &self.members[1..]
    }
}

/// Every case, in planned order.
pub(super) fn members(report: &Report) -> impl Iterator<Item = Member<'_>> {
    report.targets.iter().enumerate().flat_map(|(t, target)| {
        let cases = target.cases.iter().enumerate();
        cases.map(move |(c, case)| Member { target, case, places: (t, c) })
    })
}

/// The cases of a class, grouped by cause, in the order of the first case of each group. What never ran is not told as
/// a failure.
pub(super) fn by_cause(report: &Report, class: ExitClass) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut index: HashMap<(&str, &str), usize> = HashMap::new();
    for (member, case) in members(report).map(|member| (member, member.case)) {
        let target = member.target;
        if case.outcome.exit_class() != class || case.outcome == Outcome::NotRun {
            continue;
        }
        let failure = case.failure.as_ref();
        // A case without a result of its own has the reason of its target as its cause.
        let key = match (failure.map(|failure| failure.cause.as_str()), &case.reason) {
            (Some(cause), _) if !cause.is_empty() => Some(("", cause)),
            (_, Some(reason)) => Some((target.target.as_str(), reason.as_str())),
            _ => None,
        };
        if let Some(&known) = key.and_then(|key| index.get(&key)) {
            groups[known].members.push(member);
            continue;
        }
        if let Some(key) = key {
            index.insert(key, groups.len());
        }
        groups.push(Group { members: vec![member] });
    }
    groups
}

impl Member<'_> {
    /// What happened, in one text.
    pub(super) fn message(&self) -> &str {
        if self.case.outcome == Outcome::UnexpectedPass
            && let Some(note) = self.expectation()
        {
            return note;
        }
        let failure = self.case.failure.as_ref().map(|failure| failure.message.as_str());
        let note = self.case.notes.first().map(String::as_str);
        failure
            .filter(|message| !message.is_empty())
            .or(self.case.reason.as_deref())
            .or(note)
            .unwrap_or_else(|| self.case.outcome.meaning())
    }

    /// What the same case came to without the proxy, where it was run both ways.
    pub(super) fn direct(&self) -> Option<String> {
        let outcome = self.case.direct?;
        let blame =
            if self.case.blames_the_proxy() { ": what is wrong is on the way through the proxy" } else { "" };
        Some(format!("{}{blame}", outcome.label()))
    }

    /// What an entry of the expectation file says of the case.
    pub(super) fn expectation(&self) -> Option<&str> {
        self.case.expectation.as_ref().map(|expected| expected.note.as_str())
    }

    /// The clause that is broken: its number, its level, its sentence, as far as they are known.
    pub(super) fn clause(&self, report: &Report) -> Option<ClauseText> {
        let failure = self.case.failure.as_ref()?;
        clause_of(failure, report)
    }
}

/// A clause as it is printed.
#[derive(Debug)]
pub(super) struct ClauseText {
    /// `[KVB-07] MUST`, without the level where the catalogue does not know the clause.
    pub(super) head: String,
    /// The sentence; empty where nobody gave it.
    pub(super) text: String,
}

fn clause_of(failure: &Failure, report: &Report) -> Option<ClauseText> {
    let id = failure.clause.as_deref()?;
    let known = report.clause(id);
    let head = known.map_or_else(|| format!("[{id}]"), |clause| format!("[{id}] {}", clause.level.word()));
    let text =
        failure.clause_text.clone().or_else(|| known.map(|clause| clause.text.clone())).unwrap_or_default();
    Some(ClauseText { head, text })
}
