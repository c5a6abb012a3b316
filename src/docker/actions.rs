//! What changes containers: the only calls of Docker that write.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::{Method, StatusCode};

use super::client::Client;
use super::error::EngineError;

/// What Docker itself may take for anything that does not wait for a process.
const PATIENCE: Duration = Duration::from_secs(30);
/// Removing a container may mean deleting many files.
const LONG_PATIENCE: Duration = Duration::from_secs(180);

/// Something to be done to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start it.
    Start,
    /// Ask it to end; kill it after the grace (seconds; `None` = the container's own, usually 10).
    Stop(Option<u32>),
    /// Stop and start.
    Restart(Option<u32>),
    /// Freeze its processes.
    Pause,
    /// Let them go on.
    Unpause,
    /// Send it a signal, `SIGKILL` say.
    Kill(String),
    /// Give it another name.
    Rename(String),
    /// Remove it.
    Remove {
        /// Also when it runs.
        force: bool,
        /// Its anonymous volumes as well.
        volumes: bool,
    },
}

/// How an action went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Docker did it.
    Changed,
    /// It was so already.
    Already,
}

impl Action {
    /// Its verb, which is Docker's.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop(_) => "stop",
            Self::Restart(_) => "restart",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Kill(_) => "kill",
            Self::Rename(_) => "rename",
            Self::Remove { .. } => "remove",
        }
    }

    /// Method, path and what it is called in errors.
    fn request(&self, id: &str) -> (Method, String, &'static str) {
        let grace = |grace: &Option<u32>| grace.map(|seconds| format!("?t={seconds}")).unwrap_or_default();
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let post = Method::POST;
        match self {
            Self::Start => (post, format!("/containers/{id}/start"), "POST /containers/{id}/start"),
            Self::Stop(t) => {
                (post, format!("/containers/{id}/stop{}", grace(t)), "POST /containers/{id}/stop")
            }
            Self::Restart(t) => {
                (post, format!("/containers/{id}/restart{}", grace(t)), "POST /containers/{id}/restart")
            }
            Self::Pause => (post, format!("/containers/{id}/pause"), "POST /containers/{id}/pause"),
            Self::Unpause => (post, format!("/containers/{id}/unpause"), "POST /containers/{id}/unpause"),
            Self::Kill(signal) => {
                let path = format!("/containers/{id}/kill?signal={}", encode(signal));
                (post, path, "POST /containers/{id}/kill")
            }
            Self::Rename(name) => {
                let path = format!("/containers/{id}/rename?name={}", encode(name));
                (post, path, "POST /containers/{id}/rename")
            }
            Self::Remove { force, volumes } => {
                let (force, volumes) = (u8::from(*force), u8::from(*volumes));
                let path = format!("/containers/{id}?force={force}&v={volumes}");
                (Method::DELETE, path, "DELETE /containers/{id}")
            }
        }
    }

    /// How long Docker may take. A stop lasts as long as the container's grace, which may be long.
    fn patience(&self) -> Duration {
        match self {
            Self::Stop(grace) | Self::Restart(grace) => {
                let grace = grace.map_or(LONG_PATIENCE, |seconds| Duration::from_secs(seconds.into()));
                PATIENCE + grace
            }
            Self::Remove { .. } => LONG_PATIENCE,
            _ => PATIENCE,
        }
    }
}

impl Client {
    /// Does something to a container. Refused before anything is sent when the product is read-only.
    pub async fn act(&self, id: &str, action: &Action) -> Result<Done, EngineError> {
        let (method, path, what) = action.request(id);
        let patience = action.patience();
        let answer = async {
            let response = self.send(method, &path, what).await?;
            let status = response.status();
            // What a successful write answers says nothing more.
            let _rest = http_body_util::Limited::new(response.into_body(), 64 * 1024).collect().await;
            Ok(if status == StatusCode::NOT_MODIFIED { Done::Already } else { Done::Changed })
        };
        tokio::time::timeout(patience, answer).await.unwrap_or(Err(EngineError::no_answer(what, patience)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_typed_cannot_change_the_call() {
        let (_, path, _) = Action::Rename("a&force=1/../x y".to_owned()).request("abc");
        assert_eq!(path, "/containers/abc/rename?name=a%26force%3D1%2F..%2Fx+y");
    }

    #[test]
    fn anonymous_volumes_and_force_are_said_explicitly() {
        let (method, path, _) = Action::Remove { force: false, volumes: true }.request("abc");
        assert_eq!((method, path.as_str()), (Method::DELETE, "/containers/abc?force=0&v=1"));
    }
}
