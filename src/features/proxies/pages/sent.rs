//! The form of a proxy: what it shows, and what it sends.

use std::collections::BTreeMap;

use crate::features::proxies::body::{
    CheckBody, DestinationBody, HeadersBody, OptionsBody, ProxyBody, UserBody, Wrong,
};
use crate::features::proxies::diff::is_secret_header;
use crate::features::proxies::domain::in_letters;
use crate::features::proxies::model::{HeaderChanges, ProxySpec, Target};
use crate::features::proxies::resolve::Resolver;
use crate::platform::units::{parse_size, write_duration, write_size};

/// What stands in a secret header's place; sent back, it stays.
const SECRET: &str = "(unchanged)";

/// What was typed, by field; as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(BTreeMap<String, String>);

impl Sent {
    /// What a form sent.
    pub(super) fn of(typed: BTreeMap<String, String>) -> Self {
        Self(typed)
    }

    /// What a proxy looks like in the form.
    pub(super) fn showing(spec: &ProxySpec, version: Option<i64>) -> Self {
        let mut all = BTreeMap::new();
        let mut set = |name: &str, value: String| drop(all.insert(name.to_owned(), value));
        let seconds = |n: u32| write_duration(std::time::Duration::from_secs(u64::from(n)));
        let domains: Vec<String> = spec.domains.iter().map(|domain| in_letters(domain)).collect();
        set("domains", domains.join(", "));
        set("path", spec.path.clone().unwrap_or_default());
        set("destination.scheme", spec.destination.scheme.as_str().to_owned());
        let (Target::Host(to) | Target::Container(to)) = &spec.destination.target;
        set("to", to.clone());
        if spec.destination.port > 0 {
            set("destination.port", spec.destination.port.to_string());
        }
        let options = &spec.options;
        for (name, on) in [
            ("options.websockets", options.websockets),
            ("options.strip_path", options.strip_path),
            ("options.http2", options.http2),
            ("options.verify_tls", options.verify_tls),
            ("options.own_host", options.own_host),
            ("options.maintenance", options.maintenance),
            ("check.enabled", spec.check.enabled),
        ] {
            set(name, on.to_string());
        }
        set("options.maintenance_message", options.maintenance_message.clone());
        set("options.body_limit", options.body_limit.map(write_size).unwrap_or_default());
        set("options.max_concurrent", options.max_concurrent.map(|n| n.to_string()).unwrap_or_default());
        set("options.connect_timeout", seconds(options.connect_timeout));
        set("options.response_timeout", seconds(options.response_timeout));
        set("options.idle_timeout", seconds(options.idle_timeout));
        set("options.tunnel_timeout", seconds(options.tunnel_timeout));
        let names: Vec<&str> = options.basic_auth.iter().map(|user| user.name.as_str()).collect();
        set("options.basic_auth", names.join("\n"));
        set("options.allow", options.allow.join("\n"));
        set("options.deny", options.deny.join("\n"));
        for (name, changes) in [
            ("options.request_headers", &options.request_headers),
            ("options.response_headers", &options.response_headers),
        ] {
            set(name, header_lines(changes));
        }
        set("check.path", spec.check.path.clone());
        set("check.expect", spec.check.expect.clone());
        set("check.interval", seconds(spec.check.interval));
        set("check.timeout", seconds(spec.check.timeout));
        set("notes", spec.notes.clone());
        set("tags", spec.tags.join(", "));
        if let Some(version) = version {
            set("version", version.to_string());
        }
        Self(all)
    }

    /// What stands in a field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether a box is ticked.
    pub(super) fn on(&self, name: &str) -> bool {
        self.get(name) == "true"
    }

    /// Puts something into a field.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// What cannot even be read of it, by field.
    pub(super) fn unreadable(&self, base: &ProxySpec) -> Wrong {
        let mut wrong = Wrong::new();
        let mut refuse = |field: &'static str, why: String| drop(wrong.insert(field.into(), why));
        let typed = |name: &str| self.get(name).trim().to_owned();
        let port = typed("destination.port");
        if self.0.contains_key("destination.port") && port.parse::<i64>().is_err() {
            refuse("destination.port", format!("Takes a port from 1 to 65535, not {port:?}."));
        }
        let limit = typed("options.body_limit");
        if !limit.is_empty() && parse_size(&limit).is_none() {
            refuse(
                "options.body_limit",
                format!("Takes a size, such as 10 MB, not {limit:?}; empty for any size."),
            );
        }
        let most = typed("options.max_concurrent");
        if !most.is_empty() && most.parse::<u32>().is_err() {
            refuse(
                "options.max_concurrent",
                format!("Takes a whole number, not {most:?}; empty for any number."),
            );
        }
        for (field, base) in [
            ("options.request_headers", &base.options.request_headers),
            ("options.response_headers", &base.options.response_headers),
        ] {
            for line in self.get(field).lines().map(str::trim).filter(|line| !line.is_empty()) {
                match line.split_once(':') {
                    None if line.starts_with('-') => {}
                    None => refuse(
                        field,
                        format!(
                            "{line:?} is no header: type Name: value to set one, -Name to take one away."
                        ),
                    ),
                    Some((name, value)) if value.trim() == SECRET && known(base, name.trim()).is_none() => {
                        refuse(
                            field,
                            format!("The value of {} is not known here: type it again.", name.trim()),
                        );
                    }
                    Some(_) => {}
                }
            }
        }
        wrong
    }

    /// What it says, for [`ProxyBody::over`]; `base` is what it was shown with.
    pub(super) fn body(&self, resolver: &Resolver, base: &ProxySpec) -> ProxyBody {
        let text = |name: &str| self.0.get(name).cloned();
        let flag = |name: &str| self.0.get(name).map(|value| value == "true");
        let lines = |name: &str| {
            self.0.get(name).map(|text| {
                text.split(['\n', ','])
                    .map(|line| line.trim().to_owned())
                    .filter(|line| !line.is_empty())
                    .collect()
            })
        };
        // What is no number is told by [`Sent::unreadable`].
        let port = self.0.get("destination.port").map(|port| port.trim().parse().unwrap_or(-1));
        ProxyBody {
            domains: lines("domains"),
            path: text("path"),
            destination: Some(self.destination(resolver, base, port)),
            provider: None,
            tls: None,
            enabled: None,
            options: Some(OptionsBody {
                websockets: flag("options.websockets"),
                strip_path: flag("options.strip_path"),
                http2: flag("options.http2"),
                verify_tls: flag("options.verify_tls"),
                own_host: flag("options.own_host"),
                request_headers: self.headers("options.request_headers", &base.options.request_headers),
                response_headers: self.headers("options.response_headers", &base.options.response_headers),
                body_limit: self.0.get("options.body_limit").map(|text| parse_size(text.trim()).unwrap_or(0)),
                connect_timeout: text("options.connect_timeout"),
                response_timeout: text("options.response_timeout"),
                idle_timeout: text("options.idle_timeout"),
                tunnel_timeout: text("options.tunnel_timeout"),
                max_concurrent: self
                    .0
                    .get("options.max_concurrent")
                    .map(|text| text.trim().parse().unwrap_or(0)),
                basic_auth: self.0.get("options.basic_auth").map(|text| users(text)),
                allow: lines("options.allow"),
                deny: lines("options.deny"),
                maintenance: flag("options.maintenance"),
                maintenance_message: text("options.maintenance_message"),
            }),
            check: Some(CheckBody {
                enabled: flag("check.enabled"),
                path: text("check.path"),
                expect: text("check.expect"),
                interval: text("check.interval"),
                timeout: text("check.timeout"),
                ..CheckBody::default()
            }),
            notes: text("notes"),
            tags: lines("tags"),
            force: self.on("force"),
            version: self.0.get("version").and_then(|version| version.parse().ok()),
        }
    }

    fn destination(&self, resolver: &Resolver, base: &ProxySpec, port: Option<i64>) -> DestinationBody {
        let to = self.get("to").trim();
        let bare = to.trim_start_matches('/');
        let was_container = matches!(&base.destination.target, Target::Container(name) if name == bare);
        // It stays what it was, whatever is called like it by now.
        let was_host = matches!(&base.destination.target, Target::Host(host) if host == to);
        let is_service = bare.contains('/') && !bare.contains("://");
        let is_container = was_container || !was_host && (is_service || resolver.container(bare).is_some());
        let (host, container) = if is_container { (None, Some(bare)) } else { (Some(to), None) };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        DestinationBody {
            scheme: self.0.get("destination.scheme").cloned(),
            host: owned(host),
            container: owned(container),
            port,
        }
    }

    fn headers(&self, name: &str, base: &HeaderChanges) -> Option<HeadersBody> {
        let text = self.0.get(name)?;
        let mut body = HeadersBody::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once(':') {
                None => body.remove.push(line.trim_start_matches('-').trim().to_owned()),
                Some((name, value)) => {
                    let (name, value) = (name.trim(), value.trim());
                    let kept = known(base, name).filter(|_| value == SECRET);
                    body.set.insert(name.to_owned(), kept.unwrap_or(value).to_owned());
                }
            }
        }
        Some(body)
    }
}

/// The value that a header is set to, whatever the case of its name.
fn known<'a>(changes: &'a HeaderChanges, name: &str) -> Option<&'a str> {
    let found = changes.set.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// `name` keeps its password, `name:password` sets one.
fn users(text: &str) -> Vec<UserBody> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once(':') {
            Some((name, password)) => {
                UserBody { name: name.trim().to_owned(), password: Some(password.to_owned()) }
            }
            None => UserBody { name: line.to_owned(), password: None },
        })
        .collect()
}

/// `Name: value` sets, `-Name` removes.
fn header_lines(changes: &HeaderChanges) -> String {
    let set = changes.set.iter().map(|(name, value)| {
        let shown = if is_secret_header(name) { SECRET } else { value };
        format!("{name}: {shown}")
    });
    set.chain(changes.remove.iter().map(|name| format!("-{name}"))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::Engines;
    use crate::features::proxies::model::{BasicUser, Destination, Scheme};

    #[test]
    fn what_is_shown_and_sent_back_changes_nothing() {
        let mut spec = ProxySpec {
            domains: vec!["xn--bcher-kva.example".into(), "*.a.test".into()],
            path: Some("/app".into()),
            destination: Destination {
                scheme: Scheme::Https,
                target: Target::Container("shop/web".into()),
                port: 8443,
            },
            notes: "mine".into(),
            tags: vec!["a".into(), "b".into()],
            ..ProxySpec::default()
        };
        spec.options.basic_auth = vec![BasicUser { name: "ada".into(), password_hash: "hash".into() }];
        spec.options.request_headers.set.insert("Authorization".into(), "Bearer hush".into());
        spec.options.request_headers.remove = vec!["X-Powered-By".into()];
        spec.options.allow = vec!["10.0.0.0/8".into()];
        spec.options.body_limit = Some(10_000_000);
        spec.options.verify_tls = false;
        let sent = Sent::showing(&spec, Some(3));
        assert!(!format!("{sent:?}").contains("hush"), "{sent:?}");
        let resolver = Resolver::new(Engines::new(Vec::new()), None);
        let body = sent.body(&resolver, &spec);
        assert_eq!(body.version, Some(3));
        assert_eq!(body.over(&spec).unwrap().spec, spec);
    }
}
