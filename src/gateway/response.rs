//! The response as the visitor gets it.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode, Version};

use super::failure::Failure;
use super::headers::{change, clean_set_cookies, lists, strip_hop_by_hop};
use super::relay::Reply;
use super::route::RouteOptions;

/// Takes away what concerns the upstream's connection, and applies the route's changes.
pub(super) fn cleaned(
    mut response: Response<Incoming>,
    options: &RouteOptions,
    hidden_cookies: &[String],
) -> Result<Response<Incoming>, Failure> {
    *response.version_mut() = Version::HTTP_11;
    let headers = response.headers_mut();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let coding = headers.get_all(header::TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes);
        if !coding.eq([b"chunked".as_slice()]) && !lists_only_chunked(headers) {
            return Err(Failure::Response("it uses a transfer coding that is not known here".to_owned()));
        }
        // With both, the length is a lie (RFC 9112 §6.3).
        headers.remove(header::CONTENT_LENGTH);
    }
    strip_hop_by_hop(headers);
    clean_set_cookies(headers, hidden_cookies);
    change(headers, &options.response_headers);
    Ok(response)
}

fn lists_only_chunked(headers: &header::HeaderMap) -> bool {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let only = lines.next().is_some_and(|line| line.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    only && lines.next().is_none()
}

/// The 101 for the visitor, if the upstream switched to what he asked for.
pub(super) fn switched(
    response: &Response<Incoming>,
    options: &RouteOptions,
) -> Result<Response<Reply>, Failure> {
    if !lists(response.headers(), &header::UPGRADE, "websocket") {
        return Err(Failure::Response("it switched to another protocol than WebSocket".to_owned()));
    }
    let mut answer = Response::new(Reply::Page(Bytes::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = response.headers().clone();
    let headers = answer.headers_mut();
    strip_hop_by_hop(headers);
    headers.remove(header::CONTENT_LENGTH);
    change(headers, &options.response_headers);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    Ok(answer)
}
