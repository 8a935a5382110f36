//! Cases of pubsub_basic.
//!
//! That nothing comes is never waited for: something else is published afterwards, and must come next.

mod delivery;
mod fidelity;
mod instances;
mod limits;
mod pressure;
mod unsubscribe;

use crate::{Case, case, delivery_history, delivery_model};

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "pubsub_basic/reaches_every_subscriber",
            &["PSB-01", "PSB-09"],
            "Each of several subscribers of a topic gets each message once",
            delivery::reaches_every_subscriber,
        ),
        case(
            "pubsub_basic/ready_means_ready",
            &["PSB-01", "PSB-07"],
            "A message that is published as soon as `ready` has come is delivered",
            delivery::ready_means_ready,
        ),
        case(
            "pubsub_basic/ready_comes_first_and_once",
            &["PSB-07"],
            "`ready` is the first event of a subscription, while messages flow too, and comes once",
            delivery::ready_comes_first_and_once,
        ),
        case(
            "pubsub_basic/keeps_the_order_of_a_publisher",
            &["PSB-08"],
            "Messages of one publisher reach every subscriber in the order in which they were published",
            delivery::keeps_the_order_of_a_publisher,
        ),
        case(
            "pubsub_basic/keeps_the_order_of_each_of_many",
            &["PSB-08"],
            "With eight publishers at once the messages of each keep their order",
            delivery::keeps_the_order_of_each_of_many,
        ),
        case(
            "pubsub_basic/nobody_listens",
            &["PSB-05"],
            "Publish to a topic without subscribers succeeds, before there was one and after the last has gone",
            delivery::nobody_listens,
        ),
        case(
            "pubsub_basic/no_history",
            &["PSB-11"],
            "A subscriber does not get what was published before it subscribed",
            delivery::no_history,
        ),
        case(
            "pubsub_basic/topics_do_not_mix",
            &["PSB-10", "GEN-06"],
            "Topics that differ in a single byte are different topics, whatever their characters",
            fidelity::topics_do_not_mix,
        ),
        case(
            "pubsub_basic/topics_are_literal",
            &["PSB-10"],
            "A topic that looks like a pattern or a prefix of another gets messages of exactly that topic",
            fidelity::topics_are_literal,
        ),
        case(
            "pubsub_basic/payloads_arrive_unchanged",
            &["PSB-02", "GEN-09"],
            "Every payload arrives byte for byte, the empty one included",
            fidelity::payloads_arrive_unchanged,
        ),
        case(
            "pubsub_basic/headers_arrive_unchanged",
            &["PSB-02"],
            "All headers arrive as they were published, empty and odd ones included",
            fidelity::headers_arrive_unchanged,
        ),
        case(
            "pubsub_basic/ids_are_unique_and_the_same_for_all",
            &["PSB-03"],
            "Message ids are not empty, are never used twice, and are the same for publisher and subscribers",
            fidelity::ids_are_unique_and_the_same_for_all,
        ),
        case(
            "pubsub_basic/published_at_is_the_time_of_publish",
            &["PSB-04"],
            "`published_at` is the time of the Publish call, to within a minute",
            fidelity::published_at_is_the_time_of_publish,
        ),
        case(
            "pubsub_basic/payload_at_the_limit",
            &["PSB-06", "GEN-10"],
            "A payload of `max_payload_bytes` is delivered, and one byte more is refused and delivered to nobody",
            limits::payload_at_the_limit,
        ),
        case(
            "pubsub_basic/topic_at_the_limit",
            &["GEN-08", "PSB-10"],
            "Topics of `max_topic_bytes` work and are told apart by their last byte; one byte more is refused",
            limits::topic_at_the_limit,
        ),
        case(
            "pubsub_basic/a_stalled_subscriber_holds_up_nobody",
            &["PSB-12"],
            "While a subscriber does not read, publishers go on and other subscribers get everything",
            pressure::holds_up_nobody,
        ),
        case(
            "pubsub_basic/a_stalled_subscriber_finds_its_buffer",
            &["PSB-13"],
            "A subscriber that stops reading and goes on finds the next `buffer` messages",
            pressure::finds_its_buffer,
        ),
        case(
            "pubsub_basic/overflow_disconnects_without_a_gap",
            &["PSB-13"],
            "A subscriber that is too far behind gets a beginning without a gap, then RESOURCE_EXHAUSTED",
            pressure::overflow_disconnects,
        )
        .given("pubsub_basic", "overflow", &["disconnect"]),
        case(
            "pubsub_basic/overflow_drops_and_goes_on",
            &["PSB-13"],
            "A subscriber that is too far behind finds its buffer, loses what came after it, and gets what comes next",
            pressure::overflow_drops,
        )
        .given("pubsub_basic", "overflow", &["drop"]),
        case(
            "pubsub_basic/a_cancelled_subscriber_disturbs_nobody",
            &["PSB-14", "GEN-12"],
            "Subscribers that go away in the middle disturb neither publishers nor other subscribers",
            delivery::cancelled_subscriber_disturbs_nobody,
        ),
        case(
            "pubsub_basic/unsubscribe_ends_the_stream",
            &["PSB-15"],
            "Unsubscribe lets the stream deliver what was published before and end with OK",
            unsubscribe::ends_the_stream,
        ),
        case(
            "pubsub_basic/nothing_after_unsubscribe",
            &["PSB-15"],
            "What is published after Unsubscribe has answered is not delivered to that subscription",
            unsubscribe::nothing_after,
        ),
        case(
            "pubsub_basic/unsubscribe_spares_others",
            &["PSB-17"],
            "Unsubscribe leaves other subscriptions alone, of the same topic and of others",
            unsubscribe::spares_others,
        ),
        case(
            "pubsub_basic/unsubscribe_of_an_unknown_id",
            &["PSB-16"],
            "Unsubscribe of an id that was never given out answers that it did not exist",
            unsubscribe::unknown,
        ),
        case(
            "pubsub_basic/unsubscribe_twice",
            &["PSB-16"],
            "The second Unsubscribe of a subscription answers that it does not exist",
            unsubscribe::twice,
        ),
        case(
            "pubsub_basic/unsubscribe_from_another_namespace",
            &["PSB-16", "GEN-03"],
            "Unsubscribe of an id of another namespace answers that it does not exist and leaves it alone",
            unsubscribe::from_another_namespace,
        ),
        case(
            "pubsub_basic/namespaces_do_not_mix",
            &["GEN-03", "PSB-10"],
            "The same topic in two namespaces is two topics",
            instances::namespaces_do_not_mix,
        ),
        case(
            "pubsub_basic/instances_deliver_to_each_other",
            &["GEN-15", "PSB-01"],
            "What is published on one instance reaches subscribers of another on the same server",
            instances::deliver_to_each_other,
        )
        .second_instance(),
        case(
            "pubsub_basic/unsubscribe_on_another_instance",
            &["GEN-15", "PSB-15"],
            "Unsubscribe on one instance ends a subscription of another on the same server",
            instances::unsubscribe_on_another,
        )
        .second_instance(),
        case(
            "pubsub_basic/model",
            &["PSB-01", "PSB-02", "PSB-09", "PSB-10", "PSB-15", "PSB-16"],
            "Any list of subscribing, publishing, unsubscribing and going away delivers what it should",
            |context| delivery_model::run(context, delivery_model::Filters::Topics),
        )
        .model(),
        case(
            "pubsub_basic/history",
            &["PSB-01", "PSB-02", "PSB-03", "PSB-08", "PSB-09", "PSB-10", "PSB-11", "PSB-15"],
            "With concurrent publishers and subscribers that come and go every message is accounted for",
            |context| delivery_history::run(context, false),
        )
        .history(),
    ]
}
