//! The order of calls.

use super::fresh::{CALLS, Call, Fresh, State, declared, expect_code, on_fresh};
use crate::{Context, Failure, Verdict, expect::expect_eq, lockstep::lockstep, verdict::describe};
use prism_interfaces::RpcSpec;
use proptest::{collection::vec, prelude::Just, prop_oneof};
use tonic::Code;

pub(super) async fn in_order(context: Context) -> Verdict {
    use Call::{Drain, Initialize, Start, Stop};
    on_fresh(context, |_, fresh| async move {
        let lives: [&[Call]; 4] = [
            &[Initialize, Start, Drain, Stop],
            &[Initialize, Stop],
            &[Initialize, Start, Stop],
            &[Initialize, Start],
        ];
        for (life, calls) in lives.into_iter().enumerate() {
            for &call in calls {
                fresh.call(call).await.map_err(|failure| failure.during(format!("life {}", life + 1)))?;
            }
        }
        expect_eq("the health at last", fresh.lifecycle.health().await?.0, State::Running.health())
    })
    .await
}

pub(super) async fn out_of_order(context: Context) -> Verdict {
    on_fresh(context, |_, fresh| async move {
        let mut state = State::Created;
        loop {
            for call in CALLS.into_iter().filter(|&call| state.after(call).is_none()) {
                let what = format!("{call:?} in the state {state:?}");
                expect_code(&what, fresh.attempt(call).await, Code::FailedPrecondition)?;
                let health = fresh.lifecycle.health().await?.0;
                expect_eq(format!("the health after {what}"), health, state.health())?;
            }
            // That this is accepted shows that nothing has changed.
            let Some(call) = state.onwards() else { break };
            let what = format!("{call:?} in the state {state:?}, after calls that were refused");
            fresh.call(call).await.map_err(|failure| failure.during(what))?;
            state = state.after(call).unwrap_or(state);
        }
        fresh.call(Call::Initialize).await
    })
    .await
}

/// One step of a generated list.
#[derive(Debug, Clone)]
enum Step {
    Call(Call),
    InitializeWithUnknownSetting,
    HealthCheck,
    Describe,
    DataCall,
}

pub(super) async fn model(context: Context) -> Verdict {
    // Some weight on the calls that lead somewhere, so that lists get further than the first states.
    let step = prop_oneof![
        4 => Just(Step::Call(Call::Initialize)),
        5 => Just(Step::Call(Call::Start)),
        3 => Just(Step::Call(Call::Drain)),
        2 => Just(Step::Call(Call::Stop)),
        1 => Just(Step::InitializeWithUnknownSetting),
        1 => Just(Step::HealthCheck),
        1 => Just(Step::Describe),
        2 => Just(Step::DataCall),
    ];
    lockstep(&context, vec(step, 1..24), |context, steps| {
        let rpc = declared(&context).find(|rpc| !rpc.server_streaming);
        on_fresh(context, move |_, fresh| async move {
            let mut state = State::Created;
            for step in &steps {
                state = check(&fresh, rpc, state, step)
                    .await
                    .map_err(|failure| failure.during(format!("{step:?} in the state {state:?}")))?;
            }
            Ok(())
        })
    })
    .await
}

/// Takes a step, compares the answer with what the state demands, and says what the state is afterwards.
async fn check(fresh: &Fresh, rpc: Option<&RpcSpec>, state: State, step: &Step) -> Result<State, Failure> {
    match step {
        Step::Call(call) => {
            let answer = fresh.attempt(*call).await;
            match state.after(*call) {
                Some(next) => return answer.map(|()| next).map_err(Failure::from),
                None => expect_code("the call", answer, Code::FailedPrecondition)?,
            }
        }
        Step::InitializeWithUnknownSetting => {
            let mut settings = fresh.settings.clone();
            settings.insert(super::settings::UNKNOWN.to_owned(), "1".to_owned());
            let code = match state.after(Call::Initialize) {
                Some(_) => Code::InvalidArgument,
                None => Code::FailedPrecondition,
            };
            expect_code("the call", fresh.lifecycle.initialize(&settings).await, code)?;
        }
        Step::HealthCheck => expect_eq("the health", fresh.lifecycle.health().await?.0, state.health())?,
        Step::Describe => drop(fresh.lifecycle.describe().await?),
        Step::DataCall => {
            let Some(rpc) = rpc else { return Ok(state) };
            let answer = fresh.data_call(rpc).await;
            match (state.refuses(), answer) {
                (Some(code), answer) => expect_code(rpc.path, answer, code)?,
                (None, Err(status))
                    if matches!(status.code(), Code::FailedPrecondition | Code::Unavailable) =>
                {
                    return Err(Failure::violation(format!("{} was refused while running", rpc.path))
                        .expected("an answer")
                        .got(describe(&status)));
                }
                (None, _) => {}
            }
        }
    }
    Ok(state)
}
