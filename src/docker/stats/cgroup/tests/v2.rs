use super::host::{Host, ID, OTHER};
use crate::docker::stats::cgroup::Miss;
use crate::docker::stats::reading::{Block, Memory, Network, Reading};

/// What [`Host::container`] has used.
const USED: Reading = Reading {
    cpu_ns: 1_090_957_000,
    memory: Some(Memory { used_bytes: 80_781_312 - 8_192_000, limit_bytes: Some(134_217_728) }),
    network: Some(Network { rx_bytes: 2_600, tx_bytes: 1_126 }),
    block: Some(Block { read_bytes: 4_096_100, written_bytes: 8_242 }),
    pids: Some(5),
};

#[test]
fn a_container_is_read_under_any_driver_and_parent() {
    for dir in [
        format!("system.slice/docker-{ID}.scope"),
        format!("docker/{ID}"),
        format!("media.slice/docker-{ID}.scope"),
        format!("machine.slice/libpod-{ID}.scope"),
        format!("user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"),
    ] {
        let host = Host::v2();
        host.container(7, &dir);
        assert_eq!(host.reading(7), USED, "{dir}");
    }
}

#[test]
fn what_an_init_system_inside_moves_around_still_counts_for_the_container() {
    let host = Host::v2();
    let dir = format!("docker/{ID}");
    host.group_v2(&dir);
    host.group_v2(&format!("{dir}/init.scope"));
    host.write(&format!("cgroup/{dir}/init.scope/pids.current"), "1\n");
    host.process(7, &format!("0::/{dir}/init.scope\n"));
    assert_eq!(host.reading(7).pids, Some(5));
}

#[test]
fn paths_told_from_within_a_cgroup_namespace_are_found_at_the_usual_parents() {
    for (told, real) in [
        (format!("/../docker-{ID}.scope"), format!("system.slice/docker-{ID}.scope")),
        (format!("/../{ID}"), format!("docker/{ID}")),
        (format!("/../../media.slice/docker-{ID}.scope"), format!("media.slice/docker-{ID}.scope")),
    ] {
        let host = Host::v2();
        host.group_v2(&real);
        host.process(7, &format!("0::{told}\n"));
        assert_eq!(host.reading(7), USED, "{told}");
    }
    let host = Host::v2();
    host.group_v2(&format!("a.slice/docker-{ID}.scope"));
    host.process(7, &format!("0::/../docker-{ID}.scope\n"));
    assert!(matches!(host.find(7), Err(Miss::NoFiles(_))), "a parent without a name cannot be guessed");
}

#[test]
fn a_container_without_a_limit_has_none() {
    let host = Host::v2();
    let dir = format!("system.slice/docker-{ID}.scope");
    host.container(7, &dir);
    host.write(&format!("cgroup/{dir}/memory.max"), "max\n");
    assert_eq!(host.reading(7).memory.map(|memory| memory.limit_bytes), Some(None));
}

#[test]
fn page_cache_is_left_out_only_when_it_is_smaller_than_the_whole() {
    let host = Host::v2();
    let dir = format!("system.slice/docker-{ID}.scope");
    host.container(7, &dir);
    host.write(&format!("cgroup/{dir}/memory.current"), "8192000\n");
    assert_eq!(host.reading(7).memory.map(|memory| memory.used_bytes), Some(8_192_000));
}

#[test]
fn a_host_that_keeps_no_account_of_memory_says_so_instead_of_0() {
    let host = Host::v2();
    host.write("cgroup/cgroup.controllers", "cpuset cpu io pids\n");
    let dir = format!("system.slice/docker-{ID}.scope");
    host.container(7, &dir);
    for name in ["memory.current", "memory.stat", "memory.max"] {
        host.remove(&format!("cgroup/{dir}/{name}"));
    }
    assert_eq!(host.reading(7), Reading { memory: None, ..USED });
}

#[test]
fn controllers_that_are_off_for_a_group_are_not_read() {
    let host = Host::v2();
    let dir = format!("user.slice/docker-{ID}.scope");
    host.container(7, &dir);
    host.remove(&format!("cgroup/{dir}/io.stat"));
    host.remove(&format!("cgroup/{dir}/pids.current"));
    assert_eq!(host.reading(7), Reading { block: None, pids: None, ..USED });
}

#[test]
fn a_container_that_has_not_touched_a_disk_read_nothing() {
    let host = Host::v2();
    let dir = format!("system.slice/docker-{ID}.scope");
    host.container(7, &dir);
    host.write(&format!("cgroup/{dir}/io.stat"), "");
    assert_eq!(host.reading(7).block, Some(Block::default()));
}

#[test]
fn without_cpu_time_there_is_nothing_to_read() {
    let host = Host::v2();
    let dir = format!("system.slice/docker-{ID}.scope");
    host.container(7, &dir);
    host.write(&format!("cgroup/{dir}/cpu.stat"), "nr_periods 0\n");
    let Err(Miss::NoFiles(what)) = host.find(7) else { panic!("it has no CPU time") };
    assert!(what.ends_with("cpu.stat"), "{what}");
}

#[test]
fn a_container_inside_of_a_container_is_told_from_it() {
    let host = Host::v2();
    host.container(7, &format!("docker/{OTHER}/docker/{ID}"));
    host.group_v2(&format!("docker/{OTHER}"));
    host.write(&format!("cgroup/docker/{OTHER}/pids.current"), "99\n");
    assert_eq!(host.reading(7).pids, Some(5));
}
