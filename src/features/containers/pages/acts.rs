//! What a user can do to one container: the menu, the confirmations, and what their forms post to.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::confirm::{Confirmation, Options};
use crate::docker::actions::Action;
use crate::docker::types::{Container, State as ContainerState};
use crate::features::containers::actions::Target;
use crate::features::containers::protection::Reason;
use crate::features::containers::service::Containers;
use crate::web::forms::{FormErrors, back_of, refused};
use crate::web::jobs::CLOSED;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

/// One entry of the menu.
pub(in crate::features::containers) struct Entry {
    pub label: &'static str,
    pub icon: &'static str,
    /// Where it leads or posts to.
    pub href: String,
    pub kind: Kind,
    pub danger: bool,
    /// Why it is not possible now.
    pub refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::features::containers) enum Kind {
    /// A page.
    Link,
    /// A confirmation, shown as a dialog.
    Dialog,
    /// Done at once.
    Post,
}

impl Entry {
    pub(in crate::features::containers) fn is(&self, kind: &str) -> bool {
        matches!((self.kind, kind), (Kind::Link, "link") | (Kind::Dialog, "dialog") | (Kind::Post, "post"))
    }
}

#[derive(Template)]
#[template(path = "containers/menu.html", blocks = ["content_menu"])]
struct MenuPage {
    shell: Shell,
    name: String,
    id: String,
    links: Vec<Entry>,
    actions: Vec<Entry>,
    note: String,
}

/// What can be done to a container as it is.
pub(super) fn entries(containers: &Containers, container: &Container) -> (Vec<Entry>, String) {
    let url = |verb: &str| format!("/containers/{}/{verb}", container.id);
    let entry = |label, icon, verb: &str, kind, danger| Entry {
        label,
        icon,
        href: url(verb),
        kind,
        danger,
        refused: false,
    };
    let read_only = containers.engine_of(container).is_some_and(|engine| engine.client.is_read_only());
    let protection = containers.protection.of(container);
    let state = container.state;
    let mut entries = Vec::new();
    if !container.is_up() {
        entries.push(entry("Start", "play", "start", Kind::Post, false));
    }
    if state == ContainerState::Paused {
        entries.push(entry("Unpause", "play", "unpause", Kind::Post, false));
    }
    if container.is_up() {
        entries.push(entry("Stop", "square", "stop", Kind::Post, false));
        entries.push(entry("Restart", "rotate-cw", "restart", Kind::Post, false));
    }
    if state == ContainerState::Running {
        entries.push(entry("Pause", "pause", "pause", Kind::Post, false));
    }
    if container.is_up() {
        entries.push(entry("Send a signal…", "zap", "kill", Kind::Dialog, false));
    }
    entries.push(entry("Rename…", "pencil", "rename", Kind::Dialog, false));
    entries.push(entry("Remove…", "trash-2", "remove", Kind::Dialog, true));
    for entry in &mut entries {
        entry.refused = read_only || protection.is_some() && !matches!(entry.label, "Start" | "Unpause");
    }
    match &protection {
        None => entries.push(entry("Protect", "shield", "protect", Kind::Post, false)),
        Some(Reason::User(..)) => {
            entries.push(entry("Protect no longer", "shield", "unprotect", Kind::Post, false));
        }
        Some(_) => {}
    }
    let note = match (read_only, protection) {
        (true, _) => "Docker Watcher runs with --read-only: it changes nothing on this host.".to_owned(),
        (false, Some(reason)) => format!("This container {}.", reason.sentence()),
        (false, None) => String::new(),
    };
    (entries, note)
}

/// The menu of a row; without JavaScript, a page.
pub(in crate::features::containers) async fn menu(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    Path(id): Path<String>,
) -> Result<Page, WebError> {
    let container = containers.find_shown(&id)?;
    let link =
        |label, icon, href| Entry { label, icon, href, kind: Kind::Link, danger: false, refused: false };
    let mut links = vec![
        link("Overview", "box", format!("/containers/{}", container.id)),
        link("Logs", "scroll-text", format!("/containers/{}/logs", container.id)),
        link("Inspect", "terminal", format!("/containers/{}/inspect", container.id)),
    ];
    if let Some(project) = &container.project {
        let project: String = url::form_urlencoded::byte_serialize(project.as_bytes()).collect();
        links.push(link("Logs of the project", "layers", format!("/logs?project={project}")));
    }
    let (actions, note) = entries(&containers, &container);
    let page = MenuPage {
        shell: context.shell(container.name.clone(), "containers"),
        name: container.name.clone(),
        id: container.id.to_string(),
        links,
        actions,
        note,
    };
    if context.wants_fragment() { Page::render(&page.as_content_menu()) } else { Page::render(&page) }
}

/// Asks before something that loses something, or that needs a word.
pub(in crate::features::containers) async fn ask(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    headers: HeaderMap,
    Path((id, verb)): Path<(String, String)>,
) -> Result<Page, WebError> {
    let container = containers.find_shown(&id)?;
    let options = Options { back: back_of(&headers), ..Options::default() };
    let page = Confirmation {
        verb: known(&verb)?,
        targets: vec![Target::Found(container)],
        bulk: false,
        options,
        errors: FormErrors::default(),
    };
    page.render(&containers, &context)
}

/// Does it.
pub(in crate::features::containers) async fn act(
    State(containers): State<Arc<Containers>>,
    context: PageContext,
    identity: Identity,
    Path((id, verb)): Path<(String, String)>,
    Form(options): Form<Options>,
) -> Result<Response, WebError> {
    if verb == "protect" || verb == "unprotect" {
        return protect(&containers, &context, &identity, &id, verb == "protect").await;
    }
    let verb = known(&verb)?;
    // What has vanished meanwhile is told as the result of the attempt.
    let target = match containers.find_shown(&id) {
        Ok(container) => Target::Found(container),
        Err(WebError::NotFound(_)) => Target::Missing(id),
        Err(error) => return Err(error),
    };
    let action = match options.action(verb) {
        Ok(action) => action,
        Err(error) => {
            let (errors, status) = refused(error)?;
            let page = Confirmation { verb, targets: vec![target], bulk: false, options, errors };
            return Ok(page.render(&containers, &context)?.status(status).into_response());
        }
    };
    let back = match (&action, &target) {
        // Its page will be gone.
        (Action::Remove { .. }, _) | (_, Target::Missing(_)) => "/containers".to_owned(),
        (_, Target::Found(container)) => options.back_or(&format!("/containers/{}", container.id)),
    };
    let job = containers.act_on_all(&identity, vec![target], action, back);
    Ok(containers.jobs.started(&context, identity.user_id, job))
}

async fn protect(
    containers: &Arc<Containers>,
    context: &PageContext,
    identity: &Identity,
    id: &str,
    on: bool,
) -> Result<Response, WebError> {
    let container = containers.find(id, None)?;
    containers.protect(identity, &container, on).await?;
    if context.wants_fragment() {
        return Ok(Html(CLOSED).into_response());
    }
    Ok(Redirect::to(&format!("/containers/{}", container.id)).into_response())
}

pub(super) fn known(verb: &str) -> Result<&'static str, WebError> {
    const VERBS: [&str; 8] = ["start", "stop", "restart", "pause", "unpause", "kill", "rename", "remove"];
    VERBS
        .into_iter()
        .find(|known| *known == verb)
        .ok_or_else(|| WebError::NotFound("There is no such page.".to_owned()))
}
