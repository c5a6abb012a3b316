//! Parts that several pages show.

use crate::features::containers::view::TwoEnds;
use crate::features::proxies::domain::in_letters;
use crate::features::proxies::model::{Applied, AppliedStatus, Destination, Proxy, Target};
use crate::features::proxies::service::Proxies;

/// A domain, and where a browser finds it.
pub(super) struct DomainView {
    pub(super) text: String,
    pub(super) ends: TwoEnds,
    /// Empty for a wildcard, and when the gateway is off.
    pub(super) href: String,
}

/// The domains of a proxy.
pub(super) fn domains(proxies: &Proxies, proxy: &Proxy) -> Vec<DomainView> {
    let path = proxy.spec.path.as_deref().unwrap_or_default();
    let of = |domain: &String| {
        let text = format!("{}{path}", in_letters(domain));
        let href = match proxies.public_port {
            _ if domain.starts_with('*') => String::new(),
            None => String::new(),
            Some(80) => format!("http://{domain}{path}"),
            Some(port) => format!("http://{domain}:{port}{path}"),
        };
        DomainView { ends: TwoEnds::of(&text), text, href }
    };
    proxy.spec.domains.iter().map(of).collect()
}

/// How far a proxy is.
pub(super) struct StateView {
    pub(super) icon: &'static str,
    pub(super) tone: &'static str,
    pub(super) word: &'static str,
    /// Why; empty when there is nothing to say.
    pub(super) why: String,
}

pub(super) fn state(applied: Applied) -> StateView {
    let (icon, tone, word) = match (applied.status, applied.message.is_empty()) {
        (AppliedStatus::Applied, true) => ("s-run", "ok", "Served"),
        (AppliedStatus::Applied, false) => ("s-warn", "warn", "Leads nowhere"),
        (AppliedStatus::Pending, _) => ("s-start", "info", "Being applied"),
        (AppliedStatus::Failed, _) => ("s-bad", "bad", "Not served"),
        (AppliedStatus::Off, _) => ("s-off", "idle", "Off"),
    };
    StateView { icon, tone, word, why: applied.message }
}

/// Where a proxy leads.
pub(super) struct TargetView {
    /// Empty unless it is a container that is there.
    pub(super) container_id: String,
    pub(super) name: String,
    pub(super) port: u16,
    /// Empty for http.
    pub(super) scheme: &'static str,
}

pub(super) fn target(proxies: &Proxies, destination: &Destination) -> TargetView {
    let container_id = match &destination.target {
        Target::Host(_) => String::new(),
        Target::Container(name) => {
            proxies.resolver.container(name).map(|(_, found)| found.id.to_string()).unwrap_or_default()
        }
    };
    let (Target::Host(name) | Target::Container(name)) = &destination.target;
    let scheme = destination.scheme.as_str();
    TargetView {
        container_id,
        name: if name.contains(':') { format!("[{name}]") } else { name.clone() },
        port: destination.port,
        scheme: if scheme == "http" { "" } else { scheme },
    }
}

/// Where visitors come in, for the head of pages.
pub(super) fn entrance(proxies: &Proxies) -> String {
    match proxies.public_port {
        None => "The gateway is off".to_owned(),
        Some(port) => format!("Visitors come in by port {port}"),
    }
}
