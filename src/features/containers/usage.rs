//! The cells of a row that tell what a container uses: rendered once for each measurement, shared by all pages.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::view::dom_id;
use crate::docker::Engine;
use crate::docker::stats::sample::to_f64;
use crate::docker::stats::{Point, Sample};
use crate::docker::types::Container;
use crate::platform::text;
use crate::web::chart::{bar, spark};

/// What a sparkline shows, ms, and the least length of its steps.
const LENGTH: i64 = 15 * 60_000;
const STEP: i64 = 30_000;
/// A share from which something is close to what it may use.
pub(super) const CLOSE: f64 = 0.9;
/// The least percentage that a sparkline of CPU shows at its upper edge: idling is flat.
const LEAST_TOP: f64 = 10.0;
/// How many containers' cells are kept.
const KEPT: usize = 4_000;

/// The cells of one container.
#[derive(Debug, PartialEq)]
pub struct Cells {
    id: String,
    cpu: String,
    memory: String,
    network: String,
}

/// What a container may use, and how finely it is measured.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Percent of one core.
    cpu: Option<f64>,
    /// Bytes.
    memory: Option<u64>,
    /// The length of a sparkline's step, ms.
    step: i64,
}

impl Cells {
    /// Nothing is measured.
    pub fn none(container: &Container) -> Self {
        Self { id: dom_id(container), cpu: dash(), memory: dash(), network: dash() }
    }

    fn of(container: &Container, sample: &Sample, points: &[Point], host: Bounds) -> Self {
        let reading = &sample.reading;
        let cpu = sample.cpu_percent().map_or_else(dash, |percent| {
            let most = container.facts.cores.map(|cores| cores * 100.0).or(host.cpu);
            let share = most.map(|most| percent / most);
            let line = steps(points, sample.at.as_millisecond(), host.step, Point::cpu_percent);
            let top = highest(&line).max(LEAST_TOP);
            let label = label("CPU", &line, text::percent);
            cell(&line, top, share, &text::percent(percent), "", &label)
        });
        let memory = reading.memory.map_or_else(dash, |memory| {
            let most = memory.limit_bytes.or(host.memory);
            let used = to_f64(memory.used_bytes);
            let share = most.map(|most| used / to_f64(most.max(1)));
            let line = steps(points, sample.at.as_millisecond(), host.step, |point| {
                point.memory_bytes().map(to_f64)
            });
            let top = memory.limit_bytes.map_or_else(|| highest(&line) * 1.25, to_f64);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes are positive")]
            let label = label("Memory", &line, |bytes| text::bytes(bytes as u64));
            let of = memory.limit_bytes.map(|limit| format!("of {}", text::bytes(limit))).unwrap_or_default();
            // Without a limit the share is of the host, and no reason to worry about this container.
            let worry = share.filter(|_| memory.limit_bytes.is_some());
            cell_with(&line, top, share, worry, &text::bytes(memory.used_bytes), &of, &label)
        });
        let network = sample.rates.and_then(|rates| rates.network).map_or_else(dash, |(rx, tx)| {
            format!(
                r#"<span class="net"><span class="sr">Received </span><span aria-hidden="true">↓</span> {}</span><span class="net"><span class="sr">Sent </span><span aria-hidden="true">↑</span> {}</span>"#,
                text::rate(rx),
                text::rate(tx)
            )
        });
        Self { id: dom_id(container), cpu, memory, network }
    }

    /// The cells as part of a row.
    pub fn write(&self, out: &mut impl Write) -> std::fmt::Result {
        let Self { id, cpu, memory, network } = self;
        write!(
            out,
            r#"<td class="k-cpu" role="cell"><div class="use" id="{id}-cpu">{cpu}</div></td><td class="k-mem" role="cell"><div class="use" id="{id}-mem">{memory}</div></td><td class="k-net" role="cell"><div id="{id}-net">{network}</div></td>"#
        )
    }

    /// What has changed since `before`, for pages that show the row.
    pub fn write_changes(&self, before: Option<&Self>, out: &mut String) {
        let Self { id, cpu, memory, network } = self;
        for (part, html, old) in [
            ("cpu", cpu, before.map(|cells| &cells.cpu)),
            ("mem", memory, before.map(|cells| &cells.memory)),
            ("net", network, before.map(|cells| &cells.network)),
        ] {
            if old != Some(html) {
                out.push_str(&format!(
                    r##"<hx-partial hx-target="#{id}-{part}" hx-swap="innerHTML">{html}</hx-partial>"##
                ));
            }
        }
    }
}

fn dash() -> String {
    r#"<span class="subtle">–</span>"#.to_owned()
}

fn cell(line: &[Option<f64>], top: f64, share: Option<f64>, value: &str, of: &str, label: &str) -> String {
    cell_with(line, top, share, share, value, of, label)
}

/// `worry` is the share that colours it.
fn cell_with(
    line: &[Option<f64>],
    top: f64,
    share: Option<f64>,
    worry: Option<f64>,
    value: &str,
    of: &str,
    label: &str,
) -> String {
    let close = worry.is_some_and(|share| share >= CLOSE);
    let mut html = spark(line, top, if close { "spark-warn" } else { "" }, label);
    html.push_str(if close { r#"<span class="use-v t-warn">"# } else { r#"<span class="use-v">"# });
    html.push_str(value);
    if !of.is_empty() {
        html.push_str(&format!(r#"<span class="use-of">{of}</span>"#));
    }
    if let Some(share) = share {
        html.push_str(&bar(share, if close { "ubar-warn" } else { "" }));
    }
    html.push_str("</span>");
    html
}

/// The averages of a sparkline's steps, each as long as `step` ms. They end with the last whole step: a line that changes with every measurement
/// would be sent with every measurement.
pub fn steps(
    points: &[Point],
    now: i64,
    step: i64,
    value: impl Fn(&Point) -> Option<f64>,
) -> Vec<Option<f64>> {
    let last = now.div_euclid(step);
    let steps = usize::try_from(LENGTH / step).unwrap_or(1).max(1);
    let mut sums = vec![(0.0, 0.0); steps];
    for point in points {
        let back = last - 1 - point.at_ms().div_euclid(step);
        let place = usize::try_from(back).ok().and_then(|back| (steps - 1).checked_sub(back));
        if let (Some(sum), Some(value)) = (place.and_then(|place| sums.get_mut(place)), value(point)) {
            sum.0 += value;
            sum.1 += 1.0;
        }
    }
    sums.iter().map(|(sum, n)| (*n > 0.0).then(|| sum / n)).collect()
}

fn highest(line: &[Option<f64>]) -> f64 {
    line.iter().flatten().copied().fold(0.0, f64::max)
}

fn label(what: &str, line: &[Option<f64>], write: impl Fn(f64) -> String) -> String {
    let known = || line.iter().flatten().copied();
    match (known().reduce(f64::min), known().reduce(f64::max)) {
        (Some(low), Some(high)) => {
            format!("{what} in the last 15 minutes: {} to {}", write(low), write(high))
        }
        _ => format!("{what} in the last 15 minutes: not known yet"),
    }
}

type Known = HashMap<Arc<str>, (Arc<Sample>, Arc<Cells>)>;

/// The cells that pages showed lately.
#[derive(Default)]
pub struct CellCache(Mutex<Known>);

impl CellCache {
    /// The cells of containers of one engine.
    pub fn of<'a>(
        &self,
        engine: &Engine,
        containers: impl Iterator<Item = &'a Arc<Container>>,
    ) -> Vec<Arc<Cells>> {
        let latest = engine.stats.latest();
        let host = bounds(engine);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > KEPT {
            known.clear();
        }
        containers
            .map(|container| {
                let Some(sample) = latest.get(&container.id) else {
                    return Arc::new(Cells::none(container));
                };
                if let Some((of, cells)) = known.get(&container.id)
                    && Arc::ptr_eq(of, sample)
                {
                    return cells.clone();
                }
                let since = sample.at.as_millisecond() - LENGTH - host.step;
                let points = engine.stats.points(&container.id, since);
                let cells = Arc::new(Cells::of(container, sample, &points, host));
                known.insert(container.id.clone(), (sample.clone(), cells.clone()));
                cells
            })
            .collect()
    }
}

fn bounds(engine: &Engine) -> Bounds {
    let info = &engine.mirror.snapshot().info;
    let cores = info.cores.and_then(|cores| u32::try_from(cores).ok()).map(f64::from);
    Bounds {
        cpu: cores.map(|cores| cores * 100.0),
        memory: info.memory_bytes,
        // With a step shorter than the time between two measurements there would be dots and no line.
        step: STEP.max(i64::try_from(engine.stats.slowest().as_millis()).unwrap_or(STEP)),
    }
}

/// The id of a project's group of rows: the same whichever other groups there are.
pub fn group_id(loose: bool, project: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (loose, project).hash(&mut hasher);
    format!("g-{:016x}", hasher.finish())
}

/// CPU (percent of one core) and memory (bytes) of a project's containers together; `None` where none is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    /// Percent of one core.
    pub cpu: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
}

impl Sum {
    /// Adds a container.
    pub fn add(&mut self, sample: &Sample) {
        if let Some(percent) = sample.cpu_percent() {
            *self.cpu.get_or_insert(0.0) += percent;
        }
        if let Some(memory) = sample.memory() {
            *self.memory.get_or_insert(0) += memory.used_bytes;
        }
    }

    /// What stands in the cells of a group: CPU and memory.
    pub fn words(&self) -> (String, String) {
        (self.cpu.map(text::percent).unwrap_or_default(), self.memory.map(text::bytes).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::stats::{Memory, Reading};
    use crate::docker::types::State;
    use crate::features::containers::model::tests::container;
    use crate::platform::clock::from_ms;

    fn sample(used: u64, limit: Option<u64>) -> Sample {
        let memory = Some(Memory { used_bytes: used, limit_bytes: limit });
        Sample { at: from_ms(60_000), reading: Reading { memory, ..Reading::default() }, rates: None }
    }

    const HOST: Bounds = Bounds { cpu: Some(400.0), memory: Some(8_000_000_000), step: STEP };

    #[test]
    fn what_is_close_to_its_limit_is_coloured_and_says_of_what() {
        let web = container("web", "nginx", State::Running);
        let close = Cells::of(&web, &sample(480_000_000, Some(512_000_000)), &[], HOST);
        assert!(
            close.memory.contains("t-warn") && close.memory.contains("of 512\u{a0}MB"),
            "{}",
            close.memory
        );
        let far = Cells::of(&web, &sample(7_900_000_000, None), &[], HOST);
        assert!(!far.memory.contains("t-warn"), "without a limit of its own");
    }

    #[test]
    fn what_is_not_measured_is_a_dash_and_not_zero() {
        let web = container("web", "nginx", State::Running);
        let cells = Cells::of(&web, &sample(1, None), &[], HOST);
        assert!(cells.cpu.contains('–') && cells.network.contains('–'));
        let none = Cells::none(&web);
        assert!(none.memory.contains('–'));
    }

    #[test]
    fn only_the_cells_that_changed_are_sent() {
        let web = container("web", "nginx", State::Running);
        let before = Cells::of(&web, &sample(1_000, None), &[], HOST);
        let mut html = String::new();
        Cells::of(&web, &sample(1_000, None), &[], HOST).write_changes(Some(&before), &mut html);
        assert!(html.is_empty(), "{html}");
        Cells::of(&web, &sample(900_000, None), &[], HOST).write_changes(Some(&before), &mut html);
        assert_eq!(html.matches("hx-target").count(), 1);
    }
}
