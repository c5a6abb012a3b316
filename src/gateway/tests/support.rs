//! A gateway, visitors and upstreams.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::gateway::{Gateway, GatewayConfig, ListenerState, Route, RouteOptions, Table, Upstream};
use crate::platform::clock::SystemClock;

/// How long anything in a test may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("in time")
}

/// Waits until a condition holds.
pub(super) async fn until(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub(super) fn config() -> GatewayConfig {
    GatewayConfig::new(Arc::new(SystemClock))
}

pub(super) fn route(id: &str, host: &str, upstream: SocketAddr) -> Route {
    Route {
        id: id.into(),
        hosts: vec![host.to_owned()],
        path: None,
        strip_prefix: false,
        upstream: Upstream::at(upstream),
        options: RouteOptions::default(),
    }
}

/// A gateway that listens.
pub(super) struct Running {
    pub(super) gateway: Gateway,
    pub(super) address: SocketAddr,
    pub(super) stopping: CancellationToken,
    pub(super) task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(super) async fn start(config: GatewayConfig, routes: Vec<Route>) -> Self {
        let gateway = Gateway::new(config).unwrap();
        gateway.set(Arc::new(Table::new(routes)));
        let stopping = CancellationToken::new();
        let (running, stop) = (gateway.clone(), stopping.clone());
        let task = tokio::spawn(async move { running.run(Some(([127, 0, 0, 1], 0).into()), stop).await });
        let address = listening(&gateway).await;
        Self { gateway, address, stopping, task }
    }

    /// With one route for `site.test`.
    pub(super) async fn before(upstream: SocketAddr) -> Self {
        Self::start(config(), vec![route("site", "site.test", upstream)]).await
    }

    pub(super) async fn with(upstream: SocketAddr, options: RouteOptions) -> Self {
        let route = Route { options, ..route("site", "site.test", upstream) };
        Self::start(config(), vec![route]).await
    }

    pub(super) async fn visitor(&self) -> Visitor {
        Visitor::to(self.address).await
    }

    /// A new connection, one request, one response.
    pub(super) async fn ask(&self, request: &str) -> Answer {
        self.visitor().await.ask(request).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: site.test\r\n\r\n")).await
    }

    pub(super) fn last_error(&self) -> String {
        let counted = self.gateway.counters("site").unwrap().read();
        counted.last_error.map(|error| error.text).unwrap_or_default()
    }
}

pub(super) async fn listening(gateway: &Gateway) -> SocketAddr {
    let mut status = gateway.status();
    within(async {
        loop {
            if let ListenerState::Listening(address) = &*status.borrow_and_update() {
                return *address;
            }
            status.changed().await.unwrap();
        }
    })
    .await
}

/// One end of a connection, spoken by hand.
pub(super) struct Visitor {
    pub(super) stream: TcpStream,
    read: Vec<u8>,
}

/// A response as it came.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// All values of a header, joined.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }
}

pub(super) fn header(head: &str, name: &str) -> Option<String> {
    let found: Vec<_> = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .collect();
    (!found.is_empty()).then(|| found.join(" | "))
}

impl Visitor {
    pub(super) fn over(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(super) async fn to(address: SocketAddr) -> Self {
        Self::over(within(TcpStream::connect(address)).await.unwrap())
    }

    pub(super) async fn send(&mut self, text: impl AsRef<[u8]>) {
        within(self.stream.write_all(text.as_ref())).await.unwrap();
    }

    pub(super) async fn ask(&mut self, request: &str) -> Answer {
        self.send(request).await;
        self.answer_to(request.starts_with("HEAD ")).await
    }

    pub(super) async fn answer(&mut self) -> Answer {
        self.answer_to(false).await
    }

    async fn answer_to(&mut self, head_only: bool) -> Answer {
        let head = self.head().await;
        let status = head.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {head:?}")).parse().unwrap();
        let bodiless = head_only || matches!(status, 101 | 204 | 304);
        let body = if bodiless { String::new() } else { self.body(&head).await };
        Answer { status, head, body }
    }

    /// Reads up to the empty line; what was read at the end of the connection.
    pub(super) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                return String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
            }
            if self.more().await == 0 {
                return String::from_utf8(std::mem::take(&mut self.read)).unwrap();
            }
        }
    }

    async fn body(&mut self, head: &str) -> String {
        if header(head, "transfer-encoding").is_some() {
            let mut body = String::new();
            loop {
                let size = self.line().await;
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                if size == 0 {
                    while !self.line().await.trim().is_empty() {}
                    return body;
                }
                body.push_str(&self.exactly(size).await);
                self.line().await;
            }
        }
        match header(head, "content-length") {
            Some(length) => self.exactly(length.parse().unwrap()).await,
            None => self.rest().await,
        }
    }

    pub(super) async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                return String::from_utf8(self.read.drain(..=end).collect()).unwrap();
            }
            assert_ne!(self.more().await, 0, "the connection ended within a line");
        }
    }

    pub(super) async fn exactly(&mut self, bytes: usize) -> String {
        while self.read.len() < bytes {
            assert_ne!(self.more().await, 0, "the connection ended {} bytes early", bytes - self.read.len());
        }
        String::from_utf8(self.read.drain(..bytes).collect()).unwrap()
    }

    /// Everything up to the end of the connection, however it ends.
    pub(super) async fn rest(&mut self) -> String {
        while self.more().await != 0 {}
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    async fn more(&mut self) -> usize {
        within(self.stream.read_buf(&mut self.read)).await.unwrap_or(0)
    }

    /// A request as an upstream reads it: its head, and its body as it was framed.
    pub(super) async fn request(&mut self) -> Option<(String, String)> {
        let head = self.head().await;
        if head.is_empty() {
            return None;
        }
        let bodiless =
            header(&head, "content-length").is_none() && header(&head, "transfer-encoding").is_none();
        let body = if bodiless { String::new() } else { self.body(&head).await };
        Some((head, body))
    }
}

/// A server behind the gateway.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    /// Connections so far.
    pub(super) connections: Arc<AtomicUsize>,
    /// Heads of requests so far.
    pub(super) heads: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    /// Calls `serve` for each connection.
    pub(super) async fn start<F>(serve: impl Fn(Visitor) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(Visitor::over(stream)));
            }
        });
        Self { address, connections, heads: Arc::default() }
    }

    /// Answers every request with the request itself.
    pub(super) async fn echo() -> Self {
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = heads.clone();
        let backend = Self::start(move |mut connection| {
            let noted = noted.clone();
            async move {
                while let Some((head, body)) = connection.request().await {
                    let echo = format!("{head}{body}");
                    noted.lock().unwrap().push(head);
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{echo}", echo.len());
                    connection.send(answer).await;
                }
            }
        })
        .await;
        Self { heads, ..backend }
    }

    /// Answers every request with these bytes.
    pub(super) async fn says(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                while connection.request().await.is_some() {
                    let _gone = connection.stream.write_all(&answer).await;
                }
            }
        })
        .await
    }

    /// Answers one request on each connection with these bytes, and closes it.
    pub(super) async fn says_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                if connection.request().await.is_some() {
                    connection.send(&*answer).await;
                }
            }
        })
        .await
    }

    /// Takes requests and never answers.
    pub(super) async fn silent() -> Self {
        Self::start(|mut connection| async move {
            connection.rest().await;
        })
        .await
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}
