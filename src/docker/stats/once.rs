//! One answer of `GET /containers/{id}/stats`, where the cgroups cannot be read.
//!
//! `one-shot` spares the engine a second sample; older engines still take a second for the first.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;

use super::reading::{Block, Memory, Network, Reading};
use super::sample::Timed;
use crate::docker::{Client, EngineError};

const WHAT: &str = "GET /containers/{id}/stats";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    cpu_stats: Cpu,
    memory_stats: MemoryStats,
    networks: Option<HashMap<String, Interface>>,
    blkio_stats: Blkio,
    pids_stats: Pids,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cpu {
    cpu_usage: CpuUsage,
    system_cpu_usage: Option<u64>,
    online_cpus: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CpuUsage {
    total_usage: u64,
    percpu_usage: Option<Vec<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemoryStats {
    usage: Option<u64>,
    limit: Option<u64>,
    stats: Option<HashMap<String, u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Interface {
    rx_bytes: u64,
    tx_bytes: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Blkio {
    io_service_bytes_recursive: Option<Vec<BlkioEntry>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BlkioEntry {
    op: String,
    value: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pids {
    current: Option<u64>,
}

/// Asks the engine what a container has used. `host_memory` (bytes) is what the engine gives as the limit of a
/// container without one. `None`: it does not run any more.
pub(super) async fn read(
    client: &Client,
    id: &str,
    host_memory: Option<u64>,
    deadline: Duration,
) -> Result<Option<Timed>, EngineError> {
    let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
    match client.get_json::<Answer>(&path, WHAT, deadline).await {
        Ok(answer) => Ok(timed(answer, host_memory)),
        Err(EngineError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn timed(answer: Answer, host_memory: Option<u64>) -> Option<Timed> {
    let cpu = answer.cpu_stats;
    // A container that has ended answers with zeros.
    let cores = cpu
        .online_cpus
        .filter(|cores| *cores > 0)
        .or_else(|| cpu.cpu_usage.percpu_usage.and_then(|each| u64::try_from(each.len()).ok()))
        .filter(|cores| *cores > 0)?;
    let clock_ns = cpu.system_cpu_usage? / cores;
    let memory = answer.memory_stats;
    let cache = memory.stats.as_ref().and_then(|stats| {
        // v1 counts the whole tree of groups, v2 has one name for it.
        stats.get("total_inactive_file").or_else(|| stats.get("inactive_file")).copied()
    });
    let memory = memory.usage.map(|usage| Memory {
        used_bytes: cache.and_then(|cache| usage.checked_sub(cache)).unwrap_or(usage),
        limit_bytes: memory.limit.filter(|limit| *limit > 0 && host_memory.is_none_or(|host| *limit < host)),
    });
    let network = answer.networks.filter(|networks| !networks.is_empty()).map(|networks| {
        networks.values().fold(Network::default(), |sum, one| Network {
            rx_bytes: sum.rx_bytes.saturating_add(one.rx_bytes),
            tx_bytes: sum.tx_bytes.saturating_add(one.tx_bytes),
        })
    });
    let block = answer.blkio_stats.io_service_bytes_recursive.map(|entries| {
        let sum = |wanted: &str| {
            let of_kind = entries.iter().filter(|entry| entry.op.eq_ignore_ascii_case(wanted));
            of_kind.map(|entry| entry.value).fold(0, u64::saturating_add)
        };
        Block { read_bytes: sum("read"), written_bytes: sum("write") }
    });
    let reading = Reading {
        cpu_ns: cpu.cpu_usage.total_usage,
        memory,
        network,
        block,
        pids: answer.pids_stats.current,
    };
    Some(Timed { reading, clock_ns })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value) -> Option<Timed> {
        timed(serde_json::from_value(json).unwrap(), Some(8_000_000_000))
    }

    #[test]
    fn memory_is_without_the_page_cache_and_no_limit_is_none() {
        let answer = |limit: u64| {
            serde_json::json!({
                "cpu_stats": {"cpu_usage": {"total_usage": 5}, "system_cpu_usage": 4_000, "online_cpus": 4},
                "memory_stats": {"usage": 100, "limit": limit, "stats": {"total_inactive_file": 30, "inactive_file": 1}},
                "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
                "blkio_stats": {"io_service_bytes_recursive": [
                    {"op": "Read", "value": 7}, {"op": "Write", "value": 8}, {"op": "Total", "value": 15}]},
                "pids_stats": {"current": 3},
            })
        };
        let timed = read(answer(1_000)).unwrap();
        assert_eq!(timed.clock_ns, 1_000);
        assert_eq!(timed.reading.memory, Some(Memory { used_bytes: 70, limit_bytes: Some(1_000) }));
        assert_eq!(timed.reading.network, Some(Network { rx_bytes: 11, tx_bytes: 22 }));
        assert_eq!(timed.reading.block, Some(Block { read_bytes: 7, written_bytes: 8 }));
        assert_eq!(read(answer(8_000_000_000)).unwrap().reading.memory.unwrap().limit_bytes, None);
    }

    #[test]
    fn a_host_without_memory_accounting_is_not_zero_bytes() {
        let timed = read(serde_json::json!({
            "cpu_stats": {"cpu_usage": {"total_usage": 5}, "system_cpu_usage": 4_000, "online_cpus": 4},
            "memory_stats": {}, "blkio_stats": {"io_service_bytes_recursive": null}, "networks": null,
        }));
        let reading = timed.unwrap().reading;
        assert_eq!((reading.memory, reading.network, reading.block, reading.pids), (None, None, None, None));
    }

    #[test]
    fn a_container_that_has_ended_gives_no_reading() {
        let ended = serde_json::json!({"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}});
        assert_eq!(read(ended), None);
    }
}
