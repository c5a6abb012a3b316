//! What templates show of a container: words, marks and addresses, prepared.

use std::fmt::Write;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::docker::types::{Container, Health, Port, State};
use crate::platform::clock::rfc3339;
use crate::platform::text;

/// How many ports a row shows.
const PORTS_SHOWN: usize = 3;
/// Names and images longer than this keep their last characters when the cell is too narrow.
const TAIL: usize = 10;

/// A text that keeps both ends when there is no room for it.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoEnds {
    /// Shrinks.
    pub head: String,
    /// Stays; empty for a short text.
    pub tail: String,
}

impl TwoEnds {
    /// A name keeps its last characters.
    pub fn of(text: &str) -> Self {
        Self::split(text, TAIL)
    }

    fn split(text: &str, tail: usize) -> Self {
        let characters = text.chars().count();
        // Right-to-left and joined scripts do not survive being taken apart.
        if characters < 24 || tail >= characters || !text.is_ascii() {
            return Self { head: text.to_owned(), tail: String::new() };
        }
        let (head, tail) = text.split_at(text.len() - tail);
        Self { head: head.to_owned(), tail: tail.to_owned() }
    }

    /// An image keeps its tag.
    pub fn of_image(image: &str) -> Self {
        let tag = image
            .rsplit('/')
            .next()
            .and_then(|last| last.split_once(':'))
            .map_or(0, |(_, tag)| tag.len() + 1);
        match tag {
            0 => Self::of(image),
            _ => Self::split(image, tag.min(24)),
        }
    }
}

/// A state as a mark, a word and a tone.
#[derive(Debug, Clone, PartialEq)]
pub struct StateView {
    /// The icon's name; empty for a text without a mark.
    pub icon: &'static str,
    /// `ok`, `warn`, `bad`, `info` or `idle`.
    pub tone: &'static str,
    /// What to read.
    pub word: String,
}

/// A port as a row shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct PortView {
    /// `:8080`
    pub text: String,
    /// Where it leads; empty when it leads nowhere from here.
    pub href: String,
    /// What it is, whole.
    pub title: String,
}

/// A time that a state has lasted since.
#[derive(Debug, Clone, PartialEq)]
pub struct Since {
    /// For machines.
    pub rfc3339: String,
    /// Exactly.
    pub exact: String,
    /// In words.
    pub words: String,
    /// What stands behind the words: ` ago`, or nothing.
    pub suffix: &'static str,
}

impl Since {
    /// The time from `at` until now.
    pub fn new(at: Timestamp, now: Timestamp, suffix: &'static str) -> Self {
        Self { rfc3339: rfc3339(at), exact: text::exact(at), words: text::between(at, now), suffix }
    }
}

/// The id of a container's row: engine and short id.
pub fn dom_id(container: &Container) -> String {
    format!("c-{}-{}", container.engine, container.short_id())
}

/// The state of a container; trouble of its health goes before "running".
pub fn state(container: &Container) -> StateView {
    let view = |icon, tone, word: &str| StateView { icon, tone, word: word.to_owned() };
    match (container.state, container.health) {
        (State::Running, Health::Unhealthy) => view("s-warn", "warn", "Unhealthy"),
        (State::Running, _) => view("s-run", "ok", "Running"),
        (State::Paused, _) => view("s-pause", "idle", "Paused"),
        (State::Restarting, _) => view("s-start", "info", "Restarting"),
        (State::Created, _) if container.facts.error.is_some() => view("s-bad", "bad", "Failed to start"),
        (State::Created, _) => view("s-off", "idle", "Created"),
        (State::Removing, _) => view("s-start", "info", "Being removed"),
        (State::Stopping, _) => view("s-start", "info", "Stopping"),
        (State::Dead, _) => view("s-bad", "bad", "Dead"),
        (State::Unknown, _) => view("s-off", "idle", "Unknown state"),
        (State::Exited, _) => match container.facts.exit_code {
            _ if container.facts.oom_killed => view("s-bad", "bad", &exited(container)),
            // 0, and what a stop or a kill leaves behind: nothing to look at.
            None | Some(0 | 130 | 137 | 143) => view("s-off", "idle", &exited(container)),
            Some(_) => view("s-bad", "bad", &exited(container)),
        },
    }
}

fn exited(container: &Container) -> String {
    container.facts.exit_code.map_or("Exited".to_owned(), |code| format!("Exited ({code})"))
}

/// What the health check says, where there is one.
pub fn health(health: Health) -> Option<StateView> {
    let (icon, tone, word) = match health {
        Health::None => return None,
        Health::Healthy => ("s-run", "ok", "Healthy"),
        Health::Unhealthy => ("s-warn", "warn", "Unhealthy"),
        Health::Starting => ("s-start", "info", "Starting"),
    };
    Some(StateView { icon, tone, word: word.to_owned() })
}

/// Since when the state lasts, as far as known.
pub fn since(container: &Container, now: Timestamp) -> Option<Since> {
    let (at, suffix) = lasts(container);
    at.map(|at| Since::new(at, now, suffix))
}

pub(super) fn lasts(container: &Container) -> (Option<Timestamp>, &'static str) {
    let facts = &container.facts;
    match container.state {
        State::Running | State::Paused => (facts.started_at, ""),
        State::Created => (Some(container.created_at), " ago"),
        _ => (facts.finished_at, " ago"),
    }
}

/// The published ports (the same one on IPv4 and IPv6 once), and how many more there are.
pub fn ports(all: &[Port]) -> (Vec<PortView>, String) {
    let mut shown: Vec<PortView> = Vec::new();
    for port in all {
        let Some(host_port) = port.host_port else { continue };
        let view = published(port, host_port);
        if !shown.iter().any(|seen| seen.text == view.text && seen.href == view.href) {
            shown.push(view);
        }
    }
    let mut more = String::new();
    if shown.len() > PORTS_SHOWN {
        // Writing to a string cannot fail.
        let _written = write!(more, "+{}", shown.len() - PORTS_SHOWN);
        shown.truncate(PORTS_SHOWN);
    }
    (shown, more)
}

fn published(port: &Port, host_port: u16) -> PortView {
    let ip = port.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
    let address = match ip {
        Some(ip) if ip.is_loopback() => format!("{ip}, the host itself only"),
        Some(ip) if !ip.is_unspecified() => ip.to_string(),
        _ => "all addresses of the host".to_owned(),
    };
    let suffix = if port.protocol == "tcp" { String::new() } else { format!("/{}", port.protocol) };
    let href = match ip {
        _ if port.protocol != "tcp" => String::new(),
        Some(ip) if ip.is_loopback() => String::new(),
        Some(ip) if !ip.is_unspecified() => {
            let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
            format!("{}://{host}:{host_port}/", scheme(port.container_port, host_port))
        }
        // The browser knows the host by a name that we do not: the server asks the request.
        _ => format!(
            "/open/{host_port}{}",
            if scheme(port.container_port, host_port) == "https" { "?s=1" } else { "" }
        ),
    };
    PortView {
        text: format!(":{host_port}{suffix}"),
        href,
        title: format!("Port {host_port} on {address} leads to {}/{}", port.container_port, port.protocol),
    }
}

fn scheme(container_port: u16, host_port: u16) -> &'static str {
    if matches!(container_port, 443 | 8443 | 9443) || matches!(host_port, 443 | 8443 | 9443) {
        "https"
    } else {
        "http"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::containers::model::tests::container;

    fn port(container_port: u16, host_port: Option<u16>, ip: &str) -> Port {
        Port {
            container_port,
            protocol: "tcp".to_owned(),
            host_port,
            host_ip: Some(ip.to_owned()).filter(|ip| !ip.is_empty()),
        }
    }

    #[test]
    fn one_port_on_both_ip_versions_is_shown_once() {
        let (shown, more) =
            ports(&[port(80, Some(8080), "0.0.0.0"), port(80, Some(8080), "::"), port(53, None, "")]);
        assert_eq!(shown.len(), 1);
        assert_eq!((shown[0].text.as_str(), shown[0].href.as_str()), (":8080", "/open/8080"));
        assert!(more.is_empty());
    }

    #[test]
    fn a_port_of_the_host_itself_is_no_link() {
        let (shown, _) = ports(&[port(80, Some(8080), "127.0.0.1")]);
        assert!(shown[0].href.is_empty());
        assert!(shown[0].title.contains("the host itself only"));
    }

    #[test]
    fn an_image_keeps_its_tag_when_cut() {
        let ends = TwoEnds::of_image("ghcr.io/immich-app/immich-machine-learning:v2.3.1-openvino");
        assert_eq!(ends.tail, ":v2.3.1-openvino");
        assert_eq!(TwoEnds::of_image("nginx:1").tail, "");
        assert_eq!(TwoEnds::of(&"ש".repeat(63)).tail, "", "not taken apart");
    }

    #[test]
    fn what_was_stopped_on_purpose_is_not_red() {
        let mut stopped = container("web", "nginx", State::Exited);
        stopped.facts.exit_code = Some(143);
        assert_eq!(state(&stopped).tone, "idle");
        stopped.facts.exit_code = Some(1);
        assert_eq!(state(&stopped).tone, "bad");
        stopped.facts.exit_code = Some(137);
        stopped.facts.oom_killed = true;
        assert_eq!(state(&stopped).tone, "bad");
    }
}
