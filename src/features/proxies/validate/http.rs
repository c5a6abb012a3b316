//! The last step: whether the destination answers, and what.

use std::net::SocketAddr;

use hyper::StatusCode;
use tokio::time::Instant;
use url::Url;

use super::hints::Hints;
use super::report::Outcome;
use super::request::{Request, visited};
use super::validator::Limits;
use super::wire::{self, Answer, Broken, Duplex, End};
use super::{h2, tls};
use crate::features::proxies::model::{ProxySpec, Scheme};
use crate::platform::text;

/// How much of a title and of an address is shown.
const SHOWN: usize = 120;

/// Asks on a connection to `address`.
pub(super) async fn check(
    limits: &Limits,
    spec: &ProxySpec,
    mut stream: Box<dyn Duplex>,
    address: SocketAddr,
    hints: &Hints<'_>,
) -> Outcome {
    let request = Request::of(spec);
    let deadline = Instant::now() + limits.http;
    // With https the gateway speaks HTTP/1.1, whatever is chosen.
    if spec.options.http2 && spec.destination.scheme == Scheme::Http {
        return match h2::ask(stream, &request, deadline, limits.body).await {
            Ok(answer) => judge(spec, &request, &answer, hints, address),
            Err(h2::Broken::Silent) => silent(limits, address, hints),
            Err(h2::Broken::Other(why)) => {
                Outcome::fail(format!("What listens at {address} does not speak cleartext HTTP/2 ({why})."))
                    .hint("Untick HTTP/2, unless the port is another one.")
            }
        };
    }
    let head_only = request.method == "HEAD";
    let asked = wire::ask(&mut *stream, &request.in_bytes(), head_only, deadline, limits.body).await;
    drop(stream);
    match asked {
        Ok(answer) => judge(spec, &request, &answer, hints, address),
        Err(broken) => explain(limits, spec, broken, address, hints).await,
    }
}

fn silent(limits: &Limits, address: SocketAddr, hints: &Hints<'_>) -> Outcome {
    let within = seconds(limits);
    Outcome::fail(format!("What listens at {address} took the request and did not answer within {within}."))
        .hint(hints.silent(address))
}

fn seconds(limits: &Limits) -> String {
    text::duration(limits.http.as_secs().try_into().unwrap_or(i64::MAX))
}

/// What is to be said of no answer.
async fn explain(
    limits: &Limits,
    spec: &ProxySpec,
    broken: Broken,
    address: SocketAddr,
    hints: &Hints<'_>,
) -> Outcome {
    let plain = spec.destination.scheme == Scheme::Http;
    match broken {
        Broken::Tls => speaks_tls(address),
        // Many TLS servers hang up without a word.
        Broken::Closed | Broken::Silent if plain && tls::speaks_tls(address, limits.probe).await => {
            speaks_tls(address)
        }
        Broken::Silent => silent(limits, address, hints),
        Broken::SlowHead => Outcome::fail(format!(
            "The answer of {address} began, and its headers were not complete within {}.",
            seconds(limits)
        ))
        .hint(hints.silent(address)),
        Broken::HugeHead => Outcome::fail(format!(
            "The headers of the answer of {address} do not end: after {} no more was read.",
            text::bytes(wire::HEAD_BYTES as u64)
        ))
        .hint("The gateway would refuse such an answer: look at the app's log for what it sends."),
        Broken::Closed => {
            Outcome::fail(format!("What listens at {address} closed the connection without an answer."))
                .hint(hints.closed(address))
        }
        Broken::ClosedInHead => {
            Outcome::fail(format!("What listens at {address} closed the connection within the headers."))
                .hint(hints.closed(address))
        }
        Broken::Garbage(begin) => garbage(&begin, address),
    }
}

fn speaks_tls(address: SocketAddr) -> Outcome {
    Outcome::fail(format!("What listens at {address} wants TLS.")).hint("This port speaks TLS: choose https.")
}

fn garbage(begin: &[u8], address: SocketAddr) -> Outcome {
    let (what, hint) = match begin {
        // The SETTINGS frame that an HTTP/2 server begins with (RFC 9113 §3.4).
        [0, 0, _, 4, 0, 0, 0, 0, 0, ..] => ("answers in HTTP/2 only", "Tick HTTP/2 for this destination."),
        [b'S', b'S', b'H', b'-', ..] => ("is an SSH server", OTHER_PORT),
        [b'2', b'2', b'0', b' ' | b'-', ..] => ("is a mail or FTP server", OTHER_PORT),
        [b'-', b'E', b'R', b'R', ..] => ("looks like Redis", OTHER_PORT),
        _ => ("does not speak HTTP", OTHER_PORT),
    };
    let shown: String =
        begin.iter().take(24).flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
    Outcome::fail(format!("What listens at {address} {what}: its answer begins with {shown}.")).hint(hint)
}

const OTHER_PORT: &str = "A proxy takes the port of a web server: is the port right?";

/// What is to be said of an answer.
fn judge(
    spec: &ProxySpec,
    request: &Request,
    answer: &Answer,
    hints: &Hints<'_>,
    address: SocketAddr,
) -> Outcome {
    let mut detail = format!("{} after {} ms", status(answer.status), answer.after.as_millis());
    let title = title(answer);
    if let Some(title) = &title {
        detail = format!("{detail}: {title:?}");
    }
    detail.push('.');
    let (got, expected) = (answer.status, spec.check.expects(answer.status));
    if wants_tls(answer) && spec.destination.scheme == Scheme::Http {
        return speaks_tls(address);
    }
    match answer.end {
        End::Fine => {}
        End::Closed => {
            let got = text::bytes(answer.body.len() as u64);
            return Outcome::fail(format!(
                "It answered {}, and closed the connection in the middle of the body, after {got}.",
                status(answer.status)
            ))
            .hint("Visitors would get half a page: look at the app's log.");
        }
        End::Slow => {
            detail.push_str(" Its body did not come to its end in time.");
            return Outcome::warn(detail).hint("Does the app still work on it? Its log may tell.");
        }
    }
    if let Some(redirect) = redirect(spec, request, answer) {
        let judged = redirect.judge(expected);
        return Outcome { detail: format!("{detail} {}", judged.detail), ..judged };
    }
    let path = &request.path;
    match got {
        _ if expected => Outcome::pass(detail),
        401 | 403 => Outcome::warn(detail).hint(format!(
            "The app answers {got}: that is fine, add {got} to the expected codes if you allow it."
        )),
        400 | 421 if !spec.options.own_host => Outcome::warn(detail).hint(format!(
            "The app may not know the name {}: add it to the names that it allows, or let it be asked for its own.",
            request.host()
        )),
        404 => Outcome::warn(detail).hint(format!("There is nothing at {path}: is the path of the check right?")),
        503 => Outcome::warn(detail).hint(
            hints.of_health(address).unwrap_or_else(|| "The app says that it is not ready: does it still start?".to_owned()),
        ),
        500.. => Outcome::fail(detail)
            .hint(hints.of_health(address).unwrap_or_else(|| format!("The app fails at {path} by itself: look at its log."))),
        _ => Outcome::warn(detail)
            .hint(format!("The check expects {}: add {got} if it is fine.", spec.check.expect)),
    }
}

fn status(code: u16) -> String {
    match StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason()) {
        Some(reason) => format!("{code} {reason}"),
        None => code.to_string(),
    }
}

/// The words of nginx, Go and Apache.
fn wants_tls(answer: &Answer) -> bool {
    answer.status == 400
        && [
            "plain HTTP request was sent to HTTPS port",
            "HTTP request to an HTTPS server",
            "speaking plain HTTP to an SSL-enabled server port",
        ]
        .iter()
        .any(|words| memchr::memmem::find(&answer.body, words.as_bytes()).is_some())
}

/// What stands in `<title>`.
fn title(answer: &Answer) -> Option<String> {
    let html = answer.header("content-type").is_none_or(|kind| kind.to_ascii_lowercase().contains("html"));
    let body = String::from_utf8_lossy(&answer.body);
    // ASCII alone changes, so that the places stay the same.
    let small = body.to_ascii_lowercase();
    let from = small.find("<title")?;
    let from = from + small.get(from..)?.find('>')? + 1;
    let until = from + small.get(from..)?.find("</title")?;
    let words: Vec<&str> = body.get(from..until)?.split_whitespace().collect();
    let title = words.join(" ").replace("&amp;", "&").replace("&#39;", "'").replace("&quot;", "\"");
    (html && !title.is_empty()).then(|| text::cut(&title, SHOWN).into_owned())
}

/// Where an answer sends visitors.
enum Redirect {
    /// To the very address that was asked for.
    Circle(String),
    /// To https of the same name, though it was asked for as the gateway does.
    ToHttps(String),
    /// To another name.
    Elsewhere(String, String),
    /// To a page that is not below the proxy's path.
    Outside(String, String),
    /// To another page.
    Page(String),
}

fn redirect(spec: &ProxySpec, request: &Request, answer: &Answer) -> Option<Redirect> {
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.header("location")?;
    let shown = text::cut(location, SHOWN).into_owned();
    let asked = Url::parse(&format!("{}://{}{}", request.scheme, request.host(), request.path)).ok()?;
    let Ok(to) = asked.join(location) else { return Some(Redirect::Page(shown)) };
    let host = to.host_str().unwrap_or_default();
    let ours = |name: &str| {
        spec.domains.iter().any(|domain| super::claims::overlap(domain, name)) || name == visited(spec)
    };
    let same_host = asked.host_str() == Some(host) || ours(host);
    let same_page = asked.path() == to.path() && asked.query() == to.query();
    let below = spec.path.as_deref();
    Some(match () {
        () if same_host && to.scheme() == "https" && asked.scheme() == "http" => Redirect::ToHttps(shown),
        () if asked == to || same_host && same_page && to.port() == asked.port() => Redirect::Circle(shown),
        () if !same_host => Redirect::Elsewhere(shown, host.to_owned()),
        () if below.is_some_and(|below| !is_below(to.path(), below)) => {
            Redirect::Outside(shown, below.unwrap_or_default().to_owned())
        }
        () => Redirect::Page(shown),
    })
}

fn is_below(path: &str, below: &str) -> bool {
    path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Redirect {
    fn judge(self, expected: bool) -> Outcome {
        match self {
            Self::Circle(to) => Outcome::warn(format!("It sends visitors to {to}, where they are already."))
                .hint("That is a circle: does the app know its own address, and is the path taken away rightly?"),
            Self::ToHttps(to) => Outcome::warn(format!("It sends visitors to {to}, its own name with https.")).hint(
                "If nothing serves https there, visitors never arrive, or go in a circle: switch the redirect off in \
                 the app, or set the header X-Forwarded-Proto to https if something in front of the gateway serves it.",
            ),
            Self::Elsewhere(to, host) => Outcome::warn(format!("It sends visitors to {to}.")).hint(format!(
                "That is another name, {host}: set the app's own address to the domain of this proxy if that is not meant."
            )),
            Self::Outside(to, below) => {
                Outcome::warn(format!("It sends visitors to {to}, which is not below {below}.")).hint(format!(
                    "The app does not know that visitors find it below {below}: set its base path, or give it a \
                     domain of its own."
                ))
            }
            Self::Page(to) if expected => Outcome::pass(format!("It sends visitors on to {to}.")),
            Self::Page(to) => Outcome::warn(format!("It sends visitors on to {to}."))
                .hint("The check does not expect a redirect: add its code, or check that page."),
        }
    }
}
