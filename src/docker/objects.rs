//! What an engine keeps beside its containers: images, networks and volumes, as they were last read.
//!
//! The reader ([`reader`]) alone changes the [`ObjectCache`]; everyone else takes the current [`Objects`],
//! which never change. Each kind stands for itself: where a filtering proxy refuses one of them, or one
//! takes too long, the others are known all the same, and what was known before stays.

pub mod reader;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::error::EngineError;
use super::wire::EngineEvent;

/// An image on the engine's disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Docker's id (`sha256:…`).
    pub id: Arc<str>,
    /// `repository:tag`, in order; none = dangling.
    pub tags: Vec<String>,
    /// `repository@sha256:…`: what registries know it by.
    pub digests: Vec<String>,
    /// Bytes; layers it shares with other images count too.
    pub size_bytes: u64,
    /// When it was built; `None` where the builder wrote no time (reproducible builds).
    pub created_at: Option<Timestamp>,
    /// Whether its label says that it is to be left alone (see [`PROTECT`](super::types::PROTECT)).
    pub protected: bool,
}

impl Image {
    /// Whether no tag leads to it any more.
    pub fn is_dangling(&self) -> bool {
        self.tags.is_empty()
    }
}

/// A network of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Docker's full id.
    pub id: Arc<str>,
    /// The name. Docker does not keep two networks from having the same one.
    pub name: String,
    /// `bridge`, `host`, `overlay` …
    pub driver: String,
    /// `local`, `swarm` or `global`.
    pub scope: String,
    /// Its address ranges.
    pub subnets: Vec<Subnet>,
    /// Whether it leads nowhere outside.
    pub internal: bool,
    /// Whether it has IPv6.
    pub ipv6: bool,
    /// Whether it is Swarm's own network for published ports.
    pub ingress: bool,
    /// When it was created, as far as known.
    pub created_at: Option<Timestamp>,
    /// Labels; a value over 4 KiB is cut.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// The Compose project, or the Swarm stack.
    pub project: Option<Arc<str>>,
}

impl Network {
    /// Whether the engine made it itself and needs it.
    pub fn is_built_in(&self) -> bool {
        self.ingress || matches!(self.name.as_str(), "bridge" | "host" | "none" | "docker_gwbridge")
    }
}

/// An address range of a network.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Subnet {
    /// `172.18.0.0/16`
    pub subnet: String,
    /// The engine's own address in it; empty when it has none.
    pub gateway: String,
}

/// A volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// The name; 64 hex digits when Docker made it up.
    pub name: Arc<str>,
    /// `local`, or a plugin.
    pub driver: String,
    /// Where it lies on the host.
    pub mountpoint: String,
    /// `local` or `global`.
    pub scope: String,
    /// When it was created, as far as known.
    pub created_at: Option<Timestamp>,
    /// Whether nobody gave it a name.
    pub anonymous: bool,
    /// Labels; a value over 4 KiB is cut.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// The Compose project, or the Swarm stack.
    pub project: Option<Arc<str>>,
}

/// What was read of one kind.
#[derive(Debug, Clone)]
pub struct Reading<T> {
    /// What there was when it was last read.
    pub items: Arc<[Arc<T>]>,
    /// When that was; `None` = not read yet.
    pub at: Option<Timestamp>,
    /// Why the last attempt failed, when it did.
    pub failed: Option<EngineError>,
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self { items: Arc::from([]), at: None, failed: None }
    }
}

impl<T: PartialEq> Reading<T> {
    /// Takes in an attempt. A failure keeps what was known. Says whether anything looks different now.
    fn take_in(&mut self, read: Result<Vec<T>, EngineError>, now: Timestamp) -> bool {
        let failed_before = self.failed.as_ref().map(ToString::to_string);
        match read {
            Err(error) => {
                let different = failed_before != Some(error.to_string());
                self.failed = Some(error);
                different
            }
            Ok(items) => {
                let first = self.at.replace(now).is_none();
                self.failed = None;
                let same = self.items.len() == items.len()
                    && self.items.iter().zip(&items).all(|(old, new)| **old == *new);
                if !same {
                    self.items = items.into_iter().map(Arc::new).collect();
                }
                first || !same || failed_before.is_some()
            }
        }
    }
}

/// An engine's images, networks and volumes at one moment.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    /// Its images.
    pub images: Reading<Image>,
    /// Its networks, by name.
    pub networks: Reading<Network>,
    /// Its volumes, by name.
    pub volumes: Reading<Volume>,
}

impl Objects {
    /// The image with this id.
    pub fn image(&self, id: &str) -> Option<&Image> {
        self.images.items.iter().find(|image| image.id.as_ref() == id).map(AsRef::as_ref)
    }
}

/// Keeps the [`Objects`] of one engine.
#[derive(Default)]
pub struct ObjectCache {
    current: ArcSwap<Objects>,
    changed: watch::Sender<u64>,
    /// Rings when they may have changed.
    stirred: Notify,
    /// Whether the engine tells no events, so that only reading again shows a change.
    deaf: AtomicBool,
}

impl ObjectCache {
    /// What is known now.
    pub fn snapshot(&self) -> Arc<Objects> {
        self.current.load_full()
    }

    /// Wakes when something looks different.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The owner task has connected: anything may have happened meanwhile.
    pub(super) fn connected(&self, follows_events: bool) {
        self.deaf.store(!follows_events, Ordering::Relaxed);
        self.stirred.notify_one();
    }

    /// The owner task heard an event.
    pub(super) fn hear(&self, event: &EngineEvent) {
        if concerns(&event.kind, &event.action) {
            self.stirred.notify_one();
        }
    }

    fn update(&self, change: impl FnOnce(&mut Objects) -> bool) {
        let mut objects = Objects::clone(&self.snapshot());
        let different = change(&mut objects);
        // The time of the reading counts even where nothing else changed.
        self.current.store(Arc::new(objects));
        if different {
            self.changed.send_modify(|n| *n += 1);
        }
    }
}

/// Whether an event may have changed a list. What each start and stop of a container brings (connect,
/// mount …) does not: who uses what is known from the containers themselves.
fn concerns(kind: &str, action: &str) -> bool {
    match kind {
        "image" => !matches!(action, "push" | "save"),
        "network" => !matches!(action, "connect" | "disconnect"),
        "volume" => !matches!(action, "mount" | "unmount"),
        "container" => matches!(action, "create" | "destroy" | "commit" | "prune"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::from_ms;

    fn volume(name: &str) -> Volume {
        Volume {
            name: Arc::from(name),
            driver: "local".to_owned(),
            mountpoint: String::new(),
            scope: "local".to_owned(),
            created_at: None,
            anonymous: false,
            labels: BTreeMap::new(),
            project: None,
        }
    }

    #[test]
    fn a_failure_keeps_what_was_known_and_when() {
        let mut reading = Reading::default();
        assert!(reading.take_in(Ok(vec![volume("data")]), from_ms(1_000)), "the first reading");
        let refused = || Err(EngineError::Forbidden { what: "GET /volumes" });
        assert!(reading.take_in(refused(), from_ms(2_000)), "it says so");
        assert!(!reading.take_in(refused(), from_ms(3_000)), "once");
        assert_eq!((reading.items.len(), reading.at), (1, Some(from_ms(1_000))));
        assert!(reading.take_in(Ok(vec![volume("data")]), from_ms(4_000)), "it works again");
        assert_eq!(reading.at, Some(from_ms(4_000)));
    }

    #[test]
    fn the_same_again_wakes_nobody() {
        let cache = ObjectCache::default();
        let read = |names: &[&str]| names.iter().map(|name| volume(name)).collect::<Vec<_>>();
        let changes = cache.changes();
        cache.update(|objects| objects.volumes.take_in(Ok(read(&["a"])), from_ms(1)));
        let first = cache.snapshot().volumes.items.clone();
        cache.update(|objects| objects.volumes.take_in(Ok(read(&["a"])), from_ms(2)));
        assert_eq!(*changes.borrow(), 1);
        assert!(Arc::ptr_eq(&first, &cache.snapshot().volumes.items));
        cache.update(|objects| objects.volumes.take_in(Ok(read(&["a", "b"])), from_ms(3)));
        assert_eq!(*changes.borrow(), 2);
    }

    #[test]
    fn what_each_start_of_a_container_brings_is_no_reason_to_read() {
        assert!(concerns("volume", "create") && concerns("image", "untag") && concerns("network", "destroy"));
        assert!(concerns("container", "destroy"));
        assert!(!concerns("container", "start") && !concerns("container", "health_status: healthy"));
        assert!(!concerns("network", "connect") && !concerns("volume", "mount"));
    }
}
