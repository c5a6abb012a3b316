//! `/settings/account`: one's own password.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::service::Auth;
use crate::web::api::QueryMap;
use crate::web::forms::{self, FormErrors};
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, WebError};

const PATH: &str = "/settings/account";

#[derive(Template)]
#[template(path = "auth/account.html")]
struct AccountPage {
    shell: Shell,
    tab: &'static str,
    notice: &'static str,
    errors: FormErrors,
}

#[derive(Deserialize)]
pub struct PasswordForm {
    #[serde(default)]
    old_password: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    password_again: String,
}

pub async fn get(context: PageContext, query: QueryMap) -> Result<Page, WebError> {
    let changed = query.get("done") == Some("password");
    let notice = if changed { "Your password is changed. Your other sessions have ended." } else { "" };
    page(&context, notice, FormErrors::default())
}

pub async fn change_password(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    Form(form): Form<PasswordForm>,
) -> Result<Response, WebError> {
    let session = super::own_session(&identity);
    let changed = if form.password == form.password_again {
        let change = auth.change_own_password(identity.user_id, form.old_password, form.password, session);
        change.await.map_err(WebError::from)
    } else {
        Err(WebError::field("password_again", "The two passwords differ."))
    };
    match changed {
        Ok(()) => Ok(super::done(PATH, "password").into_response()),
        Err(error) => {
            let (errors, status) = forms::refused(error)?;
            Ok(page(&context, "", errors)?.status(status).into_response())
        }
    }
}

fn page(context: &PageContext, notice: &'static str, errors: FormErrors) -> Result<Page, WebError> {
    let shell = context.shell("Account", "settings");
    Page::render(&AccountPage { shell, tab: "account", notice, errors })
}
