//! What a container has used.

/// What a container has used since it started, read at one moment: counters, not rates.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// CPU time on all cores, nanoseconds.
    pub cpu_ns: u64,
    /// Its memory; `None` when the host keeps no account of memory (a Raspberry Pi's default).
    pub memory: Option<Memory>,
    /// Its network; `None` when it has none of its own (host network).
    pub network: Option<Network>,
    /// What it read from and wrote to disks; `None` when that is not accounted for.
    pub block: Option<Block>,
    /// Processes and threads that run in it; `None` when they are not counted.
    pub pids: Option<u64>,
}

/// Memory in use, counted as `docker stats` does.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Memory {
    /// Bytes in use. Page cache that can be dropped at any time (inactive file pages) is not counted.
    pub used_bytes: u64,
    /// The most it may use, bytes; `None` when there is no limit.
    pub limit_bytes: Option<u64>,
}

/// What went through network interfaces.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Network {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

/// What went to and from block devices.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Block {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
}
