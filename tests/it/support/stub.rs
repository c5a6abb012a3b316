//! A stub engine on a unix socket, for what a real engine will not do on demand: hang, cut its JSON short, never end an answer,
//! refuse like a filtering proxy, hold 30,000 containers, forget one between list and inspect. Its mind can be changed while it runs.

pub use super::stub_answers::Endpoint;
use super::stub_answers::{Fake, event, images, info, networks, version, volumes};
use super::stub_wire::{STREAM, answer, chunk, read_request};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, oneshot, watch};

pub const ALL: [Endpoint; 12] = [
    Endpoint::Ping,
    Endpoint::Version,
    Endpoint::Info,
    Endpoint::Events,
    Endpoint::List,
    Endpoint::Inspect,
    Endpoint::Logs,
    Endpoint::Stats,
    Endpoint::Images,
    Endpoint::Networks,
    Endpoint::Volumes,
    Endpoint::Other,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Accepts, and answers only once it is healed: like a stopped process.
    Hang,
    /// Knows its answer at once and sends it only once it is healed: from before what happened since.
    Late,
    /// 403, as a filtering socket proxy says it.
    Forbidden,
    /// Half of the JSON: in turns as a complete answer and as a connection that breaks.
    Truncated,
    /// A body that starts well and never ends.
    Endless,
}

#[derive(Default)]
struct Mind {
    faults: HashMap<Endpoint, Fault>,
    containers: Vec<Fake>,
    /// The whole list, serialised once: it may be 30 MB.
    list: Arc<str>,
    history: Vec<(u128, String)>,
    asked: HashMap<Endpoint, usize>,
    /// All requests: the targets by method.
    methods: HashMap<String, Vec<String>>,
}

struct State {
    mind: Mutex<Mind>,
    changed: watch::Sender<u64>,
    events: broadcast::Sender<String>,
    endless: AtomicU64,
    /// How far apart statistics are taken, ms; 0: whenever somebody asks.
    takes_stats_ms: AtomicU64,
}

pub struct Stub {
    folder: tempfile::TempDir,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Stub {
    pub fn start(containers: Vec<Fake>) -> Stub {
        let folder = tempfile::Builder::new().prefix("dw-stub-").tempdir().expect("a temporary folder");
        let (changed, events) = (watch::Sender::new(0), broadcast::Sender::new(1024));
        let state = Arc::new(State {
            mind: Mutex::default(),
            changed,
            events,
            endless: AtomicU64::new(0),
            takes_stats_ms: AtomicU64::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let (path, shared) = (folder.path().join("docker.sock"), state.clone());
        let (ready, is_ready) = std::sync::mpsc::channel();
        // A thread of its own, so that no test can starve it.
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = UnixListener::bind(path).expect("a new socket");
                ready.send(()).expect("start waits");
                tokio::select! { () = serve(listener, shared) => (), _ = stopped => () }
            });
        });
        is_ready.recv().expect("the stub listens");
        let stub = Stub { folder, state, stop: Some(stop), thread: Some(thread) };
        stub.set_containers(containers);
        stub
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// What `--docker-host` takes.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub fn fail(&self, endpoints: &[Endpoint], fault: Fault) {
        self.change(|mind| mind.faults.extend(endpoints.iter().map(|endpoint| (*endpoint, fault))));
    }

    pub fn heal(&self) {
        self.change(|mind| mind.faults.clear());
    }

    /// Breaks all streams of events, as a restart does.
    pub fn cut_streams(&self) {
        self.state.changed.send_modify(|generation| *generation += 1);
    }

    pub fn set_containers(&self, containers: Vec<Fake>) {
        let list = json!(containers.iter().map(Fake::list_entry).collect::<Vec<_>>()).to_string();
        self.change(|mind| (mind.list, mind.containers) = (list.into(), containers));
    }

    /// Sends a container event to whoever listens, and keeps it for `since=`.
    pub fn push_event(&self, fake: &Fake, action: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let line = event(fake, action, now).to_string();
        self.mind().history.push((now, line.clone()));
        let _ = self.state.events.send(line);
    }

    /// How often an endpoint was asked.
    pub fn asked(&self, endpoint: Endpoint) -> usize {
        self.mind().asked.get(&endpoint).copied().unwrap_or(0)
    }

    /// The paths of all requests so far that were neither GET nor HEAD, with their methods.
    pub fn writes(&self) -> Vec<String> {
        let mind = self.mind();
        let writes = mind.methods.iter().filter(|(method, _)| !matches!(method.as_str(), "GET" | "HEAD"));
        writes.flat_map(|(method, paths)| paths.iter().map(move |path| format!("{method} {path}"))).collect()
    }

    /// How many bytes of endless answers were taken by the other side.
    pub fn endless_bytes(&self) -> u64 {
        self.state.endless.load(Ordering::Relaxed)
    }

    /// Statistics are taken of all containers at once, so far apart, and who asks waits for the next time: like Docker
    /// 20.10, which does it every second.
    #[allow(dead_code, reason = "benches use it")]
    pub fn take_stats_every(&self, every: Duration) {
        self.state.takes_stats_ms.store(every.as_millis() as u64, Ordering::Relaxed);
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.state.mind.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Mind)) {
        change(&mut self.mind());
        self.state.changed.send_modify(|_| ());
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn serve(listener: UnixListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.expect("the socket stays");
        let state = state.clone();
        tokio::spawn(async move {
            // A client may go away at any time.
            let _ = connection(BufReader::new(stream), &state).await;
        });
    }
}

async fn connection(mut stream: BufReader<UnixStream>, state: &State) -> std::io::Result<()> {
    while let Some((method, target)) = read_request(&mut stream).await? {
        let request = Request::new(&target);
        state.mind.lock().unwrap().methods.entry(method).or_default().push(target);
        *state.mind.lock().unwrap().asked.entry(request.endpoint).or_default() += 1;
        let mut changed = state.changed.subscribe();
        let fault = loop {
            let fault = state.mind.lock().unwrap().faults.get(&request.endpoint).copied();
            if fault != Some(Fault::Hang) {
                break fault;
            }
            if changed.changed().await.is_err() {
                return Ok(());
            }
        };
        match fault {
            Some(Fault::Late) => {
                let (status, body) = request.body(&state.mind.lock().unwrap());
                while state.mind.lock().unwrap().faults.get(&request.endpoint) == Some(&Fault::Late) {
                    if changed.changed().await.is_err() {
                        return Ok(());
                    }
                }
                answer(&mut stream, status, "application/json", &body).await?;
            }
            Some(Fault::Forbidden) => {
                answer(&mut stream, "403 Forbidden", "text/html", "<h1>403 Forbidden</h1>\n").await?
            }
            Some(Fault::Endless) => return endless(&mut stream, state).await,
            None if request.endpoint == Endpoint::Events => {
                return events(&mut stream, &request, state).await;
            }
            Some(Fault::Truncated) => {
                let (_, body) = request.body(&state.mind.lock().unwrap());
                let mut half = body.len() / 2;
                while !body.is_char_boundary(half) {
                    half += 1;
                }
                if state.mind.lock().unwrap().asked[&request.endpoint] % 2 == 1 {
                    answer(&mut stream, "200 OK", "application/json", &body[..half]).await?;
                } else {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all(format!("{head}{}", &body[..half]).as_bytes()).await?;
                    return stream.shutdown().await;
                }
            }
            Some(Fault::Hang) | None => {
                if request.endpoint == Endpoint::Stats {
                    next_stats(state).await;
                }
                let (status, body) = request.body(&state.mind.lock().unwrap());
                answer(&mut stream, status, "application/json", &body).await?;
            }
        }
    }
    Ok(())
}

async fn endless(stream: &mut BufReader<UnixStream>, state: &State) -> std::io::Result<()> {
    stream.write_all(STREAM.as_bytes()).await?;
    let mut piece = "[{\"Id\":\"".to_owned();
    loop {
        chunk(stream, &piece).await?;
        state.endless.fetch_add(piece.len() as u64, Ordering::Relaxed);
        if piece.len() < 65_536 {
            piece = "a".repeat(65_536);
        }
    }
}

async fn next_stats(state: &State) {
    let every = u128::from(state.takes_stats_ms.load(Ordering::Relaxed));
    if every > 0 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        tokio::time::sleep(Duration::from_millis((every - now % every) as u64)).await;
    }
}

async fn events(stream: &mut BufReader<UnixStream>, request: &Request, state: &State) -> std::io::Result<()> {
    let mut live = state.events.subscribe();
    let mut cut = state.changed.subscribe();
    let generation = *cut.borrow_and_update();
    stream.write_all(STREAM.as_bytes()).await?;
    stream.flush().await?;
    if let Some(since) = request.query.get("since").and_then(|text| text.parse::<f64>().ok()) {
        let history = state.mind.lock().unwrap().history.clone();
        for (_, line) in history.iter().filter(|(at, _)| *at as f64 >= since * 1e9) {
            chunk(stream, &format!("{line}\n")).await?;
        }
    }
    if request.query.contains_key("until") {
        return stream.write_all(b"0\r\n\r\n").await;
    }
    loop {
        tokio::select! {
            line = live.recv() => match line {
                Ok(line) => chunk(stream, &format!("{line}\n")).await?,
                Err(_) => return Ok(()),
            },
            changed = cut.changed() => if changed.is_err() || *cut.borrow() != generation {
                return stream.shutdown().await;
            },
            gone = stream.fill_buf() => if gone?.is_empty() { return Ok(()) },
        }
    }
}

struct Request {
    endpoint: Endpoint,
    id: String,
    query: HashMap<String, String>,
}

impl Request {
    fn new(target: &str) -> Request {
        let url = url::Url::parse("http://stub").and_then(|base| base.join(target)).expect("a valid target");
        let mut path: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        if path[0].starts_with("v1.") {
            path.remove(0);
        }
        let (endpoint, id) = match path.as_slice() {
            ["_ping"] => (Endpoint::Ping, ""),
            ["version"] => (Endpoint::Version, ""),
            ["info"] => (Endpoint::Info, ""),
            ["events"] => (Endpoint::Events, ""),
            ["containers", "json"] => (Endpoint::List, ""),
            ["containers", id, "json"] => (Endpoint::Inspect, *id),
            ["containers", id, "logs"] => (Endpoint::Logs, *id),
            ["containers", id, "stats"] => (Endpoint::Stats, *id),
            ["images", "json"] => (Endpoint::Images, ""),
            ["networks"] => (Endpoint::Networks, ""),
            ["volumes"] => (Endpoint::Volumes, ""),
            _ => (Endpoint::Other, ""),
        };
        Request { endpoint, id: id.to_owned(), query: url.query_pairs().into_owned().collect() }
    }

    /// The status and the body of a healthy answer.
    fn body(&self, mind: &Mind) -> (&'static str, Arc<str>) {
        let found = |fake: &&Fake| !fake.vanished && (fake.id.starts_with(&self.id) || fake.name == self.id);
        let running = || mind.containers.iter().filter(|fake| fake.running).count();
        let value = match self.endpoint {
            Endpoint::Ping => return ("200 OK", "OK".into()),
            // Nothing was ever written.
            Endpoint::Logs => return ("200 OK", "".into()),
            Endpoint::List => return ("200 OK", self.list(mind)),
            Endpoint::Version => version(),
            Endpoint::Images => images(),
            Endpoint::Networks => networks(),
            Endpoint::Volumes => volumes(),
            Endpoint::Info => info(running(), mind.containers.len() - running()),
            Endpoint::Inspect | Endpoint::Stats => match mind.containers.iter().find(found) {
                Some(fake) if self.endpoint == Endpoint::Stats => fake.stats(),
                Some(fake) => fake.inspect(),
                None => {
                    let message = json!({"message": format!("No such container: {}", self.id)});
                    return ("404 Not Found", message.to_string().into());
                }
            },
            Endpoint::Events | Endpoint::Other => {
                return ("404 Not Found", json!({"message": "page not found"}).to_string().into());
            }
        };
        ("200 OK", value.to_string().into())
    }

    fn list(&self, mind: &Mind) -> Arc<str> {
        let all = self.query.get("all").is_some_and(|all| all == "1" || all == "true");
        let filters: Value =
            self.query.get("filters").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let ids = match &filters["id"] {
            Value::Array(ids) => ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
            Value::Object(ids) => ids.keys().cloned().collect(),
            _ => Vec::new(),
        };
        if all && ids.is_empty() {
            return mind.list.clone();
        }
        let wanted = |fake: &&Fake| {
            (all || fake.running) && (ids.is_empty() || ids.iter().any(|id| fake.id.starts_with(id)))
        };
        json!(mind.containers.iter().filter(wanted).map(Fake::list_entry).collect::<Vec<_>>())
            .to_string()
            .into()
    }
}
