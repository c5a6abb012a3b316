//! Where the public domains lead.

use super::support::{answering, at, context, dns, inside, of, report, running, says, whole};
use crate::features::proxies::validate::{Context, Status, Step, StepKind};

async fn found(mut context: Context, domains: &[&str]) -> Step {
    let backend = answering(whole("200 OK", "", "")).await;
    context.names = dns(&[
        ("here.example.org", [192, 0, 2, 1]),
        ("blog.example.org", [203, 0, 113, 9]),
        ("docker-watcher-check.wild.example.org", [192, 0, 2, 1]),
    ])
    .await;
    let mut spec = at(backend);
    spec.domains = domains.iter().map(ToString::to_string).collect();
    of(&report(context, &spec).await, StepKind::Dns)
}

#[tokio::test]
async fn a_domain_that_points_to_this_host_passes() {
    let step = found(context(Vec::new()), &["here.example.org"]).await;
    says(&step, Status::Pass, "here.example.org points to this host (192.0.2.1).", "");
}

#[tokio::test]
async fn a_domain_that_points_elsewhere_is_fine_behind_a_router() {
    let step = found(context(Vec::new()), &["here.example.org", "blog.example.org"]).await;
    says(
        &step,
        Status::Warn,
        "blog.example.org points to 203.0.113.9, which is not an address of this host.",
        "fine behind a router",
    );
    assert!(!step.detail.contains("here.example.org"), "what is well needs no sentence: {step:?}");
}

#[tokio::test]
async fn a_domain_that_leads_nowhere_wants_a_record() {
    let step = found(context(Vec::new()), &["new.example.org"]).await;
    says(&step, Status::Warn, "new.example.org leads nowhere yet", "Add an A or AAAA record");
}

#[tokio::test]
async fn a_wildcard_is_asked_for_by_a_name_below_it() {
    let step = found(context(Vec::new()), &["*.wild.example.org"]).await;
    says(&step, Status::Pass, "*.wild.example.org points to this host", "");
    let step = found(context(Vec::new()), &["*.none.example.org"]).await;
    says(&step, Status::Warn, "leads nowhere yet", "wildcard record");
}

#[tokio::test]
async fn localhost_and_addresses_need_no_dns() {
    let step = found(context(Vec::new()), &["blog.localhost"]).await;
    says(&step, Status::Pass, "is the machine of whoever asks", "");
    let step = found(context(Vec::new()), &["192.0.2.1", "[::1]"]).await;
    says(&step, Status::Pass, "[::1] points to this host", "");
}

#[tokio::test]
async fn inside_a_container_nothing_is_claimed_of_the_host() {
    let own = running("dw", "172.17.0.9", &[]);
    let id = own.id.to_string();
    let step = found(inside(vec![own], Some(&id)), &["blog.example.org"]).await;
    says(&step, Status::Pass, "points to 203.0.113.9; from inside a container", "");
}
