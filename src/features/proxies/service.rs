//! The proxies there are, and every change of them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rusqlite::Connection;
use serde_json::json;
use tokio::sync::watch;

use super::body::{ProxyBody, Wanted};
use super::diff;
use super::model::{Applied, AppliedStatus, Proxy, ProxySpec, Target};
use super::provider::Provider;
use super::resolve::{Resolution, Resolver};
use super::sealed::{KeepError, about, open, seal};
use super::store;
use super::validate::{Context, Report, Validator};
use crate::docker::types::Container;
use crate::features::auth::Passwords;
use crate::gateway::{Gateway, ListenerState};
use crate::platform::clock::SharedClock;
use crate::platform::db::Db;
use crate::platform::journal::{self, Actor, Journal, NewEvent};
use crate::platform::lifecycle::Lifecycle;
use crate::platform::text;
use crate::platform::vault::Vault;
use crate::web::WebError;

/// How many proxies there may be.
const MOST: usize = 5_000;

/// The proxies.
pub struct Proxies {
    pub(super) db: Db,
    pub(super) vault: Arc<Vault>,
    /// Tells the time.
    pub clock: SharedClock,
    pub(super) journal: Journal,
    lifecycle: Lifecycle,
    /// One change after the other, in memory as in the database.
    changing: tokio::sync::Mutex<()>,
    passwords: Passwords,
    /// Finds destinations.
    pub resolver: Resolver,
    /// The embedded gateway.
    pub gateway: Gateway,
    pub(super) providers: Vec<Arc<dyn Provider>>,
    /// Where the product itself listens: never a destination.
    pub own_addresses: Arc<[SocketAddr]>,
    /// The port by which visitors reach the gateway; `None` when it is off.
    pub public_port: Option<u16>,
    pub(super) validator: Validator,
    pub(super) reports: Mutex<HashMap<i64, (i64, Report)>>,
    pub(super) all: Arc<ArcSwap<Vec<Arc<Proxy>>>>,
    applied: ArcSwap<HashMap<i64, Applied>>,
    changed: watch::Sender<u64>,
}

/// What [`Proxies`] is made from.
pub struct Parts {
    /// Keeps them.
    pub db: Db,
    /// Seals them.
    pub vault: Arc<Vault>,
    /// Tells the time.
    pub clock: SharedClock,
    /// Runs changes to their end.
    pub lifecycle: Lifecycle,
    /// Finds destinations.
    pub resolver: Resolver,
    /// The embedded gateway.
    pub gateway: Gateway,
    /// What makes them real.
    pub providers: Vec<Arc<dyn Provider>>,
    /// Where the product itself listens: never a destination.
    pub own_addresses: Arc<[SocketAddr]>,
    /// The port by which visitors reach the gateway; `None` when it is off.
    pub public_port: Option<u16>,
}

impl Proxies {
    /// None is known yet: see [`Proxies::load`].
    pub fn new(parts: Parts) -> Self {
        let Parts { db, vault, clock, lifecycle, resolver, gateway, providers, own_addresses, public_port } =
            parts;
        // Who claims what depends on the proxy that is checked.
        let nobody = Arc::new(|_: &str, _: Option<&str>| None);
        let context = Context::new(resolver.clone(), nobody, own_addresses.clone(), clock.clone());
        Self {
            journal: Journal::new(db.clone(), clock.clone()),
            lifecycle,
            changing: tokio::sync::Mutex::default(),
            db,
            vault,
            clock,
            validator: Validator::new(context),
            reports: Mutex::default(),
            passwords: Passwords::default(),
            resolver,
            gateway,
            providers,
            own_addresses,
            public_port,
            all: Arc::default(),
            applied: ArcSwap::default(),
            changed: watch::channel(0).0,
        }
    }

    /// Reads all of them.
    pub async fn load(&self) -> Result<(), WebError> {
        let sealed = self.db.read(store::all).await?;
        let mut all = Vec::with_capacity(sealed.len());
        for one in sealed {
            let id = one.id;
            match open(&self.vault, one) {
                Ok(proxy) => all.push(Arc::new(proxy)),
                // The others are served all the same.
                Err(error) => tracing::error!(proxy = id, %error, "a proxy cannot be read"),
            }
        }
        self.all.store(Arc::new(all));
        self.tell();
        Ok(())
    }

    /// All of them, by number.
    pub fn all(&self) -> Arc<Vec<Arc<Proxy>>> {
        self.all.load_full()
    }

    /// One of them.
    pub fn get(&self, id: i64) -> Option<Arc<Proxy>> {
        let all = self.all.load();
        let at = all.binary_search_by_key(&id, |proxy| proxy.id).ok()?;
        all.get(at).cloned()
    }

    /// The one of a number as it stands in an address.
    pub fn find(&self, id: &str) -> Result<Arc<Proxy>, WebError> {
        let found = id.parse().ok().and_then(|id| self.get(id));
        found.ok_or_else(|| WebError::NotFound("There is no such proxy (any more).".to_owned()))
    }

    /// The domains of enabled proxies that lead to a container.
    pub fn leading_to(&self, container: &Container) -> Vec<String> {
        let all = self.all.load();
        let leads = |proxy: &&Arc<Proxy>| match &proxy.spec.destination.target {
            Target::Container(name) if proxy.enabled => {
                *name == container.name
                    || name.contains('/')
                        && self.resolver.container(name).is_some_and(|(_, found)| found.id == container.id)
            }
            _ => false,
        };
        all.iter().filter(leads).flat_map(|proxy| proxy.spec.domains.iter().cloned()).collect()
    }

    /// A number that changes with every change of a proxy.
    pub fn version(&self) -> u64 {
        *self.changed.borrow()
    }

    /// How far its provider is with a proxy.
    pub fn applied(&self, proxy: &Proxy) -> Applied {
        if !proxy.enabled {
            return Applied { status: AppliedStatus::Off, message: String::new() };
        }
        self.applied.load().get(&proxy.id).cloned().unwrap_or_default()
    }

    /// Where its destination is reached now.
    pub fn resolution(&self, proxy: &Proxy) -> Resolution {
        let provider = self.providers.iter().find(|provider| provider.id() == proxy.spec.provider);
        match provider {
            Some(provider) => provider.resolve(&proxy.spec.destination),
            None => Resolution::Unreachable(format!("There is no provider {}.", proxy.spec.provider)),
        }
    }

    /// Wakes when a proxy was changed, or is applied or no longer so.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn set_applied(&self, applied: HashMap<i64, Applied>) {
        if **self.applied.load() != applied {
            self.applied.store(Arc::new(applied));
            self.tell();
        }
    }

    pub(super) fn tell(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    /// What the gateway's socket is doing.
    pub fn listener(&self) -> ListenerState {
        self.gateway.status().borrow().clone()
    }

    /// What is wanted when a body is sent over a proxy, or over none; passwords are hashed.
    pub async fn read(&self, body: &ProxyBody, base: Option<&Proxy>) -> Result<ProxySpec, WebError> {
        let none = ProxySpec::default();
        let wanted = body.over(base.map_or(&none, |proxy| &proxy.spec)).map_err(WebError::Invalid)?;
        self.hashed(wanted).await
    }

    /// What is wanted, its new passwords hashed.
    pub async fn hashed(&self, wanted: Wanted) -> Result<ProxySpec, WebError> {
        let Wanted { mut spec, passwords } = wanted;
        for (name, password) in passwords {
            let hash = self.passwords.hash(password).await?;
            if let Some(user) = spec.options.basic_auth.iter_mut().find(|user| user.name == name) {
                user.password_hash = hash;
            }
        }
        Ok(spec)
    }

    /// Creates a proxy.
    pub async fn create(
        self: &Arc<Self>,
        spec: ProxySpec,
        enabled: bool,
        actor: &str,
    ) -> Result<Arc<Proxy>, WebError> {
        if self.all.load().len() >= MOST {
            return Err(WebError::Conflict(format!("There are {MOST} proxies, and no more are taken.")));
        }
        let (vault, now, who) = (self.vault.clone(), self.clock.now_ms(), actor.to_owned());
        let work = move |c: &Connection| {
            refuse_conflict(c, &spec, None)?;
            let id = store::insert(c, enabled, &who, now)?;
            let version = store::keep(c, id, &seal(&vault, id, &spec)?, &who, now)?;
            store::claim(c, id, &spec)?;
            let (created_at, updated_at) = (now, now);
            let proxy = Proxy { id, spec, enabled, version, created_at, updated_at, updated_by: who };
            let message = format!(
                "{} created the proxy {} to {}",
                proxy.updated_by,
                proxy.name(),
                proxy.spec.destination
            );
            journal::append(c, &about(&proxy, "proxy.created", message), now)?;
            Ok::<_, KeepError>(proxy)
        };
        self.change(work, |this, proxy| this.put(proxy)).await
    }

    /// Changes a proxy. With `version`, only when nobody else has changed it since.
    pub async fn update(
        self: &Arc<Self>,
        id: i64,
        version: Option<i64>,
        spec: ProxySpec,
        actor: &str,
    ) -> Result<Arc<Proxy>, WebError> {
        let (vault, now, who) = (self.vault.clone(), self.clock.now_ms(), actor.to_owned());
        let work = move |c: &Connection| {
            let before = open(&vault, store::one(c, id)?.ok_or(KeepError::Gone)?)?;
            if version.is_some_and(|version| version != before.version) {
                return Err(KeepError::Conflict(format!(
                    "{} has changed {} meanwhile: load the page again, and make your change there.",
                    before.updated_by,
                    before.name()
                )));
            }
            if before.spec == spec {
                return Ok(before);
            }
            let changes = diff::diff(&before.spec, &spec);
            refuse_conflict(c, &spec, Some(id))?;
            let version = store::keep(c, id, &seal(&vault, id, &spec)?, &who, now)?;
            store::claim(c, id, &spec)?;
            let proxy = Proxy { spec, version, updated_at: now, updated_by: who, ..before };
            let message = format!(
                "{} changed the proxy {}: {}",
                proxy.updated_by,
                proxy.name(),
                diff::sentence(&changes)
            );
            let event = about(&proxy, "proxy.updated", message)
                .data(json!({"proxy": id.to_string(), "version": version, "changes": changes}));
            journal::append(c, &event, now)?;
            Ok::<_, KeepError>(proxy)
        };
        self.change(work, |this, proxy| this.put(proxy)).await
    }

    /// Serves a proxy, or no longer.
    pub async fn set_enabled(
        self: &Arc<Self>,
        id: i64,
        enabled: bool,
        actor: &str,
    ) -> Result<Arc<Proxy>, WebError> {
        let (vault, now, who) = (self.vault.clone(), self.clock.now_ms(), actor.to_owned());
        let work = move |c: &Connection| {
            let before = open(&vault, store::one(c, id)?.ok_or(KeepError::Gone)?)?;
            if !store::set_enabled(c, id, enabled, &who, now)? {
                return Ok(before);
            }
            let proxy = Proxy { enabled, updated_at: now, updated_by: who, ..before };
            let (kind, word) =
                if enabled { ("proxy.enabled", "enabled") } else { ("proxy.disabled", "disabled") };
            let message = format!("{} {word} the proxy {}", proxy.updated_by, proxy.name());
            journal::append(c, &about(&proxy, kind, message), now)?;
            Ok::<_, KeepError>(proxy)
        };
        self.change(work, |this, proxy| this.put(proxy)).await
    }

    /// Deletes a proxy.
    pub async fn delete(self: &Arc<Self>, id: i64, actor: &str) -> Result<Arc<Proxy>, WebError> {
        let (vault, now, who) = (self.vault.clone(), self.clock.now_ms(), actor.to_owned());
        let work = move |c: &Connection| {
            let proxy = open(&vault, store::one(c, id)?.ok_or(KeepError::Gone)?)?;
            store::delete(c, id)?;
            let domains: Vec<&str> = proxy.spec.domains.iter().map(String::as_str).collect();
            let message =
                format!("{who} deleted the proxy {} to {}", text::listed(&domains), proxy.spec.destination);
            let event = NewEvent { actor: Actor::user(&who), ..about(&proxy, "proxy.deleted", message) };
            journal::append(c, &event, now)?;
            Ok::<_, KeepError>(proxy)
        };
        self.change(work, |this, gone| {
            this.reports.lock().unwrap_or_else(PoisonError::into_inner).remove(&gone.id);
            this.all.rcu(|all| all.iter().filter(|known| known.id != gone.id).cloned().collect::<Vec<_>>());
            this.tell();
        })
        .await
    }

    /// Writes, and takes what was written into memory: to the end, also when whoever asked has gone away, and one after
    /// the other, so that the memory never is behind the database.
    async fn change(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<Proxy, KeepError> + Send + 'static,
        then: impl FnOnce(&Self, Arc<Proxy>) + Send + 'static,
    ) -> Result<Arc<Proxy>, WebError> {
        let this = self.clone();
        let (tell, told) = tokio::sync::oneshot::channel();
        self.lifecycle.spawn(async move {
            let _turn = this.changing.lock().await;
            let done = this.db.write(work).await.map(Arc::new);
            if let Ok(proxy) = &done {
                then(&this, proxy.clone());
            }
            // Whoever asked may have gone away.
            let _gone = tell.send(done);
        });
        let done = told.await.map_err(|_| WebError::Internal("a change of a proxy broke off".to_owned()))?;
        Ok(done?)
    }

    fn put(&self, proxy: Arc<Proxy>) {
        self.all.rcu(|all| {
            let mut all: Vec<Arc<Proxy>> = (**all).clone();
            match all.binary_search_by_key(&proxy.id, |known| known.id) {
                Ok(at) => all.splice(at..=at, [proxy.clone()]).for_each(drop),
                Err(at) => all.insert(at, proxy.clone()),
            }
            all
        });
        self.tell();
    }
}

fn refuse_conflict(connection: &Connection, spec: &ProxySpec, not: Option<i64>) -> Result<(), KeepError> {
    match store::conflict(connection, spec, not)? {
        None => Ok(()),
        Some((other, domain)) => {
            let path = spec.path.as_deref().map(|path| format!(" under {path}")).unwrap_or_default();
            Err(KeepError::Conflict(format!(
                "{domain}{path} belongs to another proxy already, number {other}."
            )))
        }
    }
}
