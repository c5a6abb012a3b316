//! What the API says of statistics.

use serde::Serialize;
use utoipa::ToSchema;

use super::consumers::Consumer;
use super::rollup::{Metric, Rollup};
use crate::platform::clock::{from_ms, rfc3339};

/// What was used over one step of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatsPoint)]
pub struct PointView {
    /// When the step begins, RFC 3339, UTC.
    at: String,
    /// Percent of one core, on average; null: not measured.
    cpu_percent: Option<f64>,
    /// The highest.
    cpu_percent_max: Option<f64>,
    /// Bytes in use, page cache excluded, on average; null: not measured, or the host keeps no account of it.
    memory_bytes: Option<u64>,
    /// The highest.
    memory_bytes_max: Option<u64>,
    /// Bytes; null without a limit.
    memory_limit_bytes: Option<u64>,
    /// Received, on average; null: no network of its own.
    net_rx_bytes_per_second: Option<u64>,
    /// The highest.
    net_rx_bytes_per_second_max: Option<u64>,
    /// Sent, on average.
    net_tx_bytes_per_second: Option<u64>,
    /// The highest.
    net_tx_bytes_per_second_max: Option<u64>,
    /// Read from disks, on average.
    block_read_bytes_per_second: Option<u64>,
    /// The highest.
    block_read_bytes_per_second_max: Option<u64>,
    /// Written to disks, on average.
    block_write_bytes_per_second: Option<u64>,
    /// The highest.
    block_write_bytes_per_second_max: Option<u64>,
    /// Processes and threads, the most.
    pids: Option<u64>,
    /// Of a host: the load over a minute, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<f64>,
    /// Of a host: bytes of swap in use, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    swap_bytes: Option<u64>,
}

impl PointView {
    /// A step.
    pub fn of(rollup: &Rollup) -> Self {
        let avg = |metric| rollup.get(metric).map(|stat| stat.avg);
        let max = |metric| rollup.get(metric).map(|stat| stat.max);
        Self {
            at: rfc3339(from_ms(rollup.at)),
            cpu_percent: avg(Metric::Cpu).map(hundredths),
            cpu_percent_max: max(Metric::Cpu).map(hundredths),
            memory_bytes: avg(Metric::Memory).map(whole),
            memory_bytes_max: max(Metric::Memory).map(whole),
            memory_limit_bytes: rollup.memory_limit,
            net_rx_bytes_per_second: avg(Metric::Rx).map(whole),
            net_rx_bytes_per_second_max: max(Metric::Rx).map(whole),
            net_tx_bytes_per_second: avg(Metric::Tx).map(whole),
            net_tx_bytes_per_second_max: max(Metric::Tx).map(whole),
            block_read_bytes_per_second: avg(Metric::Read).map(whole),
            block_read_bytes_per_second_max: max(Metric::Read).map(whole),
            block_write_bytes_per_second: avg(Metric::Written).map(whole),
            block_write_bytes_per_second_max: max(Metric::Written).map(whole),
            pids: max(Metric::Pids).map(whole),
            load: avg(Metric::Load).map(hundredths),
            swap_bytes: avg(Metric::Swap).map(whole),
        }
    }
}

/// What one container used over a stretch of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Consumer)]
pub struct ConsumerView {
    /// Its full id now; null when it is gone.
    id: Option<String>,
    /// Its name, or what its history hangs on when it is gone.
    name: String,
    /// The Compose project or Swarm stack.
    project: Option<String>,
    /// Percent of one core, on average.
    cpu_percent: Option<f64>,
    /// The highest.
    cpu_percent_max: Option<f64>,
    /// When that was, RFC 3339, UTC.
    cpu_max_at: Option<String>,
    /// Bytes in use, on average.
    memory_bytes: Option<u64>,
    /// The highest.
    memory_bytes_max: Option<u64>,
    /// When that was, RFC 3339, UTC.
    memory_max_at: Option<String>,
}

impl ConsumerView {
    /// A container over a stretch of time.
    pub fn of(consumer: &Consumer) -> Self {
        let (cpu, memory) = (consumer.get(Metric::Cpu), consumer.get(Metric::Memory));
        let at = |ms: Option<i64>| ms.map(|ms| rfc3339(from_ms(ms)));
        Self {
            id: consumer.container.as_ref().map(|container| container.id.to_string()),
            name: consumer.name().to_owned(),
            project: consumer.container.as_ref().and_then(|c| c.project.as_deref().map(str::to_owned)),
            cpu_percent: cpu.map(|stat| hundredths(stat.avg)),
            cpu_percent_max: cpu.map(|stat| hundredths(stat.max)),
            cpu_max_at: at(consumer.peaks.cpu_at()),
            memory_bytes: memory.map(|stat| whole(stat.avg)),
            memory_bytes_max: memory.map(|stat| whole(stat.max)),
            memory_max_at: at(consumer.peaks.memory_at()),
        }
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Bytes, or something else that is counted.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
pub fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}
