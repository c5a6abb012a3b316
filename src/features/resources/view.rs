//! What templates show of an image, a network and a volume: words, ends and links, prepared.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;

use super::service::{Resource, Used};
use crate::docker::objects::{Image, Network, Subnet, Volume};
use crate::docker::types::{Container, short_id};
use crate::features::containers::view::{Since, TwoEnds};
use crate::platform::text;

/// How many containers, and how many tags, a row shows.
const SHOWN: usize = 3;
/// How many of the others it names when it is pointed at.
const NAMED: usize = 20;

/// Who uses it.
pub(super) struct UsersView {
    pub users: Vec<User>,
    /// `+2`, or nothing.
    pub more: String,
    /// The names of those that are not shown.
    pub more_title: String,
    /// Whether nobody does, as far as can be said.
    pub unused: bool,
}

/// A container that uses it.
pub(super) struct User {
    pub id: String,
    pub name: TwoEnds,
    pub title: String,
    pub off: bool,
}

impl UsersView {
    fn new<T: Resource>(row: &Used<T>) -> Self {
        let shown = row.containers.iter().take(SHOWN).map(|container| User {
            id: container.id.to_string(),
            name: TwoEnds::of(&container.name),
            title: format!("{}, {}", container.name, container.state),
            off: !container.is_up(),
        });
        let (more, more_title) = rest(&row.containers, |container: &Arc<Container>| &container.name);
        Self { users: shown.collect(), more, more_title, unused: row.is_unused() }
    }
}

/// `+2`, and what these two are called.
fn rest<T>(all: &[T], name: impl Fn(&T) -> &String) -> (String, String) {
    let rest = all.get(SHOWN..).unwrap_or_default();
    if rest.is_empty() {
        return Default::default();
    }
    let mut names: Vec<&str> = rest.iter().take(NAMED).map(|one| name(one).as_str()).collect();
    if rest.len() > NAMED {
        names.push("…");
    }
    (format!("+{}", rest.len()), names.join(", "))
}

/// The id of a row's element.
fn dom_id<T: Resource>(row: &Used<T>) -> String {
    let mut hasher = DefaultHasher::new();
    (row.engine.as_str(), row.item.key()).hash(&mut hasher);
    format!("r-{:016x}", hasher.finish())
}

fn digits(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// A row of the images.
pub(super) struct ImageRow {
    pub dom_id: String,
    pub names: Vec<(TwoEnds, String)>,
    pub more: String,
    pub more_title: String,
    pub dangling: bool,
    pub short_id: String,
    pub id: String,
    /// `sha256:…`, cut, and whole; empty for an image no registry knows.
    pub digest: String,
    pub digest_title: String,
    pub size: String,
    pub created: Option<Since>,
    pub usage: UsersView,
}

impl ImageRow {
    pub(super) fn new(row: &Used<Image>, now: Timestamp) -> Self {
        let image = &row.item;
        let mut names: Vec<_> =
            image.tags.iter().take(SHOWN).map(|tag| (TwoEnds::of_image(tag), tag.clone())).collect();
        if names.is_empty() {
            // Where a newer image took the tag, the registry's digest still tells whose it was.
            let known = image.digests.first().and_then(|digest| digest.split('@').next());
            let name = known.unwrap_or("Untagged image").to_owned();
            names.push((TwoEnds::of(&name), name));
        }
        let (more, more_title) = rest(&image.tags, |tag| tag);
        let digest = image.digests.first().and_then(|digest| digest.split('@').nth(1)).unwrap_or_default();
        Self {
            dom_id: dom_id(row),
            names,
            more,
            more_title,
            dangling: image.is_dangling(),
            short_id: short_id(digits(&image.id)).to_owned(),
            id: image.id.to_string(),
            digest: if digest.is_empty() { String::new() } else { text::cut(digest, 19).into_owned() },
            digest_title: image.digests.join(", "),
            size: text::bytes(image.size_bytes),
            created: image.created_at.map(|at| Since::new(at, now, " ago")),
            usage: UsersView::new(row),
        }
    }
}

/// A row of the networks.
pub(super) struct NetworkRow {
    pub dom_id: String,
    pub name: TwoEnds,
    pub title: String,
    pub tags: Vec<&'static str>,
    pub short_id: String,
    pub id: String,
    pub project: String,
    pub driver: String,
    pub scope: String,
    pub subnets: Vec<Subnet>,
    pub usage: UsersView,
}

impl NetworkRow {
    pub(super) fn new(row: &Used<Network>) -> Self {
        let network = &row.item;
        let tags =
            [(network.is_built_in(), "built in"), (network.internal, "internal"), (network.ipv6, "IPv6")];
        Self {
            dom_id: dom_id(row),
            name: TwoEnds::of(&network.name),
            title: network.name.clone(),
            tags: tags.into_iter().filter(|(is, _)| *is).map(|(_, tag)| tag).collect(),
            short_id: short_id(&network.id).to_owned(),
            id: network.id.to_string(),
            project: network.project.as_deref().unwrap_or_default().to_owned(),
            driver: network.driver.clone(),
            scope: network.scope.clone(),
            subnets: network.subnets.clone(),
            usage: UsersView::new(row),
        }
    }
}

/// A row of the volumes.
pub(super) struct VolumeRow {
    pub dom_id: String,
    pub name: TwoEnds,
    pub title: String,
    pub anonymous: bool,
    pub mountpoint: TwoEnds,
    pub mountpoint_title: String,
    pub driver: String,
    pub project: String,
    pub created: Option<Since>,
    pub usage: UsersView,
}

impl VolumeRow {
    pub(super) fn new(row: &Used<Volume>, now: Timestamp) -> Self {
        let volume = &row.item;
        // Nobody reads 64 digits; the first twelve tell one from another, as with containers.
        let long = volume.anonymous && volume.name.len() == 64;
        let name = if long { short_id(&volume.name) } else { &volume.name };
        Self {
            dom_id: dom_id(row),
            name: TwoEnds::of(name),
            title: volume.name.to_string(),
            anonymous: volume.anonymous,
            mountpoint: TwoEnds::of(&volume.mountpoint),
            mountpoint_title: volume.mountpoint.clone(),
            driver: volume.driver.clone(),
            project: volume.project.as_deref().unwrap_or_default().to_owned(),
            created: volume.created_at.map(|at| Since::new(at, now, " ago")),
            usage: UsersView::new(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::resources::service::tests::{container, image, used, volume};
    use crate::platform::clock::from_ms;

    #[test]
    fn three_containers_are_shown_and_the_rest_is_counted_and_named() {
        let names = ["a", "b", "c", "d", "e"];
        let row = used(image("sha256:1", &["web:1"]), names.map(container).to_vec());
        let view = UsersView::new(&row);
        assert_eq!((view.users.len(), view.more.as_str(), view.more_title.as_str()), (3, "+2", "d, e"));
        assert!(!view.unused);
        assert!(UsersView::new(&used(image("sha256:1", &[]), Vec::new())).unused);
    }

    #[test]
    fn an_image_that_lost_its_tag_still_says_whose_it_was() {
        let mut lost = image("sha256:0123456789abcdef", &[]);
        assert_eq!(ImageRow::new(&used(lost.clone(), Vec::new()), from_ms(0)).names[0].1, "Untagged image");
        lost.digests = vec![format!("ghcr.io/shop/web@sha256:{}", "ab".repeat(32))];
        let row = ImageRow::new(&used(lost, Vec::new()), from_ms(0));
        assert_eq!((row.names[0].1.as_str(), row.short_id.as_str()), ("ghcr.io/shop/web", "0123456789ab"));
        assert_eq!(row.digest, "sha256:abababababab…");
    }

    #[test]
    fn a_name_of_64_digits_is_shown_short_and_kept_whole() {
        let name = "0f".repeat(32);
        let row = VolumeRow::new(&used(volume(&name, true), Vec::new()), from_ms(0));
        assert_eq!((row.name.head.as_str(), row.title), ("0f0f0f0f0f0f", name));
    }
}
