//! What must be the same of a container before it was removed and after it was created again: the answer of
//! inspect without what docs/UNDO.md says cannot come back. Knows JSON and nothing of the product, which uses it in a test of its own.

use serde_json::{Map, Value};

/// Of the container itself: new with each one, or only of its run.
const OF_ITS_OWN: [&str; 13] = [
    "Id",
    "Created",
    "State",
    "LogPath",
    "ResolvConfPath",
    "HostnamePath",
    "HostsPath",
    "GraphDriver",
    "Storage",
    "RestartCount",
    "ExecIDs",
    "SizeRw",
    "SizeRootFs",
];

/// Of an endpoint: what Docker chooses at each start.
const OF_AN_ENDPOINT: [&str; 10] = [
    "NetworkID",
    "EndpointID",
    "Gateway",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "MacAddress",
    "DNSNames",
];

/// Strips an answer of inspect so that before and after can be compared with `==`.
pub fn comparable(inspect: &Value) -> Value {
    let short_id = inspect["Id"].as_str().unwrap_or_default().get(..12).unwrap_or_default().to_owned();
    let mut answer = inspect.as_object().expect("inspect answers with an object").clone();
    for field in OF_ITS_OWN {
        answer.remove(field);
    }
    let networks = inspect["NetworkSettings"]["Networks"].as_object().cloned().unwrap_or_default();
    let networks: Map<String, Value> =
        networks.iter().map(|(name, asked)| (name.clone(), endpoint(asked, &short_id))).collect();
    answer.insert("NetworkSettings".into(), Value::Object(networks));
    if answer["Config"]["Hostname"] == short_id.as_str() {
        answer["Config"]["Hostname"] = "(its short id)".into();
    }
    if inspect["HostConfig"]["NetworkMode"].as_str().is_some_and(|mode| mode.starts_with("container:")) {
        // Once started it shows the names of the container whose network it uses.
        answer["Config"]["Hostname"] = Value::Null;
        answer["Config"]["Domainname"] = Value::Null;
    }
    let mut mounts = inspect["Mounts"].as_array().cloned().unwrap_or_default();
    mounts.sort_by_key(|mount| mount["Destination"].as_str().map(str::to_owned));
    for mount in &mut mounts {
        // Docker relabels a volume that is named (SELinux) and not one that is not.
        if mount["Name"].as_str().is_some_and(is_made_up) {
            mount["Mode"] = Value::Null;
        }
    }
    answer.insert("Mounts".into(), Value::Array(mounts));
    if let Some(host) = answer.get_mut("HostConfig") {
        unname_volumes(host);
    }
    Value::Object(answer)
}

/// The fields that differ, each as `path: before → after`.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let (Value::Object(one), Value::Object(other)) = (before, after) else {
        return if before == after { Vec::new() } else { vec![format!(": {before} → {after}")] };
    };
    let mut fields: Vec<&String> = one.keys().chain(other.keys()).collect();
    fields.sort();
    fields.dedup();
    let missing = Value::Null;
    let mut found = Vec::new();
    for field in fields {
        let (one, other) = (one.get(field).unwrap_or(&missing), other.get(field).unwrap_or(&missing));
        found.extend(differences(one, other).into_iter().map(|rest| format!("/{field}{rest}")));
    }
    found
}

fn endpoint(asked: &Value, short_id: &str) -> Value {
    let mut asked = asked.as_object().cloned().unwrap_or_default();
    for field in OF_AN_ENDPOINT {
        asked.remove(field);
    }
    if let Some(Value::Array(aliases)) = asked.get_mut("Aliases") {
        aliases.retain(|alias| alias != short_id);
    }
    asked.retain(|_, value| !matches!(value.to_string().as_str(), "null" | "[]" | "{}"));
    Value::Object(asked)
}

/// A restored container names its anonymous volumes, because Docker would make new ones otherwise.
fn unname_volumes(host: &mut Value) {
    if let Some(Value::Array(binds)) = host.get_mut("Binds") {
        // "made-up-name:/data", which was "/data" or not there at all.
        binds.retain(|bind| match bind.as_str().unwrap_or_default().split_once(':') {
            Some((source, _)) => !is_made_up(source),
            None => false,
        });
        binds.sort_by_key(Value::to_string);
        if binds.is_empty() {
            host["Binds"] = Value::Null;
        }
    }
    if let Some(Value::Array(mounts)) = host.get_mut("Mounts") {
        for mount in mounts {
            if mount["Source"].as_str().is_some_and(is_made_up)
                && let Some(mount) = mount.as_object_mut()
            {
                mount.remove("Source");
            }
        }
    }
}

/// Docker names a volume by 64 hexadecimal digits.
fn is_made_up(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn what_docker_chose_is_left_out_and_what_a_user_chose_is_compared() {
    let inspect = |id: &str, alias: &str, binds: Value| {
        serde_json::json!({"Id": id.repeat(64), "State": {"Pid": id}, "Config": {"Hostname": id.repeat(12)},
            "HostConfig": {"Binds": binds}, "Mounts": [],
            "NetworkSettings": {"Networks": {"n": {"IPAddress": id, "Aliases": [alias, id.repeat(12)]}}}})
    };
    let before = inspect("a", "web", serde_json::json!(["/data"]));
    let after = inspect("b", "www", serde_json::json!([format!("{}:/data", "0".repeat(64))]));
    let found = differences(&comparable(&before), &comparable(&after));
    assert_eq!(found, [r#"/NetworkSettings/n/Aliases: ["web"] → ["www"]"#]);
}
