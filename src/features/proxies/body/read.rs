//! Checks what was sent, field by field.

use ipnet::IpNet;

use super::words::{container, header};
use super::{CheckBody, DestinationBody, HeadersBody, OptionsBody, ProxyBody, UserBody, Wrong};
use crate::features::proxies::domain;
use crate::features::proxies::model::{
    BasicUser, Check, Destination, GATEWAY, HeaderChanges, Options, ProxySpec, Scheme, Target, ranges,
};
use crate::platform::addresses::is_forbidden;
use crate::platform::units::parse_duration;

const MOST_DOMAINS: usize = 50;
const MOST_HEADERS: usize = 50;
const MOST_USERS: usize = 50;
const MOST_NETWORKS: usize = 200;
const MOST_TAGS: usize = 20;

/// Reads a body, and collects what is wrong with it.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) wrong: Wrong,
    pub(super) passwords: Vec<(String, String)>,
}

impl Reader {
    fn refuse(&mut self, field: &'static str, why: impl Into<String>) {
        self.wrong.entry(field.into()).or_insert_with(|| crate::platform::text::capital(&why.into()));
    }

    fn take<T>(&mut self, field: &'static str, read: Result<T, String>) -> Option<T> {
        read.map_err(|why| self.refuse(field, why)).ok()
    }

    pub(super) fn spec(&mut self, body: &ProxyBody, base: &ProxySpec) -> ProxySpec {
        let mut spec = base.clone();
        if let Some(domains) = &body.domains {
            spec.domains = self.domains(domains);
        }
        if spec.domains.is_empty() {
            self.refuse("domains", "takes at least one domain, such as blog.example.org.");
        }
        if let Some(path) = &body.path
            && let Some(path) = self.take("path", domain::path(path))
        {
            spec.path = path;
        }
        match &body.destination {
            Some(destination) => spec.destination = self.destination(destination, &base.destination),
            None if base.destination.port == 0 => {
                self.refuse("destination.host", "takes a name or an address, or choose a container.");
            }
            None => {}
        }
        if let Some(provider) = &body.provider {
            if provider == GATEWAY {
                spec.provider = provider.clone();
            } else {
                self.refuse("provider", "takes gateway: no other provider is set up.");
            }
        }
        if let Some(tls) = &body.tls {
            if tls == "off" {
                spec.tls = tls.clone();
            } else {
                self.refuse("tls", "takes off: the gateway serves plain http in this version.");
            }
        }
        if let Some(options) = &body.options {
            self.options(options, &mut spec.options);
        }
        if let Some(check) = &body.check {
            self.check(check, &mut spec.check);
        }
        if let Some(notes) = &body.notes {
            spec.notes = self.text("notes", notes, 4_000);
        }
        if let Some(tags) = &body.tags {
            spec.tags = self.tags(tags);
        }
        spec
    }

    fn domains(&mut self, typed: &[String]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for one in typed.iter().filter(|one| !one.trim().is_empty()) {
            match domain::domain(one) {
                Ok(domain) if found.contains(&domain) => {}
                Ok(domain) => found.push(domain),
                Err(why) => self.refuse("domains", why),
            }
        }
        if found.len() > MOST_DOMAINS {
            self.refuse("domains", format!("takes {MOST_DOMAINS} domains at most."));
        }
        found
    }

    fn destination(&mut self, body: &DestinationBody, base: &Destination) -> Destination {
        let scheme = match body.scheme.as_deref() {
            None => base.scheme,
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) => {
                self.refuse("destination.scheme", "takes http or https.");
                base.scheme
            }
        };
        let named = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
        };
        let target = match (named(&body.host), named(&body.container)) {
            (Some(_), Some(_)) => {
                self.refuse("destination.container", "is instead of a host: give one of the two.");
                base.target.clone()
            }
            (_, Some(name)) => match container(&name) {
                Ok(name) => Target::Container(name),
                Err(why) => {
                    self.refuse("destination.container", why);
                    base.target.clone()
                }
            },
            (Some(host), None) => match domain::host(&host) {
                Ok(host) if host.parse().is_ok_and(is_forbidden) => {
                    self.refuse("destination.host", format!("{host} is link-local: nothing may lead there."));
                    base.target.clone()
                }
                Ok(host) => Target::Host(host),
                Err(why) => {
                    self.refuse("destination.host", why);
                    base.target.clone()
                }
            },
            (None, None) if base.port != 0 => base.target.clone(),
            (None, None) => {
                self.refuse("destination.host", "takes a name or an address, or choose a container.");
                base.target.clone()
            }
        };
        let port = match body.port {
            None if base.port != 0 => base.port,
            None => {
                self.refuse("destination.port", "takes a port from 1 to 65535.");
                0
            }
            Some(port) => match u16::try_from(port).ok().filter(|port| *port > 0) {
                Some(port) => port,
                None => {
                    self.refuse("destination.port", format!("takes a port from 1 to 65535, not {port}."));
                    0
                }
            },
        };
        Destination { scheme, target, port }
    }

    fn options(&mut self, body: &OptionsBody, options: &mut Options) {
        let set = |to: &mut bool, from: Option<bool>| *to = from.unwrap_or(*to);
        set(&mut options.websockets, body.websockets);
        set(&mut options.strip_path, body.strip_path);
        set(&mut options.http2, body.http2);
        set(&mut options.verify_tls, body.verify_tls);
        set(&mut options.own_host, body.own_host);
        set(&mut options.maintenance, body.maintenance);
        if let Some(headers) = &body.request_headers {
            options.request_headers = self.headers("options.request_headers", headers);
        }
        if let Some(headers) = &body.response_headers {
            options.response_headers = self.headers("options.response_headers", headers);
        }
        if let Some(limit) = body.body_limit {
            options.body_limit = (limit > 0).then_some(limit);
        }
        if let Some(most) = body.max_concurrent {
            options.max_concurrent = (most > 0).then_some(most);
        }
        self.seconds(
            "options.connect_timeout",
            body.connect_timeout.as_deref(),
            1..=60,
            &mut options.connect_timeout,
        );
        self.seconds(
            "options.response_timeout",
            body.response_timeout.as_deref(),
            1..=3_600,
            &mut options.response_timeout,
        );
        self.seconds(
            "options.idle_timeout",
            body.idle_timeout.as_deref(),
            1..=3_600,
            &mut options.idle_timeout,
        );
        self.seconds(
            "options.tunnel_timeout",
            body.tunnel_timeout.as_deref(),
            10..=86_400,
            &mut options.tunnel_timeout,
        );
        if let Some(users) = &body.basic_auth {
            options.basic_auth = self.users(users, &options.basic_auth);
        }
        if let Some(networks) = &body.allow {
            options.allow = self.networks("options.allow", networks);
        }
        if let Some(networks) = &body.deny {
            options.deny = self.networks("options.deny", networks);
        }
        if let Some(message) = &body.maintenance_message {
            options.maintenance_message = self.text("options.maintenance_message", message, 1_000);
        }
    }

    fn check(&mut self, body: &CheckBody, check: &mut Check) {
        check.enabled = body.enabled.unwrap_or(check.enabled);
        if let Some(path) = &body.path {
            let path = path.trim();
            let odd =
                path.len() > 500 || path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#');
            match path {
                "" => check.path = "/".to_owned(),
                path if path.starts_with('/') && !odd => check.path = path.to_owned(),
                _ => self.refuse("check.path", "takes a path, such as /health."),
            }
        }
        if let Some(method) = &body.method {
            match method.to_ascii_uppercase().as_str() {
                method @ ("GET" | "HEAD") => check.method = method.to_owned(),
                _ => self.refuse("check.method", "takes GET or HEAD."),
            }
        }
        if let Some(expect) = &body.expect {
            match ranges(expect) {
                Some(_) => check.expect = expect.trim().to_owned(),
                None => self.refuse("check.expect", "takes status codes, such as 200-399, 401."),
            }
        }
        self.seconds("check.interval", body.interval.as_deref(), 5..=86_400, &mut check.interval);
        self.seconds("check.timeout", body.timeout.as_deref(), 1..=60, &mut check.timeout);
        self.times("check.failures", body.failures, &mut check.failures);
        self.times("check.successes", body.successes, &mut check.successes);
    }

    fn times(&mut self, field: &'static str, sent: Option<u32>, to: &mut u32) {
        match sent {
            None => {}
            Some(n @ 1..=100) => *to = n,
            Some(_) => self.refuse(field, "takes a whole number from 1 to 100."),
        }
    }

    fn seconds(
        &mut self,
        field: &'static str,
        typed: Option<&str>,
        range: std::ops::RangeInclusive<u32>,
        to: &mut u32,
    ) {
        let Some(typed) = typed else { return };
        let seconds = parse_duration(typed.trim()).and_then(|time| u32::try_from(time.as_secs()).ok());
        match seconds.filter(|seconds| range.contains(seconds)) {
            Some(seconds) => *to = seconds,
            None => self.refuse(
                field,
                format!("takes a duration from {}s to {}s, such as {}s.", range.start(), range.end(), to),
            ),
        }
    }

    fn headers(&mut self, field: &'static str, body: &HeadersBody) -> HeaderChanges {
        if body.set.len() + body.remove.len() > MOST_HEADERS {
            self.refuse(field, format!("takes {MOST_HEADERS} headers at most."));
        }
        let mut changes = HeaderChanges::default();
        for (name, value) in &body.set {
            match header(name).and_then(|name| {
                let fine = value.len() <= 4_000 && value.parse::<hyper::header::HeaderValue>().is_ok();
                if fine {
                    Ok(name)
                } else {
                    Err(format!("the value of {name} has characters that no header takes."))
                }
            }) {
                Ok(name) => drop(changes.set.insert(name, value.clone())),
                Err(why) => self.refuse(field, why),
            }
        }
        for name in &body.remove {
            match header(name) {
                Ok(name) => changes.remove.push(name),
                Err(why) => self.refuse(field, why),
            }
        }
        changes
    }

    fn users(&mut self, sent: &[UserBody], known: &[BasicUser]) -> Vec<BasicUser> {
        const FIELD: &str = "options.basic_auth";
        let mut users: Vec<BasicUser> = Vec::new();
        for user in sent {
            let name = user.name.trim();
            let odd = name.is_empty() || name.len() > 100 || name.contains([':', '\n', '\r']);
            if odd || users.iter().any(|known| known.name == name) {
                self.refuse(FIELD, format!("takes each name once, without a colon: {name:?} is not one."));
                continue;
            }
            let kept = known.iter().find(|known| known.name == name).map(|known| known.password_hash.clone());
            match (user.password.as_deref().filter(|password| !password.is_empty()), kept) {
                (Some(password), _) if password.len() > 200 => {
                    self.refuse(
                        FIELD,
                        format!("the password of {name} is too long: 200 characters at most."),
                    );
                }
                (Some(password), _) => {
                    self.passwords.push((name.to_owned(), password.to_owned()));
                    users.push(BasicUser { name: name.to_owned(), password_hash: String::new() });
                }
                (None, Some(password_hash)) => users.push(BasicUser { name: name.to_owned(), password_hash }),
                (None, None) => {
                    self.refuse(FIELD, format!("{name} has no password yet: type it as {name}:password."))
                }
            }
        }
        if users.len() > MOST_USERS {
            self.refuse(FIELD, format!("takes {MOST_USERS} users at most."));
        }
        users
    }

    fn networks(&mut self, field: &'static str, typed: &[String]) -> Vec<String> {
        if typed.len() > MOST_NETWORKS {
            self.refuse(field, format!("takes {MOST_NETWORKS} networks at most."));
        }
        let mut networks = Vec::new();
        for text in typed.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            let read = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
            match read {
                Ok(network) => networks.push(network.trunc().to_string()),
                Err(_) => {
                    self.refuse(field, format!("{text:?} is no network: it takes 10.0.0.0/8 or 192.168.1.7."))
                }
            }
        }
        networks
    }

    fn text(&mut self, field: &'static str, typed: &str, longest: usize) -> String {
        if typed.chars().count() > longest {
            self.refuse(field, format!("takes {longest} characters at most."));
        }
        typed.trim().replace("\r\n", "\n")
    }

    fn tags(&mut self, typed: &[String]) -> Vec<String> {
        let mut tags: Vec<String> =
            typed.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
        tags.sort_unstable();
        tags.dedup();
        if tags.len() > MOST_TAGS || tags.iter().any(|tag| tag.chars().count() > 40 || tag.contains(',')) {
            self.refuse(
                "tags",
                format!("takes {MOST_TAGS} tags at most, of 40 characters each, without a comma."),
            );
        }
        tags
    }
}
