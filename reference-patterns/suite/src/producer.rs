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

use crate::instance::{Given, Instance};
use client::Producer;
use prism_suites::{Case, Context, Failure};
use sink::Sink;

pub(crate) fn cases() -> Vec<Case> {
    [
        publish::cases(),
        retries::cases(),
        order::cases(),
        batches::cases(),
        deduplication::cases(),
        crash::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An instance whose slot `messages` goes through the sink.
async fn over(context: &Context, sink: &Sink, given: Given<'_>) -> Result<(Instance, Producer), Failure> {
    let mut slots = context.bench()?.slots();
    if let Some(messages) = slots.get_mut("messages") {
        *messages = sink.on(messages.clone());
    }
    let instance = Instance::over(context, slots, given).await?;
    let producer = Producer::new(instance.endpoint());
    Ok((instance, producer))
}
