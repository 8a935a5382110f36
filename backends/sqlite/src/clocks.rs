//! One virtual clock for every instance on a file.
//!
//! Instances that share a file must agree on what has expired. The system clock is shared anyway; a virtual one is
//! shared by the instances of this process.

use prism_driver_kit::Clock;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

static VIRTUAL: LazyLock<Mutex<HashMap<PathBuf, Weak<Clock>>>> = LazyLock::new(Mutex::default);

/// The virtual clock of a file; it lives as long as somebody holds it.
pub(crate) fn of_file(file: &Path) -> Arc<Clock> {
    let mut clocks = VIRTUAL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(clock) = clocks.get(file).and_then(Weak::upgrade) {
        return clock;
    }
    clocks.retain(|_, clock| clock.strong_count() > 0);
    let clock = Arc::new(Clock::new_virtual());
    clocks.insert(file.to_owned(), Arc::downgrade(&clock));
    clock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_clock_as_long_as_it_is_held() {
        let first = of_file(Path::new("/clocks-test/a"));
        assert!(Arc::ptr_eq(&first, &of_file(Path::new("/clocks-test/a"))));
        assert!(!Arc::ptr_eq(&first, &of_file(Path::new("/clocks-test/b"))));
        let gone = Arc::downgrade(&first);
        drop(first);
        assert!(gone.upgrade().is_none());
    }
}
