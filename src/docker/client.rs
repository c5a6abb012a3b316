//! Talks to one engine: every call has a deadline, and errors in words.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body_util::{BodyExt, BodyStream, Limited};
use hyper::body::Incoming;
use hyper::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::endpoint::Endpoint;
use super::error::EngineError;
use super::transport::{SendError, Transport};
use super::types::EngineInfo;
use super::wire::{EngineEvent, ListEntry, Processes, Size};

const QUICK: Duration = Duration::from_secs(4);
const LIST: Duration = Duration::from_secs(30);
/// What one event may weigh.
const MAX_EVENT_LINE: usize = 1024 * 1024;

/// The client of one engine. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    docker: Arc<RwLock<Docker>>,
    /// Minor version of the API (`41` = 1.41).
    minor: Arc<AtomicU32>,
}

impl Client {
    /// A client for an address. Nothing is sent yet; with `read_only`, nothing that writes ever is.
    pub fn new(endpoint: Endpoint, read_only: bool) -> Result<Self, EngineError> {
        let transport = Transport { endpoint, read_only };
        let docker = bollard_over(&transport)?;
        Ok(Self { transport, docker: Arc::new(RwLock::new(docker)), minor: Arc::new(AtomicU32::new(0)) })
    }

    /// Where the engine is, as the user wrote it.
    pub fn endpoint(&self) -> &Endpoint {
        &self.transport.endpoint
    }

    /// Whether nothing may be changed.
    pub fn is_read_only(&self) -> bool {
        self.transport.read_only
    }

    /// Agrees on an API version with the engine and returns the engine's and the API's versions.
    pub async fn negotiate(&self) -> Result<(String, String), EngineError> {
        const WHAT: &str = "GET /version";
        let docker = bollard_over(&self.transport)?;
        let docker = self.within(QUICK, WHAT, docker.negotiate_version()).await?;
        let version = self.within(QUICK, WHAT, docker.version()).await?;
        let api = docker.client_version();
        self.minor.store(u32::try_from(api.minor_version).unwrap_or_default(), Ordering::Relaxed);
        *self.docker.write().unwrap_or_else(PoisonError::into_inner) = docker;
        Ok((version.version.unwrap_or_default(), format!("{}.{}", api.major_version, api.minor_version)))
    }

    /// Whether the engine answers.
    pub async fn ping(&self) -> Result<(), EngineError> {
        const WHAT: &str = "GET /_ping";
        match self.within(QUICK, WHAT, self.docker().ping()).await {
            // A proxy that forbids even this is there all the same.
            Ok(_) | Err(EngineError::Forbidden { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the engine says of itself, and its clock (ns since the epoch).
    pub async fn info(&self) -> Result<(EngineInfo, Option<i64>), EngineError> {
        let info = self.within(QUICK, "GET /info", self.docker().info()).await?;
        let clock = info
            .system_time
            .as_deref()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .and_then(|time| i64::try_from(time.as_nanosecond()).ok());
        let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        let swarm = info.swarm.and_then(|swarm| swarm.node_id).is_some_and(|node| !node.is_empty());
        let known = EngineInfo {
            docker_id: info.id.unwrap_or_default(),
            name: info.name.unwrap_or_default(),
            version: info.server_version.unwrap_or_default(),
            api_version: String::new(),
            operating_system: info.operating_system.unwrap_or_default(),
            architecture: info.architecture.unwrap_or_default(),
            kernel: info.kernel_version.unwrap_or_default(),
            cores: positive(info.ncpu),
            memory_bytes: positive(info.mem_total),
            storage_driver: info.driver.unwrap_or_default(),
            data_root: info.docker_root_dir.unwrap_or_default(),
            cgroup_version: info.cgroup_version.map(|version| version.to_string()).unwrap_or_default(),
            swarm,
        };
        Ok((known, clock))
    }

    /// Every container, running or not.
    pub(super) async fn list(&self) -> Result<Vec<ListEntry>, EngineError> {
        self.get_json("/containers/json?all=1", "GET /containers/json", LIST).await
    }

    /// A whole answer, read by our own types.
    pub(super) async fn get_json<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &'static str,
        deadline: Duration,
    ) -> Result<T, EngineError> {
        let fetch = async {
            let response = self.get(path, what).await?;
            // One buffer: collecting the frames and joining them would hold everything twice.
            let mut body = Vec::new();
            let mut frames = BodyStream::new(response.into_body());
            while let Some(frame) = frames.next().await {
                let frame = frame.map_err(|e| EngineError::Damaged { what, detail: root_cause(&e) })?;
                if let Ok(data) = frame.into_data() {
                    body.extend_from_slice(&data);
                }
            }
            serde_json::from_slice(&body).map_err(|e| EngineError::Damaged { what, detail: e.to_string() })
        };
        tokio::time::timeout(deadline, fetch).await.unwrap_or(Err(EngineError::no_answer(what, deadline)))
    }

    /// Everything the engine knows of one container, within `deadline`.
    pub async fn inspect(
        &self,
        id: &str,
        deadline: Duration,
    ) -> Result<ContainerInspectResponse, EngineError> {
        let docker = self.docker();
        self.within(deadline, "GET /containers/{id}/json", docker.inspect_container(id, None)).await
    }

    /// The same, in the engine's own words.
    pub async fn inspect_json(&self, id: &str, deadline: Duration) -> Result<serde_json::Value, EngineError> {
        self.get_json(&format!("/containers/{id}/json"), "GET /containers/{id}/json", deadline).await
    }

    /// The processes of a running container: titles, then a row for each.
    pub async fn processes(&self, id: &str) -> Result<(Vec<String>, Vec<Vec<String>>), EngineError> {
        let path = format!("/containers/{id}/top?ps_args=-eo%20pid,user,%25cpu,%25mem,etime,args");
        let asked: Result<Processes, _> = self.get_json(&path, "GET /containers/{id}/top", QUICK).await;
        let Processes { titles, processes } = match asked {
            // The host's ps may be a small one.
            Err(EngineError::Refused { .. }) => {
                self.get_json(&format!("/containers/{id}/top"), "GET /containers/{id}/top", QUICK).await?
            }
            other => other?,
        };
        Ok((titles, processes))
    }

    /// What a container has written to its own layer, and that with its image, bytes. Docker walks its files.
    pub async fn size(&self, id: &str) -> Result<(u64, u64), EngineError> {
        let path = format!("/containers/{id}/json?size=1");
        let size: Size = self.get_json(&path, "GET /containers/{id}/json?size=1", LIST).await?;
        Ok((size.size_rw.unwrap_or(0), size.size_root_fs.unwrap_or(0)))
    }

    /// The event stream from `since` (ns), unfiltered; it ends at `until` (ns) when given. A line that
    /// is no event is left out.
    pub(super) async fn events(
        &self,
        since: i64,
        until: Option<i64>,
    ) -> Result<impl Stream<Item = Result<EngineEvent, EngineError>> + Send + use<>, EngineError> {
        const WHAT: &str = "GET /events";
        let until = until.map(|until| format!("&until={}", seconds(until))).unwrap_or_default();
        let path = format!("/events?since={}{until}", seconds(since));
        let opened = tokio::time::timeout(QUICK, self.get(&path, WHAT)).await;
        let response = opened.unwrap_or(Err(EngineError::no_answer(WHAT, QUICK)))?;
        let bytes = BodyStream::new(response.into_body())
            .try_filter_map(|frame| async move { Ok(frame.into_data().ok()) })
            .map_err(std::io::Error::other);
        let lines = FramedRead::new(
            StreamReader::new(Box::pin(bytes)),
            LinesCodec::new_with_max_length(MAX_EVENT_LINE),
        );
        Ok(lines.filter_map(|line| async move {
            match line {
                Ok(line) => parse_event(&line).map(Ok),
                Err(LinesCodecError::MaxLineLengthExceeded) => Some(Err(EngineError::Damaged {
                    what: WHAT,
                    detail: "one event is longer than 1 MiB".to_owned(),
                })),
                Err(LinesCodecError::Io(error)) => Some(Err(EngineError::Lost(error.to_string()))),
            }
        }))
    }

    fn docker(&self) -> Docker {
        self.docker.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a path of the agreed API version.
    pub(super) async fn get(
        &self,
        path: &str,
        what: &'static str,
    ) -> Result<Response<Incoming>, EngineError> {
        self.send(Method::GET, path, what).await
    }

    /// Minor version of the API that was agreed on (`41` = 1.41); 0 before that.
    pub(super) fn minor(&self) -> u32 {
        self.minor.load(Ordering::Relaxed)
    }

    /// Sends a request without a body to a path of the agreed API version. "Not modified" counts as success.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        what: &'static str,
    ) -> Result<Response<Incoming>, EngineError> {
        self.send_json(method, path, None, what).await
    }

    /// The same, with a body of JSON. A path that names a version of the API itself (`/v1.51/…`) is left so.
    pub(super) async fn send_json(
        &self,
        method: Method,
        path: &str,
        json: Option<Bytes>,
        what: &'static str,
    ) -> Result<Response<Incoming>, EngineError> {
        let minor = self.minor();
        let as_it_is = minor == 0 || path.starts_with("/v1.");
        let path = if as_it_is { path.to_owned() } else { format!("/v1.{minor}{path}") };
        let response = self.transport.ask(method, &path, json).await.map_err(|e| self.translate(what, &e))?;
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), 16 * 1024).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_else(|_| Bytes::new());
        let message = serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|json| json.get("message").and_then(|m| m.as_str()).map(str::to_owned))
            .unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        Err(EngineError::from_status(what, status, &message))
    }

    async fn within<T>(
        &self,
        deadline: Duration,
        what: &'static str,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        match tokio::time::timeout(deadline, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(EngineError::from_bollard(what, self.endpoint().label(), &error)),
            Err(_) => Err(EngineError::no_answer(what, deadline)),
        }
    }

    fn translate(&self, what: &'static str, error: &SendError) -> EngineError {
        match error {
            SendError::ReadOnly => EngineError::ReadOnly,
            SendError::Io(error) => EngineError::from_io(self.endpoint().label(), error),
            SendError::Http(error) if error.is_parse() || error.is_incomplete_message() => {
                EngineError::Damaged { what, detail: "it is not an HTTP answer".to_owned() }
            }
            SendError::Http(error) => EngineError::Lost(root_cause(error)),
        }
    }
}

fn bollard_over(transport: &Transport) -> Result<Docker, EngineError> {
    let over = transport.clone();
    let send = move |request: BollardRequest| {
        let over = over.clone();
        async move {
            over.send(request).await.map_err(|error| match error {
                SendError::ReadOnly => {
                    bollard::errors::Error::IOError { err: std::io::Error::other("read-only") }
                }
                SendError::Io(err) => bollard::errors::Error::IOError { err },
                SendError::Http(err) => bollard::errors::Error::HyperResponseError { err },
            })
        }
    };
    Docker::connect_with_custom_transport(send, Some("http://docker"), 120, API_DEFAULT_VERSION)
        .map_err(|e| EngineError::Lost(e.to_string()))
}

fn parse_event(line: &str) -> Option<EngineEvent> {
    if line.trim().is_empty() {
        return None;
    }
    match serde_json::from_str(line) {
        Ok(event) => Some(event),
        Err(error) => {
            tracing::warn!(%error, "the engine sent something that is no event");
            None
        }
    }
}

/// Docker takes times as seconds with nine decimals.
pub(super) fn seconds(nanoseconds: i64) -> String {
    let nanoseconds = nanoseconds.max(0);
    format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_docker_reads_them() {
        assert_eq!(seconds(1_700_000_000_000_000_007), "1700000000.000000007");
        assert_eq!(seconds(-1), "0.000000000");
    }

    #[test]
    fn an_event_of_a_kind_nobody_knows_is_read() {
        let event = parse_event(
            r#"{"Type":"pod","Action":"create","Actor":{"ID":"x","Attributes":null},"timeNano":5}"#,
        );
        assert_eq!(event.unwrap().kind, "pod");
        assert!(parse_event("{broken").is_none());
        assert!(parse_event(" ").is_none());
    }
}
