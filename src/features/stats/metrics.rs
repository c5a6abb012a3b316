//! `GET /metrics`: everything that is measured, for Prometheus, rendered from memory at scrape time.
//!
//! The text format (version 0.0.4) is lines of `name{label="value"} number` with a `HELP` and a `TYPE` line before
//! each family. A container is labelled by what outlives it (name, project, service), never by its id: each recreate
//! would otherwise be a new series for ever.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::service::Stats;
use crate::docker::stats::Sample;
use crate::docker::stats::board::HostNow;
use crate::docker::stats::processes;
use crate::docker::stats::sample::to_f64;
use crate::docker::types::{Container, State as ContainerState};
use crate::docker::{Engine, Snapshot};
use crate::web::live::LiveState;
use crate::web::{Access, Role, Routes};

/// What the answer is made from.
#[derive(Clone)]
pub struct Metrics {
    /// What was measured.
    pub stats: Arc<Stats>,
    /// The open streams.
    pub live: LiveState,
    /// The database file.
    pub database: std::path::PathBuf,
    /// When the product started, seconds since the epoch.
    pub started_at: i64,
}

/// The route; with `public` nobody has to prove anything.
pub fn routes(metrics: Metrics, public: bool) -> Routes {
    let access = if public { Access::Public } else { Access::Role(Role::Viewer) };
    Routes::of(metrics).get("/metrics", access, render).done()
}

async fn render(State(metrics): State<Metrics>) -> Response {
    let database = tokio::fs::metadata(&metrics.database).await.map(|file| file.len()).ok();
    let mut text = Text::default();
    own(&mut text, &metrics, database);
    for engine in metrics.stats.engines().iter() {
        engine_metrics(&mut text, engine);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text.finish()).into_response()
}

/// Families in the order they were begun; each is one block of the answer, as the format asks.
#[derive(Default)]
struct Text {
    families: Vec<(&'static str, String)>,
}

impl Text {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut String {
        let at = self.families.iter().position(|(known, _)| *known == name);
        let at = at.unwrap_or_else(|| {
            self.families.push((name, format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")));
            self.families.len() - 1
        });
        // It was there, or was pushed.
        #[expect(clippy::indexing_slicing, reason = "the place of an entry that was just found or made")]
        &mut self.families[at].1
    }

    fn gauge(&mut self, name: &'static str, help: &str, labels: &str, value: Option<f64>) {
        self.value(name, "gauge", help, labels, value);
    }

    fn counter(&mut self, name: &'static str, help: &str, labels: &str, value: Option<f64>) {
        self.value(name, "counter", help, labels, value);
    }

    /// What is not known has no line: it is not zero.
    fn value(&mut self, name: &'static str, kind: &str, help: &str, labels: &str, value: Option<f64>) {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _written = writeln!(self.family(name, kind, help), "{name}{labels} {value}");
        }
    }

    fn finish(self) -> String {
        self.families.into_iter().map(|(_, text)| text).collect()
    }
}

/// `{a="x",b="y"}`; backslashes, quotes and line breaks are escaped.
fn labels(pairs: &[(&str, &str)]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn count(n: usize) -> Option<f64> {
    u64::try_from(n).ok().map(to_f64)
}

fn own(text: &mut Text, metrics: &Metrics, database: Option<u64>) {
    let version = labels(&[("version", env!("CARGO_PKG_VERSION"))]);
    text.gauge("docker_watcher_build_info", "The version that runs.", &version, Some(1.0));
    let own = processes::own();
    text.counter(
        "process_cpu_seconds_total",
        "CPU time that Docker Watcher has used, in seconds.",
        "",
        Some(to_f64(own.cpu_ns) / 1e9),
    );
    text.gauge(
        "process_resident_memory_bytes",
        "Resident memory of Docker Watcher, in bytes.",
        "",
        own.resident_bytes.map(to_f64),
    );
    text.gauge(
        "process_start_time_seconds",
        "When Docker Watcher started, in seconds since the epoch.",
        "",
        u64::try_from(metrics.started_at).ok().map(to_f64),
    );
    text.gauge("docker_watcher_database_bytes", "Size of the database, in bytes.", "", database.map(to_f64));
    text.counter(
        "docker_watcher_database_commits_total",
        "How often the database was written to.",
        "",
        Some(to_f64(metrics.stats.db.commits())),
    );
    text.gauge(
        "docker_watcher_live_streams",
        "Live pages that are open.",
        "",
        count(metrics.live.open_streams()),
    );
    let alerts = metrics.stats.alerts();
    text.gauge(
        "docker_watcher_thresholds_crossed",
        "Thresholds that are crossed now.",
        "",
        count(alerts.len()),
    );
}

fn engine_metrics(text: &mut Text, engine: &Engine) {
    let snapshot = engine.mirror.snapshot();
    let of_engine = labels(&[("engine", engine.id.as_str())]);
    let up = if snapshot.is_up() { 1.0 } else { 0.0 };
    text.gauge("docker_watcher_engine_up", "Whether the engine answers.", &of_engine, Some(up));
    let state = engine.stats.state();
    text.gauge(
        "docker_watcher_sampling_interval_seconds",
        "How often everything is measured, in seconds.",
        &of_engine,
        state.every.map(|every| every.as_secs_f64()),
    );
    text.gauge(
        "docker_watcher_sampling_duration_seconds",
        "How long the last round of measuring took, in seconds.",
        &of_engine,
        state.round.map(|round| round.took.as_secs_f64()),
    );
    for state in ContainerState::ALL {
        let n = snapshot.containers().iter().filter(|container| container.state == state).count();
        let labels = labels(&[("engine", engine.id.as_str()), ("state", state.as_str())]);
        text.gauge("docker_watcher_containers", "Containers by state.", &labels, count(n));
    }
    host(text, engine, &engine.stats.host());
    containers(text, engine, &snapshot);
}

fn host(text: &mut Text, engine: &Engine, host: &HostNow) {
    let of = labels(&[("engine", engine.id.as_str())]);
    text.counter(
        "docker_watcher_host_cpu_seconds_total",
        "CPU time of all cores that was not idle, in seconds.",
        &of,
        host.cpu_seconds,
    );
    let cores = Some(f64::from(host.cores)).filter(|cores| *cores > 0.0);
    text.gauge("docker_watcher_host_cpu_cores", "Cores.", &of, cores);
    text.gauge("docker_watcher_host_load1", "Load over a minute.", &of, host.load.map(|[one, ..]| one));
    text.gauge("docker_watcher_host_load5", "Load over 5 minutes.", &of, host.load.map(|[_, five, _]| five));
    text.gauge("docker_watcher_host_load15", "Load over 15 minutes.", &of, host.load.map(|[.., all]| all));
    let point = host.point;
    text.gauge(
        "docker_watcher_host_memory_used_bytes",
        "Memory in use, in bytes; what can be had at once is not in use.",
        &of,
        point.and_then(|point| point.memory_bytes).map(to_f64),
    );
    text.gauge(
        "docker_watcher_host_memory_total_bytes",
        "Memory, in bytes.",
        &of,
        host.memory_total.map(to_f64),
    );
    text.gauge(
        "docker_watcher_host_swap_used_bytes",
        "Swap in use, in bytes.",
        &of,
        point.and_then(|point| point.swap_bytes).map(to_f64),
    );
    text.gauge("docker_watcher_host_swap_total_bytes", "Swap, in bytes.", &of, host.swap_total.map(to_f64));
    text.counter(
        "docker_watcher_host_network_receive_bytes_total",
        "Bytes received by the physical interfaces.",
        &of,
        host.network_total.map(|(rx, _)| to_f64(rx)),
    );
    text.counter(
        "docker_watcher_host_network_transmit_bytes_total",
        "Bytes sent by the physical interfaces.",
        &of,
        host.network_total.map(|(_, tx)| to_f64(tx)),
    );
    for disk in &host.disks {
        let of = labels(&[("engine", engine.id.as_str()), ("mount", &disk.mount), ("device", &disk.device)]);
        text.gauge(
            "docker_watcher_host_disk_used_bytes",
            "Bytes in use of a file system that Docker uses.",
            &of,
            Some(to_f64(disk.used_bytes)),
        );
        text.gauge(
            "docker_watcher_host_disk_total_bytes",
            "Bytes in use, and bytes that can be used.",
            &of,
            Some(to_f64(disk.total_bytes)),
        );
    }
}

fn containers(text: &mut Text, engine: &Engine, snapshot: &Snapshot) {
    let latest = engine.stats.latest();
    for container in snapshot.containers().iter() {
        let of = labels(&[
            ("engine", engine.id.as_str()),
            ("name", &container.name),
            ("project", container.project.as_deref().unwrap_or_default()),
            ("service", container.service.as_deref().unwrap_or_default()),
            ("image", &container.image),
        ]);
        let running = if container.is_up() { 1.0 } else { 0.0 };
        text.gauge(
            "docker_watcher_container_running",
            "Whether a container runs, paused or not.",
            &of,
            Some(running),
        );
        if let Some(sample) = latest.get(&container.id) {
            sampled(text, &of, container, sample);
        }
    }
}

fn sampled(text: &mut Text, of: &str, container: &Container, sample: &Sample) {
    let reading = &sample.reading;
    text.counter(
        "docker_watcher_container_cpu_seconds_total",
        "CPU time of a container since it started, in seconds.",
        of,
        Some(to_f64(reading.cpu_ns) / 1e9),
    );
    text.gauge(
        "docker_watcher_container_cpu_limit_cores",
        "Cores that a container may use at most.",
        of,
        container.facts.cores,
    );
    text.gauge(
        "docker_watcher_container_memory_bytes",
        "Memory of a container, in bytes, page cache not counted.",
        of,
        reading.memory.map(|memory| to_f64(memory.used_bytes)),
    );
    text.gauge(
        "docker_watcher_container_memory_limit_bytes",
        "Memory that a container may use at most, in bytes.",
        of,
        reading.memory.and_then(|memory| memory.limit_bytes).map(to_f64),
    );
    text.counter(
        "docker_watcher_container_network_receive_bytes_total",
        "Bytes that a container received.",
        of,
        reading.network.map(|network| to_f64(network.rx_bytes)),
    );
    text.counter(
        "docker_watcher_container_network_transmit_bytes_total",
        "Bytes that a container sent.",
        of,
        reading.network.map(|network| to_f64(network.tx_bytes)),
    );
    text.counter(
        "docker_watcher_container_block_read_bytes_total",
        "Bytes that a container read from block devices.",
        of,
        reading.block.map(|block| to_f64(block.read_bytes)),
    );
    text.counter(
        "docker_watcher_container_block_written_bytes_total",
        "Bytes that a container wrote to block devices.",
        of,
        reading.block.map(|block| to_f64(block.written_bytes)),
    );
    text.gauge(
        "docker_watcher_container_processes",
        "Processes and threads of a container.",
        of,
        reading.pids.map(to_f64),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_stands_together_and_labels_are_escaped() {
        let mut text = Text::default();
        text.gauge("a", "A.", &labels(&[("name", "x\"\\\n")]), Some(1.0));
        text.gauge("b", "B.", "", Some(2.0));
        text.gauge("a", "A.", "", Some(3.5));
        text.gauge("c", "C.", "", None);
        let expected = "# HELP a A.\n# TYPE a gauge\na{name=\"x\\\"\\\\\\n\"} 1\na 3.5\n# HELP b B.\n# TYPE b gauge\nb 2\n";
        assert_eq!(text.finish(), expected, "what is not known has no line");
    }
}
