//! The page of a container that is gone: what took its place, after a recreate say.

use askama::Template;
use axum::http::StatusCode;

use crate::features::containers::service::Containers;
use crate::features::containers::view::{self, Since, StateView};
use crate::platform::text;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

#[derive(Template)]
#[template(path = "containers/gone.html", blocks = ["content_gone"])]
struct GonePage {
    shell: Shell,
    asked: String,
    id: String,
    name: String,
    state: StateView,
    created: Since,
}

/// Leads to what took a container's place; the error when nothing did.
pub(in crate::features::containers) async fn gone(
    containers: &Containers,
    context: &PageContext,
    asked: &str,
    error: WebError,
) -> Result<Page, WebError> {
    let Some(successor) = containers.successor(asked).await? else { return Err(error) };
    let page = GonePage {
        shell: context.shell("Replaced container", "containers"),
        asked: text::cut(asked, 12).into_owned(),
        id: successor.id.to_string(),
        name: successor.name.clone(),
        state: view::state(&successor),
        created: Since::new(successor.created_at, containers.clock.now(), " ago"),
    };
    let page =
        if context.wants_fragment() { Page::render(&page.as_content_gone())? } else { Page::render(&page)? };
    Ok(page.status(StatusCode::NOT_FOUND))
}
