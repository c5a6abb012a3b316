//! From what inspect says of a container to what create takes.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::endpoints::MAC_IN_ENDPOINT;
use super::{Spec, is_set, text};

/// What is decided only when a container is created again.
#[derive(Debug, Default)]
pub(super) struct Now {
    /// The image to create it from.
    pub image: String,
    /// Minor version of the engine's API.
    pub minor: u32,
    /// The network mode, when it has to be another one than it was.
    pub mode: Option<String>,
    /// The network that create attaches to.
    pub network: Option<String>,
    /// Anonymous volumes that are no longer there: Docker makes new ones.
    pub gone: BTreeSet<String>,
}

impl Spec {
    /// The body of `POST /containers/create`. It attaches to one network at most.
    pub(super) fn body(&self, now: &Now) -> Value {
        let mut body = self.config.clone();
        body.insert("Image".to_owned(), Value::from(now.image.clone()));
        self.unfreeze_names(&mut body);
        if now.minor >= MAC_IN_ENDPOINT {
            body.remove("MacAddress");
        }
        // Null would bring back the image's own entrypoint; Docker reads a single empty word as "none".
        let no_entrypoint = body.get("Entrypoint").is_none_or(Value::is_null);
        if no_entrypoint && is_set(body.get("Cmd")) {
            body.insert("Entrypoint".to_owned(), json!([""]));
        }
        let mut host = self.host_config.clone();
        // Null means the same as nothing, and a later engine may refuse it.
        host.retain(|_, value| !value.is_null());
        self.attach_volumes(&mut host, &now.gone);
        if let Some(mode) = &now.mode {
            host.insert("NetworkMode".to_owned(), Value::from(mode.clone()));
        }
        body.insert("HostConfig".to_owned(), Value::Object(host));
        if let Some(network) = &now.network {
            let endpoint = self.endpoint(network, now.minor);
            let endpoints: Map<String, Value> = [(network.clone(), endpoint)].into_iter().collect();
            body.insert("NetworkingConfig".to_owned(), json!({ "EndpointsConfig": endpoints }));
        }
        Value::Object(body)
    }

    /// Takes out names that Docker made up, or that come from another container.
    fn unfreeze_names(&self, body: &mut Map<String, Value>) {
        let mode = self.mode();
        if mode.starts_with("container:") {
            // It shows the names of the container whose network it uses, and the ports of its image: told
            // again, each would be refused as a conflict.
            for field in ["Hostname", "Domainname", "ExposedPorts", "MacAddress"] {
                body.remove(field);
            }
        }
        if text(body.get("Hostname")) == self.short_id() || self.host_text("UTSMode") == "host" {
            body.remove("Hostname");
        }
    }
}
