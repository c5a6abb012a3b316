//! What the overview shows of hosts: rendered once for each measurement, shared by all pages.

use std::sync::Arc;

use askama::Template;

use crate::docker::Engine;
use crate::docker::stats::sample::to_f64;
use crate::features::containers::view::TwoEnds;
use crate::features::stats::alerts::days;
use crate::features::stats::rollup::{Metric, Rollup};
use crate::features::stats::service::Stats;
use crate::features::stats::store::QUARTER;
use crate::platform::text;
use crate::web::chart::{bar, wide_spark};

/// How many containers are shown.
const BUSIEST: usize = 5;
/// How many quarters of an hour a sparkline has.
const DAY: i64 = 96;
/// A forecast further away says nothing.
const FAR: f64 = 60.0;
/// A disk from which on it is said how full it is in a colour, percent.
const FILLING: f64 = 85.0;
const FULL: f64 = 95.0;

/// A disk.
pub struct DiskView {
    /// Where it is mounted.
    pub mount: String,
    /// What is mounted there.
    pub device: String,
    /// `412 GB of 476 GB`
    pub words: String,
    /// `87 % · full in 9 days`
    pub note: String,
    /// `warn`, `bad` or nothing.
    pub tone: &'static str,
    /// How full it is, drawn.
    pub bar: String,
    /// Percent.
    percent: f64,
    used: u64,
    total: u64,
}

/// The disks of an engine's host, the fullest first.
pub fn disks(stats: &Stats, engine: &Engine) -> Vec<DiskView> {
    let mut views: Vec<DiskView> = engine
        .stats
        .host()
        .disks
        .into_iter()
        .map(|disk| {
            let percent = to_f64(disk.used_bytes) / to_f64(disk.total_bytes.max(1)) * 100.0;
            let tone = match percent {
                p if p >= FULL => "bad",
                p if p >= FILLING => "warn",
                _ => "",
            };
            let full_in = stats.days_until_full(&engine.id, &disk.mount).filter(|days| *days < FAR);
            let note = match full_in {
                Some(left) => format!("{} · full in {}", text::percent(percent), days(left)),
                None => text::percent(percent),
            };
            DiskView {
                words: format!("{} of {}", text::bytes(disk.used_bytes), text::bytes(disk.total_bytes)),
                note,
                tone,
                bar: bar(
                    percent / 100.0,
                    match tone {
                        "bad" => "ubar-bad",
                        "warn" => "ubar-warn",
                        _ => "",
                    },
                ),
                percent,
                used: disk.used_bytes,
                total: disk.total_bytes,
                mount: disk.mount,
                device: disk.device,
            }
        })
        .collect();
    views.sort_by(|a, b| b.percent.total_cmp(&a.percent));
    views
}

/// One cell of the strip.
pub struct Cell {
    label: &'static str,
    href: &'static str,
    value: String,
    small: String,
    note: String,
    tone: &'static str,
    spark: String,
}

#[derive(Template)]
#[template(path = "stats/_cells.html")]
struct Strip {
    cells: Vec<Cell>,
}

/// The cells of a host: CPU, memory, storage, network.
pub fn strip(stats: &Stats, engine: &Engine) -> Result<String, askama::Error> {
    Strip { cells: cells(stats, engine) }.render()
}

fn cells(stats: &Stats, engine: &Engine) -> Vec<Cell> {
    let host = engine.stats.host();
    let day = stats.day_of(&engine.id);
    let line = |metric: Metric| by_quarter(&day, stats.clock().now_ms(), metric);
    let cores = f64::from(host.cores.max(1));
    let point = host.point;
    let cell = |label, href, now: Option<(String, String)>, note: String, tone, spark| {
        let (value, small) = now.unwrap_or_else(|| ("–".to_owned(), String::new()));
        Cell { label, href, value, small, note, tone, spark }
    };
    let cpu = point
        .and_then(|point| point.cpu_percent)
        .map(|percent| (format!("{:.0}", percent / cores), "%".to_owned()));
    let load = host.load.map(|[minute, ..]| format!("load {minute:.2}"));
    let count = text::count(usize::try_from(host.cores).unwrap_or_default(), "core");
    let cpu_note = if host.unknown.is_empty() {
        [Some(count), load].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    } else {
        host.unknown.clone()
    };
    let memory = point.and_then(|point| point.memory_bytes).zip(host.memory_total);
    let share = memory.map(|(used, total)| to_f64(used) / to_f64(total.max(1)) * 100.0);
    let swap = point.and_then(|point| point.swap_bytes).filter(|used| *used > 0);
    let memory_note = [share.map(text::percent), swap.map(|used| format!("{} of swap", text::bytes(used)))];
    let disks = disks(stats, engine);
    let fullest = disks.first();
    let network = point.and_then(|point| point.network);
    let lines = (line(Metric::Cpu), line(Metric::Memory), line(Metric::Rx));
    let top = |line: &[Option<f64>]| line.iter().flatten().copied().fold(0.0, f64::max);
    vec![
        cell(
            "CPU",
            "/host?range=24h&sort=cpu_max",
            cpu,
            cpu_note,
            "",
            wide_spark(&lines.0, top(&lines.0).max(cores * 10.0), "CPU of the last 24 hours"),
        ),
        cell(
            "Memory",
            "/host?range=24h&sort=memory_max",
            memory.map(|(used, total)| (text::bytes(used), format!("of {}", text::bytes(total)))),
            memory_note.into_iter().flatten().collect::<Vec<_>>().join(" · "),
            if share.is_some_and(|share| share >= 95.0) { "warn" } else { "" },
            wide_spark(&lines.1, host.memory_total.map_or(1.0, to_f64), "Memory of the last 24 hours"),
        ),
        cell(
            "Storage",
            "/host?range=24h#disks-t",
            fullest.map(|disk| (text::bytes(disk.used), format!("of {}", text::bytes(disk.total)))),
            fullest.map(|disk| disk.note.clone()).unwrap_or_default(),
            fullest.map_or("", |disk| disk.tone),
            fullest.map(|disk| disk.bar.clone()).unwrap_or_default(),
        ),
        cell(
            "Network",
            "/host?range=24h",
            network.map(|(rx, _)| (text::rate(rx), "in".to_owned())),
            network.map(|(_, tx)| format!("{} out", text::rate(tx))).unwrap_or_default(),
            "",
            wide_spark(&lines.2, top(&lines.2).max(10_000.0), "Received in the last 24 hours"),
        ),
    ]
}

/// The last 24 hours, a value for each quarter of an hour.
fn by_quarter(day: &[Rollup], now: i64, metric: Metric) -> Vec<Option<f64>> {
    let first = now.div_euclid(QUARTER) - DAY + 1;
    let mut line = vec![None; usize::try_from(DAY).unwrap_or_default()];
    for rollup in day {
        let place = usize::try_from(rollup.at.div_euclid(QUARTER) - first).ok();
        if let Some(value) = place.and_then(|place| line.get_mut(place)) {
            *value = rollup.get(metric).map(|stat| stat.avg);
        }
    }
    line
}

struct Busy {
    id: String,
    name: TwoEnds,
    title: String,
    project: String,
    value: String,
    bar: String,
}

#[derive(Template)]
#[template(path = "stats/_busiest.html")]
struct Busiest {
    cpu: Vec<Busy>,
    memory: Vec<Busy>,
    off: bool,
}

/// Who uses the most CPU and memory now.
pub fn busiest(stats: &Stats, engine: &Engine) -> Result<String, askama::Error> {
    let (latest, snapshot) = (engine.stats.latest(), engine.mirror.snapshot());
    let mut cpu = Vec::new();
    let mut memory = Vec::new();
    for (id, sample) in latest.iter() {
        let Some(container) = snapshot.by_id(id) else { continue };
        cpu.extend(sample.cpu_percent().map(|percent| (percent, container)));
        memory.extend(sample.memory().map(|memory| (to_f64(memory.used_bytes), container)));
    }
    let first = |mut all: Vec<(f64, &Arc<crate::docker::types::Container>)>, write: fn(f64) -> String| {
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
        let most = all.first().map_or(0.0, |(value, _)| *value);
        let rows = all.into_iter().take(BUSIEST).map(|(value, container)| Busy {
            id: container.id.to_string(),
            name: TwoEnds::of(&container.name),
            title: container.name.clone(),
            project: container.project.as_deref().unwrap_or_default().to_owned(),
            value: write(value),
            bar: bar(if most > 0.0 { value / most } else { 0.0 }, ""),
        });
        rows.collect::<Vec<_>>()
    };
    let page = Busiest {
        cpu: first(cpu, text::percent),
        memory: first(memory, |bytes| text::bytes(super::super::model::whole(bytes))),
        off: stats.settings.current().stats_interval.is_none(),
    };
    page.render()
}
