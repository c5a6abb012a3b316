//! The files of cgroup v2: one directory for all controllers.

use std::path::{Path, PathBuf};

use super::{Miss, file, membership};
use crate::docker::stats::reading::{Block, Memory, Reading};

/// A container's files, as far as the host has them.
#[derive(Debug)]
pub(super) struct Files {
    cpu: PathBuf,
    memory: Option<MemoryFiles>,
    block: Option<PathBuf>,
    pids: Option<PathBuf>,
}

#[derive(Debug)]
struct MemoryFiles {
    current: PathBuf,
    stat: PathBuf,
    max: PathBuf,
}

/// Whether v2 is what counts at this mount point. On a hybrid host it stands in a folder beside the controllers of
/// v1, or carries none that we need.
pub(super) fn rules(root: &Path, buffer: &mut Vec<u8>) -> bool {
    file::read(&root.join("cgroup.controllers"), buffer)
        .is_ok_and(|names| file::words(names).any(|name| name == b"cpu" || name == b"memory"))
}

impl Files {
    /// The files of a container by `/proc/<pid>/cgroup` of one of its processes.
    pub(super) fn find(root: &Path, id: &str, groups: &str) -> Result<Self, Miss> {
        let line = membership::v2(groups).ok_or(Miss::NotOurs)?;
        let own = membership::own_path(line.path, id).ok_or(Miss::NotOurs)?;
        // The kernel keeps `usage_usec` of every group, even where the cpu controller is off.
        let dir = membership::directory(root, own, "cpu.stat")
            .ok_or_else(|| Miss::NoFiles(root.join(own).display().to_string()))?;
        let find = |name: &str| Some(dir.join(name)).filter(|path| path.exists());
        Ok(Self {
            cpu: dir.join("cpu.stat"),
            memory: find("memory.current").map(|current| MemoryFiles {
                current,
                stat: dir.join("memory.stat"),
                max: dir.join("memory.max"),
            }),
            block: find("io.stat"),
            pids: find("pids.current"),
        })
    }

    /// The file that must be there.
    pub(super) fn cpu(&self) -> &Path {
        &self.cpu
    }

    /// Reads them; `None` when one is gone.
    pub(super) fn read(&self, buffer: &mut Vec<u8>) -> Option<Reading> {
        let cpu_us = file::field(file::read(&self.cpu, buffer).ok()?, b"usage_usec")?;
        let memory = match &self.memory {
            Some(files) => Some(files.read(buffer)?),
            None => None,
        };
        let block = match &self.block {
            Some(path) => Some(block(file::read(path, buffer).ok()?)),
            None => None,
        };
        let pids = match &self.pids {
            Some(path) => Some(file::read_number(path, buffer)?),
            None => None,
        };
        Some(Reading { cpu_ns: cpu_us.saturating_mul(1000), memory, network: None, block, pids })
    }
}

impl MemoryFiles {
    fn read(&self, buffer: &mut Vec<u8>) -> Option<Memory> {
        let usage = file::read_number(&self.current, buffer)?;
        let cache = file::field(file::read(&self.stat, buffer).ok()?, b"inactive_file");
        // "max" when there is no limit.
        let limit_bytes = file::number(file::read(&self.max, buffer).ok()?);
        Some(Memory { used_bytes: super::without_cache(usage, cache), limit_bytes })
    }
}

/// Lines are `8:0 rbytes=4096 wbytes=0 rios=1 …`; a device without traffic may have nothing behind its number.
fn block(text: &[u8]) -> Block {
    let mut total = Block::default();
    for word in file::words(text) {
        if let Some(bytes) = word.strip_prefix(b"rbytes=").and_then(file::number) {
            total.read_bytes = total.read_bytes.saturating_add(bytes);
        } else if let Some(bytes) = word.strip_prefix(b"wbytes=").and_then(file::number) {
            total.written_bytes = total.written_bytes.saturating_add(bytes);
        }
    }
    total
}
