//! `/settings/sessions`: where one is signed in; admins see everybody's.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::super::service::Auth;
use super::When;
use crate::platform::journal::Actor;
use crate::web::api::QueryMap;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, Role, WebError};

const PATH: &str = "/settings/sessions";

#[derive(Template)]
#[template(path = "auth/sessions.html")]
struct SessionsPage {
    shell: Shell,
    tab: &'static str,
    notice: &'static str,
    sessions: Vec<SessionView>,
    everybody: bool,
}

struct SessionView {
    id: String,
    user: String,
    browser: String,
    agent: String,
    address: String,
    began: When,
    seen: When,
    current: bool,
}

pub async fn get(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    query: QueryMap,
) -> Result<Page, WebError> {
    let everybody = identity.role == Role::Admin;
    let own = super::own_session(&identity);
    let rows = auth.sessions_of((!everybody).then_some(identity.user_id)).await?;
    let sessions = rows
        .into_iter()
        .map(|row| SessionView {
            current: own.as_deref() == Some(row.id_hash.as_str()),
            id: row.id_hash,
            user: row.user_name,
            browser: browser(&row.agent),
            agent: row.agent,
            address: row.address,
            began: When::ago(row.created_at, &auth.clock),
            seen: When::ago(row.last_seen_at, &auth.clock),
        })
        .collect();
    let notice = if query.get("done") == Some("ended") { "The session is ended." } else { "" };
    let shell = context.shell("Sessions", "settings");
    Page::render(&SessionsPage { shell, tab: "sessions", notice, sessions, everybody })
}

pub async fn end(
    State(auth): State<Arc<Auth>>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let owner = (identity.role != Role::Admin).then_some(identity.user_id);
    auth.end_session(&id, owner, Actor::user(&identity.name)).await?;
    if super::own_session(&identity).as_deref() == Some(id.as_str()) {
        return Ok(Redirect::to("/login").into_response());
    }
    Ok(super::done(PATH, "ended").into_response())
}

/// The browser and system of a user agent, in two words; the whole text stands in the title.
fn browser(agent: &str) -> String {
    let browsers = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let systems = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let name = |list: &[(&str, &'static str)]| {
        list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (name(&browsers), name(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => crate::platform::text::cut(agent.split(' ').next().unwrap_or_default(), 40).into_owned(),
    }
}
