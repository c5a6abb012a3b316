//! What is to be said of the certificate that a destination shows.

use jiff::Timestamp;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::report::Outcome;
use crate::platform::text;

/// A certificate that ends sooner is worth a word.
const SOON_DAYS: i64 = 14;

/// What a destination showed, and by what it is judged.
pub(super) struct Shown<'a> {
    pub(super) chain: &'a [CertificateDer<'static>],
    pub(super) name: &'a ServerName<'static>,
    pub(super) roots: &'a RootCertStore,
    pub(super) provider: &'a CryptoProvider,
    pub(super) now: Timestamp,
    /// Whether it must be valid.
    pub(super) verify: bool,
}

/// What a certificate says of itself.
struct Facts {
    from: i64,
    until: i64,
    self_signed: bool,
}

pub(super) fn judge(shown: &Shown<'_>) -> Outcome {
    let Some((leaf, intermediates)) = shown.chain.split_first() else {
        return Outcome::fail("The server showed no certificate.");
    };
    let facts = facts(leaf);
    let now = shown.now.as_second();
    let mut wrong: Vec<Outcome> = Vec::new();
    // Out of date is worth a word even where nothing is verified: the browsers of others may look.
    if let Some(facts) = &facts {
        wrong.extend(out_of_date(facts, now, shown.verify));
    }
    let dated = wrong.is_empty();
    let mut unproven: Vec<(String, &str)> = Vec::new();
    match ParsedCertificate::try_from(leaf) {
        Err(error) => unproven.push((format!("Its certificate cannot be read ({error})."), OWN)),
        Ok(parsed) => {
            if let Err(error) = verify_server_name(&parsed, shown.name) {
                unproven.push((for_another(shown.name, &error), OTHER_NAME));
            }
            let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.unsigned_abs()));
            let algorithms = shown.provider.signature_verification_algorithms.all;
            let signed = verify_server_cert_signed_by_trust_anchor(
                &parsed,
                shown.roots,
                intermediates,
                at,
                algorithms,
            );
            if let Err(error) = signed
                && (dated || !is_date(&error))
            {
                unproven.push((unsigned(&error, facts.as_ref(), intermediates.is_empty()), OWN));
            }
        }
    }
    wrong.extend(unproven.into_iter().map(|(detail, hint)| {
        if shown.verify {
            Outcome::fail(detail).hint(hint)
        } else {
            Outcome::pass(format!("{detail} You chose not to verify it."))
        }
    }));
    let days = facts.map(|facts| (facts.until - now) / 86_400);
    let Some(all) = wrong.into_iter().reduce(Outcome::and) else { return good(shown.name, days) };
    all
}

const OWN: &str = "Untick \u{201c}Verify certificate\u{201d} if it is your own.";
const OTHER_NAME: &str = "Type the name that the certificate is for as the destination, or untick \u{201c}Verify certificate\u{201d}.";

fn good(name: &ServerName<'_>, days: Option<i64>) -> Outcome {
    let name = name.to_str();
    match days {
        Some(days) if days < SOON_DAYS => {
            Outcome::warn(format!("The certificate of {name} is valid, but only for {} more.", in_days(days)))
                .hint("See that it is renewed in time.")
        }
        Some(days) => {
            Outcome::pass(format!("The certificate of {name} is valid for {} more.", in_days(days)))
        }
        None => Outcome::pass(format!("The certificate of {name} is valid.")),
    }
}

fn in_days(days: i64) -> String {
    text::count(usize::try_from(days).unwrap_or_default(), "day")
}

fn out_of_date(facts: &Facts, now: i64, verify: bool) -> Option<Outcome> {
    let (detail, hint) = if now > facts.until {
        let ago = text::duration(now - facts.until);
        (format!("Its certificate expired {ago} ago."), "Renew it.")
    } else if now < facts.from {
        let until = text::duration(facts.from - now);
        (format!("Its certificate is valid only in {until}."), "Are the clocks of both machines right?")
    } else {
        return None;
    };
    Some(if verify { Outcome::fail(detail).hint(hint) } else { Outcome::warn(detail).hint(hint) })
}

fn is_date(error: &Error) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        error,
        Error::InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
    )
}

fn unsigned(error: &Error, facts: Option<&Facts>, alone: bool) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            if facts.is_some_and(|facts| facts.self_signed) {
                "Its certificate is self-signed.".to_owned()
            } else if alone {
                "Its certificate is signed by nobody this host trusts, or the server does not send the ones between \
                 it and the authority."
                    .to_owned()
            } else {
                "Its certificate is signed by nobody this host trusts.".to_owned()
            }
        }
        // A self-signed certificate that says it is an authority.
        Error::InvalidCertificate(CertificateError::Other(_))
            if facts.is_some_and(|facts| facts.self_signed) =>
        {
            "Its certificate is self-signed.".to_owned()
        }
        Error::InvalidCertificate(why) => format!("Its certificate is not accepted ({why})."),
        other => format!("Its certificate is not accepted ({other})."),
    }
}

fn for_another(name: &ServerName<'_>, error: &Error) -> String {
    let name = name.to_str();
    let Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) = error else {
        return format!("Its certificate is not for {name}.");
    };
    // webpki writes `DnsName("x")`.
    let names: Vec<&str> =
        presented.iter().take(3).map(|name| name.split('"').nth(1).unwrap_or(name)).collect();
    if names.is_empty() {
        return format!("Its certificate is for no name, so not for {name} either.");
    }
    format!("Its certificate is for {}, not for {name}.", text::listed(&names))
}

/// `None` where it is written so oddly that only the handshake understood it.
fn facts(leaf: &CertificateDer<'_>) -> Option<Facts> {
    let certificate = Certificate::from_der(leaf).ok()?;
    let body = certificate.tbs_certificate();
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
    Some(Facts {
        from: seconds(body.validity().not_before)?,
        until: seconds(body.validity().not_after)?,
        self_signed: body.issuer() == body.subject(),
    })
}
