//! `/settings/tokens`: one's own API tokens; admins see everybody's.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::service::Auth;
use super::When;
use crate::platform::journal::Actor;
use crate::web::api::QueryMap;
use crate::web::forms::{self, FormErrors};
use crate::web::page::Page;
use crate::web::shell::Shell;
use crate::web::{Identity, PageContext, Role, WebError};

const PATH: &str = "/settings/tokens";

#[derive(Template)]
#[template(path = "auth/tokens.html")]
struct TokensPage {
    shell: Shell,
    tab: &'static str,
    notice: &'static str,
    tokens: Vec<TokenView>,
    everybody: bool,
    /// The new token, the only time it is seen.
    created: String,
    name: String,
    expires: String,
    errors: FormErrors,
}

struct TokenView {
    id: i64,
    name: String,
    user: String,
    role: Role,
    created: When,
    used: Option<When>,
    expires: Option<When>,
    expired: bool,
}

#[derive(Deserialize)]
pub struct TokenForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    expires: String,
}

pub async fn get(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    query: QueryMap,
) -> Result<Page, WebError> {
    let notice = if query.get("done") == Some("revoked") { "The token is revoked." } else { "" };
    let form = TokenForm { name: String::new(), expires: "90d".to_owned() };
    page(&auth, &context, &identity, notice, form, FormErrors::default(), String::new()).await
}

pub async fn create(
    State(auth): State<Arc<Auth>>,
    context: PageContext,
    identity: Identity,
    Form(form): Form<TokenForm>,
) -> Result<Response, WebError> {
    let made = match expiry(&form.expires, &auth) {
        Ok(expires_at) => {
            let actor = Actor::user(&identity.name);
            auth.create_token(identity.user_id, &form.name, expires_at, actor).await.map_err(WebError::from)
        }
        Err(error) => Err(error),
    };
    match made {
        // Not a redirect: the token must be shown, and stand in no address.
        Ok(token) => {
            let form = TokenForm { name: String::new(), expires: form.expires };
            let shown = page(&auth, &context, &identity, "", form, FormErrors::default(), token).await?;
            Ok(shown.status(StatusCode::CREATED).into_response())
        }
        Err(error) => {
            let (errors, status) = forms::refused(error)?;
            let shown = page(&auth, &context, &identity, "", form, errors, String::new()).await?;
            Ok(shown.status(status).into_response())
        }
    }
}

pub async fn revoke(
    State(auth): State<Arc<Auth>>,
    identity: Identity,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    let owner = (identity.role != Role::Admin).then_some(identity.user_id);
    auth.revoke_token(id, owner, Actor::user(&identity.name)).await?;
    Ok(super::done(PATH, "revoked").into_response())
}

fn expiry(choice: &str, auth: &Auth) -> Result<Option<i64>, WebError> {
    let days = match choice {
        "never" => return Ok(None),
        "7d" => 7,
        "30d" => 30,
        "90d" | "" => 90,
        "365d" => 365,
        _ => return Err(WebError::field("expires", "Choose one of the list.")),
    };
    Ok(Some(auth.clock.now_ms() + days * 86_400_000))
}

async fn page(
    auth: &Auth,
    context: &PageContext,
    identity: &Identity,
    notice: &'static str,
    form: TokenForm,
    errors: FormErrors,
    created: String,
) -> Result<Page, WebError> {
    let everybody = identity.role == Role::Admin;
    let now = auth.clock.now_ms();
    let rows = auth.tokens_of((!everybody).then_some(identity.user_id)).await?;
    let tokens = rows
        .into_iter()
        .map(|row| TokenView {
            id: row.id,
            name: row.name,
            user: row.user_name,
            role: row.role,
            created: When::ago(row.created_at, &auth.clock),
            used: row.last_used_at.map(|at| When::ago(at, &auth.clock)),
            expired: row.expires_at.is_some_and(|end| end <= now),
            expires: row.expires_at.map(|at| When::ahead(at, &auth.clock)),
        })
        .collect();
    Page::render(&TokensPage {
        shell: context.shell("API tokens", "settings"),
        tab: "tokens",
        notice,
        tokens,
        everybody,
        created,
        name: form.name,
        expires: form.expires,
        errors,
    })
}
