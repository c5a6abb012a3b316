//! Everything under `static/`, embedded. An address carries the content's hash (`?v=…`), so a browser
//! may keep what it has for ever.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::WebError;
use super::access::Access;
use super::routes::Routes;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

struct Asset {
    body: axum::body::Bytes,
    tag: String,
    kind: &'static str,
}

static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let files = Files::iter().filter_map(|path| {
        let file = Files::get(&path)?;
        let tag: String =
            file.metadata.sha256_hash().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let body = match file.data {
            std::borrow::Cow::Borrowed(bytes) => axum::body::Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => axum::body::Bytes::from(bytes),
        };
        Some((path.to_string(), Asset { body, tag, kind: kind(&path) }))
    });
    files.collect()
});

/// The address of an asset, with its hash.
pub fn url(path: &str) -> String {
    match ASSETS.get(path) {
        Some(asset) => format!("/static/{path}?v={}", asset.tag),
        None => format!("/static/{path}"),
    }
}

/// The routes of the assets.
pub fn routes() -> Routes {
    Routes::of(())
        .get("/static/{*path}", Access::Public, serve)
        .get("/favicon.ico", Access::Public, favicon)
        .done()
}

async fn favicon() -> Result<Response, WebError> {
    answer("favicon.svg", false, &HeaderMap::new())
}

async fn serve(
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    answer(&path, query.is_some_and(|query| query.starts_with("v=")), &headers)
}

fn answer(path: &str, hashed: bool, headers: &HeaderMap) -> Result<Response, WebError> {
    let asset = ASSETS.get(path).ok_or_else(|| WebError::NotFound("There is no such file.".to_owned()))?;
    let tag = format!("\"{}\"", asset.tag);
    let keep = if hashed { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
    let mut answered = HeaderMap::new();
    answered.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    answered.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answered.insert(header::ETAG, tag);
    }
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes());
    if same {
        return Ok((StatusCode::NOT_MODIFIED, answered).into_response());
    }
    Ok((answered, asset.body.clone()).into_response())
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}
