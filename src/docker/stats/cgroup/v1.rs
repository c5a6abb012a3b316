//! The files of cgroup v1: a hierarchy of its own for each controller, or for a few together.

use std::path::{Path, PathBuf};

use super::membership::{self, Line};
use super::{Miss, file};
use crate::docker::stats::reading::{Block, Memory, Reading};

/// What stands for "no limit" is the largest number that is a multiple of the page size; nobody has an exbibyte.
const NO_LIMIT: u64 = 1 << 60;

/// What counts bytes to and from disks, the best first: all of them, and of groups below the container's too; the
/// older file without those; those of the BFQ scheduler alone. Newer kernels (6.10) fill the first two only once a
/// throttle is set somewhere, and the last one is full only where that scheduler is in use.
const BLOCK: [&str; 3] = [
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_service_bytes",
    "blkio.bfq.io_service_bytes_recursive",
];

/// A container's files, as far as the host has them.
#[derive(Debug)]
pub(super) struct Files {
    cpu: PathBuf,
    memory: Option<MemoryFiles>,
    block: Option<BlockFile>,
    pids: Option<PathBuf>,
}

#[derive(Debug)]
struct MemoryFiles {
    usage: PathBuf,
    stat: PathBuf,
}

#[derive(Debug)]
struct BlockFile {
    path: PathBuf,
    /// Whether the host as a whole has counted anything there. If not, no device in it is no account, rather than
    /// a container that has not touched a disk.
    is_kept: bool,
}

impl Files {
    /// The files of a container by `/proc/<pid>/cgroup` of one of its processes.
    pub(super) fn find(root: &Path, id: &str, groups: &str) -> Result<Self, Miss> {
        let line = membership::v1(groups, "cpuacct")
            .ok_or_else(|| Miss::NoFiles("the account of CPU time (cpuacct)".to_owned()))?;
        let own = membership::own_path(line.path, id).ok_or(Miss::NotOurs)?;
        let cpu = in_hierarchy(root, "cpuacct", line, own, "cpuacct.usage")
            .ok_or_else(|| Miss::NoFiles(root.join("cpuacct").join(own).display().to_string()))?;
        let find = |controller: &str, name: &str| {
            let line = membership::v1(groups, controller)?;
            in_hierarchy(root, controller, line, membership::own_path(line.path, id)?, name)
        };
        let kept = BLOCK.iter().find(|name| is_kept(root, groups, name));
        Ok(Self {
            cpu,
            memory: find("memory", "memory.stat")
                .map(|stat| MemoryFiles { usage: stat.with_file_name("memory.usage_in_bytes"), stat }),
            block: kept
                .and_then(|name| Some(BlockFile { path: find("blkio", name)?, is_kept: true }))
                .or_else(|| {
                    let path = BLOCK.iter().find_map(|name| find("blkio", name))?;
                    Some(BlockFile { path, is_kept: false })
                }),
            pids: find("pids", "pids.current"),
        })
    }

    /// The file that must be there.
    pub(super) fn cpu(&self) -> &Path {
        &self.cpu
    }

    /// Reads them; `None` when one is gone.
    pub(super) fn read(&self, buffer: &mut Vec<u8>) -> Option<Reading> {
        let cpu_ns = file::read_number(&self.cpu, buffer)?;
        let memory = match &self.memory {
            Some(files) => Some(files.read(buffer)?),
            None => None,
        };
        let block = match &self.block {
            Some(BlockFile { path, is_kept }) => {
                let text = file::read(path, buffer).ok()?;
                (*is_kept || has_devices(text)).then(|| block(text))
            }
            None => None,
        };
        let pids = match &self.pids {
            Some(path) => Some(file::read_number(path, buffer)?),
            None => None,
        };
        Some(Reading { cpu_ns, memory, network: None, block, pids })
    }
}

impl MemoryFiles {
    fn read(&self, buffer: &mut Vec<u8>) -> Option<Memory> {
        let usage = file::read_number(&self.usage, buffer)?;
        let (mut cache, mut limit) = (None, None);
        for line in file::lines(file::read(&self.stat, buffer).ok()?) {
            limit = limit.or_else(|| file::number_after(line, b"hierarchical_memory_limit"));
            cache = file::number_after(line, b"total_inactive_file");
            if cache.is_some() {
                break;
            }
        }
        let limit_bytes = limit.filter(|limit| *limit < NO_LIMIT);
        Some(Memory { used_bytes: super::without_cache(usage, cache), limit_bytes })
    }
}

/// Where a controller may be mounted: under its name, which may be a link, or under the names of all that share it.
fn mounts(root: &Path, controller: &str, line: Line<'_>) -> [PathBuf; 2] {
    [root.join(controller), root.join(line.controllers)]
}

fn in_hierarchy(root: &Path, controller: &str, line: Line<'_>, own: &str, name: &str) -> Option<PathBuf> {
    let mut mounts = mounts(root, controller, line).into_iter();
    mounts.find_map(|mount| membership::directory(&mount, own, name)).map(|dir| dir.join(name))
}

/// Whether any disk of the host is counted in a file of this name.
fn is_kept(root: &Path, groups: &str, name: &str) -> bool {
    membership::v1(groups, "blkio").is_some_and(|line| {
        let mut buffer = Vec::new();
        mounts(root, "blkio", line)
            .iter()
            .any(|mount| file::read(&mount.join(name), &mut buffer).is_ok_and(has_devices))
    })
}

/// Devices are told by their numbers, `8:0`; without any there is only `Total 0`.
fn has_devices(text: &[u8]) -> bool {
    text.contains(&b':')
}

/// Lines are `8:0 Read 4096`, `8:0 Write 0`, … of each device, then `Total 4096`.
fn block(text: &[u8]) -> Block {
    let mut total = Block::default();
    for line in file::lines(text) {
        let mut words = file::words(line).skip(1);
        let (Some(operation), Some(bytes)) = (words.next(), words.next().and_then(file::number)) else {
            continue;
        };
        match operation {
            b"Read" => total.read_bytes = total.read_bytes.saturating_add(bytes),
            b"Write" => total.written_bytes = total.written_bytes.saturating_add(bytes),
            _ => {}
        }
    }
    total
}
