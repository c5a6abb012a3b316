//! The request that asks a destination, as the gateway would send it for a visitor.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::features::proxies::model::{Destination, ProxySpec, Scheme, Target};

/// What stands for every name below a wildcard.
const ANY: &str = "docker-watcher-check";

/// A request without a body.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// Path and query.
    pub(super) path: String,
    /// `Host` among them, first.
    pub(super) headers: HeaderMap,
    /// By which visitors come.
    pub(super) scheme: &'static str,
}

impl Request {
    pub(super) fn of(spec: &ProxySpec) -> Self {
        let visited = visited(spec);
        let scheme = if spec.tls == "off" { "http" } else { "https" };
        let own = spec.options.own_host;
        let host = if own { host_of(&spec.destination) } else { visited.clone() };
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::HOST, &host);
        set(header::USER_AGENT, concat!("docker-watcher/", env!("CARGO_PKG_VERSION"), " (check)"));
        set(header::ACCEPT, "text/html,*/*;q=0.8");
        set(header::ACCEPT_ENCODING, "identity");
        set(HeaderName::from_static("x-forwarded-for"), "127.0.0.1");
        set(HeaderName::from_static("x-forwarded-host"), &visited);
        set(HeaderName::from_static("x-forwarded-proto"), scheme);
        let changes = &spec.options.request_headers;
        for name in &changes.remove {
            headers.remove(name.as_str());
        }
        for (name, value) in &changes.set {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        let method = if spec.check.method.eq_ignore_ascii_case("HEAD") { "HEAD" } else { "GET" };
        Self { method, path: path(spec), headers, scheme }
    }

    /// As HTTP/1.1 writes it. Names and values were checked: none has a line break.
    pub(super) fn in_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"connection: close\r\n\r\n");
        bytes
    }

    /// The `Host` it asks for.
    pub(super) fn host(&self) -> &str {
        self.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
    }
}

/// The name that a visitor types.
pub(super) fn visited(spec: &ProxySpec) -> String {
    let first = spec.domains.first().map_or("", String::as_str);
    first.strip_prefix("*.").map_or_else(|| first.to_owned(), |below| format!("{ANY}.{below}"))
}

/// The destination's own name, with its port where that is not the usual one.
fn host_of(destination: &Destination) -> String {
    let name = match &destination.target {
        Target::Host(host) if host.contains(':') => format!("[{host}]"),
        Target::Host(host) => host.clone(),
        Target::Container(name) => name.rsplit('/').next().unwrap_or(name).to_owned(),
    };
    match (destination.scheme, destination.port) {
        (Scheme::Http, 80) | (Scheme::Https, 443) => name,
        (_, port) => format!("{name}:{port}"),
    }
}

/// The path that the destination is asked for: that of the check, below the proxy's own unless it is taken away.
fn path(spec: &ProxySpec) -> String {
    let asked = spec.check.path.as_str();
    let below = spec.path.as_deref().unwrap_or_default().trim_end_matches('/');
    let rest = asked.strip_prefix(below);
    let inside = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let whole = if spec.options.strip_path {
        match rest.filter(|_| inside && !below.is_empty()) {
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            Some(rest) => format!("/{rest}"),
            None => asked.to_owned(),
        }
    } else if inside {
        asked.to_owned()
    } else {
        format!("{below}{asked}")
    };
    match Url::parse(&format!("http://x{whole}")) {
        Ok(url) => {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}{query}", url.path())
        }
        Err(_) => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(change: impl FnOnce(&mut ProxySpec)) -> Request {
        let mut spec = ProxySpec { domains: vec!["blog.example.org".into()], ..ProxySpec::default() };
        spec.destination =
            Destination { scheme: Scheme::Http, target: Target::Container("shop/web".into()), port: 3000 };
        change(&mut spec);
        Request::of(&spec)
    }

    #[test]
    fn the_host_is_the_one_that_the_gateway_sends() {
        assert_eq!(asked(|_| {}).host(), "blog.example.org");
        assert_eq!(asked(|spec| spec.domains = vec!["*.a.org".into()]).host(), "docker-watcher-check.a.org");
        assert_eq!(asked(|spec| spec.options.own_host = true).host(), "web:3000");
        let own = |host: &str, port| {
            asked(|spec| {
                spec.options.own_host = true;
                spec.destination.target = Target::Host(host.into());
                spec.destination.port = port;
            })
        };
        assert_eq!(own("::1", 80).host(), "[::1]");
        let set = asked(|spec| {
            spec.options.request_headers.set.insert("X-Key".into(), "1".into());
            spec.options.request_headers.set.insert("X-Bad".into(), "1\r\nevil: 2".into());
            spec.options.request_headers.remove.push("user-agent".into());
        });
        let text = String::from_utf8(set.in_bytes()).unwrap();
        assert!(text.starts_with("GET / HTTP/1.1\r\nhost: blog.example.org\r\n"), "{text}");
        assert!(text.contains("x-key: 1\r\n") && !text.contains("evil") && !text.contains("user-agent"));
    }

    #[test]
    fn the_path_is_below_that_of_the_proxy_unless_it_is_taken_away() {
        let path = |below: Option<&str>, check: &str, strip: bool| {
            asked(|spec| {
                spec.path = below.map(Into::into);
                spec.check.path = check.into();
                spec.options.strip_path = strip;
            })
            .path
        };
        assert_eq!(path(None, "/health?full=1", false), "/health?full=1");
        assert_eq!(path(Some("/app"), "/", false), "/app/");
        assert_eq!(path(Some("/app"), "/health", false), "/app/health");
        assert_eq!(path(Some("/app"), "/app/health", false), "/app/health");
        assert_eq!(path(Some("/app"), "/apple", false), "/app/apple");
        assert_eq!(path(Some("/app"), "/health", true), "/health");
        assert_eq!(path(Some("/app"), "/app/health", true), "/health");
        assert_eq!(path(Some("/app"), "/app", true), "/");
        assert_eq!(path(None, "/a b", false), "/a%20b");
        assert_eq!(path(None, "//evil.org/x", false), "//evil.org/x");
    }
}
