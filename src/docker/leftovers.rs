//! What an engine keeps that nothing needs: how much room it takes, and the calls that remove it.
//!
//! Everything is removed by id, one by one and never with force: what was previewed, and nothing else. Only
//! the build cache, whose entries have no callers, is pruned by age.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::Client;
use super::error::EngineError;

/// How long removing one thing may take: a volume may hold a million files.
const PATIENCE: Duration = Duration::from_secs(180);
/// The same for the build cache, which is removed as a whole.
const PRUNE_PATIENCE: Duration = Duration::from_secs(600);
const QUICK: Duration = Duration::from_secs(10);
/// What an answer to a removal may weigh: it names every layer.
const MAX_ANSWER: usize = 1024 * 1024;

/// What images, volumes and the build cache take on the engine's disk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DiskUsage {
    /// Bytes of an image (by id) that other images have as well.
    pub shared: HashMap<Arc<str>, u64>,
    /// Bytes in a volume, by name; those of other drivers are not known.
    pub volumes: HashMap<Arc<str>, u64>,
    /// The build cache, largest first.
    pub build_cache: Vec<CacheEntry>,
}

/// A step of a build that was kept to make the next build faster.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheEntry {
    /// The builder's id of it.
    pub id: String,
    /// `regular`, `source.local`, `exec.cachemount` …
    pub kind: String,
    /// The step, as the builder describes it.
    pub description: String,
    /// Whether a build needs it now.
    pub in_use: bool,
    /// Whether an image has the same layer: removing it frees nothing.
    pub shared: bool,
    /// Bytes.
    pub size_bytes: u64,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When a build last used it.
    pub last_used_at: Option<Timestamp>,
}

impl CacheEntry {
    /// The last time it was of use, as far as known.
    pub fn touched_at(&self) -> Option<Timestamp> {
        self.last_used_at.max(self.created_at)
    }
}

/// What pruning the build cache came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// How many entries were removed.
    pub entries: usize,
    /// Bytes that were freed.
    pub bytes: u64,
}

impl Client {
    /// Measures what lies on the engine's disk. Docker walks every file of every volume, so this may take
    /// minutes; no page may wait for it.
    pub async fn disk_usage(&self, deadline: Duration) -> Result<DiskUsage, EngineError> {
        // Engines before API 1.42 do not know `type`, those before 1.52 not `verbose`, and take no offence.
        const PATH: &str = "/system/df?type=image&type=volume&type=build-cache&verbose=1";
        let answer: Answer = self.get_json(PATH, "GET /system/df", deadline).await?;
        Ok(answer.usage())
    }

    /// The tags that lead to an image now.
    pub async fn tags_of(&self, id: &str) -> Result<Vec<String>, EngineError> {
        let path = format!("/images/{}/json", encoded(id));
        let image: InspectedImage = self.get_json(&path, "GET /images/{name}/json", QUICK).await?;
        let mut tags: Vec<String> = image.repo_tags.unwrap_or_default();
        tags.retain(|tag| !tag.is_empty() && !tag.contains("<none>"));
        tags.sort_unstable();
        Ok(tags)
    }

    /// Removes an image by its id, or one of its tags; refused by Docker while a container uses it.
    pub async fn remove_image(&self, id_or_tag: &str) -> Result<(), EngineError> {
        let path = format!("/images/{}?force=0&noprune=0", encoded(id_or_tag));
        self.remove(&path, "DELETE /images/{name}").await
    }

    /// Removes a volume with everything in it; refused by Docker while a container has it.
    pub async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.remove(&format!("/volumes/{}?force=0", encoded(name)), "DELETE /volumes/{name}").await
    }

    /// Removes a network; refused by Docker while a running container is attached.
    pub async fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        self.remove(&format!("/networks/{}", encoded(id)), "DELETE /networks/{name}").await
    }

    /// The names of the containers that are attached to a network, also of those that do not run: Docker
    /// would remove it under them, and they would not start again.
    pub async fn attached_to(&self, network: &str) -> Result<Vec<String>, EngineError> {
        let filter = serde_json::json!({ "network": [network] }).to_string();
        let path = format!("/containers/json?all=1&filters={}", encoded(&filter));
        let attached: Vec<Attached> =
            self.get_json(&path, "GET /containers/json?filters=network", QUICK).await?;
        let name = |one: Attached| one.names.and_then(|names| names.into_iter().next()).unwrap_or_default();
        Ok(attached.into_iter().map(|one| name(one).trim_start_matches('/').to_owned()).collect())
    }

    /// Removes the build cache that no build needs; with `unused_for`, only what was not used so long.
    pub async fn prune_build_cache(&self, unused_for: Option<Duration>) -> Result<Pruned, EngineError> {
        const WHAT: &str = "POST /build/prune";
        let mut path = "/build/prune?all=1".to_owned();
        if let Some(unused_for) = unused_for {
            // A duration as Go writes it is what engines of all ages understand.
            let until = format!("{}s", unused_for.as_secs());
            let filter = serde_json::json!({ "until": [until] }).to_string();
            path = format!("{path}&filters={}", encoded(&filter));
        }
        let prune = async {
            let response = self.send(Method::POST, &path, WHAT).await?;
            let damaged = |detail: String| EngineError::Damaged { what: WHAT, detail };
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|error| damaged(error.to_string()))?.to_bytes();
            let told: PruneAnswer = serde_json::from_slice(&body).map_err(|e| damaged(e.to_string()))?;
            let bytes = u64::try_from(told.space_reclaimed.unwrap_or_default()).unwrap_or_default();
            Ok(Pruned { entries: told.caches_deleted.unwrap_or_default().len(), bytes })
        };
        let timed = tokio::time::timeout(PRUNE_PATIENCE, prune).await;
        timed.unwrap_or(Err(EngineError::no_answer(WHAT, PRUNE_PATIENCE)))
    }

    async fn remove(&self, path: &str, what: &'static str) -> Result<(), EngineError> {
        let remove = async {
            let response = self.send(Method::DELETE, path, what).await?;
            // What a successful removal answers says nothing more.
            let _rest = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            Ok(())
        };
        tokio::time::timeout(PATIENCE, remove).await.unwrap_or(Err(EngineError::no_answer(what, PATIENCE)))
    }
}

/// A text as a part of a path or a query. The `/` and `:` of image names stay: proxies match by them.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedImage {
    repo_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attached {
    names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PruneAnswer {
    caches_deleted: Option<Vec<Value>>,
    space_reclaimed: Option<i64>,
}

/// The answer to `GET /system/df`, in the shape up to API 1.51 and in the one since.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    images: Option<Vec<Value>>,
    volumes: Option<Vec<Value>>,
    build_cache: Option<Vec<Value>>,
    image_usage: Option<Usage>,
    volume_usage: Option<Usage>,
    build_cache_usage: Option<Usage>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Usage {
    items: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageUsage {
    id: String,
    shared_size: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeUsage {
    name: String,
    usage_data: VolumeSize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeSize {
    size: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CacheUsage {
    #[serde(rename = "ID")]
    id: String,
    r#type: String,
    description: Option<String>,
    in_use: bool,
    shared: bool,
    size: i64,
    created_at: Option<String>,
    last_used_at: Option<String>,
}

impl Answer {
    fn usage(self) -> DiskUsage {
        let images = either::<ImageUsage>(self.images, self.image_usage);
        let volumes = either::<VolumeUsage>(self.volumes, self.volume_usage);
        let cache = either::<CacheUsage>(self.build_cache, self.build_cache_usage);
        // Docker writes -1 for "not measured".
        let known = |bytes: i64| u64::try_from(bytes).ok();
        let mut build_cache: Vec<CacheEntry> = cache.map(CacheUsage::entry).collect();
        build_cache.sort_by(|a, b| (b.size_bytes, &a.id).cmp(&(a.size_bytes, &b.id)));
        DiskUsage {
            shared: images.filter_map(|i| Some((Arc::from(i.id), known(i.shared_size)?))).collect(),
            volumes: volumes.filter_map(|v| Some((Arc::from(v.name), known(v.usage_data.size)?))).collect(),
            build_cache,
        }
    }
}

/// The entries of whichever shape was sent; one that makes no sense is left out.
fn either<T: DeserializeOwned>(old: Option<Vec<Value>>, new: Option<Usage>) -> impl Iterator<Item = T> {
    let entries = old.or_else(|| new.and_then(|usage| usage.items)).unwrap_or_default();
    entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok())
}

impl CacheUsage {
    fn entry(self) -> CacheEntry {
        // The year 1 and 1970 stand for "not known".
        let time = |text: Option<String>| {
            text.and_then(|text| text.parse::<Timestamp>().ok()).filter(|at| at.as_second() > 0)
        };
        CacheEntry {
            id: self.id,
            kind: self.r#type,
            description: self.description.unwrap_or_default(),
            in_use: self.in_use,
            shared: self.shared,
            size_bytes: u64::try_from(self.size).unwrap_or_default(),
            created_at: time(self.created_at),
            last_used_at: time(self.last_used_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> DiskUsage {
        serde_json::from_str::<Answer>(json).unwrap().usage()
    }

    #[test]
    fn what_is_to_be_removed_cannot_change_the_call() {
        assert_eq!(encoded("ghcr.io/shop/web:1"), "ghcr.io/shop/web:1");
        assert_eq!(encoded("a?force=1&x"), "a%3Fforce%3D1%26x");
        assert_eq!(encoded(r#"{"until":["60s"]}"#), "%7B%22until%22:%5B%2260s%22%5D%7D");
    }

    #[test]
    fn both_shapes_of_the_answer_are_read_and_what_was_not_measured_is_not_zero() {
        let images = r#"[{"Id":"sha256:a","SharedSize":5,"Size":9},{"Id":"sha256:b","SharedSize":-1}]"#;
        let volumes = r#"[{"Name":"data","UsageData":{"Size":7,"RefCount":0}},{"Name":"nfs","UsageData":null},
                          {"Name":"slow","UsageData":{"Size":-1}}]"#;
        let cache = r#"[{"ID":"x","Type":"regular","InUse":false,"Shared":false,"Size":3,
                         "CreatedAt":"2026-01-02T03:04:05Z","LastUsedAt":null},{"ID":"y","Size":8,"InUse":true},7]"#;
        let old = format!(r#"{{"Images":{images},"Volumes":{volumes},"BuildCache":{cache}}}"#);
        let new = format!(
            r#"{{"ImageUsage":{{"Items":{images}}},"VolumeUsage":{{"Items":{volumes}}},"BuildCacheUsage":{{"Items":{cache}}}}}"#
        );
        for json in [old, new] {
            let usage = read(&json);
            assert_eq!(usage.shared.len(), 1, "{json}");
            assert_eq!(usage.volumes.keys().map(AsRef::as_ref).collect::<Vec<_>>(), ["data"]);
            let ids: Vec<&str> = usage.build_cache.iter().map(|entry| entry.id.as_str()).collect();
            assert_eq!(ids, ["y", "x"], "the largest first, and what is no entry is left out");
            assert!(usage.build_cache[1].touched_at().is_some());
        }
        assert_eq!(read("{}"), DiskUsage::default());
    }
}
