//! Calls to declared interfaces while the driver does not serve.

use super::fresh::{Call, PATIENCE, on_fresh, on_running};
use crate::{
    Context, Failure, Verdict, client::Event, concurrent::joined, expect::expect_eq, flood::Flood,
    messages::show_event,
};
use prism_interfaces::lifecycle::v1::Health;
use tonic::Code;

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
        Flood::new(&pubsub, "topic").stall(&context).await?;
        let draining = tokio::spawn({
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
        // The verdict is about a driver that drains, so it must not have finished before.
        let early = draining.is_finished();
        loop {
            match stalled.next(PATIENCE).await {
                Event::Message(_) => {}
                Event::Silence => {
                    return Err(Failure::violation("an open stream does not end on Drain").clause("LIF-06"));
                }
                Event::Broken(Code::Unavailable, _) => break,
                other => {
                    return Err(Failure::violation("an open stream did not end on Drain as it should")
                        .clause("LIF-06")
                        .expected("UNAVAILABLE")
                        .got(show_event(&other)));
                }
            }
        }
        let counted = joined(draining.await)?;
        if early {
            context.note("Drain did not wait for a stream that was not read");
        }
        expect_eq("the number of calls that Drain counts", counted.drained + counted.aborted, 1)
            .map_err(|failure| failure.clause("LIF-07"))
    })
    .await
}
