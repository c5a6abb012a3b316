//! The engine, and nothing of the product: types, the client, the mirror and the event stream.
//!
//! One owner task per engine ([`watch`]) holds the event stream open and keeps an in-memory mirror
//! ([`mirror::Mirror`]). Pages read the mirror and never wait for Docker; only a detail page adds what
//! inspect alone knows, by one call with a deadline. Images, networks and volumes stand beside it
//! ([`objects`]), read again when an event says so.

pub mod actions;
pub mod client;
pub mod endpoint;
mod error;
mod exchange;
mod facts_store;
mod from_inspect;
mod from_list;
mod known_store;
pub mod leftovers;
pub mod logs;
pub mod mirror;
pub mod objects;
pub mod own;
mod record;
pub mod spec;
pub mod stats;
mod transport;
pub mod types;
pub mod watch;
mod wire;

use std::sync::Arc;
use std::time::Duration;

pub use client::Client;
pub use error::EngineError;
pub use mirror::{Mirror, Snapshot};
pub use objects::{ObjectCache, Objects};

use crate::platform::ids::EngineId;

/// One Docker engine: its mirror, and the client for what the mirror does not hold.
pub struct Engine {
    /// Our id of it.
    pub id: EngineId,
    /// What it runs.
    pub mirror: Arc<Mirror>,
    /// Its images, networks and volumes.
    pub objects: Arc<ObjectCache>,
    /// What its containers and its host use.
    pub stats: Arc<stats::Board>,
    /// Talks to it.
    pub client: Client,
}

impl Engine {
    /// A container as the engine itself knows it now, within `deadline`.
    pub async fn fresh(&self, id: &str, deadline: Duration) -> Result<types::Container, EngineError> {
        let answer = self.client.inspect(id, deadline).await?;
        from_inspect::container(&self.id, answer).ok_or(EngineError::NotFound)
    }
}

/// All engines, in the order they are shown.
#[derive(Clone)]
pub struct Engines(Arc<[Arc<Engine>]>);

impl Engines {
    /// One engine that answers and has these containers; its client reaches nothing.
    #[cfg(test)]
    pub(crate) fn showing(containers: Vec<types::Container>) -> Self {
        let endpoint =
            endpoint::Endpoint::parse("unix:///nonexistent/docker.sock", None).expect("an endpoint");
        Self::new(vec![Arc::new(Engine {
            id: EngineId::local(),
            mirror: Arc::new(Mirror::showing(containers)),
            objects: Arc::default(),
            stats: Arc::default(),
            client: Client::new(endpoint, true).expect("a client"),
        })])
    }

    /// The engines to show.
    pub fn new(engines: Vec<Arc<Engine>>) -> Self {
        Self(engines.into())
    }

    /// Every engine.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Engine>> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One engine by our id.
    pub fn get(&self, id: &str) -> Option<&Arc<Engine>> {
        self.0.iter().find(|engine| engine.id.as_str() == id)
    }
}
