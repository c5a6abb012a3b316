//! Other containers that a container leans on.

use serde_json::Value;

use super::{Spec, text};

/// What a container uses of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leans {
    /// Its network namespace (`--network container:…`).
    Network,
    /// Its shared memory (`--ipc container:…`).
    Ipc,
    /// Its process namespace (`--pid container:…`).
    Pid,
    /// Its volumes (`--volumes-from`).
    Volumes,
    /// Its address (`--link`).
    Link,
}

impl Leans {
    /// How it goes on in "it …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Network => "shares the network of",
            Self::Ipc => "shares the memory (ipc) of",
            Self::Pid => "shares the processes of",
            Self::Volumes => "takes the volumes of",
            Self::Link => "is linked to",
        }
    }
}

/// A container that another one leans on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is used for.
    pub leans: Leans,
    /// Its id or name, as it was given; Docker itself writes ids for namespaces.
    pub container: String,
}

/// The fields that say `container:<id>`.
const MODES: [(&str, Leans); 3] =
    [("NetworkMode", Leans::Network), ("IpcMode", Leans::Ipc), ("PidMode", Leans::Pid)];

impl Spec {
    /// The containers it leans on. One that was created again has another id: see [`Self::redirect`].
    pub fn references(&self) -> Vec<Reference> {
        let modes = MODES.into_iter().filter_map(|(field, leans)| {
            let container = self.host_text(field).strip_prefix("container:")?;
            Some(Reference { leans, container: container.to_owned() })
        });
        let list = |field: &str| {
            let list = self.host_config.get(field).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_str)
        };
        let from = |entry: &str, leans: Leans| {
            // "db:ro"; links come back as "/db:/web/alias".
            let container = entry.split(':').next().unwrap_or_default().trim_start_matches('/');
            Reference { leans, container: container.to_owned() }
        };
        let volumes = list("VolumesFrom").map(|entry| from(entry, Leans::Volumes));
        let links = list("Links").map(|entry| from(entry, Leans::Link));
        modes.chain(volumes).chain(links).collect()
    }

    /// Leans on another container than before: one that was removed with it and created again before it, say.
    /// Says whether there was anything to change. `gone` is a full id.
    pub fn redirect(&mut self, gone: &str, now: &str) -> bool {
        let mut changed = false;
        for (field, _) in MODES {
            if self.host_text(field).strip_prefix("container:") == Some(gone) {
                self.host_config.insert(field.to_owned(), Value::from(format!("container:{now}")));
                changed = true;
            }
        }
        let from = self.host_config.get_mut("VolumesFrom").and_then(Value::as_array_mut);
        for entry in from.into_iter().flatten() {
            let old = text(Some(entry));
            if let Some(rest) = old.strip_prefix(gone).filter(|rest| rest.is_empty() || rest.starts_with(':'))
            {
                *entry = Value::from(format!("{now}{rest}"));
                changed = true;
            }
        }
        changed
    }
}
