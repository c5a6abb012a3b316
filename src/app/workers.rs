//! What runs beside the requests.

use std::sync::Arc;

use tokio::net::TcpListener;

use super::App;
use crate::docker::Engine;
use crate::docker::objects::reader;
use crate::docker::stats::sampler::Sampler;
use crate::docker::watch::Watcher;
use crate::features::{auth, containers, dashboard, events, leftovers, proxies, resources, stale, stats};
use crate::platform::db::DbError;
use crate::platform::journal::Journal;
use crate::web::serve;

impl App {
    /// Starts the workers and serves.
    pub fn start(&self, listener: TcpListener) {
        let stopping = self.lifecycle.stopping();
        for engine in self.engines.iter() {
            let settings = self.settings.clone();
            let watcher = Watcher {
                record_exec: Arc::new(move || settings.current().record_exec_events),
                id: engine.id.clone(),
                client: engine.client.clone(),
                mirror: engine.mirror.clone(),
                objects: engine.objects.clone(),
                db: self.db.clone(),
                clock: self.clock.clone(),
                stopping: stopping.clone(),
            };
            self.lifecycle.supervise(&format!("engine {}", engine.id), move || watcher.clone().run());
            let (read, clock, stop) = (engine.clone(), self.clock.clone(), stopping.clone());
            self.lifecycle.supervise(&format!("images, networks, volumes of {}", engine.id), move || {
                reader::read(read.clone(), clock.clone(), stop.clone())
            });
            let (changing, hub, stop) = (engine.clone(), self.hub.clone(), stopping.clone());
            self.lifecycle
                .supervise(&format!("live images, networks, volumes of {}", engine.id), move || {
                    resources::worker::publish(changing.clone(), hub.clone(), stop.clone())
                });
            let (used, uses, stop) = (engine.clone(), self.leftovers.last_uses(), stopping.clone());
            self.lifecycle.supervise(&format!("last uses on {}", engine.id), move || {
                leftovers::worker::watch(used.clone(), uses.clone(), stop.clone())
            });
            let sampler = self.sampler(engine.clone());
            self.lifecycle.supervise(&format!("measuring of {}", engine.id), move || sampler.clone().run());
            let (measured, stats, hub, stop) =
                (engine.clone(), self.stats.clone(), self.hub.clone(), stopping.clone());
            self.lifecycle.supervise(&format!("live statistics of {}", engine.id), move || {
                stats::stream::publish(stats.clone(), measured.clone(), hub.clone(), stop.clone())
            });
            let (engine, all, hub, stop) =
                (engine.clone(), self.containers.clone(), self.hub.clone(), stopping.clone());
            self.lifecycle.supervise(&format!("live containers of {}", engine.id), move || {
                containers::worker::publish(engine.clone(), all.clone(), hub.clone(), stop.clone())
            });
        }
        let (followers, stop) = (
            containers::logs::follow::Followers::new(self.containers.clone(), self.hub.clone()),
            stopping.clone(),
        );
        self.lifecycle.supervise("log followers", move || followers.clone().run(stop.clone()));
        let (log, hub, stop) = (self.events.clone(), self.hub.clone(), stopping.clone());
        self.lifecycle.supervise("live events", move || {
            events::worker::publish(log.clone(), hub.clone(), stop.clone())
        });
        let (log, stop) = (self.events.clone(), stopping.clone());
        self.lifecycle
            .supervise("kept log lines", move || events::worker::keep_lines(log.clone(), stop.clone()));
        let (stats, stop) = (self.stats.clone(), stopping.clone());
        self.lifecycle
            .supervise("history of statistics", move || stats::worker::keep(stats.clone(), stop.clone()));
        let (found, stop) = (self.stale.clone(), stopping.clone());
        self.lifecycle
            .supervise("stale containers", move || stale::worker::scan(found.clone(), stop.clone()));
        let (removed, stop) = (self.stale.clone(), stopping.clone());
        self.lifecycle.supervise("removed containers", move || {
            stale::restore::look_after(removed.clone(), stop.clone())
        });
        let (found, stop) = (self.stale.clone(), stopping.clone());
        self.lifecycle
            .supervise("automatic cleanup", move || stale::policy::worker::run(found.clone(), stop.clone()));
        let (found, hub, stop) = (self.stale.clone(), self.hub.clone(), stopping.clone());
        self.lifecycle.supervise("live stale containers", move || {
            stale::worker::publish(found.clone(), hub.clone(), stop.clone())
        });
        let (gateway, listen, stop) = (self.proxies.gateway.clone(), self.gateway_http, stopping.clone());
        self.lifecycle.supervise("gateway", move || {
            let (gateway, stop) = (gateway.clone(), stop.clone());
            async move {
                gateway.run(listen, stop).await;
                Ok::<_, DbError>(())
            }
        });
        let (wanted, stop) = (self.proxies.clone(), stopping.clone());
        self.lifecycle.supervise("proxies", move || proxies::worker::reconcile(wanted.clone(), stop.clone()));
        let (changed, hub, stop) = (self.proxies.clone(), self.hub.clone(), stopping.clone());
        self.lifecycle.supervise("live proxies", move || {
            proxies::worker::publish(changed.clone(), hub.clone(), stop.clone())
        });
        let (log, settings, stop) = (self.events.clone(), self.settings.clone(), stopping.clone());
        let stats = self.stats.clone();
        // What statistics take has a limit of its own, and is no reason to delete events.
        let others: events::worker::OthersBytes = Arc::new(move || stats.size());
        self.lifecycle.supervise("pruning", move || {
            events::worker::prune(log.clone(), settings.clone(), others.clone(), stop.clone())
        });
        let (board, hub, stop) = (self.dashboard.clone(), self.hub.clone(), stopping.clone());
        let newest = Journal::new(self.db.clone(), self.clock.clone()).newest();
        self.lifecycle.supervise("live overview", move || {
            dashboard::worker::publish(board.clone(), hub.clone(), newest.clone(), stop.clone())
        });
        let auth = self.auth.clone();
        self.lifecycle.supervise("sessions", move || auth::keep_fresh(auth.clone(), stopping.clone()));
        self.lifecycle.spawn(serve::serve(listener, self.router.clone(), self.lifecycle.clone()));
    }

    /// What measures an engine.
    fn sampler(&self, engine: Arc<Engine>) -> Sampler {
        let (every, mut settings) = (tokio::sync::watch::channel(None).0, self.settings.changes());
        let receiver = every.subscribe();
        every.send_replace(settings.borrow_and_update().stats_interval);
        let stopping = self.lifecycle.stopping();
        self.lifecycle.spawn(async move {
            loop {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    changed = settings.changed() => if changed.is_err() { return },
                }
                let wanted = settings.borrow_and_update().stats_interval;
                every.send_if_modified(|now| std::mem::replace(now, wanted) != wanted);
            }
        });
        let hub = self.hub.clone();
        let watched = move || {
            let topics = hub.listened(containers::USAGE);
            topics
                .iter()
                .filter_map(|topic| topic.strip_prefix(containers::USAGE))
                .map(str::to_owned)
                .collect()
        };
        Sampler {
            engine,
            clock: self.clock.clone(),
            every: receiver,
            watched: Arc::new(watched),
            looked: self.hub.subscriptions(),
            own: self.own.clone(),
            stopping: self.lifecycle.stopping(),
        }
    }
}
