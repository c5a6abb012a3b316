//! Watches what containers use, so that a leftover can say when it was used last.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::last_use::{Key, LastUses};
use super::model::Kind;
use crate::docker::objects::{Image, Network, Objects, Reading};
use crate::docker::{Engine, Snapshot};
use crate::features::resources::service::Resource;
use crate::platform::db::DbError;

/// Changes that come together are looked at once. A container that lives shorter leaves no trace.
const DEBOUNCE: Duration = Duration::from_millis(500);
/// How often everything in use is noted: what a crash loses.
const NOW_AND_THEN: Duration = Duration::from_secs(15 * 60);

/// What is in use, and by which container.
type InUse = HashMap<Key, String>;

/// Watches one engine until the product shuts down.
pub async fn watch(
    engine: Arc<Engine>,
    last_uses: LastUses,
    stopping: CancellationToken,
) -> Result<(), DbError> {
    let (mut containers, mut objects) = (engine.mirror.changes(), engine.objects.changes());
    let mut before = InUse::new();
    let mut next = Instant::now() + DEBOUNCE;
    loop {
        tokio::select! {
            () = stopping.cancelled() => {
                return last_uses.note(before.into_iter().collect()).await;
            }
            changed = containers.changed() => if changed.is_err() { return Ok(()) },
            changed = objects.changed() => if changed.is_err() { return Ok(()) },
            () = tokio::time::sleep_until(next) => {}
        }
        tokio::select! {
            () = stopping.cancelled() => continue,
            () = tokio::time::sleep(DEBOUNCE) => {}
        }
        let (mirror, read) = (engine.mirror.snapshot(), engine.objects.snapshot());
        // While the engine is down, or hides its containers, nobody can say that a use has ended.
        if !mirror.is_up() || mirror.is_blind() {
            next = Instant::now() + NOW_AND_THEN;
            continue;
        }
        let now = in_use(&mirror, &read);
        let ended = before.iter().filter(|(key, _)| !now.contains_key(*key));
        last_uses.note(ended.map(|(key, by)| (key.clone(), by.clone())).collect()).await?;
        before = now;
        if Instant::now() >= next {
            next = Instant::now() + NOW_AND_THEN;
            last_uses.note(before.iter().map(|(key, by)| (key.clone(), by.clone())).collect()).await?;
            forget_gone(&engine, &read, &last_uses).await?;
        }
    }
}

/// What containers have comes from themselves, so that it counts before the lists are read again; where their
/// words are not those of the lists (a network's name, an image's other id), from both.
fn in_use(mirror: &Snapshot, objects: &Objects) -> InUse {
    let mut used = InUse::new();
    collect(&objects.images, Kind::Image, mirror, &mut used, |image: &Image| &image.id);
    collect(&objects.networks, Kind::Network, mirror, &mut used, |network: &Network| &network.id);
    for container in mirror.containers().iter() {
        let mut note = |kind, id: Arc<str>| {
            used.entry((mirror.engine.clone(), kind, id)).or_insert_with(|| container.name.clone());
        };
        note(Kind::Image, Arc::clone(&container.image_id));
        for mount in container.mounts.iter().filter(|mount| mount.kind == "volume") {
            note(Kind::Volume, Arc::from(mount.source.as_str()));
        }
    }
    used
}

fn collect<T: Resource>(
    reading: &Reading<T>,
    kind: Kind,
    mirror: &Snapshot,
    used: &mut InUse,
    id: impl Fn(&T) -> &Arc<str>,
) {
    let users = T::join(&reading.items, mirror.containers());
    for item in reading.items.iter().filter(|item| item.may_be_unused()) {
        if let Some(first) = users.get(item.used_as()).and_then(|users| users.first()) {
            used.insert((mirror.engine.clone(), kind, Arc::clone(id(item))), first.name.clone());
        }
    }
}

/// What is not on the engine any more needs no memory; a kind that could not be read keeps all.
async fn forget_gone(engine: &Engine, read: &Objects, last_uses: &LastUses) -> Result<(), DbError> {
    if read.images.at.is_some() && read.images.failed.is_none() {
        let kept = |id: &str| read.image(id).is_some();
        last_uses.keep_only(&engine.id, Kind::Image, kept).await?;
    }
    if read.volumes.at.is_some() && read.volumes.failed.is_none() {
        let kept = |id: &str| read.volumes.items.iter().any(|volume| *volume.name == *id);
        last_uses.keep_only(&engine.id, Kind::Volume, kept).await?;
    }
    if read.networks.at.is_some() && read.networks.failed.is_none() {
        let kept = |id: &str| read.networks.items.iter().any(|network| *network.id == *id);
        last_uses.keep_only(&engine.id, Kind::Network, kept).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::leftovers::last_use::LastUse;
    use crate::platform::clock::{ManualClock, from_ms};
    use crate::platform::db::Db;
    use crate::platform::ids::EngineId;

    fn key(kind: Kind, id: &str) -> Key {
        (EngineId::local(), kind, Arc::from(id))
    }

    #[tokio::test]
    async fn a_last_use_outlives_a_restart_until_the_thing_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).unwrap();
        let clock = Arc::new(ManualClock::at(from_ms(5_000)));
        let uses = LastUses::new(db.clone(), clock.clone());
        let (image, volume) = (key(Kind::Image, "sha256:a"), key(Kind::Volume, "data"));
        uses.note(vec![(image.clone(), "old".to_owned()), (volume, "db".to_owned())]).await.unwrap();
        clock.advance_ms(1_000);
        uses.note(vec![(image, "web".to_owned())]).await.unwrap();
        let again = LastUses::new(db, clock.clone());
        again.load().await.unwrap();
        let of = |kind, id: &str| again.of(&EngineId::local(), kind, &Arc::from(id));
        assert_eq!(of(Kind::Image, "sha256:a"), Some(LastUse { at: from_ms(6_000), by: "web".to_owned() }));
        assert_eq!(of(Kind::Volume, "data").unwrap().at, from_ms(5_000));
        assert_eq!(of(Kind::Network, "data"), None);
        again.keep_only(&EngineId::local(), Kind::Volume, |_| false).await.unwrap();
        assert!(of(Kind::Volume, "data").is_some(), "it may be too new to be listed");
        clock.advance_ms(2 * 60 * 60 * 1_000);
        again.keep_only(&EngineId::local(), Kind::Volume, |_| false).await.unwrap();
        assert_eq!(of(Kind::Volume, "data"), None);
        assert!(of(Kind::Image, "sha256:a").is_some());
    }
}
