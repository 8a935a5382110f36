//! Mutants of keyvalue_cas.

mod compare;
mod number;
mod race;

use crate::{Mutant, mutant::mutant};

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "keyvalue_cas/compares_prefix",
            "CompareAndSwap is met by a value that begins with what is expected",
            compare::compares_prefix,
        ),
        mutant(
            "keyvalue_cas/compares_trimmed",
            "CompareAndSwap takes values for equal that differ in white space around them",
            compare::compares_trimmed,
        ),
        mutant(
            "keyvalue_cas/compares_numbers",
            "CompareAndSwap takes values for equal that are the same number",
            compare::compares_numbers,
        ),
        mutant(
            "keyvalue_cas/delete_ignores_case",
            "CompareAndDelete compares without regard to letter case",
            compare::delete_ignores_case,
        ),
        mutant(
            "keyvalue_cas/delete_of_missing_says_yes",
            "CompareAndDelete answers that it has deleted a missing key",
            compare::delete_of_missing_says_yes,
        ),
        mutant(
            "keyvalue_cas/absent_is_always_met",
            "CompareAndSwap that expects no key overwrites whatever is there",
            compare::absent_is_always_met,
        ),
        mutant(
            "keyvalue_cas/empty_is_absent",
            "CompareAndSwap takes a key with an empty value for absent",
            compare::empty_is_absent,
        ),
        mutant(
            "keyvalue_cas/absent_is_empty",
            "CompareAndSwap that expects an empty value is met by a missing key",
            compare::absent_is_empty,
        ),
        mutant(
            "keyvalue_cas/deleted_is_not_absent",
            "A key that was deleted is never absent again",
            compare::deleted_is_not_absent,
        ),
        mutant(
            "keyvalue_cas/no_expectation_is_met",
            "CompareAndSwap that expects nothing stores its value",
            compare::no_expectation_is_met,
        ),
        mutant(
            "keyvalue_cas/refused_and_stored",
            "CompareAndSwap that is not met answers so and stores its value",
            compare::refused_and_stored,
        ),
        mutant(
            "keyvalue_cas/swapped_and_dropped",
            "CompareAndSwap that is met answers so and stores nothing",
            compare::swapped_and_dropped,
        ),
        mutant(
            "keyvalue_cas/lost_race_is_an_error",
            "CompareAndSwap that is not met answers ABORTED",
            compare::lost_race_is_an_error,
        ),
        mutant(
            "keyvalue_cas/swap_drops_ttl",
            "A key that was swapped does not expire any more",
            compare::swap_drops_ttl,
        ),
        mutant(
            "keyvalue_cas/get_then_set",
            "CompareAndSwap reads, compares and then sets, and others come between",
            race::get_then_set,
        ),
        mutant(
            "keyvalue_cas/get_then_delete",
            "CompareAndDelete reads, compares and then deletes, and others come between",
            race::get_then_delete,
        ),
        mutant(
            "keyvalue_cas/increment_get_then_set",
            "Increment reads, adds and then sets, and others come between",
            race::increment_get_then_set,
        ),
        mutant(
            "keyvalue_cas/increment_drops_ttl",
            "A number that was incremented does not expire any more",
            number::increment_drops_ttl,
        ),
        mutant(
            "keyvalue_cas/missing_counts_as_one",
            "Increment takes a missing key for 1",
            number::missing_counts_as_one,
        ),
        mutant(
            "keyvalue_cas/adds_as_double",
            "Increment adds as floating-point numbers do",
            number::adds_as_double,
        ),
        mutant("keyvalue_cas/wraps_around", "A sum that does not fit wraps around", number::wraps_around),
        mutant(
            "keyvalue_cas/stops_at_the_end",
            "A sum that does not fit stays at the end",
            number::stops_at_the_end,
        ),
        mutant(
            "keyvalue_cas/writes_a_sign",
            "Increment stores numbers of zero and more with a sign",
            number::writes_a_sign,
        ),
        mutant(
            "keyvalue_cas/no_number_is_zero",
            "Increment takes what is no number for 0",
            number::no_number_is_zero,
        ),
        mutant(
            "keyvalue_cas/reads_any_number",
            "Increment takes every text that can be read as a number",
            number::reads_any_number,
        ),
    ]
}
