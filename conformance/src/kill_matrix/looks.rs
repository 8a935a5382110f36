//! Looking at mutants: all of them at once, and again at what that left open.

use super::MutantRow;
use futures::stream::{self, StreamExt};
use std::collections::BTreeSet;

/// What became of a mutant, and which cases it was tried on.
pub(super) struct Look {
    pub(super) row: MutantRow,
    pub(super) tried: Vec<String>,
}

impl Look {
    /// Adds what a further look has found.
    fn again(&mut self, other: Self) {
        self.row.killed_by.extend(other.row.killed_by);
        self.row.disturbed.extend(other.row.disturbed);
        self.row.disturbed.retain(|case, _| !self.row.killed_by.contains(case));
    }
}

/// Tries every mutant, `jobs` at once, and tells each that is done. `try_out` tries one on all its cases or on one alone;
/// `must_kill` says which cases may not end without having killed one.
///
/// Some faults show only in what happens at the same time, and the many trials beside them leave them no time to. What has
/// survived or killed nothing is looked at again while nothing else runs.
pub(super) async fn look_at_all<M>(
    mutants: &[M],
    jobs: usize,
    try_out: impl AsyncFn(&M, Option<&str>) -> Result<Look, String>,
    done: &impl Fn(&MutantRow),
    must_kill: impl Fn(&str) -> bool,
) -> Result<Vec<Look>, String> {
    let first = stream::iter(mutants).map(async |mutant| {
        let look = try_out(mutant, None).await?;
        done(&look.row);
        Ok(look)
    });
    let looks: Vec<Result<Look, String>> = first.buffered(jobs.max(1)).collect().await;
    let mut looks: Vec<Look> = looks.into_iter().collect::<Result<_, _>>()?;
    for (mutant, look) in mutants.iter().zip(&mut looks).filter(|(_, look)| look.row.killed_by.is_empty()) {
        look.again(try_out(mutant, None).await?);
    }
    let killers: BTreeSet<&String> = looks.iter().flat_map(|look| &look.row.killed_by).collect();
    let idle: BTreeSet<String> = looks
        .iter()
        .flat_map(|look| &look.tried)
        .filter(|case| !killers.contains(case) && must_kill(case))
        .cloned()
        .collect();
    for case in idle {
        for (mutant, look) in mutants.iter().zip(&mut looks).filter(|(_, look)| look.tried.contains(&case)) {
            look.again(try_out(mutant, Some(&case)).await?);
            if look.row.killed_by.contains(&case) {
                break;
            }
        }
    }
    Ok(looks)
}
