//! Races between publishers, subscribers and those that end subscriptions.

use super::{Service, block_on, namespace, service, side_by_side, thread, try_interleavings};
use crate::broker::{Events, Filter};
use futures::StreamExt;
use prism_driver_kit::wildcard::Pattern;
use prism_interfaces::pubsub::v1::{Message, subscribe_event::Event};
use std::sync::Arc;
use tonic::Code;

fn subscribe(service: &Service, capacity: usize) -> Events {
    service.0.space(&namespace()).broker().subscribe_with(Filter::Topic("t".to_owned()), capacity)
}

fn publish(service: &Service, payload: String) {
    let message = Message { topic: "t".to_owned(), payload: payload.into(), ..Default::default() };
    service.0.space(&namespace()).broker().publish(message);
}

/// The subscription's id, from `ready`.
fn ready(events: &mut Events) -> String {
    match block_on(events.next()).unwrap().unwrap().event {
        Some(Event::Ready(ready)) => ready.subscription_id,
        other => panic!("not ready: {other:?}"),
    }
}

/// Everything up to the end, and whether that was an overflow.
fn read_to_the_end(events: &mut Events) -> (Vec<Message>, bool) {
    let mut messages = Vec::new();
    loop {
        match block_on(events.next()) {
            None => return (messages, false),
            Some(Ok(event)) => match event.event {
                Some(Event::Message(message)) => messages.push(message),
                other => panic!("not a message: {other:?}"),
            },
            Some(Err(status)) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                assert!(block_on(events.next()).is_none(), "an overflow is the end");
                return (messages, true);
            }
        }
    }
}

fn payloads(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| std::str::from_utf8(&message.payload).unwrap()).collect()
}

#[test]
fn a_reader_hears_a_prefix_in_order_and_then_the_end_of_its_subscription() {
    try_interleavings(|| {
        let service = service();
        let mut events = subscribe(&service, 10);
        let id = ready(&mut events);
        publish(&service, "0".to_owned());
        side_by_side([
            Box::new(move || {
                let (messages, overflow) = read_to_the_end(&mut events);
                assert!(!overflow);
                let heard = payloads(&messages);
                assert!(!heard.is_empty() && ["0", "1", "2"].starts_with(&heard), "{heard:?}");
            }),
            thread!(service => {
                publish(&service, "1".to_owned());
                publish(&service, "2".to_owned());
            }),
            thread!(service => {
                let space = service.0.space(&namespace());
                assert!(space.broker().unsubscribe(&id));
                assert!(!space.broker().unsubscribe(&id));
            }),
        ]);
        assert!(service.0.space(&namespace()).broker().is_empty());
    });
}

#[test]
fn a_waiting_reader_is_woken_by_a_message_by_overflow_and_by_the_end() {
    try_interleavings(|| {
        const CAPACITY: usize = 2;
        let service = service();
        let mut events = subscribe(&service, CAPACITY);
        let id = ready(&mut events);
        side_by_side([
            Box::new(move || {
                let (messages, overflow) = read_to_the_end(&mut events);
                let heard = payloads(&messages);
                assert!(["0", "1", "2", "3", "4"].starts_with(&heard), "a gap: {heard:?}");
                assert!(heard.len() == 5 || (overflow && heard.len() >= CAPACITY), "{heard:?}");
            }),
            thread!(service => {
                for number in 0..5 {
                    publish(&service, number.to_string());
                }
                service.0.space(&namespace()).broker().unsubscribe(&id);
            }),
        ]);
        assert!(service.0.space(&namespace()).broker().is_empty());
    });
}

#[test]
fn overflow_ends_a_subscription_before_it_is_read_and_hurts_no_other() {
    try_interleavings(|| {
        let service = service();
        let (mut slow, mut other) = (subscribe(&service, 2), subscribe(&service, 6));
        let ids = [ready(&mut slow), ready(&mut other)];
        side_by_side([0, 1].map(|_| {
            thread!(service => {
                for number in 0..3 {
                    publish(&service, number.to_string());
                }
            })
        }));
        let space = service.0.space(&namespace());
        assert_eq!(ids.map(|id| space.broker().unsubscribe(&id)), [false, true]);
        let ((heard, overflow), (all, _)) = (read_to_the_end(&mut slow), read_to_the_end(&mut other));
        assert!(overflow && all.len() == 6, "{heard:?} {all:?}");
        assert_eq!(heard, all[..2]);
    });
}

#[test]
fn all_subscribers_hear_the_same_order() {
    try_interleavings(|| {
        let service = service();
        let mut by_topic = subscribe(&service, 10);
        let by_pattern = Filter::Pattern(Pattern::parse("*").unwrap());
        let mut by_pattern = service.0.space(&namespace()).broker().subscribe(by_pattern);
        let ids = [ready(&mut by_topic), ready(&mut by_pattern)];
        side_by_side(["a", "b"].map(|name| {
            thread!(service => {
                publish(&service, format!("{name}1"));
                publish(&service, format!("{name}2"));
            })
        }));
        for id in ids {
            service.0.space(&namespace()).broker().unsubscribe(&id);
        }
        let (first, _) = read_to_the_end(&mut by_topic);
        let (second, _) = read_to_the_end(&mut by_pattern);
        assert_eq!(first, second);
        assert_eq!(first.len(), 4, "each message once");
        for name in ["a", "b"] {
            let own: Vec<_> = payloads(&first).into_iter().filter(|text| text.starts_with(name)).collect();
            assert_eq!(own, [format!("{name}1"), format!("{name}2")]);
        }
        let numbers: Vec<u64> = first
            .iter()
            .map(|message| message.message_id.rsplit('-').next().unwrap().parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "ids are given out in the order of delivery: {numbers:?}");
    });
}

#[test]
fn a_subscriber_that_goes_away_disturbs_nobody() {
    try_interleavings(|| {
        let service = service();
        let mut stays = subscribe(&service, 10);
        let id = ready(&mut stays);
        let goes = subscribe(&service, 1);
        side_by_side([
            Box::new(move || drop(goes)),
            thread!(service => {
                publish(&service, "0".to_owned());
                publish(&service, "1".to_owned());
            }),
        ]);
        let space = service.0.space(&namespace());
        assert!(!space.broker().is_empty());
        space.broker().unsubscribe(&id);
        assert!(space.broker().is_empty());
        assert_eq!(payloads(&read_to_the_end(&mut stays).0), ["0", "1"]);
        // Nothing is left of the one that went away but the space that is in hand here.
        assert_eq!(Arc::strong_count(space.broker()), 2, "the broker and the subscription that was read");
    });
}
