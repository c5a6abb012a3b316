//! The routes of the product, without a product that runs.

use super::*;

/// The table of routes without a running product: on a database that is thrown away.
pub(super) fn table() -> anyhow::Result<Arc<RouteTable>> {
    let clock: SharedClock = Arc::new(SystemClock);
    let db = Db::in_memory()?;
    let lifecycle = Lifecycle::new(clock.clone());
    let engines = Engines::new(Vec::new());
    let settings = Arc::new(SettingsService::new(db.clone(), clock.clone(), lifecycle.clone(), Vec::new()));
    let stats = Arc::new(Stats::new(
        engines.clone(),
        db.clone(),
        clock.clone(),
        settings.clone(),
        lifecycle.stopping(),
    ));
    let hub = Hub::starting_at(0);
    let jobs = Jobs::new(hub.clone(), clock.clone());
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
    let events = Arc::new(Events::new(db.clone(), clock.clone(), engines.clone(), lifecycle.stopping()));
    let containers = Arc::new(Containers::new(containers::Parts {
        engines: engines.clone(),
        clock: clock.clone(),
        db: db.clone(),
        lifecycle: lifecycle.clone(),
        jobs: jobs.clone(),
        own: None,
    }));
    let stale = Arc::new(Stale::new(stale::Parts {
        engines: engines.clone(),
        containers: containers.clone(),
        leftovers: leftovers.clone(),
        settings: settings.clone(),
        db: db.clone(),
        vault: Arc::new(Vault::ephemeral()),
        clock: clock.clone(),
        lifecycle: lifecycle.clone(),
        jobs: jobs.clone(),
    }));
    let gateway = Gateway::new(GatewayConfig::new(clock.clone()))?;
    let proxies = Arc::new(Proxies::new(proxies::Parts {
        db: db.clone(),
        vault: Arc::new(Vault::ephemeral()),
        clock: clock.clone(),
        lifecycle: lifecycle.clone(),
        resolver: Resolver::new(engines.clone(), None),
        gateway,
        providers: Vec::new(),
        own_addresses: Arc::default(),
        public_port: None,
    }));
    let dashboard = Arc::new(Dashboard::new(dashboard::Parts {
        engines: engines.clone(),
        db: db.clone(),
        clock: clock.clone(),
        stats: stats.clone(),
        stale: stale.clone(),
        leftovers: leftovers.clone(),
        proxies: proxies.clone(),
    }));
    let live = LiveState::new(hub, dashboard.clone(), jobs.clone(), lifecycle.stopping(), 0);
    let parts = Parts {
        auth: Arc::new(Auth::new(db.clone(), clock.clone())),
        settings,
        containers,
        resources,
        leftovers,
        stale,
        proxies,
        dashboard,
        system: System {
            engines,
            lifecycle: lifecycle.clone(),
            live: live.clone(),
            started_at: clock.now(),
            clock,
            database: std::path::PathBuf::new(),
            read_only: false,
            cards: cards_of(&stats),
        },
        metrics: Metrics {
            stats: stats.clone(),
            live: live.clone(),
            database: std::path::PathBuf::new(),
            started_at: 0,
        },
        metrics_public: false,
        stats,
        db,
        lifecycle,
        live,
        jobs,
        events,
        description: Description::default(),
    };
    Ok(routes(&parts).finish().1)
}
