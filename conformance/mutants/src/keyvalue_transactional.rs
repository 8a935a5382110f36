//! Mutants of keyvalue_transactional.

mod commit;
mod id;
mod isolation;
mod lock;

use crate::{Mutant, mutant::mutant};

/// The registration.
pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        mutant(
            "keyvalue_transactional/ids_repeat",
            "Every other Begin answers an id that is in use",
            id::ids_repeat,
        ),
        mutant(
            "keyvalue_transactional/unknown_ids_write",
            "TransactionSet with an id that is not known writes at once",
            id::unknown_ids_write,
        ),
        mutant(
            "keyvalue_transactional/second_commit_is_fine",
            "Commit of an id that is not known answers OK",
            id::second_commit_is_fine,
        ),
        mutant(
            "keyvalue_transactional/rolled_back_ids_live",
            "TransactionGet with a rolled back id reads what is committed",
            id::rolled_back_ids_live,
        ),
        mutant(
            "keyvalue_transactional/ids_reach_across_namespaces",
            "An id works in every namespace",
            id::ids_reach_across_namespaces,
        ),
        mutant(
            "keyvalue_transactional/aborted_ids_live",
            "TransactionSet with the id of an ABORTED transaction writes at once",
            id::aborted_ids_live,
        ),
        mutant(
            "keyvalue_transactional/abandoned_commits",
            "Commit of an abandoned transaction applies it all the same",
            id::abandoned_commits,
        ),
        mutant(
            "keyvalue_transactional/use_does_not_keep_open",
            "The timeout counts from Begin, whatever the transaction does",
            id::use_does_not_keep_open,
        ),
        mutant(
            "keyvalue_transactional/readers_wait",
            "Exists of a key that an open transaction has written waits for its end",
            lock::readers_wait,
        ),
        mutant(
            "keyvalue_transactional/writers_fail",
            "Set of a key that an open transaction has read is ABORTED",
            lock::writers_fail,
        ),
        mutant(
            "keyvalue_transactional/writes_show_at_once",
            "What a transaction sets is there before Commit",
            isolation::writes_show_at_once,
        ),
        mutant(
            "keyvalue_transactional/dirty_reads",
            "A transaction reads what others have set and not committed",
            isolation::dirty_reads,
        ),
        mutant(
            "keyvalue_transactional/own_writes_unseen",
            "A transaction reads what is committed, not what it has set itself",
            isolation::own_writes_unseen,
        ),
        mutant(
            "keyvalue_transactional/delete_answers_from_outside",
            "TransactionDelete answers whether the key is there outside of the transaction",
            isolation::delete_answers_from_outside,
        ),
        mutant(
            "keyvalue_transactional/reads_are_not_checked",
            "Commit does not look at what the transaction has read",
            isolation::reads_are_not_checked,
        ),
        mutant(
            "keyvalue_transactional/only_rewritten_reads_are_checked",
            "Commit looks at what the transaction has read only where it has written it too",
            isolation::only_rewritten_reads_are_checked,
        ),
        mutant(
            "keyvalue_transactional/any_commit_conflicts",
            "A transaction is ABORTED if any other has committed since it began",
            isolation::any_commit_conflicts,
        ),
        mutant(
            "keyvalue_transactional/deletes_get_lost",
            "A committed TransactionDelete leaves the key",
            commit::deletes_get_lost,
        ),
        mutant(
            "keyvalue_transactional/stops_at_thirty_two",
            "A transaction keeps its first 32 writes",
            commit::stops_at_thirty_two,
        ),
        mutant(
            "keyvalue_transactional/applied_in_pieces",
            "Commit applies one write after the other, and readers come between",
            commit::applied_in_pieces,
        ),
        mutant(
            "keyvalue_transactional/abort_is_swallowed",
            "Commit answers OK where the transaction was ABORTED",
            commit::abort_is_swallowed,
        ),
        mutant(
            "keyvalue_transactional/aborted_is_applied",
            "What an ABORTED transaction has set is applied",
            commit::aborted_is_applied,
        ),
        mutant(
            "keyvalue_transactional/abort_outcome_unknown",
            "ABORTED says that the outcome is unknown",
            commit::abort_outcome_unknown,
        ),
        mutant("keyvalue_transactional/rollback_commits", "Rollback commits", commit::rollback_commits),
    ]
}
