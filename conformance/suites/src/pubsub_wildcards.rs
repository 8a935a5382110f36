//! Cases of pubsub_wildcards.

mod matching;
mod subscriptions;

use crate::{Case, case, delivery_history, delivery_model};

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "pubsub_wildcards/star_is_one_token",
            &["PSW-01"],
            "`*` matches exactly one token, in any place, an empty one too",
            matching::star_is_one_token,
        ),
        case(
            "pubsub_wildcards/rest_is_one_or_more_tokens",
            &["PSW-02"],
            "`>` matches one or more tokens at the end",
            matching::rest_is_one_or_more_tokens,
        ),
        case(
            "pubsub_wildcards/other_tokens_are_literal",
            &["PSW-03", "GEN-06"],
            "Every token but `*` and `>` matches itself, whatever it means elsewhere",
            matching::other_tokens_are_literal,
        ),
        case(
            "pubsub_wildcards/odd_names_are_literal",
            &["PSW-03", "GEN-06"],
            "A pattern of any name without a wildcard matches the topic of that name and no other",
            matching::odd_names_are_literal,
        ),
        case(
            "pubsub_wildcards/malformed_patterns_are_refused",
            &["PSW-04"],
            "A pattern in which `>` is not the last token is refused, as is an empty one",
            matching::malformed_patterns_are_refused,
        ),
        case(
            "pubsub_wildcards/pattern_at_the_limit",
            &["GEN-08"],
            "A pattern of `max_topic_bytes` works and one byte more is refused",
            matching::pattern_at_the_limit,
        ),
        case(
            "pubsub_wildcards/ready_means_ready",
            &["PSW-05"],
            "`ready` comes first, and a message that is published as soon as it has come is delivered",
            subscriptions::ready_means_ready,
        ),
        case(
            "pubsub_wildcards/delivers_in_order_with_the_topic",
            &["PSW-05"],
            "Messages of one publisher to several topics arrive in order, each with its topic, headers and id",
            subscriptions::delivers_in_order_with_the_topic,
        ),
        case(
            "pubsub_wildcards/overlapping_subscriptions",
            &["PSW-06"],
            "Each of several subscriptions that match a topic gets a message once",
            subscriptions::overlapping,
        ),
        case(
            "pubsub_wildcards/no_history",
            &["PSW-05", "PSB-11"],
            "A pattern subscription does not get what was published before",
            subscriptions::no_history,
        ),
        case(
            "pubsub_wildcards/finds_its_buffer",
            &["PSB-13"],
            "A pattern subscription that stops reading and goes on finds the next `buffer` messages",
            subscriptions::finds_its_buffer,
        ),
        case(
            "pubsub_wildcards/unsubscribe",
            &["PSW-07", "PSB-15"],
            "Unsubscribe ends a pattern subscription and no other, of the same pattern or of a topic",
            subscriptions::unsubscribe,
        ),
        case(
            "pubsub_wildcards/namespaces_do_not_mix",
            &["GEN-03"],
            "No pattern reaches into another namespace",
            subscriptions::namespaces_do_not_mix,
        ),
        case(
            "pubsub_wildcards/instances_deliver_to_each_other",
            &["GEN-15", "PSW-05"],
            "What is published on one instance reaches pattern subscribers of another on the same server",
            subscriptions::instances,
        )
        .second_instance(),
        case(
            "pubsub_wildcards/model",
            &["PSW-01", "PSW-02", "PSW-03", "PSW-05", "PSW-06", "PSW-07"],
            "Any list of subscribing to patterns and topics, publishing and unsubscribing delivers what it should",
            |context| delivery_model::run(context, delivery_model::Filters::Patterns),
        )
        .model(),
        case(
            "pubsub_wildcards/history",
            &["PSW-05", "PSW-06", "PSW-07"],
            "With concurrent publishers and overlapping subscribers every message is accounted for",
            |context| delivery_history::run(context, true),
        )
        .history(),
    ]
}
