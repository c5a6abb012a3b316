//! Which volumes a container has, and how its anonymous ones are attached again.
//!
//! An anonymous volume outlives its container unless it is removed with it, but Docker would make a new one. So the
//! body of create names it, where the user had named none.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Spec, text};

/// A volume and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VolumeAt {
    /// The volume's name; for an anonymous one, what Docker made up.
    pub name: String,
    /// The path inside the container.
    pub destination: String,
}

/// Who named the volume at a destination.
#[derive(PartialEq, Eq)]
enum Origin {
    /// The user.
    Named,
    /// Docker.
    Anonymous,
    /// It is another container's (`--volumes-from`).
    Borrowed,
}

impl Spec {
    /// Volumes that a user named. They outlive the container.
    pub fn named_volumes(&self) -> Vec<VolumeAt> {
        self.volumes(&Origin::Named)
    }

    /// Volumes that Docker named. They outlive the container unless it is removed together with them.
    pub fn anonymous_volumes(&self) -> Vec<VolumeAt> {
        self.volumes(&Origin::Anonymous)
    }

    fn volumes(&self, wanted: &Origin) -> Vec<VolumeAt> {
        let volumes = self.mounts.iter().filter(|mount| text(mount.get("Type")) == "volume");
        let mut found: Vec<VolumeAt> = volumes
            .map(|mount| VolumeAt {
                name: text(mount.get("Name")).to_owned(),
                destination: text(mount.get("Destination")).to_owned(),
            })
            .filter(|volume| !volume.name.is_empty() && !volume.destination.is_empty())
            .filter(|volume| self.origin(&volume.destination) == *wanted)
            .collect();
        found.sort_unstable();
        found
    }

    fn origin(&self, destination: &str) -> Origin {
        if let Some(bind) = self.binds().find(|bind| same_path(bind_destination(bind), destination)) {
            return if is_bare(bind) { Origin::Anonymous } else { Origin::Named };
        }
        if let Some(mount) = self.host_mounts().find(|m| same_path(text(m.get("Target")), destination)) {
            return if text(mount.get("Source")).is_empty() { Origin::Anonymous } else { Origin::Named };
        }
        let declared = self.config.get("Volumes").and_then(Value::as_object);
        let declared = declared.is_some_and(|all| all.keys().any(|path| same_path(path, destination)));
        let borrows = self.host_config.get("VolumesFrom").and_then(Value::as_array);
        // A volume that is declared and borrowed at once is the other container's; naming it attaches the same.
        if declared || borrows.is_none_or(Vec::is_empty) { Origin::Anonymous } else { Origin::Borrowed }
    }

    fn binds(&self) -> impl Iterator<Item = &str> {
        self.host_config
            .get("Binds")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    fn host_mounts(&self) -> impl Iterator<Item = &Value> {
        self.host_config.get("Mounts").and_then(Value::as_array).into_iter().flatten()
    }

    /// Names the anonymous volumes in the host configuration of a new container, but for those that are `gone`.
    pub(super) fn attach_volumes(&self, host: &mut Map<String, Value>, gone: &BTreeSet<String>) {
        for VolumeAt { name, destination } in self.anonymous_volumes() {
            if gone.contains(&name) {
                continue;
            }
            let bind = Value::from(format!("{name}:{destination}"));
            let bare = |bind: &Value| {
                bind.as_str().is_some_and(|bind| is_bare(bind) && same_path(bind, &destination))
            };
            if let Some(bare) = entries(host, "Binds").find(|bind| bare(bind)) {
                *bare = bind;
            } else if let Some(mount) =
                entries(host, "Mounts").find(|mount| same_path(text(mount.get("Target")), &destination))
            {
                if let Value::Object(mount) = mount {
                    mount.insert("Source".to_owned(), Value::from(name));
                }
            } else if destination.contains(':') {
                // A bind has no way to write a colon.
                push(host, "Mounts", json!({"Type": "volume", "Source": name, "Target": destination}));
            } else {
                push(host, "Binds", bind);
            }
        }
    }
}

fn entries<'a>(host: &'a mut Map<String, Value>, field: &str) -> impl Iterator<Item = &'a mut Value> {
    host.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

fn push(host: &mut Map<String, Value>, field: &str, value: Value) {
    match host.get_mut(field) {
        Some(Value::Array(list)) => list.push(value),
        _ => {
            host.insert(field.to_owned(), Value::Array(vec![value]));
        }
    }
}

/// `/data`: a bind that names no source.
fn is_bare(bind: &str) -> bool {
    !bind.contains(':')
}

/// The destination in `source:destination[:options]`.
fn bind_destination(bind: &str) -> &str {
    let mut parts = bind.split(':');
    let first = parts.next().unwrap_or_default();
    parts.next().unwrap_or(first)
}

/// Docker cleans paths where it mounts, but not where it repeats what it was told.
fn same_path(one: &str, other: &str) -> bool {
    fn parts(path: &str) -> impl Iterator<Item = &str> {
        path.split('/').filter(|part| !matches!(*part, "" | "."))
    }
    parts(one).eq(parts(other))
}
