//! What Drain does to what is in flight.

use super::fresh::{Call, DRAIN, PATIENCE, Settled, declared, on_running};
use crate::{
    Context, Failure, Verdict,
    client::{Event, Subscription},
    concurrent::joined,
    expect::{expect, expect_eq},
    flood::Flood,
    messages::{SENTINEL, expect_next, expect_numbers, number, publish_numbers, show_event, unread},
};
use futures::future::try_join_all;
use std::time::{Duration, Instant};
use tonic::Code;

/// Reads a stream to its end.
async fn to_the_end(mut subscription: Subscription) -> (usize, Event) {
    let mut messages = 0;
    loop {
        match subscription.next(PATIENCE).await {
            Event::Message(_) => messages += 1,
            end => return (messages, end),
        }
    }
}

/// Demands the end that Drain gives to a stream.
fn expect_drained(what: &str, end: &Event) -> Verdict {
    match end {
        Event::Broken(Code::Unavailable, _) => Ok(()),
        other => Err(Failure::violation(format!("{what} did not end on Drain as it should"))
            .clause("LIF-06")
            .expected("the end of the stream, with UNAVAILABLE")
            .got(show_event(other))),
    }
}

pub(super) async fn lets_streams_end(context: Context) -> Verdict {
    on_running(context, |context, fresh| async move {
        let pubsub = fresh.pubsub();
        let count = unread(&context, 40).saturating_sub(1);
        let (mut first, mut second) = (pubsub.subscribe("topic").await?, pubsub.subscribe("topic").await?);
        publish_numbers(&pubsub, "topic", 0..count).await?;
        pubsub.publish("topic", SENTINEL).await?;
        // One has read everything, the other is half-way.
        expect_numbers("a stream before Drain", &mut first, 0..count).await?;
        for n in 0..count / 2 {
            expect_next("a stream before Drain", &mut second, &number(n)).await?;
        }
        let settled = Settled::wait(&context).await?;
        let drain = tokio::spawn({
            let lifecycle = fresh.lifecycle.clone();
            async move { lifecycle.drain(DRAIN).await.map_err(Failure::from) }
        });
        expect_drained("a stream that has got everything", &first.next(PATIENCE).await)?;
        let rest = async {
            for n in count / 2..count {
                expect_next("what was sent before Drain", &mut second, &number(n)).await?;
            }
            expect_next("what was sent before Drain", &mut second, SENTINEL).await
        };
        settled.judge(rest.await)?;
        expect_drained("a stream that has got everything late", &second.next(PATIENCE).await)?;
        joined(drain.await).map(|_| ())
    })
    .await
}

pub(super) async fn counts_streams(context: Context) -> Verdict {
    on_running(context, |_, fresh| async move {
        let pubsub = fresh.pubsub();
        let mut open = try_join_all((0..4).map(|_| pubsub.subscribe("topic"))).await?;
        // One that has ended is not in flight any more.
        if let Some(ended) = open.pop() {
            pubsub.unsubscribe(&ended.id).await?;
            to_the_end(ended).await;
        }
        let readers: Vec<_> = open.into_iter().map(|open| tokio::spawn(to_the_end(open))).collect();
        let counted = fresh.lifecycle.drain(DRAIN).await?;
        expect_eq(
            "the calls that Drain counts: (drained, aborted)",
            (counted.drained, counted.aborted),
            (3, 0),
        )?;
        for reader in readers {
            expect_drained("an open stream", &joined(reader.await.map(Ok))?.1)?;
        }
        Ok(())
    })
    .await
}

pub(super) async fn of_nothing(context: Context) -> Verdict {
    on_running(context, |context, fresh| async move {
        for rpc in declared(&context).filter(|rpc| !rpc.server_streaming) {
            // Whatever it answers, it has ended.
            let _ = fresh.data_call(rpc).await;
        }
        let counted = fresh.lifecycle.drain(DRAIN).await?;
        expect_eq(
            "the calls that Drain counts: (drained, aborted)",
            (counted.drained, counted.aborted),
            (0, 0),
        )?;
        fresh.call(Call::Stop).await
    })
    .await
}

pub(super) async fn cuts_off(context: Context) -> Verdict {
    /// How long Drain is to wait for the stream that is not read: longer than a driver that does not wait takes to
    /// answer, on a machine with a lot to do.
    const TIMEOUT: Duration = Duration::from_millis(300);
    /// How much longer it may take: enough for any machine, and less than what a driver waits that was told nothing.
    const LATE: Duration = Duration::from_secs(2);
    on_running(context, |context, fresh| async move {
        let pubsub = fresh.pubsub();
        let (stalled, reads) = (pubsub.subscribe("topic").await?, pubsub.subscribe("other topic").await?);
        let mut flood = Flood::new(&pubsub, "topic");
        flood.stall(&context).await?;
        let reader = tokio::spawn(to_the_end(reads));
        let start = Instant::now();
        let counted = fresh.lifecycle.drain(TIMEOUT).await?;
        let took = start.elapsed();
        expect_drained("a stream that is read", &joined(reader.await.map(Ok))?.1)?;
        let (messages, end) = to_the_end(stalled).await;
        expect(end != Event::Silence, "a stream that was not read has no end after Drain")?;
        // What the network could take in spite of all was no stall.
        let everything = messages == flood.publishes.len();
        let expected = if everything { (2, 0) } else { (1, 1) };
        let what = "the calls that Drain counts: (drained, aborted)";
        expect_eq(what, (counted.drained, counted.aborted), expected)?;
        if took > TIMEOUT + LATE {
            context.demand_awake(start, LATE)?;
            return Err(Failure::violation("Drain waited for longer than it was told to")
                .expected(format!("{} ms", TIMEOUT.as_millis()))
                .got(format!("{} ms", took.as_millis())));
        }
        if everything {
            context.note("a stream that was not read got everything all the same, and nothing was cut off");
        } else if took < TIMEOUT {
            return Err(Failure::violation("Drain cut off a stream before the timeout had passed")
                .expected(format!("{} ms", TIMEOUT.as_millis()))
                .got(format!("{} ms", took.as_millis())));
        }
        Ok(())
    })
    .await
}
