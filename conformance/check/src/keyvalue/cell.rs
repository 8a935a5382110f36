//! What a key may hold, what an operation does to it, and which answer goes with that.

use crate::{
    register::{Register, RegisterOp, RegisterRet},
    ttl::{Expiry, Presence, Slack, Span},
};

use super::{Answer, TtlOp, TtlRet};

/// What a key holds: nothing, a value, or a value for some time.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) register: Register,
    /// `None` where nothing is held.
    pub(super) expiry: Option<Expiry>,
}

/// What an operation does to a cell.
pub(super) struct Effect {
    pub(super) expected: Expected,
    pub(super) after: Cell,
    /// Whether it writes, be it the value that is there.
    pub(super) wrote: bool,
}

/// The answer of an operation on one cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expected {
    Register(RegisterRet),
    Ttl(TtlRet),
    /// Expiring, with any remaining TTL that fits.
    Remaining(Expiry),
}

impl Expected {
    pub(super) fn allows(&self, slack: Slack, span: Span, answer: &Answer) -> bool {
        match (self, answer) {
            (Expected::Register(expected), Answer::Register(ret)) => expected == ret,
            (Expected::Ttl(expected), Answer::Ttl(ret)) => expected == ret,
            (Expected::Remaining(expiry), Answer::Ttl(TtlRet::Expiring(remaining))) => {
                expiry.judge_remaining(slack.granularity, span, *remaining).is_ok()
            }
            _ => false,
        }
    }

    pub(super) fn describe(&self, slack: Slack, span: Span) -> String {
        match self {
            Expected::Register(ret) => ret.to_string(),
            Expected::Ttl(ret) => ret.to_string(),
            Expected::Remaining(Expiry { written, ttl }) => {
                let elapsed = span.to.saturating_sub(written.from);
                let granularity = slack.granularity;
                format!("expiring ({ttl:?} given {elapsed:?} ago at most, granularity {granularity:?})")
            }
        }
    }
}

impl Cell {
    pub(super) fn persistent(value: Vec<u8>) -> Self {
        Cell { register: Register(Some(value)), expiry: None }
    }

    pub(super) fn value(&self) -> Option<&Vec<u8>> {
        self.register.0.as_ref()
    }

    fn presence(&self, slack: Slack, span: Span) -> Presence {
        match (&self.register.0, &self.expiry) {
            (None, _) => Presence::Absent,
            (Some(_), None) => Presence::Present,
            (Some(_), Some(expiry)) => expiry.presence(slack, span),
        }
    }

    /// keyvalue_basic and keyvalue_cas. Set clears the TTL, CompareAndSwap and Increment leave it (KVT-06, KVC-06).
    pub(super) fn register(&self, op: &RegisterOp) -> Effect {
        let (ret, register) = self.register.apply(op);
        let keeps = register.0.is_some() && !matches!(op, RegisterOp::Set(_));
        let wrote = matches!(
            ret,
            RegisterRet::Done
                | RegisterRet::Existed(true)
                | RegisterRet::Swapped(true)
                | RegisterRet::Deleted(true)
                | RegisterRet::Sum(_)
        );
        let expiry = self.expiry.filter(|_| keeps);
        Effect { expected: Expected::Register(ret), after: Cell { register, expiry }, wrote }
    }

    /// keyvalue_ttl, done in `span`.
    pub(super) fn ttl(&self, op: &TtlOp, span: Span) -> Effect {
        let unchanged = |ret| Effect { expected: ret, after: self.clone(), wrote: false };
        let changed = |ret, after| Effect { expected: Expected::Ttl(ret), after, wrote: true };
        let expiring = |register, ttl| Cell { register, expiry: Some(Expiry { written: span, ttl }) };
        match op {
            TtlOp::Set { value, ttl } => changed(TtlRet::Done, expiring(Register(Some(value.clone())), *ttl)),
            TtlOp::Expire(ttl) if self.value().is_some() => {
                changed(TtlRet::Existed(true), expiring(self.register.clone(), *ttl))
            }
            TtlOp::Expire(_) => unchanged(Expected::Ttl(TtlRet::Existed(false))),
            TtlOp::Get => unchanged(match (self.value(), self.expiry) {
                (None, _) => Expected::Ttl(TtlRet::Missing),
                (Some(_), None) => Expected::Ttl(TtlRet::Persistent),
                (Some(_), Some(expiry)) => Expected::Remaining(expiry),
            }),
            TtlOp::Persist if self.expiry.is_some() => {
                changed(TtlRet::Removed(true), Cell { register: self.register.clone(), expiry: None })
            }
            TtlOp::Persist => unchanged(Expected::Ttl(TtlRet::Removed(false))),
        }
    }
}

/// Everything that a key may hold: sorted, without repeats, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cells(Vec<Cell>);

impl Default for Cells {
    fn default() -> Self {
        Cells::certain(Cell::default())
    }
}

impl Cells {
    pub(super) fn certain(cell: Cell) -> Self {
        Cells(vec![cell])
    }

    /// `None` where there is none.
    pub(super) fn of(mut cells: Vec<Cell>) -> Option<Self> {
        cells.sort_unstable();
        cells.dedup();
        (!cells.is_empty()).then_some(Cells(cells))
    }

    /// What may be held for an operation in `span`, what has or may have expired being gone.
    pub(super) fn at(&self, slack: Slack, span: Span) -> Vec<Cell> {
        let mut cells = Vec::new();
        for cell in &self.0 {
            let presence = cell.presence(slack, span);
            if presence.allows(true) {
                cells.push(cell.clone());
            }
            if presence.allows(false) {
                cells.push(Cell::default());
            }
        }
        cells
    }

    pub(super) fn presence(&self, slack: Slack, span: Span) -> Presence {
        let cells = self.at(slack, span);
        let there = cells.iter().filter(|cell| cell.value().is_some()).count();
        if there == cells.len() {
            Presence::Present
        } else if there == 0 {
            Presence::Absent
        } else {
            Presence::Either
        }
    }

    /// Whether time alone may have changed it by `span`.
    pub(super) fn may_have_expired(&self, slack: Slack, span: Span) -> bool {
        self.0.iter().any(|cell| cell.expiry.is_some_and(|e| e.presence(slack, span) != Presence::Present))
    }

    /// Whether anything of it has a TTL.
    pub(super) fn expire(&self) -> bool {
        self.0.iter().any(|cell| cell.expiry.is_some())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.0.iter()
    }
}
