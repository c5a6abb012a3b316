use std::collections::BTreeMap;

use super::*;
use crate::docker::objects::{Image, Network, Volume};
use crate::docker::types::{Facts, Health, Mount, Network as Attached, State};
use crate::platform::clock::from_ms;

/// A running container that uses nothing yet.
pub fn container(name: &str) -> Arc<Container> {
    Arc::new(Container {
        id: Arc::from(format!("{name:0<64}")),
        engine: EngineId::local(),
        name: name.to_owned(),
        image: Arc::from("nginx"),
        image_id: Arc::from("sha256:gone"),
        created_at: from_ms(0),
        state: State::Running,
        health: Health::None,
        facts: Facts::default(),
        project: None,
        service: None,
        ports: Vec::new(),
        labels: BTreeMap::new(),
        networks: Vec::new(),
        mounts: Vec::new(),
    })
}

pub fn image(id: &str, tags: &[&str]) -> Image {
    Image {
        id: Arc::from(id),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        digests: Vec::new(),
        size_bytes: 0,
        created_at: None,
        protected: false,
    }
}

pub fn volume(name: &str, anonymous: bool) -> Volume {
    Volume {
        name: Arc::from(name),
        driver: "local".to_owned(),
        mountpoint: String::new(),
        scope: "local".to_owned(),
        created_at: None,
        anonymous,
        labels: BTreeMap::new(),
        project: None,
    }
}

pub fn network(name: &str, scope: &str) -> Network {
    Network {
        id: Arc::from(name),
        name: name.to_owned(),
        driver: "bridge".to_owned(),
        scope: scope.to_owned(),
        subnets: Vec::new(),
        internal: false,
        ipv6: false,
        ingress: false,
        created_at: None,
        labels: BTreeMap::new(),
        project: None,
    }
}

pub fn used<T: Resource>(item: T, containers: Vec<Arc<Container>>) -> Used<T> {
    Used { item: Arc::new(item), engine: EngineId::local(), containers, blind: false }
}

fn changed(name: &str, change: impl FnOnce(&mut Container)) -> Arc<Container> {
    let mut container = Container::clone(&container(name));
    change(&mut container);
    Arc::new(container)
}

fn names(users: &Users<'_>, key: &str) -> Vec<String> {
    users.get(key).into_iter().flatten().map(|container| container.name.clone()).collect()
}

#[test]
fn an_image_is_known_by_its_id_and_where_that_differs_by_its_name() {
    let images = [Arc::new(image("sha256:a", &["web:1"])), Arc::new(image("sha256:b", &["nginx:latest"]))];
    let containers = [
        changed("by-id", |c| (c.image_id, c.image) = ("sha256:a".into(), "nginx:latest".into())),
        changed("by-name", |c| c.image = "web:1".into()),
        container("by-latest"),
        changed("of-a-gone-image", |c| c.image = "web:2".into()),
    ];
    let users = Image::join(&images, &containers);
    assert_eq!(names(&users, "sha256:a"), ["by-id", "by-name"]);
    assert_eq!(names(&users, "sha256:b"), ["by-latest"]);
}

#[test]
fn a_volume_mounted_twice_has_one_user_and_a_directory_is_no_volume() {
    let mount = |kind: &str, source: &str| Mount {
        kind: kind.to_owned(),
        source: source.to_owned(),
        destination: String::new(),
        read_only: false,
    };
    let containers = [
        changed("db", |c| c.mounts = vec![mount("volume", "data"), mount("volume", "data")]),
        changed("web", |c| c.mounts = vec![mount("bind", "data")]),
    ];
    assert_eq!(names(&Volume::join(&[], &containers), "data"), ["db"]);
}

#[test]
fn what_the_engine_needs_is_never_unused() {
    let attached = changed("web", |c| {
        c.networks = vec![Attached { name: "shop".to_owned(), ip_address: String::new() }];
    });
    assert_eq!(names(&Network::join(&[], &[attached]), "shop"), ["web"]);
    let is_unused = |network: Network| used(network, Vec::new()).is_unused();
    assert!(is_unused(network("shop", "local")));
    assert!(!is_unused(network("bridge", "local")), "built in");
    assert!(!is_unused(network("shop", "swarm")), "other hosts are not known");
    let hidden = Used { blind: true, ..used(network("shop", "local"), Vec::new()) };
    assert!(!hidden.is_unused(), "no container is known");
}

#[test]
fn lists_are_sorted_by_what_is_asked_and_by_name_where_that_is_equal() {
    let sized =
        |id: &str, tags: &[&str], size_bytes| used(Image { size_bytes, ..image(id, tags) }, Vec::new());
    let mut rows = [sized("1", &[], 5), sized("2", &["b:1"], 9), sized("3", &["a:1"], 9), sized("4", &[], 5)];
    let mut order = |by, descending| {
        rows.sort_unstable_by(|a, b| a.compare(b, Sort { by, descending }));
        rows.iter().map(|row| row.item.id.to_string()).collect::<String>()
    };
    assert_eq!(order(SortBy::Name, false), "3214", "without a name last");
    assert_eq!(order(SortBy::Size, false), "1432");
    assert_eq!(order(SortBy::Size, true), "2341");
}

#[test]
fn every_word_must_occur_in_it_or_in_a_user_of_it() {
    let row = used(image("sha256:0123", &["ghcr.io/shop/Web:2"]), vec![container("front-1")]);
    let matches = |q: &str| row.matches(&ListQuery { q: q.to_owned(), ..ListQuery::default() });
    assert!(matches("web FRONT") && matches("0123") && matches("sha256:01"));
    assert!(!matches("web back") && !matches("123"));
    assert!(!row.matches(&ListQuery { used: Some(false), ..ListQuery::default() }));
    assert!(!row.matches(&ListQuery { special: Some(true), ..ListQuery::default() }));
}

#[test]
fn an_engine_that_is_down_goes_before_what_was_last_said() {
    let down = EngineStatus::Down("no such socket".to_owned());
    let refused = EngineError::Forbidden { what: "GET /volumes" };
    assert!(matches!(standing(&down, Some(from_ms(1)), Some(&refused)), Standing::Down(_)));
    assert_eq!(standing(&EngineStatus::Up, Some(from_ms(1)), Some(&refused)), Standing::Refused);
    assert_eq!(standing(&EngineStatus::Up, None, None), Standing::NotYet);
    assert_eq!(standing(&EngineStatus::Up, Some(from_ms(1)), None), Standing::Current);
}
