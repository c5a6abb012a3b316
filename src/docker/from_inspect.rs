//! From the answer of inspect to a [`Container`].

use std::collections::HashMap;
use std::sync::Arc;

use bollard::models::{
    ContainerInspectResponse, ContainerState, HealthStatusEnum, HostConfig, MountPoint, PortBinding,
};
use jiff::Timestamp;

use super::from_list;
use super::types::{Container, Facts, Health, Mount, Network, Port, State, is_nameless};
use crate::platform::ids::EngineId;
use crate::platform::text;

/// Docker writes this year for "never".
const NEVER: i64 = 0;

/// Translates an answer; `None` when it has no id (then it is no container).
pub(super) fn container(engine: &EngineId, answer: ContainerInspectResponse) -> Option<Container> {
    let id = answer.id.filter(|id| !id.is_empty())?;
    let config = answer.config.unwrap_or_default();
    let labels = from_list::labels(config.labels.unwrap_or_default());
    let (port_map, attached) = answer
        .network_settings
        .map(|settings| (settings.ports.unwrap_or_default(), settings.networks.unwrap_or_default()))
        .unwrap_or_default();
    let mut networks: Vec<Network> = attached
        .into_iter()
        .map(|(name, endpoint)| Network { name, ip_address: endpoint.ip_address.unwrap_or_default() })
        .collect();
    networks.sort_unstable();
    let mut mounts: Vec<Mount> = answer.mounts.unwrap_or_default().into_iter().map(mount).collect();
    mounts.sort_unstable();
    let state = answer.state.unwrap_or_default();
    let restarts = answer.restart_count.and_then(|n| u64::try_from(n).ok());
    Some(Container {
        name: answer.name.map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_else(|| id.clone()),
        id: Arc::from(id),
        engine: engine.clone(),
        image: Arc::from(config.image.unwrap_or_default()),
        image_id: Arc::from(answer.image.unwrap_or_default()),
        created_at: answer.created.as_deref().and_then(time).unwrap_or_default(),
        state: word(&state),
        health: health(&state),
        facts: Facts {
            cores: answer.host_config.as_ref().and_then(cores),
            bound_volumes: answer.host_config.as_ref().map(bound_volumes).unwrap_or_default(),
            leans_on: answer.host_config.map(leans_on).unwrap_or_default(),
            ..facts(&state, restarts)
        },
        project: from_list::project(&labels),
        service: from_list::service(&labels),
        ports: ports(port_map),
        labels,
        networks,
        mounts,
    })
}

fn word(state: &ContainerState) -> State {
    state.status.and_then(|status| State::parse(status.as_ref())).unwrap_or(State::Unknown)
}

fn health(state: &ContainerState) -> Health {
    // Docker keeps the last verdict of a container that does not run or is paused; the list does not show it.
    if state.running != Some(true) || state.paused == Some(true) {
        return Health::None;
    }
    match state.health.as_ref().and_then(|health| health.status) {
        Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
        Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
        Some(HealthStatusEnum::STARTING) => Health::Starting,
        _ => Health::None,
    }
}

fn facts(state: &ContainerState, restart_count: Option<u64>) -> Facts {
    let ended = matches!(word(state), State::Exited | State::Dead | State::Restarting | State::Removing);
    Facts {
        started_at: state.started_at.as_deref().and_then(time),
        finished_at: state.finished_at.as_deref().and_then(time),
        exit_code: state.exit_code.filter(|_| ended),
        restart_count,
        oom_killed: state.oom_killed == Some(true),
        error: state
            .error
            .as_deref()
            .filter(|error| !error.is_empty())
            .map(|error| text::cut(error, 1000).into_owned()),
        failing_streak: state
            .health
            .as_ref()
            .and_then(|health| health.failing_streak)
            .and_then(|streak| u64::try_from(streak).ok()),
        inspected: true,
        pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        cores: None,
        leans_on: Vec::new(),
        bound_volumes: Vec::new(),
    }
}

fn bound_volumes(config: &HostConfig) -> Vec<String> {
    let binds = config.binds.iter().flatten().filter_map(|bind| bind.split(':').next());
    let mounts = config.mounts.iter().flatten().filter_map(|mount| mount.source.as_deref());
    binds.chain(mounts).filter(|name| is_nameless(name)).map(str::to_owned).collect()
}

/// `container:<id>` of the network, the process ids and the shared memory, and `<name>:ro` of volumes.
fn leans_on(config: HostConfig) -> Vec<String> {
    let joined = [config.network_mode, config.pid_mode, config.ipc_mode].into_iter().flatten();
    let joined = joined.filter_map(|mode| mode.strip_prefix("container:").map(str::to_owned));
    let volumes = config.volumes_from.unwrap_or_default().into_iter();
    let volumes = volumes.filter_map(|from| from.split(':').next().map(str::to_owned));
    let mut all: Vec<String> = joined.chain(volumes).filter(|name| !name.is_empty()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// `--cpus`, or what Compose and older clients say with a quota.
fn cores(config: &HostConfig) -> Option<f64> {
    let positive = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).map(f64::from);
    // In thousandths of a core: 32 bits hold what any host has.
    let by_nanos =
        positive(config.nano_cpus.map(|nanos| nanos / 1_000_000)).map(|thousandths| thousandths / 1e3);
    let period = positive(config.cpu_period).unwrap_or(100_000.0);
    by_nanos.or_else(|| positive(config.cpu_quota).map(|quota| quota / period))
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|time| time.as_second() > NEVER)
}

fn mount(point: MountPoint) -> Mount {
    let kind = point.typ.unwrap_or_default();
    let source = if kind == "volume" { point.name } else { point.source };
    Mount {
        kind,
        source: source.unwrap_or_default(),
        destination: point.destination.unwrap_or_default(),
        read_only: point.rw == Some(false),
    }
}

fn ports(map: HashMap<String, Option<Vec<PortBinding>>>) -> Vec<Port> {
    let mut ports = Vec::with_capacity(map.len());
    for (key, bindings) in map {
        let (number, protocol) = key.split_once('/').unwrap_or((key.as_str(), "tcp"));
        let Ok(container_port) = number.parse() else { continue };
        let bindings = bindings.unwrap_or_default();
        if bindings.is_empty() {
            ports.push(Port {
                container_port,
                protocol: protocol.to_owned(),
                host_port: None,
                host_ip: None,
            });
        }
        for binding in bindings {
            let host_port = binding.host_port.and_then(|port| port.parse().ok());
            ports.push(Port {
                container_port,
                protocol: protocol.to_owned(),
                host_port,
                host_ip: host_port.and(binding.host_ip).filter(|ip| !ip.is_empty()),
            });
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspect(json: serde_json::Value) -> Option<Container> {
        container(&EngineId::local(), serde_json::from_value(json).unwrap())
    }

    #[test]
    fn an_exited_container_tells_when_and_with_which_code() {
        let container = inspect(serde_json::json!({
            "Id": "abc", "Name": "/db", "RestartCount": 2,
            "State": {"Status": "exited", "Running": false, "ExitCode": 137, "OOMKilled": true,
                      "StartedAt": "2026-11-20T10:00:00.5Z", "FinishedAt": "2026-11-20T11:00:00Z",
                      "Health": {"Status": "unhealthy"}},
        }))
        .unwrap();
        assert_eq!(container.name, "db");
        assert_eq!(container.facts.exit_code, Some(137));
        assert!(container.facts.oom_killed);
        assert_eq!(container.health, Health::None, "what no longer runs is neither healthy nor unhealthy");
        assert_eq!(container.facts.restart_count, Some(2));
    }

    #[test]
    fn a_container_that_never_ran_has_no_times() {
        let container = inspect(serde_json::json!({
            "Id": "abc", "State": {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z",
            "FinishedAt": "0001-01-01T00:00:00Z", "ExitCode": 0},
        }))
        .unwrap();
        assert_eq!((container.facts.started_at, container.facts.exit_code), (None, None));
    }

    #[test]
    fn an_answer_without_an_id_is_no_container() {
        assert!(inspect(serde_json::json!({"Name": "/x"})).is_none());
    }

    #[test]
    fn published_and_exposed_ports_are_told_apart() {
        let container = inspect(serde_json::json!({
            "Id": "abc", "NetworkSettings": {"Ports": {
                "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
                "53/udp": null}},
        }))
        .unwrap();
        let ports: Vec<_> = container.ports.iter().map(|p| (p.container_port, p.host_port)).collect();
        assert_eq!(ports, [(53, None), (80, Some(8080)), (80, Some(8080))]);
    }
}
