//! Destinations that speak TLS, or should.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use super::support::{answering, at, backend, context, dns, https, of, report, says, whole};
use crate::features::proxies::model::ProxySpec;
use crate::features::proxies::validate::{Context, Report, Status, StepKind};

/// An authority, and a server whose certificate it signed for `name`, until a day.
struct Signed {
    authority: CertificateDer<'static>,
    server: SocketAddr,
}

fn params(name: &str, (year, month, day): (i32, u8, u8)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, month, day);
    params
}

async fn signed(name: &str, until: (i32, u8, u8)) -> Signed {
    let key = KeyPair::generate().unwrap();
    let mut authority = params("authority.test", (2040, 1, 1));
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate().unwrap();
    let mut leaf = params(name, until);
    leaf.distinguished_name.push(DnType::CommonName, "leaf");
    let leaf = leaf.signed_by(&own, &issuer).unwrap();
    Signed { authority: certificate.der().clone(), server: serving(leaf.der().clone(), &own).await }
}

async fn self_signed(name: &str, until: (i32, u8, u8)) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let certificate = params(name, until).self_signed(&key).unwrap();
    serving(certificate.der().clone(), &key).await
}

/// Speaks TLS and answers 200.
async fn serving(certificate: CertificateDer<'static>, key: &KeyPair) -> SocketAddr {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    backend(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _gone = stream.write_all(whole("200 OK", "", "hello").as_bytes()).await;
                let _gone = stream.shutdown().await;
            }
        }
    })
    .await
}

async fn trusting(server: &Signed) -> Context {
    let mut context = context(Vec::new());
    context.authorities = vec![server.authority.clone()];
    context.names = dns(&[("nas.lan", [127, 0, 0, 1])]).await;
    context
}

/// https to nas.lan, which is at 127.0.0.1.
fn to_nas(server: SocketAddr) -> ProxySpec {
    let mut spec = https(server);
    spec.destination.target = crate::features::proxies::model::Target::Host("nas.lan".into());
    spec
}

async fn unverified(mut spec: ProxySpec) -> Report {
    spec.options.verify_tls = false;
    report(context(Vec::new()), &spec).await
}

#[tokio::test]
async fn a_good_certificate_passes_with_the_days_that_are_left() {
    let server = signed("nas.lan", (2026, 7, 1)).await;
    let report = report(trusting(&server).await, &to_nas(server.server)).await;
    says(
        &of(&report, StepKind::Tls),
        Status::Pass,
        "The certificate of nas.lan is valid for 29 days more.",
        "",
    );
    says(&of(&report, StepKind::Http), Status::Pass, "200 OK", "");
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_worth_a_word() {
    let server = signed("nas.lan", (2026, 6, 10)).await;
    let report = report(trusting(&server).await, &to_nas(server.server)).await;
    says(&of(&report, StepKind::Tls), Status::Warn, "only for 8 days more", "renewed in time");
    assert!(report.ok);
}

#[tokio::test]
async fn an_expired_certificate_fails_unless_it_is_not_verified() {
    let server = signed("127.0.0.1", (2026, 5, 22)).await;
    let report = report(trusting(&server).await, &https(server.server)).await;
    let step = of(&report, StepKind::Tls);
    says(&step, Status::Fail, "Its certificate expired 10\u{a0}days ago.", "Renew it");
    assert!(!step.detail.contains("accepted"), "the date is told once: {step:?}");
    says(&of(&report, StepKind::Http), Status::Skip, "the step tls failed", "");
    let lax = unverified(https(server.server)).await;
    says(&of(&lax, StepKind::Tls), Status::Warn, "expired", "");
    says(&of(&lax, StepKind::Http), Status::Pass, "200 OK", "");
}

#[tokio::test]
async fn a_self_signed_certificate_fails_unless_it_is_not_verified() {
    let server = self_signed("127.0.0.1", (2040, 1, 1)).await;
    let report = report(context(Vec::new()), &https(server)).await;
    let step = of(&report, StepKind::Tls);
    says(&step, Status::Fail, "Its certificate is self-signed.", "if it is your own");
    let lax = unverified(https(server)).await;
    says(&of(&lax, StepKind::Tls), Status::Pass, "self-signed. You chose not to verify it.", "");
    says(&of(&lax, StepKind::Http), Status::Pass, "200 OK", "");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_told_from_a_self_signed_one() {
    let server = signed("127.0.0.1", (2040, 1, 1)).await;
    let report = report(context(Vec::new()), &https(server.server)).await;
    says(&of(&report, StepKind::Tls), Status::Fail, "signed by nobody this host trusts", "if it is your own");
}

#[tokio::test]
async fn a_certificate_for_another_name_says_for_which() {
    let server = signed("blog.example.org", (2040, 1, 1)).await;
    let report = report(trusting(&server).await, &to_nas(server.server)).await;
    says(
        &of(&report, StepKind::Tls),
        Status::Fail,
        "Its certificate is for blog.example.org, not for nas.lan.",
        "Type the name that the certificate is for",
    );
}

#[tokio::test]
async fn plain_http_on_a_port_where_tls_is_chosen_is_told() {
    let polite = answering(whole("400 Bad Request", "", "")).await;
    // Says nothing to what it does not understand, and closes.
    let strict = backend(|mut stream| async move {
        let mut first = [0];
        let _read = tokio::io::AsyncReadExt::read(&mut stream, &mut first).await;
        if first == *b"G" {
            super::support::read_head(&mut stream).await;
            let _gone = stream.write_all(whole("200 OK", "", "").as_bytes()).await;
        }
    })
    .await;
    for server in [polite, strict] {
        let report = report(context(Vec::new()), &https(server)).await;
        says(
            &of(&report, StepKind::Tls),
            Status::Fail,
            "does not speak TLS",
            "This port speaks plain http: choose http.",
        );
    }
}

#[tokio::test]
async fn what_is_neither_is_no_tls_either() {
    let server = backend(|stream| async move { drop(stream) }).await;
    let report = report(context(Vec::new()), &https(server)).await;
    says(&of(&report, StepKind::Tls), Status::Fail, "does not speak TLS", "Look at the log");
    let mute = backend(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let report = super::support::report(context(Vec::new()), &https(mute)).await;
    says(&of(&report, StepKind::Tls), Status::Fail, "did not shake hands", "");
}

#[tokio::test]
async fn a_tls_server_on_a_port_where_http_is_chosen_is_told() {
    let server = self_signed("127.0.0.1", (2040, 1, 1)).await;
    let report = report(context(Vec::new()), &at(server)).await;
    says(&of(&report, StepKind::Http), Status::Fail, "wants TLS", "This port speaks TLS: choose https.");
}
