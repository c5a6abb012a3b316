//! The third step: where the destination's name leads, and where the public domains do ([`super::public`]).

use std::net::{IpAddr, SocketAddr};

use super::address::{shown, shown_ips};
use super::hints::Hints;
use super::names::{Unresolved, is_localhost};
use super::public;
use super::report::{Outcome, Status};
use super::syntax::{circle, forbidden};
use super::validator::{Context, Limits};
use crate::features::proxies::model::{ProxySpec, Target};
use crate::features::proxies::resolve::Resolution;
use crate::platform::addresses::{is_forbidden, is_own};
use crate::platform::text;

/// How many addresses of a destination are tried.
const TRIED: usize = 8;

/// What was found, and the addresses to connect to.
pub(super) async fn check(
    context: &Context,
    limits: &Limits,
    spec: &ProxySpec,
    hints: &Hints<'_>,
) -> (Outcome, Vec<SocketAddr>) {
    let both = futures_util::future::join(
        destination(context, limits, spec, hints),
        public::check(context, limits, &spec.domains),
    );
    let ((found, addresses), domains) = both.await;
    // What fails comes alone: where the domains lead is of no use then.
    if found.status == Status::Fail { (found, Vec::new()) } else { (found.and(domains), addresses) }
}

async fn destination(
    context: &Context,
    limits: &Limits,
    spec: &ProxySpec,
    hints: &Hints<'_>,
) -> (Outcome, Vec<SocketAddr>) {
    let none = Vec::new();
    match (&spec.destination.target, context.resolver.resolve(&spec.destination)) {
        (Target::Container(_), Resolution::Unreachable(why)) => {
            (Outcome::fail(why).hint(hints.unreachable()), none)
        }
        (_, Resolution::Unreachable(why)) => (Outcome::fail(why), none),
        (Target::Container(name), Resolution::At(addresses)) => {
            let says = Outcome::pass(format!("The container {name} is reached at {}.", shown(&addresses)));
            checked(context, says, addresses)
        }
        (Target::Host(host), Resolution::At(addresses)) => checked(
            context,
            Outcome::skip(format!("{host} is an address: there is no name to look up.")),
            addresses,
        ),
        (_, Resolution::ByName(name)) => match context.names.lookup(&name, false, limits.dns).await {
            Ok(found) => {
                let says = if is_localhost(&name) {
                    format!("{name} is {} by definition.", whose(context))
                } else {
                    format!("{name} is at {}.", shown_ips(&found))
                };
                let port = spec.destination.port;
                let addresses = found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
                checked(context, Outcome::pass(says), addresses)
            }
            Err(why) => (unresolved(&name, &why, limits, hints), none),
        },
    }
}

fn whose(context: &Context) -> &'static str {
    if context.resolver.own().is_some() { "Docker Watcher's own container" } else { "this host" }
}

/// The very addresses that are connected to are looked at: what a name says a second time may be something else.
fn checked(context: &Context, says: Outcome, mut addresses: Vec<SocketAddr>) -> (Outcome, Vec<SocketAddr>) {
    let ips = || addresses.iter().map(|address| address.ip());
    if let Some(ip) = ips().find(|ip: &IpAddr| is_forbidden(*ip)) {
        return (
            Outcome { detail: format!("{} {}", says.detail, forbidden(ip).detail), ..forbidden(ip) },
            Vec::new(),
        );
    }
    if let Some(address) = addresses.iter().find(|address| is_own(&context.own_addresses, **address, None)) {
        return (circle(*address), Vec::new());
    }
    addresses.truncate(TRIED);
    (says, addresses)
}

fn unresolved(name: &str, why: &Unresolved, limits: &Limits, hints: &Hints<'_>) -> Outcome {
    match why {
        Unresolved::Unknown => {
            Outcome::fail(format!("There is no {name}: no DNS server that this host asks knows it."))
                .hint(hints.unresolved(name))
        }
        Unresolved::TimedOut => {
            let within = text::duration(limits.dns.as_secs().try_into().unwrap_or(i64::MAX));
            Outcome::fail(format!("Nobody could say within {within} where {name} is.")).hint(
                hints.container_named(name).unwrap_or_else(|| {
                    "The DNS servers in /etc/resolv.conf do not answer: are they reached from here?"
                        .to_owned()
                }),
            )
        }
        Unresolved::Broken(error) => {
            Outcome::fail(format!("{name} could not be looked up: {error}.")).hint(hints.unresolved(name))
        }
    }
}
