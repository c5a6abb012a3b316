//! Proxies that lead to containers: those are of use, whether they run or not.

use std::sync::Arc;

use super::service::Stale;
use crate::docker::types::Container;

/// The domains that lead to a container.
type DomainsOf = dyn Fn(&Container) -> Vec<String> + Send + Sync;

/// Who knows which proxies lead where. `app` fills it in, because proxies need not know of stale containers, nor these of
/// them.
#[derive(Clone)]
pub struct LedTo {
    /// The domains that lead to a container.
    pub domains: Arc<DomainsOf>,
    /// A number that changes with them.
    pub version: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Stale {
    /// Tells which proxies lead where; once.
    pub fn know_proxies(&self, led: LedTo) {
        // A second one would say the same.
        let _known = self.led.set(led);
    }

    /// The domains that lead to a container.
    pub fn led_to(&self, container: &Container) -> Vec<String> {
        self.led.get().map(|led| (led.domains)(container)).unwrap_or_default()
    }

    pub(super) fn led_version(&self) -> u64 {
        self.led.get().map_or(0, |led| (led.version)())
    }
}
