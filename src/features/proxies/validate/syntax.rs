//! The first step: whether the parts of a proxy fit together.

use std::net::{IpAddr, SocketAddr};

use super::report::Outcome;
use crate::features::proxies::domain;
use crate::features::proxies::model::{GATEWAY, ProxySpec, Scheme, Target, ranges};
use crate::platform::addresses::{is_forbidden, is_own};

/// Looks at a proxy by itself. `own` is where this product listens.
pub(super) fn check(spec: &ProxySpec, own: &[SocketAddr]) -> Outcome {
    if let Some(wrong) = wrong(spec, own) {
        return wrong;
    }
    let port = spec.destination.port;
    match (spec.destination.scheme, port) {
        (Scheme::Http, 443) => {
            Outcome::warn(format!("scheme: http on port {port}, where most servers speak TLS."))
                .hint("Choose https, unless this server is an exception.")
        }
        (Scheme::Https, 80) => {
            Outcome::warn(format!("scheme: https on port {port}, where most servers speak plain http."))
                .hint("Choose http, unless this server is an exception.")
        }
        _ => Outcome::pass(format!("{} leads to {}.", spec.domains.join(", "), spec.destination)),
    }
}

/// The first thing that cannot be, by the field it stands in.
fn wrong(spec: &ProxySpec, own: &[SocketAddr]) -> Option<Outcome> {
    let fail = |field: &str, why: &str| Some(Outcome::fail(format!("{field}: {why}")));
    if spec.domains.is_empty() {
        return fail("domains", "takes at least one, such as blog.example.org.");
    }
    for typed in &spec.domains {
        match domain::domain(typed) {
            Ok(name) if name == *typed => {}
            Ok(name) => return fail("domains", &format!("{typed} is written {name}.")),
            Err(why) => return fail("domains", &why),
        }
    }
    if let Some(path) = &spec.path
        && let Err(why) = domain::path(path)
    {
        return fail("path", &why);
    }
    if spec.provider != GATEWAY {
        return fail("provider", &format!("there is none called {}.", spec.provider));
    }
    if !spec.check.path.starts_with('/') || spec.check.path.contains(char::is_control) {
        return fail("check.path", "begins with a slash, such as /health.");
    }
    if ranges(&spec.check.expect).is_none() {
        return fail("check.expect", "takes status codes, such as 200-399, 401.");
    }
    destination(spec, own)
}

fn destination(spec: &ProxySpec, own: &[SocketAddr]) -> Option<Outcome> {
    let fail = |field: &str, why: &str| Some(Outcome::fail(format!("{field}: {why}")));
    let port = spec.destination.port;
    if port == 0 {
        return fail("port", "takes a number from 1 to 65535.");
    }
    let host = match &spec.destination.target {
        Target::Container(name) if name.is_empty() => return fail("destination", "takes a container."),
        Target::Container(_) => return None,
        Target::Host(host) => host,
    };
    if let Err(why) = domain::host(host) {
        return fail("destination", &why);
    }
    let ip = host.parse::<IpAddr>().ok()?;
    if is_forbidden(ip) {
        return Some(forbidden(ip));
    }
    is_own(own, SocketAddr::new(ip, port), None).then(|| circle(SocketAddr::new(ip, port)))
}

/// For an address that nobody may be led to.
pub(super) fn forbidden(ip: IpAddr) -> Outcome {
    Outcome::fail(format!(
        "destination: {ip} is a link-local address, which is never a destination: there, clouds keep the \
         credentials of their machines."
    ))
    .hint("Use another address of that machine.")
}

/// For an address where we listen ourselves.
pub(super) fn circle(address: SocketAddr) -> Outcome {
    Outcome::fail(format!(
        "destination: Docker Watcher itself listens at {address}, so requests would go in a circle."
    ))
    .hint("Type the port of the service that visitors shall see.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::proxies::model::Destination;
    use crate::features::proxies::validate::report::Status;

    fn spec(host: &str, port: u16) -> ProxySpec {
        ProxySpec {
            domains: vec!["blog.example.org".into()],
            destination: Destination { scheme: Scheme::Http, target: Target::Host(host.into()), port },
            ..ProxySpec::default()
        }
    }

    fn found(change: impl FnOnce(&mut ProxySpec)) -> Outcome {
        let mut spec = spec("10.0.0.7", 8081);
        change(&mut spec);
        check(&spec, &["0.0.0.0:8080".parse().unwrap(), "10.0.0.1:9000".parse().unwrap()])
    }

    #[test]
    fn a_proxy_whose_parts_fit_passes() {
        assert_eq!(found(|_| {}), Outcome::pass("blog.example.org leads to http://10.0.0.7:8081."));
    }

    #[test]
    fn what_cannot_be_names_its_field() {
        let fails = |says: &str, change: fn(&mut ProxySpec)| {
            let found = found(change);
            assert!(found.status == Status::Fail && found.detail.starts_with(says), "{says}: {found:?}");
        };
        fails("domains: takes at least one", |spec| spec.domains.clear());
        fails("domains: takes a * only", |spec| spec.domains.push("*.*".into()));
        fails("domains: BLOG.org is written blog.org", |spec| spec.domains.push("BLOG.org".into()));
        fails("path: ", |spec| spec.path = Some("app".into()));
        fails("provider: there is none called caddy", |spec| spec.provider = "caddy".into());
        fails("check.path: begins with a slash", |spec| spec.check.path = "health".into());
        fails("check.expect: ", |spec| spec.check.expect = "good".into());
        fails("port: takes a number", |spec| spec.destination.port = 0);
        fails("destination: takes a name", |spec| spec.destination.target = Target::Host(String::new()));
        fails("destination: takes a container", |spec| {
            spec.destination.target = Target::Container(String::new());
        });
    }

    #[test]
    fn an_address_of_our_own_would_be_a_circle() {
        for (host, port) in [("127.0.0.1", 8080), ("::1", 8080), ("0.0.0.0", 8080), ("10.0.0.1", 9000)] {
            let found = found(|changed| *changed = spec(host, port));
            assert!(found.detail.contains("go in a circle"), "{host}: {found:?}");
        }
    }

    #[test]
    fn a_link_local_address_is_no_destination() {
        for host in ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"] {
            assert!(found(|changed| *changed = spec(host, 80)).detail.contains("link-local"), "{host}");
        }
    }

    #[test]
    fn a_port_of_the_other_scheme_is_worth_a_word() {
        let tls = found(|changed| *changed = spec("10.0.0.7", 443));
        assert!(tls.status == Status::Warn && tls.hint.contains("https"), "{tls:?}");
        let plain = found(|changed| {
            *changed = spec("10.0.0.7", 80);
            changed.destination.scheme = Scheme::Https;
        });
        assert!(plain.status == Status::Warn && plain.hint.contains("Choose http,"), "{plain:?}");
    }
}
