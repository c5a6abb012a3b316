//! The fifth step, for https: the handshake, and the certificate that the destination shows.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{Shown, judge};
use super::hints::Hints;
use super::report::{Outcome, Status};
use super::validator::{Context, Limits};
use super::wire;
use crate::features::proxies::model::{ProxySpec, Target};
use crate::platform::text;

/// Takes every certificate and keeps it, so that all that is wrong with it can be told, and not only the first thing.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.clone().into_owned());
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain.collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Shakes hands on a connection, and judges what is shown. Without a stream the step failed.
pub(super) async fn check(
    context: &Context,
    limits: &Limits,
    spec: &ProxySpec,
    (stream, address): (TcpStream, SocketAddr),
    hints: &Hints<'_>,
) -> (Outcome, Option<TlsStream<TcpStream>>) {
    let named = server_name(&spec.destination.target);
    let Ok(name) = ServerName::try_from(named.clone()) else {
        return (Outcome::fail(format!("{named} is no name that a certificate can be for.")), None);
    };
    let shaken = tokio::time::timeout(limits.tls, handshake(name.clone(), stream)).await;
    let (stream, chain) = match shaken {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => return (failed(&error, limits, address, hints).await, None),
        Err(_) => {
            let within = text::duration(limits.tls.as_secs().try_into().unwrap_or(i64::MAX));
            let plain = plain(address, limits.probe).await;
            let silent = || {
                Outcome::fail(format!(
                    "{address} took the connection and did not shake hands within {within}."
                ))
                .hint(hints.silent(address))
            };
            return (plain.unwrap_or_else(silent), None);
        }
    };
    let provider = rustls::crypto::ring::default_provider();
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let _unreadable = roots.add_parsable_certificates(context.authorities.iter().cloned());
    let outcome = judge(&Shown {
        chain: &chain,
        name: &name,
        roots: &roots,
        provider: &provider,
        now: context.clock.now(),
        verify: spec.options.verify_tls,
    });
    let good = outcome.status != Status::Fail;
    (outcome, good.then_some(stream))
}

/// The name that the gateway asks for, and that the certificate must bear.
fn server_name(target: &Target) -> String {
    match target {
        Target::Host(host) => host.clone(),
        Target::Container(name) => name.rsplit('/').next().unwrap_or(name).to_owned(),
    }
}

async fn handshake(
    name: ServerName<'static>,
    stream: TcpStream,
) -> io::Result<(TlsStream<TcpStream>, Vec<CertificateDer<'static>>)> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let witness = Arc::new(Witness { provider: provider.clone(), chain: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone());
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let chain = std::mem::take(&mut *witness.chain.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((stream, chain))
}

/// Whether somebody who took a plain connection and said nothing of use speaks TLS.
pub(super) async fn speaks_tls(address: SocketAddr, within: Duration) -> bool {
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::IpAddress(address.ip().into());
        handshake(name, stream).await
    };
    match tokio::time::timeout(within, asked).await {
        Ok(Ok(_)) => true,
        // A server that wants a name that it knows says so, in TLS.
        Ok(Err(error)) => matches!(tls_error(&error), Some(Error::AlertReceived(_))),
        Err(_) => false,
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
}

async fn failed(error: &io::Error, limits: &Limits, address: SocketAddr, hints: &Hints<'_>) -> Outcome {
    match tls_error(error) {
        Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => {
            Outcome::fail("The server has no certificate for this name.")
                .hint("Type the name that it knows as the destination.")
        }
        Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            Outcome::fail("The server wants a certificate from who asks, and the gateway has none.")
        }
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_)) => {
            Outcome::fail("The server speaks only versions of TLS that are too old: 1.2 is the least.")
                .hint("Bring the server up to date, or choose http if it speaks that as well.")
        }
        Some(Error::AlertReceived(alert)) => {
            Outcome::fail(format!("The server refused the handshake: {alert:?}."))
        }
        // Whoever says something else, or hangs up, may speak plain http: that is found out by asking.
        _ => {
            let plain = plain(address, limits.probe).await;
            plain.unwrap_or_else(|| {
                Outcome::fail(format!("What listens at {address} does not speak TLS ({error})."))
                    .hint(hints.closed(address))
            })
        }
    }
}

/// For a port where a plain request is answered.
async fn plain(address: SocketAddr, within: Duration) -> Option<Outcome> {
    wire::speaks_http(address, within).await.then(|| {
        Outcome::fail(format!("What listens at {address} does not speak TLS."))
            .hint("This port speaks plain http: choose http.")
    })
}
