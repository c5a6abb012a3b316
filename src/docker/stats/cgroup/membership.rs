//! `/proc/<pid>/cgroup`: which control groups a process is in (cgroups(7), proc_pid_cgroup(5)).

use std::path::{Path, PathBuf};

/// Where containers' groups usually stand, for paths that are told relative to our own group.
const PARENTS: [&str; 3] = ["", "system.slice", "docker"];

/// One hierarchy, and where in it the process is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line<'a> {
    /// Comma-separated, as cgroup v1 mounts them together; empty for v2.
    pub(super) controllers: &'a str,
    /// Starts with `/`.
    pub(super) path: &'a str,
}

/// The line of a v1 controller: `4:cpu,cpuacct:/docker/<id>`.
pub(super) fn v1<'a>(text: &'a str, controller: &str) -> Option<Line<'a>> {
    parsed(text).map(|(_, line)| line).find(|line| line.controllers.split(',').any(|name| name == controller))
}

/// The line of v2: `0::/system.slice/docker-<id>.scope`.
pub(super) fn v2(text: &str) -> Option<Line<'_>> {
    parsed(text).find(|(number, line)| *number == "0" && line.controllers.is_empty()).map(|(_, line)| line)
}

fn parsed(text: &str) -> impl Iterator<Item = (&str, Line<'_>)> {
    text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        Some((number, Line { controllers, path }))
    })
}

/// The container's own group, without the leading `/`; `None` when the path does not carry its id.
///
/// What stands below the component with the id is the container's own doing: an init system inside of it moves its
/// processes to groups of their own, and the numbers of the whole container are above them.
pub(super) fn own_path<'a>(path: &'a str, id: &str) -> Option<&'a str> {
    let at = path.find(id)?;
    let behind = at + id.len();
    let end = path.get(behind..)?.find('/').map_or(path.len(), |slash| behind + slash);
    Some(path.get(..end)?.trim_start_matches('/'))
}

/// The directory of a group below a hierarchy's mount point, known by a file that must be in it.
///
/// Read from within a cgroup namespace, a path is told relative to our own group (`/../docker-<id>.scope`), and what
/// lies above that has no name: then the usual parents are tried.
pub(super) fn directory(mount: &Path, own_path: &str, file: &str) -> Option<PathBuf> {
    let below = own_path.trim_start_matches("../");
    let parents: &[&str] = if below.len() == own_path.len() { &[""] } else { &PARENTS };
    parents.iter().map(|parent| mount.join(parent).join(below)).find(|dir| dir.join(file).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4c8d1e2b5a69788796a5b4c3d2e1f03f4c8d1e2b5a69788796a5b4c3d2e1f0";

    #[test]
    fn the_group_is_the_component_that_carries_the_id_whoever_made_it() {
        for (path, own) in [
            ("/docker/{}", "docker/{}"),
            ("/system.slice/docker-{}.scope", "system.slice/docker-{}.scope"),
            ("/machine.slice/libpod-{}.scope/container", "machine.slice/libpod-{}.scope"),
            ("/docker/{}/init.scope", "docker/{}"),
            ("/docker/{}/system.slice/docker-{}.scope", "docker/{}"),
            ("/custom.slice/custom-a.slice/docker-{}.scope", "custom.slice/custom-a.slice/docker-{}.scope"),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{}.scope",
                "user.slice/user-1000.slice/user@1000.service/user.slice/docker-{}.scope",
            ),
            ("/../../docker-{}.scope", "../../docker-{}.scope"),
        ] {
            let (path, own) = (path.replace("{}", ID), own.replace("{}", ID));
            assert_eq!(own_path(&path, ID), Some(own.as_str()));
        }
        assert_eq!(own_path("/user.slice/user-1000.slice/session-3.scope", ID), None);
        assert_eq!(own_path(&format!("/docker/{}", ID.replace('3', "4")), ID), None);
        assert_eq!(own_path("/", ID), None);
    }

    #[test]
    fn controllers_are_found_where_they_share_a_hierarchy_and_named_ones_are_not_v2() {
        let text = "12:cpu,cpuacct:/a\n11:memory:/b:c\n1:name=systemd:/d\n0::/e\n";
        assert_eq!(v1(text, "cpuacct"), Some(Line { controllers: "cpu,cpuacct", path: "/a" }));
        assert_eq!(v1(text, "memory").map(|line| line.path), Some("/b:c"));
        assert_eq!(v1(text, "cpua"), None);
        assert_eq!(v2(text), Some(Line { controllers: "", path: "/e" }));
        assert_eq!(v2("1:name=systemd:/d\n"), None);
    }
}
