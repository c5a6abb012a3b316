//! Makes proxies real, and keeps them so: after every change of them, of containers and of what serves them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::TOPIC;
use super::model::{Applied, AppliedStatus};
use super::provider::Desired;
use super::resolve::Resolution;
use super::sealed::about;
use super::service::Proxies;
use crate::gateway::ListenerState;
use crate::platform::db::DbError;
use crate::platform::journal::{Actor, NewEvent, Severity, Source};
use crate::platform::live::Hub;
use crate::web::live::LIST_CHANGED;

/// Changes that come together are applied together.
const SOON: Duration = Duration::from_millis(50);
/// What could not be applied is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// Between two orders to fetch a list.
const PAUSE: Duration = Duration::from_millis(300);

/// What was applied last: number, version, and where it leads.
type Key = Vec<(i64, i64, Resolution)>;

/// Applies proxies until the product shuts down.
pub async fn reconcile(proxies: Arc<Proxies>, stopping: CancellationToken) -> Result<(), DbError> {
    let mut changes = proxies.changes();
    let mut listener = proxies.gateway.status();
    let engines = proxies.resolver.engines().clone();
    let mut mirrors: Vec<_> = engines.iter().map(|engine| engine.mirror.changes()).collect();
    let mut known: HashMap<String, Key> = HashMap::new();
    let mut told = Told::default();
    loop {
        changes.borrow_and_update();
        listener.borrow_and_update();
        let all = apply(&proxies, &mut known).await;
        told.tell(&proxies, &all).await;
        told.tell_listener(&proxies).await;
        let all_well = all.values().all(|applied| applied.status != AppliedStatus::Failed);
        proxies.set_applied(all);
        let waits = mirrors.iter_mut().map(|mirror| Box::pin(mirror.changed()));
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = changes.changed() => if changed.is_err() { return Ok(()) },
            changed = listener.changed() => if changed.is_err() { return Ok(()) },
            _ = futures_util::future::select_all(waits), if !engines.is_empty() => {}
            () = tokio::time::sleep(AGAIN), if !all_well => known.clear(),
        }
        tokio::time::sleep(SOON).await;
    }
}

/// Gives each provider what it is to serve, when that is not what it was given last.
async fn apply(proxies: &Proxies, known: &mut HashMap<String, Key>) -> HashMap<i64, Applied> {
    let mut applied = HashMap::new();
    for provider in &proxies.providers {
        let all = proxies.all();
        let ours = all.iter().filter(|proxy| proxy.enabled && proxy.spec.provider == provider.id());
        let desired: Vec<Desired> = ours
            .map(|proxy| Desired {
                proxy: proxy.clone(),
                resolution: provider.resolve(&proxy.spec.destination),
            })
            .collect();
        let key: Key =
            desired.iter().map(|one| (one.proxy.id, one.proxy.version, one.resolution.clone())).collect();
        let is_new = known.get(provider.id()) != Some(&key);
        let answers = if is_new { provider.reconcile(&desired).await } else { provider.applied(&desired) };
        applied.extend(answers);
        known.insert(provider.id().to_owned(), key);
    }
    applied
}

/// What was told, so that it is told once.
#[derive(Default)]
struct Told {
    failed: HashMap<i64, String>,
    listener: Option<String>,
}

impl Told {
    async fn tell(&mut self, proxies: &Proxies, all: &HashMap<i64, Applied>) {
        // That the gateway cannot listen is one event, and not one for each.
        if matches!(proxies.listener(), ListenerState::Failed(_)) {
            return;
        }
        for proxy in proxies.all().iter() {
            let failed = all.get(&proxy.id).filter(|applied| applied.status == AppliedStatus::Failed);
            let event = match (failed, self.failed.get(&proxy.id)) {
                (Some(now), before) if before != Some(&now.message) => {
                    self.failed.insert(proxy.id, now.message.clone());
                    let message = format!("{} is not served: {}", proxy.name(), now.message);
                    about(proxy, "proxy.not_applied", message).severity(Severity::Error)
                }
                (None, Some(_)) => {
                    self.failed.remove(&proxy.id);
                    if !proxy.enabled {
                        continue;
                    }
                    about(proxy, "proxy.applied", format!("{} is served", proxy.name()))
                }
                _ => continue,
            };
            record(proxies, NewEvent { actor: Actor::default(), ..event }).await;
        }
        self.failed.retain(|id, _| proxies.get(*id).is_some());
    }

    async fn tell_listener(&mut self, proxies: &Proxies) {
        match (proxies.listener(), self.listener.as_ref()) {
            (ListenerState::Failed(why), before) if before != Some(&why) => {
                let event = NewEvent::new(
                    Source::Proxy,
                    "gateway.failed",
                    format!("The gateway cannot listen: {why}"),
                )
                .severity(Severity::Error)
                .data(json!({}));
                self.listener = Some(why);
                record(proxies, event).await;
            }
            (ListenerState::Listening(at), Some(_)) => {
                self.listener = None;
                let event =
                    NewEvent::new(Source::Proxy, "gateway.listening", format!("The gateway listens on {at}"));
                record(proxies, event).await;
            }
            _ => {}
        }
    }
}

async fn record(proxies: &Proxies, event: NewEvent) {
    if let Err(error) = proxies.journal.record(event).await {
        tracing::error!(%error, "an event of a proxy cannot be recorded");
    }
}

/// Tells open pages that a proxy was changed, until the product shuts down.
pub async fn publish(proxies: Arc<Proxies>, hub: Hub, stopping: CancellationToken) -> Result<(), DbError> {
    let mut changes = proxies.changes();
    loop {
        changes.borrow_and_update();
        hub.event(TOPIC, LIST_CHANGED, "");
        let again = async {
            tokio::time::sleep(PAUSE).await;
            changes.changed().await
        };
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = again => if changed.is_err() { return Ok(()) },
        }
    }
}
