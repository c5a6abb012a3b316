//! `/events/{id}`: one event, and what happened around it.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};

use super::view::{Entry, entries};
use crate::features::events::query::EventQuery;
use crate::features::events::service::{Events, audience};
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

/// How far "around" reaches, ms.
const AROUND_MS: i64 = 300_000;
/// How many events before and after are shown.
const AROUND: usize = 25;

#[derive(Template)]
#[template(path = "events/one.html")]
struct OnePage {
    shell: Shell,
    entry: Entry,
    exact: String,
    engine: String,
    around: Vec<Entry>,
}

pub(in crate::features::events) async fn one(
    State(events): State<Arc<Events>>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Page, WebError> {
    let audience = audience(&identity);
    let found = match id.parse() {
        Ok(id) => events.one(id, audience).await?,
        Err(_) => None,
    };
    let (event, lines) =
        found.ok_or_else(|| WebError::NotFound("There is no such event (any more).".to_owned()))?;
    let now = events.clock.now();
    let near = EventQuery {
        since: Some(event.at - AROUND_MS),
        until: Some(event.at + AROUND_MS),
        engine: Some(event.engine.clone()),
        ..EventQuery::default()
    };
    let mut around = events.after(&near, audience, event.id, AROUND).await?;
    around.reverse();
    around.extend(events.list(&near, audience, Some(event.id), AROUND).await?);
    let page = OnePage {
        shell: context.shell("Event", "events"),
        exact: text::exact(from_ms(event.at)),
        engine: event.engine.clone(),
        entry: Entry::of(event, lines, now),
        around: entries(around, HashMap::new(), now),
    };
    Page::render(&page)
}
