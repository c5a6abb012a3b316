//! What the API says of an image, a network and a volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::service::{Resource, Used};
use crate::docker::objects::{Image, Network, Subnet, Volume};
use crate::platform::clock::rfc3339;

/// A container that uses something.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsedBy {
    /// Docker's full id.
    id: String,
    /// The name, without a slash.
    name: String,
}

/// An image.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Image)]
pub struct ImageView {
    /// Docker's id, `sha256:…`.
    id: String,
    /// Our id of the engine.
    engine: String,
    /// `repository:tag`; empty for a dangling image.
    tags: Vec<String>,
    /// `repository@sha256:…`.
    digests: Vec<String>,
    /// Whether no tag leads to it.
    dangling: bool,
    /// Bytes; layers shared with other images count too.
    size_bytes: u64,
    /// RFC 3339, UTC; null when the builder wrote none.
    created_at: Option<String>,
    /// Whether no container uses it, running or not.
    unused: bool,
    /// The containers that use it.
    containers: Vec<UsedBy>,
}

/// A network.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EngineNetwork)]
pub struct NetworkView {
    /// Docker's full id.
    id: String,
    /// Our id of the engine.
    engine: String,
    /// The name.
    name: String,
    /// `bridge`, `host`, `overlay` …
    driver: String,
    /// `local`, `swarm` or `global`.
    scope: String,
    /// Its address ranges.
    subnets: Vec<Subnet>,
    /// Whether it leads nowhere outside.
    internal: bool,
    /// Whether it has IPv6.
    ipv6: bool,
    /// Whether the engine made it itself.
    built_in: bool,
    /// The Compose project or Swarm stack.
    project: Option<String>,
    /// Labels; a value over 4 KiB is cut.
    labels: BTreeMap<String, String>,
    /// RFC 3339, UTC; null when not known.
    created_at: Option<String>,
    /// Whether no container is attached; false for what the engine needs and for a Swarm's.
    unused: bool,
    /// The containers attached to it.
    containers: Vec<UsedBy>,
}

/// A volume.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Volume)]
pub struct VolumeView {
    /// The name, which is its id.
    id: String,
    /// Our id of the engine.
    engine: String,
    /// The name.
    name: String,
    /// `local`, or a plugin.
    driver: String,
    /// Where it lies on the host.
    mountpoint: String,
    /// `local` or `global`.
    scope: String,
    /// Whether nobody gave it a name.
    anonymous: bool,
    /// The Compose project or Swarm stack.
    project: Option<String>,
    /// Labels; a value over 4 KiB is cut.
    labels: BTreeMap<String, String>,
    /// RFC 3339, UTC; null when not known.
    created_at: Option<String>,
    /// Whether no container mounts it, running or not.
    unused: bool,
    /// The containers that mount it.
    containers: Vec<UsedBy>,
}

fn users<T: Resource>(row: &Used<T>) -> Vec<UsedBy> {
    let users = row.containers.iter();
    users.map(|container| UsedBy { id: container.id.to_string(), name: container.name.clone() }).collect()
}

fn texts(labels: &BTreeMap<Arc<str>, Arc<str>>) -> BTreeMap<String, String> {
    labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

impl From<&Used<Image>> for ImageView {
    fn from(row: &Used<Image>) -> Self {
        let image = &row.item;
        Self {
            id: image.id.to_string(),
            engine: row.engine.to_string(),
            tags: image.tags.clone(),
            digests: image.digests.clone(),
            dangling: image.is_dangling(),
            size_bytes: image.size_bytes,
            created_at: image.created_at.map(rfc3339),
            unused: row.is_unused(),
            containers: users(row),
        }
    }
}

impl From<&Used<Network>> for NetworkView {
    fn from(row: &Used<Network>) -> Self {
        let network = &row.item;
        Self {
            id: network.id.to_string(),
            engine: row.engine.to_string(),
            name: network.name.clone(),
            driver: network.driver.clone(),
            scope: network.scope.clone(),
            subnets: network.subnets.clone(),
            internal: network.internal,
            ipv6: network.ipv6,
            built_in: network.is_built_in(),
            project: network.project.as_deref().map(str::to_owned),
            labels: texts(&network.labels),
            created_at: network.created_at.map(rfc3339),
            unused: row.is_unused(),
            containers: users(row),
        }
    }
}

impl From<&Used<Volume>> for VolumeView {
    fn from(row: &Used<Volume>) -> Self {
        let volume = &row.item;
        Self {
            id: volume.name.to_string(),
            engine: row.engine.to_string(),
            name: volume.name.to_string(),
            driver: volume.driver.clone(),
            mountpoint: volume.mountpoint.clone(),
            scope: volume.scope.clone(),
            anonymous: volume.anonymous,
            project: volume.project.as_deref().map(str::to_owned),
            labels: texts(&volume.labels),
            created_at: volume.created_at.map(rfc3339),
            unused: row.is_unused(),
            containers: users(row),
        }
    }
}
