//! Containers of every kind that needs nothing else on the host.

use serde_json::{Value, json};

/// A name and the body of create for each.
pub(super) fn configurations() -> Vec<(&'static str, Value)> {
    vec![
        ("plain", json!({})),
        (
            "words",
            json!({
                "Env": ["A=1", "EMPTY=", "SPACES=a b  c", "QUOTES=\"x\" 'y' $z"], "Tty": true, "OpenStdin": true,
                "Hostname": "chosen", "Domainname": "example.org", "User": "65534:65534", "WorkingDir": "/tmp",
                "StopTimeout": 3, "Labels": {"a": "b", "com.docker.compose.project": "shop",
                    "com.docker.compose.service": "web", "com.docker.compose.container-number": "1", "odd key/ä": ""},
            }),
        ),
        (
            "health",
            json!({"Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 1_000_000_000_i64,
            "Timeout": 2_000_000_000_i64, "Retries": 4, "StartPeriod": 5_000_000_000_i64}}),
        ),
        ("no-health", json!({"Healthcheck": {"Test": ["NONE"]}})),
        ("entrypoint", json!({"Entrypoint": ["sleep"], "Cmd": ["86400"]})),
        ("entrypoint-alone", json!({"Entrypoint": ["sleep", "86400"], "Cmd": []})),
        ("entrypoint-none", json!({"Entrypoint": [""], "Cmd": ["sleep", "86400"]})),
        ("entrypoint-empty", json!({"Entrypoint": [], "Cmd": ["sleep", "86400"]})),
        (
            "rights",
            json!({"HostConfig": {"CapAdd": ["NET_ADMIN", "SYS_TIME"], "CapDrop": ["MKNOD"],
            "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"], "ReadonlyRootfs": true, "GroupAdd": ["4", "27"],
            "MaskedPaths": [], "ReadonlyPaths": []}}),
        ),
        ("privileged", json!({"HostConfig": {"Privileged": true}})),
        (
            "limits",
            json!({"HostConfig": {"Memory": 67_108_864, "MemoryReservation": 33_554_432, "MemorySwap": 134_217_728,
            "NanoCpus": 500_000_000, "CpuShares": 512, "CpusetCpus": "0", "PidsLimit": 50, "OomScoreAdj": 100,
            "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 2048}], "ShmSize": 1_048_576,
            "BlkioWeight": 0, "CgroupParent": "/wtg-parent"}}),
        ),
        (
            "quota",
            json!({"HostConfig": {"CpuPeriod": 50_000, "CpuQuota": 25_000, "Memory": 67_108_864,
            "MemorySwappiness": 10}}),
        ),
        ("always", json!({"HostConfig": {"RestartPolicy": {"Name": "always"}}})),
        (
            "on-failure",
            json!({"HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5}}}),
        ),
        (
            "unless-stopped",
            json!({"HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}, "Init": true}}),
        ),
        ("no-init", json!({"HostConfig": {"Init": false}})),
        ("auto-remove", json!({"HostConfig": {"AutoRemove": true}})),
        (
            "log",
            json!({"HostConfig": {"LogConfig": {"Type": "json-file",
            "Config": {"max-size": "1m", "max-file": "3", "labels": "a"}}}}),
        ),
        ("no-log", json!({"HostConfig": {"LogConfig": {"Type": "none"}}})),
        (
            "devices",
            json!({"HostConfig": {"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/mine",
            "CgroupPermissions": "rw"}], "DeviceCgroupRules": ["c 1:3 mr"]}}),
        ),
        (
            "sysctls",
            json!({"HostConfig": {"Sysctls": {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"}}}),
        ),
        (
            "names",
            json!({"HostConfig": {"Dns": ["10.1.1.1"], "DnsSearch": ["example.org"], "DnsOptions": ["ndots:2"],
            "ExtraHosts": ["db:10.0.0.9", "gw:host-gateway"]}}),
        ),
        (
            "ports",
            json!({"ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "HostConfig": {"PortBindings": {
            "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18431"}, {"HostIp": "127.0.0.1", "HostPort": ""}],
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "0"}]}}}),
        ),
        ("all-ports", json!({"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PublishAllPorts": true}})),
        ("host-net", json!({"HostConfig": {"NetworkMode": "host"}})),
        (
            "host-uts",
            json!({"HostConfig": {"NetworkMode": "host", "UTSMode": "host", "PidMode": "host", "IpcMode": "host"}}),
        ),
        ("no-net", json!({"HostConfig": {"NetworkMode": "none"}})),
        ("disabled-net", json!({"NetworkDisabled": true})),
        ("mac", json!({"MacAddress": "02:42:0a:0b:0c:0d"})),
        (
            "tmpfs",
            json!({"HostConfig": {"Tmpfs": {"/t": "size=64k,mode=1770"}, "Mounts": [
            {"Type": "tmpfs", "Target": "/t2", "TmpfsOptions": {"SizeBytes": 65536, "Mode": 1023}}]}}),
        ),
        (
            "binds",
            json!({"HostConfig": {"Binds": ["/tmp:/host:ro"], "Mounts": [
            {"Type": "bind", "Source": "/usr/share", "Target": "/host-share", "ReadOnly": true,
             "BindOptions": {"Propagation": "rprivate", "NonRecursive": true}}]}}),
        ),
    ]
}
