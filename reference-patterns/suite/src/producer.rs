//! Cases of the producer.
//!
//! - [`client`]: its calls with less to type.
//! - [`sink`]: what is put in front of its slot `messages`, to see and to disturb every attempt.

mod batches;
pub(crate) mod client;
mod crash;
mod deduplication;
mod order;
mod publish;
mod retries;
pub(crate) mod sink;
mod store;

use crate::instance::{Given, Instance};
use client::Producer;
use prism_suites::{BoundSlots, Case, Context, Failure};
use sink::Sink;

pub(crate) fn cases() -> Vec<Case> {
    [
        publish::cases(),
        retries::cases(),
        order::cases(),
        batches::cases(),
        deduplication::cases(),
        crash::cases(),
        store::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An instance whose slot `messages` goes through the sink.
async fn over(context: &Context, sink: &Sink, given: Given<'_>) -> Result<(Instance, Producer), Failure> {
    over_slots(context, sink, context.bench()?.slots(), given).await
}

/// The same over these slots.
async fn over_slots(
    context: &Context,
    sink: &Sink,
    mut slots: BoundSlots,
    given: Given<'_>,
) -> Result<(Instance, Producer), Failure> {
    if let Some(messages) = slots.get_mut("messages") {
        *messages = sink.on(messages.clone());
    }
    let instance = Instance::over(context, slots, given).await?;
    let producer = Producer::new(instance.endpoint());
    Ok((instance, producer))
}
