//! `/containers` and `/containers/{id}`.

pub(super) mod acts;
pub(super) mod bulk;
pub(super) mod confirm;
mod detail;
pub(super) mod environment;
mod gone;
pub(super) mod head;
pub(super) mod inspect;
mod list;
pub(super) mod processes;

use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::Redirect;

pub(super) use detail::detail;
pub(super) use gone::gone;
pub(super) use list::list;

use crate::web::WebError;
use crate::web::api::QueryMap;

/// Leads to a published port of the host, by the name the browser knows the host by.
pub(super) async fn open_port(
    Path(port): Path<u16>,
    query: QueryMap,
    headers: HeaderMap,
) -> Result<Redirect, WebError> {
    let scheme = if query.get("s").is_some() { "https" } else { "http" };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = url::Url::parse(&format!("http://{host}/"))
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .ok_or_else(|| WebError::Malformed("The request names no host.".to_owned()))?;
    Ok(Redirect::temporary(&format!("{scheme}://{host}:{port}/")))
}
