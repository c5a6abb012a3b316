//! The two answers that we read ourselves, leniently: `containers/json` and the lines of `/events`.
//!
//! bollard's types refuse a whole list, or end the event stream, for one word they do not know (a new
//! kind of event, say), and its line decoder reads a line without end again from its start at each
//! chunk. See `docs/decisions/0002-own-reading-of-lists-and-events.md`.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

/// One entry of `GET /containers/json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListEntry {
    pub id: String,
    #[serde(deserialize_with = "null_as_default")]
    pub names: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub image: String,
    #[serde(rename = "ImageID", deserialize_with = "null_as_default")]
    pub image_id: String,
    pub created: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub ports: Vec<ListPort>,
    #[serde(deserialize_with = "null_as_default")]
    pub labels: HashMap<String, String>,
    #[serde(deserialize_with = "null_as_default")]
    pub state: String,
    #[serde(deserialize_with = "null_as_default")]
    pub status: String,
    #[serde(deserialize_with = "null_as_default")]
    pub mounts: Vec<ListMount>,
    pub network_settings: Option<ListNetworks>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListPort {
    #[serde(rename = "IP")]
    pub ip: Option<String>,
    pub private_port: u16,
    pub public_port: Option<u16>,
    #[serde(rename = "Type")]
    pub kind: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListMount {
    #[serde(rename = "Type", deserialize_with = "null_as_default")]
    pub kind: String,
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    #[serde(deserialize_with = "null_as_default")]
    pub source: String,
    #[serde(deserialize_with = "null_as_default")]
    pub destination: String,
    #[serde(rename = "RW")]
    pub writable: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListNetworks {
    #[serde(deserialize_with = "null_as_default")]
    pub networks: HashMap<String, ListNetwork>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListNetwork {
    #[serde(rename = "IPAddress", deserialize_with = "null_as_default")]
    pub ip_address: String,
}

/// `GET /containers/{id}/top`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Processes {
    #[serde(deserialize_with = "null_as_default")]
    pub titles: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub processes: Vec<Vec<String>>,
}

/// What `GET /containers/{id}/json?size=1` adds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Size {
    pub size_rw: Option<u64>,
    pub size_root_fs: Option<u64>,
}

/// One line of `GET /events`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EngineEvent {
    /// `container`, `image`, `network` …
    #[serde(rename = "Type")]
    pub kind: String,
    /// `start`, `health_status: unhealthy`, `exec_start: sh -c …`
    #[serde(rename = "Action")]
    pub action: String,
    /// What it happened to.
    #[serde(rename = "Actor")]
    pub actor: EngineEventActor,
    /// When, nanoseconds since the epoch, by the engine's clock.
    #[serde(rename = "timeNano")]
    pub time_nano: i64,
}

/// What an event happened to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EngineEventActor {
    /// A container's id, an image's name …
    #[serde(rename = "ID")]
    pub id: String,
    /// Labels, and what belongs to the action (`exitCode`, `oldName`).
    #[serde(deserialize_with = "null_as_default")]
    pub attributes: HashMap<String, String>,
}

/// Docker (being Go) writes `null` for an empty list.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
