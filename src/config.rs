//! What the flags and the environment ask for, validated once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use url::Url;

use crate::docker::endpoint::{Endpoint, EndpointError};

/// Where everything is kept.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The directory; nothing is made yet.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.0.join("docker-watcher.db")
    }

    /// The default place of the secret key.
    pub fn secret_key(&self) -> PathBuf {
        self.0.join("secret.key")
    }

    /// The directory.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

/// Everything `serve` needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: DataDir,
    /// Where the UI and API listen.
    pub listen: ListenAddress,
    /// Where the engine is.
    pub docker: Endpoint,
    /// The address in the user's browser.
    pub public_url: Option<Url>,
    /// Whose `X-Forwarded-*` to believe.
    pub trusted_proxies: Arc<[IpNet]>,
    /// No write endpoint of Docker is ever called.
    pub read_only: bool,
    /// Where the gateway listens in the clear; `None` = not at all.
    pub gateway_http: Option<SocketAddr>,
    /// The port that visitors reach it by, when that is another one.
    pub gateway_public_http: Option<u16>,
    /// Where the key of the vault is.
    pub secret_key: PathBuf,
    /// `/metrics` asks nobody to prove anything.
    pub metrics_public: bool,
    /// `--stats-interval`, when it was given: it fixes the setting.
    pub stats_interval: Option<std::time::Duration>,
}

/// `ADDR:PORT`, where `:PORT` means the loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

impl std::str::FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = if text.starts_with(':') {
            format!("127.0.0.1{text}")
        } else {
            text.replace("localhost:", "127.0.0.1:")
        };
        whole.parse().map(Self).map_err(|_| "takes an address and a port, such as 127.0.0.1:8080".to_owned())
    }
}

/// Where the engine is: the flag, else `DOCKER_HOST`, else the usual socket; with TLS as the Docker CLI
/// does it (`DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`).
pub fn docker_endpoint(flag: Option<&str>) -> Result<Endpoint, EndpointError> {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = flag
        .map(str::to_owned)
        .or_else(|| environment("DOCKER_HOST"))
        .unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
    let verify = environment("DOCKER_TLS_VERIFY");
    let directory = environment("DOCKER_CERT_PATH").map(PathBuf::from);
    let wants_tls = verify.is_some() || host.starts_with("https://");
    let directory = directory.or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".docker")));
    Endpoint::parse(&host, directory.as_deref().filter(|_| wants_tls))
}

/// `--public-url`: http or https, a host, no path.
pub fn public_url(text: &str) -> Result<Url, String> {
    let takes = "takes an address such as https://watcher.example.org";
    let url = Url::parse(text).map_err(|_| takes.to_owned())?;
    let fine = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none();
    if fine { Ok(url) } else { Err(takes.to_owned()) }
}

/// One entry of `--trusted-proxies`: a network, or a single address.
pub fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "takes networks such as 10.0.0.0/8, separated by commas".to_owned())
}

/// Where the gateway listens, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayAddress(pub Option<SocketAddr>);

/// `--gateway-http` and `--gateway-https`: an address, or `off`.
pub fn gateway_address(text: &str) -> Result<GatewayAddress, String> {
    let takes = || "takes an address such as 0.0.0.0:8088, or off".to_owned();
    if text == "off" {
        return Ok(GatewayAddress(None));
    }
    text.parse::<ListenAddress>().map(|address| GatewayAddress(Some(address.0))).map_err(|_| takes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_listens_on_loopback() {
        assert_eq!(":0".parse::<ListenAddress>().unwrap().0.to_string(), "127.0.0.1:0");
        assert_eq!("localhost:80".parse::<ListenAddress>().unwrap().0.to_string(), "127.0.0.1:80");
        assert!("nowhere".parse::<ListenAddress>().is_err());
    }

    #[test]
    fn a_public_url_is_an_origin() {
        assert!(public_url("https://watcher.example.org").is_ok());
        assert!(public_url("https://example.org/watcher").is_err());
        assert!(public_url("watcher.example.org").is_err());
    }

    #[test]
    fn a_trusted_proxy_may_be_one_address() {
        assert_eq!(network("10.0.0.2").unwrap().to_string(), "10.0.0.2/32");
        assert!(network("ten").is_err());
    }
}
