//! Where the public domains lead, compared with this host.

use std::net::IpAddr;

use super::address::shown_ips;
use super::names::{Unresolved, is_localhost};
use super::report::{Outcome, Status};
use super::validator::{Context, Limits};
use crate::features::proxies::domain::in_letters;

/// How many domains are looked up.
const LOOKED_UP: usize = 8;

/// What stands for every name below a wildcard.
const ANY: &str = "docker-watcher-check";

pub(super) async fn check(context: &Context, limits: &Limits, domains: &[String]) -> Outcome {
    let here = (context.host_addresses)();
    let looked_up = domains.iter().take(LOOKED_UP).map(|domain| one(context, limits, domain, &here));
    let found = futures_util::future::join_all(looked_up).await;
    // What is well needs no sentence beside what is not.
    let worst = found.iter().map(|found| found.status).max().unwrap_or(Status::Skip);
    let told = found.into_iter().filter(|found| found.status == worst);
    let mut all = told.fold(Outcome::skip(""), |mut all, mut one| {
        // The same advice once.
        if all.hint.contains(&one.hint) {
            one.hint.clear();
        }
        all = all.and(one);
        all
    });
    let more = domains.len().saturating_sub(LOOKED_UP);
    if more > 0 {
        all = all.and(Outcome::skip(format!("{more} more domains were not looked up.")));
    }
    all
}

async fn one(context: &Context, limits: &Limits, domain: &str, here: &[IpAddr]) -> Outcome {
    let shown = in_letters(domain);
    let bare = domain.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return judge(context, &shown, &[ip], here);
    }
    if is_localhost(domain) {
        return Outcome::pass(format!(
            "{shown} is the machine of whoever asks: it works in a browser on this host."
        ));
    }
    let asked = match domain.strip_prefix("*.") {
        Some(below) => format!("{ANY}.{below}"),
        None => domain.to_owned(),
    };
    match context.names.lookup(&asked, true, limits.dns).await {
        Ok(found) => judge(context, &shown, &found, here),
        Err(Unresolved::Unknown) => {
            let record = if domain.starts_with("*.") { "a wildcard record" } else { "an A or AAAA record" };
            Outcome::warn(format!("{shown} leads nowhere yet: no DNS server knows it."))
                .hint(format!("Add {record} for {shown} that points to this host."))
        }
        Err(_) => {
            Outcome::warn(format!("Where {shown} leads could not be found out: no DNS server answered."))
                .hint("The proxy works all the same once the domain points to this host.")
        }
    }
}

fn judge(context: &Context, shown: &str, found: &[IpAddr], here: &[IpAddr]) -> Outcome {
    let list = shown_ips(found);
    let is_here = |ip: &IpAddr| {
        let ip = ip.to_canonical();
        ip.is_loopback() || here.iter().any(|own| own.to_canonical() == ip)
    };
    let elsewhere: Vec<IpAddr> = found.iter().copied().filter(|ip| !is_here(ip)).collect();
    if elsewhere.is_empty() {
        return Outcome::pass(format!("{shown} points to this host ({list})."));
    }
    if context.resolver.own().is_some() {
        return Outcome::pass(format!(
            "{shown} points to {list}; from inside a container it cannot be told whether that is this host."
        ));
    }
    let not_here = shown_ips(&elsewhere);
    let what = if elsewhere.len() == 1 {
        "which is not an address of this host"
    } else {
        "which are not addresses of this host"
    };
    Outcome::warn(format!("{shown} points to {not_here}, {what}."))
        .hint("That is fine behind a router or a load balancer that forwards to this host; otherwise change the DNS record.")
}
