//! Cases of keyvalue_ttl.

mod expiry;
mod gone;
mod limits;
mod model;
mod rewrite;
mod state;

use crate::{Case, case};

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "keyvalue_ttl/stores_the_value",
            &["KVT-01", "GEN-09"],
            "While the TTL runs, the key is there with the bytes that SetWithTtl was given",
            expiry::stores_the_value,
        ),
        case(
            "keyvalue_ttl/never_early_never_late",
            &["KVT-01", "KVT-02"],
            "Each of two hundred keys with different TTLs is there until its own has passed and not after it",
            expiry::never_early_never_late,
        ),
        case(
            "keyvalue_ttl/to_the_nanosecond",
            &["KVT-01", "KVT-02"],
            "On a virtual clock a key is there a nanosecond before its TTL ends, and gone once it must be",
            expiry::to_the_nanosecond,
        )
        .with_clock(),
        case(
            "keyvalue_ttl/fractions_of_the_granularity",
            &["KVT-01", "KVT-02"],
            "A TTL that is no multiple of the granularity is rounded up, never down",
            expiry::fractions_of_the_granularity,
        ),
        case(
            "keyvalue_ttl/set_refuses_bad_ttl",
            &["KVT-03"],
            "SetWithTtl with a missing, zero or negative TTL is refused and changes nothing",
            limits::set_refuses_bad_ttl,
        ),
        case(
            "keyvalue_ttl/expire_refuses_bad_ttl",
            &["KVT-03"],
            "Expire with a missing, zero or negative TTL is refused and changes nothing",
            limits::expire_refuses_bad_ttl,
        ),
        case(
            "keyvalue_ttl/accepts_max_ttl",
            &["KVT-04", "KVT-01"],
            "A TTL of exactly max_ttl is accepted, and the key is there",
            limits::accepts_max_ttl,
        ),
        case(
            "keyvalue_ttl/refuses_more_than_max_ttl",
            &["KVT-04"],
            "A TTL beyond max_ttl, by a nanosecond or by centuries, is refused and changes nothing",
            limits::refuses_more_than_max_ttl,
        ),
        case(
            "keyvalue_ttl/set_with_ttl_replaces",
            &["KVT-05"],
            "SetWithTtl of a key that is there replaces its value and its TTL, be the new one longer or shorter",
            rewrite::set_with_ttl_replaces,
        ),
        case(
            "keyvalue_ttl/set_clears_ttl",
            &["KVT-06"],
            "A key that is overwritten by Set does not expire any more",
            rewrite::set_clears_ttl,
        ),
        case(
            "keyvalue_ttl/batch_set_clears_ttl",
            &["KVT-06"],
            "A key that is overwritten by BatchSet does not expire any more",
            rewrite::batch_set_clears_ttl,
        )
        .needs(&["keyvalue_batch"]),
        case(
            "keyvalue_ttl/commit_clears_ttl",
            &["KVT-06"],
            "A key that a committed transaction has set does not expire any more",
            rewrite::commit_clears_ttl,
        )
        .needs(&["keyvalue_transactional"]),
        case(
            "keyvalue_ttl/delete_takes_the_ttl",
            &["KVT-07"],
            "What is set after a Delete does not inherit the TTL of what was deleted",
            rewrite::delete_takes_the_ttl,
        ),
        case(
            "keyvalue_ttl/reading_does_not_prolong",
            &["KVT-08", "KVT-02"],
            "A key expires at its time however often it is read",
            rewrite::reading_does_not_prolong,
        ),
        case(
            "keyvalue_ttl/expiry_spares_later_values",
            &["KVT-09"],
            "When the time of an overwritten value comes, the value that replaced it stays",
            rewrite::expiry_spares_later_values,
        ),
        case(
            "keyvalue_ttl/expiry_races_with_set",
            &["KVT-09"],
            "A value that is set while readers notice the expiry of the one before stays",
            rewrite::expiry_races_with_set,
        ),
        case(
            "keyvalue_ttl/expire_changes_the_ttl",
            &["KVT-10"],
            "Expire makes a TTL longer or shorter or gives a first one, and leaves the value",
            state::expire_changes_the_ttl,
        ),
        case(
            "keyvalue_ttl/expire_of_a_missing_key",
            &["KVT-11"],
            "Expire of a key that is not there says so and creates nothing",
            state::expire_of_a_missing_key,
        ),
        case(
            "keyvalue_ttl/states_are_told_apart",
            &["KVT-12"],
            "GetTtl tells a missing key, one that stays and one that expires apart",
            state::states_are_told_apart,
        ),
        case(
            "keyvalue_ttl/remaining_is_bounded",
            &["KVT-13", "KVT-12"],
            "The remaining TTL is more than zero, at most what was asked for and at least what is left of it",
            state::remaining_is_bounded,
        ),
        case(
            "keyvalue_ttl/remaining_runs_down",
            &["KVT-13", "KVT-02"],
            "The remaining TTL never reaches beyond the time at which the key must be gone",
            state::remaining_runs_down,
        ),
        case(
            "keyvalue_ttl/persist_keeps_the_key",
            &["KVT-14"],
            "A key whose TTL was removed by Persist is there with its value after that TTL has passed",
            state::persist_keeps_the_key,
        ),
        case(
            "keyvalue_ttl/persist_without_a_ttl",
            &["KVT-14"],
            "Persist of a missing key or of one without a TTL answers false and changes nothing",
            state::persist_without_a_ttl,
        ),
        case(
            "keyvalue_ttl/gone_for_basic",
            &["KVT-02"],
            "An expired key is gone for Get, Exists, Delete, GetTtl, Persist and Expire",
            gone::for_basic,
        ),
        case(
            "keyvalue_ttl/gone_for_scan",
            &["KVT-02", "KVS-11"],
            "An expired key is in no scan and in no count",
            gone::for_scan,
        )
        .needs(&["keyvalue_scan"]),
        case(
            "keyvalue_ttl/gone_for_batch",
            &["KVT-02"],
            "An expired key is gone for BatchGet and BatchDelete",
            gone::for_batch,
        )
        .needs(&["keyvalue_batch"]),
        case(
            "keyvalue_ttl/gone_for_cas",
            &["KVT-02"],
            "An expired key is absent for CompareAndSwap and CompareAndDelete and counts as 0 for Increment",
            gone::for_cas,
        )
        .needs(&["keyvalue_cas"]),
        case(
            "keyvalue_ttl/gone_for_transactions",
            &["KVT-02"],
            "An expired key is gone for TransactionGet and TransactionDelete",
            gone::for_transactions,
        )
        .needs(&["keyvalue_transactional"]),
        case(
            "keyvalue_ttl/model",
            &["KVT-01", "KVT-02", "KVT-05", "KVT-10", "KVT-12", "KVT-13", "KVT-14"],
            "Generated operations on nasty keys answer as the model of keys that expire does",
            model::model,
        )
        .model(),
    ]
}
