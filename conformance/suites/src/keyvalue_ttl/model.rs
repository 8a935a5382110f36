//! Generated operations against the model.

use crate::{Context, Verdict, draw, lockstep::lockstep, session::Session};
use prism_check::{
    keyvalue::{Op, TtlOp},
    register::RegisterOp,
};
use proptest::{
    prelude::any,
    sample::{Index, select},
    strategy::Strategy,
};
use std::time::Duration;

/// A step of a generated list.
#[derive(Debug, Clone)]
enum Step {
    Ask(Op),
    Pass(Duration),
}

/// What a step does, before keys, values and times are filled in.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Get,
    GetTtl,
    Exists,
    Pass,
    PassLong,
    SetWithTtl,
    Expire,
    Persist,
    Set,
    Delete,
}

/// Each as often as it is to be drawn; simpler ones first, which is where shrinking goes.
const KINDS: [Kind; 16] = [
    Kind::Get,
    Kind::Get,
    Kind::GetTtl,
    Kind::GetTtl,
    Kind::Exists,
    Kind::Pass,
    Kind::Pass,
    Kind::PassLong,
    Kind::SetWithTtl,
    Kind::SetWithTtl,
    Kind::SetWithTtl,
    Kind::Expire,
    Kind::Expire,
    Kind::Persist,
    Kind::Set,
    Kind::Delete,
];

pub(super) async fn model(context: Context) -> Verdict {
    let traits = context.traits("keyvalue_ttl");
    let times = times(&context, traits.duration("granularity"), traits.duration("max_ttl"));
    let steps = proptest::collection::vec(
        (select(&KINDS[..]), any::<Index>(), any::<Index>(), select(times)),
        1..=context.effort().operations(),
    );
    let lists = (draw::keys(), draw::values(), steps).prop_map(|(keys, values, steps)| {
        // Few keys, so that what is done to one meets what was done to it before.
        let keys = &keys[..keys.len().min(3)];
        let fill = |(kind, key, value, time): (Kind, Index, Index, Duration)| {
            fill(kind, key.get(keys).clone(), value.get(&values).clone(), time)
        };
        steps.into_iter().map(fill).collect::<Vec<_>>()
    });
    lockstep(&context, lists, |context, steps| async move {
        let mut session = Session::new(&context);
        for step in &steps {
            match step {
                Step::Ask(op) => session.ask(op).await?,
                // A real clock is not waited for: there are too many lists, and their TTLs do not run out.
                Step::Pass(time) if context.is_time_virtual() => session.pass(*time).await?,
                Step::Pass(_) => {}
            }
        }
        Ok(())
    })
    .await
}

/// TTLs and pauses that meet each other at their ends.
fn times(context: &Context, granularity: Duration, max: Duration) -> Vec<Duration> {
    let nano = Duration::from_nanos(1);
    let second = Duration::from_secs(1);
    let times = if context.is_time_virtual() {
        vec![
            granularity,
            nano,
            granularity / 2,
            granularity + nano,
            granularity * 10,
            (granularity * 10).saturating_sub(nano),
            second,
            second.saturating_sub(nano),
            second * 60,
            second * 86_400,
            max,
        ]
    } else {
        vec![second * 60, second * 61 + nano, Duration::from_hours(1), second * 86_400, max]
    };
    times.into_iter().filter(|time| !time.is_zero() && *time <= max).collect()
}

fn fill(kind: Kind, key: String, value: Vec<u8>, ttl: Duration) -> Step {
    let basic = |key, op| Step::Ask(Op::Key { key, op });
    let timed = |key, op| Step::Ask(Op::Ttl { key, op });
    match kind {
        Kind::Get => basic(key, RegisterOp::Get),
        Kind::Exists => basic(key, RegisterOp::Exists),
        Kind::Set => basic(key, RegisterOp::Set(value)),
        Kind::Delete => basic(key, RegisterOp::Delete),
        Kind::GetTtl => timed(key, TtlOp::Get),
        Kind::SetWithTtl => timed(key, TtlOp::Set { value, ttl }),
        Kind::Expire => timed(key, TtlOp::Expire(ttl)),
        Kind::Persist => timed(key, TtlOp::Persist),
        // Mostly little, so that not everything is gone at once.
        Kind::Pass => Step::Pass(ttl.min(Duration::from_secs(1))),
        Kind::PassLong => Step::Pass(ttl),
    }
}
