//! Which container Docker Watcher itself runs in: it must not stop itself.

/// The id of our own container; `None` when we run on the host.
pub fn container_id() -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    find(&mounts, &groups)
}

/// Docker mounts `/etc/hostname` and its like from `…/containers/<id>/`; cgroup v1 names the id as well.
fn find(mountinfo: &str, cgroup: &str) -> Option<String> {
    let of_mounts = mountinfo
        .lines()
        .filter(|line| {
            ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"].iter().any(|file| line.contains(file))
        })
        .find_map(|line| id_after(line, "/containers/"));
    of_mounts.or_else(|| {
        cgroup.lines().find_map(|line| id_after(line, "/docker/").or_else(|| id_after(line, "/docker-")))
    })
}

fn id_after(line: &str, mark: &str) -> Option<String> {
    let (_, rest) = line.split_once(mark)?;
    let id = rest.get(..64)?;
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4c8d1e2b5a69788796a5b4c3d2e1f03f4c8d1e2b5a69788796a5b4c3d2e1f0";

    #[test]
    fn a_container_knows_itself_by_its_mounts_or_its_cgroup() {
        let mounts = format!(
            "612 611 0:52 / / rw - overlay overlay rw\n\
             641 612 259:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/root rw"
        );
        assert_eq!(find(&mounts, "0::/").as_deref(), Some(ID));
        assert_eq!(find("", &format!("4:memory:/docker/{ID}")).as_deref(), Some(ID));
        assert_eq!(find("", &format!("0::/system.slice/docker-{ID}.scope")).as_deref(), Some(ID));
    }

    #[test]
    fn a_host_is_no_container() {
        assert_eq!(find("25 1 259:1 / / rw - ext4 /dev/root rw", "0::/init.scope"), None);
        let elsewhere = format!("641 612 259:1 /var/lib/docker/containers/{ID}/mounts/secrets /run/x rw");
        assert_eq!(find(&elsewhere, ""), None, "some container's directory, not ours");
    }
}
