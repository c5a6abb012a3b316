//! The page of a job, for browsers without JavaScript and for long lists, and what dismisses a card.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::{Item, Jobs, page_topic};
use crate::web::access::{Identity, Role};
use crate::web::page::Page;
use crate::web::routes::Routes;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

/// The routes of jobs.
pub fn routes(jobs: Jobs) -> Routes {
    Routes::of(jobs)
        .get("/jobs/{id}", Role::Viewer, page)
        .live(|path, _| {
            path.rsplit('/').next().and_then(|id| id.parse().ok()).map(page_topic).into_iter().collect()
        })
        .post("/jobs/{id}/dismiss", Role::Viewer, dismiss)
        .done()
}

#[derive(Template)]
#[template(path = "web/job.html", blocks = ["content_job"])]
struct JobPage {
    shell: Shell,
    title: String,
    summary: String,
    back: String,
    running: bool,
    done: usize,
    items: Vec<Item>,
    now: Timestamp,
}

async fn page(
    State(jobs): State<Jobs>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<u64>,
) -> Result<Page, WebError> {
    let found = jobs.lock().jobs.iter().find(|job| job.id == id && job.owner == identity.user_id).cloned();
    let Some(job) = found else {
        return Err(WebError::NotFound(
            "There is no such job (any more). What it did is among the events.".to_owned(),
        ));
    };
    let page = JobPage {
        shell: context.shell(job.title.clone(), "containers"),
        summary: job.summary(),
        running: job.finished.is_none(),
        done: job.done(),
        title: job.title,
        back: job.back,
        items: job.items,
        now: jobs.clock.now(),
    };
    if context.wants_fragment() { Page::render(&page.as_content_job()) } else { Page::render(&page) }
}

async fn dismiss(
    State(jobs): State<Jobs>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<u64>,
) -> Result<Response, WebError> {
    let mut back = "/".to_owned();
    for job in jobs.lock().jobs.iter_mut().filter(|job| job.id == id && job.owner == identity.user_id) {
        job.dismissed = true;
        back.clone_from(&job.back);
    }
    jobs.publish(id);
    if context.wants_fragment() {
        return Ok(Html(jobs.corner(identity.user_id)).into_response());
    }
    Ok(Redirect::to(&back).into_response())
}
