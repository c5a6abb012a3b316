//! Containers on hosts of all kinds, as trees of files that such hosts have.

mod host;
mod v1;
mod v2;

use super::*;
use crate::docker::stats::reading::Network;
use host::{Host, ID, OTHER};

#[test]
fn every_miss_says_what_to_do() {
    for miss in [Miss::NoSuchProcess, Miss::NotOurs, Miss::NoFiles("/sys/fs/cgroup/x".to_owned())] {
        let text = miss.to_string();
        assert!(text.contains("mount") && text.contains("read-only"), "{text}");
    }
}

#[test]
fn somebody_elses_process_is_not_taken_for_the_container() {
    let host = Host::v2();
    host.container(7, &format!("system.slice/docker-{OTHER}.scope"));
    host.process(8, "0::/user.slice/user-1000.slice/session-1.scope\n");
    host.process(9, "0::/\n");
    for pid in [7, 8, 9] {
        assert_eq!(host.find(pid).unwrap_err(), Miss::NotOurs);
    }
    let shortened = Cgroup::find(&host.roots, OTHER.get(..12).unwrap(), 7).unwrap_err();
    assert_eq!(shortened, Miss::NotOurs, "a shortened id could be part of another");
    assert_eq!(Cgroup::find(&host.roots, "", 7).unwrap_err(), Miss::NotOurs);
}

#[test]
fn a_process_that_is_not_there_is_told_from_files_that_are_not_mounted() {
    let host = Host::v2();
    assert_eq!(host.find(7).unwrap_err(), Miss::NoSuchProcess);
    assert_eq!(host.find(0).unwrap_err(), Miss::NoSuchProcess);

    host.process(7, &format!("0::/system.slice/docker-{ID}.scope\n"));
    let Miss::NoFiles(what) = host.find(7).unwrap_err() else { panic!("the group is not mounted") };
    assert!(what.ends_with(&format!("system.slice/docker-{ID}.scope")), "{what}");

    let nowhere = Roots { proc: host.path("host/proc"), ..host.roots.clone() };
    assert_eq!(Cgroup::find(&nowhere, ID, 7).unwrap_err(), Miss::NoSuchProcess);
}

#[test]
fn of_several_misses_the_one_that_came_furthest_is_the_greatest() {
    let files = Miss::NoFiles(String::new());
    assert_eq!([Miss::NotOurs, files.clone(), Miss::NoSuchProcess].iter().max(), Some(&files));
    assert!(Miss::NotOurs > Miss::NoSuchProcess);
}

#[test]
fn a_container_that_has_just_ended_is_no_mistake_in_the_mounts() {
    let host = Host::v2();
    host.process(7, &format!("0::/system.slice/docker-{ID}.scope (deleted)\n"));
    assert_eq!(host.find(7).unwrap_err(), Miss::NoSuchProcess);
}

#[test]
fn a_container_that_ends_in_mid_read_has_no_reading() {
    let dir = format!("system.slice/docker-{ID}.scope");
    for file in ["cpu.stat", "memory.current", "memory.stat", "memory.max", "io.stat", "pids.current"] {
        let host = Host::v2();
        host.container(7, &dir);
        let cgroup = host.find(7).unwrap();
        assert!(cgroup.read(&mut Vec::new()).is_some());
        host.remove(&format!("cgroup/{dir}/{file}"));
        assert_eq!(cgroup.read(&mut Vec::new()), None, "without {file}");
    }
    let host = Host::v2();
    host.container(7, &dir);
    let cgroup = host.find(7).unwrap();
    host.remove("proc/7/net/dev");
    assert_eq!(cgroup.read(&mut Vec::new()), None, "its process is gone");
}

#[test]
fn a_process_number_that_went_to_another_process_ends_the_readings() {
    let host = Host::v2();
    host.container(7, &format!("system.slice/docker-{ID}.scope"));
    let cgroup = host.find(7).unwrap();
    host.write("proc/7/net/new", &host.read("proc/7/net/dev"));
    std::fs::rename(host.path("proc/7/net/new"), host.path("proc/7/net/dev")).unwrap();
    assert_eq!(cgroup.read(&mut Vec::new()), None);
}

#[test]
fn a_container_in_the_hosts_network_has_none_of_its_own() {
    let host = Host::v2();
    let dir = format!("system.slice/docker-{ID}.scope");
    host.container(7, &dir);
    assert_eq!(host.reading(7).network, Some(Network { rx_bytes: 2_600, tx_bytes: 1_126 }));

    host.link("proc/1/ns/net", "net:[4026531840]");
    host.link("proc/7/ns/net", "net:[4026532184]");
    assert!(host.reading(7).network.is_some());

    host.link("proc/7/ns/net", "net:[4026531840]");
    let cgroup = host.find(7).unwrap();
    let reading = cgroup.read(&mut Vec::new()).unwrap();
    assert_eq!((reading.network, reading.pids), (None, Some(5)));
    host.remove_process(7);
    assert_eq!(cgroup.read(&mut Vec::new()), None, "the end is noticed without a network, too");
}

#[test]
fn the_hosts_network_is_known_without_the_right_to_trace_processes() {
    let host = Host::v2();
    host.container(7, &format!("system.slice/docker-{ID}.scope"));
    host.remove("proc/7/net/dev");
    std::fs::hard_link(host.path("proc/1/net/dev"), host.path("proc/7/net/dev")).unwrap();
    assert_eq!(host.reading(7).network, None);
}
