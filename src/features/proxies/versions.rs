//! How a proxy was, and the way back.

use std::sync::Arc;

use super::diff::{self, Change};
use super::model::{Proxy, ProxySpec};
use super::sealed::unseal;
use super::service::Proxies;
use super::store;
use crate::web::WebError;

/// How many versions of a proxy are kept.
pub const VERSIONS: usize = 100;

/// A proxy as it was.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its number.
    pub version: i64,
    /// What was wanted.
    pub spec: ProxySpec,
    /// When, ms.
    pub at: i64,
    /// By whom.
    pub actor: String,
    /// What it changed.
    pub changes: Vec<Change>,
}

impl Proxies {
    /// Goes back to how a proxy was.
    pub async fn revert(
        self: &Arc<Self>,
        id: i64,
        version: i64,
        actor: &str,
    ) -> Result<Arc<Proxy>, WebError> {
        let versions = self.versions(id, VERSIONS).await?;
        let known = versions.into_iter().find(|known| known.version == version);
        let known = known.ok_or_else(|| {
            WebError::field("version", format!("there is no version {version} of it (any more)."))
        })?;
        self.update(id, None, known.spec, actor).await
    }

    /// The newest versions of a proxy, each with what it changed.
    pub async fn versions(&self, id: i64, most: usize) -> Result<Vec<Version>, WebError> {
        // One more, to compare the last one with.
        let sealed = self.db.read(move |c| store::versions(c, id, most.saturating_add(1))).await?;
        let mut versions = Vec::with_capacity(sealed.len());
        for one in sealed {
            // One that cannot be read is no reason not to show the others.
            let Ok(spec) = unseal(&self.vault, id, &one.spec) else { continue };
            let (version, at, actor) = (one.version, one.at, one.actor);
            versions.push(Version { version, spec, at, actor, changes: Vec::new() });
        }
        for at in 1..versions.len() {
            if let [newer, older, ..] = versions.get_mut(at - 1..).unwrap_or_default() {
                newer.changes = diff::diff(&older.spec, &newer.spec);
            }
        }
        versions.truncate(most);
        Ok(versions)
    }
}
