//! `/setup`: the one-time link that creates the first admin.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tower_sessions::Session;

use super::super::model::{NewUser, Origin};
use super::super::service::Auth;
use crate::web::api::QueryMap;
use crate::web::forms::{self, FormErrors};
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{PageContext, Role, WebError};

#[derive(Template)]
#[template(path = "auth/setup.html")]
struct SetupPage {
    shell: Shell,
    token: String,
    name: String,
    errors: FormErrors,
}

#[derive(Deserialize)]
pub struct SetupForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    password_again: String,
}

pub async fn get(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    query: QueryMap,
) -> Result<Response, WebError> {
    if auth.has_users().await? {
        return Ok(Redirect::to("/login").into_response());
    }
    let token = query.get("token").unwrap_or_default().to_owned();
    if !auth.is_setup_link(&token) {
        return Err(super::super::AuthError::BadSetupLink.into());
    }
    let shell = context.shell("Set up", "");
    Ok(Page::render(&SetupPage { shell, token, name: String::new(), errors: FormErrors::default() })?
        .into_response())
}

pub async fn post(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    session: Session,
    origin: Origin,
    Form(form): Form<SetupForm>,
) -> Result<Response, WebError> {
    let new = NewUser { name: form.name.clone(), password: form.password.clone(), role: Role::Admin };
    let made = if form.password == form.password_again {
        auth.set_up(&form.token, new, &origin).await.map_err(WebError::from)
    } else {
        Err(WebError::field("password_again", "The two passwords differ."))
    };
    match made {
        Ok(user) => {
            super::begin(&session, &user, &origin).await?;
            Ok(Redirect::to("/").into_response())
        }
        Err(error) => {
            let (errors, status) = forms::refused(error)?;
            let shell = context.shell("Set up", "");
            let page = SetupPage { shell, token: form.token, name: form.name, errors };
            Ok(Page::render(&page)?.status(status).into_response())
        }
    }
}
