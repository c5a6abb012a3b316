//! What an engine runs, in our own words: immutable values that pages, streams and workers share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::platform::ids::EngineId;

/// A container as the mirror knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// Docker's full id.
    pub id: Arc<str>,
    /// The engine it runs on.
    pub engine: EngineId,
    /// The name without its leading slash.
    pub name: String,
    /// The image as it was asked for.
    pub image: Arc<str>,
    /// The image's id (`sha256:…`).
    pub image_id: Arc<str>,
    /// When it was created.
    pub created_at: Timestamp,
    /// What it is doing.
    pub state: State,
    /// What its health check says.
    pub health: Health,
    /// Times and codes, as far as known.
    pub facts: Facts,
    /// The Compose project, or the Swarm stack.
    pub project: Option<Arc<str>>,
    /// The Compose or Swarm service.
    pub service: Option<Arc<str>>,
    /// Ports, published and exposed, in order.
    pub ports: Vec<Port>,
    /// Labels; a value over 4 KiB is cut.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Networks it is attached to.
    pub networks: Vec<Network>,
    /// Volumes and directories mounted into it.
    pub mounts: Vec<Mount>,
}

/// Whether a volume is called as Docker calls those that nobody named: 64 hexadecimal digits.
pub fn is_nameless(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Container {
    /// Whether what is mounted is a volume that goes with the container's anonymous volumes.
    pub fn is_anonymous(&self, mount: &Mount) -> bool {
        mount.kind == "volume"
            && is_nameless(&mount.source)
            && !self.facts.bound_volumes.contains(&mount.source)
    }

    /// The first twelve characters of the id, as Docker shows it.
    pub fn short_id(&self) -> &str {
        short_id(&self.id)
    }

    /// What its history hangs on: Compose project/service/number, Swarm service/slot, or its name.
    pub fn subject_key(&self) -> String {
        subject_key(&self.name, |label| self.labels.get(label).map(AsRef::as_ref))
    }

    /// Whether it runs, paused or not.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Running | State::Paused | State::Restarting)
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(AsRef::as_ref)
    }
}

/// The first twelve characters of a container id.
pub fn short_id(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// The key of a container's subject, from its name and labels.
pub fn subject_key<'a>(name: &str, label: impl Fn(&str) -> Option<&'a str>) -> String {
    if let (Some(project), Some(service)) = (label(COMPOSE_PROJECT), label(COMPOSE_SERVICE))
        && label(COMPOSE_ONEOFF) != Some("True")
    {
        return format!("{project}/{service}/{}", label(COMPOSE_NUMBER).unwrap_or("1"));
    }
    if let Some(service) = label(SWARM_SERVICE) {
        // "web.3.k2l…" is slot 3; a global service's slot is the node id.
        let slot = label(SWARM_TASK_NAME)
            .and_then(|task| task.strip_prefix(service))
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.split('.').next())
            .unwrap_or("1");
        return format!("{service}/{slot}");
    }
    name.to_owned()
}

/// The label that names the Compose project.
pub const COMPOSE_PROJECT: &str = "com.docker.compose.project";
/// The label that names the Compose service.
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";
/// The label that counts the containers of a Compose service.
pub const COMPOSE_NUMBER: &str = "com.docker.compose.container-number";
/// `True` on containers of `docker compose run`.
pub const COMPOSE_ONEOFF: &str = "com.docker.compose.oneoff";
/// The label that names the Swarm stack.
pub const SWARM_STACK: &str = "com.docker.stack.namespace";
/// The label that names the Swarm service.
pub const SWARM_SERVICE: &str = "com.docker.swarm.service.name";
/// The label that names the Swarm task: service, slot and task id.
pub const SWARM_TASK_NAME: &str = "com.docker.swarm.task.name";
/// The user's wish not to see a container here.
pub const HIDE: &str = "docker-watcher.hide";

/// The user's wish not to have a container stopped or removed from here.
pub const PROTECT: &str = "docker-watcher.protect";

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Started by Docker again and again.
    Restarting,
    /// At work.
    Running,
    /// Frozen.
    Paused,
    /// Never started.
    Created,
    /// Being removed.
    Removing,
    /// Being stopped.
    Stopping,
    /// Ended.
    Exited,
    /// Docker failed to remove it.
    Dead,
    /// A state this version has no word for.
    Unknown,
}

impl State {
    /// Every state a user may filter by.
    pub const ALL: [Self; 9] = [
        Self::Running,
        Self::Restarting,
        Self::Paused,
        Self::Exited,
        Self::Created,
        Self::Stopping,
        Self::Removing,
        Self::Dead,
        Self::Unknown,
    ];

    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Stopping => "stopping",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }

    /// The state of Docker's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a container's health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// The last checks failed.
    Unhealthy,
    /// Not checked long enough yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// It has no health check.
    None,
}

impl Health {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Unhealthy, Self::Starting, Self::None];

    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// The value of Docker's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.as_str().eq_ignore_ascii_case(word))
    }
}

/// What inspect knows and the list does not. `None` = not known (yet).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// When it last started; `None` also when it never did.
    pub started_at: Option<Timestamp>,
    /// When it last ended; `None` also when it never did.
    pub finished_at: Option<Timestamp>,
    /// The code it ended with.
    pub exit_code: Option<i64>,
    /// How often Docker restarted it.
    pub restart_count: Option<u64>,
    /// Whether the kernel killed it for memory.
    pub oom_killed: bool,
    /// Docker's word on why it did not start.
    pub error: Option<String>,
    /// How many health checks failed in a row.
    pub failing_streak: Option<u64>,
    /// Whether these come from inspect, and not only from the list's words.
    pub inspected: bool,
    /// The process id of its first process, in the pid namespace of the engine; `None` while it does not run.
    #[serde(skip)]
    pub pid: Option<u32>,
    /// How many cores it may use at most; `None` without a limit.
    #[serde(skip)]
    pub cores: Option<f64>,
    /// Containers that it cannot be without, by id or name: whose network, process ids or volumes it uses.
    pub leans_on: Vec<String>,
    /// Volumes that look as if nobody had named them, and are attached by their name all the same: Docker keeps those
    /// when the container is removed with its anonymous volumes.
    pub bound_volumes: Vec<String>,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct Port {
    /// The port inside.
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// The port on the host, when published.
    pub host_port: Option<u16>,
    /// The host's address it is bound to, when published.
    pub host_ip: Option<String>,
}

/// A network a container is attached to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct Network {
    /// The network's name.
    pub name: String,
    /// The container's address in it, empty when it has none now.
    pub ip_address: String,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The volume's name, or the host's path.
    pub source: String,
    /// The path inside.
    pub destination: String,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// What an engine says of itself and its host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineInfo {
    /// Docker's own id of the engine.
    pub docker_id: String,
    /// The host's name.
    pub name: String,
    /// The engine's version.
    pub version: String,
    /// The API version spoken with it.
    pub api_version: String,
    /// The operating system in words.
    pub operating_system: String,
    /// `x86_64`, `aarch64` …
    pub architecture: String,
    /// The kernel's version.
    pub kernel: String,
    /// The number of processor cores.
    pub cores: Option<u64>,
    /// The host's memory, bytes.
    pub memory_bytes: Option<u64>,
    /// `overlay2` …
    pub storage_driver: String,
    /// Where Docker keeps its data.
    pub data_root: String,
    /// The cgroup version, `1` or `2`.
    pub cgroup_version: String,
    /// Whether the engine is part of a Swarm.
    pub swarm: bool,
}

/// How an engine is.
#[derive(Debug, Clone, PartialEq)]
pub enum EngineStatus {
    /// The first connection is being made.
    Connecting,
    /// It answers.
    Up,
    /// It does not; the sentence says why and what to try.
    Down(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, labels: &[(&str, &str)]) -> String {
        subject_key(name, |wanted| labels.iter().find(|(k, _)| *k == wanted).map(|(_, v)| *v))
    }

    #[test]
    fn a_compose_container_is_known_by_project_service_and_number() {
        let labels = [
            (COMPOSE_PROJECT, "shop"),
            (COMPOSE_SERVICE, "web"),
            (COMPOSE_NUMBER, "2"),
            (COMPOSE_ONEOFF, "False"),
        ];
        assert_eq!(key("shop-web-2", &labels), "shop/web/2");
    }

    #[test]
    fn a_one_off_run_is_known_by_its_name() {
        let labels = [(COMPOSE_PROJECT, "shop"), (COMPOSE_SERVICE, "web"), (COMPOSE_ONEOFF, "True")];
        assert_eq!(key("shop-web-run-1a2b", &labels), "shop-web-run-1a2b");
    }

    #[test]
    fn a_swarm_task_is_known_by_service_and_slot() {
        let labels = [(SWARM_SERVICE, "web"), (SWARM_TASK_NAME, "web.3.k2l1m0")];
        assert_eq!(key("web.3.k2l1m0", &labels), "web/3");
    }
}
