//! Generated operations of keyvalue_basic, keyvalue_scan and keyvalue_batch against the model.

use super::bulk;
use crate::{Context, Failure, Verdict, client::KeyValue, draw};
use bytes::Bytes;
use prism_check::{
    keyvalue::{Answer, BatchOp, Declared, Isolation, KeyValueModel, Op, ScanOp},
    pools,
    register::{RegisterOp, RegisterRet},
    ttl::{Slack, Span},
};
use proptest::{prelude::*, sample::select};
use std::{fmt, time::Duration};

/// An operation, and the page size where it lists.
#[derive(Clone)]
pub(crate) struct Step {
    op: Op,
    limit: u32,
}

impl Step {
    fn new(op: Op) -> Self {
        Self { op, limit: 0 }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.op {
            Op::Scan(ScanOp::Scan { .. } | ScanOp::Keys { .. }) => {
                write!(f, "{} in pages of {}", self.op, self.limit)
            }
            op => write!(f, "{op}"),
        }
    }
}

/// Carries out the steps in the namespace of `context` and has the model judge every answer.
pub(crate) async fn judge(context: Context, steps: Vec<Step>) -> Verdict {
    let kv = context.keyvalue();
    let mut model = KeyValueModel::new(Declared {
        slack: Slack::default(),
        ordered: context.traits("keyvalue_scan").flag("ordered"),
        // Neither matters: these steps hold no transactions, and nothing that expires.
        isolation: Isolation::Serializable,
        timeout: Duration::ZERO,
    });
    for step in &steps {
        let answer = perform(&kv, step).await.map_err(|failure| failure.during(&step.op))?;
        model.judge(Span::at(Duration::ZERO), &step.op, &answer).map_err(|mismatch| {
            Failure::violation(format!("the answer to {} is not what the model allows", mismatch.op))
                .expected(mismatch.expected)
                .got(mismatch.got)
        })?;
    }
    Ok(())
}

async fn perform(kv: &KeyValue, step: &Step) -> Result<Answer, Failure> {
    let bytes = |value: Bytes| value.to_vec();
    Ok(match &step.op {
        Op::Key { key, op } => Answer::Register(match op {
            RegisterOp::Set(value) => {
                kv.set(key, value.clone()).await?;
                RegisterRet::Done
            }
            RegisterOp::Get => RegisterRet::Value(kv.get(key).await?.map(bytes)),
            RegisterOp::Delete => RegisterRet::Existed(kv.delete(key).await?),
            RegisterOp::Exists => RegisterRet::Exists(kv.exists(key).await?),
            op => return Err(Failure::harness(format!("no step does this: {op}"))),
        }),
        Op::Scan(ScanOp::Scan { prefix }) => {
            let entries = bulk::scan(kv, prefix, step.limit).await?.concat();
            Answer::Entries(entries.into_iter().map(|(key, value)| (key, value.to_vec())).collect())
        }
        Op::Scan(ScanOp::Keys { prefix }) => {
            Answer::Keys(bulk::scan_keys(kv, prefix, step.limit).await?.concat())
        }
        Op::Scan(ScanOp::Count { prefix }) => Answer::Count(kv.count(prefix).await?),
        Op::Batch(BatchOp::Set(entries)) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
            kv.batch_set(entries).await?;
            Answer::Done
        }
        Op::Batch(BatchOp::Get(keys)) => {
            Answer::Values(kv.batch_get(keys).await?.into_iter().map(|value| value.map(bytes)).collect())
        }
        Op::Batch(BatchOp::Delete(keys)) => Answer::Existed(kv.batch_delete(keys).await?),
        op => return Err(Failure::harness(format!("no step does this: {op}"))),
    })
}

/// Lists of at most `most` steps over a few keys that a careless driver takes for one another; `step` makes the steps
/// over these keys.
pub(crate) fn lists<S>(
    most: usize,
    step: impl Fn(Vec<String>) -> S + Clone + Send + 'static,
) -> impl Strategy<Value = Vec<Step>>
where
    S: Strategy<Value = Step> + 'static,
{
    draw::keys().prop_flat_map(move |keys| prop::collection::vec(step(keys), 1..=most))
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    // Small values of one kind beside the pool, so that the same value comes up again.
    prop_oneof![
        3 => select(pools::values()),
        1 => select(vec![b"x".to_vec(), b"y".to_vec(), Vec::new()]),
    ]
}

/// A step of keyvalue_basic.
pub(crate) fn basic(keys: Vec<String>) -> impl Strategy<Value = Step> {
    let op = prop_oneof![
        4 => value().prop_map(RegisterOp::Set),
        3 => Just(RegisterOp::Get),
        2 => Just(RegisterOp::Delete),
        1 => Just(RegisterOp::Exists),
    ];
    (select(keys), op).prop_map(|(key, op)| Step::new(Op::Key { key, op }))
}

/// A step of keyvalue_scan, with a key or the beginning of one as its prefix.
pub(crate) fn scan(keys: &[String]) -> impl Strategy<Value = Step> + use<> {
    let beginnings = keys.iter().flat_map(|key| {
        let first = key.chars().next().map(String::from);
        [Some(key.clone()), first].into_iter().flatten()
    });
    let prefixes = [String::new(), "a".to_owned()].into_iter().chain(beginnings).collect::<Vec<_>>();
    let op = (select(prefixes), 0..3).prop_map(|(prefix, kind)| match kind {
        0 => ScanOp::Scan { prefix },
        1 => ScanOp::Keys { prefix },
        _ => ScanOp::Count { prefix },
    });
    (op, select(vec![0, 1, 2, 3, 7])).prop_map(|(op, limit)| Step { op: Op::Scan(op), limit })
}

/// A step of keyvalue_batch, of up to so many entries, repeated ones among them.
pub(crate) fn batch(keys: Vec<String>, most: usize) -> impl Strategy<Value = Step> {
    let list = prop::collection::vec(select(keys.clone()), 0..=most);
    let entries = prop::collection::vec((select(keys), value()), 0..=most);
    let op = prop_oneof![
        2 => entries.prop_map(BatchOp::Set),
        2 => list.clone().prop_map(BatchOp::Get),
        1 => list.prop_map(BatchOp::Delete),
    ];
    op.prop_map(|op| Step::new(Op::Batch(op)))
}
