//! What is asked of Docker only on demand: the processes of a container, and the size of its files.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use tokio::sync::Semaphore;

use super::head::Head;
use crate::docker::EngineError;
use crate::docker::types::Container;
use crate::features::containers::secrets;
use crate::features::containers::service::Containers;
use crate::platform::text;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, Role, WebError};

/// One size is measured at a time.
static MEASURING: Semaphore = Semaphore::const_new(1);
/// How many processes are shown.
const MOST: usize = 500;

#[derive(Template)]
#[template(path = "containers/processes.html", blocks = ["content_processes"])]
struct ProcessesPage {
    shell: Shell,
    head: Head,
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
    more: usize,
    why_not: String,
}

pub(in crate::features::containers) async fn processes(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    Path(id): Path<String>,
) -> Result<Page, WebError> {
    let container = containers.find(&id, None)?;
    let masked = !context.may(Role::Operator);
    let (titles, mut rows, why_not) = if container.is_up() {
        match ask(&containers, &container).await {
            Ok((titles, rows)) => (titles, rows, String::new()),
            Err(error) => (Vec::new(), Vec::new(), format!("{}.", text::capital(&error.to_string()))),
        }
    } else {
        (Vec::new(), Vec::new(), "It does not run, so it has no processes.".to_owned())
    };
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    if masked {
        for cell in rows.iter_mut().filter_map(|row| row.last_mut()) {
            *cell = secrets::masked_script(cell);
        }
    }
    let mut shell = context.shell(container.name.clone(), "containers");
    shell.target = format!("/containers/{}", container.id);
    let head = Head::new(&containers, &container, "overview");
    let page = ProcessesPage { shell, head, titles, rows, more, why_not };
    if context.wants_fragment() { Page::render(&page.as_content_processes()) } else { Page::render(&page) }
}

async fn ask(
    containers: &Containers,
    container: &Container,
) -> Result<(Vec<String>, Vec<Vec<String>>), EngineError> {
    let Some(engine) = containers.engine_of(container) else { return Err(EngineError::NotFound) };
    engine.client.processes(&container.id).await
}

#[derive(Template)]
#[template(path = "containers/size.html", blocks = ["content_size"])]
struct SizePage {
    shell: Shell,
    head: Head,
    written: String,
    whole: String,
    why_not: String,
}

pub(in crate::features::containers) async fn size(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    Path(id): Path<String>,
) -> Result<Page, WebError> {
    let container = containers.find(&id, None)?;
    let Some(engine) = containers.engine_of(&container) else {
        return Err(WebError::NotFound("The engine of this container is gone.".to_owned()));
    };
    // Docker walks all files: never several times at once.
    let Ok(_turn) = MEASURING.acquire().await else {
        return Err(WebError::Unavailable("Docker Watcher is shutting down.".to_owned()));
    };
    let (written, whole, why_not) = match engine.client.size(&container.id).await {
        Ok((written, whole)) => (text::bytes(written), text::bytes(whole), String::new()),
        Err(error) => (String::new(), String::new(), format!("{}.", text::capital(&error.to_string()))),
    };
    let mut shell = context.shell(container.name.clone(), "containers");
    shell.target = format!("/containers/{}", container.id);
    let head = Head::new(&containers, &container, "overview");
    let page = SizePage { shell, head, written, whole, why_not };
    if context.wants_fragment() { Page::render(&page.as_content_size()) } else { Page::render(&page) }
}
