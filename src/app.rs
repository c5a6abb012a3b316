//! Builds everything once and wires it: the only file that knows all features.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;

use crate::config::Config;
use crate::docker::{Client, Engine, Engines, Mirror, ObjectCache, own};
use crate::features::auth;
use crate::features::auth::{Auth, SessionRows};
use crate::features::containers::{self, Containers};
use crate::features::dashboard::{self, Dashboard};
use crate::features::events::{self, Events};
use crate::features::leftovers::model::Freed;
use crate::features::leftovers::{self, Leftovers, TabCount};
use crate::features::proxies::provider::GatewayProvider;
use crate::features::proxies::resolve::Resolver;
use crate::features::proxies::{self, Proxies};
use crate::features::resources::{self, Resources};
use crate::features::settings::{self, Lock, SettingsService, StatsCards, System};
use crate::features::stale::{self, Stale};
use crate::features::stats::metrics::{self, Metrics};
use crate::features::stats::{self, Stats};
use crate::gateway::{Gateway, GatewayConfig};
use crate::platform::clock::{SharedClock, SystemClock};
use crate::platform::db::Db;
use crate::platform::ids::EngineId;
use crate::platform::lifecycle::Lifecycle;
use crate::platform::limits::raise_open_files;
use crate::platform::live::Hub;
use crate::platform::vault::Vault;
use crate::web::describe::{self, Description};
use crate::web::jobs::{self, Jobs};
use crate::web::layers::{self, Services};
use crate::web::live::{self, LiveState};
use crate::web::page::PageServices;
use crate::web::request::Deployment;
use crate::web::routes::RouteTable;
use crate::web::{Routes, assets, health};

/// What a SIGTERM gives the rest to finish; with the writer's end this stays below 10 s.
const GRACE: Duration = Duration::from_secs(7);

/// The product.
pub struct App {
    /// Sign-in.
    pub auth: Arc<Auth>,
    db: Db,
    clock: SharedClock,
    lifecycle: Lifecycle,
    hub: Hub,
    engines: Engines,
    containers: Arc<Containers>,
    events: Arc<Events>,
    settings: Arc<SettingsService>,
    stats: Arc<Stats>,
    own: Option<String>,
    leftovers: Arc<Leftovers>,
    stale: Arc<Stale>,
    proxies: Arc<Proxies>,
    gateway_http: Option<SocketAddr>,
    dashboard: Arc<Dashboard>,
    router: Router,
}

impl App {
    /// Opens the database and wires everything; nothing runs yet.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        let clock: SharedClock = Arc::new(SystemClock);
        let db = Db::open(&config.data_dir.database())?;
        let vault = Arc::new(Vault::open_or_create(&config.secret_key)?);
        check_key(&db, &vault).await?;
        let lifecycle = Lifecycle::new(clock.clone());
        let hub = Hub::starting_at(u64::try_from(clock.now_ms()).unwrap_or_default());
        let client = Client::new(config.docker.clone(), config.read_only)
            .context("the Docker client cannot be made")?;
        let local = EngineId::local();
        let mirror = Arc::new(Mirror::new(local.clone(), clock.now()));
        let objects = Arc::new(ObjectCache::default());
        let stats = Arc::default();
        let engines = Engines::new(vec![Arc::new(Engine { id: local, mirror, objects, stats, client })]);
        let auth = Arc::new(Auth::new(db.clone(), clock.clone()));
        let locks = config.stats_interval.map(Lock::stats_interval).into_iter().collect();
        let settings = Arc::new(SettingsService::new(db.clone(), clock.clone(), lifecycle.clone(), locks));
        settings.load().await?;
        let stats = Arc::new(Stats::new(
            engines.clone(),
            db.clone(),
            clock.clone(),
            settings.clone(),
            lifecycle.stopping(),
        ));
        let jobs = Jobs::new(hub.clone(), clock.clone());
        let own = own::container_id();
        let containers = Arc::new(Containers::new(containers::Parts {
            engines: engines.clone(),
            clock: clock.clone(),
            db: db.clone(),
            lifecycle: lifecycle.clone(),
            jobs: jobs.clone(),
            own: own.clone(),
        }));
        containers.protection.load().await?;
        let events = Arc::new(Events::new(db.clone(), clock.clone(), engines.clone(), lifecycle.stopping()));
        let resources = Arc::new(Resources::new(engines.clone(), clock.clone()));
        let leftovers = Arc::new(Leftovers::new(leftovers::Parts {
            engines: engines.clone(),
            resources: resources.clone(),
            clock: clock.clone(),
            db: db.clone(),
            lifecycle: lifecycle.clone(),
            jobs: jobs.clone(),
            hub: hub.clone(),
        }));
        leftovers.last_uses().load().await?;
        let stale = Arc::new(Stale::new(stale::Parts {
            engines: engines.clone(),
            containers: containers.clone(),
            leftovers: leftovers.clone(),
            settings: settings.clone(),
            db: db.clone(),
            vault: vault.clone(),
            clock: clock.clone(),
            lifecycle: lifecycle.clone(),
            jobs: jobs.clone(),
        }));
        let proxies = Arc::new(proxies_of(&config, &engines, own.as_deref(), &db, vault, &lifecycle)?);
        proxies.load().await?;
        let (leading, version) = (proxies.clone(), proxies.clone());
        stale.know_proxies(stale::LedTo {
            domains: Arc::new(move |container| leading.leading_to(container)),
            version: Arc::new(move || version.version()),
        });
        count_others(&leftovers, &stale);
        let dashboard = Arc::new(Dashboard::new(dashboard::Parts {
            engines: engines.clone(),
            db: db.clone(),
            clock: clock.clone(),
            stats: stats.clone(),
            stale: stale.clone(),
            leftovers: leftovers.clone(),
            proxies: proxies.clone(),
        }));
        let live = LiveState::new(
            hub.clone(),
            dashboard.clone(),
            jobs.clone(),
            lifecycle.stopping(),
            raise_open_files(),
        );
        let description = Description::default();
        let system = System {
            engines: engines.clone(),
            lifecycle: lifecycle.clone(),
            live: live.clone(),
            clock: clock.clone(),
            database: config.data_dir.database(),
            started_at: clock.now(),
            read_only: config.read_only,
            cards: cards_of(&stats),
        };
        let metrics = Metrics {
            stats: stats.clone(),
            live: live.clone(),
            database: config.data_dir.database(),
            started_at: clock.now().as_second(),
        };
        let routes = routes(&Parts {
            auth: auth.clone(),
            containers: containers.clone(),
            resources,
            leftovers: leftovers.clone(),
            stale: stale.clone(),
            proxies: proxies.clone(),
            dashboard: dashboard.clone(),
            system,
            settings: settings.clone(),
            db: db.clone(),
            lifecycle: lifecycle.clone(),
            live: live.clone(),
            jobs: jobs.clone(),
            events: events.clone(),
            stats: stats.clone(),
            metrics,
            metrics_public: config.metrics_public,
            description: description.clone(),
        });
        let (router, table) = routes.finish();
        live.fill(table.clone());
        description.fill(table);
        let router = layers::wrap(
            router,
            Services {
                deployment: Deployment {
                    trusted_proxies: config.trusted_proxies.clone(),
                    public_https: config.public_url.as_ref().is_some_and(|url| url.scheme() == "https"),
                },
                trusted_origin: config.public_url.as_ref().map(|url| url.origin().ascii_serialization()),
                sessions: SessionRows::of(auth.clone()),
                authenticator: auth.clone(),
                pages: PageServices { hub: hub.clone(), status: dashboard.clone(), jobs },
            },
        );
        Ok(Self {
            auth,
            db,
            clock,
            lifecycle,
            hub,
            engines,
            containers,
            events,
            settings,
            stats,
            own,
            leftovers,
            stale,
            proxies,
            gateway_http: config.gateway_http,
            dashboard,
            router,
        })
    }

    /// Ends everything: asks first, cuts off later, and closes the database last.
    pub async fn shut_down(self) {
        self.lifecycle.shut_down(GRACE).await;
        self.db.close().await;
    }
}

/// What the routes are made of.
struct Parts {
    auth: Arc<Auth>,
    containers: Arc<Containers>,
    resources: Arc<Resources>,
    leftovers: Arc<Leftovers>,
    stale: Arc<Stale>,
    proxies: Arc<Proxies>,
    dashboard: Arc<Dashboard>,
    system: System,
    settings: Arc<SettingsService>,
    db: Db,
    lifecycle: Lifecycle,
    live: LiveState,
    jobs: Jobs,
    events: Arc<Events>,
    stats: Arc<Stats>,
    metrics: Metrics,
    metrics_public: bool,
    description: Description,
}

/// The proxies, and the gateway that serves them.
fn proxies_of(
    config: &Config,
    engines: &Engines,
    own: Option<&str>,
    db: &Db,
    vault: Arc<Vault>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Proxies> {
    let clock: SharedClock = Arc::new(SystemClock);
    let own_addresses: Arc<[SocketAddr]> =
        [Some(config.listen.0), config.gateway_http].into_iter().flatten().collect();
    let gateway = Gateway::new(GatewayConfig {
        trusted_proxies: config.trusted_proxies.clone(),
        own_addresses: own_addresses.clone(),
        hidden_cookies: Arc::new([layers::SESSION_COOKIE.to_owned()]),
        ..GatewayConfig::new(clock.clone())
    })?;
    let resolver = Resolver::new(engines.clone(), own);
    let provider = GatewayProvider::new(gateway.clone(), resolver.clone(), config.gateway_http.is_none());
    Ok(Proxies::new(proxies::Parts {
        db: db.clone(),
        vault,
        clock,
        lifecycle: lifecycle.clone(),
        resolver,
        gateway,
        providers: vec![Arc::new(provider)],
        own_addresses,
        public_port: config.gateway_public_http.or(config.gateway_http.map(|at| at.port())),
    }))
}

/// What statistics add to the pages of settings.
fn cards_of(stats: &Arc<Stats>) -> StatsCards {
    let (of_cost, of_method) = (stats.clone(), stats.clone());
    StatsCards {
        cost: Arc::new(move |database| stats::pages::system::cost_card(&of_cost, database)),
        method: Arc::new(move || {
            let stats = of_method.clone();
            Box::pin(async move { stats::pages::system::method_card(&stats).await })
        }),
    }
}

/// The tabs of Cleanup show how much there is on each.
fn count_others(leftovers: &Leftovers, stale: &Arc<Stale>) {
    let stale = stale.clone();
    leftovers.count_others_by(Arc::new(move || {
        let found = stale.found();
        let (bytes, _) = stale.reclaimable();
        let containers =
            TabCount { count: found.at.map(|_| found.entries.len()), freed: Some(Freed::exactly(bytes)) };
        (containers, TabCount { count: stale.restorable_now(), freed: None })
    }));
}

fn routes(parts: &Parts) -> Routes {
    Routes::of(())
        .done()
        .merge(assets::routes())
        .merge(health::routes(parts.db.clone(), parts.lifecycle.clone()))
        .merge(live::routes(parts.live.clone()))
        .merge(jobs::routes(parts.jobs.clone()))
        .merge(describe::routes(parts.description.clone()))
        .merge(auth::routes(parts.auth.clone()))
        .merge(dashboard::routes(parts.dashboard.clone()))
        .merge(containers::routes(parts.containers.clone()))
        .merge(events::routes(parts.events.clone(), parts.containers.clone()))
        .merge(stats::routes(stats::Parts {
            stats: parts.stats.clone(),
            containers: parts.containers.clone(),
            events: parts.events.clone(),
        }))
        .merge(metrics::routes(parts.metrics.clone(), parts.metrics_public))
        .merge(resources::routes(parts.resources.clone()))
        .merge(leftovers::routes(parts.leftovers.clone()))
        .merge(stale::routes(parts.stale.clone(), parts.leftovers.clone()))
        .merge(proxies::routes(parts.proxies.clone(), parts.events.clone()))
        .merge(settings::routes(parts.system.clone(), parts.settings.clone()))
}

/// The OpenAPI document, as the server gives it.
pub fn openapi() -> anyhow::Result<serde_json::Value> {
    let table = table::table()?;
    let endpoints: Vec<_> = table.endpoints().into_values().flatten().collect();
    Ok(describe::document(&endpoints))
}

/// Seals a word with the key once, and opens it at each start: a wrong key is noticed at once, and not
/// when the first secret is needed.
async fn check_key(db: &Db, vault: &Vault) -> anyhow::Result<()> {
    const PLACE: &str = "meta/value/key-check";
    let sealed: Option<String> = db.read(|c| crate::platform::db::meta(c, "key-check")).await?;
    match sealed {
        Some(sealed) => {
            vault.open(PLACE, &sealed)?;
        }
        None => {
            let sealed = vault.seal(PLACE, b"Docker Watcher")?;
            db.write(move |c| crate::platform::db::set_meta(c, "key-check", &sealed)).await?;
        }
    }
    Ok(())
}

mod table;
mod workers;

#[cfg(test)]
mod tests;
