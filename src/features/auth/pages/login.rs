//! `/login` and `/logout`.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tower_sessions::Session;

use super::super::model::{AuthError, Origin};
use super::super::service::Auth;
use crate::web::api::QueryMap;
use crate::web::forms::{self, FormErrors};
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, WebError};

#[derive(Template)]
#[template(path = "auth/login.html")]
struct LoginPage {
    shell: Shell,
    next: String,
    name: String,
    no_users: bool,
    errors: FormErrors,
}

#[derive(Template)]
#[template(path = "auth/logout.html")]
struct LogoutPage {
    shell: Shell,
}

#[derive(Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

pub async fn get(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Response, WebError> {
    let next = super::local_path(query.get("next").unwrap_or("/")).to_owned();
    if context.identity().is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    let no_users = !auth.has_users().await?;
    let shell = context.shell("Sign in", "");
    let page = LoginPage { shell, next, name: String::new(), no_users, errors: FormErrors::default() };
    Ok(Page::render(&page)?.into_response())
}

pub async fn post(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    session: Session,
    origin: Origin,
    Form(form): Form<LoginForm>,
) -> Result<Response, WebError> {
    match auth.sign_in(&form.name, &form.password, &origin).await {
        Ok(user) => {
            super::begin(&session, &user, &origin).await?;
            Ok(Redirect::to(super::local_path(&form.next)).into_response())
        }
        Err(error) => {
            let wait = match error {
                AuthError::TooMany(seconds) => [(header::RETRY_AFTER, seconds.to_string())].into(),
                _ => Vec::new(),
            };
            let (errors, status) = forms::refused(error.into())?;
            let shell = context.shell("Sign in", "");
            let page = LoginPage { shell, next: form.next, name: form.name, no_users: false, errors };
            let mut response = Page::render(&page)?.status(status).into_response();
            response.headers_mut().extend(
                wait.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?))),
            );
            Ok(response)
        }
    }
}

/// Asks before signing out: a link, or an image, must not be able to.
pub async fn logout_page(context: PageContext) -> Result<Response, WebError> {
    if context.identity().is_none() {
        return Ok(Redirect::to("/login").into_response());
    }
    Ok(Page::render(&LogoutPage { shell: context.shell("Sign out", "") })?.into_response())
}

pub async fn logout(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    session: Session,
    origin: Origin,
) -> Result<Redirect, WebError> {
    if let Some(identity) = context.identity() {
        auth.record_logout(&identity.name, identity.user_id, &origin).await?;
    }
    session.flush().await.map_err(|e| WebError::Internal(e.to_string()))?;
    Ok(Redirect::to("/login"))
}
