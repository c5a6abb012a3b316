//! What was removed, and can come back.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Pages;
use crate::features::containers::view::{Since, TwoEnds};
use crate::features::leftovers::{Tab, Tabs};
use crate::features::stale::cleanup_store::{Removal, Stage};
use crate::platform::clock::from_ms;
use crate::platform::text;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "stale/removed.html", blocks = ["content_removed"])]
struct RemovedPage {
    shell: Shell,
    tabs: Tabs,
    rows: Vec<Row>,
    more_url: String,
    undo_days: u32,
    /// What went wrong, or well, just now.
    notice: String,
    error: String,
    back_id: String,
}

struct Row {
    id: i64,
    name: TwoEnds,
    title: String,
    image: String,
    when: Since,
    who: String,
    reasons: Vec<String>,
    facts: Vec<String>,
    status: String,
    can_restore: bool,
    layer: bool,
    restored_id: String,
}

pub(in crate::features::stale) async fn list(
    State(pages): State<Pages>,
    context: PageContext,
    query: QueryMap,
) -> Result<Page, WebError> {
    let restored = query.get("restored").and_then(|id| id.parse::<i64>().ok());
    page(&pages, &context, &query, restored, String::new()).await
}

async fn page(
    pages: &Pages,
    context: &PageContext,
    query: &QueryMap,
    restored: Option<i64>,
    error: String,
) -> Result<Page, WebError> {
    let before = match query.get("before") {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|_| WebError::Malformed("before: is not one of ours.".to_owned()))?)
        }
    };
    let mut removals = pages.stale.removals(before, ROWS + 1).await?;
    let more = removals.len() > ROWS;
    removals.truncate(ROWS);
    let low = removals.last().map_or(0, |removal| removal.id);
    let now = pages.stale.clock.now();
    let back = removals.iter().find(|removal| Some(removal.id) == restored);
    let page = RemovedPage {
        notice: back.map(|r| format!("{} is back. It is not started.", r.name)).unwrap_or_default(),
        back_id: back.and_then(|r| r.restored_id.clone()).unwrap_or_default(),
        tabs: Tabs::new(&pages.leftovers, Tab::Removed),
        rows: removals.into_iter().map(|removal| row(removal, now)).collect(),
        more_url: if more { format!("/stale/removed?before={low}") } else { String::new() },
        undo_days: pages.stale.settings.current().undo_retention_days,
        error,
        shell: context.shell("Removed", "cleanup"),
    };
    if context.wants_fragment() { Page::render(&page.as_content_removed()) } else { Page::render(&page) }
}

/// What a restore takes beside its number.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::features::stale) struct RestoreForm {
    layer: Option<String>,
}

pub(in crate::features::stale) async fn restore(
    State(pages): State<Pages>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<i64>,
    Form(form): Form<RestoreForm>,
) -> Result<Response, WebError> {
    match pages.stale.restore(&identity.name, id, form.layer.is_some()).await {
        Ok(_) => Ok(Redirect::to(&format!("/stale/removed?restored={id}")).into_response()),
        Err(error @ (WebError::Conflict(_) | WebError::Unavailable(_) | WebError::BadGateway(_))) => {
            let status = error.status();
            let page = page(&pages, &context, &QueryMap::default(), None, error.to_string()).await?;
            Ok(page.status(status).into_response())
        }
        Err(error) => Err(error),
    }
}

fn row(removal: Removal, now: jiff::Timestamp) -> Row {
    let mut facts = Vec::new();
    facts.extend(
        removal.bytes.and_then(|b| u64::try_from(b).ok()).map(|b| format!("{} freed", text::bytes(b))),
    );
    if removal.volumes {
        facts.push("with its anonymous volumes".to_owned());
    }
    if let Some(until) = removal.layer_until.filter(|_| removal.layer_image.is_some()) {
        facts.push(format!("what it wrote is kept for {} more", text::between(now, from_ms(until))));
    }
    let status = match (removal.stage, removal.can_restore) {
        (Stage::Removing, _) => "Being removed".to_owned(),
        (Stage::Restored, _) => {
            let who = removal.restored_by.as_deref().unwrap_or("somebody");
            let ago = removal.restored_at.map(|at| text::between(from_ms(at), now)).unwrap_or_default();
            format!("Restored by {who} {ago} ago")
        }
        (_, false) => "Too long ago to be restored".to_owned(),
        _ => String::new(),
    };
    Row {
        id: removal.id,
        name: TwoEnds::of(&removal.name),
        title: removal.name,
        image: removal.image,
        when: Since::new(from_ms(removal.at), now, " ago"),
        who: removal.actor,
        reasons: removal.reasons,
        facts,
        can_restore: removal.stage == Stage::Removed && removal.can_restore,
        layer: removal.layer_image.is_some(),
        restored_id: removal.restored_id.unwrap_or_default(),
        status,
    }
}
