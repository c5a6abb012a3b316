//! What makes proxies real: the interface of every provider, and the one that is built in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::model::{Applied, AppliedStatus, Destination, GATEWAY, HeaderChanges, Options, Proxy, Scheme};
use super::resolve::{Resolution, Resolver};
use crate::gateway::{self, Gateway, ListenerState, Table};

/// A proxy that is to be served, and where its destination is reached by the provider now.
#[derive(Debug, Clone)]
pub struct Desired {
    /// What is wanted.
    pub proxy: Arc<Proxy>,
    /// Where it leads now.
    pub resolution: Resolution,
}

/// A route that a provider serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The domain.
    pub domain: String,
    /// Only paths below this one.
    pub path: Option<String>,
    /// The proxy it comes from, if it is one of ours.
    pub proxy: Option<i64>,
}

/// Serves proxies.
pub trait Provider: Send + Sync {
    /// Its id, as proxies name it.
    fn id(&self) -> &str;

    /// Where a destination is reached from where the provider runs. Asks nobody.
    fn resolve(&self, destination: &Destination) -> Resolution;

    /// Serves exactly these; answers how far it is with each, by its number. Done twice, it changes nothing more. What
    /// cannot be applied leaves what was served before.
    fn reconcile<'a>(&'a self, desired: &'a [Desired]) -> BoxFuture<'a, Vec<(i64, Applied)>>;

    /// How far it is with what it was given last. Asks nobody.
    fn applied(&self, desired: &[Desired]) -> Vec<(i64, Applied)>;

    /// What it really serves now. Errors: why that cannot be told.
    fn observe(&self) -> BoxFuture<'_, Result<Vec<Observed>, String>>;
}

/// The embedded gateway.
pub struct GatewayProvider {
    gateway: Gateway,
    resolver: Resolver,
    /// Whether it never listens.
    is_off: bool,
}

impl GatewayProvider {
    /// Serves by `gateway`.
    pub fn new(gateway: Gateway, resolver: Resolver, is_off: bool) -> Self {
        Self { gateway, resolver, is_off }
    }
}

impl Provider for GatewayProvider {
    fn id(&self) -> &str {
        GATEWAY
    }

    fn resolve(&self, destination: &Destination) -> Resolution {
        self.resolver.resolve(destination)
    }

    fn reconcile<'a>(&'a self, desired: &'a [Desired]) -> BoxFuture<'a, Vec<(i64, Applied)>> {
        self.gateway.set(Arc::new(Table::new(desired.iter().map(route).collect())));
        std::future::ready(self.applied(desired)).boxed()
    }

    fn applied(&self, desired: &[Desired]) -> Vec<(i64, Applied)> {
        let (table, state) = (self.gateway.table(), self.gateway.status().borrow().clone());
        let refused: HashMap<&str, &String> =
            table.refused().iter().map(|refused| (refused.route.as_ref(), &refused.why)).collect();
        let answers = desired.iter().map(|desired| {
            let id = desired.proxy.id;
            (id, applied(desired, refused.get(id.to_string().as_str()).copied(), &state, self.is_off))
        });
        answers.collect()
    }

    fn observe(&self) -> BoxFuture<'_, Result<Vec<Observed>, String>> {
        let table = self.gateway.table();
        let routes = table.routes().iter().flat_map(|route| {
            let (path, proxy) = (route.path.clone(), route.id.parse().ok());
            route.hosts.iter().map(move |domain| Observed {
                domain: domain.clone(),
                path: path.clone(),
                proxy,
            })
        });
        std::future::ready(Ok(routes.collect())).boxed()
    }
}

fn applied(desired: &Desired, refused: Option<&String>, state: &ListenerState, is_off: bool) -> Applied {
    let (status, message) = match (refused, state) {
        (Some(why), _) => (AppliedStatus::Failed, why.clone()),
        (None, ListenerState::Failed(why)) => (AppliedStatus::Failed, why.clone()),
        (None, ListenerState::Off) if is_off => {
            (AppliedStatus::Failed, "The gateway is switched off (--gateway-http off).".to_owned())
        }
        (None, ListenerState::Off | ListenerState::Idle) => (AppliedStatus::Pending, String::new()),
        (None, ListenerState::Listening(_)) => match &desired.resolution {
            Resolution::Unreachable(why) => (AppliedStatus::Applied, why.clone()),
            _ => (AppliedStatus::Applied, String::new()),
        },
    };
    Applied { status, message }
}

fn route(desired: &Desired) -> gateway::Route {
    let spec = &desired.proxy.spec;
    gateway::Route {
        id: Arc::from(desired.proxy.id.to_string()),
        hosts: spec.domains.clone(),
        path: spec.path.clone(),
        strip_prefix: spec.options.strip_path && spec.path.is_some(),
        upstream: upstream(spec.destination.port, spec.destination.scheme, &spec.options, desired),
        options: conditions(&spec.options),
    }
}

fn upstream(port: u16, scheme: Scheme, options: &Options, desired: &Desired) -> gateway::Upstream {
    use super::model::Target;
    let (Target::Host(name) | Target::Container(name)) = &desired.proxy.spec.destination.target;
    // A container's name is what its certificate bears, if anything; `project/service` is none.
    let host = name.rsplit('/').next().unwrap_or(name).to_owned();
    gateway::Upstream {
        scheme: match scheme {
            Scheme::Http => gateway::Scheme::Http,
            Scheme::Https => gateway::Scheme::Https,
        },
        host: match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => host,
        },
        port,
        at: match &desired.resolution {
            Resolution::At(addresses) => gateway::Destination::Addresses(addresses.clone()),
            Resolution::ByName(_) => gateway::Destination::Resolve,
            Resolution::Unreachable(why) => gateway::Destination::Unreachable(why.clone()),
        },
        h2c: options.http2,
        verify_tls: options.verify_tls,
        host_header: if options.own_host {
            gateway::HostHeader::Upstream
        } else {
            gateway::HostHeader::Preserve
        },
    }
}

fn conditions(options: &Options) -> gateway::RouteOptions {
    let seconds = |n: u32| Duration::from_secs(u64::from(n));
    let networks = |all: &[String]| all.iter().filter_map(|text| text.parse().ok()).collect();
    let users = options.basic_auth.iter().map(|user| gateway::BasicUser {
        name: user.name.clone(),
        password_hash: user.password_hash.clone(),
    });
    gateway::RouteOptions {
        websockets: options.websockets,
        request_headers: headers(&options.request_headers),
        response_headers: headers(&options.response_headers),
        body_limit: options.body_limit,
        timeouts: gateway::Timeouts {
            connect: seconds(options.connect_timeout),
            first_byte: seconds(options.response_timeout),
            idle: seconds(options.idle_timeout),
            tunnel_idle: seconds(options.tunnel_timeout),
        },
        basic_auth: (!options.basic_auth.is_empty())
            .then(|| gateway::BasicAuth { realm: "Restricted".to_owned(), users: users.collect() }),
        addresses: gateway::AddressRules { allow: networks(&options.allow), deny: networks(&options.deny) },
        maintenance: options.maintenance.then(|| gateway::Maintenance {
            message: options.maintenance_message.clone(),
            retry_after: None,
        }),
        max_concurrent: options.max_concurrent.map(u64::from),
    }
}

fn headers(changes: &HeaderChanges) -> gateway::HeaderChanges {
    // What is kept was checked when it was set.
    let set = changes.set.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    gateway::HeaderChanges {
        set: set.collect(),
        remove: changes.remove.iter().filter_map(|name| name.parse().ok()).collect(),
    }
}
