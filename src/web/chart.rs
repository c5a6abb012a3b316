//! Charts drawn by the server: what works without JavaScript. Geometry stands in attributes, colours in the style
//! sheet.

use std::fmt::Write;

/// The width of a sparkline's drawing; it is shown at half that size.
const SPARK_W: i32 = 144;
const SPARK_H: i32 = 48;
/// The room that lines and dots need at the edges.
const SPARK_PAD: i32 = 3;
/// The size of a chart's drawing; it is stretched to the room there is.
pub const PLOT_W: f64 = 1000.0;
/// See [`PLOT_W`].
pub const PLOT_H: f64 = 200.0;

/// A line in miniature. `values` oldest first, `None` where nothing is known; `top` is the value at the upper edge.
/// `label` is what it shows, in words; empty where a text beside it says so.
pub fn spark(values: &[Option<f64>], top: f64, class: &str, label: &str) -> String {
    draw(values, top, class, label, "")
}

/// The same, as wide as there is room.
pub fn wide_spark(values: &[Option<f64>], top: f64, label: &str) -> String {
    draw(values, top, "spark-wide", label, r#" preserveAspectRatio="none""#)
}

fn draw(values: &[Option<f64>], top: f64, class: &str, label: &str, aspect: &str) -> String {
    let mut svg = String::with_capacity(240);
    let role = if label.is_empty() {
        r#"aria-hidden="true""#.to_owned()
    } else {
        format!(r#"role="img" aria-label="{}""#, escape(label))
    };
    // Writing to a string cannot fail, here and below.
    let _written =
        write!(svg, r#"<svg class="spark {class}" viewBox="0 0 {SPARK_W} {SPARK_H}"{aspect} {role}>"#);
    let (path, end) = spark_path(values, top);
    if !path.is_empty() {
        let _written = write!(svg, r#"<path d="{path}"/>"#);
    }
    // Stretched, a dot would be none.
    if let Some((x, y)) = end.filter(|_| aspect.is_empty()) {
        let _written = write!(svg, r#"<circle cx="{x}" cy="{y}" r="3"/>"#);
    }
    svg.push_str("</svg>");
    svg
}

/// The path, and where the newest value is when it is known.
fn spark_path(values: &[Option<f64>], top: f64) -> (String, Option<(i32, i32)>) {
    let steps = i32::try_from(values.len().saturating_sub(1)).unwrap_or(1).max(1);
    let mut path = String::with_capacity(values.len() * 5);
    let mut pen: Option<(i32, i32)> = None;
    let mut end = None;
    for (at, value) in (0..).zip(values) {
        let Some(value) = value else {
            pen = None;
            end = None;
            continue;
        };
        let x = SPARK_PAD + at * (SPARK_W - 2 * SPARK_PAD) / steps;
        let y = SPARK_H - SPARK_PAD - scaled(*value, top, SPARK_H - 2 * SPARK_PAD);
        let _written = match pen {
            // Shorter than absolute coordinates, and there are two such lines in each of hundreds of rows.
            Some((from_x, from_y)) => write!(path, "l{} {}", x - from_x, y - from_y),
            None => write!(path, "M{x} {y}h1m-1 0"),
        };
        pen = Some((x, y));
        end = pen;
    }
    (path, end)
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the height first")]
fn scaled(value: f64, top: f64, height: i32) -> i32 {
    let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
    (share * f64::from(height)).round() as i32
}

/// A bar that shows a share of a whole (0 to 1).
pub fn bar(share: f64, class: &str) -> String {
    let width = scaled(share, 1.0, 100);
    format!(
        r#"<svg class="ubar {class}" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true"><rect width="{width}" height="3"/></svg>"#
    )
}

/// One line of a chart: times (ms) and values, oldest first. A distance of more than `hole` ms is a hole.
pub struct Line<'a> {
    /// The points.
    pub points: &'a [(i64, f64)],
    /// What it is drawn as: `1` or `2`.
    pub class: u8,
    /// Whether the area below it is filled.
    pub filled: bool,
}

/// A vertical mark in a chart.
pub struct Mark {
    /// When, ms.
    pub at: i64,
    /// `ok`, `warn`, `bad` or `idle`.
    pub tone: &'static str,
}

/// What a chart shows.
pub struct Plot<'a> {
    /// The time at the left edge, ms.
    pub since: i64,
    /// The time at the right edge, ms.
    pub until: i64,
    /// The value at the upper edge.
    pub top: f64,
    /// The distance between two points that is no hole, ms.
    pub hole: i64,
    /// The lines, the first at the bottom.
    pub lines: Vec<Line<'a>>,
    /// A limit within the chart.
    pub limit: Option<f64>,
    /// Marks.
    pub marks: &'a [Mark],
    /// How many steps the grid has.
    pub steps: u32,
}

impl Plot<'_> {
    /// The drawing.
    pub fn svg(&self) -> String {
        let mut svg = String::with_capacity(8 * 1024);
        let _written = write!(
            svg,
            r#"<svg class="plot" viewBox="0 0 {PLOT_W} {PLOT_H}" preserveAspectRatio="none" aria-hidden="true"><path class="grid" d=""#
        );
        for step in 0..=self.steps {
            let y = PLOT_H * f64::from(step) / f64::from(self.steps.max(1));
            let _written = write!(svg, "M0 {y:.1}H{PLOT_W}");
        }
        svg.push_str("\"/>");
        if let Some(line) = self.lines.first() {
            for (from, to) in self.holes(line.points) {
                let _written = write!(
                    svg,
                    r#"<rect class="band" x="{from:.1}" y="0" width="{:.1}" height="{PLOT_H}"/>"#,
                    to - from
                );
            }
        }
        for line in &self.lines {
            let (path, area) = self.paths(line);
            if line.filled {
                let _written = write!(svg, r#"<path class="area area-{}" d="{area}"/>"#, line.class);
            }
            let _written = write!(svg, r#"<path class="line line-{}" d="{path}"/>"#, line.class);
        }
        if let Some(limit) = self.limit {
            let _written = write!(svg, r#"<path class="limit" d="M0 {:.1}H{PLOT_W}"/>"#, self.y(limit));
        }
        for mark in self.marks.iter().filter(|mark| mark.at >= self.since && mark.at <= self.until) {
            let x = self.x(mark.at);
            let _written = write!(svg, r#"<path class="mark mark-{}" d="M{x:.1} 0V{PLOT_H}"/>"#, mark.tone);
        }
        svg.push_str("</svg>");
        svg
    }

    #[expect(clippy::cast_precision_loss, reason = "a few days in ms")]
    fn x(&self, at: i64) -> f64 {
        let span = (self.until - self.since).max(1) as f64;
        ((at - self.since) as f64 / span * PLOT_W).clamp(0.0, PLOT_W)
    }

    fn y(&self, value: f64) -> f64 {
        let share = if self.top > 0.0 { (value / self.top).clamp(0.0, 1.0) } else { 0.0 };
        PLOT_H - share * PLOT_H
    }

    /// The line, and the areas below it.
    fn paths(&self, line: &Line<'_>) -> (String, String) {
        let (mut path, mut area) = (String::new(), String::new());
        let mut before: Option<(i64, f64)> = None;
        for (at, value) in line.points {
            let (x, y) = (self.x(*at), self.y(*value));
            match before {
                Some((last, _)) if at - last <= self.hole => {
                    let _written = write!(path, "L{x:.1} {y:.1}");
                    let _written = write!(area, "L{x:.1} {y:.1}");
                }
                _ => {
                    if let Some((_, x)) = before {
                        let _written = write!(area, "L{x:.1} {PLOT_H}Z");
                    }
                    let _written = write!(path, "M{x:.1} {y:.1}h.1");
                    let _written = write!(area, "M{x:.1} {PLOT_H}L{x:.1} {y:.1}");
                }
            }
            before = Some((*at, x));
        }
        if let Some((_, x)) = before {
            let _written = write!(area, "L{x:.1} {PLOT_H}Z");
        }
        (path, area)
    }

    /// Where nothing was measured between two points.
    fn holes(&self, points: &[(i64, f64)]) -> Vec<(f64, f64)> {
        let pairs = points.windows(2).filter_map(|pair| match pair {
            [(a, _), (b, _)] if b - a > self.hole => Some((self.x(*a), self.x(*b))),
            _ => None,
        });
        pairs.collect()
    }
}

/// The value at the upper edge of a chart whose highest value is `highest` and which reaches to `least` at least, and
/// how many steps its grid has: at most four, of a round size. `static/charts.js` reckons the same.
pub fn scale(highest: f64, least: f64) -> (f64, u32) {
    let most = if highest.is_finite() { highest.max(least) } else { least };
    if most <= 0.0 {
        return (1.0, 1);
    }
    let base = 10_f64.powf((most / 4.0).log10().floor());
    let sizes = [1.0, 2.0, 2.5, 5.0, 10.0].map(|size| size * base);
    let step = sizes.into_iter().find(|step| step * 4.0 >= most * (1.0 - 1e-9)).unwrap_or(most / 4.0);
    let steps = (1..=4_u32).find(|n| f64::from(*n) * step >= most * (1.0 - 1e-9)).unwrap_or(4);
    (f64::from(steps) * step, steps)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_leaves_out_what_is_not_known() {
        let svg = spark(&[Some(0.0), None, Some(50.0), Some(100.0)], 100.0, "", "CPU \"now\"");
        assert_eq!(svg.matches('M').count(), 2, "{svg}");
        assert!(svg.contains(r#"<circle cx="141" cy="3" r="3"/>"#), "{svg}");
        assert!(svg.contains("CPU &quot;now&quot;"));
        assert!(!spark(&[Some(1.0), None], 1.0, "", "").contains("circle"), "there is no newest value");
        assert!(!spark(&[], 1.0, "", "").contains("path"));
    }

    #[test]
    fn a_hole_is_no_line_across() {
        let points = [(0, 1.0), (10, 2.0), (100, 3.0), (110, 3.0)];
        let line = Line { points: &points, class: 1, filled: true };
        let plot = Plot {
            since: 0,
            until: 110,
            top: 4.0,
            hole: 15,
            lines: vec![line],
            limit: None,
            marks: &[],
            steps: 4,
        };
        let svg = plot.svg();
        assert_eq!(svg.matches(r#"class="band""#).count(), 1);
        let path = svg.split("class=\"line line-1\" d=\"").nth(1).unwrap();
        assert_eq!(path.split('"').next().unwrap().matches('M').count(), 2, "{path}");
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (highest, least, top, steps) in [
            (0.0, 1.0, 1.0, 4),
            (0.7, 0.0, 0.8, 4),
            (37.0, 1.0, 40.0, 4),
            (41.0, 1.0, 60.0, 3),
            (101.0, 1.0, 150.0, 3),
            (9.2e9, 1000.0, 1e10, 4),
            (f64::NAN, 4.0, 4.0, 4),
        ] {
            let found = scale(highest, least);
            assert!((found.0 - top).abs() < top * 1e-9 && found.1 == steps, "{highest}: {found:?}");
        }
    }
}
