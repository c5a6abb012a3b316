//! What Docker Watcher costs, and how it measures: cards of the settings pages.

use askama::Template;

use crate::docker::stats::board::{Method, State};
use crate::features::stats::cost::Cost;
use crate::features::stats::service::Stats;
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::web::chart::spark;

struct CostRow {
    label: &'static str,
    now: String,
    average: String,
    highest: String,
    spark: String,
}

#[derive(Template)]
#[template(path = "stats/_cost.html")]
struct CostCard {
    rows: Vec<CostRow>,
    minutes: usize,
    engine_unknown: bool,
}

/// Own cost and that of the engine, over the last hour.
pub fn cost_card(stats: &Stats, database_bytes: u64) -> Result<String, askama::Error> {
    let minutes = stats.costs.minutes();
    #[expect(clippy::cast_precision_loss, reason = "bytes below 2^53")]
    let whole = |value: Option<u64>| value.map(|value| value as f64);
    let in_bytes = |value: f64| text::bytes(super::super::model::whole(value));
    let fine = |value: f64| format!("{value:.2}\u{a0}%");
    let mut rows = vec![
        row("CPU of Docker Watcher", &minutes, |cost| cost.cpu_percent, fine),
        row("Memory of Docker Watcher", &minutes, |cost| whole(cost.resident_bytes), in_bytes),
        row("CPU of dockerd", &minutes, |cost| cost.dockerd_percent, fine),
        row("CPU of containerd", &minutes, |cost| cost.containerd_percent, fine),
        row("Writes to the database a minute", &minutes, |cost| whole(cost.commits), |n| format!("{n:.0}")),
        row("Written to disk a minute", &minutes, |cost| whole(cost.written_bytes), in_bytes),
    ];
    rows.push(CostRow {
        label: "Size of the database",
        now: text::bytes(database_bytes),
        average: String::new(),
        highest: String::new(),
        spark: String::new(),
    });
    let engine_unknown = minutes.iter().all(|cost| cost.dockerd_percent.is_none());
    CostCard { rows, minutes: minutes.len(), engine_unknown }.render()
}

fn row(
    label: &'static str,
    minutes: &[Cost],
    value: impl Fn(&Cost) -> Option<f64>,
    write: impl Fn(f64) -> String,
) -> CostRow {
    let line: Vec<Option<f64>> = minutes.iter().map(value).collect();
    let known: Vec<f64> = line.iter().flatten().copied().collect();
    let words = |value: Option<f64>| value.map_or("–".to_owned(), &write);
    let highest = known.iter().copied().reduce(f64::max);
    #[expect(clippy::cast_precision_loss, reason = "sixty")]
    let average = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
    CostRow {
        label,
        now: words(line.last().copied().flatten()),
        average: words(average),
        highest: words(highest),
        spark: spark(&line, highest.unwrap_or(1.0).max(1e-9), "", ""),
    }
}

struct EngineFacts {
    id: String,
    facts: Vec<(&'static str, String)>,
    advice: String,
}

#[derive(Template)]
#[template(path = "stats/_method.html")]
struct MethodCard {
    engines: Vec<EngineFacts>,
    facts: Vec<(&'static str, String)>,
}

/// Where the numbers come from, what a round takes, and how much history there is.
pub async fn method_card(stats: &Stats) -> Result<String, crate::web::WebError> {
    let engines = stats.engines().iter().map(|engine| {
        let state = engine.stats.state();
        EngineFacts { id: engine.id.to_string(), facts: round(&state), advice: advice(&state) }
    });
    let now = stats.clock().now();
    let oldest = stats.oldest().await?.map(|at| text::between(from_ms(at), now));
    let facts = vec![
        ("History of", oldest.unwrap_or_else(|| "–".to_owned())),
        ("Size of the history", stats.size().map_or("–".to_owned(), text::bytes)),
    ];
    Ok(MethodCard { engines: engines.collect(), facts }.render()?)
}

fn round(state: &State) -> Vec<(&'static str, String)> {
    let from = match &state.method {
        Method::Unknown if state.every.is_none() => "Off".to_owned(),
        Method::Unknown => "Nothing was measured yet".to_owned(),
        Method::Cgroups(version) => format!("Read from cgroups, version {version}"),
        Method::Api(_) => "Through the Docker API".to_owned(),
    };
    let mut facts = vec![("Where from", from)];
    if let Some(round) = state.round {
        let took = if round.took.as_millis() < 1_000 {
            format!("{:.1}\u{a0}ms", round.took.as_secs_f64() * 1e3)
        } else {
            format!("{:.1}\u{a0}s", round.took.as_secs_f64())
        };
        facts.push(("Last round", format!("{} in {took}", text::count(round.containers, "container"))));
        if round.missed > 0 {
            facts.push(("Without an answer", text::count(round.missed, "container")));
        }
    }
    if let Some(stretched) = state.stretched() {
        let words = format!(
            "A round takes too long for the interval: every {:.0}\u{a0}s instead",
            stretched.as_secs_f64().ceil()
        );
        facts.push(("Stretched", words));
    }
    facts
}

/// What would make measuring cheaper.
fn advice(state: &State) -> String {
    match &state.method {
        Method::Api(why) => why.clone(),
        _ => String::new(),
    }
}
