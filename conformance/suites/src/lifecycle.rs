//! Cases of the lifecycle, which every driver serves.
//!
//! Those that move a driver through its life have an instance of their own, and leave it stopped.

mod describe;
mod drain;
mod drop_namespace;
mod fresh;
mod order;
mod refused;
mod settings;
mod stop;

use crate::{Case, case};

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = of_an_instance();
    cases.extend(of_a_namespace());
    cases
}

fn of_an_instance() -> Vec<Case> {
    let cases = vec![
        case(
            "lifecycle/calls_in_order_are_accepted",
            &["LIF-02", "LIF-08"],
            "Initialize, Start, Drain and Stop are accepted in their order, also without Drain or Start, and again",
            order::in_order,
        ),
        case(
            "lifecycle/calls_out_of_order_are_refused",
            &["LIF-02"],
            "A lifecycle call that the state does not allow is FAILED_PRECONDITION and changes nothing",
            order::out_of_order,
        ),
        case(
            "lifecycle/model",
            &["LIF-02", "LIF-04", "LIF-05", "LIF-08", "LIF-09"],
            "After any list of lifecycle calls the driver is in the state that the clauses say",
            order::model,
        )
        .model(),
        case(
            "lifecycle/unknown_setting_is_refused",
            &["LIF-03"],
            "Initialize with a setting that the driver does not know is INVALID_ARGUMENT and names the setting",
            settings::unknown_is_refused,
        ),
        case(
            "lifecycle/refused_settings_change_nothing",
            &["LIF-03"],
            "Initialize with a setting that is refused leaves the state as it was",
            settings::refused_change_nothing,
        ),
        case(
            "lifecycle/data_calls_before_start_are_refused",
            &["LIF-04"],
            "Every call to a declared interface is FAILED_PRECONDITION before Start",
            refused::before_start,
        ),
        case(
            "lifecycle/data_calls_after_stop_are_refused",
            &["LIF-04"],
            "Every call to a declared interface is FAILED_PRECONDITION after Stop",
            refused::after_stop,
        ),
        case(
            "lifecycle/data_calls_when_drained_are_refused",
            &["LIF-05"],
            "Every call to a declared interface is UNAVAILABLE when the driver is drained",
            refused::when_drained,
        ),
        case(
            "lifecycle/data_calls_while_draining_are_refused",
            &["LIF-05"],
            "Every call to a declared interface is UNAVAILABLE while Drain waits for an open stream",
            refused::while_draining,
        )
        .needs(&["pubsub_basic"]),
        case(
            "lifecycle/drain_lets_streams_end",
            &["LIF-06"],
            "On Drain an open stream gets what it was sent before, then ends with UNAVAILABLE",
            drain::lets_streams_end,
        )
        .needs(&["pubsub_basic"]),
        case(
            "lifecycle/drain_counts_streams",
            &["LIF-07"],
            "Drain counts the streams that were open and have come to their end",
            drain::counts_streams,
        )
        .needs(&["pubsub_basic"]),
        case(
            "lifecycle/drain_of_nothing_counts_nothing",
            &["LIF-07"],
            "Drain counts no calls that had ended before",
            drain::of_nothing,
        ),
        case(
            "lifecycle/drain_cuts_off_what_does_not_end",
            &["LIF-07"],
            "Drain cuts off a stream that is not read when its timeout has passed, and counts it as aborted",
            drain::cuts_off,
        )
        .needs(&["pubsub_basic"]),
        case(
            "lifecycle/stop_ends_streams",
            &["LIF-08"],
            "Stop answers while streams are open, and ends them",
            stop::ends_streams,
        )
        .needs(&["pubsub_basic"]),
        case(
            "lifecycle/a_new_life_serves",
            &["LIF-08"],
            "After Stop, Initialize and Start the driver serves as it did before",
            stop::a_new_life_serves,
        ),
        case(
            "lifecycle/describe_in_every_state",
            &["LIF-01"],
            "Describe answers the same name, version and interfaces in every state",
            describe::in_every_state,
        ),
        case(
            "lifecycle/health_in_every_state",
            &["LIF-09"],
            "HealthCheck is HEALTHY while running and NOT_RUNNING in every other state",
            describe::health_in_every_state,
        ),
    ];
    cases.into_iter().map(Case::fresh_instance).collect()
}

fn of_a_namespace() -> Vec<Case> {
    vec![
        case(
            "lifecycle/describes_what_is_declared",
            &["LIF-01"],
            "Describe lists the declared interfaces, each with the hash of its proto and its traits",
            describe::what_is_declared,
        ),
        case(
            "lifecycle/questions_need_no_namespace",
            &["LIF-01", "LIF-09"],
            "Describe and HealthCheck answer without a namespace",
            describe::without_a_namespace,
        )
        .without_namespace(),
        case(
            "lifecycle/drop_namespace_removes_everything",
            &["LIF-10"],
            "DropNamespace removes every key, with its time to live",
            drop_namespace::removes_everything,
        )
        .needs(&["keyvalue_basic"]),
        case(
            "lifecycle/drop_namespace_spares_others",
            &["LIF-10"],
            "DropNamespace removes nothing of other namespaces, also where their names begin alike",
            drop_namespace::spares_others,
        )
        .needs(&["keyvalue_basic"]),
        case(
            "lifecycle/drop_namespace_of_nothing",
            &["LIF-10"],
            "DropNamespace of a namespace that holds nothing, never or no longer, is no error",
            drop_namespace::of_nothing,
        ),
        case(
            "lifecycle/drop_namespace_needs_a_namespace",
            &["GEN-01", "GEN-02"],
            "DropNamespace without a namespace, or with a malformed one, is refused",
            drop_namespace::needs_a_namespace,
        ),
    ]
}
