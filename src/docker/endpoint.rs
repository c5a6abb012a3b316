//! Where an engine is: `unix://`, `tcp://`, or `tcp://` with TLS as the Docker CLI does it.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The port of plain Docker over TCP, and of Docker over TLS.
const TCP_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// The address of an engine.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) kind: Kind,
    /// As the user wrote it, without anything secret.
    label: Arc<str>,
}

#[derive(Clone)]
pub(super) enum Kind {
    Unix(PathBuf),
    Tcp { host: String, port: u16, tls: Option<Arc<ClientConfig>> },
}

/// Why an address of an engine cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EndpointError {
    /// Not an address of a kind we know.
    #[error("takes unix:///path/to/docker.sock or tcp://host:port, not {0:?}")]
    Unknown(String),
    /// TLS was asked for and its files do not do.
    #[error("asks for TLS, but {file}: {reason}", file = file.display())]
    Tls {
        /// The file with the problem.
        file: PathBuf,
        /// The problem.
        reason: String,
    },
}

impl Endpoint {
    /// Reads an address. `tls_from` is the directory with `ca.pem`, `cert.pem` and `key.pem`
    /// (`DOCKER_CERT_PATH`) when TLS is wanted (`DOCKER_TLS_VERIFY`).
    pub fn parse(url: &str, tls_from: Option<&Path>) -> Result<Self, EndpointError> {
        let unknown = || EndpointError::Unknown(url.to_owned());
        let label = Arc::from(url);
        if let Some(path) = url.strip_prefix("unix://") {
            if path.is_empty() {
                return Err(unknown());
            }
            return Ok(Self { kind: Kind::Unix(PathBuf::from(path)), label });
        }
        let (rest, secure) = match url.split_once("://") {
            Some(("tcp" | "http", rest)) => (rest, tls_from.is_some()),
            Some(("https", rest)) => (rest, true),
            _ => return Err(unknown()),
        };
        let parsed = url::Url::parse(&format!("http://{rest}")).map_err(|_| unknown())?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(unknown());
        }
        let host = parsed.host_str().ok_or_else(unknown)?.trim_matches(['[', ']']).to_owned();
        // `url` hides a port that is the scheme's default one.
        let port = parsed.port().unwrap_or(if rest.trim_end_matches('/').ends_with(":80") {
            80
        } else if secure {
            TLS_PORT
        } else {
            TCP_PORT
        });
        let tls = if secure { Some(Arc::new(tls_config(tls_from)?)) } else { None };
        Ok(Self { kind: Kind::Tcp { host, port, tls }, label })
    }

    /// The address as the user wrote it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether it is a socket of this machine.
    pub fn is_unix(&self) -> bool {
        matches!(self.kind, Kind::Unix(_))
    }

    /// The path of the socket, when it is one of this machine.
    pub fn socket(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Unix(path) => Some(path),
            Kind::Tcp { .. } => None,
        }
    }

    /// The machine, when it is reached over a network and is not this one.
    pub fn other_machine(&self) -> Option<&str> {
        let Kind::Tcp { host, .. } = &self.kind else { return None };
        let is_this = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        (!is_this).then_some(host.as_str())
    }

    /// Whether commands travel in the clear over a network.
    pub fn is_plain_tcp(&self) -> bool {
        matches!(self.kind, Kind::Tcp { tls: None, .. })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.label)
    }
}

fn tls_config(dir: Option<&Path>) -> Result<ClientConfig, EndpointError> {
    let dir = dir.unwrap_or(Path::new("."));
    let failed = |file: &Path, reason: String| EndpointError::Tls { file: file.to_owned(), reason };
    let certificates = |file: &Path| -> Result<Vec<CertificateDer<'static>>, EndpointError> {
        CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| failed(file, e.to_string()))
    };
    let ca = dir.join("ca.pem");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&ca)? {
        roots.add(certificate).map_err(|e| failed(&ca, e.to_string()))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(dir, e.to_string()))?
        .with_root_certificates(roots);
    let cert = dir.join("cert.pem");
    if !cert.exists() {
        return Ok(builder.with_no_client_auth());
    }
    let key_file = dir.join("key.pem");
    let key = PrivateKeyDer::from_pem_file(&key_file).map_err(|e| failed(&key_file, e.to_string()))?;
    builder.with_client_auth_cert(certificates(&cert)?, key).map_err(|e| failed(&cert, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_and_tcp_addresses_are_understood() {
        let unix = Endpoint::parse("unix:///var/run/docker.sock", None).unwrap();
        assert!(matches!(unix.kind, Kind::Unix(path) if path == Path::new("/var/run/docker.sock")));
        let tcp = Endpoint::parse("tcp://nas.local", None).unwrap();
        assert!(matches!(tcp.kind, Kind::Tcp { ref host, port: 2375, tls: None } if host == "nas.local"));
        let v6 = Endpoint::parse("tcp://[::1]:80", None).unwrap();
        assert!(matches!(v6.kind, Kind::Tcp { ref host, port: 80, .. } if host == "::1"));
    }

    #[test]
    fn other_addresses_are_refused_with_what_is_taken() {
        for bad in ["", "unix://", "ssh://host", "/var/run/docker.sock", "tcp://"] {
            let error = Endpoint::parse(bad, None).unwrap_err().to_string();
            assert!(error.contains("unix:///path"), "{bad}: {error}");
        }
    }

    #[test]
    fn tls_without_its_files_names_the_missing_one() {
        let dir = tempfile::tempdir().unwrap();
        let error = Endpoint::parse("tcp://host:2376", Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains("ca.pem"), "{error}");
    }
}
