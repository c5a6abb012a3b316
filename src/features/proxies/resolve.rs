//! From a destination to where the embedded gateway reaches it: the same container has one address for the host and
//! another for whoever shares a network with it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::model::{Destination, Target};
use crate::docker::types::{Container, State};
use crate::docker::{Engine, Engines, Snapshot};
use crate::platform::text;

/// How long a chain of containers that use each other's network may be.
const CHAIN: usize = 4;

/// Where a destination is reached from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// At one of these, tried in turn.
    At(Vec<SocketAddr>),
    /// At a name, that is looked up when a connection is made.
    ByName(String),
    /// Not at all now: why, in a sentence for an operator.
    Unreachable(String),
}

/// Knows from where the gateway looks.
#[derive(Clone)]
pub struct Resolver {
    engines: Engines,
    /// The container that we run in; `None` on a host.
    own: Option<Arc<str>>,
}

impl Resolver {
    /// For a gateway that runs in the container `own`, or on the host.
    pub fn new(engines: Engines, own: Option<&str>) -> Self {
        Self { engines, own: own.map(Arc::from) }
    }

    /// The engines whose containers can be destinations.
    pub fn engines(&self) -> &Engines {
        &self.engines
    }

    /// The container that we run in; `None` on a host.
    pub fn own(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// The container that a name means now: by its name, or the one that runs of a Compose service.
    pub fn container(&self, name: &str) -> Option<(Arc<Engine>, Arc<Container>)> {
        self.engines.iter().find_map(|engine| {
            let snapshot = engine.mirror.snapshot();
            let found = snapshot.by_name(name).cloned().or_else(|| of_service(&snapshot, name))?;
            Some((engine.clone(), found))
        })
    }

    /// Where a destination is reached now. Asks nobody.
    pub fn resolve(&self, destination: &Destination) -> Resolution {
        let name = match &destination.target {
            Target::Host(host) => {
                return match host.parse::<IpAddr>() {
                    Ok(address) => Resolution::At(vec![SocketAddr::new(address, destination.port)]),
                    Err(_) => Resolution::ByName(host.clone()),
                };
            }
            Target::Container(name) => name,
        };
        if !self.engines.iter().any(|engine| engine.mirror.snapshot().is_up())
            && self.container(name).is_none()
        {
            return Resolution::Unreachable(format!(
                "Docker cannot be reached, and it is not known where {name} is."
            ));
        }
        match self.container(name) {
            None => Resolution::Unreachable(format!("There is no container {name}.")),
            Some((engine, container)) => self.of(&engine, &container, destination.port),
        }
    }

    fn of(&self, engine: &Engine, container: &Container, port: u16) -> Resolution {
        let name = &container.name;
        let why_not = match container.state {
            State::Running | State::Restarting => None,
            State::Paused => Some("is paused"),
            State::Created => Some("was never started"),
            _ => Some("does not run"),
        };
        if let Some(why) = why_not {
            return Resolution::Unreachable(format!("The container {name} {why}."));
        }
        let snapshot = engine.mirror.snapshot();
        let owner = network_owner(&snapshot, container);
        let networks = &owner.networks;
        let on_host = networks.iter().any(|network| network.name == "host");
        let own = self.own.as_deref().and_then(|id| snapshot.by_id(id));
        let remote = engine.client.endpoint().other_machine();
        let published = || published(&owner, port);
        let mut found: Vec<SocketAddr> = Vec::new();
        match (own, remote) {
            // Another machine: only what it publishes is reached. (A container of it may reach it over a network, too.)
            (None, Some(host)) => {
                let outer = if on_host { Some(port) } else { published().map(|(_, outer)| outer) };
                let Some(outer) = outer else {
                    return Resolution::Unreachable(format!(
                        "Docker runs on another machine, {host}, and {name} does not publish its port {port} there."
                    ));
                };
                return match host.parse::<IpAddr>() {
                    Ok(address) => Resolution::At(vec![SocketAddr::new(address, outer)]),
                    Err(_) => Resolution::Unreachable(format!(
                        "Docker runs on another machine: type {host} and the port {outer} as the destination."
                    )),
                };
            }
            // In a container: only networks that both are attached to.
            (Some(us), _) => {
                let shares = |network: &str| us.networks.iter().any(|ours| ours.name == network);
                let shared = networks.iter().filter(|network| shares(&network.name));
                found.extend(shared.filter_map(|network| address(&network.ip_address, port)));
                if found.is_empty() {
                    let theirs: Vec<&str> = networks.iter().map(|network| network.name.as_str()).collect();
                    let of = match theirs.as_slice() {
                        [] => "on no network".to_owned(),
                        [one] => format!("on the network {one}"),
                        more => format!("on the networks {}", text::listed(more)),
                    };
                    return Resolution::Unreachable(format!(
                        "{name} is {of}, which Docker Watcher's own container ({}) is not attached to.",
                        us.name
                    ));
                }
            }
            (None, None) if on_host => found.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
            (None, None) => {
                found.extend(networks.iter().filter_map(|network| address(&network.ip_address, port)));
                // Where containers have no address that the host knows (rootless, a virtual machine), this is left.
                found.extend(published().map(|(address, outer)| SocketAddr::new(address, outer)));
            }
        }
        if found.is_empty() {
            return Resolution::Unreachable(format!(
                "{name} is on no network that can be reached from here."
            ));
        }
        Resolution::At(found)
    }
}

/// The one that runs of a Compose service, `project/service`; the lowest name, so that it stays the same.
fn of_service(snapshot: &Snapshot, name: &str) -> Option<Arc<Container>> {
    let (project, service) = name.split_once('/')?;
    let is_it = |container: &&Arc<Container>| {
        container.project.as_deref() == Some(project) && container.service.as_deref() == Some(service)
    };
    let all = snapshot.containers().iter().filter(is_it);
    all.min_by(|a, b| (a.state != State::Running, &a.name).cmp(&(b.state != State::Running, &b.name)))
        .cloned()
}

/// The container whose network it uses: its own, or another's (`network_mode: container:…`).
fn network_owner(snapshot: &Snapshot, container: &Container) -> Container {
    let mut owner = container.clone();
    for _ in 0..CHAIN {
        if !owner.networks.is_empty() {
            break;
        }
        let next = owner.facts.leans_on.iter().find_map(|on| {
            let other = snapshot.by_name(on).or_else(|| snapshot.by_id(on));
            other.filter(|other| !other.networks.is_empty() || !other.facts.leans_on.is_empty())
        });
        let Some(next) = next.cloned() else { break };
        owner = (*next).clone();
    }
    owner
}

fn address(ip: &str, port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.parse().ok()?, port))
}

/// Where a port is published, as the host itself reaches it.
fn published(container: &Container, port: u16) -> Option<(IpAddr, u16)> {
    let mut all = container.ports.iter().filter(|p| p.container_port == port && p.protocol == "tcp");
    all.find_map(|found| {
        let bound = found.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
        let reached = bound.filter(|ip| !ip.is_unspecified()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Some((reached, found.host_port?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::types::{Network, Port};
    use crate::features::containers::model::tests::container;

    fn on(networks: &[(&str, &str)]) -> Container {
        let mut web = container("web", "nginx", State::Running);
        let network = |(name, ip): &(&str, &str)| Network { name: (*name).into(), ip_address: (*ip).into() };
        web.networks = networks.iter().map(network).collect();
        web
    }

    #[test]
    fn a_published_port_is_reached_where_it_is_bound() {
        let mut web = on(&[]);
        let port = |inner, outer, ip: &str| Port {
            container_port: inner,
            protocol: "tcp".into(),
            host_port: outer,
            host_ip: Some(ip.into()),
        };
        web.ports =
            vec![port(80, Some(8080), "0.0.0.0"), port(81, Some(8081), "192.168.1.2"), port(82, None, "")];
        let of = |n| published(&web, n).map(|(ip, port)| format!("{ip}:{port}"));
        assert_eq!(of(80).as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(of(81).as_deref(), Some("192.168.1.2:8081"));
        assert_eq!((of(82), of(83)), (None, None));
    }

    #[test]
    fn an_address_is_one_only_where_docker_gave_one() {
        assert_eq!(address("172.17.0.2", 80), Some("172.17.0.2:80".parse().unwrap()));
        assert_eq!(address("", 80), None);
    }
}
