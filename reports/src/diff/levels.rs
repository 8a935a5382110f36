//! Levels that were lost or gained.

use super::scope::Scope;
use super::{Diff, LevelChange, Pair, targets};

/// An interface whose claim came or went, and a target that was not measured, are told as such.
pub(super) fn compare(scope: &Scope<'_>, pair: Pair<'_>, diff: &mut Diff) {
    if targets::turned(pair).is_some() {
        return;
    }
    for after in &pair.after.interfaces {
        let Some(before) = pair.before.interface(&after.interface) else { continue };
        let claimed = before.declared && after.declared;
        if claimed && before.level != after.level && scope.has_levels(&pair.after.target, &after.interface) {
            diff.levels.push(LevelChange {
                target: pair.after.target.clone(),
                interface: after.interface.clone(),
                before: before.level,
                after: after.level,
            });
        }
    }
}
