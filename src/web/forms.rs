//! Forms that come back with their errors beside the fields and what was typed kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode, header};

use super::WebError;

/// What is wrong with a form, by field.
#[derive(Debug, Clone, Default)]
pub struct FormErrors(BTreeMap<Cow<'static, str>, String>);

impl FormErrors {
    /// What is wrong with a field; empty when nothing is.
    pub fn of(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// What is wrong with the form as a whole.
    pub fn general(&self) -> &str {
        self.of("")
    }

    /// Adds an error.
    pub fn add(&mut self, field: &'static str, why: impl Into<String>) {
        self.0.insert(field.into(), why.into());
    }

    /// Whether the form is fine.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The page a request came from, as path and query; empty when that is not known.
pub fn back_of(headers: &HeaderMap) -> String {
    let from = headers.get("hx-current-url").or_else(|| headers.get(header::REFERER));
    let url = from.and_then(|from| from.to_str().ok()).and_then(|from| url::Url::parse(from).ok());
    url.map(|url| match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
    .unwrap_or_default()
}

/// An address to go back to, if it is one of ours.
pub fn own_address(address: &str) -> Option<&str> {
    let odd = address.contains('\\') || address.contains(char::is_control);
    (address.starts_with('/') && !address.starts_with("//") && !odd).then_some(address)
}

/// Sorts a refusal into what the form shows (with the status it shows it under) and what it cannot.
pub fn refused(error: WebError) -> Result<(FormErrors, StatusCode), WebError> {
    let status = error.status();
    match error {
        WebError::Invalid(fields) => Ok((FormErrors(fields), StatusCode::UNPROCESSABLE_ENTITY)),
        WebError::Conflict(text) => {
            Ok((FormErrors(BTreeMap::from([("".into(), text)])), StatusCode::CONFLICT))
        }
        WebError::TooMany(_) => Ok((FormErrors(BTreeMap::from([("".into(), error.to_string())])), status)),
        other => Err(other),
    }
}
