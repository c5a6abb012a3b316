//! What the API says of a container.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::secrets;
use crate::docker::stats::Sample;
use crate::docker::types::{Container, Mount, Network, Port};
use crate::platform::clock::rfc3339;

/// A container.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Container)]
pub struct ContainerView<'a> {
    /// Docker's full id.
    id: &'a str,
    /// Our id of the engine.
    engine: &'a str,
    /// The name, without a slash.
    name: &'a str,
    /// The image as it was asked for.
    image: &'a str,
    /// The image's id.
    image_id: &'a str,
    /// `running`, `restarting`, `paused`, `exited`, `created`, `stopping`, `removing`, `dead` or `unknown`.
    state: &'static str,
    /// `healthy`, `unhealthy`, `starting` or `none`.
    health: &'static str,
    /// The Compose project or Swarm stack.
    project: Option<&'a str>,
    /// The Compose or Swarm service.
    service: Option<&'a str>,
    /// RFC 3339, UTC.
    created_at: String,
    /// RFC 3339, UTC; null when it never started or is not known yet.
    started_at: Option<String>,
    /// RFC 3339, UTC; null when it never ended or is not known yet.
    finished_at: Option<String>,
    /// Null while it runs.
    exit_code: Option<i64>,
    /// How often Docker restarted it; null when not known yet.
    restart_count: Option<u64>,
    /// Ports, published and exposed.
    ports: &'a [Port],
    /// Labels; a value over 4 KiB is cut.
    #[schema(value_type = BTreeMap<String, String>)]
    labels: Labels<'a>,
    /// Networks it is attached to.
    networks: &'a [Network],
    /// Volumes and directories mounted into it.
    mounts: &'a [Mount],
    /// Whether it is stale.
    stale: bool,
    /// What it uses; null when it is not measured.
    stats: Option<StatsView>,
}

/// What a container uses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContainerStats)]
pub struct StatsView {
    /// Percent of one core.
    cpu_percent: f64,
    /// Bytes, page cache excluded; null when the host keeps no account of memory.
    memory_bytes: Option<u64>,
    /// Bytes; null without a limit.
    memory_limit_bytes: Option<u64>,
    /// Bytes since the start; null when it has no network of its own.
    net_rx_bytes: Option<u64>,
    /// Bytes since the start; null when it has no network of its own.
    net_tx_bytes: Option<u64>,
    /// Bytes since the start; null when the host keeps no account of it.
    block_read_bytes: Option<u64>,
    /// Bytes since the start; null when the host keeps no account of it.
    block_write_bytes: Option<u64>,
    /// Processes and threads; null when the host keeps no account of them.
    pids: Option<u64>,
    /// When it was measured, RFC 3339, UTC.
    at: String,
}

impl StatsView {
    /// A sample; `None` while there is only one reading, which tells no CPU yet.
    pub fn of(sample: &Sample) -> Option<Self> {
        let reading = &sample.reading;
        Some(Self {
            cpu_percent: (sample.cpu_percent()? * 100.0).round() / 100.0,
            memory_bytes: reading.memory.map(|memory| memory.used_bytes),
            memory_limit_bytes: reading.memory.and_then(|memory| memory.limit_bytes),
            net_rx_bytes: reading.network.map(|network| network.rx_bytes),
            net_tx_bytes: reading.network.map(|network| network.tx_bytes),
            block_read_bytes: reading.block.map(|block| block.read_bytes),
            block_write_bytes: reading.block.map(|block| block.written_bytes),
            pids: reading.pids,
            at: rfc3339(sample.at),
        })
    }
}

/// The labels of a container.
#[derive(Debug)]
struct Labels<'a> {
    labels: &'a BTreeMap<Arc<str>, Arc<str>>,
    masked: bool,
}

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.labels.iter().map(|(key, value)| {
            let value = if self.masked {
                secrets::masked_value(key, value).into()
            } else {
                Cow::Borrowed(value.as_ref())
            };
            (key.as_ref(), value)
        }))
    }
}

impl<'a> ContainerView<'a> {
    /// A container, for those who may only look with what looks like a secret `masked`.
    pub fn of(container: &'a Container, masked: bool) -> Self {
        let facts = &container.facts;
        Self {
            id: &container.id,
            engine: container.engine.as_str(),
            name: &container.name,
            image: &container.image,
            image_id: &container.image_id,
            state: container.state.as_str(),
            health: container.health.as_str(),
            project: container.project.as_deref(),
            service: container.service.as_deref(),
            created_at: rfc3339(container.created_at),
            started_at: facts.started_at.map(rfc3339),
            finished_at: facts.finished_at.map(rfc3339),
            exit_code: facts.exit_code,
            restart_count: facts.restart_count,
            ports: &container.ports,
            labels: Labels { labels: &container.labels, masked },
            networks: &container.networks,
            mounts: &container.mounts,
            stale: false,
            stats: None,
        }
    }

    /// With whether it is stale.
    #[must_use]
    pub fn with_stale(mut self, stale: bool) -> Self {
        self.stale = stale;
        self
    }

    /// With what it uses.
    #[must_use]
    pub fn with_stats(mut self, stats: Option<StatsView>) -> Self {
        self.stats = stats;
        self
    }
}

#[cfg(test)]
pub(in crate::features) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::docker::types::{Facts, Health, State};
    use crate::platform::clock::from_ms;
    use crate::platform::ids::EngineId;

    /// A container for tests, with a label `tier=front`.
    pub fn container(name: &str, image: &str, state: State) -> Container {
        Container {
            id: Arc::from(format!("{name:0<64}")),
            engine: EngineId::local(),
            name: name.to_owned(),
            image: Arc::from(image),
            image_id: Arc::from("sha256:1"),
            created_at: from_ms(0),
            state,
            health: Health::None,
            facts: Facts::default(),
            project: None,
            service: None,
            ports: Vec::new(),
            labels: BTreeMap::from([(Arc::from("tier"), Arc::from("front"))]),
            networks: Vec::new(),
            mounts: Vec::new(),
        }
    }

    #[test]
    fn times_are_rfc_3339_with_milliseconds() {
        let json = serde_json::to_value(ContainerView::of(&container("web", "nginx", State::Running), false))
            .unwrap();
        assert_eq!(json["created_at"], "1970-01-01T00:00:00.000Z");
        assert_eq!(json["stats"], serde_json::Value::Null);
    }
}
