//! Cases of keyvalue_transactional.

mod conflict;
mod generated;
mod history;
mod life;
mod step;
mod visibility;

use crate::{Case, Context, Failure, FailureKind, case};
use std::time::Duration;

/// Isolation levels that keep updates from being lost.
const KEEPS_UPDATES: &[&str] = &["snapshot", "serializable"];

const SERIALIZABLE: &[&str] = &["serializable"];

/// The registration.
pub(crate) fn cases() -> Vec<Case> {
    let isolated = |case: Case, any_of| case.given("keyvalue_transactional", "isolation", any_of);
    let cases = vec![
        case(
            "keyvalue_transactional/ids_are_distinct",
            &["KVX-01"],
            "Transactions that are open at the same time have ids that are not empty and not shared",
            life::ids_are_distinct,
        ),
        case(
            "keyvalue_transactional/abandoned_is_ended",
            &["KVX-02"],
            "A transaction that is left alone for longer than its timeout is ended without a trace",
            life::abandoned_is_ended,
        ),
        case(
            "keyvalue_transactional/use_keeps_it_open",
            &["KVX-02"],
            "A transaction that is used again and again outlives its timeout",
            life::use_keeps_it_open,
        )
        .with_clock(),
        case(
            "keyvalue_transactional/open_blocks_nobody",
            &["KVX-03"],
            "While a transaction is open, others read and write the keys that it has touched without waiting",
            life::open_blocks_nobody,
        ),
        case(
            "keyvalue_transactional/uncommitted_is_invisible",
            &["KVX-04"],
            "Before Commit, neither other calls nor other transactions see what a transaction has written",
            visibility::uncommitted_is_invisible,
        ),
        case(
            "keyvalue_transactional/reads_its_own_writes",
            &["KVX-05"],
            "A transaction gets what it has set and does not find what it has deleted",
            visibility::reads_its_own_writes,
        ),
        case(
            "keyvalue_transactional/delete_answers_as_seen_inside",
            &["KVX-06"],
            "TransactionDelete says whether the transaction saw the key, its own writes included",
            visibility::delete_answers_as_seen_inside,
        ),
        case(
            "keyvalue_transactional/commit_applies_everything",
            &["KVX-07"],
            "After Commit every key holds what the transaction wrote last",
            visibility::commit_applies_everything,
        ),
        case(
            "keyvalue_transactional/commit_is_seen_as_a_whole",
            &["KVX-07"],
            "Who has seen one write of a commit sees all the others of it",
            visibility::commit_is_seen_as_a_whole,
        )
        .history(),
        isolated(
            case(
                "keyvalue_transactional/no_lost_update",
                &["KVX-08"],
                "Of two transactions that read a key and then write it, at most one commits and the other is ABORTED",
                conflict::no_lost_update,
            ),
            KEEPS_UPDATES,
        ),
        isolated(
            case(
                "keyvalue_transactional/set_counts_as_a_conflict",
                &["KVX-09"],
                "A Set between a transaction's read of a key and its write of it is not overwritten unseen",
                conflict::set_counts_as_a_conflict,
            ),
            SERIALIZABLE,
        ),
        isolated(
            case(
                "keyvalue_transactional/no_write_skew",
                &["KVX-09"],
                "Of two transactions that each write what the other has read, at most one commits",
                conflict::no_write_skew,
            ),
            SERIALIZABLE,
        ),
        isolated(
            case(
                "keyvalue_transactional/no_mixed_reads",
                &["KVX-09"],
                "A transaction that has read the state before a commit and the state after it does not commit",
                conflict::no_mixed_reads,
            ),
            SERIALIZABLE,
        ),
        isolated(
            case(
                "keyvalue_transactional/aborted_changes_nothing",
                &["KVX-10"],
                "Of a transaction that was ABORTED nothing is applied, and its id answers NOT_FOUND",
                conflict::aborted_changes_nothing,
            ),
            KEEPS_UPDATES,
        ),
        case(
            "keyvalue_transactional/commits_without_a_conflict",
            &["KVX-11"],
            "Transactions whose keys nobody else writes commit, whatever happens to other keys",
            conflict::commits_without_a_conflict,
        ),
        case(
            "keyvalue_transactional/rollback_drops_everything",
            &["KVX-12"],
            "After Rollback everything is as it was before Begin",
            life::rollback_drops_everything,
        ),
        case(
            "keyvalue_transactional/unknown_ids_are_not_found",
            &["KVX-13"],
            "An id that was never given out answers NOT_FOUND to every rpc and changes nothing",
            life::unknown_ids_are_not_found,
        ),
        case(
            "keyvalue_transactional/finished_ids_are_not_found",
            &["KVX-13"],
            "An id that was committed or rolled back answers NOT_FOUND to every rpc and changes nothing",
            life::finished_ids_are_not_found,
        ),
        case(
            "keyvalue_transactional/ids_belong_to_their_namespace",
            &["KVX-13", "GEN-03"],
            "An id of another namespace answers NOT_FOUND to every rpc and leaves the transaction alone",
            life::ids_belong_to_their_namespace,
        ),
        isolated(
            case(
                "keyvalue_transactional/money_is_conserved",
                &["KVX-09", "KVX-08", "KVX-07"],
                "While transactions move money between accounts, every transaction that reads all of them finds the same total",
                history::money_is_conserved,
            )
            .history(),
            SERIALIZABLE,
        ),
        isolated(
            case(
                "keyvalue_transactional/short_histories_have_an_order",
                &["KVX-09", "KVX-07"],
                "A few concurrent transactions and what is there in the end have a serial order that explains them",
                history::short_histories_have_an_order,
            )
            .history(),
            SERIALIZABLE,
        ),
        case(
            "keyvalue_transactional/isolation_holds",
            &["KVX-09", "KVX-08", "KVX-07", "KVX-04", "KVX-05"],
            "Concurrent transactions show none of the anomalies that the declared isolation rules out",
            history::isolation_holds,
        )
        .history(),
        case(
            "keyvalue_transactional/model",
            &["KVX-04", "KVX-05", "KVX-06", "KVX-07", "KVX-08", "KVX-11", "KVX-12", "KVX-13"],
            "Generated transactions that take turns on nasty keys answer as the model of transactions does",
            generated::model,
        )
        .model(),
    ];
    cases.into_iter().map(|case| case.reconsidered(unless_out_of_time)).collect()
}

/// On a machine that is slow enough, a driver rightly ends a transaction that the case still wants to use.
fn unless_out_of_time(context: &Context, took: Duration, failure: Failure) -> Failure {
    let timeout = context.traits("keyvalue_transactional").duration("timeout");
    if failure.kind != FailureKind::Violation
        || context.is_time_virtual()
        || took < timeout
        || !failure.got.as_deref().is_some_and(says_not_found)
    {
        return failure;
    }
    let (took, timeout) = (took.as_millis(), timeout.as_millis());
    Failure::inconclusive(format!(
        "the case took {took} ms, and a transaction may be ended after {timeout} ms: {failure}"
    ))
}

/// Whether this is how NOT_FOUND is written in a failure.
fn says_not_found(got: &str) -> bool {
    ["NotFound", "NOT_FOUND", "not found"].iter().any(|word| got.contains(word))
}
