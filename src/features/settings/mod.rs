//! What admins set, and the state of the system itself.
//!
//! `model` lists every setting once: default, range, help. The service keeps them in memory; a feature
//! asks [`SettingsService::current`] where it needs a value once, and waits on
//! [`SettingsService::changes`] where it must notice a change at once. A change is checked as a whole,
//! written in one transaction with an event for each setting, and only then counts.

mod api;
mod model;
mod pages;
mod service;
mod store;

use std::sync::Arc;
use std::time::Duration;

pub use model::{Patch, Settings};
pub use pages::{FieldView, SettingsForm};
pub use service::{Lock, NextPrune, SettingsError, SettingsService};

use futures_util::future::BoxFuture;

use crate::docker::Engines;
use crate::platform::clock::SharedClock;
use crate::platform::lifecycle::Lifecycle;
use crate::web::live::LiveState;
use crate::web::{Role, Routes, WebError};

/// What the system page shows.
#[derive(Clone)]
pub struct System {
    /// The engines.
    pub engines: Engines,
    /// The workers.
    pub lifecycle: Lifecycle,
    /// The open streams.
    pub live: LiveState,
    /// Tells the time.
    pub clock: SharedClock,
    /// Where the data lies, and how large the database is.
    pub database: std::path::PathBuf,
    /// When the product started.
    pub started_at: jiff::Timestamp,
    /// Whether `--read-only` is set.
    pub read_only: bool,
    /// What statistics add to the pages.
    pub cards: StatsCards,
}

/// Cards that statistics put on pages of settings: they know of settings, so settings do not know of them.
#[derive(Clone)]
pub struct StatsCards {
    /// What the product costs; takes the size of the database in bytes.
    pub cost: Arc<dyn Fn(u64) -> Result<String, askama::Error> + Send + Sync>,
    /// How it is measured now.
    pub method: Arc<dyn Fn() -> BoxFuture<'static, Result<String, WebError>> + Send + Sync>,
}

/// The routes of settings.
pub fn routes(system: System, settings: Arc<SettingsService>) -> Routes {
    let measuring = Routes::of((settings.clone(), system.cards.clone()))
        .get(pages::stats::PATH, Role::Viewer, pages::stats::get)
        .live(|_, _| Vec::new())
        .post(pages::stats::PATH, Role::Admin, pages::stats::post);
    let about = Routes::of(system).get("/settings", Role::Viewer, pages::system).live(|_, _| Vec::new());
    let settings = Routes::of(settings)
        .get(pages::events::PATH, Role::Viewer, pages::events::get)
        .live(|_, _| Vec::new())
        .post(pages::events::PATH, Role::Admin, pages::events::post)
        .get(pages::cleanup::PATH, Role::Viewer, pages::cleanup::get)
        .live(|_, _| Vec::new())
        .post(pages::cleanup::PATH, Role::Admin, pages::cleanup::post)
        .api(api::get_endpoint(), api::get)
        .api(api::patch_endpoint(), api::patch);
    about.done().merge(settings.done()).merge(measuring.done())
}

/// `--stats-interval` takes what the setting takes, but for `off`.
pub fn stats_interval_flag(text: &str) -> Result<Duration, String> {
    let mut settings = Settings::default();
    let read = model::named("stats_interval").and_then(|setting| setting.set(&mut settings, text).ok());
    read.and(settings.stats_interval).ok_or_else(|| "takes a duration from 2s to 5m".to_owned())
}
