//! The rows of the list: rendered once while their container does not change.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use jiff::Timestamp;

use super::pending::{Pending, PendingActions};
use super::usage::Cells;
use super::view::{PortView, Since, StateView, TwoEnds, dom_id, lasts, ports, state};
use crate::docker::types::{Container, Health};
use crate::platform::text;

/// One row of the list.
#[derive(Template)]
#[template(path = "containers/_row.html")]
struct Row {
    dom_id: String,
    id: String,
    short_id: String,
    name: String,
    name_ends: TwoEnds,
    image: String,
    image_ends: TwoEnds,
    state_word: &'static str,
    state: StateView,
    since: Option<Since>,
    /// What the health check says, in words; empty without one.
    health: String,
    project: String,
    cells: &'static str,
    ports: Vec<PortView>,
    more_ports: String,
    off: bool,
    stale: bool,
}

/// Stands in a rendered row where the words of its time belong.
const WORDS: &str = "\u{1}";
/// Stands in a rendered row where the cells belong that tell what it uses.
const CELLS: &str = "\u{2}";

/// A rendered row. How long its state has lasted, and what it uses, is filled in each time it is shown, so that a
/// row is rendered once while its container does not change.
#[derive(Debug)]
pub struct RowBytes {
    before: String,
    since: Option<Timestamp>,
    between: String,
    after: String,
}

impl RowBytes {
    /// The row of a container, and of what is being done to it.
    pub fn render(
        container: &Container,
        pending: Option<&Pending>,
        stale: bool,
    ) -> Result<Self, askama::Error> {
        let (mut row, since) = Row::new(container, pending);
        row.stale = stale;
        let html = row.render()?;
        let (rest, after) = html.split_once(CELLS).unwrap_or((&html, ""));
        let (before, between) = rest.split_once(WORDS).unwrap_or((rest, ""));
        Ok(Self { before: before.to_owned(), since, between: between.to_owned(), after: after.to_owned() })
    }

    /// Writes the row as it is now.
    pub fn write(&self, now: Timestamp, cells: &Cells, out: &mut impl Write) -> fmt::Result {
        out.write_str(&self.before)?;
        if let Some(since) = self.since {
            out.write_str(&text::between(since, now))?;
        }
        out.write_str(&self.between)?;
        cells.write(out)?;
        out.write_str(&self.after)
    }
}

/// A row at a time, for a template.
pub struct RowAt {
    row: Arc<RowBytes>,
    cells: Arc<Cells>,
    now: Timestamp,
}

impl fmt::Display for RowAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row.write(self.now, &self.cells, f)
    }
}

/// How many rows are kept; a page of 500 fits several times.
const ROWS_KEPT: usize = 2_000;

type Rows = HashMap<Arc<str>, (Arc<Container>, bool, Arc<RowBytes>)>;

/// The rows that pages showed lately.
#[derive(Default)]
pub struct RowCache(Mutex<Rows>);

impl RowCache {
    /// The rows of containers, each with its cells, in their order.
    pub fn of<'a>(
        &self,
        containers: impl Iterator<Item = (&'a Arc<Container>, Arc<Cells>)>,
        pending: &PendingActions,
        stale: &HashSet<Arc<str>>,
        now: Timestamp,
    ) -> Result<Vec<RowAt>, askama::Error> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        containers
            .map(|(container, cells)| {
                let is_stale = stale.contains(&container.id);
                if let Some(pending) = pending.of(&container.id) {
                    let row = Arc::new(RowBytes::render(container, Some(&pending), is_stale)?);
                    return Ok(RowAt { row, cells, now });
                }
                let known = rows
                    .get(&container.id)
                    .filter(|(of, was, _)| Arc::ptr_eq(of, container) && *was == is_stale);
                let row = match known {
                    Some((_, _, row)) => row.clone(),
                    None => {
                        if rows.len() >= ROWS_KEPT {
                            rows.clear();
                        }
                        let row = Arc::new(RowBytes::render(container, None, is_stale)?);
                        rows.insert(container.id.clone(), (container.clone(), is_stale, row.clone()));
                        row
                    }
                };
                Ok(RowAt { row, cells, now })
            })
            .collect()
    }
}

impl Row {
    fn new(container: &Container, pending: Option<&Pending>) -> (Self, Option<Timestamp>) {
        let (ports, more) = ports(&container.ports);
        let state = match pending {
            Some(pending) => StateView { icon: "s-start", tone: "info", word: pending.word().to_owned() },
            None => state(container),
        };
        let (at, suffix) = pending.map_or_else(|| lasts(container), |pending| (Some(pending.since), ""));
        let row = Self {
            dom_id: dom_id(container),
            id: container.id.to_string(),
            short_id: container.short_id().to_owned(),
            name: container.name.clone(),
            name_ends: TwoEnds::of(&container.name),
            image: container.image.to_string(),
            image_ends: TwoEnds::of_image(&container.image),
            state_word: container.state.as_str(),
            state,
            since: at.map(|at| Since { words: WORDS.to_owned(), ..Since::new(at, at, suffix) }),
            health: row_health(container),
            cells: CELLS,
            project: container.project.as_deref().unwrap_or_default().to_owned(),
            ports,
            more_ports: more,
            off: !container.is_up(),
            stale: false,
        };
        (row, at)
    }
}

/// What stands below the state of a row: its mark and colour tell the trouble, this adds how long it has failed.
fn row_health(container: &Container) -> String {
    match container.health {
        Health::None => String::new(),
        Health::Healthy => "healthy".to_owned(),
        Health::Starting => "checks are starting".to_owned(),
        Health::Unhealthy => {
            let streak = container.facts.failing_streak.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            if streak > 0 { format!("{} failed", text::count(streak, "check")) } else { String::new() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::types::State;
    use crate::features::containers::model::tests::container;
    use crate::platform::clock::from_ms;

    #[test]
    fn names_with_markup_are_escaped_in_a_row() {
        let sly = container("<script>alert('x')</script>\"", "nginx", State::Running);
        let row = RowBytes::render(&sly, None, false).unwrap();
        assert!(!row.before.contains("<script>"), "{}", row.before);
    }

    #[test]
    fn a_row_is_rendered_once_and_tells_the_time_all_the_same() {
        let (cache, pending) = (RowCache::default(), PendingActions::default());
        let mut web = container("web", "nginx", State::Running);
        web.facts.started_at = Some(from_ms(0));
        let web = Arc::new(web);
        let show = |seconds: i64| {
            let with_cells = (&web, Arc::new(Cells::none(&web)));
            let rows = cache
                .of([with_cells].into_iter(), &pending, &HashSet::new(), from_ms(seconds * 1000))
                .unwrap();
            (rows[0].to_string(), Arc::as_ptr(&rows[0].row))
        };
        let ((early, first), (late, second)) = (show(8), show(3_600));
        assert_eq!(first, second);
        assert!(early.contains(">8\u{a0}s<") && late.contains(">1\u{a0}h<"), "{early} {late}");
    }

    #[test]
    fn a_row_tells_how_often_the_check_failed() {
        let mut sick = container("web", "nginx", State::Running);
        assert_eq!(row_health(&sick), "", "it has no check");
        sick.health = Health::Unhealthy;
        sick.facts.failing_streak = Some(2);
        assert_eq!(row_health(&sick), "2 checks failed");
        sick.facts.failing_streak = None;
        assert_eq!(row_health(&sick), "", "the state says it");
    }
}
