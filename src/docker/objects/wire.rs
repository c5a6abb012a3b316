//! The answers to `images/json`, `networks` and `volumes`, read leniently: a field with an odd value is left
//! empty and an odd entry is left out, so that one of them never hides the rest.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::{Image, Network, Subnet, Volume};
use crate::docker::from_list;
use crate::docker::types::{PROTECT, is_nameless};

/// A value, or whatever stood in its place.
#[derive(Deserialize)]
#[serde(untagged)]
enum Maybe<T> {
    Good(T),
    Odd(IgnoredAny),
}

/// The value, or nothing when it is `null` or odd.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(match Maybe::deserialize(deserializer)? {
        Maybe::Good(value) => value,
        Maybe::Odd(_) => T::default(),
    })
}

/// A list whose odd entries are left out.
fn entries<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let entries = Option::<Vec<Maybe<T>>>::deserialize(deserializer)?.unwrap_or_default();
    let good = entries.into_iter().filter_map(|entry| match entry {
        Maybe::Good(entry) => Some(entry),
        Maybe::Odd(_) => None,
    });
    Ok(good.collect())
}

/// A whole answer that is a list.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct List<T: DeserializeOwned>(#[serde(deserialize_with = "entries")] pub Vec<T>);

/// The answer to `GET /volumes`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct VolumeList {
    #[serde(deserialize_with = "entries")]
    pub volumes: Vec<VolumeEntry>,
}

/// One entry of `GET /images/json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ImageEntry {
    #[serde(deserialize_with = "lenient")]
    id: String,
    #[serde(deserialize_with = "lenient")]
    repo_tags: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    repo_digests: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    size: i64,
    #[serde(deserialize_with = "lenient")]
    created: i64,
    #[serde(deserialize_with = "lenient")]
    labels: HashMap<String, String>,
}

/// One entry of `GET /networks`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NetworkEntry {
    #[serde(deserialize_with = "lenient")]
    id: String,
    #[serde(deserialize_with = "lenient")]
    name: String,
    #[serde(deserialize_with = "lenient")]
    driver: String,
    #[serde(deserialize_with = "lenient")]
    scope: String,
    #[serde(deserialize_with = "lenient")]
    created: String,
    #[serde(deserialize_with = "lenient")]
    internal: bool,
    #[serde(rename = "EnableIPv6", deserialize_with = "lenient")]
    ipv6: bool,
    #[serde(deserialize_with = "lenient")]
    ingress: bool,
    #[serde(rename = "IPAM", deserialize_with = "lenient")]
    ipam: Ipam,
    #[serde(deserialize_with = "lenient")]
    labels: HashMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Ipam {
    #[serde(deserialize_with = "entries")]
    config: Vec<IpamConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct IpamConfig {
    #[serde(deserialize_with = "lenient")]
    subnet: String,
    #[serde(deserialize_with = "lenient")]
    gateway: String,
}

/// One entry of `GET /volumes`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct VolumeEntry {
    #[serde(deserialize_with = "lenient")]
    name: String,
    #[serde(deserialize_with = "lenient")]
    driver: String,
    #[serde(deserialize_with = "lenient")]
    mountpoint: String,
    #[serde(deserialize_with = "lenient")]
    scope: String,
    #[serde(deserialize_with = "lenient")]
    created_at: String,
    #[serde(deserialize_with = "lenient")]
    labels: HashMap<String, String>,
}

/// Docker 23 and later mark the volumes that nobody named.
const ANONYMOUS: &str = "com.docker.volume.anonymous";

impl ImageEntry {
    /// The image; `None` without an id.
    pub(super) fn image(self) -> Option<Image> {
        let named = |names: Vec<String>| {
            let mut names: Vec<String> =
                names.into_iter().filter(|name| !name.is_empty() && !name.contains("<none>")).collect();
            names.sort_unstable();
            names
        };
        (!self.id.is_empty()).then(|| Image {
            id: Arc::from(self.id),
            tags: named(self.repo_tags),
            digests: named(self.repo_digests),
            size_bytes: u64::try_from(self.size).unwrap_or_default(),
            created_at: Timestamp::from_second(self.created).ok().filter(is_real),
            protected: self.labels.get(PROTECT).is_some_and(|value| value == "true"),
        })
    }
}

impl NetworkEntry {
    /// The network; `None` without a name.
    pub(super) fn network(self) -> Option<Network> {
        let labels = from_list::labels(self.labels);
        let subnets = self.ipam.config.into_iter().filter(|config| !config.subnet.is_empty());
        (!self.name.is_empty()).then(|| Network {
            id: Arc::from(self.id),
            name: self.name,
            driver: self.driver,
            scope: self.scope,
            subnets: subnets.map(|range| Subnet { subnet: range.subnet, gateway: range.gateway }).collect(),
            internal: self.internal,
            ipv6: self.ipv6,
            ingress: self.ingress,
            created_at: time(&self.created),
            project: from_list::project(&labels),
            labels,
        })
    }
}

impl VolumeEntry {
    /// The volume; `None` without a name.
    pub(super) fn volume(self) -> Option<Volume> {
        let made_up = is_nameless(&self.name);
        let labels = from_list::labels(self.labels);
        (!self.name.is_empty()).then(|| Volume {
            anonymous: made_up || labels.contains_key(ANONYMOUS),
            name: Arc::from(self.name),
            driver: self.driver,
            mountpoint: self.mountpoint,
            scope: self.scope,
            created_at: time(&self.created_at),
            project: from_list::project(&labels),
            labels,
        })
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(is_real)
}

/// Docker writes 1970 or the year 1 for "not known".
fn is_real(at: &Timestamp) -> bool {
    at.as_second() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(json: &str) -> Vec<Image> {
        let List(entries) = serde_json::from_str::<List<ImageEntry>>(json).unwrap();
        entries.into_iter().filter_map(ImageEntry::image).collect()
    }

    #[test]
    fn an_empty_answer_is_an_empty_list_however_docker_writes_it() {
        assert!(images("null").is_empty());
        assert!(images("[]").is_empty());
        for json in [r#"{"Volumes":null,"Warnings":null}"#, r#"{"Volumes":[]}"#, "{}"] {
            assert!(serde_json::from_str::<VolumeList>(json).unwrap().volumes.is_empty(), "{json}");
        }
    }

    #[test]
    fn one_odd_field_or_entry_does_not_hide_the_rest() {
        let read = images(
            r#"[{"Id":"sha256:a","RepoTags":["web:2","web:1"],"RepoDigests":null,"Size":-1,"Created":"soon","New":{"x":[1]}},
                7, null, {"Id":"sha256:b","RepoTags":{"odd":1},"Size":12,"Created":1700000000}, {"Id":""}]"#,
        );
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].tags.as_slice(), read[0].size_bytes), (&["web:1".into(), "web:2".into()][..], 0));
        assert_eq!(read[0].created_at, None);
        assert_eq!((read[1].is_dangling(), read[1].size_bytes), (true, 12));
        assert!(serde_json::from_str::<List<ImageEntry>>("{\"message\":1}").is_err(), "no list at all");
    }

    #[test]
    fn an_image_without_a_tag_is_dangling_in_all_of_dockers_spellings() {
        for tags in [r#"["<none>:<none>"]"#, "[]", "null"] {
            let json = format!(
                r#"[{{"Id":"sha256:a","RepoTags":{tags},"RepoDigests":["<none>@<none>"],"Created":0}}]"#
            );
            let read = images(&json);
            assert!(read[0].is_dangling() && read[0].digests.is_empty(), "{tags}");
            assert_eq!(read[0].created_at, None, "1970 is no date");
        }
    }

    #[test]
    fn networks_and_volumes_are_read_with_what_may_be_missing() {
        let List(entries) = serde_json::from_str::<List<NetworkEntry>>(
            r#"[{"Name":"none","Id":"1","Driver":"null","Scope":"local","IPAM":{"Driver":"default","Config":null},"Labels":null},
                {"Name":"shop","Id":"2","Driver":"bridge","EnableIPv6":true,"Created":"2026-11-24T10:06:23.2+01:00",
                 "IPAM":{"Config":[{"Subnet":"172.18.0.0/16","Gateway":"172.18.0.1"},{"Subnet":"fd00::/64"}]},
                 "Labels":{"com.docker.compose.project":"shop"}}]"#,
        )
        .unwrap();
        let read: Vec<Network> = entries.into_iter().filter_map(NetworkEntry::network).collect();
        assert!(read[0].is_built_in() && read[0].subnets.is_empty() && read[0].created_at.is_none());
        assert_eq!((read[1].subnets.len(), read[1].subnets[1].gateway.as_str()), (2, ""));
        assert_eq!((read[1].project.as_deref(), read[1].ipv6), (Some("shop"), true));
        let name = "0f".repeat(32);
        let json = format!(
            r#"{{"Volumes":[{{"Name":"{name}","Driver":"local","CreatedAt":"0001-01-01T00:00:00Z","Labels":null,"Options":null}},
                {{"Name":"data","CreatedAt":"2026-11-24T10:06:23Z"}}]}}"#
        );
        let list = serde_json::from_str::<VolumeList>(&json).unwrap();
        let read: Vec<Volume> = list.volumes.into_iter().filter_map(VolumeEntry::volume).collect();
        assert!(read[0].anonymous && read[0].created_at.is_none());
        assert!(!read[1].anonymous && read[1].created_at.is_some());
    }
}
