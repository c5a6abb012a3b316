//! One question or order whose whole answer is read: within a deadline, and not without end.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::Method;
use serde_json::Value;

use super::client::Client;
use super::error::EngineError;

/// What such an answer may weigh; the largest is inspect's.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// One call of the engine.
pub(super) struct Call<'a> {
    /// What the engine is to do with the path.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// What is sent with it.
    pub body: Option<&'a Value>,
    /// What it is called in errors.
    pub what: &'static str,
    /// How long the engine may take for all of it.
    pub deadline: Duration,
}

impl Client {
    /// Sends a call and reads what comes back.
    pub(super) async fn exchange(&self, call: Call<'_>) -> Result<Bytes, EngineError> {
        let Call { method, path, body, what, deadline } = call;
        let json = body.map(|body| Bytes::from(body.to_string()));
        let answer = async {
            let response = self.send_json(method, &path, json, what).await?;
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let damaged = |e: Box<dyn std::error::Error + Send + Sync>| EngineError::Damaged {
                what,
                detail: e.to_string(),
            };
            Ok(body.map_err(damaged)?.to_bytes())
        };
        tokio::time::timeout(deadline, answer).await.unwrap_or(Err(EngineError::no_answer(what, deadline)))
    }

    /// The same, for an answer in JSON.
    pub(super) async fn exchange_json(&self, call: Call<'_>) -> Result<Value, EngineError> {
        let what = call.what;
        let body = self.exchange(call).await?;
        serde_json::from_slice(&body).map_err(|e| EngineError::Damaged { what, detail: e.to_string() })
    }

    /// What the engine says of one thing; `None` when there is no such thing.
    pub(super) async fn look_up(
        &self,
        path: String,
        what: &'static str,
        deadline: Duration,
    ) -> Result<Option<Value>, EngineError> {
        match self.exchange_json(Call { method: Method::GET, path, body: None, what, deadline }).await {
            Ok(answer) => Ok(Some(answer)),
            Err(EngineError::NotFound | EngineError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Writes a name as one segment of a path (or one value of a query), whatever is in it.
pub(super) fn segment(name: &str) -> String {
    // A form writes a space as a plus, which in a path is a plus.
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    match name {
        // The engine would walk these before it looks.
        "." | ".." => encoded.replace('.', "%2E"),
        _ => encoded.replace('+', "%20"),
    }
}

/// Writes a reference of an image as a path: its slashes stay. `None` when it cannot be a reference.
pub(super) fn image_path(reference: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let walks = reference.split('/').any(|part| matches!(part, "" | "." | ".."));
    (reference.chars().all(allowed) && !walks).then(|| reference.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_a_path() {
        assert_eq!(segment("a/../b c?d+e"), "a%2F..%2Fb%20c%3Fd%2Be");
        assert_eq!(segment(".."), "%2E%2E");
    }

    #[test]
    fn a_reference_of_an_image_keeps_its_slashes_and_leads_nowhere_else() {
        let digest = "host:5000/a/b@sha256:0f";
        assert_eq!(image_path(digest).as_deref(), Some(digest));
        for bad in ["", "/x", "a//b", "../containers/x", "a/./b", "x?force=1", "a b"] {
            assert_eq!(image_path(bad), None, "{bad}");
        }
    }
}
