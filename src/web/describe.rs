//! `/api/openapi.json` and `/api/docs`, both made of the table of routes.

use std::sync::{Arc, OnceLock};

use askama::Template;
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::WebError;
use super::access::{Access, Role};
use super::api::Endpoint;
use super::page::{Page, PageContext};
use super::routes::{RouteTable, Routes};
use super::shell::Shell;

/// The table is complete only after these routes are in it: `app` fills it in afterwards.
#[derive(Clone, Default)]
pub struct Description(Arc<OnceLock<Arc<RouteTable>>>);

impl Description {
    /// Fills in the finished table.
    pub fn fill(&self, table: Arc<RouteTable>) {
        // A second call could only bring the same table.
        let _already_filled = self.0.set(table);
    }

    fn endpoints(&self) -> Vec<&Endpoint> {
        let table = self.0.get();
        table.into_iter().flat_map(|table| table.endpoints().into_values().flatten()).collect()
    }
}

/// The routes that describe the API.
pub fn routes(description: Description) -> Routes {
    Routes::of(description)
        .get("/api/openapi.json", Role::Viewer, openapi)
        .get("/api/docs", Role::Viewer, docs)
        .live(|_, _| Vec::new())
        .done()
}

async fn openapi(State(description): State<Description>) -> Json<Value> {
    Json(document(&description.endpoints()))
}

/// The OpenAPI 3.1 document of a set of calls.
pub fn document(endpoints: &[&Endpoint]) -> Value {
    let mut paths = Map::new();
    let mut shapes = Map::new();
    for endpoint in endpoints {
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(endpoint.method.as_str().to_lowercase(), operation(endpoint));
        }
        for (name, shape) in &endpoint.shapes {
            shapes.insert(name.clone(), serde_json::to_value(shape).unwrap_or_default());
        }
    }
    shapes.insert(
        "Error".to_owned(),
        json!({
            "type": "object",
            "required": ["success", "error", "code"],
            "properties": {
                "success": {"const": false},
                "error": {"type": "string", "description": "A sentence for a person."},
                "code": {"type": "string", "description": "A word for machines, snake_case."},
                "fields": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Docker Watcher",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Times are RFC 3339 UTC with milliseconds, sizes are bytes, ids are strings.",
        },
        "paths": paths,
        "components": {
            "schemas": shapes,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": super::layers::SESSION_COOKIE},
            },
        },
        "security": [{"token": []}, {"session": []}],
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let in_path = endpoint
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = endpoint.query.iter().map(|(name, meaning)| {
        json!({"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}})
    });
    let data = serde_json::to_value(&endpoint.data).unwrap_or_default();
    let data = if endpoint.list { json!({"type": "array", "items": data}) } else { data };
    let error = |meaning: &str| json!({"description": meaning, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}});
    let done = if endpoint.text {
        json!({"description": "Done.", "content": {"text/plain": {"schema": {"type": "string"}}}})
    } else {
        json!({"description": "Done.", "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["success", "data", "meta"],
            "properties": {
                "success": {"const": true},
                "data": data,
                "meta": {"type": "object", "properties": {"next": {"type": ["string", "null"]}}},
            },
        }}}})
    };
    let mut operation = json!({
        "summary": endpoint.summary,
        "description": format!("Role: {}.", needed(endpoint.access)),
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "200": done,
            "401": error("No credentials, or bad ones."),
            "403": error("The role is too low."),
            "404": error("No such thing."),
            "409": error("Ambiguous, or in conflict with what is there."),
            "422": error("A field is not valid; `fields` says which and why."),
        },
    });
    if let (Some(body), Some(operation)) = (&endpoint.body, operation.as_object_mut()) {
        let schema = serde_json::to_value(body).unwrap_or_default();
        let body = json!({"required": false, "content": {"application/json": {"schema": schema}}});
        operation.insert("requestBody".to_owned(), body);
    }
    if let (true, Some(answers)) =
        (endpoint.engine, operation.get_mut("responses").and_then(Value::as_object_mut))
    {
        answers.insert("502".to_owned(), error("The engine answered with an error."));
        answers.insert("503".to_owned(), error("The engine cannot be reached."));
    }
    operation
}

fn needed(access: Access) -> &'static str {
    match access {
        Access::Public => "none",
        Access::Role(role) => role.as_str(),
    }
}

#[derive(Template)]
#[template(path = "web/api_docs.html")]
struct DocsPage {
    shell: Shell,
    calls: Vec<Call>,
}

struct Call {
    method: String,
    path: &'static str,
    summary: &'static str,
    role: &'static str,
    query: Vec<(&'static str, &'static str)>,
}

async fn docs(context: PageContext, State(description): State<Description>) -> Result<Page, WebError> {
    let calls = description
        .endpoints()
        .into_iter()
        .map(|endpoint| Call {
            method: endpoint.method.to_string(),
            path: endpoint.path,
            summary: endpoint.summary,
            role: needed(endpoint.access),
            query: endpoint.query.clone(),
        })
        .collect();
    Page::render(&DocsPage { shell: context.shell("API", "settings"), calls })
}
