use super::host::{Host, ID, OTHER, UNLIMITED_V1};
use crate::docker::stats::cgroup::Miss;
use crate::docker::stats::reading::{Block, Memory, Network, Reading};

/// What [`Host::group_v1`] has used.
const USED: Reading = Reading {
    cpu_ns: 1_090_957_181,
    memory: Some(Memory { used_bytes: 80_781_312 - 8_192_000, limit_bytes: Some(134_217_728) }),
    network: Some(Network { rx_bytes: 2_600, tx_bytes: 1_126 }),
    block: Some(Block { read_bytes: 4_096_100, written_bytes: 8_242 }),
    pids: Some(5),
};

/// The `/proc/<pid>/cgroup` of a process that is in this group everywhere.
fn groups(cpu: &str, path: &str) -> String {
    format!(
        "9:name=systemd:{path}\n8:pids:{path}\n7:blkio:{path}\n6:freezer:{path}\n5:devices:{path}\n\
         4:memory:{path}\n3:cpuset:{path}\n{cpu}:{path}\n0::{path}\n"
    )
}

fn host_with(limit: &str) -> Host {
    let host = Host::hybrid();
    let dir = format!("docker/{ID}");
    host.process(7, &groups("2:cpuacct", &format!("/{dir}")));
    host.group_v1("cpuacct", &dir, limit);
    host
}

#[test]
fn a_container_is_read_where_cpuacct_is_mounted_alone() {
    assert_eq!(host_with("134217728").reading(7), USED);
}

#[test]
fn a_container_is_read_where_controllers_share_a_mount() {
    for (controllers, mounted, linked) in
        [("2:cpu,cpuacct", "cpu,cpuacct", false), ("2:cpuacct,cpu", "cpu,cpuacct", true)]
    {
        let host = Host::hybrid();
        let dir = format!("system.slice/docker-{ID}.scope");
        host.process(7, &groups(controllers, &format!("/{dir}")));
        host.group_v1(mounted, &dir, "134217728");
        if linked {
            host.link("cgroup/cpuacct", mounted);
        }
        assert_eq!(host.reading(7), USED, "{controllers} at {mounted}");
    }
}

#[test]
fn each_controller_may_have_a_path_of_its_own() {
    let host = host_with("134217728");
    let elsewhere = format!("/custom.slice/docker-{ID}.scope");
    let text = groups("2:cpuacct", &format!("/docker/{ID}"))
        .replace(&format!("8:pids:/docker/{ID}"), &format!("8:pids:{elsewhere}"));
    host.process(7, &text);
    host.write(&format!("cgroup/pids{elsewhere}/pids.current"), "6\n");
    assert_eq!(host.reading(7), Reading { pids: Some(6), ..USED });
}

#[test]
fn a_huge_limit_is_none() {
    let limit = |text| host_with(text).reading(7).memory.and_then(|memory| memory.limit_bytes);
    assert_eq!(limit(UNLIMITED_V1), None);
    assert_eq!(limit("18446744073709551615"), None, "as old kernels write it");
    assert_eq!(limit("1099511627776"), Some(1 << 40));
}

#[test]
fn what_the_host_does_not_account_for_is_none_not_0() {
    for (controller, without) in [
        ("memory", Reading { memory: None, ..USED }),
        ("blkio", Reading { block: None, ..USED }),
        ("pids", Reading { pids: None, ..USED }),
    ] {
        let host = host_with("134217728");
        std::fs::remove_dir_all(host.path(&format!("cgroup/{controller}"))).unwrap();
        assert_eq!(host.reading(7), without, "{controller} is not mounted");

        let host = host_with("134217728");
        let text = groups("2:cpuacct", &format!("/docker/{ID}"));
        let lines = text.lines().filter(|line| !line.contains(controller));
        host.process(7, &lines.map(|line| format!("{line}\n")).collect::<String>());
        assert_eq!(host.reading(7), without, "the kernel has no {controller}");
    }
}

#[test]
fn disks_are_counted_in_the_file_that_the_kernel_fills() {
    let recursive = "blkio.throttle.io_service_bytes_recursive";
    for filled in ["blkio.throttle.io_service_bytes", "blkio.bfq.io_service_bytes_recursive"] {
        let host = host_with("134217728");
        let own = format!("cgroup/blkio/docker/{ID}");
        for dir in ["cgroup/blkio", &own] {
            let text = host.read(&format!("{dir}/{recursive}"));
            host.write(&format!("{dir}/{recursive}"), "Total 0\n");
            host.write(&format!("{dir}/blkio.throttle.io_service_bytes"), "Total 0\n");
            host.write(&format!("{dir}/{filled}"), &text);
        }
        assert_eq!(host.reading(7), USED, "{filled}");
    }
}

#[test]
fn a_kernel_that_counts_for_nobody_is_told_from_a_container_that_has_not_touched_a_disk() {
    let host = host_with("134217728");
    let own = format!("cgroup/blkio/docker/{ID}/blkio.throttle.io_service_bytes_recursive");
    for end in ["", "_recursive"] {
        host.write(&format!("cgroup/blkio/blkio.throttle.io_service_bytes{end}"), "Total 0\n");
    }
    assert_eq!(host.reading(7), USED, "it does count, whatever it says of the whole host");
    host.write(&own, "Total 0\n");
    assert_eq!(host.reading(7), Reading { block: None, ..USED });
}

#[test]
fn a_container_that_has_not_touched_a_disk_read_nothing() {
    let host = host_with("134217728");
    host.write(&format!("cgroup/blkio/docker/{ID}/blkio.throttle.io_service_bytes_recursive"), "Total 0\n");
    assert_eq!(host.reading(7).block, Some(Block::default()));
}

#[test]
fn a_file_that_vanishes_takes_the_reading_with_it() {
    for file in [
        "cpuacct/{}/cpuacct.usage",
        "memory/{}/memory.usage_in_bytes",
        "memory/{}/memory.stat",
        "blkio/{}/blkio.throttle.io_service_bytes_recursive",
        "pids/{}/pids.current",
    ] {
        let host = host_with("134217728");
        let cgroup = host.find(7).unwrap();
        host.remove(&format!("cgroup/{}", file.replace("{}", &format!("docker/{ID}"))));
        assert_eq!(cgroup.read(&mut Vec::new()), None, "without {file}");
    }
}

#[test]
fn a_v2_beside_v1_or_without_controllers_does_not_count() {
    let host = host_with("134217728");
    host.write("cgroup/cgroup.controllers", "hugetlb\n");
    host.group_v2(&format!("docker/{ID}"));
    assert_eq!(host.reading(7).cpu_ns, USED.cpu_ns);
}

#[test]
fn without_the_mount_of_cpu_time_there_is_nothing_to_read() {
    let host = host_with("134217728");
    std::fs::remove_dir_all(host.path("cgroup/cpuacct")).unwrap();
    let Err(Miss::NoFiles(what)) = host.find(7) else { panic!("it has no CPU time") };
    assert!(what.ends_with(&format!("cpuacct/docker/{ID}")), "{what}");

    host.process(8, &groups("2:cpu", &format!("/docker/{ID}")));
    assert!(matches!(host.find(8), Err(Miss::NoFiles(what)) if what.contains("cpuacct")));
}

#[test]
fn somebody_elses_group_is_not_the_containers() {
    let host = host_with("134217728");
    host.process(8, &groups("2:cpuacct", &format!("/docker/{OTHER}")));
    assert_eq!(host.find(8).unwrap_err(), Miss::NotOurs);
}
