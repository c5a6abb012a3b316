//! What a container uses now, on its own page: rendered once for each measurement, shared by all pages.

use askama::Template;

use super::usage::CLOSE;
use crate::docker::Engine;
use crate::docker::stats::Sample;
use crate::docker::stats::sample::to_f64;
use crate::docker::types::Container;
use crate::platform::text;
use crate::web::chart::bar;

/// One value.
pub struct Value {
    label: &'static str,
    text: String,
    note: String,
    bar: String,
    /// Whether it is close to what it may be.
    close: bool,
}

/// What a container uses now.
#[derive(Default, Template)]
#[template(path = "containers/_now.html")]
pub struct NowView {
    values: Vec<Value>,
}

impl NowView {
    /// A sample of a container, which may be missing.
    pub fn new(container: &Container, sample: Option<&Sample>, engine: &Engine) -> Self {
        let Some(sample) = sample else { return Self { values: Vec::new() } };
        let reading = &sample.reading;
        let host_cores = engine.mirror.snapshot().info.cores.map(to_f64);
        let share = |used: f64, of: Option<f64>| of.filter(|of| *of > 0.0).map(|of| used / of);
        let is_close = |share: Option<f64>| share.is_some_and(|share| share >= CLOSE);
        let drawn = |share: Option<f64>| {
            let class = if is_close(share) { "ubar-warn" } else { "" };
            share.map(|share| bar(share, class)).unwrap_or_default()
        };
        let cpu = sample.cpu_percent().map(|percent| {
            let cores = container.facts.cores;
            let share = share(percent, cores.or(host_cores).map(|cores| cores * 100.0));
            Value {
                label: "CPU",
                text: text::percent(percent),
                note: cores
                    .map(|cores| format!("of one core, limit {}", text::cores(cores)))
                    .unwrap_or_else(|| "of one core".to_owned()),
                bar: drawn(share),
                close: is_close(share),
            }
        });
        let memory = reading.memory.map_or_else(
            || Value {
                label: "Memory",
                text: "Not available".to_owned(),
                note: "the host keeps no account of it".to_owned(),
                bar: String::new(),
                close: false,
            },
            |memory| {
                let share = share(to_f64(memory.used_bytes), memory.limit_bytes.map(to_f64));
                Value {
                    label: "Memory",
                    text: text::bytes(memory.used_bytes),
                    note: memory
                        .limit_bytes
                        .map(|limit| format!("of {}", text::bytes(limit)))
                        .unwrap_or_else(|| "no limit".to_owned()),
                    bar: drawn(share),
                    close: is_close(share),
                }
            },
        );
        let pair = |label, rates: (f64, f64), total: Option<(u64, u64)>, words: (&str, &str)| Value {
            label,
            text: format!("{} {}, {} {}", text::rate(rates.0), words.0, text::rate(rates.1), words.1),
            note: total
                .map(|(a, b)| format!("{} and {} since it started", text::bytes(a), text::bytes(b)))
                .unwrap_or_default(),
            bar: String::new(),
            close: false,
        };
        let network = sample.rates.and_then(|rates| rates.network).map(|rates| {
            let total = reading.network.map(|network| (network.rx_bytes, network.tx_bytes));
            pair("Network", rates, total, ("in", "out"))
        });
        let block = sample.rates.and_then(|rates| rates.block).map(|rates| {
            let total = reading.block.map(|block| (block.read_bytes, block.written_bytes));
            pair("Disks", rates, total, ("read", "written"))
        });
        let pids = reading.pids.map(|pids| Value {
            label: "Processes and threads",
            text: pids.to_string(),
            note: String::new(),
            bar: String::new(),
            close: false,
        });
        Self { values: [cpu, Some(memory), network, block, pids].into_iter().flatten().collect() }
    }

    /// The patch for pages that show it.
    pub fn patch(&self) -> Result<String, askama::Error> {
        Ok(format!(
            r##"<hx-partial hx-target="#use-now" hx-swap="innerHTML">{}</hx-partial>"##,
            self.render()?
        ))
    }
}
