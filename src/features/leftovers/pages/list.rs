//! `/stale/images`, `/stale/volumes` and `/stale/networks`.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::frame::Frame;
use super::row::Row;
use super::tabs::Tab;
use super::{SECTION, TITLE};
use crate::features::leftovers::model::Kind;
use crate::features::leftovers::query::ListQuery;
use crate::features::leftovers::service::Leftovers;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// How many rows a page shows before "Show more".
pub(super) const ROWS: usize = 500;
const MAX_ROWS: usize = 5_000;

#[derive(Template)]
#[template(path = "leftovers/list.html", blocks = ["content_list"])]
struct ListPage {
    shell: Shell,
    tabs: String,
    frame: Frame,
    rows: Vec<Row>,
}

pub(in crate::features::leftovers) async fn images(
    State(leftovers): State<Arc<Leftovers>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    page(&leftovers, &context, &query, Kind::Image)
}

pub(in crate::features::leftovers) async fn volumes(
    State(leftovers): State<Arc<Leftovers>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    page(&leftovers, &context, &query, Kind::Volume)
}

pub(in crate::features::leftovers) async fn networks(
    State(leftovers): State<Arc<Leftovers>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    page(&leftovers, &context, &query, Kind::Network)
}

fn page(
    leftovers: &Leftovers,
    context: &PageContext,
    query: &QueryMap,
    kind: Kind,
) -> Result<Page, WebError> {
    let read = ListQuery::read(kind, query)?;
    let limit = query.get("rows").and_then(|rows| rows.parse().ok()).unwrap_or(ROWS).clamp(ROWS, MAX_ROWS);
    // The shell first: what is published from here on reaches the page.
    let shell = context.shell(TITLE, SECTION);
    leftovers.measure();
    let mut listing = leftovers.list(kind);
    let wanted = read.apply(listing.leftovers.clone());
    let shown = wanted.len().min(limit);
    let frame = Frame::new(leftovers, kind, query, &read, (&listing, &wanted, shown));
    listing.leftovers.clear();
    let now = leftovers.clock.now();
    let rows = wanted.iter().take(shown).map(|leftover| Row::new(leftover, now, frame.measuring)).collect();
    let page = ListPage { shell, tabs: leftovers.tabs_html(Tab::Of(kind)), frame, rows };
    if context.wants_fragment() { Page::render(&page.as_content_list()) } else { Page::render(&page) }
}
