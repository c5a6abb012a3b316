//! Reads an engine's images, networks and volumes: when it comes up, soon after an event that concerns them,
//! and now and then. One call at a time, each with a deadline; no page waits for one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::wire::{ImageEntry, List, NetworkEntry, VolumeEntry, VolumeList};
use super::{Image, Network, Objects, Volume};
use crate::docker::{Client, Engine, EngineError};
use crate::platform::clock::SharedClock;

/// What one call may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Events that come together are answered with one reading.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// Between two readings, whatever happens.
const PAUSE: Duration = Duration::from_secs(5);
/// Without being told.
const NOW_AND_THEN: Duration = Duration::from_secs(600);
/// The same, where a proxy refuses the event stream, or where the last reading failed.
const SOONER: Duration = Duration::from_secs(60);

/// Reads until the product shuts down.
pub async fn read(
    engine: Arc<Engine>,
    clock: SharedClock,
    stopping: CancellationToken,
) -> Result<(), Infallible> {
    let objects = &engine.objects;
    let mut last: Option<Instant> = None;
    let mut failed = false;
    // After a crash of this worker nobody else rings.
    if engine.mirror.snapshot().is_up() {
        objects.stirred.notify_one();
    }
    loop {
        let sooner = failed || objects.deaf.load(Ordering::Relaxed);
        let by_itself = tokio::time::sleep(if sooner { SOONER } else { NOW_AND_THEN });
        let told = tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            () = objects.stirred.notified() => true,
            () = by_itself => false,
        };
        // An engine that is down says by itself when it is back.
        if !told && !engine.mirror.snapshot().is_up() {
            continue;
        }
        if let Some(last) = last {
            let at = (Instant::now() + DEBOUNCE).max(last + PAUSE);
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                () = tokio::time::sleep_until(at) => {}
            }
        }
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            all_well = read_all(&engine, &clock) => failed = !all_well,
        }
        last = Some(Instant::now());
    }
}

/// Reads each kind and publishes it at once. Says whether all went well; what is forbidden stays so, and
/// is no reason to hurry.
async fn read_all(engine: &Engine, clock: &SharedClock) -> bool {
    let (client, cache) = (&engine.client, &engine.objects);
    let mut all_well = true;
    let mut note = |error: Option<&EngineError>| all_well &= error.is_none_or(EngineError::is_forbidden);
    let read = client.networks().await;
    note(read.as_ref().err());
    cache.update(|objects: &mut Objects| objects.networks.take_in(read, clock.now()));
    let read = client.volumes().await;
    note(read.as_ref().err());
    cache.update(|objects| objects.volumes.take_in(read, clock.now()));
    let read = client.images().await;
    note(read.as_ref().err());
    cache.update(|objects| objects.images.take_in(read, clock.now()));
    all_well
}

impl Client {
    /// Every image but intermediate layers, by id.
    async fn images(&self) -> Result<Vec<Image>, EngineError> {
        let List(entries) =
            self.get_json::<List<ImageEntry>>("/images/json", "GET /images/json", DEADLINE).await?;
        let mut images: Vec<Image> = entries.into_iter().filter_map(ImageEntry::image).collect();
        images.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        images.dedup_by(|a, b| a.id == b.id);
        Ok(images)
    }

    /// Every network, by name.
    async fn networks(&self) -> Result<Vec<Network>, EngineError> {
        let List(entries) =
            self.get_json::<List<NetworkEntry>>("/networks", "GET /networks", DEADLINE).await?;
        let mut networks: Vec<Network> = entries.into_iter().filter_map(NetworkEntry::network).collect();
        networks.sort_unstable_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(networks)
    }

    /// Every volume, by name.
    async fn volumes(&self) -> Result<Vec<Volume>, EngineError> {
        let list = self.get_json::<VolumeList>("/volumes", "GET /volumes", DEADLINE).await?;
        let mut volumes: Vec<Volume> = list.volumes.into_iter().filter_map(VolumeEntry::volume).collect();
        volumes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }
}
