//! Stores that several instances in this process share by name.
//!
//! The registry holds weak handles, so a shared store lives as long as the last driver that has started on it.

use crate::{
    settings::{ClockKind, Config},
    store::Store,
};
use prism_driver_kit::Settings;
use prism_interfaces::Fault;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// By name. A lock of `std` even in unit tests, because it outlives the executions that shuttle tries out.
static STORES: Mutex<BTreeMap<String, (ClockKind, Weak<Store>)>> = Mutex::new(BTreeMap::new());

/// The store that a configuration asks for: the shared one of that name, or a new one.
pub(crate) fn open(config: &Config) -> Result<Arc<Store>, Fault> {
    let Some(name) = &config.store else { return Ok(Store::new(config.clock.clock())) };
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    stores.retain(|_, (_, store)| store.strong_count() > 0);
    if let Some((clock, store)) = stores.get(name)
        && let Some(store) = store.upgrade()
    {
        if *clock != config.clock {
            return Err(Settings::invalid("clock", "differs from that of the store, which is in use"));
        }
        return Ok(store);
    }
    let store = Store::new(config.clock.clock());
    stores.insert(name.clone(), (config.clock, Arc::downgrade(&store)));
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_shared_by_name_for_as_long_as_they_are_in_use() {
        // Stores hold locks of shuttle in unit tests, which work inside of it only.
        shuttle::check_random(
            || {
                let config = |clock, store: Option<&str>| Config { clock, store: store.map(str::to_owned) };
                let shared = config(ClockKind::Virtual, Some("registry-test"));
                let first = open(&shared).unwrap();
                let second = open(&shared).unwrap();
                assert!(Arc::ptr_eq(&first, &second));
                let other = config(ClockKind::Virtual, Some("registry-test-other"));
                assert!(!Arc::ptr_eq(&first, &open(&other).unwrap()));
                let unnamed = config(ClockKind::Virtual, None);
                assert!(!Arc::ptr_eq(&open(&unnamed).unwrap(), &open(&unnamed).unwrap()));

                let clash = config(ClockKind::System, Some("registry-test"));
                assert!(open(&clash).is_err());
                drop((first, second));
                assert!(open(&clash).is_ok(), "nobody uses the store any more");
            },
            1,
        );
    }
}
