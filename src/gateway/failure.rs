//! Why a request was not answered by its upstream: the visitor reads one thing, the operator another.

use std::io;
use std::time::Duration;

use hyper::StatusCode;

use super::route::{Maintenance, Upstream};

/// Everything that ends in a page of our own.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request itself is wrong: how, for the visitor.
    Request(&'static str),
    /// CONNECT and TRACE.
    Method,
    /// No route for this host, or none for this path.
    NoSite,
    /// The host is not the one of the TLS handshake.
    Misdirected,
    HeadTooLarge,
    BodyTooLarge,
    /// The visitor did not send his body.
    Stalled,
    Forbidden,
    SignIn {
        realm: String,
    },
    Maintenance(Maintenance),
    /// More requests at once than the route takes.
    Busy,
    /// It came from ourselves.
    Loop,
    Dial(DialError),
    /// Connected, and no response in this time.
    Silent(Duration),
    /// The connection ended before a response: how.
    Broken(String),
    /// A response that cannot be passed on: why.
    Response(String),
}

/// Why there is no connection to an upstream.
#[derive(Debug)]
pub(super) enum DialError {
    /// Known beforehand: why.
    Unreachable(String),
    Name(io::Error),
    NoAddress,
    Refused,
    TimedOut(Duration),
    Io(io::Error),
    Tls(String),
    /// It is one of our own listeners.
    Own,
}

impl Failure {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Request(_) => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoSite => StatusCode::NOT_FOUND,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::SignIn { .. } => StatusCode::UNAUTHORIZED,
            Self::Maintenance(_) | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::Dial(DialError::TimedOut(_)) | Self::Silent(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Dial(_) | Self::Broken(_) | Self::Response(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// The heading of the page.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Request(_) | Self::Method => "This request cannot be answered",
            Self::NoSite => "There is no site here",
            Self::Misdirected => "This is the wrong connection for that site",
            Self::HeadTooLarge | Self::BodyTooLarge => "This request is too large",
            Self::Stalled => "The request did not arrive",
            Self::Forbidden => "You have no access from here",
            Self::SignIn { .. } => "Sign in to continue",
            Self::Maintenance(_) => "Back soon",
            Self::Busy => "Too many visitors at once",
            Self::Loop => "This site leads back to itself",
            Self::Dial(DialError::TimedOut(_)) | Self::Silent(_) => "The site takes too long to answer",
            Self::Dial(_) | Self::Broken(_) | Self::Response(_) => "The site is not available right now",
        }
    }

    /// What happened and what to do, for a visitor: no address, no name of ours.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Request(how) => how,
            Self::Method => "It uses a method that is not allowed here.",
            Self::NoSite => {
                "No site is set up under this address. Check the address for a typing error, or ask the \
                 person who runs the site whether it has moved."
            }
            Self::Misdirected => "Open the address again in a new window.",
            Self::HeadTooLarge => {
                "Its headers are larger than this server takes. Often the cookies of the site have grown too \
                 large: delete them and try again."
            }
            Self::BodyTooLarge => "What you sent is larger than this site takes. Try a smaller file.",
            Self::Stalled => {
                "The connection stood still before everything had arrived. Check your connection and try again."
            }
            Self::Forbidden => "This site is open only to certain networks, and yours is not one of them.",
            Self::SignIn { .. } => "This site asks for a name and a password.",
            Self::Maintenance(page) if !page.message.is_empty() => &page.message,
            Self::Maintenance(_) => "This site is being worked on. Please come back in a little while.",
            Self::Busy => "The site takes no more requests at the moment. Try again in a few seconds.",
            Self::Loop => {
                "The request came back to where it started, so it was stopped. The person who runs the site \
                 has to correct where it leads."
            }
            Self::Dial(error) => error.text(),
            Self::Silent(_) => {
                "The service behind this site accepted the request and then did not answer. It may be \
                 overloaded. Try again in a minute."
            }
            Self::Broken(_) => {
                "The service behind this site closed the connection without an answer. It may be starting \
                 again. Try again in a minute."
            }
            Self::Response(_) => {
                "The service behind this site sent an answer that cannot be shown. The person who runs the site \
                 has to look into it."
            }
        }
    }

    /// What happened, for an operator; `None` when it was the visitor's own doing.
    pub(super) fn detail(&self, upstream: &Upstream) -> Option<String> {
        let place = || place(upstream);
        Some(match self {
            Self::Dial(error) => error.detail(upstream),
            Self::Silent(waited) => {
                format!("{} accepted the connection but sent no response within {}", place(), said(*waited))
            }
            Self::Broken(how) => format!("{} closed the connection before it had answered ({how})", place()),
            Self::Response(why) => format!("the response of {} cannot be passed on: {why}", place()),
            Self::Loop => {
                format!("the request came back to this gateway: {} leads to it again", place())
            }
            Self::Busy => "more requests at once than the route takes".to_owned(),
            _ => return None,
        })
    }
}

impl DialError {
    fn text(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Own => {
                "The service behind this site cannot be reached. It may be stopped."
            }
            Self::Name(_) | Self::NoAddress => {
                "The service behind this site cannot be found. It may be stopped, or it has moved."
            }
            Self::Refused => {
                "The service behind this site refused the connection. It is stopped or still starting. Try again \
                 in a minute."
            }
            Self::TimedOut(_) => {
                "The service behind this site could not be reached in time. Try again in a minute."
            }
            Self::Io(_) => "The service behind this site cannot be reached. Try again in a minute.",
            Self::Tls(_) => {
                "No secure connection could be made to the service behind this site. The person who runs the \
                 site has to look into it."
            }
        }
    }

    fn detail(&self, upstream: &Upstream) -> String {
        let place = place(upstream);
        match self {
            Self::Unreachable(why) => why.clone(),
            Self::Name(error) => format!("the name {} cannot be resolved: {error}", upstream.host),
            Self::NoAddress => format!("the name {} has no address", upstream.host),
            Self::Refused => {
                format!("{place} refused the connection: is the service running, and is the port right?")
            }
            Self::TimedOut(waited) => format!(
                "{place} did not answer within {}: a firewall may drop the connection, or the address is wrong",
                said(*waited)
            ),
            Self::Io(error) => format!("{place} cannot be reached: {error}"),
            Self::Tls(why) => format!("no TLS connection to {place}: {why}"),
            Self::Own => format!("{place} is this gateway itself: choose the service's own port"),
        }
    }
}

fn place(upstream: &Upstream) -> String {
    format!("port {} of {}", upstream.port, upstream.host)
}

fn said(time: Duration) -> String {
    if time.subsec_millis() == 0 && time.as_secs() > 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}
