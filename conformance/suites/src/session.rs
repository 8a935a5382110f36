//! One client that asks a driver and its model the same, step by step.

use crate::{
    Context, Failure, Verdict,
    client::{Expected, KeyValue, Ttl},
    timeline::Timeline,
};
use bytes::Bytes;
use prism_check::{
    keyvalue::{Answer, Declared, Isolation, KeyValueModel, Op, TransactionOp, TtlOp, TtlRet},
    register::{RegisterOp, RegisterRet},
};
use std::{collections::BTreeMap, time::Duration};
use tonic::{Code, Status};

/// A driver and its model, side by side.
pub(crate) struct Session {
    kv: KeyValue,
    timeline: Timeline,
    model: KeyValueModel,
    /// The ids of the transactions that were begun, by the numbers that the model knows them by.
    ids: BTreeMap<u32, String>,
}

impl Session {
    /// Begins with an empty namespace.
    pub(crate) fn new(context: &Context) -> Self {
        let timeline = Timeline::new(context);
        let transactional = context.traits("keyvalue_transactional");
        let isolation = match transactional.choice("isolation") {
            "serializable" => Isolation::Serializable,
            "snapshot" => Isolation::Snapshot,
            _ => Isolation::ReadCommitted,
        };
        let ordered = context.traits("keyvalue_scan").flag("ordered");
        let timeout = transactional.duration("timeout");
        let model = KeyValueModel::new(Declared { slack: timeline.slack(), ordered, isolation, timeout });
        Self { kv: context.keyvalue(), timeline, model, ids: BTreeMap::new() }
    }

    /// Asks the driver, and has the model judge the answer.
    pub(crate) async fn ask(&mut self, op: &Op) -> Verdict {
        let (span, answer) = self.timeline.timed(answer(&self.kv, &mut self.ids, op)).await;
        let answer = answer.map_err(|failure| failure.during(op))?;
        // A conflict may be noticed before Commit. What the transaction has done so far must then explain it, just as
        // it would at Commit.
        let early = match op {
            Op::Transaction { txn, op } if answer == Answer::Aborted && *op != TransactionOp::Commit => {
                Some(Op::Transaction { txn: *txn, op: TransactionOp::Commit })
            }
            _ => None,
        };
        self.model.judge(span, early.as_ref().unwrap_or(op), &answer).map_err(|mismatch| {
            Failure::violation(format!("the answer to {op} is not what the model allows"))
                .expected(mismatch.expected)
                .got(mismatch.got)
        })
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) -> Verdict {
        self.timeline.pass(time).await
    }
}

async fn answer(kv: &KeyValue, ids: &mut BTreeMap<u32, String>, op: &Op) -> Result<Answer, Failure> {
    Ok(match op {
        Op::Key { key, op } => Answer::Register(register(kv, key, op).await?),
        Op::Ttl { key, op } => Answer::Ttl(ttl(kv, key, op).await?),
        Op::Scan(_) | Op::Batch(_) => return Err(Failure::harness(format!("no session asks this: {op}"))),
        Op::Transaction { txn, op } => transaction(kv, ids, *txn, op).await?,
    })
}

/// An operation of keyvalue_basic or keyvalue_cas.
pub(crate) async fn register(kv: &KeyValue, key: &str, op: &RegisterOp) -> Result<RegisterRet, Status> {
    Ok(match op {
        RegisterOp::Set(value) => kv.set(key, value.clone()).await.map(|()| RegisterRet::Done)?,
        RegisterOp::Get => RegisterRet::Value(kv.get(key).await?.map(|value| value.to_vec())),
        RegisterOp::Delete => RegisterRet::Existed(kv.delete(key).await?),
        RegisterOp::Exists => RegisterRet::Exists(kv.exists(key).await?),
        RegisterOp::Cas { expected, value } => {
            let expected = expected
                .as_ref()
                .map_or(Expected::Absent, |value| Expected::Value(Bytes::copy_from_slice(value)));
            RegisterRet::Swapped(kv.compare_and_swap(key, Some(expected), value.clone()).await?)
        }
        RegisterOp::CompareAndDelete(expected) => {
            RegisterRet::Deleted(kv.compare_and_delete(key, expected.clone()).await?)
        }
        RegisterOp::Increment(delta) => match kv.increment(key, *delta).await {
            Ok(sum) => RegisterRet::Sum(sum),
            Err(status) if status.code() == Code::FailedPrecondition => RegisterRet::NotANumber,
            Err(status) if status.code() == Code::OutOfRange => RegisterRet::Overflow,
            Err(status) => return Err(status),
        },
    })
}

async fn ttl(kv: &KeyValue, key: &str, op: &TtlOp) -> Result<TtlRet, Failure> {
    Ok(match op {
        TtlOp::Set { value, ttl } => {
            kv.set_with_ttl(key, value.clone(), *ttl).await.map(|()| TtlRet::Done)?
        }
        TtlOp::Expire(ttl) => TtlRet::Existed(kv.expire(key, *ttl).await?),
        TtlOp::Get => match kv.get_ttl(key).await? {
            Ttl::Missing => TtlRet::Missing,
            Ttl::Persistent => TtlRet::Persistent,
            Ttl::Expiring(remaining) => TtlRet::Expiring(remaining),
            Ttl::Malformed(state, remaining) => {
                let got = format!("state {state}, remaining given: {remaining}");
                return Err(
                    Failure::violation("an answer of GetTtl that the contract does not know").got(got)
                );
            }
        },
        TtlOp::Persist => TtlRet::Removed(kv.persist(key).await?),
    })
}

async fn transaction(
    kv: &KeyValue,
    ids: &mut BTreeMap<u32, String>,
    txn: u32,
    op: &TransactionOp,
) -> Result<Answer, Status> {
    if *op == TransactionOp::Begin {
        ids.insert(txn, kv.begin().await?);
        return Ok(Answer::Done);
    }
    let id = ids.get(&txn).map_or("never-given-out", String::as_str);
    let answer = match op {
        TransactionOp::Begin => return Ok(Answer::Done),
        TransactionOp::Set { key, value } => {
            kv.transaction_set(id, key, value.clone()).await.map(|()| Answer::Done)
        }
        TransactionOp::Get { key } => kv
            .transaction_get(id, key)
            .await
            .map(|value| Answer::Register(RegisterRet::Value(value.map(|value| value.to_vec())))),
        TransactionOp::Delete { key } => kv
            .transaction_delete(id, key)
            .await
            .map(|existed| Answer::Register(RegisterRet::Existed(existed))),
        TransactionOp::Commit => kv.commit(id).await.map(|()| Answer::Done),
        TransactionOp::Rollback => kv.rollback(id).await.map(|()| Answer::Done),
    };
    match answer {
        Err(status) if status.code() == Code::NotFound => Ok(Answer::NotFound),
        Err(status) if status.code() == Code::Aborted => Ok(Answer::Aborted),
        answer => answer,
    }
}
