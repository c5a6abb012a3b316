//! The second step: whether somebody else claims one of the domains.

use super::claims::{claimed, overlap};
use super::report::Outcome;
use super::validator::Context;
use crate::features::proxies::domain::in_letters;
use crate::features::proxies::model::ProxySpec;

/// How many claims of containers are told.
const TOLD: usize = 3;

pub(super) fn check(context: &Context, spec: &ProxySpec) -> Outcome {
    for domain in &spec.domains {
        if let Some(proxy) = (context.claims)(domain, spec.path.as_deref()) {
            let below = spec.path.as_deref().map(|path| format!(" below {path}")).unwrap_or_default();
            return Outcome::fail(format!(
                "{}{below} is already led by the proxy {proxy}.",
                in_letters(domain)
            ))
            .hint("Change that one, or choose another domain or path here.");
        }
    }
    let mut told: Vec<String> = Vec::new();
    for engine in context.resolver.engines().iter() {
        for container in engine.mirror.snapshot().containers().iter().filter(|container| container.is_up()) {
            for (host, label) in claimed(container) {
                if spec.domains.iter().any(|domain| overlap(domain, &host)) {
                    told.push(format!(
                        "The container {} claims {} by its label {label}.",
                        container.name,
                        in_letters(&host)
                    ));
                }
            }
        }
    }
    if told.is_empty() {
        return Outcome::pass("Nobody else claims what it is for.");
    }
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0 {
        told.push(format!("So do {more} more."));
    }
    Outcome::warn(told.join(" ")).hint(
        "Another proxy reads such labels and serves the domain as well. Which one visitors reach depends on where the \
         domain leads and on the port: take the label away once this proxy is to serve it.",
    )
}
