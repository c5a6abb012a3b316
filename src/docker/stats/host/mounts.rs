//! The mounts of a process: `/proc/<pid>/mountinfo` (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::docker::stats::file;

/// File systems that are no disk.
const PSEUDO: [&str; 30] = [
    "aufs",
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nfsd",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];
/// File systems behind a network. One whose server is gone holds whoever asks it for ever, so they are not asked.
const REMOTE: [&str; 9] = ["9p", "afs", "ceph", "cifs", "coda", "ncpfs", "nfs", "nfs4", "smb3"];
/// Those of FUSE that put local disks together. Any other may have anything behind it.
const LOCAL_FUSE: [&str; 3] = ["fuse.bindfs", "fuse.mergerfs", "fuse.shfs"];

/// One mount.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mount {
    /// `major:minor`, the same for every mount of a file system.
    pub(super) id: String,
    /// Which directory of the file system is mounted; `/` when it is all of it.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) point: PathBuf,
    /// `ext4`.
    pub(super) kind: String,
    /// `/dev/sda1`.
    pub(super) device: String,
}

impl Mount {
    /// Whether asking it may block for ever.
    pub(super) fn is_remote(&self) -> bool {
        let kind = self.kind.as_str();
        REMOTE.contains(&kind) || (kind.starts_with("fuse.") && !LOCAL_FUSE.contains(&kind))
    }

    /// Whether it is no disk at all.
    pub(super) fn is_pseudo(&self) -> bool {
        PSEUDO.contains(&self.kind.as_str())
    }
}

/// The mounts that a process sees, by its number or `self`; none when they cannot be read.
pub(super) fn of(proc: &Path, process: &str) -> Vec<Mount> {
    let mut buffer = Vec::new();
    file::read(&proc.join(process).join("mountinfo"), &mut buffer).map(parse).unwrap_or_default()
}

/// Lines are `id parent major:minor root point options [optional …] - kind device options`.
fn parse(text: &[u8]) -> Vec<Mount> {
    let mount = |line| {
        let mut words = file::words(line).skip(2);
        let (id, root, point) = (words.next()?, words.next()?, words.next()?);
        let mut words = words.skip_while(|word| *word != b"-").skip(1);
        let (kind, device) = (words.next()?, words.next()?);
        let text = |word| unescaped(word).to_string_lossy().into_owned();
        Some(Mount {
            id: text(id),
            root: unescaped(root).into(),
            point: unescaped(point).into(),
            kind: text(kind),
            device: text(device),
        })
    };
    file::lines(text).filter_map(mount).collect()
}

/// The mount that holds a path: the longest mount point above it, and the last of those, which covers the others.
pub(super) fn holding<'m>(mounts: &'m [Mount], path: &Path) -> Option<&'m Mount> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count())
}

/// White space and backslashes are written as three octal digits: `\040`.
fn unescaped(word: &[u8]) -> OsString {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, behind)) = rest.split_first() {
        let code = (*first == b'\\')
            .then(|| behind.get(..3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        plain.push(code.unwrap_or(*first));
        rest = if code.is_some() { behind.get(3..).unwrap_or_default() } else { behind };
    }
    OsString::from_vec(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
        42 27 8:1 / /srv/my\\040disk\\134 rw,relatime shared:1 master:2 - xfs /dev/sda1 rw\n\
        43 42 0:44 / /srv/my\\040disk\\134/nas rw - nfs4 nas:/export rw,vers=4.2\n\
        44 27 8:2 / /srv/old rw - ext4 /dev/sda2 rw\n\
        45 44 8:3 /sub /srv/old rw - ext4 /dev/sda3 rw\n\
        damaged line\n";

    #[test]
    fn a_line_is_read_whatever_optional_fields_and_blanks_it_has() {
        let mounts = parse(HOST.as_bytes());
        assert_eq!(mounts.len(), 6);
        let disk = Mount {
            id: "8:1".to_owned(),
            root: "/".into(),
            point: "/srv/my disk\\".into(),
            kind: "xfs".to_owned(),
            device: "/dev/sda1".to_owned(),
        };
        assert_eq!(mounts[2], disk);
    }

    #[test]
    fn a_path_lies_on_the_nearest_mount_above_and_the_latest_of_one_place() {
        let mounts = parse(HOST.as_bytes());
        let device = |path: &str| holding(&mounts, Path::new(path)).unwrap().device.clone();
        assert_eq!(device("/srv/my disk\\/media"), "/dev/sda1");
        assert_eq!(device("/srv/my disk\\/nas/films"), "nas:/export");
        assert_eq!(device("/srv/older"), "/dev/vda", "a name that merely begins alike");
        assert_eq!(device("/srv/old/a"), "/dev/sda3");
        assert_eq!(holding(&[], Path::new("/")), None);
    }

    #[test]
    fn what_is_no_escape_stays_as_it_is() {
        for (word, plain) in [("a\\", "a\\"), ("\\9", "\\9"), ("\\777", "\\777"), ("\\011b", "\tb")] {
            assert_eq!(unescaped(word.as_bytes()), plain);
        }
    }
}
