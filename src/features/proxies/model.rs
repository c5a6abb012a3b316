//! What a proxy is: an intention, that a provider makes real.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The provider that is built in.
pub const GATEWAY: &str = "gateway";

/// A proxy as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Proxy {
    /// Its number.
    pub id: i64,
    /// What is wanted.
    pub spec: ProxySpec,
    /// Whether it is served.
    pub enabled: bool,
    /// How often it was changed; the first is 1.
    pub version: i64,
    /// When it was created, ms.
    pub created_at: i64,
    /// When it was changed last, ms.
    pub updated_at: i64,
    /// Who changed it last.
    pub updated_by: String,
}

impl Proxy {
    /// The domain that stands for it.
    pub fn name(&self) -> &str {
        self.spec.domains.first().map_or("", String::as_str)
    }
}

/// What is wanted: domains, a destination, conditions. Every part is checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxySpec {
    /// In ASCII and lower case (punycode for others); `*.` in front stands for every name below.
    pub domains: Vec<String>,
    /// Only paths below this one, `/app`, say; `None` = all.
    pub path: Option<String>,
    /// Where it leads.
    pub destination: Destination,
    /// Who serves it: [`GATEWAY`], or a provider's id.
    pub provider: String,
    /// `off`, for now: what serves certificates comes with the providers that have them.
    pub tls: String,
    /// Under which conditions.
    pub options: Options,
    /// How its health is checked.
    pub check: Check,
    /// For people.
    pub notes: String,
    /// For people, and for filters: sorted, each once.
    pub tags: Vec<String>,
}

impl Default for ProxySpec {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            path: None,
            destination: Destination::default(),
            provider: GATEWAY.to_owned(),
            tls: "off".to_owned(),
            options: Options::default(),
            check: Check::default(),
            notes: String::new(),
            tags: Vec::new(),
        }
    }
}

/// What a destination speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As it stands in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where a proxy leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Destination {
    /// What it speaks.
    pub scheme: Scheme,
    /// Where it is.
    pub target: Target,
    /// Its port; that inside the container, where it is one.
    pub port: u16,
}

/// What a proxy leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A name or an address; IPv6 without brackets.
    Host(String),
    /// A container by its name, or a Compose service as `project/service`: followed through recreates.
    Container(String),
}

impl Default for Target {
    fn default() -> Self {
        Self::Host(String::new())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.as_str();
        match &self.target {
            Target::Host(host) if host.contains(':') => write!(f, "{scheme}://[{host}]:{}", self.port),
            Target::Host(name) | Target::Container(name) => write!(f, "{scheme}://{name}:{}", self.port),
        }
    }
}

/// Headers to set (over what is there) and to remove.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HeaderChanges {
    /// Name, value.
    pub set: BTreeMap<String, String>,
    /// Names.
    pub remove: Vec<String>,
}

/// A user who may pass.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct BasicUser {
    /// The name.
    pub name: String,
    /// The argon2 hash of the password, as a PHC string.
    pub password_hash: String,
}

impl fmt::Debug for BasicUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicUser").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Conditions of a proxy. The default forwards everything to everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Whether WebSockets pass.
    pub websockets: bool,
    /// Whether the destination sees the path without the proxy's own.
    pub strip_path: bool,
    /// Whether it is asked in cleartext HTTP/2, for gRPC, say.
    pub http2: bool,
    /// Whether the certificate of an https destination must be valid.
    pub verify_tls: bool,
    /// Whether it is asked for its own name instead of the visitor's.
    pub own_host: bool,
    /// What requests get and lose.
    pub request_headers: HeaderChanges,
    /// What responses get and lose.
    pub response_headers: HeaderChanges,
    /// How large the body of a request may be, bytes; `None` = any size.
    pub body_limit: Option<u64>,
    /// For a connection, s.
    pub connect_timeout: u32,
    /// For the first byte of a response, s.
    pub response_timeout: u32,
    /// For the next piece of a body, s.
    pub idle_timeout: u32,
    /// For the next byte through a WebSocket, s.
    pub tunnel_timeout: u32,
    /// How many requests may be open at once; `None` = any number.
    pub max_concurrent: Option<u32>,
    /// Who may pass; empty = everybody.
    pub basic_auth: Vec<BasicUser>,
    /// Networks that may pass; empty = all.
    pub allow: Vec<String>,
    /// Networks that never pass.
    pub deny: Vec<String>,
    /// Nobody passes: it is being worked on.
    pub maintenance: bool,
    /// What visitors read meanwhile; a default when empty.
    pub maintenance_message: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            websockets: true,
            strip_path: false,
            http2: false,
            verify_tls: true,
            own_host: false,
            request_headers: HeaderChanges::default(),
            response_headers: HeaderChanges::default(),
            body_limit: None,
            connect_timeout: 5,
            response_timeout: 60,
            // Streams of events may be silent for minutes.
            idle_timeout: 300,
            tunnel_timeout: 3600,
            max_concurrent: None,
            basic_auth: Vec::new(),
            allow: Vec::new(),
            deny: Vec::new(),
            maintenance: false,
            maintenance_message: String::new(),
        }
    }
}

/// How the health of a proxy is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    /// Whether it is.
    pub enabled: bool,
    /// What is asked for.
    pub path: String,
    /// `GET` or `HEAD`.
    pub method: String,
    /// The status codes that are fine: `200-399, 401`.
    pub expect: String,
    /// How often, s.
    pub interval: u32,
    /// How long an answer may take, s.
    pub timeout: u32,
    /// How many failures in a row make it unhealthy.
    pub failures: u32,
    /// How many successes in a row make it healthy.
    pub successes: u32,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "/".to_owned(),
            method: "GET".to_owned(),
            expect: "200-399".to_owned(),
            interval: 30,
            timeout: 10,
            failures: 3,
            successes: 2,
        }
    }
}

impl Check {
    /// Whether a status code is fine.
    pub fn expects(&self, status: u16) -> bool {
        ranges(&self.expect).is_some_and(|ranges| ranges.iter().any(|range| range.contains(&status)))
    }

    /// How long an answer may take.
    pub fn within(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout))
    }
}

/// The ranges of status codes in a text such as `200-399, 401`; `None` when it is not understood.
pub fn ranges(text: &str) -> Option<Vec<std::ops::RangeInclusive<u16>>> {
    let code = |word: &str| word.trim().parse::<u16>().ok().filter(|code| (100..=599).contains(code));
    let range = |word: &str| match word.split_once('-') {
        Some((from, to)) => Some(code(from)?..=code(to)?).filter(|range| !range.is_empty()),
        None => code(word).map(|code| code..=code),
    };
    let found: Vec<_> = text.split(',').map(range).collect::<Option<_>>()?;
    Some(found).filter(|found| found.len() <= 20)
}

/// How far a provider is with a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppliedStatus {
    /// It is served as it is wanted.
    Applied,
    /// It will be.
    #[default]
    Pending,
    /// It is not; what was served before is so still.
    Failed,
    /// It is switched off.
    Off,
}

impl AppliedStatus {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Off => "off",
        }
    }
}

/// How far a provider is with a proxy, and why it is not further.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// How far.
    pub status: AppliedStatus,
    /// Why, in a sentence; empty when it is served.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_ranges_and_single_ones() {
        let check = Check { expect: "200-299, 401".into(), ..Check::default() };
        assert!(check.expects(200) && check.expects(299) && check.expects(401));
        assert!(!check.expects(302) && !check.expects(500));
        for bad in ["", "abc", "99", "600", "300-200", "200-", "-"] {
            assert_eq!(ranges(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_destination_reads_as_an_address() {
        let of = |target| Destination { scheme: Scheme::Http, target, port: 80 }.to_string();
        assert_eq!(of(Target::Host("::1".into())), "http://[::1]:80");
        assert_eq!(of(Target::Container("shop/web".into())), "http://shop/web:80");
    }
}
