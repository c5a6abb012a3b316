//! Who may use Docker Watcher: the one-time setup, sign-in, users and their roles, sessions, API tokens.
//!
//! [`Auth`] is the service that pages and the command line call; it also answers [`Authenticator`] for
//! the web shell. Sessions and tokens are kept by hash and cached in memory; [`Auth::refresh`] brings
//! the cache in line with the database after every change, the command line's included, and ends the
//! streams of whoever is no longer allowed in.
//!
//! [`Authenticator`]: crate::web::access::Authenticator

mod authenticator;
mod cache;
mod limiter;
pub mod model;
mod pages;
mod password;
mod rules;
mod service;
mod sessions;
mod store;
mod tokens;
mod users;
mod worker;

use std::sync::Arc;

pub use model::{AuthError, NewUser};
pub use password::Passwords;
pub use service::Auth;
pub use sessions::SessionRows;
pub use users::Change as UserChange;
pub use worker::keep_fresh;

use crate::web::api::QueryMap;
use crate::web::{Access, Role, Routes};

/// The routes of sign-in, users, sessions and tokens.
pub fn routes(auth: Arc<Auth>) -> Routes {
    Routes::of(auth)
        .get("/setup", Access::Public, pages::setup::get)
        .post("/setup", Access::Public, pages::setup::post)
        .get("/login", Access::Public, pages::login::get)
        .post("/login", Access::Public, pages::login::post)
        .get("/logout", Access::Public, pages::login::logout_page)
        .post("/logout", Access::Public, pages::login::logout)
        .post("/theme", Access::Public, pages::theme::post)
        .get("/settings/account", Role::Viewer, pages::account::get)
        .live(no_topics)
        .post("/settings/account/password", Role::Viewer, pages::account::change_password)
        .get("/settings/sessions", Role::Viewer, pages::sessions::get)
        .live(no_topics)
        .post("/settings/sessions/{id}/end", Role::Viewer, pages::sessions::end)
        .get("/settings/tokens", Role::Viewer, pages::tokens::get)
        .live(no_topics)
        .post("/settings/tokens", Role::Viewer, pages::tokens::create)
        .post("/settings/tokens/{id}/revoke", Role::Viewer, pages::tokens::revoke)
        .get("/settings/users", Role::Admin, pages::users::get)
        .live(no_topics)
        .post("/settings/users", Role::Admin, pages::users::add)
        .post("/settings/users/{id}/role", Role::Admin, pages::users::set_role)
        .post("/settings/users/{id}/password", Role::Admin, pages::users::set_password)
        .post("/settings/users/{id}/disable", Role::Admin, pages::users::disable)
        .post("/settings/users/{id}/enable", Role::Admin, pages::users::enable)
        .post("/settings/users/{id}/remove", Role::Admin, pages::users::remove)
        .done()
}

/// Only what the shell shows is live on these pages.
fn no_topics(_path: &str, _query: &QueryMap) -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests;
