//! How many events a second the one writer brings to disk (`synchronous=FULL`: a commit is on disk before it is answered).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use docker_watcher::platform::clock::{Clock, SystemClock};
use docker_watcher::platform::db::{Db, Lane};
use docker_watcher::platform::journal::{self, Journal, NewEvent, Source};
use serde_json::json;
use tokio::task::JoinSet;

use crate::measure::{ms, percentile};

#[derive(clap::Args)]
pub struct Args {
    /// Where the database files go: a real disk, or the numbers mean nothing
    dir: std::path::PathBuf,
    /// Length of each measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Who records at once, one measurement each
    #[arg(long, value_delimiter = ',', default_value = "1,64,512,2048")]
    producers: Vec<usize>,
    /// Events a transaction of the batches; 256 is what the recorder of engine events takes
    #[arg(long, value_delimiter = ',', default_value = "256")]
    batches: Vec<usize>,
}

pub fn run(args: &Args) {
    println!("fdatasync {:.3}", ms(median_sync(&args.dir)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for producers in &args.producers {
        runtime.block_on(record(args, *producers));
    }
    for batch in &args.batches {
        runtime.block_on(append_in_batches(args, *batch));
    }
}

/// What the disk takes for the smallest write that it has to keep.
fn median_sync(dir: &Path) -> Duration {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile_in(dir).expect("a file");
    let mut times = Vec::new();
    for _ in 0..100 {
        file.rewind().expect("a seek");
        file.write_all(&[7; 4096]).expect("a write");
        let begin = Instant::now();
        file.sync_data().expect("a sync");
        times.push(begin.elapsed());
    }
    percentile(&mut times, 50)
}

/// Many at once, each waiting for its own event to be on disk; and somebody who signs in meanwhile.
async fn record(args: &Args, producers: usize) {
    let file = File::new(&args.dir);
    let db = Db::open(&file.path()).expect("a database");
    let journal = Journal::new(db.clone(), Arc::new(SystemClock));
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    for producer in 0..producers {
        let (journal, stop, count) = (journal.clone(), stop.clone(), count.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            let mut n = producer;
            while !stop.load(Ordering::Relaxed) {
                let begin = Instant::now();
                journal.record(event(n)).await.expect("a recorded event");
                times.push(begin.elapsed());
                count.fetch_add(1, Ordering::Relaxed);
                n += producers;
            }
            times
        });
    }
    let mut sign_ins = Vec::new();
    let rate = timed(args.seconds, &count, async || {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let begin = Instant::now();
        let now = SystemClock.now_ms();
        db.write(move |connection| journal::cursor::set(connection, "bench", "1", now))
            .await
            .expect("a write");
        sign_ins.push(begin.elapsed());
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    let mut times: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    println!(
        "record {producers} {rate:.0} {:.2} {:.2} {:.2}",
        ms(percentile(&mut times, 50)),
        ms(percentile(&mut times, 99)),
        ms(percentile(&mut sign_ins, 99)),
    );
    db.close().await;
}

/// One that appends many in each transaction, as the recorder of engine events does in a storm.
async fn append_in_batches(args: &Args, batch: usize) {
    let file = File::new(&args.dir);
    let db = Db::open(&file.path()).expect("a database");
    let count = AtomicU64::new(0);
    let mut n = 0;
    let rate = timed(args.seconds, &count, async || {
        let events: Vec<NewEvent> = (n..n + batch).map(event).collect();
        let now = SystemClock.now_ms();
        db.write_in(Lane::Bulk, move |connection| {
            events.iter().try_for_each(|event| journal::append(connection, event, now).map(|_| ()))
        })
        .await
        .expect("a written batch");
        n += batch;
        count.fetch_add(batch as u64, Ordering::Relaxed);
    })
    .await;
    let events = count.load(Ordering::Relaxed);
    db.close().await;
    let bytes = std::fs::metadata(file.path()).expect("the database").len();
    println!("batches {batch} {rate:.0} {}", bytes / events.max(1));
}

/// Repeats `work`, and tells how much was counted a second once the first second is over.
async fn timed<E: AsyncFnMut()>(seconds: u64, count: &AtomicU64, mut work: E) -> f64 {
    let warm = Instant::now() + Duration::from_secs(1);
    while Instant::now() < warm {
        work().await;
    }
    let (begin, before) = (Instant::now(), count.load(Ordering::Relaxed));
    while begin.elapsed() < Duration::from_secs(seconds) {
        work().await;
    }
    (count.load(Ordering::Relaxed) - before) as f64 / begin.elapsed().as_secs_f64()
}

/// A container's event as the engine's stream brings it, from a host of 200 containers.
fn event(n: usize) -> NewEvent {
    let container = n % 200;
    let (project, service) = (container / 10, container % 10);
    let name = format!("shop{project}-web{service}-1");
    let id = format!("{container:04x}").repeat(16);
    let mut event = NewEvent::new(Source::Docker, "container.die", format!("{name} exited with code 137"))
        .subject("container", id, name)
        .data(json!({"exit_code": 137, "image": "ghcr.io/example/shop:2.3.1", "execDuration": 3600}));
    event.subject.key = Some(format!("shop{project}/web{service}/1"));
    event.at = Some(1_790_000_000_000 + i64::try_from(n).unwrap_or(0));
    event
}

/// A database file that goes with its folder.
struct File(tempfile::TempDir);

impl File {
    fn new(dir: &Path) -> Self {
        Self(tempfile::Builder::new().prefix("writer-").tempdir_in(dir).expect("a folder"))
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("docker-watcher.db")
    }
}
