//! Many browsers' live streams at once: how many stay open, whether each gets everything, and how far the last lags the
//! first. A message is known by its `id:`, the revision, which is the same in all streams.
//!
//! Prints `ready` once all are open; changes made from then on are counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::measure::{ms, now_us, percentile};

#[derive(clap::Args, Clone)]
pub struct Args {
    /// HOST:PORT of the server
    server: String,
    /// `/live?for=…`
    path: String,
    #[arg(long)]
    token: String,
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// How long the streams are held once all are open
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What a client fetches when it is told that the list changed, as the page does
    #[arg(long)]
    fetch: Option<String>,
}

/// How long opening them all may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Shared {
    opened: AtomicUsize,
    counting: AtomicBool,
    bytes: AtomicU64,
    /// Messages without a revision: snapshots for a stream that fell behind. Keep-alives do not count.
    fell_behind: AtomicU64,
    arrivals: Mutex<BTreeMap<u64, Arrival>>,
    fetches: Mutex<Vec<Duration>>,
    last_fetch_us: AtomicU64,
}

/// When a message reached the first and the last client, and how many it reached.
struct Arrival {
    first_us: u64,
    last_us: u64,
    clients: usize,
}

pub fn run(args: Args) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(load(args));
}

async fn load(args: Args) {
    let (shared, end, begin) = (Arc::new(Shared::default()), CancellationToken::new(), Instant::now());
    let mut clients = JoinSet::new();
    for _ in 0..args.clients {
        clients.spawn(client(args.clone(), shared.clone(), end.clone()));
    }
    while shared.opened.load(Ordering::Relaxed) < args.clients && begin.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shared.counting.store(true, Ordering::Relaxed);
    println!("ready {} {:.0}", shared.opened.load(Ordering::Relaxed), ms(begin.elapsed()));
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;

    let mut held = 0;
    let mut gone = Vec::new();
    while let Some(done) = clients.try_join_next() {
        gone.push(done.expect("a client").expect_err("a client that nobody ended"));
    }
    end.cancel();
    let mut messages = Vec::new();
    while let Some(done) = clients.join_next().await {
        match done.expect("a client") {
            Ok(count) => {
                held += 1;
                messages.push(count);
            }
            Err(why) => gone.push(why),
        }
    }
    println!("held {held}");
    for why in gone.iter().take(3) {
        eprintln!("a stream ended: {why}");
    }
    println!("bytes {}", shared.bytes.load(Ordering::Relaxed));
    println!("least {}", messages.iter().min().unwrap_or(&0));
    println!("most {}", messages.iter().max().unwrap_or(&0));
    println!("fell_behind {}", shared.fell_behind.load(Ordering::Relaxed));
    for (rev, arrival) in shared.arrivals.lock().expect("no panic").iter() {
        println!("message {rev} {} {} {}", arrival.first_us, arrival.last_us, arrival.clients);
    }
    let mut fetches = std::mem::take(&mut *shared.fetches.lock().expect("no panic"));
    if !fetches.is_empty() {
        println!(
            "fetches {} {:.1} {:.1} {}",
            fetches.len(),
            ms(percentile(&mut fetches, 50)),
            ms(percentile(&mut fetches, 99)),
            shared.last_fetch_us.load(Ordering::Relaxed)
        );
    }
}

/// Reads a stream until the end is called; answers how many messages came once counting began.
async fn client(args: Args, shared: Arc<Shared>, end: CancellationToken) -> Result<u64, String> {
    let opening = async {
        let mut connection = connect(&args.server).await?;
        ask(&mut connection, &args, &args.path, "text/event-stream").await
    };
    let mut body = tokio::select! {
        () = end.cancelled() => return Err("it was never answered".to_owned()),
        body = opening => body?,
    };
    let changed = Arc::new(Notify::new());
    let _fetcher = args.fetch.is_some().then(|| {
        let (args, shared, changed) = (args.clone(), shared.clone(), changed.clone());
        AbortOnDrop(tokio::spawn(async move {
            if let Err(why) = fetch_when(&args, &shared, &changed).await {
                eprintln!("a page was not fetched: {why}");
            }
        }))
    });
    let (mut messages, mut rest) = (0, Vec::new());
    let mut opened = false;
    loop {
        let frame = tokio::select! {
            () = end.cancelled() => return Ok(messages),
            frame = body.frame() => frame,
        };
        let frame = frame.ok_or("the server ended it")?.map_err(|error| format!("it broke: {error}"))?;
        let Ok(data) = frame.into_data() else { continue };
        if !opened {
            // The server greets at once.
            shared.opened.fetch_add(1, Ordering::Relaxed);
            opened = true;
        }
        let counting = shared.counting.load(Ordering::Relaxed);
        if counting {
            shared.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        let now = now_us();
        rest.extend_from_slice(&data);
        let mut read = 0;
        while let Some(length) = rest[read..].windows(2).position(|two| two == b"\n\n") {
            let message = Message::parse(&rest[read..read + length]);
            read += length + 2;
            if message.is_comment || !counting {
                continue;
            }
            messages += 1;
            match message.rev {
                Some(rev) => shared.arrived(rev, now),
                None => _ = shared.fell_behind.fetch_add(1, Ordering::Relaxed),
            }
            if message.list_changed {
                changed.notify_one();
            }
        }
        rest.drain(..read);
    }
}

struct Message {
    rev: Option<u64>,
    list_changed: bool,
    is_comment: bool,
}

impl Message {
    fn parse(bytes: &[u8]) -> Message {
        let mut message = Message { rev: None, list_changed: false, is_comment: bytes.starts_with(b":") };
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Some(id) = line.strip_prefix(b"id: ") {
                message.rev = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
            }
            message.list_changed |= line == b"event: list-changed";
        }
        message
    }
}

impl Shared {
    fn arrived(&self, rev: u64, now: u64) {
        let mut arrivals = self.arrivals.lock().expect("no panic");
        let arrival = arrivals.entry(rev).or_insert(Arrival { first_us: now, last_us: now, clients: 0 });
        arrival.first_us = arrival.first_us.min(now);
        arrival.last_us = arrival.last_us.max(now);
        arrival.clients += 1;
    }
}

/// Fetches the list whenever it is told to, over one connection as a browser would.
async fn fetch_when(args: &Args, shared: &Shared, changed: &Notify) -> Result<(), String> {
    let Some(path) = &args.fetch else { return Ok(()) };
    let mut connection = connect(&args.server).await?;
    loop {
        changed.notified().await;
        let begin = Instant::now();
        let body = ask(&mut connection, args, path, "text/html").await?;
        body.collect().await.map_err(|error| format!("a fetch broke: {error}"))?;
        shared.fetches.lock().expect("no panic").push(begin.elapsed());
        shared.last_fetch_us.fetch_max(now_us(), Ordering::Relaxed);
    }
}

async fn connect(server: &str) -> Result<SendRequest<Empty<Bytes>>, String> {
    let stream = TcpStream::connect(server).await.map_err(|error| format!("cannot connect: {error}"))?;
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| format!("no HTTP: {error}"))?;
    // It ends with its sender and its body.
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(
    connection: &mut SendRequest<Empty<Bytes>>,
    args: &Args,
    path: &str,
    accept: &str,
) -> Result<Incoming, String> {
    let request = Request::get(path)
        .header(header::HOST, &args.server)
        .header(header::AUTHORIZATION, format!("Bearer {}", args.token))
        .header(header::ACCEPT, accept)
        // What static/app.js and every browser say.
        .header("hx-request", "true")
        .header("hx-request-type", "partial")
        .header("hx-target", "div#page-content")
        .header(header::ACCEPT_ENCODING, "gzip")
        .body(Empty::new())
        .expect("a request");
    let response = connection.send_request(request).await.map_err(|error| format!("no answer: {error}"))?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        status => Err(format!("{path} answered {status}")),
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
