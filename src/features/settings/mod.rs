//! Settings: for now the state of the system itself.

mod pages;

use crate::docker::Engines;
use crate::platform::clock::SharedClock;
use crate::platform::lifecycle::Lifecycle;
use crate::web::live::LiveState;
use crate::web::{Role, Routes};

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
}

/// The routes of settings.
pub fn routes(system: System) -> Routes {
    Routes::of(system).get("/settings", Role::Viewer, pages::system).live(|_, _| Vec::new()).done()
}
