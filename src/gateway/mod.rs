//! The embedded reverse proxy's data plane. It gets a route [`Table`] and knows no feature.
//!
//! A request passes `listener` → `connection` (hyper, one task for each visitor's connection) → `exchange`, which asks
//! `target` what it is for and `outgoing` what the upstream gets, takes a connection from the upstream's `pool`, and
//! hands the response's body on as a `relay`, piece by piece. What goes wrong becomes a `failure`: a page for the
//! visitor, and a sentence for the operator in the route's [`Counters`].
//!
//! ```ignore
//! let gateway = Gateway::new(GatewayConfig::new(clock))?;
//! gateway.set(Arc::new(Table::new(routes)));            // at any time; nothing is dropped
//! gateway.run(Some(listen), lifecycle.stopping()).await; // a supervised worker
//! ```
//!
//! The socket is bound only while the table has a route. Every connection a request travels on, to and from us, is
//! bounded in time and size; see [`Limits`] and [`Timeouts`].

mod bell;
mod config;
mod connection;
mod counters;
mod dial;
mod exchange;
mod failure;
mod forwarded;
mod headers;
mod host;
mod listener;
mod no_verify;
mod outgoing;
mod pages;
mod path;
mod pool;
mod relay;
mod response;
mod route;
mod scan;
mod send;
mod shared;
mod sign_in;
mod stream;
mod table;
mod target;
mod tasks;
mod tunnel;
mod upload;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use config::{GatewayConfig, Limits};
pub use counters::{Counted, Counters, LastError};
pub use route::{
    AddressRules, BasicAuth, BasicUser, Destination, HeaderChanges, HostHeader, Maintenance, Route,
    RouteOptions, Scheme, Timeouts, Upstream,
};
pub use table::{Refused, Table};

use shared::Shared;

/// What the gateway's socket is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerState {
    /// The gateway does not run, or was told not to listen.
    Off,
    /// There is no route to serve.
    Idle,
    /// Visitors are served here.
    Listening(SocketAddr),
    /// It cannot be bound and will be tried again: why, in a sentence.
    Failed(String),
}

/// The system gives no random numbers, without which the gateway cannot know itself.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers: {0}")]
pub struct NoRandomness(getrandom::Error);

/// The embedded reverse proxy. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

impl Gateway {
    /// A gateway without routes that does not run yet.
    pub fn new(config: GatewayConfig) -> Result<Self, NoRandomness> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(NoRandomness)?;
        Ok(Self { shared: Arc::new(Shared::new(config, seed)) })
    }

    /// Puts a table in the place of the one before, at once. Requests on their way keep the route they began with;
    /// connections stay, of visitors and to upstreams that are the same.
    pub fn set(&self, table: Arc<Table>) {
        self.shared.set(table);
    }

    /// The table that is served.
    pub fn table(&self) -> Arc<Table> {
        self.shared.live.load().table.clone()
    }

    /// What the socket is doing, now and from now on.
    pub fn status(&self) -> watch::Receiver<ListenerState> {
        self.shared.status.subscribe()
    }

    /// The counters of a route of the present table.
    pub fn counters(&self, route: &str) -> Option<Arc<Counters>> {
        let live = self.shared.live.load();
        live.lanes.iter().find(|lane| &*lane.route.id == route).map(|lane| lane.counters.clone())
    }

    /// The counters of every route of the present table, by its id.
    pub fn all_counters(&self) -> Vec<(Arc<str>, Arc<Counters>)> {
        let live = self.shared.live.load();
        live.lanes.iter().map(|lane| (lane.route.id.clone(), lane.counters.clone())).collect()
    }

    /// Serves until `stopping`, then drains within [`Limits::drain`]. Without an address it only waits. A port that
    /// cannot be bound is a state, not an error: see [`Gateway::status`]. When it is dropped, every connection ends.
    pub async fn run(&self, listen: Option<SocketAddr>, stopping: CancellationToken) {
        listener::run(&self.shared, listen, stopping).await;
    }
}
