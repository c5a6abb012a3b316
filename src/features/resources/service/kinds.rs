//! What is peculiar to images, to networks and to volumes.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Resource, Users};
use crate::docker::objects::{Image, Network, Objects, Reading, Volume};
use crate::docker::types::Container;
use crate::features::resources::query::SortBy;

fn has(text: &str, word: &str) -> bool {
    crate::platform::text::contains_word(text, word)
}

/// Whether an id begins with a word, with its algorithm in front or not.
fn has_id(id: &str, word: &str) -> bool {
    id.starts_with(word) || id.strip_prefix("sha256:").is_some_and(|digits| digits.starts_with(word))
}

impl Resource for Image {
    const NOUNS: &'static str = "images";
    const SORTS: &'static [SortBy] = &[SortBy::Name, SortBy::Size, SortBy::Created];
    const SPECIAL: Option<&'static str> = Some("dangling");

    fn reading(objects: &Objects) -> &Reading<Self> {
        &objects.images
    }

    fn key(&self) -> &str {
        &self.id
    }

    /// By the image's id. Where an engine gives its containers another one than its images (those that keep
    /// images in containerd's store may), by the name the container was started with.
    fn join<'a>(items: &'a [Arc<Self>], containers: &'a [Arc<Container>]) -> Users<'a> {
        let ids: HashSet<&str> = items.iter().map(|image| image.id.as_ref()).collect();
        let tags: HashMap<&str, &str> = items
            .iter()
            .flat_map(|image| image.tags.iter().map(|tag| (tag.as_str(), image.id.as_ref())))
            .collect();
        let mut users = Users::new();
        for container in containers {
            let id = match ids.get(container.image_id.as_ref()) {
                Some(id) => Some(*id),
                None => tags
                    .get(container.image.as_ref())
                    .or_else(|| tags.get(format!("{}:latest", container.image).as_str()))
                    .copied(),
            };
            if let Some(id) = id {
                users.entry(id).or_default().push(container);
            }
        }
        users
    }

    fn used_as(&self) -> &str {
        &self.id
    }

    fn mentions(&self, word: &str) -> bool {
        self.tags.iter().chain(&self.digests).any(|name| has(name, word)) || has_id(&self.id, word)
    }

    fn is_special(&self) -> bool {
        self.is_dangling()
    }

    fn compare(&self, other: &Self, by: SortBy) -> Ordering {
        match by {
            SortBy::Size => self.size_bytes.cmp(&other.size_bytes),
            SortBy::Created => self.created_at.cmp(&other.created_at),
            SortBy::Name | SortBy::Driver => (self.is_dangling(), &self.tags, &self.digests).cmp(&(
                other.is_dangling(),
                &other.tags,
                &other.digests,
            )),
        }
    }
}

impl Resource for Network {
    const NOUNS: &'static str = "networks";
    const SORTS: &'static [SortBy] = &[SortBy::Name, SortBy::Driver];
    const SPECIAL: Option<&'static str> = None;

    fn reading(objects: &Objects) -> &Reading<Self> {
        &objects.networks
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn join<'a>(_items: &'a [Arc<Self>], containers: &'a [Arc<Container>]) -> Users<'a> {
        let mut users = Users::new();
        for container in containers {
            for network in &container.networks {
                users.entry(network.name.as_str()).or_default().push(container);
            }
        }
        users
    }

    fn used_as(&self) -> &str {
        &self.name
    }

    fn mentions(&self, word: &str) -> bool {
        has(&self.name, word)
            || has_id(&self.id, word)
            || has(&self.driver, word)
            || self.subnets.iter().any(|range| has(&range.subnet, word))
            || self.project.as_deref().is_some_and(|project| has(project, word))
    }

    /// The engine's own are always there, and of a Swarm's network the containers on other hosts are not known.
    fn may_be_unused(&self) -> bool {
        !self.is_built_in() && self.scope != "swarm"
    }

    fn compare(&self, other: &Self, by: SortBy) -> Ordering {
        match by {
            SortBy::Driver => self.driver.cmp(&other.driver),
            SortBy::Name | SortBy::Size | SortBy::Created => self.name.cmp(&other.name),
        }
    }
}

impl Resource for Volume {
    const NOUNS: &'static str = "volumes";
    const SORTS: &'static [SortBy] = &[SortBy::Name, SortBy::Created];
    const SPECIAL: Option<&'static str> = Some("anonymous");

    fn reading(objects: &Objects) -> &Reading<Self> {
        &objects.volumes
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn join<'a>(_items: &'a [Arc<Self>], containers: &'a [Arc<Container>]) -> Users<'a> {
        let mut users = Users::new();
        for container in containers {
            for mount in container.mounts.iter().filter(|mount| mount.kind == "volume") {
                let using = users.entry(mount.source.as_str()).or_default();
                // A volume may be mounted at two places of one container.
                if using.last().is_none_or(|last| last.id != container.id) {
                    using.push(container);
                }
            }
        }
        users
    }

    fn used_as(&self) -> &str {
        &self.name
    }

    fn mentions(&self, word: &str) -> bool {
        has(&self.name, word)
            || has(&self.driver, word)
            || has(&self.mountpoint, word)
            || self.project.as_deref().is_some_and(|project| has(project, word))
    }

    fn is_special(&self) -> bool {
        self.anonymous
    }

    /// Names that people gave come before those that nobody did.
    fn compare(&self, other: &Self, by: SortBy) -> Ordering {
        match by {
            SortBy::Created => self.created_at.cmp(&other.created_at),
            SortBy::Name | SortBy::Size | SortBy::Driver => {
                (self.anonymous, &self.name).cmp(&(other.anonymous, &other.name))
            }
        }
    }
}
