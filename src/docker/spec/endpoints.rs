//! A container's place in networks: what was asked for, and not what Docker made of it.

use serde_json::{Map, Value};

use super::{Spec, is_set, text};

/// What the engine reports and nobody asked for. Anything else was asked for, or this version has no word for it.
const MADE_BY_DOCKER: [&str; 11] = [
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
    "Aliases",
];
/// From here on (API 1.44) a MAC address belongs to an endpoint and not to the container.
pub(super) const MAC_IN_ENDPOINT: u32 = 44;

/// The networks of a container, by what is to be done for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attachments {
    /// The network that create itself attaches to, when the container was in it: name and endpoint.
    pub first: Option<String>,
    /// The network that create attaches to although the container had left it.
    pub left: Option<String>,
    /// Those to be connected afterwards.
    pub further: Vec<String>,
}

impl Spec {
    /// Sorts the networks. Nothing is to be done for host networking, none, or another container's network.
    pub(super) fn attachments(&self) -> Attachments {
        let mode = self.mode();
        let disabled = self.config.get("NetworkDisabled") == Some(&Value::Bool(true));
        if disabled || mode == "host" || mode.starts_with("container:") {
            return Attachments { first: None, left: None, further: Vec::new() };
        }
        let main = self.networks.iter().find(|(name, endpoint)| is_called(mode, name, endpoint));
        let main = main.map(|(name, _)| name.clone());
        let mut further: Vec<String> =
            self.networks.keys().filter(|name| Some(*name) != main.as_ref()).cloned().collect();
        further.sort_unstable();
        let left = (main.is_none() && (mode != "none" || !further.is_empty())).then(|| mode.to_owned());
        Attachments { first: main.filter(|name| name != "none"), left, further }
    }

    /// The network mode; Docker writes its default as `default` or `bridge`, by version.
    pub(super) fn mode(&self) -> &str {
        match self.host_text("NetworkMode") {
            "" | "default" => "bridge",
            mode => mode,
        }
    }

    /// What an endpoint was asked to be. `minor` is the API's version.
    pub(super) fn endpoint(&self, network: &str, minor: u32) -> Value {
        let Some(Value::Object(raw)) = self.networks.get(network) else {
            return Value::Object(Map::new());
        };
        let mut asked: Map<String, Value> =
            raw.iter().filter(|(field, _)| !MADE_BY_DOCKER.contains(&field.as_str())).map(owned).collect();
        asked.retain(|_, value| !value.is_null());
        let aliases = raw.get("Aliases").and_then(Value::as_array).into_iter().flatten();
        // Docker adds the short id, which the new container will not have.
        let aliases: Vec<Value> =
            aliases.filter(|alias| text(Some(alias)) != self.short_id()).cloned().collect();
        if !aliases.is_empty() {
            asked.insert("Aliases".to_owned(), Value::Array(aliases));
        }
        if minor >= MAC_IN_ENDPOINT
            && let Some(mac) = self.asked_mac(network, raw)
        {
            asked.insert("MacAddress".to_owned(), Value::from(mac));
        }
        Value::Object(asked)
    }

    /// The MAC address that a user chose. While an endpoint exists its address may be Docker's; before the first
    /// start it can only be the user's.
    fn asked_mac<'a>(&'a self, network: &str, raw: &'a Map<String, Value>) -> Option<&'a str> {
        let of_container = text(self.config.get("MacAddress"));
        if !of_container.is_empty() && self.attachments().first.as_deref() == Some(network) {
            return Some(of_container);
        }
        Some(text(raw.get("MacAddress"))).filter(|mac| !mac.is_empty() && !is_set(raw.get("EndpointID")))
    }

    pub(super) fn short_id(&self) -> &str {
        crate::docker::types::short_id(&self.id)
    }
}

/// Whether a network mode means this network: by its name or its (perhaps shortened) id.
fn is_called(mode: &str, name: &str, endpoint: &Value) -> bool {
    mode == name || (mode.len() >= 12 && text(endpoint.get("NetworkID")).starts_with(mode))
}

fn owned((field, value): (&String, &Value)) -> (String, Value) {
    (field.clone(), value.clone())
}
