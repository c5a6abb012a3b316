//! What is peculiar to images, to volumes and to networks as leftovers.

use std::sync::Arc;

use super::model::{Kind, Leftover, Size, Sort};
use crate::docker::leftovers::DiskUsage;
use crate::docker::objects::{Image, Network, Volume};
use crate::docker::types::{PROTECT, short_id};
use crate::features::resources::service::{Resource, Used};
use crate::platform::text;

/// How many names a refusal lists.
const NAMED: usize = 3;

/// A kind of thing that can be left over.
pub(super) trait Leaves: Resource {
    /// Which.
    const KIND: Kind;
    /// Docker's id; a volume's name.
    fn id(&self) -> Arc<str>;
    /// Whether its label asks to leave it alone.
    fn is_protected(&self) -> bool;
    /// The leftover, without its last use and refusal.
    fn leftover(row: &Used<Self>, measured: Option<&DiskUsage>) -> Leftover;
}

/// Why something may not be removed, as the rest of a sentence that begins with its name.
pub(super) fn refusal<T: Leaves>(row: &Used<T>) -> Option<String> {
    if !row.containers.is_empty() {
        let mut names: Vec<&str> =
            row.containers.iter().take(NAMED).map(|container| container.name.as_str()).collect();
        let rest = row.containers.len().saturating_sub(NAMED);
        let more = format!("{rest} more");
        if rest > 0 {
            names.push(&more);
        }
        return Some(format!("is used by {}", text::listed(&names)));
    }
    if row.item.is_protected() {
        return Some(format!("is protected by its label {PROTECT}"));
    }
    if row.blind {
        return Some("may be in use: the Docker socket proxy hides which containers there are".to_owned());
    }
    let own = "belongs to Docker itself, or to a Swarm whose other hosts may use it";
    (!row.is_unused()).then(|| own.to_owned())
}

impl Leaves for Image {
    const KIND: Kind = Kind::Image;

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn is_protected(&self) -> bool {
        self.protected
    }

    fn leftover(row: &Used<Self>, measured: Option<&DiskUsage>) -> Leftover {
        let image = &row.item;
        let digits = short_id(image.id.strip_prefix("sha256:").unwrap_or(&image.id));
        // Where a newer image took the tag, the registry's digest still tells whose it was.
        let was = image.digests.first().and_then(|digest| digest.split('@').next());
        let untagged = || was.map_or_else(|| digits.to_owned(), str::to_owned);
        Leftover {
            kind: Kind::Image,
            sort: if image.is_dangling() { Sort::Dangling } else { Sort::Unused },
            engine: row.engine.clone(),
            id: Arc::clone(&image.id),
            name: image.tags.first().cloned().unwrap_or_else(untagged),
            tags: image.tags.clone(),
            size: Size {
                whole: Some(image.size_bytes),
                shared: measured.and_then(|usage| usage.shared.get(&image.id).copied()),
            },
            created_at: image.created_at,
            last_use: None,
            project: None,
            driver: String::new(),
            refusal: None,
        }
    }
}

impl Leaves for Volume {
    const KIND: Kind = Kind::Volume;

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    fn is_protected(&self) -> bool {
        self.labels.get(PROTECT).is_some_and(|value| value.as_ref() == "true")
    }

    fn leftover(row: &Used<Self>, measured: Option<&DiskUsage>) -> Leftover {
        let volume = &row.item;
        Leftover {
            kind: Kind::Volume,
            sort: if volume.anonymous { Sort::Anonymous } else { Sort::Named },
            engine: row.engine.clone(),
            id: Arc::clone(&volume.name),
            name: volume.name.to_string(),
            tags: Vec::new(),
            size: Size {
                whole: measured.and_then(|usage| usage.volumes.get(&volume.name).copied()),
                shared: Some(0),
            },
            created_at: volume.created_at,
            last_use: None,
            project: volume.project.clone(),
            driver: volume.driver.clone(),
            refusal: None,
        }
    }
}

impl Leaves for Network {
    const KIND: Kind = Kind::Network;

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn is_protected(&self) -> bool {
        self.labels.get(PROTECT).is_some_and(|value| value.as_ref() == "true")
    }

    fn leftover(row: &Used<Self>, _measured: Option<&DiskUsage>) -> Leftover {
        let network = &row.item;
        Leftover {
            kind: Kind::Network,
            sort: Sort::Unattached,
            engine: row.engine.clone(),
            id: Arc::clone(&network.id),
            name: network.name.clone(),
            tags: Vec::new(),
            size: Size::NOTHING,
            created_at: network.created_at,
            last_use: None,
            project: network.project.clone(),
            driver: network.driver.clone(),
            refusal: None,
        }
    }
}
