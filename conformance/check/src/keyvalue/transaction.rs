//! Transactions of the model: what they see, and when they must, may or must not commit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    register::{Register, RegisterRet},
    ttl::{Slack, Span},
};

use super::{
    Answer, Isolation, Judged, KeyValueModel, TransactionOp,
    cell::{Cell, Cells},
};

/// An open transaction.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// The last change before Begin.
    began: u64,
    last_used: Span,
    touched: BTreeMap<String, Touch>,
    /// What others have overwritten since Begin. A snapshot may still show it.
    past: BTreeMap<String, Vec<Cell>>,
}

/// What a transaction has done to a key.
#[derive(Clone, Debug, Default)]
struct Touch {
    /// The first value read that was not the transaction's own.
    read: Option<Register>,
    /// What it wrote last.
    write: Option<Register>,
}

impl Transaction {
    /// Keeps what a key held before somebody else wrote it.
    pub(super) fn remember(&mut self, key: &str, cells: &Cells) {
        self.past.entry(key.to_owned()).or_default().extend(cells.iter().cloned());
    }

    /// What the transaction may see under a key: its own write, or anything that was there since Begin.
    fn sees(&self, key: &str, now: &Cells, slack: Slack, span: Span) -> BTreeSet<Register> {
        if let Some(own) = self.touched.get(key).and_then(|touch| touch.write.clone()) {
            return BTreeSet::from([own]);
        }
        let past = Cells::of(self.past.get(key).cloned().unwrap_or_default());
        let past = past.iter().flat_map(|past| past.at(slack, span));
        now.at(slack, span).into_iter().chain(past).map(|cell| cell.register).collect()
    }
}

impl KeyValueModel {
    pub(super) fn judge_transaction(
        &mut self,
        span: Span,
        txn: u32,
        op: &TransactionOp,
        answer: &Answer,
    ) -> Judged {
        if *op == TransactionOp::Begin {
            let transaction = Transaction {
                began: self.changes,
                last_used: span,
                touched: BTreeMap::new(),
                past: BTreeMap::new(),
            };
            self.transactions.insert(txn, transaction);
            return expect(&[Answer::Done], answer);
        }
        let Some(mut transaction) = self.transactions.remove(&txn) else {
            return expect(&[Answer::NotFound], answer);
        };
        let idle = span.to.saturating_sub(transaction.last_used.from);
        // How punctually an abandoned transaction is ended is not for a lock-step run to judge.
        if *answer == Answer::NotFound && idle > self.declared.timeout {
            return Ok(());
        }
        transaction.last_used = span;
        match op {
            TransactionOp::Begin | TransactionOp::Rollback => expect(&[Answer::Done], answer),
            TransactionOp::Commit => self.judge_commit(span, &transaction, answer),
            TransactionOp::Set { key, value } => {
                transaction.touched.entry(key.clone()).or_default().write =
                    Some(Register(Some(value.clone())));
                self.transactions.insert(txn, transaction);
                expect(&[Answer::Done], answer)
            }
            TransactionOp::Get { key } => {
                let seen = transaction.sees(key, &self.cells(key), self.declared.slack, span);
                let touch = transaction.touched.entry(key.clone()).or_default();
                if let Answer::Register(RegisterRet::Value(value)) = answer
                    && touch.write.is_none()
                {
                    touch.read.get_or_insert_with(|| Register(value.clone()));
                }
                self.transactions.insert(txn, transaction);
                let values: Vec<_> =
                    seen.into_iter().map(|seen| RegisterRet::Value(seen.0)).map(Answer::Register).collect();
                expect(&values, answer)
            }
            TransactionOp::Delete { key } => {
                let seen = transaction.sees(key, &self.cells(key), self.declared.slack, span);
                transaction.touched.entry(key.clone()).or_default().write = Some(Register(None));
                self.transactions.insert(txn, transaction);
                let existed: BTreeSet<bool> = seen.iter().map(|seen| seen.0.is_some()).collect();
                let existed: Vec<_> =
                    existed.into_iter().map(RegisterRet::Existed).map(Answer::Register).collect();
                expect(&existed, answer)
            }
        }
    }

    fn judge_commit(&mut self, span: Span, transaction: &Transaction, answer: &Answer) -> Judged {
        let mut allowed = Vec::new();
        if !self.must_abort(span, transaction) {
            allowed.push(Answer::Done);
        }
        if self.may_abort(span, transaction) {
            allowed.push(Answer::Aborted);
        }
        expect(&allowed, answer)?;
        if *answer == Answer::Done {
            for (key, touch) in &transaction.touched {
                if let Some(value) = &touch.write {
                    self.write(key, Cells::certain(Cell { register: value.clone(), expiry: None }));
                }
            }
        }
        Ok(())
    }

    /// Whether anything that the transaction has touched was changed by others since Begin (KVX-11).
    fn may_abort(&self, span: Span, transaction: &Transaction) -> bool {
        transaction.touched.keys().filter_map(|key| self.keys.get(key)).any(|known| {
            known.disturbed > transaction.began || known.cells.may_have_expired(self.declared.slack, span)
        })
    }

    /// Whether a commit would lose an update: the transaction read a key and wrote it, and what it read is no longer
    /// there, because somebody else has written (KVX-08). Where a TTL was involved, what was read may have gone by
    /// itself, which is nobody's update.
    fn must_abort(&self, span: Span, transaction: &Transaction) -> bool {
        if self.declared.isolation == Isolation::ReadCommitted {
            return false;
        }
        transaction.touched.iter().any(|(key, touch)| {
            let (Some(read), Some(_), Some(known)) = (&touch.read, &touch.write, self.keys.get(key)) else {
                return false;
            };
            let past = transaction.past.get(key);
            let timed = known.cells.expire() || past.is_some_and(|p| p.iter().any(|c| c.expiry.is_some()));
            let still = known.cells.at(self.declared.slack, span).iter().any(|c| c.register == *read);
            known.written > transaction.began && !timed && !still
        })
    }

    fn cells(&self, key: &str) -> Cells {
        self.keys.get(key).map(|known| known.cells.clone()).unwrap_or_default()
    }
}

fn expect(allowed: &[Answer], answer: &Answer) -> Judged {
    if allowed.contains(answer) {
        Ok(())
    } else {
        let words: Vec<String> = allowed.iter().map(Answer::to_string).collect();
        Err((words.join(" or "), answer.to_string()))
    }
}
