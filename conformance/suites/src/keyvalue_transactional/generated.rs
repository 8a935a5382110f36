//! Generated transactions against the model.

use crate::{Context, Verdict, draw, lockstep::lockstep, session::Session};
use prism_check::{
    keyvalue::{Op, TransactionOp},
    register::RegisterOp,
};
use proptest::{
    prelude::any,
    sample::{Index, select},
    strategy::Strategy,
};

/// What an operation does, before keys and values are filled in.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Get,
    Begin,
    TransactionGet,
    TransactionSet,
    TransactionDelete,
    Commit,
    Rollback,
    Set,
    Delete,
}

/// Each as often as it is to be drawn; simpler ones first, which is where shrinking goes.
const KINDS: [Kind; 18] = [
    Kind::Get,
    Kind::Get,
    Kind::Begin,
    Kind::Begin,
    Kind::Begin,
    Kind::TransactionGet,
    Kind::TransactionGet,
    Kind::TransactionGet,
    Kind::TransactionGet,
    Kind::TransactionSet,
    Kind::TransactionSet,
    Kind::TransactionSet,
    Kind::TransactionDelete,
    Kind::Commit,
    Kind::Commit,
    Kind::Rollback,
    Kind::Set,
    Kind::Delete,
];

pub(super) async fn model(context: Context) -> Verdict {
    let steps = proptest::collection::vec(
        (select(&KINDS[..]), 0..3_u32, any::<Index>(), any::<Index>()),
        1..=context.effort().operations(),
    );
    let lists = (draw::keys(), draw::values(), steps).prop_map(|(keys, values, steps)| {
        // Few keys, so that transactions meet.
        let keys = &keys[..keys.len().min(3)];
        let fill = |(kind, txn, key, value): (Kind, u32, Index, Index)| {
            fill(kind, txn, key.get(keys).clone(), value.get(&values).clone())
        };
        steps.into_iter().map(fill).collect::<Vec<_>>()
    });
    lockstep(&context, lists, |context, ops| async move {
        let mut session = Session::new(&context);
        for op in &ops {
            session.ask(op).await?;
        }
        Ok(())
    })
    .await
}

fn fill(kind: Kind, txn: u32, key: String, value: Vec<u8>) -> Op {
    let inside = |op| Op::Transaction { txn, op };
    match kind {
        Kind::Begin => inside(TransactionOp::Begin),
        Kind::TransactionGet => inside(TransactionOp::Get { key }),
        Kind::TransactionSet => inside(TransactionOp::Set { key, value }),
        Kind::TransactionDelete => inside(TransactionOp::Delete { key }),
        Kind::Commit => inside(TransactionOp::Commit),
        Kind::Rollback => inside(TransactionOp::Rollback),
        Kind::Get => Op::Key { key, op: RegisterOp::Get },
        Kind::Set => Op::Key { key, op: RegisterOp::Set(value) },
        Kind::Delete => Op::Key { key, op: RegisterOp::Delete },
    }
}
