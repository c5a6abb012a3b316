//! The domains that a container's labels claim for it, with other proxies. A careful reading of what is plain; what is
//! computed (regular expressions, templates) is left to those who compute it.

use crate::docker::types::Container;

/// The domains that a container claims, each with the label that says so.
pub(super) fn claimed(container: &Container) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let traefik = container.label("traefik.enable").is_none_or(|value| !value.eq_ignore_ascii_case("false"));
    for (label, value) in &container.labels {
        let hosts = if is_rule(label) && traefik {
            hosts_of_rule(value)
        } else if is_site(label) {
            hosts_of_sites(value)
        } else {
            continue;
        };
        found.extend(hosts.into_iter().map(|host| (host, label.to_string())));
    }
    found
}

/// The domains that a container claims with other proxies, each once.
pub fn domains_claimed(container: &Container) -> Vec<String> {
    let mut domains: Vec<String> = claimed(container).into_iter().map(|(domain, _)| domain).collect();
    domains.sort_unstable();
    domains.dedup();
    domains
}

/// The port that a container names to Traefik.
pub fn port_named(container: &Container) -> Option<u16> {
    let is_it = |label: &str| {
        label.starts_with("traefik.http.services.") && label.ends_with(".loadbalancer.server.port")
    };
    let found = container.labels.iter().find(|(label, _)| is_it(label));
    found.and_then(|(_, port)| port.trim().parse().ok())
}

fn is_rule(label: &str) -> bool {
    label.starts_with("traefik.http.routers.") && label.ends_with(".rule")
}

fn is_site(label: &str) -> bool {
    let number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    label == "caddy" || label.strip_prefix("caddy_").is_some_and(number)
}

/// The names in the `Host(…)` of a Traefik rule; those behind a `!` are not claimed.
fn hosts_of_rule(rule: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = rule;
    while let Some((before, after)) = rest.split_once("Host(") {
        let (inside, behind) = after.split_once(')').unwrap_or((after, ""));
        rest = behind;
        let before = before.trim_end();
        // `HeaderHost(` would be another matcher.
        if before.ends_with('!') || before.ends_with(|c: char| c.is_alphanumeric()) {
            continue;
        }
        let names = inside.split(',').map(|name| name.trim_matches(|c: char| "`'\" ".contains(c)));
        found.extend(names.filter(|name| !name.is_empty()).map(str::to_ascii_lowercase));
    }
    found
}

/// The names in the site addresses of caddy-docker-proxy.
fn hosts_of_sites(value: &str) -> Vec<String> {
    let host = |site: &str| {
        let bare = site.strip_prefix("https://").or_else(|| site.strip_prefix("http://")).unwrap_or(site);
        let host = bare.split(['/', ':']).next().unwrap_or_default();
        let plain = !host.is_empty() && !host.contains(['(', '{', '$']);
        plain.then(|| host.to_ascii_lowercase())
    };
    value.split([',', ' ', '\t', '\n']).filter_map(host).collect()
}

/// Whether one name stands for the other, or they are the same: `*.example.org` for `a.example.org`.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let covers = |wild: &str, name: &str| {
        let below = wild.strip_prefix('*');
        below.is_some_and(|below| below.len() < name.len() && name.ends_with(below))
    };
    one == other || covers(one, other) || covers(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_of_a_traefik_rule_are_read_with_care() {
        for (rule, hosts) in [
            ("Host(`Blog.example.org`)", vec!["blog.example.org"]),
            ("Host(`a.org`, `b.org`) && PathPrefix(`/x`)", vec!["a.org", "b.org"]),
            ("Host(\"a.org\") || Host('b.org')", vec!["a.org", "b.org"]),
            ("!Host(`a.org`) && Host(`b.org`)", vec!["b.org"]),
            ("HostRegexp(`.*`) || HostSNI(`a.org`)", vec![]),
            ("PathPrefix(`/Host`)", vec![]),
            ("Host(`a.org", vec!["a.org"]),
            ("Host()", vec![]),
        ] {
            assert_eq!(hosts_of_rule(rule), hosts, "{rule}");
        }
    }

    #[test]
    fn the_sites_of_caddy_are_split_and_bare() {
        assert_eq!(
            hosts_of_sites("https://A.org:8443, http://b.org/x c.org (snippet) {$HOST}"),
            ["a.org", "b.org", "c.org"]
        );
        assert!(is_site("caddy") && is_site("caddy_0"));
        assert!(!is_site("caddy.reverse_proxy") && !is_site("caddy_x") && !is_site("caddy_"));
    }

    #[test]
    fn a_wildcard_overlaps_with_what_it_stands_for() {
        assert!(overlap("*.example.org", "a.example.org") && overlap("a.example.org", "*.example.org"));
        assert!(overlap("a.org", "a.org"));
        assert!(!overlap("*.example.org", "example.org") && !overlap("a.org", "b.org"));
    }
}
