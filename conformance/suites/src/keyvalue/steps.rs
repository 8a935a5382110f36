//! Generated operations of keyvalue_basic, keyvalue_scan and keyvalue_batch.

use crate::{Context, Verdict, draw, session::Session};
use prism_check::{
    keyvalue::{BatchOp, Op, ScanOp},
    pools,
    register::RegisterOp,
};
use proptest::{prelude::*, sample::select};

/// Carries out the operations in the namespace of `context` and has the model judge every answer.
pub(crate) async fn judge(context: Context, ops: Vec<Op>) -> Verdict {
    let mut session = Session::new(&context);
    for op in &ops {
        session.ask(op).await?;
    }
    Ok(())
}

/// Lists of at most `most` operations over a few keys that a careless driver takes for one another; `op` makes the
/// operations over these keys.
pub(crate) fn lists<S>(
    most: usize,
    op: impl Fn(Vec<String>) -> S + Clone + Send + 'static,
) -> impl Strategy<Value = Vec<Op>>
where
    S: Strategy<Value = Op> + 'static,
{
    draw::keys().prop_flat_map(move |keys| prop::collection::vec(op(keys), 1..=most))
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    // Small values of one kind beside the pool, so that the same value comes up again.
    prop_oneof![
        3 => select(pools::values()),
        1 => select(vec![b"x".to_vec(), b"y".to_vec(), Vec::new()]),
    ]
}

/// An operation of keyvalue_basic.
pub(crate) fn basic(keys: Vec<String>) -> impl Strategy<Value = Op> {
    let op = prop_oneof![
        4 => value().prop_map(RegisterOp::Set),
        3 => Just(RegisterOp::Get),
        2 => Just(RegisterOp::Delete),
        1 => Just(RegisterOp::Exists),
    ];
    (select(keys), op).prop_map(|(key, op)| Op::Key { key, op })
}

/// An operation of keyvalue_scan, with a key or the beginning of one as its prefix.
pub(crate) fn scan(keys: &[String]) -> impl Strategy<Value = Op> + use<> {
    let beginnings = keys.iter().flat_map(|key| {
        let first = key.chars().next().map(String::from);
        [Some(key.clone()), first].into_iter().flatten()
    });
    let prefixes = [String::new(), "a".to_owned()].into_iter().chain(beginnings).collect::<Vec<_>>();
    select(prefixes).prop_flat_map(|prefix| {
        let ops = vec![
            ScanOp::Scan { prefix: prefix.clone() },
            ScanOp::Keys { prefix: prefix.clone() },
            ScanOp::Count { prefix },
        ];
        select(ops).prop_map(Op::Scan)
    })
}

/// An operation of keyvalue_batch, of up to so many entries, repeated ones among them.
pub(crate) fn batch(keys: Vec<String>, most: usize) -> impl Strategy<Value = Op> {
    let list = prop::collection::vec(select(keys.clone()), 0..=most);
    let entries = prop::collection::vec((select(keys), value()), 0..=most);
    let op = prop_oneof![
        2 => entries.prop_map(BatchOp::Set),
        2 => list.clone().prop_map(BatchOp::Get),
        1 => list.prop_map(BatchOp::Delete),
    ];
    op.prop_map(Op::Batch)
}
