//! The charts of a page: drawn by the server, and described so that `static/charts.js` can draw them anew.

use crate::features::stats::rollup::{Metric, Rollup, by_step};
use crate::features::stats::service::Series;
use crate::features::stats::window::{Range, Window};
use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::journal::{Event, Severity};
use crate::platform::text;
use crate::web::chart::{Line, Mark, Plot, scale};

/// How many rows the table of values has at most.
const ROWS: i64 = 24;
/// How many labels the axis of time has.
const TIMES: i64 = 5;

/// All charts of a page.
pub(in crate::features::stats) struct Charts {
    /// Where the data is.
    pub url: String,
    /// Where the page is.
    pub page: String,
    /// The range: the one shown, or the one to go back to.
    pub range: &'static str,
    /// The window, when one is chosen; empty otherwise.
    pub since: String,
    /// See `since`.
    pub until: String,
    /// The range that live samples belong to; empty: none come.
    pub live: &'static str,
    pub panels: Vec<Panel>,
    /// The values, in few rows.
    pub table: Table,
    /// What is said instead when nothing was measured.
    pub empty: String,
}

/// One chart.
pub(in crate::features::stats) struct Panel {
    pub id: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    pub series: String,
    /// Empty: none.
    pub limit: String,
    pub limit_label: String,
    /// When its newest value is not of now.
    pub at: String,
    pub values: Vec<Value>,
    pub svg: String,
    pub y: Vec<String>,
    pub x: Vec<String>,
    /// What is said instead of a chart.
    pub empty: &'static str,
}

/// One value in the head of a chart.
pub(in crate::features::stats) struct Value {
    pub class: usize,
    /// Empty when there is only one.
    pub label: &'static str,
    pub text: String,
    pub max: String,
}

/// The values of all charts.
#[derive(Default)]
pub(in crate::features::stats) struct Table {
    pub heads: Vec<String>,
    pub rows: Vec<(String, Vec<String>)>,
}

/// What a unit is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::features::stats) enum Unit {
    Percent,
    Bytes,
    Rate,
    Count,
    Number,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Bytes => "bytes",
            Self::Rate => "rate",
            Self::Count => "count",
            Self::Number => "number",
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Percent => text::percent(value),
            Self::Bytes => text::bytes(super::super::model::whole(value)),
            Self::Rate => text::rate(value),
            Self::Count => format!("{value:.0}"),
            Self::Number => format!("{value:.2}"),
        }
    }

    /// The least that an axis reaches to.
    fn least(self) -> f64 {
        match self {
            Self::Percent | Self::Number => 1.0,
            Self::Bytes | Self::Rate => 1_000.0,
            Self::Count => 4.0,
        }
    }
}

/// What a chart shows.
pub(in crate::features::stats) struct Kind {
    pub id: &'static str,
    pub title: &'static str,
    pub unit: Unit,
    /// Metric, name in the API, label.
    pub lines: &'static [(Metric, &'static str, &'static str)],
    pub limit: Option<f64>,
    pub limit_label: String,
    /// What is said when nothing of it was measured.
    pub empty: &'static str,
}

pub(in crate::features::stats) const CPU: &[(Metric, &str, &str)] = &[(Metric::Cpu, "cpu_percent", "CPU")];
pub(in crate::features::stats) const MEMORY: &[(Metric, &str, &str)] =
    &[(Metric::Memory, "memory_bytes", "Memory")];
pub(in crate::features::stats) const NETWORK: &[(Metric, &str, &str)] =
    &[(Metric::Rx, "net_rx_bytes_per_second", "Received"), (Metric::Tx, "net_tx_bytes_per_second", "Sent")];
pub(in crate::features::stats) const DISK: &[(Metric, &str, &str)] = &[
    (Metric::Read, "block_read_bytes_per_second", "Read"),
    (Metric::Written, "block_write_bytes_per_second", "Written"),
];
pub(in crate::features::stats) const PIDS: &[(Metric, &str, &str)] = &[(Metric::Pids, "pids", "Processes")];
pub(in crate::features::stats) const LOAD: &[(Metric, &str, &str)] = &[(Metric::Load, "load", "Load")];
pub(in crate::features::stats) const SWAP: &[(Metric, &str, &str)] = &[(Metric::Swap, "swap_bytes", "Swap")];

impl Charts {
    /// The charts of a window. `page` and `url` are where the page and its data are.
    pub(in crate::features::stats) fn new(
        page: String,
        url: String,
        window: &Window,
        series: &Series,
        kinds: Vec<Kind>,
        events: &[Event],
    ) -> Self {
        let marks: Vec<Mark> = events.iter().map(|event| Mark { at: event.at, tone: tone(event) }).collect();
        let time = |ms| if window.range.is_none() { rfc3339(from_ms(ms)) } else { String::new() };
        Self {
            url,
            page,
            range: window.whole.as_str(),
            since: time(window.since),
            until: time(window.until),
            live: if window.whole == Range::Hour { Range::Hour.as_str() } else { "" },
            table: table(series, window, &kinds),
            panels: kinds.into_iter().map(|kind| panel(kind, series, window, &marks)).collect(),
            empty: String::new(),
        }
    }
}

/// The same as in the list of events.
fn tone(event: &Event) -> &'static str {
    match event.severity {
        _ if event.kind.ends_with(".oom") => "bad",
        Severity::Error => "bad",
        Severity::Warning => "warn",
        _ if event.kind.ends_with(".start") => "ok",
        _ => "idle",
    }
}

fn panel(kind: Kind, series: &Series, window: &Window, marks: &[Mark]) -> Panel {
    let lines: Vec<Vec<(i64, f64)>> = kind.lines.iter().map(|(metric, ..)| line(series, *metric)).collect();
    let highest_of = |metric: Metric| {
        let values = series.points.iter().filter_map(|point| point.get(metric));
        values.map(|stat| stat.max).fold(0.0, f64::max)
    };
    let highest = kind.lines.iter().map(|(metric, ..)| highest_of(*metric)).fold(0.0, f64::max);
    // A limit far above would press the line to the ground.
    let limit = kind.limit.filter(|limit| highest > limit / 4.0);
    let (top, steps) = scale(highest.max(limit.unwrap_or(0.0)), kind.unit.least());
    let single = lines.len() == 1;
    let plot = Plot {
        since: window.since,
        until: window.until,
        top,
        hole: series.step * 3 / 2,
        lines: lines.iter().zip(1..).map(|(points, class)| Line { points, class, filled: single }).collect(),
        limit,
        marks,
        steps,
    };
    let known = lines.iter().any(|line| !line.is_empty());
    let newest = lines.iter().filter_map(|line| line.last()).map(|(at, _)| *at).max();
    let is_old = newest.is_some_and(|at| window.range.is_none() || window.until - at > series.step * 5 / 2);
    let values = kind.lines.iter().zip(&lines).zip(1..).map(|(((metric, _, label), line), class)| Value {
        class,
        label: if single { "" } else { label },
        text: line.last().map_or("–".to_owned(), |(_, value)| kind.unit.text(*value)),
        max: newest_max(series, *metric, kind.unit).map(|max| format!("max {max}")).unwrap_or_default(),
    });
    Panel {
        id: kind.id,
        title: kind.title,
        unit: kind.unit.word(),
        series: series_json(kind.lines),
        limit: kind.limit.map(|limit| limit.to_string()).unwrap_or_default(),
        at: newest.filter(|_| is_old).map(|at| utc(at, window)).unwrap_or_default(),
        values: values.collect(),
        svg: if known { plot.svg() } else { String::new() },
        y: (0..=steps).rev().map(|step| axis(kind.unit, top, step, steps)).collect(),
        x: times(window),
        limit_label: kind.limit_label,
        empty: if known { "" } else { kind.empty },
    }
}

/// Whether the largest value is shown beside the average: of the others that would be noise.
fn has_max(metric: Metric) -> bool {
    !matches!(metric, Metric::Pids | Metric::Load | Metric::Swap)
}

/// The maximum of the newest step, when it says more than the average.
fn newest_max(series: &Series, metric: Metric, unit: Unit) -> Option<String> {
    let stat = series.points.iter().rev().find_map(|point| point.get(metric)).filter(|_| has_max(metric))?;
    let max = unit.text(stat.max);
    (max != unit.text(stat.avg)).then_some(max)
}

fn line(series: &Series, metric: Metric) -> Vec<(i64, f64)> {
    series.points.iter().filter_map(|point| Some((point.at, point.get(metric)?.avg))).collect()
}

fn series_json(lines: &[(Metric, &str, &str)]) -> String {
    let all: Vec<serde_json::Value> = lines
        .iter()
        .map(|(metric, key, label)| match has_max(*metric) {
            true => serde_json::json!({"key": key, "max": format!("{key}_max"), "label": label}),
            false => serde_json::json!({"key": key, "label": label}),
        })
        .collect();
    serde_json::Value::Array(all).to_string()
}

/// A label of the axis of values; only the upper one says the unit.
fn axis(unit: Unit, top: f64, step: u32, steps: u32) -> String {
    let value = top * f64::from(step) / f64::from(steps.max(1));
    match unit {
        _ if step == 0 => "0".to_owned(),
        _ if step == steps => match unit {
            Unit::Percent => format!("{}\u{a0}%", short(value)),
            Unit::Bytes | Unit::Rate => {
                let (by, word) = power(top);
                let per = if unit == Unit::Rate { "/s" } else { "" };
                format!("{}\u{a0}{word}{per}", short(value / by))
            }
            Unit::Count | Unit::Number => short(value),
        },
        Unit::Bytes | Unit::Rate => short(value / power(top).0),
        _ => short(value),
    }
}

fn power(top: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 5] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")];
    UNITS.into_iter().find(|(by, _)| top >= *by).unwrap_or((1.0, "B"))
}

/// At most three digits behind the point, and no zeros at the end.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn times(window: &Window) -> Vec<String> {
    let span = window.until - window.since;
    let at = |n: i64| window.since + span * n / (TIMES - 1);
    let format = if span > 2 * 86_400_000 { "%-d %b" } else { "%H:%M" };
    let last = TIMES - 1;
    (0..TIMES)
        .map(|n| {
            let text = from_ms(at(n)).strftime(format).to_string();
            // Which zone the browser is in, only the browser knows.
            if n == last && span <= 2 * 86_400_000 { format!("{text} UTC") } else { text }
        })
        .collect()
}

fn utc(at: i64, window: &Window) -> String {
    let format = if window.until - window.since >= 86_400_000 { "%-d %b %H:%M UTC" } else { "%H:%M:%S UTC" };
    from_ms(at).strftime(format).to_string()
}

fn table(series: &Series, window: &Window, kinds: &[Kind]) -> Table {
    let step = ((window.until - window.since) / ROWS).max(series.step).max(1);
    let step = step.div_euclid(60_000).max(1) * 60_000;
    let rows = by_step(series.points.iter().cloned(), step);
    let columns = || kinds.iter().flat_map(|kind| kind.lines.iter().map(move |line| (kind, line)));
    Table {
        heads: columns()
            .map(|(kind, (_, _, label))| match kind.lines.len() {
                1 => (*label).to_owned(),
                _ => format!("{}, {}", kind.title, label.to_lowercase()),
            })
            .collect(),
        rows: rows
            .iter()
            .rev()
            .map(|row: &Rollup| {
                let cells = columns().map(|(kind, (metric, ..))| {
                    row.get(*metric).map_or("–".to_owned(), |stat| kind.unit.text(stat.avg))
                });
                (text::exact(from_ms(row.at)), cells.collect())
            })
            .collect(),
    }
}

/// The links to the ranges: word, address, whether it is the one shown.
pub(in crate::features::stats) fn ranges(
    window: &Window,
    link: impl Fn(&str) -> String,
) -> Vec<(&'static str, String, bool)> {
    Range::ALL
        .into_iter()
        .map(|range| (range.as_str(), link(range.as_str()), window.range == Some(range)))
        .collect()
}
