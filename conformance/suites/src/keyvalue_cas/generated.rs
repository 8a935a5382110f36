//! Generated operations against the model.

use crate::{Context, Verdict, draw, lockstep::lockstep, session::Session};
use prism_check::{keyvalue::Op, register::RegisterOp};
use proptest::{
    prelude::any,
    sample::{Index, select},
    strategy::Strategy,
};

/// What an operation does, before keys and values are filled in.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Get,
    Exists,
    Swap,
    SwapAbsent,
    DeleteIf,
    Increment,
    Set,
    Delete,
}

/// Each as often as it is to be drawn; simpler ones first, which is where shrinking goes.
const KINDS: [Kind; 14] = [
    Kind::Get,
    Kind::Get,
    Kind::Exists,
    Kind::Set,
    Kind::Set,
    Kind::Swap,
    Kind::Swap,
    Kind::Swap,
    Kind::SwapAbsent,
    Kind::DeleteIf,
    Kind::DeleteIf,
    Kind::Increment,
    Kind::Increment,
    Kind::Delete,
];

const DELTAS: [i64; 8] = [1, 0, -1, 7, 1 << 53, -(1 << 53) - 1, i64::MAX, i64::MIN];

pub(super) async fn model(context: Context) -> Verdict {
    let steps = proptest::collection::vec(
        (select(&KINDS[..]), any::<Index>(), any::<Index>(), any::<Index>(), select(&DELTAS[..])),
        1..=context.effort().operations(),
    );
    let lists = (draw::keys(), draw::values(), steps).prop_map(|(keys, mut values, steps)| {
        // Numbers are rare in the pool.
        values.extend([b"9223372036854775806".to_vec(), b"-7".to_vec()]);
        // Few keys, so that what is expected is often met.
        let keys = &keys[..keys.len().min(3)];
        let fill = |(kind, key, first, second, delta): (Kind, Index, Index, Index, i64)| {
            let (key, value) = (key.get(keys).clone(), first.get(&values).clone());
            let op = match kind {
                Kind::Get => RegisterOp::Get,
                Kind::Exists => RegisterOp::Exists,
                Kind::Set => RegisterOp::Set(value),
                Kind::Delete => RegisterOp::Delete,
                Kind::Swap => RegisterOp::Cas { expected: Some(second.get(&values).clone()), value },
                Kind::SwapAbsent => RegisterOp::Cas { expected: None, value },
                Kind::DeleteIf => RegisterOp::CompareAndDelete(value),
                Kind::Increment => RegisterOp::Increment(delta),
            };
            Op::Key { key, op }
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
