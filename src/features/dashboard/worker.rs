//! Tells open pages that the overview, or what every page shows, has changed.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::TOPIC;
use super::service::Dashboard;
use crate::platform::live::Hub;
use crate::web::live::LIST_CHANGED;
use crate::web::shell::{self, SHELL_TOPIC, ShellFacts, ShellStatus};

/// How often it is looked without being told.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(250);

/// Publishes until the product shuts down.
pub async fn publish(
    dashboard: Arc<Dashboard>,
    hub: Hub,
    mut newest_event: tokio::sync::watch::Receiver<i64>,
    stopping: CancellationToken,
) -> Result<(), askama::Error> {
    let mirrors = dashboard.engines.iter().map(|engine| engine.mirror.changes());
    let mut mirrors: Vec<_> = mirrors.collect();
    let mut before = dashboard.facts();
    let mut now_and_then = tokio::time::interval(LOOK_EVERY);
    loop {
        let waits = mirrors.iter_mut().map(|mirror| Box::pin(mirror.changed()));
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            _ = futures_util::future::select_all(waits), if !dashboard.engines.is_empty() => {}
            _ = now_and_then.tick() => {
                // What no mirror and no event tells: that the database cannot be written.
                if same(&before, &dashboard.facts()) {
                    continue;
                }
            }
            changed = newest_event.changed() => if changed.is_err() { return Ok(()) },
        }
        let now = dashboard.facts();
        if !same(&before, &now) {
            hub.patch(SHELL_TOPIC, &shell::patch(&now)?);
            before = now;
        }
        hub.event(TOPIC, LIST_CHANGED, "");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether two states look the same; how long ago something began goes on by itself.
fn same(a: &ShellFacts, b: &ShellFacts) -> bool {
    let banners = |facts: &ShellFacts| -> Vec<(String, String)> {
        facts.banners.iter().map(|banner| (banner.title.clone(), banner.text.clone())).collect()
    };
    a.containers == b.containers && a.trouble == b.trouble && a.host == b.host && banners(a) == banners(b)
}
