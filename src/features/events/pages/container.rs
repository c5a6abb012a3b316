//! `/containers/{id}/events`: what happened to a container, and to those before it in its place.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};

use super::view::{Entry, entries};
use crate::features::containers::{Containers, head_html};
use crate::features::events::query::EventQuery;
use crate::features::events::service::{Events, audience};
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "events/container.html", blocks = ["content_container_events"])]
struct ContainerPage {
    shell: Shell,
    head: String,
    name: String,
    entries: Vec<Entry>,
    more_url: String,
}

/// What the page is made from.
pub(in crate::features::events) type Parts = (Arc<Events>, Arc<Containers>);

pub(in crate::features::events) async fn container(
    State((events, containers)): State<Parts>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<String>,
    query: QueryMap,
) -> Result<Page, WebError> {
    let container = containers.find(&id, query.get("engine"))?;
    let before = match query.get("before") {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|_| WebError::Malformed("before: is not one of ours.".to_owned()))?)
        }
    };
    let mut found = match events.history_of(&container).await? {
        Some(history) => {
            let wanted = EventQuery { history: Some(history), ..EventQuery::default() };
            events.list(&wanted, audience(&identity), before, ROWS + 1).await?
        }
        None => Vec::new(),
    };
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let low = found.last().map_or(0, |event| event.id);
    let lines = events.lines_of(&found).await?;
    let mut shell = context.shell(container.name.clone(), "containers");
    shell.target = format!("/containers/{}/events", container.id);
    let page = ContainerPage {
        shell,
        head: head_html(&containers, &container, "events")?,
        name: container.name.clone(),
        more_url: if more {
            format!("/containers/{}/events?before={low}", container.id)
        } else {
            String::new()
        },
        entries: entries(found, lines, events.clock.now()),
    };
    if context.wants_fragment() {
        Page::render(&page.as_content_container_events())
    } else {
        Page::render(&page)
    }
}
