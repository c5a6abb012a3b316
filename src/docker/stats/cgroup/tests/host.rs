//! A host's `/proc` and `/sys/fs/cgroup` in a temporary directory.

use std::fs;
use std::path::PathBuf;

use crate::docker::stats::cgroup::{Cgroup, Miss, Roots};
use crate::docker::stats::network::tests::net_dev;
use crate::docker::stats::reading::Reading;

pub(super) const ID: &str = "3f4c8d1e2b5a69788796a5b4c3d2e1f03f4c8d1e2b5a69788796a5b4c3d2e1f0";
pub(super) const OTHER: &str = "010c562004761007ca1d6eb49df72d497e2bb21dd0ff9e3c4d38c8f7f91a92f0";

/// `memory.stat` of a container on Linux 6.1 with cgroup v2.
const STAT_V2: &str = "anon 67174400\nfile 12288000\nkernel 1318912\nkernel_stack 81920\npagetables 327680\n\
    sec_pagetables 0\npercpu 720\nsock 0\nvmalloc 0\nshmem 0\nzswap 0\nzswapped 0\nfile_mapped 4096000\n\
    file_dirty 0\nfile_writeback 0\nswapcached 0\nanon_thp 0\nfile_thp 0\nshmem_thp 0\ninactive_anon 67162112\n\
    active_anon 12288\ninactive_file 8192000\nactive_file 4096000\nunevictable 0\nslab_reclaimable 546320\n\
    slab_unreclaimable 302760\nslab 849080\nworkingset_refault_anon 0\nworkingset_refault_file 0\npgfault 18422\n\
    pgmajfault 31\npgrefill 0\npgscan 0\npgsteal 0\npgactivate 0\nthp_fault_alloc 0\nthp_collapse_alloc 0\n";

/// `memory.stat` of a container on cgroup v1; `{limit}` is its limit.
const STAT_V1: &str = "cache 12288000\nrss 67174400\nrss_huge 0\nshmem 0\nmapped_file 4096000\ndirty 0\nwriteback 0\n\
    swap 0\npgpgin 835\npgpgout 820\npgfault 1149\npgmajfault 0\ninactive_anon 57344\nactive_anon 4096\n\
    inactive_file 1\nactive_file 0\nunevictable 0\nhierarchical_memory_limit {limit}\n\
    hierarchical_memsw_limit 268435456\ntotal_cache 12288000\ntotal_rss 67174400\ntotal_shmem 0\n\
    total_inactive_anon 57344\ntotal_active_anon 4096\ntotal_inactive_file 8192000\ntotal_active_file 4096000\n\
    total_unevictable 0\n";

/// What v1 says where there is no limit (the largest number of whole pages).
pub(super) const UNLIMITED_V1: &str = "9223372036854771712";

pub(super) struct Host {
    dir: tempfile::TempDir,
    pub(super) roots: Roots,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots { proc: dir.path().join("proc"), cgroup: dir.path().join("cgroup") };
        let host = Self { dir, roots };
        host.write("proc/1/net/dev", &net_dev(&[("lo", 1, 1), ("eth0", 347_534_592, 356_139)]));
        host
    }

    /// A host with cgroup v2 and all its controllers.
    pub(super) fn v2() -> Self {
        let host = Self::new();
        host.write("cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
        host
    }

    /// A host with cgroup v1, and v2 beside it without controllers, as systemd has it.
    pub(super) fn hybrid() -> Self {
        let host = Self::new();
        host.write("cgroup/unified/cgroup.controllers", "\n");
        for end in ["", "_recursive"] {
            host.write(
                &format!("cgroup/blkio/blkio.throttle.io_service_bytes{end}"),
                "254:0 Read 999\nTotal 999\n",
            );
        }
        host
    }

    /// A process in these control groups, with a network of its own.
    pub(super) fn process(&self, pid: u32, groups: &str) {
        self.write(&format!("proc/{pid}/cgroup"), groups);
        let interfaces = [("lo", 77, 77), ("eth0", 2_500, 1_126), ("eth1", 100, 0)];
        self.write(&format!("proc/{pid}/net/dev"), &net_dev(&interfaces));
    }

    /// A running container on cgroup v2, in this group.
    pub(super) fn container(&self, pid: u32, dir: &str) {
        self.process(pid, &format!("0::/{dir}\n"));
        self.group_v2(dir);
    }

    /// The files of a v2 group.
    pub(super) fn group_v2(&self, dir: &str) {
        for (name, text) in [
            ("cgroup.controllers", "cpuset cpu io memory pids\n"),
            (
                "cpu.stat",
                "usage_usec 1090957\nuser_usec 1000000\nsystem_usec 90957\nnr_periods 12\nnr_throttled 9\nthrottled_usec 55\n",
            ),
            ("memory.current", "80781312\n"),
            ("memory.stat", STAT_V2),
            ("memory.max", "134217728\n"),
            (
                "io.stat",
                "254:0 rbytes=4096000 wbytes=8192 rios=31 wios=2 dbytes=0 dios=0\n7:1 \n259:3 rbytes=100 wbytes=50 rios=1 wios=1 dbytes=9 dios=1\n",
            ),
            ("pids.current", "5\n"),
        ] {
            self.write(&format!("cgroup/{dir}/{name}"), text);
        }
    }

    /// The files of a v1 group in hierarchies that are mounted under these names.
    pub(super) fn group_v1(&self, cpuacct: &str, dir: &str, limit: &str) {
        let block = "254:0 Read 4096000\n254:0 Write 8192\n254:0 Sync 0\n254:0 Async 4104192\n254:0 Discard 0\n\
            254:0 Total 4104192\n259:3 Read 100\n259:3 Write 50\n259:3 Total 150\nTotal 4104342\n";
        for (name, text) in [
            (format!("{cpuacct}/{dir}/cpuacct.usage"), "1090957181\n".to_owned()),
            (format!("memory/{dir}/memory.usage_in_bytes"), "80781312\n".to_owned()),
            (format!("memory/{dir}/memory.stat"), STAT_V1.replace("{limit}", limit)),
            (format!("blkio/{dir}/blkio.throttle.io_service_bytes_recursive"), block.to_owned()),
            (format!("pids/{dir}/pids.current"), "5\n".to_owned()),
        ] {
            self.write(&format!("cgroup/{name}"), &text);
        }
    }

    pub(super) fn find(&self, pid: u32) -> Result<Cgroup, Miss> {
        Cgroup::find(&self.roots, ID, pid)
    }

    /// Finds and reads the container.
    pub(super) fn reading(&self, pid: u32) -> Reading {
        self.find(pid).unwrap().read(&mut Vec::new()).unwrap()
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(super) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    pub(super) fn remove_process(&self, pid: u32) {
        fs::remove_dir_all(self.path(&format!("proc/{pid}"))).unwrap();
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _old = fs::remove_file(&path);
        std::os::unix::fs::symlink(target, path).unwrap();
    }
}
