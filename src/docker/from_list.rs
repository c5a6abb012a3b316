//! From an entry of the list to a [`Container`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::types::{
    COMPOSE_PROJECT, COMPOSE_SERVICE, Container, Facts, Health, Mount, Network, Port, SWARM_SERVICE,
    SWARM_STACK, State,
};
use super::wire::{ListEntry, ListPort};
use crate::platform::ids::EngineId;
use crate::platform::text;

/// What one label's value may weigh in the mirror, bytes.
const MAX_LABEL: usize = 4096;

/// Translates an entry. `known` is what inspect said of it before, and is kept as long as it agrees
/// with the list's own words.
pub(super) fn container(
    engine: &EngineId,
    entry: ListEntry,
    known: Option<&Facts>,
    now: Timestamp,
) -> Container {
    let state = State::parse(&entry.state).unwrap_or(State::Unknown);
    let status = Status::read(&entry.status);
    let name = display_name(&entry.names, &entry.id);
    let labels = labels(entry.labels);
    let facts = match known {
        Some(facts) if agrees(facts, state, &entry.status, now) => facts.clone(),
        _ => Facts { exit_code: status.exit_code, ..Facts::default() },
    };
    let mut networks: Vec<Network> = entry
        .network_settings
        .map(|settings| settings.networks)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, network)| Network { name, ip_address: network.ip_address })
        .collect();
    networks.sort_unstable();
    let mut mounts: Vec<Mount> = entry
        .mounts
        .into_iter()
        .map(|mount| Mount {
            source: if mount.kind == "volume" { mount.name } else { mount.source },
            kind: mount.kind,
            destination: mount.destination,
            read_only: mount.writable == Some(false),
        })
        .collect();
    mounts.sort_unstable();
    Container {
        id: Arc::from(entry.id),
        engine: engine.clone(),
        name,
        image: Arc::from(entry.image),
        image_id: Arc::from(entry.image_id),
        created_at: Timestamp::from_second(entry.created).unwrap_or_default(),
        state,
        health: status.health,
        facts,
        project: project(&labels),
        service: service(&labels),
        ports: ports(entry.ports),
        labels,
        networks,
        mounts,
    }
}

/// The name without its slash; a linked container has several, its own has no second slash.
fn display_name(names: &[String], id: &str) -> String {
    names
        .iter()
        .map(|name| name.strip_prefix('/').unwrap_or(name))
        .min_by_key(|name| name.contains('/'))
        .filter(|name| !name.is_empty())
        .unwrap_or(id)
        .to_owned()
}

/// Labels with their values cut to what is worth keeping in memory.
pub(super) fn labels(labels: HashMap<String, String>) -> BTreeMap<Arc<str>, Arc<str>> {
    labels
        .into_iter()
        .map(|(key, value)| {
            (Arc::from(text::cut(&key, MAX_LABEL).as_ref()), Arc::from(text::cut(&value, MAX_LABEL).as_ref()))
        })
        .collect()
}

pub(super) fn project(labels: &BTreeMap<Arc<str>, Arc<str>>) -> Option<Arc<str>> {
    non_empty(labels, COMPOSE_PROJECT).or_else(|| non_empty(labels, SWARM_STACK))
}

pub(super) fn service(labels: &BTreeMap<Arc<str>, Arc<str>>) -> Option<Arc<str>> {
    non_empty(labels, COMPOSE_SERVICE).or_else(|| non_empty(labels, SWARM_SERVICE))
}

fn non_empty(labels: &BTreeMap<Arc<str>, Arc<str>>, name: &str) -> Option<Arc<str>> {
    labels.get(name).filter(|value| !value.is_empty()).cloned()
}

fn ports(ports: Vec<ListPort>) -> Vec<Port> {
    let mut ports: Vec<Port> = ports
        .into_iter()
        .map(|port| Port {
            container_port: port.private_port,
            protocol: if port.kind.is_empty() { "tcp".to_owned() } else { port.kind },
            host_port: port.public_port,
            host_ip: port.public_port.and(port.ip),
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// What the list's status says in words: `Up 3 hours (healthy)`, `Exited (137) 3 days ago`.
struct Status {
    exit_code: Option<i64>,
    health: Health,
}

impl Status {
    fn read(text: &str) -> Self {
        let health = if text.contains("(healthy)") {
            Health::Healthy
        } else if text.contains("(unhealthy)") {
            Health::Unhealthy
        } else if text.contains("(health: starting)") {
            Health::Starting
        } else {
            Health::None
        };
        let exit_code = ["Exited (", "Restarting ("]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .and_then(|rest| rest.split(')').next())
            .and_then(|code| code.parse().ok());
        Self { exit_code, health }
    }
}

/// Whether facts of an earlier inspect still hold: Docker's status, written anew from them, is the one
/// the list shows. A container that ran again meanwhile shows another time or code. At the turn of a
/// minute or a day this may say no to facts that hold: then it is inspected once more, that is all.
fn agrees(facts: &Facts, state: State, status: &str, now: Timestamp) -> bool {
    let ago = |at: Timestamp| human_duration(now.duration_since(at).as_secs().max(0));
    match (state, facts.started_at, facts.finished_at, facts.exit_code) {
        (State::Exited, _, Some(finished), Some(code)) => {
            status == format!("Exited ({code}) {} ago", ago(finished))
        }
        (State::Created, None, None, _) => status == "Created",
        (State::Running | State::Paused, Some(started), ..) => status
            .strip_prefix("Up ")
            .and_then(|rest| rest.strip_prefix(&ago(started)))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(" (")),
        _ => false,
    }
}

/// Docker's words for a duration (`units.HumanDuration` of docker/go-units).
fn human_duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        _ if minutes == 1 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: &str, status: &str) -> ListEntry {
        ListEntry {
            id: "abcdef0123456789".to_owned(),
            names: vec!["/web/db".to_owned(), "/web".to_owned()],
            state: state.to_owned(),
            status: status.to_owned(),
            ..ListEntry::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn read(state: &str, status: &str, known: Option<&Facts>) -> Container {
        container(&EngineId::local(), entry(state, status), known, at(1_000_000))
    }

    #[test]
    fn the_status_gives_exit_code_and_health() {
        assert_eq!(read("exited", "Exited (137) 3 days ago", None).facts.exit_code, Some(137));
        assert_eq!(read("running", "Up 3 hours (unhealthy)", None).health, Health::Unhealthy);
        assert_eq!(read("running", "Up 2 seconds (health: starting)", None).health, Health::Starting);
        assert_eq!(read("running", "Up 3 hours", None).health, Health::None);
    }

    #[test]
    fn a_linked_container_shows_its_own_name() {
        assert_eq!(read("running", "Up 1 second", None).name, "web");
    }

    #[test]
    fn a_state_nobody_knows_does_not_lose_the_container() {
        assert_eq!(read("hibernating", "", None).state, State::Unknown);
    }

    #[test]
    fn facts_are_kept_while_they_agree_with_the_list() {
        let facts = Facts {
            started_at: Some(at(900_000)),
            finished_at: Some(at(1_000_000 - 3 * 86_400)),
            exit_code: Some(137),
            inspected: true,
            ..Facts::default()
        };
        assert!(read("exited", "Exited (137) 3 days ago", Some(&facts)).facts.inspected);
        assert!(!read("exited", "Exited (137) 5 minutes ago", Some(&facts)).facts.inspected, "it ran again");
        assert!(!read("exited", "Exited (0) 3 days ago", Some(&facts)).facts.inspected, "another code");
    }

    #[test]
    fn durations_are_dockers_words() {
        for (seconds, words) in [
            (0, "Less than a second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (3_000, "50 minutes"),
            (3_600, "About an hour"),
            (7_200, "2 hours"),
            (3 * 86_400, "3 days"),
            (20 * 86_400, "2 weeks"),
            (100 * 86_400, "3 months"),
            (800 * 86_400, "2 years"),
        ] {
            assert_eq!(human_duration(seconds), words);
        }
    }
}
