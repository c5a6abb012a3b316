//! How fast events are found among many.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use docker_watcher::platform::db::{Db, DbError};
use docker_watcher::platform::journal::facets::Facet;
use docker_watcher::platform::journal::search::{Find, find, histogram};
use docker_watcher::platform::journal::{self, Audience, NewEvent, Severity, Source};
use serde_json::json;

use crate::measure::{ms, percentile};

#[derive(clap::Args)]
pub struct Args {
    /// Where the database goes
    dir: PathBuf,
    /// How many events
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// How often each search is made
    #[arg(long, default_value_t = 200)]
    times: usize,
}

/// Ten days of a busy host, in thousandths of a day.
const STEP_MS: i64 = 864;
const BEGIN: i64 = 1_790_000_000_000;

fn event(n: usize) -> NewEvent {
    let container = n % 200;
    let name = format!("shop{}-web{}-1", container / 10, container % 10);
    let id = format!("{container:04x}").repeat(16);
    let (kind, message, severity) = match n % 20 {
        0 => ("container.die", format!("{name} ended by itself (exit code 1)"), Severity::Warning),
        1 if n % 1_000 == 1 => ("container.oom", format!("{name} ran out of memory"), Severity::Error),
        2 => ("container.health_status", format!("{name} became healthy"), Severity::Info),
        _ => ("container.start", format!("{name} started"), Severity::Info),
    };
    let mut event = NewEvent::new(Source::Docker, kind, message)
        .subject("container", id, name)
        .severity(severity)
        .data(json!({"exit_code": 1, "image": format!("ghcr.io/example/shop:2.3.{}", n % 7), "run": format!("r{n:x}")}));
    event.subject.key = Some(format!("shop{}/web{}/1", container / 10, container % 10));
    event.at = Some(BEGIN + i64::try_from(n).unwrap_or(0) * STEP_MS);
    event
}

pub fn run(args: &Args) {
    let path = args.dir.join("search.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let db = Db::open(&path).expect("a database");
        let begin = Instant::now();
        for batch in 0..args.events.div_ceil(1_000) {
            let write = move |c: &rusqlite::Connection| {
                (0..1_000).try_for_each(|n| journal::append(c, &event(batch * 1_000 + n), 0).map(drop))
            };
            db.write(write).await.expect("a batch");
        }
        let seconds = begin.elapsed().as_secs_f64();
        println!("filled {:.0}", args.events as f64 / seconds);
        let weight: i64 = db
            .read(|c| {
                Ok::<_, DbError>(c.query_row(
                    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                    [],
                    |r| r.get(0),
                )?)
            })
            .await
            .expect("a size");
        println!("bytes {}", weight / i64::try_from(args.events).unwrap_or(1));
        let warnings = || vec![vec![Facet::Severity(2), Facet::Severity(3)]];
        let searches: Vec<(&str, &'static str, bool)> = vec![
            ("first page", "", false),
            ("warnings and errors", "", true),
            ("common word", "started ", false),
            ("common word, filtered", "ended ", true),
            ("rare word", "r7a120 ", false),
            ("rare word, filtered", "memory ", true),
            ("two words", "web3 memory ", false),
            ("prefix, common", "sta", false),
            ("prefix, names", "shop1", false),
            ("prefix, filtered", "sho", true),
            ("no match", "nothinglikethis ", false),
        ];
        for (name, text, filtered) in searches {
            let mut times: Vec<Duration> = Vec::new();
            for _ in 0..args.times {
                let begin = Instant::now();
                let facets = if filtered { warnings() } else { Vec::new() };
                let found = db
                    .read(move |c| find(c, &Find { text, facets, ..Find::all(Audience::Admins, 101) }))
                    .await
                    .expect("a search");
                times.push(begin.elapsed());
                std::hint::black_box(found.len());
            }
            println!(
                "search {:.2} {:.2} {name}",
                ms(percentile(&mut times, 50)),
                ms(percentile(&mut times, 99))
            );
        }
        let mut times: Vec<Duration> = Vec::new();
        let end = BEGIN + i64::try_from(args.events).unwrap_or(0) * STEP_MS;
        for _ in 0..args.times {
            let begin = Instant::now();
            db.read(move |c| histogram(c, Audience::Admins, BEGIN, end, 60)).await.expect("a histogram");
            times.push(begin.elapsed());
        }
        println!(
            "search {:.2} {:.2} histogram over everything",
            ms(percentile(&mut times, 50)),
            ms(percentile(&mut times, 99))
        );
        let mut times: Vec<Duration> = Vec::new();
        for n in 0..args.times {
            let begin = Instant::now();
            let since = BEGIN + i64::try_from(n).unwrap_or(0) * 1_000_000;
            let around =
                Find { since: Some(since), until: Some(since + 600_000), ..Find::all(Audience::Admins, 101) };
            db.read(move |c| find(c, &around)).await.expect("a search");
            times.push(begin.elapsed());
        }
        println!(
            "search {:.2} {:.2} ten minutes of the past",
            ms(percentile(&mut times, 50)),
            ms(percentile(&mut times, 99))
        );
        db.close().await;
    });
}
