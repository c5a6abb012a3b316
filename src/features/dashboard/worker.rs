//! Tells open pages that the overview, or what every page shows, has changed.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use tokio_util::sync::CancellationToken;

use super::TOPIC;
use super::service::Dashboard;
use crate::platform::live::Hub;
use crate::web::live::LIST_CHANGED;
use crate::web::shell::{SHELL_TOPIC, ShellFacts, ShellStatus};

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Template)]
#[template(path = "web/_shell_live.html")]
struct ShellPatch {
    facts: ShellFacts,
}

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
    loop {
        let waits = mirrors.iter_mut().map(|mirror| Box::pin(mirror.changed()));
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            _ = futures_util::future::select_all(waits), if !dashboard.engines.is_empty() => {}
            changed = newest_event.changed() => if changed.is_err() { return Ok(()) },
        }
        let now = dashboard.facts();
        if !same(&before, &now) {
            let patch = ShellPatch { facts: now.clone() }.render()?;
            hub.patch(SHELL_TOPIC, &patch);
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
