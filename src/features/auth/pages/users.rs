//! `/settings/users`: for admins.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::model::NewUser;
use super::super::service::Auth;
use super::super::users::Change;
use super::When;
use crate::platform::journal::Actor;
use crate::web::api::QueryMap;
use crate::web::forms::{self, FormErrors};
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, Role, WebError};

const PATH: &str = "/settings/users";

#[derive(Template)]
#[template(path = "auth/users.html")]
struct UsersPage {
    shell: Shell,
    tab: &'static str,
    notice: &'static str,
    users: Vec<UserView>,
    name: String,
    role: Role,
    roles: [Role; 3],
    errors: FormErrors,
}

struct UserView {
    id: i64,
    name: String,
    role: Role,
    disabled: bool,
    own: bool,
    sessions: u32,
    added: When,
    last_login: Option<When>,
}

#[derive(Deserialize)]
pub struct NewUserForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    role: String,
}

#[derive(Deserialize)]
pub struct RoleForm {
    #[serde(default)]
    role: String,
}

#[derive(Deserialize)]
pub struct PasswordForm {
    #[serde(default)]
    password: String,
}

pub async fn get(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    query: QueryMap,
) -> Result<Page, WebError> {
    let notice = match query.get("done") {
        Some("added") => "The user is added.",
        Some("role") => "The role is changed.",
        Some("password") => "The password is changed, and the user's sessions have ended.",
        Some("disabled") => "The user may not sign in any more, and their sessions have ended.",
        Some("enabled") => "The user may sign in again.",
        Some("removed") => "The user is removed, and their sessions and tokens have ended.",
        _ => "",
    };
    page(&auth, &context, &identity, notice, (String::new(), Role::Viewer), FormErrors::default()).await
}

pub async fn add(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    Form(form): Form<NewUserForm>,
) -> Result<Response, WebError> {
    let added = match Role::parse(&form.role) {
        Some(role) => {
            let new = NewUser { name: form.name.clone(), password: form.password, role };
            auth.add_user(new, Actor::user(&identity.name)).await.map_err(WebError::from)
        }
        None => Err(WebError::field("role", "Choose viewer, operator or admin.")),
    };
    match added {
        Ok(_) => Ok(super::done(PATH, "added").into_response()),
        Err(error) => {
            let role = Role::parse(&form.role).unwrap_or(Role::Viewer);
            again(&auth, &context, &identity, (form.name, role), error).await
        }
    }
}

pub async fn set_role(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<i64>,
    Form(form): Form<RoleForm>,
) -> Result<Response, WebError> {
    let role = Role::parse(&form.role)
        .ok_or_else(|| WebError::field("role", "Choose viewer, operator or admin."))?;
    change(&auth, &context, &identity, id, Change::Role(role), "role").await
}

pub async fn set_password(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<i64>,
    Form(form): Form<PasswordForm>,
) -> Result<Response, WebError> {
    let keep = super::own_session(&identity).filter(|_| id == identity.user_id);
    match auth.set_password(id, form.password, keep, Actor::user(&identity.name)).await {
        Ok(_) => Ok(super::done(PATH, "password").into_response()),
        Err(error) => {
            // The field stands in a dialog that is closed again: the sentence goes on top of the page.
            let error = match WebError::from(error) {
                WebError::Invalid(fields) => {
                    let why = fields.into_values().next().unwrap_or_default();
                    WebError::field("", format!("The new password was not taken. {why}"))
                }
                other => other,
            };
            again(&auth, &context, &identity, (String::new(), Role::Viewer), error).await
        }
    }
}

pub async fn disable(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    change(&auth, &context, &identity, id, Change::Disable, "disabled").await
}

pub async fn enable(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    change(&auth, &context, &identity, id, Change::Enable, "enabled").await
}

pub async fn remove(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    change(&auth, &context, &identity, id, Change::Remove, "removed").await
}

async fn change(
    auth: &Auth,
    context: &PageContext,
    identity: &Identity,
    id: i64,
    change: Change,
    done: &str,
) -> Result<Response, WebError> {
    match auth.change_user(id, change, Actor::user(&identity.name)).await {
        Ok(_) => Ok(super::done(PATH, done).into_response()),
        Err(error) => again(auth, context, identity, (String::new(), Role::Viewer), error.into()).await,
    }
}

/// The page again, with what was refused.
async fn again(
    auth: &Auth,
    context: &PageContext,
    identity: &Identity,
    typed: (String, Role),
    error: WebError,
) -> Result<Response, WebError> {
    let (errors, status): (_, StatusCode) = forms::refused(error)?;
    Ok(page(auth, context, identity, "", typed, errors).await?.status(status).into_response())
}

async fn page(
    auth: &Auth,
    context: &PageContext,
    identity: &Identity,
    notice: &'static str,
    (name, role): (String, Role),
    errors: FormErrors,
) -> Result<Page, WebError> {
    let users = auth
        .users()
        .await?
        .into_iter()
        .map(|user| UserView {
            id: user.id,
            own: user.id == identity.user_id,
            name: user.name,
            role: user.role,
            disabled: user.disabled,
            sessions: user.sessions,
            added: When::ago(user.created_at, &auth.clock),
            last_login: user.last_login_at.map(|at| When::ago(at, &auth.clock)),
        })
        .collect();
    let shell = context.shell("Users", "settings");
    Page::render(&UsersPage { shell, tab: "users", notice, users, name, role, roles: Role::ALL, errors })
}
