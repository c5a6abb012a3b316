//! How full the file systems are that hold what matters: Docker's data root and bind-mounted directories.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::mounts::{self, Mount};

/// More file systems than that are not shown.
const MOST: usize = 16;
/// Docker mounts this file into every container, from its data root.
const FROM_DATA_ROOT: &str = "/etc/hostname";

/// A file system.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// The first of the paths asked for that lies on it, as it was asked for.
    pub path: PathBuf,
    /// Its mount point as the host names it; as we do where the host's mounts are not visible.
    pub mount: String,
    /// `/dev/sda1`.
    pub device: String,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes that an unprivileged user could use, used ones included, as `df` counts its percentage.
    pub total_bytes: u64,
}

/// The file systems that hold these paths, each once, at most 16, in the order of the paths. No answer for a path
/// that does not exist here, that lies on no disk (tmpfs, a container's overlay), or behind a network, where asking
/// may block for ever.
pub fn disks(proc: &Path, paths: &[&Path]) -> Vec<Disk> {
    let ours = mounts::of(proc, "self");
    let hosts = mounts::of(proc, "1");
    let mut found: Vec<(String, Disk)> = Vec::new();
    for path in paths {
        if found.len() == MOST {
            break;
        }
        let Some(mount) = on_disk(&ours, path) else { continue };
        if found.iter().any(|(id, _)| *id == mount.id) {
            continue;
        }
        if let Some((used_bytes, total_bytes)) = usage(path) {
            let disk = Disk {
                path: path.to_path_buf(),
                mount: name(&hosts, mount).display().to_string(),
                device: mount.device.clone(),
                used_bytes,
                total_bytes,
            };
            found.push((mount.id.clone(), disk));
        }
    }
    found.into_iter().map(|(_, disk)| disk).collect()
}

/// The disk that holds a path. Links are followed, but not to ask a remote file system what they are.
fn on_disk<'m>(mounts: &'m [Mount], path: &Path) -> Option<&'m Mount> {
    mounts::holding(mounts, path).filter(|mount| !mount.is_remote())?;
    let real = fs::canonicalize(path).ok()?;
    mounts::holding(mounts, &real).filter(|mount| !mount.is_remote() && !mount.is_pseudo())
}

/// Bytes in use, and those an unprivileged user could use.
fn usage(path: &Path) -> Option<(u64, u64)> {
    let stat = statvfs(path).ok()?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(stat.f_frsize);
    let total = used.saturating_add(stat.f_bavail.saturating_mul(stat.f_frsize));
    (total > 0).then_some((used, total))
}

/// Where the host has mounted it. A container sees a file system only by what was bind-mounted from it, so the
/// host's own mount of the whole file system names it best, and the shortest of those.
fn name<'m>(hosts: &'m [Mount], mount: &'m Mount) -> &'m Path {
    let whole = |other: &&Mount| other.id == mount.id && other.root == Path::new("/");
    let best = hosts.iter().filter(whole).min_by_key(|other| other.point.as_os_str().len());
    &best.unwrap_or(mount).point
}

/// A path here on the file system of Docker's data root, to give to [`disks()`]. In a container that does not have the
/// data root mounted that is `/etc/hostname`, which Docker mounts from there. `None` when neither is here.
pub fn data_root_here(data_root: &Path, in_container: bool) -> Option<PathBuf> {
    let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
    if !in_container {
        return device(data_root).map(|_| data_root.to_path_buf());
    }
    choose(data_root, device)
}

/// In a container, only what lies on another device than its root was mounted from the host.
fn choose(data_root: &Path, device: impl Fn(&Path) -> Option<u64>) -> Option<PathBuf> {
    let own = device(Path::new("/"));
    [data_root, Path::new(FROM_DATA_ROOT)]
        .into_iter()
        .find(|path| device(path).is_some_and(|device| Some(device) != own))
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a mountinfo: `major:minor root point kind device`.
    fn proc(ours: &[&str], hosts: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (process, mounts) in [("self", ours), ("1", hosts)] {
            let line = |mount: &&str| {
                let words: Vec<&str> = mount.split(' ').collect();
                let [id, root, point, kind, device] = words[..] else { panic!("{mount}") };
                format!("42 27 {id} {root} {point} rw - {kind} {device} rw\n")
            };
            fs::create_dir_all(dir.path().join(process)).unwrap();
            let text: String = mounts.iter().map(line).collect();
            fs::write(dir.path().join(process).join("mountinfo"), text).unwrap();
        }
        dir
    }

    #[test]
    fn a_file_system_is_told_once_by_the_hosts_name_and_fits_what_df_says() {
        let data = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(data.path()).unwrap();
        let (a, b) = (here.join("a"), here.join("b"));
        fs::create_dir_all(&a).unwrap();
        fs::create_dir_all(&b).unwrap();
        let point = here.display();
        let ours = format!("8:1 /var/lib {point} ext4 /dev/sda1");
        let dir = proc(
            &["0:50 / / overlay overlay", &ours],
            &["8:1 / /mnt/again ext4 /dev/sda1", "8:1 / /data ext4 /dev/sda1", "8:1 /x /y ext4 /dev/sda1"],
        );
        let disks = disks(dir.path(), &[&here.join("nothing"), &b, &a]);
        let [disk] = &disks[..] else { panic!("{disks:?}") };
        assert_eq!((disk.mount.as_str(), disk.device.as_str()), ("/data", "/dev/sda1"));
        assert_eq!(disk.path, b);
        let stat = statvfs(&here).unwrap();
        assert!(disk.total_bytes <= stat.f_blocks * stat.f_frsize && disk.used_bytes <= disk.total_bytes);
        assert!(disk.total_bytes > 0);
    }

    #[test]
    fn the_mount_point_is_ours_when_the_hosts_mounts_are_not_visible() {
        let data = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(data.path()).unwrap();
        let dir = proc(&[&format!("8:1 /x {} ext4 /dev/sda1", here.display())], &[]);
        assert_eq!(disks(dir.path(), &[&here])[0].mount, here.display().to_string());
    }

    #[test]
    fn what_is_no_disk_is_left_out_and_a_remote_one_is_not_asked() {
        let data = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(data.path()).unwrap();
        for kind in ["tmpfs", "overlay", "proc", "squashfs", "nfs4", "cifs", "fuse.sshfs"] {
            let dir = proc(&[&format!("0:9 / {} {kind} x", here.display())], &[]);
            assert_eq!(disks(dir.path(), &[&here]), [], "{kind}");
        }
    }

    #[test]
    fn a_link_leads_to_the_disk_it_points_to() {
        let data = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(data.path()).unwrap();
        fs::create_dir_all(here.join("big")).unwrap();
        std::os::unix::fs::symlink(here.join("big"), here.join("link")).unwrap();
        let dir = proc(
            &[
                &format!("8:1 / {} ext4 /dev/sda1", here.display()),
                &format!("8:2 / {} ext4 /dev/sda2", here.join("big").display()),
            ],
            &[],
        );
        assert_eq!(disks(dir.path(), &[&here.join("link")])[0].device, "/dev/sda2");
    }

    #[test]
    fn no_more_than_sixteen_are_told() {
        let data = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(data.path()).unwrap();
        let paths: Vec<PathBuf> = (0..20).map(|n| here.join(n.to_string())).collect();
        let mounts: Vec<String> =
            paths.iter().enumerate().map(|(n, path)| format!("8:{n} / {} ext4 x", path.display())).collect();
        paths.iter().for_each(|path| fs::create_dir(path).unwrap());
        let dir = proc(&mounts.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        assert_eq!(disks(dir.path(), &paths.iter().map(PathBuf::as_path).collect::<Vec<_>>()).len(), 16);
    }

    #[test]
    fn in_a_container_the_data_root_is_known_by_a_file_that_docker_mounts_from_it() {
        let root = Path::new("/var/lib/docker");
        let container = |of_root: Option<u64>, of_file: Option<u64>| {
            choose(root, |path| match path.to_str().unwrap() {
                "/" => Some(50),
                FROM_DATA_ROOT => of_file,
                _ => of_root,
            })
        };
        assert_eq!(container(None, Some(8)), Some(FROM_DATA_ROOT.into()));
        assert_eq!(container(Some(8), Some(8)), Some(root.into()), "it is mounted");
        assert_eq!(
            container(Some(50), Some(8)),
            Some(FROM_DATA_ROOT.into()),
            "that is a directory of the image"
        );
        assert_eq!(container(None, Some(50)), None, "that is a file of the image");
        assert_eq!(container(None, None), None);
    }

    #[test]
    fn on_the_host_the_data_root_is_itself() {
        assert_eq!(data_root_here(Path::new("/"), false), Some("/".into()));
        assert_eq!(data_root_here(Path::new("/no/such/place"), false), None);
    }
}
