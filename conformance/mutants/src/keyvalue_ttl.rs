//! Mutants of keyvalue_ttl.

mod ghost;
mod length;
mod rewrite;
mod state;

use crate::{Mutant, mutant::mutant};

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "keyvalue_ttl/value_as_text",
            "SetWithTtl takes values for text and replaces what is none",
            length::value_as_text,
        ),
        mutant("keyvalue_ttl/ignored", "The TTL is checked and then forgotten", length::ignored),
        mutant(
            "keyvalue_ttl/milliseconds_for_seconds",
            "A TTL of seconds is taken for one of milliseconds",
            length::milliseconds_for_seconds,
        ),
        mutant(
            "keyvalue_ttl/rounded_up_to_seconds",
            "A TTL is rounded up to whole seconds, whatever the declared granularity",
            length::rounded_up_to_seconds,
        ),
        mutant(
            "keyvalue_ttl/rounded_down",
            "A TTL is rounded down to whole milliseconds",
            length::rounded_down,
        ),
        mutant(
            "keyvalue_ttl/wraps_after_49_days",
            "A TTL is kept as milliseconds of 32 bits",
            length::wraps_after_49_days,
        ),
        mutant(
            "keyvalue_ttl/zero_is_for_ever",
            "SetWithTtl without a TTL or with one of zero stores the value for ever",
            length::zero_is_for_ever,
        ),
        mutant(
            "keyvalue_ttl/negative_deletes",
            "Expire with a TTL of zero or less deletes the key",
            length::negative_deletes,
        ),
        mutant("keyvalue_ttl/max_is_refused", "A TTL of exactly max_ttl is refused", length::max_is_refused),
        mutant(
            "keyvalue_ttl/too_long_is_capped",
            "A TTL that is too long is silently made shorter",
            length::too_long_is_capped,
        ),
        mutant(
            "keyvalue_ttl/first_ttl_stays",
            "SetWithTtl of a key that expires replaces the value and leaves the TTL",
            rewrite::first_ttl_stays,
        ),
        mutant("keyvalue_ttl/set_keeps_ttl", "Set leaves the TTL of the key", rewrite::set_keeps_ttl),
        mutant(
            "keyvalue_ttl/batch_set_keeps_ttl",
            "BatchSet leaves the TTLs of its keys",
            rewrite::batch_set_keeps_ttl,
        ),
        mutant(
            "keyvalue_ttl/commit_keeps_ttl",
            "A committed transaction leaves the TTLs of the keys that it has set",
            rewrite::commit_keeps_ttl,
        ),
        mutant(
            "keyvalue_ttl/delete_leaves_ttl",
            "Delete leaves the TTL behind, and the next Set under the key inherits it",
            rewrite::delete_leaves_ttl,
        ),
        mutant("keyvalue_ttl/reading_prolongs", "Every Get starts the TTL anew", rewrite::reading_prolongs),
        mutant(
            "keyvalue_ttl/timers_are_not_cancelled",
            "When the time of an overwritten value comes, the key is removed all the same",
            rewrite::timers_are_not_cancelled,
        ),
        mutant(
            "keyvalue_ttl/late_removal_hits_new_value",
            "A Get that finds a key expired removes it a moment later, whatever is there by then",
            rewrite::late_removal_hits_new_value,
        ),
        mutant(
            "keyvalue_ttl/expire_only_extends",
            "Expire never makes a TTL shorter",
            state::expire_only_extends,
        ),
        mutant(
            "keyvalue_ttl/expire_needs_a_ttl",
            "Expire of a key without a TTL answers that there is no such key",
            state::expire_needs_a_ttl,
        ),
        mutant("keyvalue_ttl/expire_creates", "Expire of a missing key creates it", state::expire_creates),
        mutant(
            "keyvalue_ttl/missing_is_persistent",
            "GetTtl says PERSISTENT of a missing key",
            state::missing_is_persistent,
        ),
        mutant(
            "keyvalue_ttl/remaining_in_whole_seconds",
            "GetTtl cuts the remaining TTL to whole seconds",
            state::remaining_in_whole_seconds,
        ),
        mutant(
            "keyvalue_ttl/remaining_stands_still",
            "GetTtl answers the TTL that was asked for, however long ago",
            state::remaining_stands_still,
        ),
        mutant(
            "keyvalue_ttl/persist_does_nothing",
            "Persist answers that the TTL was removed and leaves it",
            state::persist_does_nothing,
        ),
        mutant(
            "keyvalue_ttl/persist_says_yes",
            "Persist always answers that a TTL was removed",
            state::persist_says_yes,
        ),
        mutant(
            "keyvalue_ttl/exists_sees_expired",
            "Exists finds keys that have expired",
            ghost::exists_sees_expired,
        ),
        mutant(
            "keyvalue_ttl/count_sees_expired",
            "Count counts keys that have expired",
            ghost::count_sees_expired,
        ),
        mutant(
            "keyvalue_ttl/batch_delete_sees_expired",
            "BatchDelete says of keys that have expired that they were there",
            ghost::batch_delete_sees_expired,
        ),
        mutant(
            "keyvalue_ttl/swap_sees_expired",
            "CompareAndSwap does not take an expired key for absent",
            ghost::swap_sees_expired,
        ),
        mutant(
            "keyvalue_ttl/transaction_sees_expired",
            "TransactionGet finds keys that have expired",
            ghost::transaction_sees_expired,
        ),
    ]
}
