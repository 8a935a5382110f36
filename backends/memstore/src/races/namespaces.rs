//! Races between calls and the removal of what is idle or dropped.

use super::{block_on, call, namespace, request, service, side_by_side, thread, try_interleavings};
use futures::StreamExt;
use prism_interfaces::{
    keyvalue::v1::{GetRequest, SetRequest, key_value_basic_server::KeyValueBasic},
    pubsub::v1::{
        PublishRequest, SubscribeRequest, pub_sub_basic_server::PubSubBasic, subscribe_event::Event,
    },
};

#[test]
fn sweeping_takes_nothing_away_that_is_in_use() {
    try_interleavings(|| {
        let service = service();
        side_by_side([
            thread!(service => service.0.sweep()),
            thread!(service => {
                call!(service.set, SetRequest { key: "k".to_owned(), value: "v".into() }).unwrap();
                assert!(call!(service.get, GetRequest { key: "k".to_owned() }).unwrap().found);
            }),
            thread!(service => service.0.sweep()),
        ]);
        assert!(call!(service.get, GetRequest { key: "k".to_owned() }).unwrap().found);
        service.0.drop_namespace(&namespace());
        service.0.sweep();
        assert_eq!(service.0.spaces(), 0, "an empty namespace takes no memory");
    });
}

#[test]
fn a_subscription_hears_what_is_published_later_or_ends_whatever_is_dropped_meanwhile() {
    try_interleavings(|| {
        let service = service();
        let publish = PublishRequest { topic: "t".to_owned(), payload: "m".into(), ..Default::default() };
        call!(service.publish, publish.clone()).unwrap();
        let subscriber = shuttle::thread::spawn({
            let service = service.clone();
            move || {
                let mut events =
                    call!(service.subscribe, SubscribeRequest { topic: "t".to_owned() }).unwrap();
                let ready = block_on(events.next()).unwrap().unwrap();
                assert!(matches!(ready.event, Some(Event::Ready(_))), "{ready:?}");
                call!(service.publish, publish).unwrap();
                // Waits for ever, which shuttle reports, where the subscription is left behind.
                block_on(events.next()).map(Result::unwrap)
            }
        });
        side_by_side([
            thread!(service => service.0.drop_namespace(&namespace())),
            thread!(service => service.0.sweep()),
        ]);
        if let Some(event) = subscriber.join().unwrap() {
            assert!(matches!(event.event, Some(Event::Message(_))), "{event:?}");
        }
        service.0.sweep();
        assert_eq!(service.0.spaces(), 0, "an empty namespace takes no memory");
    });
}
