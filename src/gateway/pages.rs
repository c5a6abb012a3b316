//! The pages a visitor sees when the upstream's own cannot be shown.

use std::sync::atomic::{AtomicU64, Ordering};

use askama::Template;
use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::failure::Failure;

/// The page carries its own style and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

#[derive(Template)]
#[template(path = "gateway/error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    text: &'a str,
    status: u16,
    request_id: &'a str,
}

/// The response for a failure, as a page when the visitor reads pages and as plain text otherwise.
pub(super) fn page(failure: &Failure, wants_html: bool, request_id: &str) -> Response<Bytes> {
    let status = failure.status();
    let (title, text) = (failure.title(), failure.text());
    let plain = || format!("{title}. {text}\n(error {}, reference {request_id})\n", status.as_u16());
    let page = ErrorPage { title, text, status: status.as_u16(), request_id };
    let (kind, body) = match wants_html.then(|| page.render()) {
        Some(Ok(page)) => ("text/html; charset=utf-8", page),
        _ => ("text/plain; charset=utf-8", plain()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    extra_headers(failure, headers);
    response
}

fn extra_headers(failure: &Failure, headers: &mut HeaderMap) {
    match failure {
        Failure::SignIn { realm } => {
            let realm: String = realm.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
            let ask = HeaderValue::from_str(&format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
            headers.insert(
                header::WWW_AUTHENTICATE,
                ask.unwrap_or(HeaderValue::from_static("Basic realm=\"site\", charset=\"UTF-8\"")),
            );
        }
        Failure::Maintenance(page) => {
            if let Some(after) = page.retry_after {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
            }
        }
        Failure::Busy => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(5));
        }
        Failure::Method => {
            headers.insert(
                header::ALLOW,
                HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            );
        }
        _ => {}
    }
    // What is left of the body would be taken for the next request, or must be read to its end first.
    if matches!(failure.status(), StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE)
        || matches!(failure, Failure::HeadTooLarge | Failure::Stalled)
    {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Whether the visitor prefers a page over plain text.
pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let (kind, quality) = range.split_once(';').unwrap_or((range, ""));
        kind.trim().eq_ignore_ascii_case("text/html")
            && !matches!(quality.trim().replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// Makes the short references that visitors can quote.
#[derive(Debug)]
pub(super) struct References {
    next: AtomicU64,
}

impl References {
    pub(super) fn from(seed: u64) -> Self {
        Self { next: AtomicU64::new(seed) }
    }

    /// Eight letters and digits without those that look alike.
    pub(super) fn next(&self) -> String {
        const LETTERS: [char; 32] = [
            '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'm',
            'n', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '-',
        ];
        // SplitMix64: neighbours look nothing like each other.
        let mut mixed = self.next.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (0..8)
            .map(|place| {
                let letter = usize::try_from((mixed >> (place * 5)) % 31).unwrap_or_default();
                LETTERS.get(letter).copied().unwrap_or('x')
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_for_those_who_ask_for_one() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            wants_html(&headers)
        };
        assert!(wants("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"));
        assert!(!wants("application/json"));
        assert!(!wants("*/*"));
        assert!(!wants("text/html;q=0, text/plain"));
        assert!(!wants_html(&HeaderMap::new()));
    }

    #[test]
    fn references_are_short_and_differ() {
        let references = References::from(7);
        let (a, b) = (references.next(), references.next());
        assert_eq!(a.len(), 8);
        assert_ne!(a, b);
    }
}
