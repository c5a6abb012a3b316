//! What all connections share: the routes of the moment, the pools, the counters.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use hyper::header::HeaderValue;
use tokio::sync::watch;

use super::ListenerState;
use super::config::GatewayConfig;
use super::counters::Counters;
use super::dial::Dialer;
use super::pages::References;
use super::pool::Pool;
use super::route::{Route, Upstream};
use super::sign_in::SignIns;
use super::table::Table;
use crate::platform::addresses::is_own;

pub(super) struct Shared {
    pub(super) config: GatewayConfig,
    pub(super) dialer: Dialer,
    pub(super) references: References,
    pub(super) sign_ins: SignIns,
    /// Our mark in `CDN-Loop`.
    pub(super) mark: HeaderValue,
    pub(super) live: ArcSwap<Live>,
    pub(super) populated: watch::Sender<bool>,
    pub(super) status: watch::Sender<ListenerState>,
    /// Where the gateway itself listens.
    pub(super) bound: ArcSwap<Option<SocketAddr>>,
    /// One table is set at a time.
    setting: Mutex<()>,
}

/// The routes of one moment.
#[derive(Default)]
pub(super) struct Live {
    pub(super) table: Arc<Table>,
    /// Beside the routes of the table, in their order.
    pub(super) lanes: Vec<Arc<Lane>>,
}

/// A route, and what outlives its changes.
pub(super) struct Lane {
    pub(super) route: Arc<Route>,
    pub(super) pool: Arc<Pool>,
    pub(super) counters: Arc<Counters>,
    /// The upstream's own `Host`.
    pub(super) upstream_host: HeaderValue,
}

impl Shared {
    pub(super) fn new(config: GatewayConfig, seed: [u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = seed;
        let number = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let references = References::from(number);
        let mark = HeaderValue::try_from(format!("g{:016x}", number.rotate_left(17) ^ 0x5851_F42D_4C95_7F2D));
        Self {
            dialer: Dialer::new(&config.extra_roots),
            references,
            sign_ins: SignIns::new(seed),
            mark: mark.unwrap_or(HeaderValue::from_static("gateway")),
            live: ArcSwap::default(),
            populated: watch::Sender::new(false),
            status: watch::Sender::new(ListenerState::Off),
            bound: ArcSwap::default(),
            setting: Mutex::default(),
            config,
        }
    }

    /// Puts a table in the place of the one before. What stays the same keeps its connections and its counters.
    pub(super) fn set(&self, table: Arc<Table>) {
        let _one = self.setting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.live.load_full();
        let mut pools: HashMap<&Upstream, Arc<Pool>> = HashMap::new();
        let mut counters: HashMap<&str, Arc<Counters>> = HashMap::new();
        for lane in &before.lanes {
            pools.insert(&lane.pool.upstream, lane.pool.clone());
            counters.insert(&lane.route.id, lane.counters.clone());
        }
        let mut lanes = Vec::with_capacity(table.routes().len());
        for route in table.routes() {
            let pool = pools
                .entry(&route.upstream)
                .or_insert_with(|| Arc::new(Pool::new(route.upstream.clone(), &self.config.limits)));
            lanes.push(Arc::new(Lane {
                route: route.clone(),
                pool: pool.clone(),
                counters: counters.entry(&route.id).or_default().clone(),
                upstream_host: upstream_host(&route.upstream),
            }));
        }
        let populated = !table.is_empty();
        self.live.store(Arc::new(Live { table: table.clone(), lanes }));
        self.populated.send_if_modified(|now| std::mem::replace(now, populated) != populated);
    }

    /// Notes a response that broke off when the visitor had its beginning.
    pub(super) fn broke(&self, lane: &Lane, why: &str) {
        let upstream = &lane.route.upstream;
        let text = format!("port {} of {}: {why}", upstream.port, upstream.host);
        tracing::warn!(route = %lane.route.id, error = text, "a response broke off");
        lane.counters.failed(self.config.clock.now(), text, &self.references.next());
    }

    /// Closes connections to upstreams that nobody used for long.
    pub(super) fn sweep(&self) {
        for lane in &self.live.load().lanes {
            lane.pool.sweep();
        }
    }

    /// Whether an address is one of our own listeners; `from` is our end of a connection to it.
    pub(super) fn is_own(&self, target: SocketAddr, from: Option<IpAddr>) -> bool {
        let bound = self.bound.load();
        is_own(&self.config.own_addresses, target, from) || is_own(bound.as_slice(), target, from)
    }
}

fn upstream_host(upstream: &Upstream) -> HeaderValue {
    let host = upstream.host.as_str();
    let host =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let host = if upstream.port == upstream.scheme.default_port() {
        host
    } else {
        format!("{host}:{}", upstream.port)
    };
    HeaderValue::try_from(host).unwrap_or(HeaderValue::from_static("upstream"))
}
