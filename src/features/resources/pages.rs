//! `/images`, `/networks` and `/volumes`: one frame around three tables.

mod frame;
mod tables;

use std::sync::Arc;

use axum::extract::State;

use self::frame::Frame;
use super::links::Links;
use super::query::ListQuery;
use super::service::{Resource, Resources, Used};
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// How many rows a page shows before "Show more".
const ROWS: usize = 500;
const MAX_ROWS: usize = 5_000;

/// A kind that has a page.
pub(super) trait Listable: Resource {
    /// The page's path; without its slash, the entry of the navigation.
    const PATH: &'static str;
    /// The page's name.
    const TITLE: &'static str;
    /// What stands in the empty search field.
    const PLACEHOLDER: &'static str;
    /// What an empty list shows.
    const ICON: &'static str;
    /// What an empty list says.
    const EMPTY: &'static str;
    /// Its columns.
    const COLUMNS: &'static [frame::ColumnKind];

    /// Renders the page, or only its content.
    fn render(page: Parts<'_, Self>) -> Result<Page, WebError>;
}

/// What a page is made of.
pub(super) struct Parts<'a, T> {
    shell: Shell,
    frame: Frame,
    rows: &'a [Used<T>],
    now: jiff::Timestamp,
    fragment: bool,
}

pub(super) async fn list<T: Listable>(
    State(resources): State<Arc<Resources>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let wanted = ListQuery::read::<T>(&query)?;
    let limit = query.get("rows").and_then(|rows| rows.parse().ok()).unwrap_or(ROWS).clamp(ROWS, MAX_ROWS);
    let listed = resources.list::<T>(&wanted);
    let links = Links { path: T::PATH, query: &query };
    let now = resources.clock.now();
    let shown = listed.rows.len().min(limit);
    T::render(Parts {
        shell: context.shell(T::TITLE, T::PATH.trim_start_matches('/')),
        frame: Frame::new(&links, &wanted, &listed, shown, now),
        rows: listed.rows.get(..shown).unwrap_or_default(),
        now,
        fragment: context.wants_fragment(),
    })
}
