//! Bytes that went through network interfaces: of one container, or of the host.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::file;
use super::reading::Network;

/// Interfaces through which the same bytes go a second time, or never leave the host: those of containers and
/// virtual machines, bridges, tunnels, and masters of others. Told by the usual names, since `/proc` tells no more.
const VIRTUAL: [&[u8]; 33] = [
    b"veth",
    b"br-",
    b"docker",
    b"podman",
    b"virbr",
    b"lxcbr",
    b"lxdbr",
    b"vmbr",
    b"vnet",
    b"fwbr",
    b"fwpr",
    b"fwln",
    b"tap",
    b"tun",
    b"wg",
    b"tailscale",
    b"zt",
    b"ppp",
    b"cni",
    b"flannel",
    b"cali",
    b"kube",
    b"vxlan",
    b"macvlan",
    b"macvtap",
    b"ifb",
    b"dummy",
    b"sit",
    b"gre",
    b"ip6tnl",
    b"bond",
    b"team",
    b"vlan",
];

/// The network namespace of a running container.
#[derive(Debug)]
pub(super) struct Namespace {
    /// `/proc/<pid>/net/dev`.
    file: PathBuf,
    /// The kernel gives this file another inode in every namespace: so we notice a process number that was
    /// given to another process.
    inode: u64,
}

impl Namespace {
    /// That of a process; `None` when it is the host's own.
    pub(super) fn of(proc: &Path, pid: u32) -> Option<Self> {
        let process = proc.join(pid.to_string());
        let init = proc.join("1");
        let file = process.join("net/dev");
        let inode = inode_of(&file)?;
        // The links need the right to trace the process, which even root may lack; the inodes do not.
        let shared = match (link_of(&process), link_of(&init)) {
            (Some(own), Some(host)) => own == host,
            _ => inode_of(&init.join("net/dev")) == Some(inode),
        };
        (!shared).then_some(Self { file, inode })
    }

    /// What its interfaces carried, loopback left out; `None` when the process ended.
    pub(super) fn read(&self, buffer: &mut Vec<u8>) -> Option<Network> {
        let mut open = File::open(&self.file).ok()?;
        if open.metadata().ok()?.ino() != self.inode {
            return None;
        }
        sum(file::whole(&mut open, buffer).ok()?, |name| name != b"lo")
    }
}

fn inode_of(file: &Path) -> Option<u64> {
    Some(fs::metadata(file).ok()?.ino())
}

fn link_of(process: &Path) -> Option<PathBuf> {
    fs::read_link(process.join("ns/net")).ok()
}

/// Adds up the interfaces of a `net/dev` that count. `None` when it is not such a file.
///
/// A line is `name: rx_bytes packets errs drop fifo frame compressed multicast tx_bytes …`, after two lines of
/// headings (proc_pid_net(5)).
pub(super) fn sum(text: &[u8], counts: impl Fn(&[u8]) -> bool) -> Option<Network> {
    let mut total = Network::default();
    let mut headings = 0;
    for line in file::lines(text) {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(values)) = (halves.next(), halves.next()) else {
            headings += usize::from(!line.is_empty());
            continue;
        };
        if !counts(name.trim_ascii()) {
            continue;
        }
        let mut values = file::words(values);
        let (rx, tx) = (file::number(values.next()?)?, file::number(values.nth(7)?)?);
        total.rx_bytes = total.rx_bytes.saturating_add(rx);
        total.tx_bytes = total.tx_bytes.saturating_add(tx);
    }
    (headings > 0).then_some(total)
}

/// Whether an interface of the host is one through which bytes enter and leave it, each once. VLANs on top of
/// another interface (`eth0.10`), bridges (`br0`, `br-…`) and bonds are not: what they carry is counted below them.
pub(super) fn is_physical(name: &[u8]) -> bool {
    let bridge = name.strip_prefix(b"br").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit));
    name != b"lo"
        && !bridge
        && !name.contains(&b'.')
        && !VIRTUAL.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::docker::stats) const HEADINGS: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
";

    /// A `net/dev` of these interfaces, with the bytes received and sent.
    pub(in crate::docker::stats) fn net_dev(interfaces: &[(&str, u64, u64)]) -> String {
        let lines = interfaces.iter().map(|(name, rx, tx)| {
            format!("{name:>6}: {rx:>7}      29    1    2    3     4          5         6 {tx:>8}      29    0    0    0     0       0          0\n")
        });
        HEADINGS.to_owned() + lines.collect::<String>().as_str()
    }

    #[test]
    fn all_interfaces_but_loopback_are_added_up() {
        let text = net_dev(&[("lo", 9, 9), ("eth0", 347_534_592, 356_139), ("eth1", 8, 1)]);
        let total = sum(text.as_bytes(), |name| name != b"lo").unwrap();
        assert_eq!(total, Network { rx_bytes: 347_534_600, tx_bytes: 356_140 });
    }

    #[test]
    fn a_number_that_touches_the_name_is_read_as_old_kernels_write_it() {
        let text = HEADINGS.to_owned() + "  eth0:4294967296 1 0 0 0 0 0 0 17 1 0 0 0 0 0 0\n";
        assert_eq!(sum(text.as_bytes(), |_| true), Some(Network { rx_bytes: 1 << 32, tx_bytes: 17 }));
    }

    #[test]
    fn a_cut_or_empty_file_gives_no_numbers() {
        assert_eq!(sum(b"", |_| true), None);
        assert_eq!(sum((HEADINGS.to_owned() + "  eth0: 1 2").as_bytes(), |_| true), None);
        assert_eq!(sum(HEADINGS.as_bytes(), |_| true), Some(Network::default()), "no interface at all is 0");
    }

    #[test]
    fn the_host_counts_a_byte_once() {
        for name in
            ["eth0", "enp3s0", "ens18", "eno1", "wlan0", "wlp2s0", "usb0", "wwan0", "em1", "p1p1", "broad0"]
        {
            assert!(is_physical(name.as_bytes()), "{name}");
        }
        for name in [
            "lo",
            "veth12ab",
            "br-1234",
            "br0",
            "docker0",
            "docker_gwbridge",
            "virbr0",
            "vnet3",
            "tap0",
            "tun0",
            "wg0",
            "cni0",
            "flannel.1",
            "cali0123",
            "bond0",
            "team0",
            "eth0.10",
            "vlan10",
            "vmbr0",
            "ppp0",
            "ifb0",
        ] {
            assert!(!is_physical(name.as_bytes()), "{name}");
        }
    }
}
