//! The image a container is created from: is it still there, and still the same? And what a container wrote, kept
//! as an image of its own.

use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use super::{Spec, text};
use crate::docker::exchange::{Call, image_path, segment};
use crate::docker::{Client, EngineError};

/// For questions.
const QUICK: Duration = Duration::from_secs(4);
/// A container may have written much.
const COMMIT: Duration = Duration::from_secs(600);
/// Removing an image deletes files.
const REMOVE: Duration = Duration::from_secs(180);

/// What became of the image that a container was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageNow {
    /// Its name leads to it as before.
    Same,
    /// It is there, but only by its id: its name leads elsewhere, or nowhere.
    ById,
    /// It is gone; its name leads to another one (the id).
    Another(String),
    /// It is gone, and so is its name.
    Gone,
}

impl Client {
    /// What became of the image of a specification. Where a proxy does not allow to ask, it is taken to be the same.
    pub async fn image_now(&self, spec: &Spec) -> Result<ImageNow, EngineError> {
        let named = match self.image_id_of(spec.image()).await {
            Err(EngineError::Forbidden { .. }) => return Ok(ImageNow::Same),
            named => named?,
        };
        if named.as_deref() == Some(spec.image_id()) {
            return Ok(ImageNow::Same);
        }
        if !spec.image_id().is_empty() && self.image_exists(spec.image_id()).await? {
            return Ok(ImageNow::ById);
        }
        Ok(named.map_or(ImageNow::Gone, ImageNow::Another))
    }

    /// Whether the engine has an image, by name or id.
    pub async fn image_exists(&self, reference_or_id: &str) -> Result<bool, EngineError> {
        Ok(self.image_id_of(reference_or_id).await?.is_some())
    }

    async fn image_id_of(&self, reference: &str) -> Result<Option<String>, EngineError> {
        let Some(path) = image_path(reference) else { return Ok(None) };
        let found = self.look_up(format!("/images/{path}/json"), "GET /images/{name}/json", QUICK).await?;
        Ok(found.map(|image| text(image.get("Id")).to_owned()))
    }

    /// Makes an image of what a container has written, and returns its id (`sha256:…`). Volumes are no part of
    /// it; the values of the container's environment are. A container that runs is paused meanwhile.
    pub async fn commit(
        &self,
        id: &str,
        repository: &str,
        tag: &str,
        comment: &str,
    ) -> Result<String, EngineError> {
        const WHAT: &str = "POST /commit?container={id}";
        let inspect = self.inspect_json(id, QUICK).await?;
        let runs = inspect.pointer("/State/Running").and_then(Value::as_bool) == Some(true);
        let paused = inspect.pointer("/State/Paused").and_then(Value::as_bool) == Some(true);
        let path = format!(
            "/commit?container={}&repo={}&tag={}&comment={}&pause={}",
            segment(id),
            segment(repository),
            segment(tag),
            segment(comment),
            u8::from(runs && !paused)
        );
        let call = Call { method: Method::POST, path, body: None, what: WHAT, deadline: COMMIT };
        let made = self.exchange_json(call).await?;
        match text(made.get("Id")) {
            "" => Err(EngineError::Damaged { what: WHAT, detail: "it names no image".to_owned() }),
            id => Ok(id.to_owned()),
        }
    }

    /// Removes an image by its name (an image with further names keeps those). One that is gone already is removed.
    /// Errs when a container was made from it.
    pub async fn discard_image(&self, reference: &str) -> Result<(), EngineError> {
        const WHAT: &str = "DELETE /images/{name}";
        let Some(path) = image_path(reference) else { return Ok(()) };
        let path = format!("/images/{path}?force=0&noprune=0");
        let call = Call { method: Method::DELETE, path, body: None, what: WHAT, deadline: REMOVE };
        match self.exchange(call).await {
            Ok(_) | Err(EngineError::Refused { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
