//! What a cleanup would do: the exact list, what is freed, what is kept, what is refused and why.

use std::collections::HashSet;
use std::sync::Arc;

use super::scan::Entry;
use super::service::Stale;
use crate::docker::types::{Container, Mount};
use crate::features::containers::actions::refusal;
use crate::platform::text;

/// What is to be cleaned up.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// These, by full id, name, or the beginning of an id.
    These(Vec<String>),
    /// All that are stale and stopped.
    All,
}

/// What would become of one container.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What was asked for.
    pub asked: String,
    /// The stale container, if it is one.
    pub entry: Option<Arc<Entry>>,
    /// Why it is left alone; `None`: it is removed.
    pub refused: Option<String>,
    /// Bytes it wrote outside of volumes, if measured.
    pub bytes: Option<u64>,
    /// Volumes that nobody named: they go when that is ticked.
    pub anonymous: Vec<String>,
    /// Volumes with a name: always kept.
    pub named: Vec<String>,
}

impl Planned {
    /// Its name, or what was asked for.
    pub fn name(&self) -> &str {
        self.entry.as_ref().map_or(self.asked.as_str(), |entry| entry.container.name.as_str())
    }
}

/// What would be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// One a container, in the order asked for.
    pub items: Vec<Planned>,
}

impl Plan {
    /// What is removed.
    pub fn removed(&self) -> impl Iterator<Item = &Planned> {
        self.items.iter().filter(|item| item.refused.is_none())
    }

    /// What is left alone.
    pub fn refused(&self) -> impl Iterator<Item = &Planned> {
        self.items.iter().filter(|item| item.refused.is_some())
    }

    /// Bytes that are freed as far as known, and how many are not known.
    pub fn bytes(&self) -> (u64, usize) {
        self.removed().fold((0, 0), |(sum, unknown), item| match item.bytes {
            Some(bytes) => (sum + bytes, unknown),
            None => (sum, unknown + 1),
        })
    }
}

impl Stale {
    /// What a cleanup would do now. Asks nobody.
    pub fn plan(&self, wanted: &Wanted) -> Plan {
        let found = self.found();
        let items = match wanted {
            // What still runs is stopped only when somebody points at it.
            Wanted::All => found
                .entries
                .iter()
                .filter(|entry| !entry.container.is_up())
                .map(|entry| self.planned(entry.container.id.to_string(), Some(entry.clone())))
                .collect(),
            Wanted::These(ids) => {
                let mut seen = HashSet::new();
                let mut items = Vec::with_capacity(ids.len());
                for asked in ids {
                    let container = self.containers.find(asked, None).ok();
                    let id = container.as_ref().map_or(asked.as_str(), |container| container.id.as_ref());
                    if !seen.insert(id.to_owned()) {
                        continue;
                    }
                    let entry = container.as_ref().and_then(|container| found.get(&container.id)).cloned();
                    let mut item = self.planned(asked.clone(), entry);
                    if item.entry.is_none() {
                        item.refused = Some(match container {
                            None => "There is no such container (any more).".to_owned(),
                            Some(container) if container.is_up() => {
                                format!("{} runs, and is not stale.", container.name)
                            }
                            Some(container) => format!("{} is not stale.", container.name),
                        });
                    }
                    items.push(item);
                }
                items
            }
        };
        Plan { items }
    }

    pub(super) fn planned(&self, asked: String, entry: Option<Arc<Entry>>) -> Planned {
        let container = entry.as_ref().map(|entry| self.newest(&entry.container));
        let refused = match (&entry, &container) {
            (Some(entry), Some(container)) => self.why_not(entry, container, &entry.dependents),
            _ => None,
        };
        let (anonymous, named) = container.as_deref().map(volumes).unwrap_or_default();
        let bytes = container.as_ref().and_then(|container| self.size_of(&container.id));
        Planned { asked, entry, refused, bytes, anonymous, named }
    }

    /// A container as the mirror has it now.
    fn newest(&self, container: &Arc<Container>) -> Arc<Container> {
        let engine = self.engines.get(container.engine.as_str());
        engine
            .and_then(|engine| engine.mirror.snapshot().by_id(&container.id).cloned())
            .unwrap_or_else(|| container.clone())
    }

    /// Why a stale container must not be removed, as it is now; `None`: it may.
    pub(super) fn why_not(&self, entry: &Entry, now: &Container, dependents: &[String]) -> Option<String> {
        if let Some(reason) = self.containers.protection.of(now) {
            return Some(refusal(&now.name, &reason));
        }
        if now.is_up() && !entry.container.is_up() {
            return Some(format!("{} runs again.", now.name));
        }
        let led = self.led_to(now);
        if let Some(first) = led.first() {
            let more = led.len() - 1;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Some(format!("The proxy {first}{more} leads to it: disable or delete that first."));
        }
        if !dependents.is_empty() {
            let shown: Vec<&str> = dependents.iter().take(3).map(String::as_str).collect();
            let more = dependents.len().saturating_sub(shown.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Some(format!(
                "{} cannot be without it: they use its network, processes or volumes.",
                text::capital(&format!("{}{more}", shown.join(", ")))
            ));
        }
        None
    }
}

/// Its anonymous volumes and those with a name.
fn volumes(container: &Container) -> (Vec<String>, Vec<String>) {
    let all = container.mounts.iter().filter(|mount| mount.kind == "volume");
    let (anonymous, named): (Vec<&Mount>, Vec<&Mount>) = all.partition(|mount| container.is_anonymous(mount));
    let names = |mounts: Vec<&Mount>| mounts.into_iter().map(|mount| mount.source.clone()).collect();
    (names(anonymous), names(named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::types::State;
    use crate::features::containers::model::tests::container;

    #[test]
    fn a_volume_that_nobody_named_is_told_from_one_with_a_name() {
        let mut web = container("web", "nginx", State::Exited);
        let mount = |source: &str, kind: &str| Mount {
            kind: kind.to_owned(),
            source: source.to_owned(),
            destination: "/data".to_owned(),
            read_only: false,
        };
        let nameless = "0123456789abcdef".repeat(4);
        web.mounts = vec![mount("photos", "volume"), mount(&nameless, "volume"), mount("/srv", "bind")];
        assert_eq!(volumes(&web), (vec![nameless.clone()], vec!["photos".to_owned()]));
        // As after a restore: Docker keeps what is attached by a name, whatever the name.
        web.facts.bound_volumes = vec![nameless.clone()];
        assert_eq!(volumes(&web), (Vec::new(), vec!["photos".to_owned(), nameless]));
    }
}
