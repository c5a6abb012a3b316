//! Headers that end at us, in both directions.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::route::HeaderChanges;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// Removes the headers that concern one connection (RFC 9110 §7.6.1): the known ones, and every one that
/// `Connection` names. Says whether the other side takes trailers.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) -> bool {
    if headers.contains_key(header::CONNECTION) {
        strip_named(headers);
    }
    let trailers = headers.contains_key(header::TE) && lists(headers, &header::TE, "trailers");
    for name in [
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
    ] {
        headers.remove(name);
    }
    trailers
}

/// Says to the upstream that trailers are welcome. Over HTTP/1, `TE` must be named in `Connection`.
pub(super) fn welcome_trailers(headers: &mut HeaderMap, http1: bool) {
    headers.insert(header::TE, TRAILERS);
    if http1 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
}

fn strip_named(headers: &mut HeaderMap) {
    let Some(lines) = take_all(headers, header::CONNECTION) else { return };
    for token in lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b',')) {
        let token = token.trim_ascii();
        // These say how the message is read; naming them must not make it mean something else. TE is read first.
        let kept = [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::TE];
        if let Ok(name) = HeaderName::from_bytes(token)
            && !kept.contains(&name)
        {
            headers.remove(name);
        }
    }
}

fn take_all(headers: &mut HeaderMap, name: HeaderName) -> Option<Vec<HeaderValue>> {
    match headers.entry(name) {
        header::Entry::Occupied(entry) => Some(entry.remove_entry_mult().1.collect()),
        header::Entry::Vacant(_) => None,
    }
}

/// Whether a comma-separated header lists a word, in any case.
pub(super) fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers.get_all(name).iter().any(|line| {
        line.as_bytes()
            .split(|byte| *byte == b',')
            .map(|item| item.split(|byte| *byte == b';').next().unwrap_or(item).trim_ascii())
            .any(|item| item.eq_ignore_ascii_case(word.as_bytes()))
    })
}

/// Whether this is the request for a WebSocket.
pub(super) fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        && lists(headers, &header::UPGRADE, "websocket")
        && lists(headers, &header::CONNECTION, "upgrade")
}

/// Removes our cookies from `Cookie` and joins several lines into one: HTTP/2 sends one for each cookie, and
/// HTTP/1 servers expect a single line (RFC 9113 §8.2.3).
pub(super) fn clean_cookies(headers: &mut HeaderMap, hidden: &[String]) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let Some(first) = lines.next() else { return };
    let several = lines.next().is_some();
    let holds = |line: &HeaderValue| {
        hidden.iter().any(|name| memchr::memmem::find(line.as_bytes(), name.as_bytes()).is_some())
    };
    if !several && !holds(first) {
        return;
    }
    let Some(lines) = take_all(headers, header::COOKIE) else { return };
    let mut kept: Vec<u8> = Vec::new();
    for pair in lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';')) {
        let pair = pair.trim_ascii();
        if pair.is_empty() || hidden.iter().any(|name| is_cookie(pair, name)) {
            continue;
        }
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(pair);
    }
    if !kept.is_empty()
        && let Ok(line) = HeaderValue::from_bytes(&kept)
    {
        headers.insert(header::COOKIE, line);
    }
}

/// Removes attempts to set our cookies.
pub(super) fn clean_set_cookies(headers: &mut HeaderMap, hidden: &[String]) {
    let ours = |line: &HeaderValue| hidden.iter().any(|name| is_cookie(line.as_bytes(), name));
    if !headers.get_all(header::SET_COOKIE).iter().any(ours) {
        return;
    }
    for line in take_all(headers, header::SET_COOKIE).unwrap_or_default() {
        if !ours(&line) {
            headers.append(header::SET_COOKIE, line);
        }
    }
}

/// Whether `name=value` is of that name. Cookie names are compared as they are; some servers trim blanks.
fn is_cookie(pair: &[u8], name: &str) -> bool {
    let found = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
    found.trim_ascii() == name.as_bytes()
}

/// Applies a route's changes, except to what says how the message is read.
pub(super) fn change(headers: &mut HeaderMap, changes: &HeaderChanges) {
    for name in changes.remove.iter().filter(|name| !frames(name)) {
        headers.remove(name);
    }
    for (name, value) in changes.set.iter().filter(|(name, _)| !frames(name)) {
        headers.insert(name, value.clone());
    }
}

fn frames(name: &HeaderName) -> bool {
    [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::UPGRADE, header::TE]
        .contains(name)
}

/// What the head weighs, roughly as it came.
pub(super) fn weight(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
