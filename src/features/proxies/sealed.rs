//! Proxies as they are kept: sealed, because headers may hold secrets.

use serde_json::json;

use super::model::{Proxy, ProxySpec};
use super::store::SealedProxy;
use crate::platform::db::DbError;
use crate::platform::journal::{Actor, NewEvent, Severity, Source};
use crate::platform::vault::{Vault, VaultError};
use crate::web::WebError;

/// Why a change was not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("what is kept of a proxy cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("{0}")]
    Conflict(String),
    #[error("There is no such proxy (any more).")]
    Gone,
}

impl From<KeepError> for WebError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Db(error) => error.into(),
            KeepError::Vault(error) => Self::Internal(error.to_string()),
            error @ KeepError::Unreadable(_) => Self::Internal(error.to_string()),
            KeepError::Conflict(why) => Self::Conflict(why),
            KeepError::Gone => Self::NotFound("There is no such proxy (any more).".to_owned()),
        }
    }
}

/// What events of proxies are about.
pub(super) const SUBJECT: &str = "proxy";

/// An event about a proxy, by the one who changed it last.
pub(super) fn about(proxy: &Proxy, kind: &'static str, message: String) -> NewEvent {
    let mut event = NewEvent::new(Source::Proxy, kind, message)
        .subject(SUBJECT, proxy.id.to_string(), proxy.name())
        .severity(Severity::Info)
        .actor(Actor::user(&proxy.updated_by))
        .data(json!({"proxy": proxy.id.to_string(), "domains": proxy.spec.domains}));
    // Its events stay its own, whatever its domains are.
    event.subject.key = Some(proxy.id.to_string());
    event
}

fn place(id: i64) -> String {
    format!("proxies/spec/{id}")
}

/// What is wanted, sealed for the proxy of a number.
pub(super) fn seal(vault: &Vault, id: i64, spec: &ProxySpec) -> Result<String, VaultError> {
    let json = serde_json::to_vec(spec).unwrap_or_default();
    vault.seal(&place(id), &json)
}

/// What [`seal`] has sealed.
pub(super) fn unseal(vault: &Vault, id: i64, sealed: &str) -> Result<ProxySpec, KeepError> {
    let json = vault.open(&place(id), sealed)?;
    // What an older version wrote has every field that it did not know of by default.
    Ok(serde_json::from_slice(&json)?)
}

/// A proxy as the database has it, opened.
pub(super) fn open(vault: &Vault, sealed: SealedProxy) -> Result<Proxy, KeepError> {
    let SealedProxy { id, spec, enabled, version, created_at, updated_at, updated_by } = sealed;
    let spec = unseal(vault, id, &spec)?;
    Ok(Proxy { id, spec, enabled, version, created_at, updated_at, updated_by })
}
