//! Undo: what it takes to create a container again, kept before it is removed.
//!
//! [`Spec::of`] takes the configuration out of the raw answer of inspect and changes nothing in it: fields that
//! this version has no word for come along, and a better translation helps what was kept before. What create wants
//! instead is made when it is needed: [`body`] (configuration, host configuration), [`endpoints`] (networks),
//! [`volumes`] (anonymous volumes, attached again by their names), [`references`] (other containers it leans on).
//! [`create`] looks first whether all of it is still there and then creates and connects, wholly or not at all;
//! [`image`] keeps what a container wrote as an image. docs/UNDO.md says what cannot come back.

#[cfg(test)]
mod asked;
mod body;
mod create;
mod endpoints;
mod error;
mod image;
#[cfg(test)]
mod real;
mod references;
#[cfg(test)]
mod tests;
mod volumes;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use create::Created;
pub use error::{CreateError, SpecError};
pub use image::ImageNow;
pub use references::{Leans, Reference};
pub use volumes::VolumeAt;

use super::client::Client;

/// The format of what is kept.
const VERSION: u32 = 1;
/// Later versions of the API (1.52 on) no longer say which MAC address was asked for.
const LAST_MINOR_WITH_MAC: u32 = 51;

/// Everything it takes to create a container again. It holds the values of the environment and of labels:
/// whoever stores it seals it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    #[serde(deserialize_with = "known_version")]
    version: u32,
    id: String,
    name: String,
    image_id: String,
    /// `os/architecture[/variant]` of the image, where the engine keeps images for several.
    #[serde(default)]
    platform: Option<String>,
    config: Map<String, Value>,
    host_config: Map<String, Value>,
    /// By name, as inspect has them.
    networks: Map<String, Value>,
    /// What was mounted where, as inspect has it.
    mounts: Vec<Value>,
}

impl Spec {
    /// Takes the specification out of the raw answer of inspect ([`Client::spec`] asks in the right words).
    /// Errs for a task of a Swarm service, and when the answer lacks what create needs.
    pub fn of(inspect: &Value) -> Result<Self, SpecError> {
        let map = |at: &str| inspect.pointer(at).and_then(Value::as_object).cloned();
        let config = map("/Config").ok_or(SpecError::Incomplete("Config"))?;
        let label =
            |name: &str| config.get("Labels").and_then(|labels| labels.get(name)).and_then(Value::as_str);
        if label("com.docker.swarm.task.id").is_some() {
            let service = label(super::types::SWARM_SERVICE).unwrap_or_default().to_owned();
            return Err(SpecError::SwarmTask { service });
        }
        let name = text(inspect.get("Name")).trim_start_matches('/').to_owned();
        let id = text(inspect.get("Id")).to_owned();
        if name.is_empty() || id.is_empty() {
            return Err(SpecError::Incomplete("name or id"));
        }
        Ok(Self {
            version: VERSION,
            id,
            name,
            image_id: text(inspect.get("Image")).to_owned(),
            platform: inspect.pointer("/ImageManifestDescriptor/platform").and_then(platform),
            host_config: map("/HostConfig").ok_or(SpecError::Incomplete("HostConfig"))?,
            networks: map("/NetworkSettings/Networks").unwrap_or_default(),
            mounts: inspect.get("Mounts").and_then(Value::as_array).cloned().unwrap_or_default(),
            config,
        })
    }

    /// The full id it had.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name it had, without a leading slash.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The image as it was asked for.
    pub fn image(&self) -> &str {
        Some(text(self.config.get("Image"))).filter(|image| !image.is_empty()).unwrap_or(&self.image_id)
    }

    /// The id of the image it was made from (`sha256:…`).
    pub fn image_id(&self) -> &str {
        &self.image_id
    }

    /// The names of the networks it was attached to.
    pub fn networks(&self) -> impl Iterator<Item = &str> {
        self.networks.keys().map(String::as_str)
    }

    fn host_text(&self, field: &str) -> &str {
        text(self.host_config.get(field))
    }
}

/// Names only: values of the environment, of labels and of arguments may be secrets.
impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("image", &self.image())
            .field("image_id", &self.image_id)
            .field("networks", &self.networks().collect::<Vec<_>>())
            .field("mounts", &self.mounts.len())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// The specification of a container, asked for in a version of the API that tells everything, within `deadline`.
    pub async fn spec(&self, id: &str, deadline: Duration) -> Result<Spec, SpecError> {
        let path = match self.minor() {
            newer if newer > LAST_MINOR_WITH_MAC => format!("/v1.{LAST_MINOR_WITH_MAC}/containers/{id}/json"),
            _ => format!("/containers/{id}/json"),
        };
        Spec::of(&self.get_json(&path, "GET /containers/{id}/json", deadline).await?)
    }
}

fn platform(platform: &Value) -> Option<String> {
    let part = |name: &str| platform.get(name).and_then(Value::as_str).filter(|part| !part.is_empty());
    let (os, architecture) = (part("os")?, part("architecture")?);
    let variant = part("variant").map(|variant| format!("/{variant}")).unwrap_or_default();
    Some(format!("{os}/{architecture}{variant}"))
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        VERSION => Ok(VERSION),
        other => Err(serde::de::Error::custom(format!(
            "it was kept in format {other} by another version of Docker Watcher; this one reads format {VERSION}"
        ))),
    }
}

/// A text, empty when it is none.
fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// Whether there is something: not null, and not an empty text, list or map.
fn is_set(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(_) => true,
    }
}
