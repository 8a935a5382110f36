//! Serializability of a few transactions, by trying every order: exact, and the oracle for the anomaly judge.

use std::collections::BTreeMap;

use crate::{
    history::Outcome,
    transaction::{Action, Transaction},
};

/// The most transactions that [`serialize`] takes: it tries every order of them.
pub const MAX_TRANSACTIONS: usize = 8;

/// What every key holds; keys that are not there are absent.
pub type Contents = BTreeMap<String, u64>;

/// An order of the committed transactions that explains everything that they read, and, where it is given, what is there
/// in the end (`last`). The ids of the transactions in that order, or `None` if there is none.
///
/// Transactions of unknown outcome may be part of the order or not; those that failed are not.
///
/// # Panics
///
/// If there are more than [`MAX_TRANSACTIONS`] transactions that did not fail.
pub fn serialize(
    initial: &Contents,
    transactions: &[Transaction],
    last: Option<&Contents>,
) -> Option<Vec<u32>> {
    let transactions: Vec<&Transaction> =
        transactions.iter().filter(|t| t.outcome != Outcome::Fail).collect();
    assert!(transactions.len() <= MAX_TRANSACTIONS, "at most {MAX_TRANSACTIONS} transactions can be ordered");
    let mut order = Vec::new();
    extend(initial, &transactions, last, &mut order).then_some(order)
}

fn extend(contents: &Contents, left: &[&Transaction], last: Option<&Contents>, order: &mut Vec<u32>) -> bool {
    let may_end = left.iter().all(|t| t.outcome == Outcome::Info);
    if may_end && last.is_none_or(|last| last == contents) {
        return true;
    }
    for (i, transaction) in left.iter().enumerate() {
        let Some(after) = run(contents, transaction) else { continue };
        let mut rest = left.to_vec();
        rest.remove(i);
        order.push(transaction.id);
        if extend(&after, &rest, last, order) {
            return true;
        }
        order.pop();
    }
    false
}

/// What is there after the transaction; `None` if it cannot have read what it read.
fn run(contents: &Contents, transaction: &Transaction) -> Option<Contents> {
    let mut contents = contents.clone();
    for action in &transaction.actions {
        match action {
            Action::Read { key, value } => {
                if contents.get(key) != value.as_ref() {
                    return None;
                }
            }
            Action::Write { key, value } => {
                contents.insert(key.clone(), *value);
            }
        }
    }
    Some(contents)
}

#[cfg(test)]
mod tests {
    use super::{Contents, serialize};
    use crate::{
        history::Outcome,
        transaction::{Action, Transaction},
    };

    fn read(key: &str, value: u64) -> Action {
        Action::Read { key: key.into(), value: (value > 0).then_some(value) }
    }

    fn write(key: &str, value: u64) -> Action {
        Action::Write { key: key.into(), value }
    }

    fn txn(id: u32, outcome: Outcome<()>, actions: &[Action]) -> Transaction {
        Transaction { id, actions: actions.to_vec(), outcome }
    }

    fn committed(id: u32, actions: &[Action]) -> Transaction {
        txn(id, Outcome::Ok(()), actions)
    }

    fn contents(entries: &[(&str, u64)]) -> Contents {
        entries.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    #[test]
    fn an_order_is_found_where_there_is_one() {
        let empty = Contents::new();
        assert_eq!(serialize(&empty, &[], None), Some(vec![]));
        let chain = [
            committed(1, &[read("x", 2), write("x", 3)]),
            committed(2, &[read("x", 0), write("x", 1)]),
            committed(3, &[read("x", 1), write("x", 2), read("x", 2)]),
        ];
        assert_eq!(serialize(&empty, &chain, None), Some(vec![2, 3, 1]));
        assert_eq!(serialize(&empty, &chain, Some(&contents(&[("x", 3)]))), Some(vec![2, 3, 1]));
        assert_eq!(serialize(&empty, &chain, Some(&contents(&[("x", 2)]))), None);
        assert_eq!(serialize(&contents(&[("x", 9)]), &chain, None), None);
        assert_eq!(serialize(&contents(&[("x", 9)]), &[committed(1, &[read("x", 9)])], None), Some(vec![1]));
    }

    #[test]
    fn lost_update_and_write_skew_have_none() {
        let empty = Contents::new();
        let lost =
            [committed(1, &[read("x", 0), write("x", 1)]), committed(2, &[read("x", 0), write("x", 2)])];
        assert_eq!(serialize(&empty, &lost, None), None);
        let skew = [
            committed(1, &[read("x", 0), read("y", 0), write("x", 1)]),
            committed(2, &[read("x", 0), read("y", 0), write("y", 2)]),
        ];
        assert_eq!(serialize(&empty, &skew, None), None);
        let blind = [committed(1, &[write("x", 1)]), committed(2, &[write("x", 2)])];
        assert_eq!(serialize(&empty, &blind, Some(&contents(&[("x", 1)]))), Some(vec![2, 1]));
    }

    #[test]
    fn failed_ones_do_not_count_and_unknown_ones_may() {
        let empty = Contents::new();
        let reader = committed(2, &[read("x", 1)]);
        let writer = |outcome| txn(1, outcome, &[write("x", 1)]);
        assert_eq!(serialize(&empty, &[writer(Outcome::Ok(())), reader.clone()], None), Some(vec![1, 2]));
        assert_eq!(serialize(&empty, &[writer(Outcome::Info), reader.clone()], None), Some(vec![1, 2]));
        assert_eq!(serialize(&empty, &[writer(Outcome::Fail), reader], None), None);
        assert_eq!(serialize(&empty, &[writer(Outcome::Info)], Some(&empty)), Some(vec![]));
        assert_eq!(serialize(&empty, &[writer(Outcome::Ok(()))], Some(&empty)), None);
    }

    #[test]
    fn eight_transactions_are_ordered() {
        let chain: Vec<_> = (1..=8)
            .map(|n| committed(n, &[read("x", u64::from(8 - n)), write("x", u64::from(9 - n))]))
            .collect();
        assert_eq!(serialize(&Contents::new(), &chain, None), Some(vec![8, 7, 6, 5, 4, 3, 2, 1]));
    }

    #[test]
    #[should_panic(expected = "at most 8")]
    fn nine_transactions_are_too_many() {
        let many: Vec<_> = (0..9).map(|n| committed(n, &[])).collect();
        serialize(&Contents::new(), &many, None);
    }
}
