//! What is known of a request before anything else: how its answer is wanted, where it came from.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

use super::WebError;

/// How an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// A whole page.
    Page,
    /// A fragment for htmx.
    Fragment,
    /// The API's envelope.
    Json,
}

/// The look the user chose; kept in a cookie so that no page flashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The theme of a word; anything unknown is the system's.
    pub fn parse(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// The word of the cookie and of `data-theme`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The cookie that keeps the theme.
pub const THEME_COOKIE: &str = "dw_theme";

/// Facts of a request.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// How its answer is wanted.
    pub wants: Wants,
    /// The client's address; a proxy's word counts only when the proxy is trusted.
    pub address: IpAddr,
    /// Whether the browser speaks https.
    pub https: bool,
    /// The look.
    pub theme: Theme,
    /// Path and query.
    pub target: String,
}

/// What the deployment says about requests.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Proxies whose `X-Forwarded-*` count.
    pub trusted_proxies: Arc<[IpNet]>,
    /// `--public-url` is https.
    pub public_https: bool,
}

impl Deployment {
    /// Reads the facts of a request.
    pub fn read(&self, parts: &Parts) -> RequestInfo {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.ip().to_canonical());
        let by_proxy = self.trusts(peer);
        let forwarded_https = by_proxy
            && text(&parts.headers, "x-forwarded-proto")
                .and_then(|proto| proto.split(',').next())
                .is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"));
        let path = parts.uri.path();
        let wants =
            if path == "/metrics" || path == "/api" || path.starts_with("/api/") && path != "/api/docs" {
                Wants::Json
            } else if text(&parts.headers, "hx-request-type") == Some("partial") {
                Wants::Fragment
            } else {
                Wants::Page
            };
        RequestInfo {
            wants,
            address: if by_proxy { self.forwarded_for(peer, &parts.headers) } else { peer },
            https: self.public_https || forwarded_https,
            theme: Theme::parse(cookie(&parts.headers, THEME_COOKIE).unwrap_or_default()),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&address))
    }

    /// The last address of `X-Forwarded-For` that is not itself a trusted proxy.
    fn forwarded_for(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let chain: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut nearest = peer;
        for hop in chain.iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else { return nearest };
            nearest = address.to_canonical();
            if !self.trusts(nearest) {
                return nearest;
            }
        }
        nearest
    }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl<S: Send + Sync> FromRequestParts<S> for RequestInfo {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, WebError> {
        let info = parts.extensions.get::<Self>().cloned();
        info.ok_or_else(|| WebError::Internal("a request without its facts".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn read(peer: [u8; 4], forwarded: &str, trusted: &[&str]) -> RequestInfo {
        let mut request = Request::get("/containers")
            .header("x-forwarded-for", forwarded)
            .header("x-forwarded-proto", "https")
            .body(())
            .unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 1234))));
        let deployment = Deployment {
            trusted_proxies: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            public_https: false,
        };
        deployment.read(&request.into_parts().0)
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        let info = read([203, 0, 113, 9], "10.0.0.1", &["10.0.0.0/8"]);
        assert_eq!(info.address.to_string(), "203.0.113.9");
        assert!(!info.https);
    }

    #[test]
    fn a_trusted_proxy_tells_the_visitors_address_and_scheme() {
        let info = read([10, 0, 0, 2], "198.51.100.7, 10.0.0.3", &["10.0.0.0/8"]);
        assert_eq!(info.address.to_string(), "198.51.100.7");
        assert!(info.https);
    }

    #[test]
    fn a_forged_entry_before_the_real_one_is_not_believed() {
        let info = read([10, 0, 0, 2], "1.2.3.4, 198.51.100.7", &["10.0.0.0/8"]);
        assert_eq!(info.address.to_string(), "198.51.100.7");
    }
}
