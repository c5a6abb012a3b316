//! `/host`: what the host used, and who used the most of it.

use askama::Template;
use axum::extract::State;

use super::cells::{DiskView, disks};
use super::charts::{self, CPU, Charts, Kind, LOAD, MEMORY, NETWORK, SWAP, Unit};
use super::container::around;
use crate::docker::Engine;
use crate::docker::stats::board::HostNow;
use crate::docker::stats::sample::to_f64;
use crate::features::containers::view::TwoEnds;
use crate::features::stats::Parts;
use crate::features::stats::consumers::Consumer;
use crate::features::stats::model::whole;
use crate::features::stats::rollup::Metric;
use crate::features::stats::window::{Range, Window};
use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::chart::bar;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// How many containers are shown.
const SHOWN: usize = 30;

#[derive(Template)]
#[template(path = "stats/host.html", blocks = ["content_host"])]
struct HostPage {
    shell: Shell,
    name: String,
    subtitle: String,
    ranges: Vec<(&'static str, String, bool)>,
    reset: String,
    charts: Charts,
    disks: Vec<DiskView>,
    columns: Vec<Column>,
    consumers: Vec<Row>,
    more: usize,
    /// The stretch of time in words.
    span: String,
}

struct Column {
    label: &'static str,
    class: &'static str,
    href: String,
    sorted: bool,
}

struct Row {
    href: String,
    name: TwoEnds,
    title: String,
    project: String,
    gone: bool,
    cpu: String,
    cpu_max: String,
    cpu_at: Option<At>,
    memory: String,
    memory_max: String,
    memory_at: Option<At>,
    bar: String,
}

struct At {
    rfc3339: String,
    words: String,
    href: String,
}

/// What the table is ordered by, always the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::features::stats) enum By {
    Cpu,
    CpuMax,
    Memory,
    MemoryMax,
}

impl By {
    const ALL: [(Self, &'static str, &'static str, &'static str); 4] = [
        (Self::Cpu, "cpu", "CPU", "k-cpu"),
        (Self::CpuMax, "cpu_max", "CPU, highest", "k-cpu-max"),
        (Self::Memory, "memory", "Memory", "k-mem"),
        (Self::MemoryMax, "memory_max", "Memory, highest", "k-mem-max"),
    ];

    /// Reads `sort`; a minus in front changes nothing. Errors name what it takes.
    pub(in crate::features::stats) fn read(query: &QueryMap) -> Result<Self, WebError> {
        let word = query.get("sort").unwrap_or("memory_max").trim_start_matches('-');
        Self::ALL
            .into_iter()
            .find(|(_, known, ..)| *known == word)
            .map(|(by, ..)| by)
            .ok_or_else(|| WebError::field("sort", "takes cpu, cpu_max, memory or memory_max."))
    }

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(by, ..)| *by == self).map_or("", |(_, word, ..)| word)
    }

    fn of(self, consumer: &Consumer) -> Option<f64> {
        match self {
            Self::Cpu => consumer.get(Metric::Cpu).map(|stat| stat.avg),
            Self::CpuMax => consumer.get(Metric::Cpu).map(|stat| stat.max),
            Self::Memory => consumer.get(Metric::Memory).map(|stat| stat.avg),
            Self::MemoryMax => consumer.get(Metric::Memory).map(|stat| stat.max),
        }
    }

    /// Puts who used the most first.
    pub(in crate::features::stats) fn sort(self, consumers: &mut [Consumer]) {
        consumers.sort_by(|a, b| {
            let (a_used, b_used) = (self.of(a).unwrap_or(-1.0), self.of(b).unwrap_or(-1.0));
            b_used.total_cmp(&a_used).then_with(|| a.key.cmp(&b.key))
        });
    }
}

pub(in crate::features::stats) async fn host(
    State(parts): State<Parts>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let stats = &parts.stats;
    let engine = parts.engine(&query)?;
    let now = stats.clock().now();
    let window = Window::read(&query, Range::Day, now)?;
    let by = By::read(&query)?;
    let series = stats.of_host(engine, &window).await?;
    let mut consumers = stats.consumers(engine, &window).await?;
    by.sort(&mut consumers);
    let host = engine.stats.host();
    let info = &engine.mirror.snapshot().info;
    let here = match window.range {
        Some(range) => format!("range={}", range.as_str()),
        None => format!("since={}&until={}", rfc3339(from_ms(window.since)), rfc3339(from_ms(window.until))),
    };
    let most = consumers.first().and_then(|first| by.of(first)).unwrap_or(0.0);
    let mut charts =
        Charts::new("/host".to_owned(), "/api/host/stats".to_owned(), &window, &series, kinds(&host), &[]);
    charts.empty.clone_from(&host.unknown);
    let page = HostPage {
        name: if info.name.is_empty() { "Host".to_owned() } else { info.name.clone() },
        subtitle: subtitle(&host, engine),
        ranges: charts::ranges(&window, |range| format!("/host?range={range}&sort={}", by.word())),
        reset: format!("/host?range={}&sort={}", window.whole.as_str(), by.word()),
        charts,
        disks: disks(stats, engine),
        columns: By::ALL
            .into_iter()
            .map(|(column, word, label, class)| Column {
                label,
                class,
                href: format!("/host?{here}&sort={word}"),
                sorted: column == by,
            })
            .collect(),
        more: consumers.len().saturating_sub(SHOWN),
        consumers: consumers
            .iter()
            .take(SHOWN)
            .map(|consumer| row(consumer, by, most, &here, window.until))
            .collect(),
        span: span(&window),
        shell: context.shell("Host", "overview"),
    };
    if context.wants_fragment() { Page::render(&page.as_content_host()) } else { Page::render(&page) }
}

fn row(consumer: &Consumer, by: By, most: f64, here: &str, now: i64) -> Row {
    let (cpu, memory) = (consumer.get(Metric::Cpu), consumer.get(Metric::Memory));
    let id = consumer.container.as_ref().map(|container| container.id.to_string());
    let at = |ms: Option<i64>| {
        ms.map(|ms| At {
            rfc3339: rfc3339(from_ms(ms)),
            words: from_ms(ms).strftime("%-d %b %H:%M UTC").to_string(),
            href: id.as_deref().map(|id| around(id, ms, now)).unwrap_or_default(),
        })
    };
    let words = |value: Option<f64>, write: fn(f64) -> String| value.map_or("–".to_owned(), write);
    let in_bytes = |value: f64| text::bytes(whole(value));
    let share = by.of(consumer).filter(|_| most > 0.0).map_or(0.0, |value| value / most);
    Row {
        href: id.as_deref().map(|id| format!("/containers/{id}/stats?{here}")).unwrap_or_default(),
        name: TwoEnds::of(consumer.name()),
        title: consumer.name().to_owned(),
        project: consumer
            .container
            .as_ref()
            .and_then(|container| container.project.as_deref())
            .unwrap_or_default()
            .to_owned(),
        gone: consumer.container.is_none(),
        cpu: words(cpu.map(|stat| stat.avg), text::percent),
        cpu_max: words(cpu.map(|stat| stat.max), text::percent),
        cpu_at: at(consumer.peaks.cpu_at()),
        memory: words(memory.map(|stat| stat.avg), in_bytes),
        memory_max: words(memory.map(|stat| stat.max), in_bytes),
        memory_at: at(consumer.peaks.memory_at()),
        bar: bar(share, ""),
    }
}

fn subtitle(host: &HostNow, engine: &Engine) -> String {
    let info = &engine.mirror.snapshot().info;
    let cores = usize::try_from(host.cores).unwrap_or_default();
    let parts = [
        (cores > 0).then(|| text::count(cores, "core")),
        host.memory_total.map(|total| format!("{} of memory", text::bytes(total))),
        host.swap_total.filter(|total| *total > 0).map(|total| format!("{} of swap", text::bytes(total))),
        Some(info.operating_system.clone()).filter(|system| !system.is_empty()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn span(window: &Window) -> String {
    match window.range {
        Some(Range::Hour) => "in the last hour".to_owned(),
        Some(Range::Day) => "in the last 24 hours".to_owned(),
        Some(Range::Week) => "in the last 7 days".to_owned(),
        Some(Range::Month) => "in the last 30 days".to_owned(),
        None => "in the time that is shown".to_owned(),
    }
}

fn kinds(host: &HostNow) -> Vec<Kind> {
    let kind = |id, title, unit, lines| Kind {
        id,
        title,
        unit,
        lines,
        limit: None,
        limit_label: String::new(),
        empty: "Not measured in this time.",
    };
    let cores = usize::try_from(host.cores).unwrap_or_default();
    let mut kinds = vec![
        Kind {
            limit: (cores > 0).then(|| f64::from(host.cores) * 100.0),
            limit_label: if cores > 0 { format!("of {}", text::count(cores, "core")) } else { String::new() },
            ..kind("cpu", "CPU, of one core", Unit::Percent, CPU)
        },
        Kind {
            limit: host.memory_total.map(to_f64),
            limit_label: host
                .memory_total
                .map(|total| format!("of {}", text::bytes(total)))
                .unwrap_or_default(),
            ..kind("memory", "Memory", Unit::Bytes, MEMORY)
        },
        Kind {
            empty: "Not available: in a container, the network of the host is only seen with the host's process ids.",
            ..kind("network", "Network", Unit::Rate, NETWORK)
        },
        kind("load", "Load over a minute", Unit::Number, LOAD),
    ];
    if host.swap_total.is_some_and(|total| total > 0) {
        kinds.push(Kind {
            limit: host.swap_total.map(to_f64),
            limit_label: host
                .swap_total
                .map(|total| format!("of {}", text::bytes(total)))
                .unwrap_or_default(),
            ..kind("swap", "Swap", Unit::Bytes, SWAP)
        });
    }
    kinds
}
