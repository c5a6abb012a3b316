//! A container's control group: found once by one of its processes, then read again and again.
//!
//! `/proc/<pid>/cgroup` says where it is, whatever driver made it, and the path must carry the container's id: a
//! process number of another pid namespace may be somebody else's process here. cgroup v1 and v2 differ in their
//! files (`v1.rs`, `v2.rs`), not in what they tell.

mod membership;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use std::path::{Path, PathBuf};

use super::file;
use super::network::Namespace;
use super::reading::Reading;

/// How long a full id is; a shorter one might be part of another's.
const ID_LENGTH: usize = 64;
/// What the kernel adds to the path of a group that was removed while a process of it is still there.
const REMOVED: &str = " (deleted)";

/// Where the host's processes and control groups are visible.
#[derive(Debug, Clone, PartialEq)]
pub struct Roots {
    /// The host's `/proc`.
    pub proc: PathBuf,
    /// The host's `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
}

impl Roots {
    /// Where to look, the best first: the usual places, which are the host's when we run on it (or in its pid
    /// namespace), and below `/host`, where people mount them into a container; each with each.
    pub fn candidates() -> [Self; 4] {
        let roots = |proc: &str, cgroup: &str| Self { proc: proc.into(), cgroup: cgroup.into() };
        [
            roots("/proc", "/sys/fs/cgroup"),
            roots("/host/proc", "/host/sys/fs/cgroup"),
            roots("/proc", "/host/sys/fs/cgroup"),
            roots("/host/proc", "/sys/fs/cgroup"),
        ]
    }
}

/// Why a container's control group cannot be read. The sentences are for users. In the order of how far the search
/// came: of the misses at several [`Roots`] the greatest says best what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Miss {
    /// The process is not there: it ended, is in another pid namespace, or this is no `/proc`.
    #[error(
        "the container's process is not visible here: unless it has just ended, run Docker Watcher with `pid: host`, or mount the host's /proc read-only at /host/proc"
    )]
    NoSuchProcess,
    /// The control group of the process does not carry the container's id.
    #[error(
        "the process with the container's number is not in the container's control group: run Docker Watcher with `pid: host` (and on cgroup v2 with `cgroup: host`), or mount the host's /proc read-only at /host/proc"
    )]
    NotOurs,
    /// The files of its control group are not there or not readable; names what was looked for.
    #[error(
        "{0} cannot be read: mount the host's /sys/fs/cgroup read-only at the same place (and on cgroup v2 run Docker Watcher with `cgroup: host`)"
    )]
    NoFiles(String),
}

/// Where the numbers of one running container are. Holds paths, no open files.
#[derive(Debug)]
pub struct Cgroup {
    files: Files,
    /// `None`: it has no network of its own.
    network: Option<Namespace>,
    /// `/proc/<pid>`.
    process: PathBuf,
}

#[derive(Debug)]
enum Files {
    V1(v1::Files),
    V2(v2::Files),
}

impl Cgroup {
    /// Looks for the container with this full id, whose first process has this number. Its CPU time is readable when
    /// this succeeds; what else the host does not account for stays `None` in every reading. A container that
    /// starts again has another process: look again.
    pub fn find(roots: &Roots, id: &str, pid: u32) -> Result<Self, Miss> {
        let process = roots.proc.join(pid.to_string());
        let mut buffer = Vec::new();
        let text = file::read(&process.join("cgroup"), &mut buffer).map_err(|_| Miss::NoSuchProcess)?;
        let groups = String::from_utf8_lossy(text).into_owned();
        if id.len() != ID_LENGTH {
            return Err(Miss::NotOurs);
        }
        if groups.lines().any(|line| line.contains(id) && line.ends_with(REMOVED)) {
            return Err(Miss::NoSuchProcess);
        }
        let files = if v2::rules(&roots.cgroup, &mut buffer) {
            v2::Files::find(&roots.cgroup, id, &groups).map(Files::V2)
        } else {
            v1::Files::find(&roots.cgroup, id, &groups).map(Files::V1)
        };
        // A container that ended while we looked is no reason to tell anybody to mount something.
        let ended = |miss| if process.join("cgroup").exists() { miss } else { Miss::NoSuchProcess };
        let network = Namespace::of(&roots.proc, pid);
        let found = Self { files: files.map_err(ended)?, network, process: process.clone() };
        match found.files.read(&mut buffer) {
            Some(_) => Ok(found),
            None => Err(ended(Miss::NoFiles(found.files.cpu().display().to_string()))),
        }
    }

    /// The version of control groups that it is read from, 1 or 2.
    pub fn version(&self) -> u8 {
        match self.files {
            Files::V1(_) => 1,
            Files::V2(_) => 2,
        }
    }

    /// What the container has used until now. `None` when files vanished in mid-read, since it ended.
    /// The buffer is for all containers; it is overwritten.
    pub fn read(&self, buffer: &mut Vec<u8>) -> Option<Reading> {
        let mut reading = self.files.read(buffer)?;
        // The process last: were it another one by now, the container would have been started anew in between.
        match &self.network {
            Some(namespace) => reading.network = Some(namespace.read(buffer)?),
            None if !self.process.exists() => return None,
            None => {}
        }
        Some(reading)
    }
}

impl Files {
    fn read(&self, buffer: &mut Vec<u8>) -> Option<Reading> {
        match self {
            Self::V1(files) => files.read(buffer),
            Self::V2(files) => files.read(buffer),
        }
    }

    fn cpu(&self) -> &Path {
        match self {
            Self::V1(files) => files.cpu(),
            Self::V2(files) => files.cpu(),
        }
    }
}

/// Memory in use as the Docker CLI counts it (`calculateMemUsageUnixNoCache`): without inactive file pages, when
/// that makes sense.
fn without_cache(usage: u64, inactive_file: Option<u64>) -> u64 {
    match inactive_file {
        Some(cache) if cache < usage => usage - cache,
        _ => usage,
    }
}
