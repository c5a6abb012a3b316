//! Tells open pages to fetch their list anew: when something was read anew, and when a container began or
//! ceased to use something.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{IMAGES_TOPIC, NETWORKS_TOPIC, VOLUMES_TOPIC};
use crate::docker::objects::Reading;
use crate::docker::types::{Container, Mount};
use crate::docker::{Engine, Objects, Snapshot};
use crate::platform::live::Hub;
use crate::web::live::LIST_CHANGED;

/// Between two orders to fetch a list.
const PAUSE: Duration = Duration::from_secs(1);

/// Which lists look different.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Changed {
    images: bool,
    networks: bool,
    volumes: bool,
}

impl Changed {
    const ALL: Self = Self { images: true, networks: true, volumes: true };

    fn or(self, other: Self) -> Self {
        Self {
            images: self.images || other.images,
            networks: self.networks || other.networks,
            volumes: self.volumes || other.volumes,
        }
    }

    fn publish(self, hub: &Hub) {
        let topics =
            [(self.images, IMAGES_TOPIC), (self.networks, NETWORKS_TOPIC), (self.volumes, VOLUMES_TOPIC)];
        for (_, topic) in topics.into_iter().filter(|(changed, _)| *changed) {
            hub.event(topic, LIST_CHANGED, "");
        }
    }
}

/// Publishes the changes of one engine until the product shuts down.
pub async fn publish(engine: Arc<Engine>, hub: Hub, stopping: CancellationToken) -> Result<(), Infallible> {
    let (mut read, mut mirrored) = (engine.objects.changes(), engine.mirror.changes());
    let (mut objects, mut containers) = (engine.objects.snapshot(), engine.mirror.snapshot());
    let mut pending = Changed::default();
    let mut last = Instant::now();
    loop {
        let is_pending = pending != Changed::default();
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = read.changed() => {
                if changed.is_err() { return Ok(()) }
                let now = engine.objects.snapshot();
                pending = pending.or(differ(&objects, &now));
                objects = now;
            }
            changed = mirrored.changed() => {
                if changed.is_err() { return Ok(()) }
                let now = engine.mirror.snapshot();
                pending = pending.or(use_differs(&containers, &now));
                containers = now;
            }
            () = tokio::time::sleep_until(last + PAUSE), if is_pending => {
                std::mem::take(&mut pending).publish(&hub);
                last = Instant::now();
            }
        }
    }
}

fn differ(before: &Objects, now: &Objects) -> Changed {
    Changed {
        images: differs(&before.images, &now.images),
        networks: differs(&before.networks, &now.networks),
        volumes: differs(&before.volumes, &now.volumes),
    }
}

fn differs<T>(before: &Reading<T>, now: &Reading<T>) -> bool {
    let why = |reading: &Reading<T>| reading.failed.as_ref().map(ToString::to_string);
    !Arc::ptr_eq(&before.items, &now.items)
        || before.at.is_some() != now.at.is_some()
        || why(before) != why(now)
}

/// Whether who uses what may differ; unchanged containers are the same `Arc`.
fn use_differs(before: &Snapshot, now: &Snapshot) -> Changed {
    if before.is_up() != now.is_up() {
        return Changed::ALL;
    }
    let mut changed = Changed::default();
    if Arc::ptr_eq(before.containers(), now.containers()) {
        return changed;
    }
    for container in now.containers().iter() {
        match before.by_id(&container.id) {
            Some(old) if Arc::ptr_eq(old, container) => {}
            Some(old) => changed = changed.or(one_differs(old, container)),
            None => changed = changed.or(concerned(container)),
        }
    }
    for old in before.containers().iter().filter(|old| now.by_id(&old.id).is_none()) {
        changed = changed.or(concerned(old));
    }
    changed
}

/// The lists that show a container.
fn concerned(container: &Container) -> Changed {
    Changed {
        images: true,
        networks: !container.networks.is_empty(),
        volumes: volumes(container).next().is_some(),
    }
}

fn one_differs(old: &Container, new: &Container) -> Changed {
    // What a row shows of it.
    let shown = |container: &Container| (container.name.clone(), container.is_up());
    if shown(old) != shown(new) {
        return concerned(old).or(concerned(new));
    }
    let networks = |container: &Container| -> Vec<String> {
        container.networks.iter().map(|network| network.name.clone()).collect()
    };
    Changed {
        images: (&old.image_id, &old.image) != (&new.image_id, &new.image),
        networks: networks(old) != networks(new),
        volumes: !volumes(old).map(|mount| &mount.source).eq(volumes(new).map(|mount| &mount.source)),
    }
}

fn volumes(container: &Container) -> impl Iterator<Item = &Mount> {
    container.mounts.iter().filter(|mount| mount.kind == "volume")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::types::{Health, State};
    use crate::features::resources::service::tests::container;

    fn changed(change: impl FnOnce(&mut Container)) -> Container {
        let mut new = Container::clone(&container("web"));
        change(&mut new);
        new
    }

    #[test]
    fn only_what_a_row_shows_of_a_container_makes_pages_fetch() {
        let old = changed(|container| {
            container.mounts = vec![Mount {
                kind: "volume".to_owned(),
                source: "data".to_owned(),
                destination: "/data".to_owned(),
                read_only: false,
            }];
        });
        let with = |change: fn(&mut Container)| {
            let mut new = old.clone();
            change(&mut new);
            one_differs(&old, &new)
        };
        assert_eq!(with(|c| c.health = Health::Unhealthy), Changed::default());
        let stopped = with(|c| c.state = State::Exited);
        assert_eq!(stopped, Changed { images: true, networks: false, volumes: true }, "it is on no network");
        assert_eq!(with(|c| c.mounts.clear()), Changed { volumes: true, ..Changed::default() });
        assert_eq!(
            with(|c| c.image_id = "sha256:new".into()),
            Changed { images: true, ..Changed::default() }
        );
    }
}
