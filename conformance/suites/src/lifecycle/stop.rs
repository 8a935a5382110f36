//! Stop, and what comes after it.

use super::fresh::{Call, PATIENCE, declared, on_running};
use crate::{Context, Failure, Verdict, client::Event, messages::show_event};
use futures::future::try_join_all;
use tonic::Code;

pub(super) async fn ends_streams(context: Context) -> Verdict {
    on_running(context, |_, fresh| async move {
        let pubsub = fresh.pubsub();
        let mut open = try_join_all((0..3).map(|_| pubsub.subscribe("topic"))).await?;
        let stopped = tokio::time::timeout(PATIENCE, fresh.call(Call::Stop)).await;
        stopped.map_err(|_| Failure::violation("Stop does not answer while streams are open"))??;
        for subscription in &mut open {
            match subscription.next(PATIENCE).await {
                Event::End | Event::Broken(..) => {}
                other => {
                    return Err(Failure::violation("a stream did not end on Stop")
                        .expected("the end of the stream")
                        .got(show_event(&other)));
                }
            }
        }
        Ok(())
    })
    .await
}

pub(super) async fn a_new_life_serves(context: Context) -> Verdict {
    on_running(context, |context, fresh| async move {
        let mut first = Vec::new();
        for life in 0..3 {
            let mut answers = Vec::new();
            for rpc in declared(&context) {
                let answer = fresh.data_call(rpc).await;
                let code = answer.map_or_else(|status| status.code(), |_| Code::Ok);
                if matches!(code, Code::FailedPrecondition | Code::Unavailable) {
                    return Err(Failure::violation(format!("{} is refused in life {}", rpc.path, life + 1))
                        .expected("the answer of a driver that runs")
                        .got(format!("{code:?}")));
                }
                answers.push((rpc.path, code));
            }
            if first.is_empty() {
                first = answers;
            } else {
                crate::expect::expect_eq(
                    format!("what calls come to in life {}", life + 1),
                    &answers,
                    &first,
                )?;
            }
            for call in [Call::Stop, Call::Initialize, Call::Start] {
                fresh.call(call).await.map_err(|failure| failure.during(format!("life {}", life + 1)))?;
            }
        }
        Ok(())
    })
    .await
}
