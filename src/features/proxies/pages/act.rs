//! What is done to proxies: enable, disable, delete, go back to a version.

use askama::Template;
use axum::Form;
use axum::extract::{Path, RawForm, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Pages, SECTION};
use crate::features::proxies::domain::in_letters;
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

pub(in crate::features::proxies) async fn act(
    State(pages): State<Pages>,
    identity: Identity,
    Path((id, verb)): Path<(String, String)>,
) -> Result<Response, WebError> {
    let proxy = pages.proxies.find(&id)?;
    let enabled = on(&verb)?;
    pages.proxies.set_enabled(proxy.id, enabled, &identity.name).await?;
    Ok(Redirect::to(&format!("/proxies/{}", proxy.id)).into_response())
}

fn on(verb: &str) -> Result<bool, WebError> {
    match verb {
        "enable" => Ok(true),
        "disable" => Ok(false),
        _ => Err(WebError::NotFound("There is no such page.".to_owned())),
    }
}

/// Enables or disables a selection.
pub(in crate::features::proxies) async fn bulk(
    State(pages): State<Pages>,
    identity: Identity,
    RawForm(form): RawForm,
) -> Result<Response, WebError> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&form).into_owned().collect();
    let verb = pairs.iter().find(|(name, _)| name == "action").map_or("", |(_, verb)| verb.as_str());
    let enabled = on(verb)?;
    for (_, id) in pairs.iter().filter(|(name, _)| name == "c") {
        let Ok(proxy) = pages.proxies.find(id) else { continue };
        match pages.proxies.set_enabled(proxy.id, enabled, &identity.name).await {
            // One that is gone meanwhile is neither served nor missed.
            Ok(_) | Err(WebError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Redirect::to("/proxies").into_response())
}

#[derive(Template)]
#[template(path = "proxies/delete.html", blocks = ["content_delete"])]
struct DeletePage {
    shell: Shell,
    id: i64,
    name: String,
    domains: Vec<String>,
    enabled: bool,
    destination: String,
}

pub(in crate::features::proxies) async fn ask(
    State(pages): State<Pages>,
    context: PageContext,
    Path(id): Path<String>,
) -> Result<Page, WebError> {
    let proxy = pages.proxies.find(&id)?;
    let path = proxy.spec.path.as_deref().unwrap_or_default();
    let page = DeletePage {
        id: proxy.id,
        name: in_letters(proxy.name()),
        domains: proxy.spec.domains.iter().map(|domain| format!("{}{path}", in_letters(domain))).collect(),
        enabled: proxy.enabled,
        destination: proxy.spec.destination.to_string(),
        shell: context.shell("Delete a proxy", SECTION),
    };
    if context.wants_fragment() { Page::render(&page.as_content_delete()) } else { Page::render(&page) }
}

pub(in crate::features::proxies) async fn delete(
    State(pages): State<Pages>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let proxy = pages.proxies.find(&id)?;
    pages.proxies.delete(proxy.id, &identity.name).await?;
    Ok(Redirect::to("/proxies").into_response())
}

/// The version to go back to.
#[derive(Debug, Deserialize)]
pub(in crate::features::proxies) struct RevertForm {
    version: i64,
}

pub(in crate::features::proxies) async fn revert(
    State(pages): State<Pages>,
    identity: Identity,
    Path(id): Path<String>,
    Form(form): Form<RevertForm>,
) -> Result<Response, WebError> {
    let proxy = pages.proxies.find(&id)?;
    pages.proxies.revert(proxy.id, form.version, &identity.name).await?;
    Ok(Redirect::to(&format!("/proxies/{}?done=saved", proxy.id)).into_response())
}
