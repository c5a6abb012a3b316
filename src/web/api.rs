//! The JSON API's envelope, paging and descriptions.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{FromRequestParts, RawQuery};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::WebError;
use super::access::Access;

/// A successful answer: `{"success":true,"data":…,"meta":{…}}`.
#[derive(Serialize)]
pub struct Answer<T> {
    success: bool,
    data: T,
    meta: Value,
}

impl<T: Serialize> Answer<T> {
    /// One thing.
    pub fn of(data: T) -> Self {
        Self { success: true, data, meta: json!({}) }
    }

    /// With a sentence about it in `meta.message`.
    #[must_use]
    pub fn with_message(self, message: &str) -> Self {
        self.with_meta("message", message)
    }

    /// With a fact beside the data.
    #[must_use]
    pub fn with_meta(mut self, name: &str, value: impl Serialize) -> Self {
        if let Some(meta) = self.meta.as_object_mut() {
            meta.insert(name.to_owned(), json!(value));
        }
        self
    }
}

impl<T: Serialize> Answer<Vec<T>> {
    /// A page of a list whose length nobody counts; `next` is the cursor of the page after it.
    pub fn slice(data: Vec<T>, next: Option<String>) -> Self {
        Self { success: true, data, meta: json!({ "next": next }) }
    }

    /// A page of a list; `next` is the cursor of the page after it.
    pub fn page(data: Vec<T>, next: Option<String>, total: usize) -> Self {
        Self { success: true, data, meta: json!({ "next": next, "total": total }) }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// The envelope of an error.
pub fn error_body(error: &WebError) -> Value {
    let mut body = json!({ "success": false, "error": error.to_string(), "code": error.code() });
    if let (WebError::Invalid(fields), Some(object)) = (error, body.as_object_mut()) {
        object.insert("fields".to_owned(), json!(fields));
    }
    body
}

/// A query string, read by name; a name given twice counts with its last value.
#[derive(Debug, Clone, Default)]
pub struct QueryMap(BTreeMap<String, String>);

impl QueryMap {
    /// Reads a query string.
    pub fn parse(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// A value as it was sent, blanks and all.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A value that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// `true` or `false`; left out is false.
    pub fn flag(&self, name: &'static str) -> Result<bool, WebError> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(WebError::field(name, "takes true or false.")),
        }
    }

    /// `limit` (1..1000, default 100) and `cursor`.
    pub fn paging(&self) -> Result<Paging, WebError> {
        let limit = match self.get("limit") {
            None => 100,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=1000).contains(limit))
                .ok_or_else(|| WebError::field("limit", "takes a number from 1 to 1000."))?,
        };
        Ok(Paging { limit, cursor: self.get("cursor").map(str::to_owned) })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for QueryMap {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        let Ok(RawQuery(query)) = RawQuery::from_request_parts(parts, state).await;
        Ok(Self::parse(query.as_deref().unwrap_or_default()))
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub struct Paging {
    /// How many at most.
    pub limit: usize,
    /// After which one.
    pub cursor: Option<String>,
}

/// The description of one call, registered together with its handler.
#[derive(Clone)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, in axum's notation, which is OpenAPI's.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Its query parameters: name and meaning.
    pub query: Vec<(&'static str, &'static str)>,
    /// The shape of `data`, and the named shapes it refers to.
    pub data: Option<RefOr<Schema>>,
    /// The named shapes.
    pub shapes: Vec<(String, RefOr<Schema>)>,
    /// Whether `data` is a list.
    pub list: bool,
    /// Whether the answer is plain text.
    pub text: bool,
    /// The shape of the body, when it takes one.
    pub body: Option<RefOr<Schema>>,
    /// Whether it asks the engine, which may fail or be away.
    pub engine: bool,
}

impl Endpoint {
    /// A call that reads.
    pub fn get(path: &'static str, access: impl Into<Access>, summary: &'static str) -> Self {
        Self::new(Method::GET, path, access, summary)
    }

    /// A call that does something.
    pub fn post(path: &'static str, access: impl Into<Access>, summary: &'static str) -> Self {
        Self::new(Method::POST, path, access, summary)
    }

    /// A call that changes the named fields of something.
    pub fn patch(path: &'static str, access: impl Into<Access>, summary: &'static str) -> Self {
        Self::new(Method::PATCH, path, access, summary)
    }

    /// A call that removes something.
    pub fn delete(path: &'static str, access: impl Into<Access>, summary: &'static str) -> Self {
        Self::new(Method::DELETE, path, access, summary)
    }

    fn new(method: Method, path: &'static str, access: impl Into<Access>, summary: &'static str) -> Self {
        Self {
            method,
            path,
            access: access.into(),
            summary,
            query: Vec::new(),
            data: None,
            shapes: Vec::new(),
            list: false,
            text: false,
            body: None,
            engine: false,
        }
    }

    /// Asks the engine.
    #[must_use]
    pub fn asks_engine(mut self) -> Self {
        self.engine = true;
        self
    }

    /// Answers with plain text instead of the envelope.
    #[must_use]
    pub fn returns_text(mut self) -> Self {
        self.text = true;
        self
    }

    /// Takes a JSON object, which may be left out.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.body = Some(RefOr::Ref(utoipa::openapi::Ref::from_schema_name(T::name())));
        self.shapes.push((T::name().into_owned(), <T as PartialSchema>::schema()));
        T::schemas(&mut self.shapes);
        self
    }

    /// A query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.query.push((name, meaning));
        self
    }

    /// Answers with one `T`.
    #[must_use]
    pub fn returns<T: ToSchema>(mut self) -> Self {
        self.data = Some(RefOr::Ref(utoipa::openapi::Ref::from_schema_name(T::name())));
        self.shapes.push((T::name().into_owned(), <T as PartialSchema>::schema()));
        T::schemas(&mut self.shapes);
        self
    }

    /// Answers with a list of `T`s that has no pages.
    #[must_use]
    pub fn returns_list_of<T: ToSchema>(self) -> Self {
        let mut this = self.returns::<T>();
        this.list = true;
        this
    }

    /// Answers with a page of `T`s.
    #[must_use]
    pub fn returns_page_of<T: ToSchema>(self) -> Self {
        self.returns_list_of::<T>()
            .query("limit", "How many at most, 1 to 1000 (default 100).")
            .query("cursor", "The `meta.next` of the page before.")
    }
}
