//! What a handler could not do. It is turned into a page, a fragment or the API's envelope by
//! `layers::render_errors`, which knows who asked and how.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::platform::db::DbError;

/// An answer that is no success. Texts are for people.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WebError {
    /// 400.
    #[error("{0}")]
    Malformed(String),
    /// 401.
    #[error("Sign in first.")]
    Unauthenticated,
    /// 401 for a bearer token.
    #[error("This API token is not valid (any more).")]
    BadToken,
    /// 403.
    #[error("{0}")]
    Forbidden(String),
    /// 404.
    #[error("{0}")]
    NotFound(String),
    /// 405.
    #[error("This address does not take that method.")]
    MethodNotAllowed,
    /// 409.
    #[error("{0}")]
    Conflict(String),
    /// 413.
    #[error("That is too large: at most 1 MiB is taken.")]
    TooLarge,
    /// 422, a sentence per field.
    #[error("{}", fields_sentence(.0))]
    Invalid(BTreeMap<Cow<'static, str>, String>),
    /// 429.
    #[error("Too many attempts. Try again in {0} s.")]
    TooMany(u64),
    /// 502.
    #[error("{0}")]
    BadGateway(String),
    /// 503.
    #[error("{0}")]
    Unavailable(String),
    /// 500; the detail is logged, not shown.
    #[error("Something went wrong inside Docker Watcher. The log says what.")]
    Internal(String),
}

impl WebError {
    /// One field that is wrong.
    pub fn field(name: impl Into<Cow<'static, str>>, why: impl Into<String>) -> Self {
        Self::Invalid(BTreeMap::from([(name.into(), why.into())]))
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BadGateway(_) => StatusCode::BAD_GATEWAY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word machines read.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unauthenticated => "unauthenticated",
            Self::BadToken => "invalid_token",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict(_) => "conflict",
            Self::TooLarge => "too_large",
            Self::Invalid(_) => "invalid",
            Self::TooMany(_) => "too_many_requests",
            Self::BadGateway(_) => "bad_gateway",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

fn fields_sentence(fields: &BTreeMap<Cow<'static, str>, String>) -> String {
    let parts: Vec<String> = fields.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    parts.join(" ")
}

impl From<DbError> for WebError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy => Self::Unavailable("The database is busy. Try again in a moment.".to_owned()),
            error if error.is_unwritable() => {
                tracing::error!(%error, "a request could not be served");
                Self::Unavailable(
                    "The database cannot be written now: is its disk full? Try again.".to_owned(),
                )
            }
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        Self::Internal(format!("a template failed: {error}"))
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
