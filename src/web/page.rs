//! Rendering: a page, or the fragment of it that htmx asked for.

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::WebError;
use super::access::{Identity, Role};
use super::jobs::Jobs;
use super::request::{RequestInfo, Wants};
use super::shell::{Shell, ShellStatus};
use crate::platform::live::Hub;

/// What every page is made from; put into each request by `layers`.
#[derive(Clone)]
pub struct PageServices {
    /// Gives the revision a page is rendered at.
    pub hub: Hub,
    /// The product's state.
    pub status: Arc<dyn ShellStatus>,
    /// What users have started.
    pub jobs: Jobs,
}

/// Who asks for a page, and how it is to be rendered.
#[derive(Clone)]
pub struct PageContext {
    /// Facts of the request.
    pub info: RequestInfo,
    identity: Option<Identity>,
    services: PageServices,
    rev: u64,
}

impl PageContext {
    /// The shell of a page.
    pub fn shell(&self, title: impl Into<String>, section: &'static str) -> Shell {
        Shell {
            title: title.into(),
            section,
            user: self.identity.as_ref().map(Into::into),
            theme: self.info.theme,
            target: self.info.target.clone(),
            rev: self.rev,
            facts: Arc::new(self.services.status.facts()),
            jobs: self
                .identity
                .as_ref()
                .map(|who| self.services.jobs.corner(who.user_id))
                .unwrap_or_default(),
        }
    }

    /// Whether htmx asked for a part of the page.
    pub fn wants_fragment(&self) -> bool {
        self.info.wants == Wants::Fragment
    }

    /// Who is signed in.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Whether the user has this role or a higher one.
    pub fn may(&self, role: Role) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.role >= role)
    }

    /// A context outside a handler: for error pages.
    pub(super) fn new(info: RequestInfo, identity: Option<Identity>, services: PageServices) -> Self {
        let rev = services.hub.rev();
        Self { info, identity, services, rev }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageContext {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, WebError> {
        let missing = || WebError::Internal("a request without its facts".to_owned());
        let info = parts.extensions.get::<RequestInfo>().cloned().ok_or_else(missing)?;
        let services = parts.extensions.get::<PageServices>().cloned().ok_or_else(missing)?;
        Ok(Self::new(info, parts.extensions.get::<Identity>().cloned(), services))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, WebError> {
        parts.extensions.get::<Self>().cloned().ok_or(WebError::Unauthenticated)
    }
}

/// A rendered page or fragment.
pub struct Page {
    html: String,
    status: StatusCode,
}

impl Page {
    /// Renders a template.
    pub fn render(template: &impl Template) -> Result<Self, WebError> {
        Ok(Self { html: template.render()?, status: StatusCode::OK })
    }

    /// Sets another status than 200: 422 for a form that comes back with its errors.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = (self.status, Html(self.html)).into_response();
        let headers = response.headers_mut();
        // Pages are personal and change with every event.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("HX-Request-Type, Cookie"));
        response
    }
}
