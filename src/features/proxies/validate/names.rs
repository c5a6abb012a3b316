//! Looks names up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};

/// Who is asked for names.
#[derive(Debug, Clone, Default)]
pub enum Names {
    /// As this host does it: `/etc/hosts`, the servers of `/etc/resolv.conf`, and the system's own way (multicast DNS,
    /// say) for what those do not know.
    #[default]
    System,
    /// These servers, and nobody else.
    Servers(Vec<SocketAddr>),
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// There is no such name, or it has no address.
    Unknown,
    /// Nobody answered in time.
    TimedOut,
    /// Nobody could be asked, or the answer was of no use.
    Broken(String),
}

impl Names {
    /// The addresses of a name, each once; never an empty list. `exact` keeps the search domains of this host out, as
    /// the world does not have them.
    pub(super) async fn lookup(
        &self,
        name: &str,
        exact: bool,
        within: Duration,
    ) -> Result<Vec<IpAddr>, Unresolved> {
        if is_localhost(name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let asked = tokio::time::timeout(within, self.ask(name, exact));
        let mut found = asked.await.unwrap_or(Err(Unresolved::TimedOut))?;
        let mut seen = std::collections::HashSet::new();
        found.retain(|ip| seen.insert(*ip));
        if found.is_empty() { Err(Unresolved::Unknown) } else { Ok(found) }
    }

    async fn ask(&self, name: &str, exact: bool) -> Result<Vec<IpAddr>, Unresolved> {
        let asked = match self.resolver() {
            Ok(resolver) => {
                let full = full_name(name, exact);
                resolver
                    .lookup_ip(full)
                    .await
                    .map(|found| found.iter().collect())
                    .map_err(|error| reason(&error))
            }
            Err(error) => Err(Unresolved::Broken(error.to_string())),
        };
        match (asked, self) {
            // The system may know more of names at home; of those of the world it does not, unless nobody was asked.
            (Err(why), Self::System) if !exact || matches!(why, Unresolved::Broken(_)) => {
                let full = full_name(name, exact);
                let found = tokio::net::lookup_host((full.as_str(), 0)).await;
                found.map(|found| found.map(|address| address.ip()).collect()).map_err(|_| why)
            }
            (asked, _) => asked,
        }
    }

    /// Made anew each time, so that a changed file is noticed.
    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let mut builder = match self {
            Self::System => TokioResolver::builder_tokio()?,
            Self::Servers(servers) => {
                let config = ResolverConfig::from_name_servers(servers.iter().copied().map(server).collect());
                let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
                builder.options_mut().use_hosts_file = ResolveHosts::Never;
                builder
            }
        };
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = Duration::from_secs(2);
        options.attempts = 1;
        builder.build()
    }
}

/// With a dot at its end, no search domain is tried.
fn full_name(name: &str, exact: bool) -> String {
    if exact { format!("{}.", name.trim_end_matches('.')) } else { name.to_owned() }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![connection])
}

fn reason(error: &NetError) -> Unresolved {
    match error {
        NetError::Timeout => Unresolved::TimedOut,
        NetError::Dns(DnsError::NoRecordsFound(_)) => Unresolved::Unknown,
        NetError::Dns(DnsError::ResponseCode(code)) => {
            Unresolved::Broken(format!("the DNS server answered {code}"))
        }
        other => Unresolved::Broken(other.to_string()),
    }
}

/// Whether a name is this machine by definition (RFC 6761 §6.3).
pub(super) fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_all_below_it_are_this_machine() {
        assert!(is_localhost("localhost") && is_localhost("Blog.LOCALHOST") && is_localhost("localhost."));
        assert!(!is_localhost("localhost.example.org") && !is_localhost("mylocalhost"));
    }
}
