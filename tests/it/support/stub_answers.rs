//! What a healthy engine answers: the shapes are those of Debian's Docker 20.10, cut to what a client can use.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What may be asked of an engine, as far as it can be made to fail by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Ping,
    Version,
    Info,
    Events,
    List,
    Inspect,
    Logs,
    Stats,
    Images,
    Networks,
    Volumes,
    Other,
}

/// A container as the stub keeps it; both the list entry and what inspect says are made from it.
#[derive(Clone)]
pub struct Fake {
    pub id: String,
    pub name: String,
    pub running: bool,
    pub labels: Value,
    /// How long ago it ended, if it does not run.
    pub ended_hours: i64,
    /// Listed, but gone when somebody asks about it.
    pub vanished: bool,
}

impl Fake {
    pub fn running(name: &str) -> Fake {
        let (id, name) = (id_of(name), name.into());
        Fake { id, name, running: true, labels: json!({}), ended_hours: 80, vanished: false }
    }

    pub fn exited(name: &str) -> Fake {
        Fake { running: false, ..Fake::running(name) }
    }

    /// Not running for so many days.
    #[allow(dead_code, reason = "some tests and benches use it")]
    pub fn ended_days_ago(self, days: i64) -> Fake {
        Fake { ended_hours: days * 24, ..self }
    }

    pub fn vanished(self) -> Fake {
        Fake { vanished: true, ..self }
    }

    pub fn label(mut self, key: &str, value: &str) -> Fake {
        self.labels[key] = json!(value);
        self
    }

    pub fn list_entry(&self) -> Value {
        let (state, status) = if self.running {
            ("running", "Up 2 hours".to_owned())
        } else {
            ("exited", format!("Exited (137) {} ago", docker_words(self.ended_hours)))
        };
        json!({
            "Id": self.id, "Names": [format!("/{}", self.name)], "Image": "dw-test/busybox:1", "ImageID": IMAGE_ID,
            "Command": "sleep 86400", "Created": 1_790_000_000, "Ports": [], "Labels": self.labels, "State": state,
            "Status": status, "HostConfig": {"NetworkMode": "default"}, "NetworkSettings": {"Networks": {"bridge": network()}},
            "Mounts": []
        })
    }

    pub fn inspect(&self) -> Value {
        let state = json!({
            "Status": if self.running { "running" } else { "exited" }, "Running": self.running, "Paused": false,
            "Restarting": false, "OOMKilled": false, "Dead": false, "Pid": if self.running { NO_PID } else { 0 }, "ExitCode": if self.running { 0 } else { 137 },
            "Error": "", "StartedAt": hours_ago(if self.running { 2 } else { self.ended_hours + 1 }),
            "FinishedAt": if self.running { "0001-01-01T00:00:00Z".to_owned() } else { hours_ago(self.ended_hours) }
        });
        json!({
            "Id": self.id, "Created": "2026-09-21T15:33:20.123456789Z", "Path": "sleep", "Args": ["86400"], "State": state,
            "Image": IMAGE_ID, "Name": format!("/{}", self.name), "RestartCount": 0, "SizeRw": 4_096, "SizeRootFs": 1_984_096, "Driver": "overlay2", "Platform": "linux",
            "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "", "ExecIDs": null, "Mounts": [],
            "HostConfig": {
                "Binds": null, "NetworkMode": "default", "PortBindings": {}, "AutoRemove": false, "Privileged": false,
                "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "LogConfig": {"Type": "json-file", "Config": {}}
            },
            "Config": {
                "Hostname": &self.id[..12], "User": "", "Tty": false, "OpenStdin": false, "Env": ["PATH=/bin"],
                "Cmd": ["sleep", "86400"], "Image": "dw-test/busybox:1", "Volumes": null, "WorkingDir": "",
                "Entrypoint": null, "Labels": self.labels
            },
            "NetworkSettings": {"Bridge": "", "Ports": {}, "IPAddress": "172.17.0.2", "Networks": {"bridge": network()}}
        })
    }

    /// What it has used since it started, on cgroup v2: between nothing and a quarter of a core, by its id.
    pub fn stats(&self) -> Value {
        let zeros = json!({"cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0}, "throttling_data": {}});
        let mut answer = json!({
            "read": Timestamp::now().to_string(), "preread": "0001-01-01T00:00:00Z", "num_procs": 0, "storage_stats": {},
            "pids_stats": {}, "blkio_stats": {"io_service_bytes_recursive": null}, "cpu_stats": zeros, "precpu_stats": zeros,
            "memory_stats": {}, "name": format!("/{}", self.name), "id": self.id
        });
        if !self.running {
            return answer;
        }
        let busy = u64::from_str_radix(&self.id[..2], 16).expect("hex digits");
        let ms = u64::try_from(Timestamp::now().as_millisecond() - START.as_millisecond()).unwrap_or(0)
            + 7_200_000;
        let (cpu, used) = (ms * busy * 1_000, (busy + 2) << 20);
        let mut memory = json!({"anon": used, "file": used / 2, "inactive_file": used / 4, "active_file": used / 4, "pgfault": ms});
        for name in MEMORY_COUNTERS {
            memory[name] = json!(busy);
        }
        answer["pids_stats"] = json!({"current": 1 + busy / 16, "limit": 9_000});
        answer["cpu_stats"] = json!({
            "cpu_usage": {"total_usage": cpu, "usage_in_kernelmode": cpu / 4, "usage_in_usermode": cpu - cpu / 4},
            "system_cpu_usage": ms * 4_000_000, "online_cpus": 4,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0}
        });
        answer["memory_stats"] = json!({"usage": used * 2, "limit": 8_000_000_000_u64, "stats": memory});
        answer["blkio_stats"]["io_service_bytes_recursive"] = json!([
            {"major": 254, "minor": 0, "op": "read", "value": busy << 12}, {"major": 254, "minor": 0, "op": "write", "value": ms * busy}
        ]);
        answer["networks"] = json!({"eth0": {
            "rx_bytes": ms * busy / 4, "rx_packets": ms / 4, "rx_errors": 0, "rx_dropped": 0,
            "tx_bytes": ms * busy / 8, "tx_packets": ms / 8, "tx_errors": 0, "tx_dropped": 0
        }});
        answer
    }
}

/// Greater than any number that Linux gives to a process.
const NO_PID: u32 = 5_000_000;
const IMAGE_ID: &str = "sha256:ac333e8604fbbed54a63cb8521c43da4a65dd5243b63e9c6f76c194facd49871";

/// What cgroup v2 counts beside what anybody looks at.
const MEMORY_COUNTERS: [&str; 25] = [
    "active_anon",
    "anon_thp",
    "file_dirty",
    "file_mapped",
    "file_writeback",
    "inactive_anon",
    "kernel_stack",
    "pgactivate",
    "pgdeactivate",
    "pglazyfree",
    "pglazyfreed",
    "pgmajfault",
    "pgrefill",
    "pgscan",
    "pgsteal",
    "shmem",
    "slab",
    "slab_reclaimable",
    "slab_unreclaimable",
    "sock",
    "thp_collapse_alloc",
    "thp_fault_alloc",
    "unevictable",
    "workingset_activate",
    "workingset_refault",
];

/// 64 hex digits that depend on the name (FNV-1a, and its bits again for the rest).
fn id_of(name: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let second = hash.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{hash:016x}{second:016x}{:016x}{:016x}", !hash, !second)
}

static START: LazyLock<Timestamp> = LazyLock::new(Timestamp::now);

/// How Docker's list puts it; two days at least.
fn docker_words(hours: i64) -> String {
    match hours {
        ..336 => format!("{} days", hours / 24),
        336..1440 => format!("{} weeks", hours / 24 / 7),
        _ => format!("{} months", hours / 24 / 30),
    }
}

/// Agrees with the status of the list ("Up 2 hours", "3 days ago"), and says the same each time it is asked.
fn hours_ago(hours: i64) -> String {
    (*START - SignedDuration::from_hours(hours)).to_string()
}

fn network() -> Value {
    json!({
        "IPAMConfig": null, "Links": null, "Aliases": null, "NetworkID": "0c17232d89bf96fc1ce8ac6d18b85f57", "EndpointID": "",
        "Gateway": "172.17.0.1", "IPAddress": "172.17.0.2", "IPPrefixLen": 16, "IPv6Gateway": "", "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0, "MacAddress": "02:42:ac:11:00:02", "DriverOpts": null
    })
}

/// The one image that the containers are made from, with what later engines may add.
pub fn images() -> Value {
    json!([{
        "Containers": -1, "Created": 1_790_000_000, "Id": IMAGE_ID, "Labels": null, "ParentId": "", "RepoDigests": null,
        "RepoTags": ["dw-test/busybox:1"], "SharedSize": -1, "Size": 1_980_000, "Manifests": [{"Kind": "later"}]
    }])
}

pub fn networks() -> Value {
    json!([{
        "Name": "bridge", "Id": "0c17232d89bf96fc1ce8ac6d18b85f57", "Created": "2026-09-21T15:33:20.1Z", "Scope": "local",
        "Driver": "bridge", "EnableIPv6": false, "Internal": false, "Attachable": false, "Ingress": false, "Labels": {},
        "IPAM": {"Driver": "default", "Options": null, "Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]}
    }])
}

/// A volume `stub-data`, and an entry that is not one.
pub fn volumes() -> Value {
    json!({"Warnings": null, "Volumes": [null, {
        "CreatedAt": "2026-09-21T15:33:20Z", "Driver": "local", "Labels": null, "Name": "stub-data", "Options": null,
        "Mountpoint": "/var/lib/docker/volumes/stub-data/_data", "Scope": "local"
    }]})
}

pub fn version() -> Value {
    json!({
        "Platform": {"Name": "Docker Engine - Stub"},
        "Components": [{"Name": "Engine", "Version": "27.0.0", "Details": {"ApiVersion": "1.47", "MinAPIVersion": "1.24"}}],
        "Version": "27.0.0", "ApiVersion": "1.47", "MinAPIVersion": "1.24", "GitCommit": "5d6db84", "GoVersion": "go1.21",
        "Os": "linux", "Arch": "amd64", "KernelVersion": "6.1.0", "BuildTime": "2026-05-07T21:09:36.000000000+00:00"
    })
}

pub fn info(running: usize, stopped: usize) -> Value {
    json!({
        "ID": "STUB:VQXO:Z4SE:HFMN:NEAV:47R2:VIBK:XXGQ:NFH7:ISS6:ALA2:P4S4", "Containers": running + stopped,
        "ContainersRunning": running, "ContainersPaused": 0, "ContainersStopped": stopped, "Images": 1, "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "extfs"]], "MemoryLimit": true, "SwapLimit": true, "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs", "CgroupVersion": "2", "KernelVersion": "6.1.0", "OperatingSystem": "Stub OS", "OSType": "linux",
        "Architecture": "x86_64", "NCPU": 4, "MemTotal": 8_000_000_000_u64, "DockerRootDir": "/nowhere", "Name": "stub",
        "ServerVersion": "27.0.0", "Swarm": {"NodeID": "", "LocalNodeState": "inactive"}, "LiveRestoreEnabled": false,
        "SecurityOptions": ["name=seccomp,profile=default"], "Warnings": null
    })
}

/// A container event as it comes on the stream.
pub fn event(fake: &Fake, action: &str, nanos: u128) -> Value {
    let mut attributes = fake.labels.clone();
    attributes["image"] = json!("dw-test/busybox:1");
    attributes["name"] = json!(fake.name);
    json!({
        "status": action, "id": fake.id, "from": "dw-test/busybox:1", "Type": "container", "Action": action,
        "Actor": {"ID": fake.id, "Attributes": attributes}, "scope": "local",
        "time": u64::try_from(nanos / 1_000_000_000).unwrap_or(0), "timeNano": u64::try_from(nanos).unwrap_or(0)
    })
}
