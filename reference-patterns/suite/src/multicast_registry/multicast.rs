//! Multicast: who gets what, and what is told of it.

use super::{
    Build, Registry,
    client::{equals, exists, identity, integer, text},
    register::refused,
    slots::{Reception, receiving, registry_over},
};
use crate::{instance::slot, twist::Gate};
use bytes::Bytes;
use prism_interfaces::pattern::multicast_registry::v1::{
    Delivery, DeliveryStatus, MulticastRequest, MulticastResponse,
};
use prism_suites::{
    Case, Context, Failure, Verdict, case,
    client::PubSub,
    expect::{expect, expect_eq, expect_value},
};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};

/// How long something that is bound to happen may take.
const PATIENCE: Duration = Duration::from_secs(8);

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "pattern_multicast_registry/reaches_those_that_match",
            &["MCR-20"],
            "The message reaches every identity that matches, once, and nobody else",
            reaches_those_that_match,
        ),
        case(
            "pattern_multicast_registry/message_arrives_unchanged",
            &["MCR-20", "MCR-22"],
            "Payload and headers arrive unchanged, with the id that the delivery tells",
            message_arrives_unchanged,
        ),
        case(
            "pattern_multicast_registry/targets_are_those_of_the_beginning",
            &["MCR-21"],
            "Who registers or unregisters while a multicast goes on changes nothing about it",
            targets_are_those_of_the_beginning,
        ),
        case(
            "pattern_multicast_registry/deliveries_are_in_order",
            &["MCR-22"],
            "There is a delivery for each target, in the order of identities, whoever is first to answer",
            deliveries_are_in_order,
        ),
        case(
            "pattern_multicast_registry/nobody_matches",
            &["MCR-22"],
            "A multicast to nobody is no error and has no deliveries",
            nobody_matches,
        ),
        case(
            "pattern_multicast_registry/failed_target_hinders_nobody",
            &["MCR-22"],
            "A target whose message is refused is told with the reason, and the others get theirs",
            failed_target,
        ),
        case(
            "pattern_multicast_registry/silent_target_hinders_nobody",
            &["MCR-23"],
            "A target that does not answer is told as timed out, and the others get their message",
            silent_target,
        ),
        case(
            "pattern_multicast_registry/ends_before_its_deadline",
            &["MCR-23"],
            "A multicast whose targets are slow ends before its deadline and tells of each of them",
            ends_before_its_deadline,
        ),
        case(
            "pattern_multicast_registry/fan_out_is_bounded",
            &["MCR-24"],
            "As many messages as the parameter says are on their way at once, and never more",
            fan_out,
        ),
        case(
            "pattern_multicast_registry/payload_has_a_limit",
            &["MCR-25"],
            "A payload of exactly the limit is published, and one byte more refused",
            payload_limit,
        ),
    ]
}

/// What happened to each target.
fn statuses(response: &MulticastResponse) -> Vec<(&str, DeliveryStatus)> {
    response.deliveries.iter().map(|delivery| (delivery.identity.as_str(), delivery.status())).collect()
}

/// Demands that the numbers are those of the deliveries.
fn expect_counted(response: &MulticastResponse) -> Verdict {
    let of = |status| response.deliveries.iter().filter(|delivery| delivery.status() == status).count();
    expect_eq("the number of targets", response.targets as usize, response.deliveries.len())?;
    expect_eq("the number of those delivered", response.delivered as usize, of(DeliveryStatus::Delivered))
}

async fn reaches_those_that_match(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let messaging = PubSub::new(slot(&context, "messaging")?);
    let mut subscriptions = Vec::new();
    for (name, zone) in [("a", "eu"), ("b", "us"), ("c", "eu")] {
        registry.register(identity(name).with("zone", text(zone))).await?;
        subscriptions.push((zone, messaging.subscribe(&format!("to.{name}")).await?));
    }
    let mut beside = messaging.subscribe("to").await?;
    let response = registry.send(Some(equals("zone", text("eu"))), "to eu").await?;
    expect_eq(
        "the deliveries",
        statuses(&response),
        [("a", DeliveryStatus::Delivered), ("c", DeliveryStatus::Delivered)],
    )?;
    expect_counted(&response)?;
    let response = registry.send(None, "to all").await?;
    expect_eq("the number of targets without a filter", response.targets, 3)?;
    for name in ["a", "b", "c"] {
        messaging.publish(&format!("to.{name}"), "the end").await?;
    }
    messaging.publish("to", "the end").await?;
    for (zone, subscription) in &mut subscriptions {
        let payloads = payloads(subscription.messages_until(b"the end").await?);
        let expected: &[&str] =
            if *zone == "eu" { &["to eu", "to all", "the end"] } else { &["to all", "the end"] };
        expect_eq(format!("what somebody in {zone} gets"), payloads, expected)?;
    }
    let others = payloads(beside.messages_until(b"the end").await?);
    expect_eq("what somebody gets who is not registered", others, ["the end"])
}

fn payloads(messages: Vec<prism_interfaces::pubsub::v1::Message>) -> Vec<String> {
    messages.into_iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect()
}

async fn message_arrives_unchanged(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let messaging = PubSub::new(slot(&context, "messaging")?);
    registry.register(identity("a")).await?;
    let mut subscription = messaging.subscribe("to.a").await?;
    for payload in [Bytes::from_static(b"\xff\0\xc3("), Bytes::new()] {
        let headers =
            HashMap::from([("Content-Type".to_owned(), "x/y".to_owned()), ("e".into(), String::new())]);
        let request = MulticastRequest { filter: None, payload: payload.clone(), headers: headers.clone() };
        let response = registry.multicast(request, None).await?;
        let message = subscription.message().await?;
        expect_value("the payload", &Some(message.payload), Some(&payload))?;
        expect_eq("the headers", message.headers, headers)?;
        let told: Vec<(&str, &str)> = response
            .deliveries
            .iter()
            .map(|delivery| (delivery.topic.as_str(), delivery.message_id.as_str()))
            .collect();
        expect_eq("the topic and id of the delivery", told, [("to.a", message.message_id.as_str())])?;
    }
    Ok(())
}

async fn targets_are_those_of_the_beginning(context: Context) -> Verdict {
    let gate = Gate::new("Publish");
    let registry = registry_over(&context, &[("fan_out", "1")], "messaging", |slot| gate.on(slot)).await?;
    registry.register_all(["a", "b"].map(identity)).await?;
    let going = registry.send(None, "payload");
    let meanwhile = async {
        // The first message is on its way.
        context.eventually("a message", PATIENCE, || async { Ok((gate.held() > 0).then_some(())) }).await?;
        registry.register(identity("c")).await?;
        registry.unregister("b").await?;
        gate.let_through(100);
        Ok::<(), Failure>(())
    };
    let (response, meanwhile) = futures::future::join(going, meanwhile).await;
    meanwhile?;
    let response = response?;
    expect_eq(
        "the deliveries",
        statuses(&response),
        [("a", DeliveryStatus::Delivered), ("b", DeliveryStatus::Delivered)],
    )?;
    expect_counted(&response)
}

/// More than fit into one page of a scan.
const MANY: usize = 600;

async fn deliveries_are_in_order(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let names: Vec<String> = (0..MANY).map(|number| format!("n{number:03}")).collect();
    // In another order than that of their names.
    for place in 0..MANY {
        registry.register(identity(&names[place * 7 % MANY])).await?;
    }
    let response = registry.send(None, "payload").await?;
    let expected: Vec<(&str, DeliveryStatus)> =
        names.iter().map(|name| (name.as_str(), DeliveryStatus::Delivered)).collect();
    expect_eq("the deliveries", statuses(&response), expected)?;
    expect_counted(&response)
}

async fn nobody_matches(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    for filter in [None, Some(exists("x"))] {
        let response = registry.send(filter, "payload").await?;
        expect_eq("what comes of a multicast to nobody", response, MulticastResponse::default())?;
    }
    registry.register(identity("a").with("y", integer(1))).await?;
    let response = registry.send(Some(exists("x")), "payload").await?;
    expect_eq("what comes of a multicast to nobody", response, MulticastResponse::default())
}

async fn failed_target(context: Context) -> Verdict {
    let twist = |slot| {
        receiving(slot, |topic| match topic {
            "to.b" => Reception::Refused(Status::internal("b is out")),
            "to.d" => Reception::Refused(
                prism_interfaces::Fault::unavailable(
                    prism_interfaces::contract::v1::Reason::BackendExhausted,
                    "d is full",
                )
                .into(),
            ),
            _ => Reception::Accepted,
        })
    };
    let registry = registry_over(&context, &[("fan_out", "2")], "messaging", twist).await?;
    registry.register_all(["a", "b", "c", "d", "e"].map(identity)).await?;
    let mut subscription = PubSub::new(slot(&context, "messaging")?).subscribe("to.e").await?;
    let response = registry.send(None, "payload").await?;
    let (good, bad) = (DeliveryStatus::Delivered, DeliveryStatus::Failed);
    expect_eq(
        "the deliveries",
        statuses(&response),
        [("a", good), ("b", bad), ("c", good), ("d", bad), ("e", good)],
    )?;
    expect_counted(&response)?;
    let reason = |place: usize| response.deliveries.get(place).cloned().unwrap_or_default();
    let Delivery { reason: of_d, message, message_id, .. } = reason(3);
    expect_eq("the reason of a refusal", of_d.as_str(), "BACKEND_EXHAUSTED")?;
    expect(message.contains("d is full"), format!("the delivery does not say what happened: {message}"))?;
    expect_eq("the id of a message that was refused", message_id.as_str(), "")?;
    expect(!reason(1).reason.is_empty(), "a failed delivery has no reason")?;
    expect_eq("the reason of a delivery that is none", reason(0).reason.as_str(), "")?;
    expect_value("what the last target gets", &Some(subscription.message().await?.payload), Some(b"payload"))
}

async fn silent_target(context: Context) -> Verdict {
    let twist = |slot| {
        receiving(slot, |topic| if topic == "to.b" { Reception::Silence } else { Reception::Accepted })
    };
    let given = [("fan_out", "2"), ("target_timeout", "2s")];
    let registry = registry_over(&context, &given, "messaging", twist).await?;
    registry.register_all(["a", "b", "c", "d"].map(identity)).await?;
    let going = registry.multicast(MulticastRequest::default(), Some(PATIENCE * 4));
    let response = tokio::time::timeout(PATIENCE, going).await.map_err(|_| {
        Failure::violation(format!("a target that times out after 2 s held the call up for {PATIENCE:?}"))
    })??;
    let good = DeliveryStatus::Delivered;
    expect_eq(
        "the deliveries",
        statuses(&response),
        [("a", good), ("b", DeliveryStatus::TimedOut), ("c", good), ("d", good)],
    )?;
    expect_counted(&response)?;
    expect_eq("the reason", response.deliveries[1].reason.as_str(), "DEADLINE_EXCEEDED")
}

async fn ends_before_its_deadline(context: Context) -> Verdict {
    let twist = |slot| {
        receiving(slot, |topic| if topic == "to.a" { Reception::Accepted } else { Reception::Silence })
    };
    let given = [("fan_out", "2"), ("target_timeout", "1m")];
    let registry = registry_over(&context, &given, "messaging", twist).await?;
    registry.register_all(["a", "b", "c", "d"].map(identity)).await?;
    let deadline = Duration::from_secs(3);
    let response = match registry.multicast(MulticastRequest::default(), Some(deadline)).await {
        Ok(response) => response,
        Err(status) if status.code() == Code::DeadlineExceeded => {
            return Err(Failure::violation("the call went on until its deadline and told nothing")
                .expected("a delivery for every target")
                .got("DeadlineExceeded"));
        }
        Err(status) => return Err(status.into()),
    };
    expect_counted(&response)?;
    expect_eq("the number of deliveries", response.deliveries.len(), 4)?;
    expect_eq("the first delivery", statuses(&response)[0], ("a", DeliveryStatus::Delivered))?;
    expect_eq("the second one", statuses(&response)[1], ("b", DeliveryStatus::TimedOut))?;
    // The last one was not begun.
    expect_eq("the last one", statuses(&response)[3], ("d", DeliveryStatus::Failed))
}

async fn fan_out(context: Context) -> Verdict {
    let gate = Gate::new("Publish");
    let registry = registry_over(&context, &[("fan_out", "3")], "messaging", |slot| gate.on(slot)).await?;
    registry.register_all((0..10).map(|number| identity(&format!("n{number}")))).await?;
    let going = registry.send(None, "payload");
    let letting = async {
        for _ in 0..8 {
            let full = || async { Ok((gate.held() >= 3).then_some(())) };
            context.eventually("that three messages are on their way at once", PATIENCE, full).await?;
            gate.let_through(1);
        }
        gate.let_through(100);
        Ok::<(), Failure>(())
    };
    let (response, letting) = futures::future::join(going, letting).await;
    letting?;
    expect_eq("the most messages on their way at once", gate.most(), 3)?;
    let response = response?;
    expect_eq("the number of those delivered", response.delivered, 10)?;
    expect_counted(&response)
}

async fn payload_limit(context: Context) -> Verdict {
    let registry = Registry::new(context.endpoint());
    let limit = context.traits("pattern_multicast_registry").bytes("max_payload_bytes") as usize;
    registry.register(identity("a")).await?;
    let mut subscription = PubSub::new(slot(&context, "messaging")?).subscribe("to.a").await?;
    let of =
        |bytes: usize| MulticastRequest { payload: vec![7; bytes].into(), ..MulticastRequest::default() };
    let answer = registry.multicast(of(limit + 1), None).await;
    refused("Multicast of a byte too many", answer, Code::InvalidArgument, "VALUE_TOO_LARGE")?;
    let response = registry.multicast(of(limit), None).await?;
    expect_eq("the number of those delivered", response.delivered, 1)?;
    expect_eq("the size of the first message", subscription.message().await?.payload.len(), limit)
}
