//! Calls to declared interfaces while the driver does not serve.

use super::fresh::{Call, PATIENCE, Settled, on_fresh, on_running};
use crate::{
    Context, Failure, Verdict,
    client::Event,
    concurrent::joined,
    expect::expect_eq,
    flood::{Flood, seq},
    messages::show_event,
};
use prism_interfaces::lifecycle::v1::Health;
use std::time::Duration;
use tonic::Code;

/// What a Drain that does not wait for streams has needed at most to cut them off, on a machine with a lot to do.
const TIME_TO_CUT: Duration = Duration::from_millis(300);

pub(super) async fn before_start(context: Context) -> Verdict {
    on_fresh(context, |context, fresh| async move {
        fresh.refuses_everything(&context, "before Initialize", Code::FailedPrecondition).await?;
        fresh.call(Call::Initialize).await?;
        fresh.refuses_everything(&context, "before Start", Code::FailedPrecondition).await
    })
    .await
}

pub(super) async fn after_stop(context: Context) -> Verdict {
    on_running(context, |context, fresh| async move {
        fresh.call(Call::Stop).await?;
        fresh.refuses_everything(&context, "after Stop", Code::FailedPrecondition).await?;
        for call in [Call::Initialize, Call::Start, Call::Drain, Call::Stop] {
            fresh.call(call).await?;
        }
        fresh.refuses_everything(&context, "after Drain and Stop", Code::FailedPrecondition).await
    })
    .await
}

pub(super) async fn when_drained(context: Context) -> Verdict {
    on_running(context, |context, fresh| async move {
        fresh.call(Call::Drain).await?;
        fresh.refuses_everything(&context, "when drained", Code::Unavailable).await
    })
    .await
}

pub(super) async fn while_draining(context: Context) -> Verdict {
    on_running(context, |context, fresh| async move {
        let pubsub = fresh.pubsub();
        // A stream that is not read keeps Drain waiting.
        let mut stalled = pubsub.subscribe("topic").await?;
        let mut flood = Flood::new(&pubsub, "topic");
        flood.stall(&context).await?;
        let settled = Settled::wait(&context).await?;
        let mut draining = tokio::spawn({
            let lifecycle = fresh.lifecycle.clone();
            async move { lifecycle.drain(PATIENCE * 2).await.map_err(Failure::from) }
        });
        context
            .eventually("that HealthCheck says NOT_RUNNING while draining", PATIENCE, || async {
                let (health, _) = fresh.lifecycle.health().await?;
                Ok((health == Health::NotRunning).then_some(()))
            })
            .await?;
        fresh.refuses_everything(&context, "while draining", Code::Unavailable).await?;
        // A Drain that does not wait is given the time to cut the stream off. One that has answered already is right
        // only if the network could take everything, which shows below.
        let early = tokio::time::timeout(TIME_TO_CUT, &mut draining).await.ok();
        let rest = async {
            for publish in &flood.publishes {
                let what =
                    format!("message {} of {}, sent before Drain", publish.seq + 1, flood.publishes.len());
                let message = stalled.message().await;
                let message = message.map_err(|failure| failure.during(&what).clause("LIF-06"))?;
                expect_eq(what, seq(&message.payload), Some(publish.seq))?;
            }
            Ok(())
        };
        settled.judge(rest.await)?;
        match stalled.next(PATIENCE).await {
            Event::Broken(Code::Unavailable, _) => {}
            other => {
                return Err(Failure::violation("an open stream did not end on Drain as it should")
                    .clause("LIF-06")
                    .expected("UNAVAILABLE")
                    .got(show_event(&other)));
            }
        }
        let counted = joined(match early {
            Some(answer) => answer,
            None => draining.await,
        })?;
        expect_eq(
            "the calls that Drain counts: (drained, aborted)",
            (counted.drained, counted.aborted),
            (1, 0),
        )
        .map_err(|failure| failure.clause("LIF-07"))
    })
    .await
}
