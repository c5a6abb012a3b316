//! What Docker knows of a destination that does not work, as advice.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;

use super::names::is_localhost;
use super::similar::similar;
use super::validator::Context;
use crate::docker::types::{Container, Health, State};
use crate::features::proxies::model::{ProxySpec, Target};
use crate::platform::text;

/// A container that started less than this ago may still be getting ready, s.
const JUST_STARTED: i64 = 60;

/// Gives advice on one destination.
pub(super) struct Hints<'a> {
    context: &'a Context,
    spec: &'a ProxySpec,
    now: Timestamp,
}

/// The container that a destination leads to.
struct Behind {
    container: Arc<Container>,
    /// The port inside it.
    port: u16,
    /// The address and port of the host by which it is reached, where that is how.
    published: bool,
}

impl<'a> Hints<'a> {
    pub(super) fn new(context: &'a Context, spec: &'a ProxySpec) -> Self {
        Self { context, spec, now: context.clock.now() }
    }

    /// For a name that does not exist.
    pub(super) fn unresolved(&self, name: &str) -> String {
        if let Some(hint) = self.container_named(name) {
            return hint;
        }
        if let Some(similar) = self.similar(name) {
            return format!("There is a container {similar}: if it is meant, choose it as the destination.");
        }
        if name.contains('.') {
            "Is it spelled rightly, and does it exist for this host as well?".to_owned()
        } else {
            "A name without a dot is known only in its own network: type the whole name, or the address."
                .to_owned()
        }
    }

    /// For a name typed as a host that is one of a container.
    pub(super) fn container_named(&self, name: &str) -> Option<String> {
        if self.context.resolver.container(name).is_some() {
            return Some(format!(
                "{name} is a container: choose it as the destination, so that it is found after a recreate."
            ));
        }
        let service = self.find(|container| container.service.as_deref() == Some(name))?;
        let project = service.project.as_deref()?;
        Some(format!(
            "{name} is a service of the project {project}: choose {project}/{name} as the destination, so that it is \
             found after a recreate."
        ))
    }

    /// For a container that cannot be reached from here.
    pub(super) fn unreachable(&self) -> String {
        let Target::Container(name) = &self.spec.destination.target else { return String::new() };
        let Some((engine, container)) = self.context.resolver.container(name) else {
            let similar = self.similar(name);
            return similar
                .map(|similar| format!("There is a container {similar}: is it meant?"))
                .unwrap_or_default();
        };
        if let Some(state) = self.of_state(&container) {
            return state;
        }
        let port = self.spec.destination.port;
        if let Some(host) = engine.client.endpoint().other_machine() {
            return format!("Publish the port {port} of {name} on {host}.");
        }
        let snapshot = engine.mirror.snapshot();
        let own = self.context.resolver.own().and_then(|id| snapshot.by_id(id));
        match (own, container.networks.first()) {
            (Some(us), Some(network)) => format!(
                "The container is on the network {}, which the gateway cannot reach: connect it with docker network \
                 connect {} {}",
                network.name, network.name, us.name
            ),
            (Some(us), None) => format!("Connect {name} to a network that {} is attached to.", us.name),
            (None, _) => format!("Connect {name} to a network, or publish its port {port}."),
        }
    }

    /// For a port that refused.
    pub(super) fn refused(&self, address: SocketAddr) -> String {
        let behind = self.behind(address);
        if let Some(behind) = behind {
            return self.not_listening(&behind);
        }
        self.of_localhost(address).unwrap_or_default()
    }

    /// For a port that did not answer.
    pub(super) fn timed_out(&self, address: SocketAddr) -> String {
        let firewall = "A firewall may drop this: it timed out, and was not refused.";
        let state = self.behind(address).and_then(|behind| self.of_state(&behind.container));
        state.unwrap_or_else(|| firewall.to_owned())
    }

    /// For one that takes connections and does not answer.
    pub(super) fn silent(&self, address: SocketAddr) -> String {
        self.of_health(address).unwrap_or_else(|| {
            "It may be overloaded or stuck, or the port may speak something else than HTTP: look at the app's log."
                .to_owned()
        })
    }

    /// For one that closes without an answer.
    pub(super) fn closed(&self, address: SocketAddr) -> String {
        match self.behind(address) {
            // Docker's own proxy takes connections to published ports for a container that does not.
            Some(behind) if behind.published => format!(
                "Docker takes connections to a published port even if nothing in the container does. {}",
                self.not_listening(&behind)
            ),
            Some(behind) => self
                .of_state(&behind.container)
                .unwrap_or_else(|| format!("Look at the log of the container {}.", behind.container.name)),
            None => "Does this port speak http? Look at the log of what listens there.".to_owned(),
        }
    }

    /// What is wrong with the container behind an address, going by Docker.
    pub(super) fn of_health(&self, address: SocketAddr) -> Option<String> {
        let behind = self.behind(address)?;
        self.of_state(&behind.container)
    }

    fn not_listening(&self, behind: &Behind) -> String {
        let container = &behind.container;
        let name = &container.name;
        let ports = listens(container);
        if container.state != State::Running
            && let Some(state) = self.of_state(container)
        {
            return state;
        }
        if !ports.is_empty() && !ports.contains(&behind.port) {
            return format!("The container {name} listens on {}: take that port.", numbers(&ports));
        }
        if let Some(state) = self.of_state(container) {
            return state;
        }
        let started = container.facts.started_at.map(|at| self.now.duration_since(at).as_secs());
        if let Some(ago) = started.filter(|ago| (0..JUST_STARTED).contains(ago)) {
            return format!(
                "The container {name} was started {} ago: it may need a moment.",
                text::duration(ago)
            );
        }
        if container.networks.iter().any(|network| network.name == "host") {
            return format!(
                "The container {name} runs, but nothing in it takes connections at port {} of this host.",
                behind.port
            );
        }
        format!(
            "The container {name} runs, but nothing in it takes connections at its port {}: the app must listen on \
             0.0.0.0 there, and not only on 127.0.0.1.",
            behind.port
        )
    }

    /// What hinders a container, as a sentence; `None` when it runs and is not known to be unwell.
    fn of_state(&self, container: &Container) -> Option<String> {
        let name = &container.name;
        Some(match (container.state, container.health) {
            (State::Running, Health::Unhealthy) => {
                format!("The container {name} runs, but its health check fails: look at its log.")
            }
            (State::Running, Health::Starting) => format!("The container {name} is still starting."),
            (State::Running, _) => return None,
            (State::Paused, _) => format!("The container {name} is paused: resume it."),
            (State::Restarting, _) => {
                format!("The container {name} is started again and again: its log tells why it ends.")
            }
            (State::Created, _) => format!("The container {name} was never started: start it."),
            (State::Exited | State::Dead, _) => {
                let code =
                    container.facts.exit_code.map(|code| format!(" with code {code}")).unwrap_or_default();
                let ago =
                    container.facts.finished_at.map(|at| format!(" {} ago", text::between(at, self.now)));
                let ended = if code.is_empty() && ago.is_none() { " does not run" } else { " ended" };
                format!("The container {name}{ended}{code}{}: start it.", ago.unwrap_or_default())
            }
            (other, _) => format!("The container {name} is {other}."),
        })
    }

    /// For `localhost`, which is seldom what is meant.
    fn of_localhost(&self, address: SocketAddr) -> Option<String> {
        let host = match &self.spec.destination.target {
            Target::Host(host) => host.as_str(),
            Target::Container(_) => return None,
        };
        let port = self.spec.destination.port;
        let local = is_localhost(host) || address.ip().to_canonical().is_loopback();
        let contained = self.context.resolver.own().is_some();
        if !local && (contained || !self.is_host(address.ip())) {
            return None;
        }
        let means = match (local, contained) {
            (true, true) => format!("{host} here means Docker Watcher's own container"),
            (true, false) => format!("{host} here means this host"),
            (false, _) => format!("{host} is this host"),
        };
        let ours = self.context.resolver.own();
        let wanted = self.find(|container| {
            container.state == State::Running
                && Some(&*container.id) != ours
                && listens(container).contains(&port)
        });
        match wanted {
            Some(container) => Some(format!(
                "{means}: use the container {}, which listens on {port}, as the destination.",
                container.name
            )),
            None if contained => Some(format!(
                "{means}: choose a container as the destination, or type the host's own address."
            )),
            None => None,
        }
    }

    /// The container that a connection to an address reaches.
    fn behind(&self, address: SocketAddr) -> Option<Behind> {
        if let Target::Container(name) = &self.spec.destination.target {
            let (_, container) = self.context.resolver.container(name)?;
            let port = self.spec.destination.port;
            let published = published(&container, address).is_some();
            return Some(Behind { container, port, published });
        }
        let ip = address.ip().to_canonical();
        let text = ip.to_string();
        let attached =
            self.find(|container| container.networks.iter().any(|network| network.ip_address == text));
        if let Some(container) = attached {
            return Some(Behind { container, port: address.port(), published: false });
        }
        // Inside a container, the loopback is not the host's.
        if self.context.resolver.own().is_some() || !(ip.is_loopback() || self.is_host(ip)) {
            return None;
        }
        let container =
            self.find(|container| container.is_up() && published(container, address).is_some())?;
        let port = published(&container, address)?;
        Some(Behind { container, port, published: true })
    }

    fn is_host(&self, ip: IpAddr) -> bool {
        (self.context.host_addresses)().iter().any(|own| own.to_canonical() == ip.to_canonical())
    }

    fn find(&self, wanted: impl Fn(&Container) -> bool) -> Option<Arc<Container>> {
        let engines = self.context.resolver.engines();
        engines.iter().find_map(|engine| {
            let snapshot = engine.mirror.snapshot();
            snapshot.containers().iter().find(|container| wanted(container)).cloned()
        })
    }

    /// A container that is called nearly so.
    fn similar(&self, name: &str) -> Option<String> {
        let snapshots: Vec<_> =
            self.context.resolver.engines().iter().map(|engine| engine.mirror.snapshot()).collect();
        let names = snapshots.iter().flat_map(|snapshot| snapshot.containers().iter());
        similar(name, names.map(|container| container.name.as_str())).map(ToOwned::to_owned)
    }
}

/// The port of a container that is published at an address.
fn published(container: &Container, address: SocketAddr) -> Option<u16> {
    let ip = address.ip().to_canonical();
    let binds = |bound: Option<&str>| {
        let bound = bound.and_then(|bound| bound.parse::<IpAddr>().ok());
        bound.is_none_or(|bound| bound.is_unspecified() || bound == ip)
    };
    let mut ports = container.ports.iter().filter(|port| port.protocol == "tcp");
    let local =
        ip.is_loopback() || !container.networks.iter().any(|network| network.ip_address == ip.to_string());
    ports
        .find(|port| local && port.host_port == Some(address.port()) && binds(port.host_ip.as_deref()))
        .map(|port| port.container_port)
}

/// The TCP ports that a container says it listens on.
fn listens(container: &Container) -> BTreeSet<u16> {
    container.ports.iter().filter(|port| port.protocol == "tcp").map(|port| port.container_port).collect()
}

fn numbers(ports: &BTreeSet<u16>) -> String {
    let texts: Vec<String> = ports.iter().take(5).map(ToString::to_string).collect();
    text::listed(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}
