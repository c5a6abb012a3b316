//! Whether a proxy works: checked before it is saved, and again when somebody asks.

use std::sync::{Arc, PoisonError};

use super::model::{Proxy, ProxySpec};
use super::service::Proxies;
use super::validate::{Report, Step};

impl Proxies {
    /// Says whether what is wanted would work; `not` is the proxy that it changes.
    pub async fn validate(&self, spec: &ProxySpec, not: Option<i64>, on_step: impl FnMut(&Step)) -> Report {
        let all = self.all.clone();
        let claims = Arc::new(move |domain: &str, path: Option<&str>| {
            let all = all.load();
            claimed(&all, domain, path, not).map(|proxy| format!("{} (number {})", proxy.name(), proxy.id))
        });
        self.validator.claiming(claims).run(spec, on_step).await
    }

    /// Keeps what a check of a proxy has said, to be shown.
    pub fn note_report(&self, id: i64, report: Report) {
        // One that was deleted meanwhile has nothing to show.
        if self.get(id).is_none() {
            return;
        }
        let now = self.clock.now_ms();
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (now, report));
        self.tell();
    }

    /// What the last check of a proxy has said, and when (ms).
    pub fn report(&self, id: i64) -> Option<(i64, Report)> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

/// Another proxy that has a domain under the same path.
fn claimed<'a>(
    all: &'a [Arc<Proxy>],
    domain: &str,
    path: Option<&str>,
    not: Option<i64>,
) -> Option<&'a Arc<Proxy>> {
    all.iter().find(|proxy| {
        Some(proxy.id) != not
            && proxy.spec.path.as_deref() == path
            && proxy.spec.domains.iter().any(|known| known == domain)
    })
}
