//! Cases of keyvalue_cas.

mod generated;
mod number;
mod race;
mod swap;

use crate::{Case, case};

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "keyvalue_cas/swaps_what_is_expected",
            &["KVC-01"],
            "CompareAndSwap of a key that holds what is expected stores the new value and says so",
            swap::swaps_what_is_expected,
        ),
        case(
            "keyvalue_cas/swap_compares_every_byte",
            &["KVC-02", "KVC-01"],
            "An expectation that differs from the value in any byte or in length swaps nothing",
            swap::swap_compares_every_byte,
        ),
        case(
            "keyvalue_cas/failed_swap_changes_nothing",
            &["KVC-02"],
            "CompareAndSwap that is not met answers false without an error and leaves what is there",
            swap::failed_swap_changes_nothing,
        ),
        case(
            "keyvalue_cas/absent_is_not_empty",
            &["KVC-03"],
            "Absent is met by a missing key alone, an empty value by an empty value alone",
            swap::absent_is_not_empty,
        ),
        case(
            "keyvalue_cas/absent_after_delete",
            &["KVC-03"],
            "A key that was removed, by whichever rpc, is absent again",
            swap::absent_after_delete,
        ),
        case(
            "keyvalue_cas/expectation_is_required",
            &["KVC-04"],
            "CompareAndSwap that expects nothing at all is refused and changes nothing",
            swap::expectation_is_required,
        ),
        case(
            "keyvalue_cas/one_winner",
            &["KVC-05", "KVC-02"],
            "Of several CompareAndSwaps that race with the same expectation exactly one wins, and its value stays",
            race::one_winner,
        ),
        case(
            "keyvalue_cas/swap_keeps_the_ttl",
            &["KVC-06"],
            "A key that expires goes on to expire at its time after CompareAndSwap, with the new value until then",
            swap::swap_keeps_the_ttl,
        )
        .needs(&["keyvalue_ttl"]),
        case(
            "keyvalue_cas/increment_keeps_the_ttl",
            &["KVC-06"],
            "A number that expires goes on to expire at its time after Increment",
            number::increment_keeps_the_ttl,
        )
        .needs(&["keyvalue_ttl"]),
        case(
            "keyvalue_cas/deletes_what_is_expected",
            &["KVC-07"],
            "CompareAndDelete removes a key that holds what is expected, and only once",
            swap::deletes_what_is_expected,
        ),
        case(
            "keyvalue_cas/delete_compares_every_byte",
            &["KVC-07"],
            "CompareAndDelete with an expectation that differs in any byte or in length removes nothing",
            swap::delete_compares_every_byte,
        ),
        case(
            "keyvalue_cas/increment_adds",
            &["KVC-08"],
            "Increment answers the sum, a missing key being 0",
            number::increment_adds,
        ),
        case(
            "keyvalue_cas/increment_is_exact",
            &["KVC-08"],
            "Increment is exact over the whole range of 64 bits, beyond 2^53 and up to both ends",
            number::increment_is_exact,
        ),
        case(
            "keyvalue_cas/numbers_are_their_shortest_text",
            &["KVC-09"],
            "Get returns a number as its shortest decimal text, and Increment adds to what Set has written so",
            number::numbers_are_their_shortest_text,
        ),
        case(
            "keyvalue_cas/overflow_is_refused",
            &["KVC-10"],
            "A sum beyond 64 bits is refused with OUT_OF_RANGE, and the number stays",
            number::overflow_is_refused,
        ),
        case(
            "keyvalue_cas/only_numbers_are_incremented",
            &["KVC-11"],
            "Increment of anything but the shortest text of a number is refused with FAILED_PRECONDITION, and it stays",
            number::only_numbers_are_incremented,
        ),
        case(
            "keyvalue_cas/concurrent_increments_count",
            &["KVC-12", "KVC-08"],
            "The increments of eight clients add up, and no two are answered with the same sum",
            race::concurrent_increments_count,
        )
        .history(),
        case(
            "keyvalue_cas/linearizable",
            &["GEN-14", "KVC-01", "KVC-02", "KVC-07"],
            "Concurrent swaps, conditional deletes, sets and reads of a key have an order that explains them",
            race::linearizable,
        )
        .given("guarantees", "consistency", &["linearizable"])
        .history(),
        case(
            "keyvalue_cas/model",
            &["KVC-01", "KVC-02", "KVC-03", "KVC-07", "KVC-08", "KVC-11"],
            "Generated operations on nasty keys and values answer as the model of a register does",
            generated::model,
        )
        .model(),
    ]
}
