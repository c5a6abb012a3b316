//! Takes a proxy through all steps.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::hints::Hints;
use super::names::Names;
use super::report::{Outcome, Report, Status, Step, StepKind};
use super::wire::Duplex;
use super::{conflict, dns, http, syntax, tcp, tls};
use crate::features::proxies::model::{ProxySpec, Scheme};
use crate::features::proxies::resolve::Resolver;
use crate::platform::clock::SharedClock;
use crate::platform::text;

/// The name of another proxy that claims a domain and a path.
pub type Claims = Arc<dyn Fn(&str, Option<&str>) -> Option<String> + Send + Sync>;

/// The addresses of this host.
pub type HostAddresses = Arc<dyn Fn() -> Vec<IpAddr> + Send + Sync>;

/// What a validation needs to know.
#[derive(Clone)]
pub struct Context {
    /// Where destinations are reached.
    pub resolver: Resolver,
    /// Which other proxy claims what.
    pub claims: Claims,
    /// Where this product listens, pages and gateway. An unspecified address stands for every address of this host.
    pub own_addresses: Arc<[SocketAddr]>,
    /// By which certificates expire.
    pub clock: SharedClock,
    /// Who is asked for names.
    pub names: Names,
    /// With which the public domains are compared.
    pub host_addresses: HostAddresses,
    /// Authorities that are trusted besides the public ones.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl Context {
    /// Asks this host for names and addresses, and trusts the public authorities.
    pub fn new(
        resolver: Resolver,
        claims: Claims,
        own_addresses: Arc<[SocketAddr]>,
        clock: SharedClock,
    ) -> Self {
        Self {
            resolver,
            claims,
            own_addresses,
            clock,
            names: Names::System,
            host_addresses: Arc::new(of_interfaces),
            authorities: Vec::new(),
        }
    }
}

fn of_interfaces() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().map(if_addrs::Interface::ip).collect()
}

/// How long things may take, and how many at once.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) dns: Duration,
    pub(super) tcp: Duration,
    pub(super) tls: Duration,
    /// For a second look, at what a port speaks instead.
    pub(super) probe: Duration,
    pub(super) http: Duration,
    /// For the body, once the head is there.
    pub(super) body: Duration,
    pub(super) total: Duration,
    pub(super) at_once: usize,
    /// How many may wait in line.
    pub(super) waiting: usize,
    /// How long they do.
    pub(super) wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            dns: seconds(5),
            tcp: seconds(5),
            tls: seconds(5),
            probe: seconds(2),
            http: seconds(10),
            body: seconds(3),
            total: seconds(30),
            at_once: 4,
            waiting: 32,
            wait: seconds(20),
        }
    }
}

/// Says whether a proxy will work. Cheap to clone; clones wait in one line.
#[derive(Clone)]
pub struct Validator {
    context: Context,
    limits: Limits,
    running: Arc<Semaphore>,
    /// Those that run, and those that wait.
    admitted: Arc<Semaphore>,
}

impl Validator {
    /// Ready to run.
    pub fn new(context: Context) -> Self {
        Self::with_limits(context, Limits::default())
    }

    pub(super) fn with_limits(context: Context, limits: Limits) -> Self {
        let running = Arc::new(Semaphore::new(limits.at_once));
        let admitted = Arc::new(Semaphore::new(limits.at_once + limits.waiting));
        Self { context, limits, running, admitted }
    }

    /// The same one with other claims: those that leave out the proxy that is changed, say.
    #[must_use]
    pub fn claiming(&self, claims: Claims) -> Self {
        let mut other = self.clone();
        other.context.claims = claims;
        other
    }

    /// Takes a proxy through all steps, and calls `on_step` as soon as each has finished. What needs no network is told
    /// at once; for the rest only a few run at a time, and those that follow wait in line. To end it early, drop it.
    pub async fn run(&self, spec: &ProxySpec, on_step: impl FnMut(&Step)) -> Report {
        let mut run = Run::new(on_step);
        if !run.done(StepKind::Syntax, syntax::check(spec, &self.context.own_addresses))
            || !run.done(StepKind::Conflict, conflict::check(&self.context, spec))
        {
            return run.report();
        }
        let turn = async {
            let admitted = self.admitted.try_acquire().ok()?;
            let running = timeout(self.limits.wait, self.running.acquire()).await.ok()?.ok()?;
            Some((admitted, running))
        };
        let Some(_turn) = turn.await else {
            let busy = "Many proxies are being checked at the moment, and this one was not.";
            run.done(StepKind::Dns, Outcome::fail(busy).hint("Check it again in a moment."));
            return run.report();
        };
        // What was spent in line is no part of a step.
        run.since = Instant::now();
        if timeout(self.limits.total, self.outside(spec, &mut run)).await.is_err() {
            let within = text::duration(self.limits.total.as_secs().try_into().unwrap_or(i64::MAX));
            let next = run.next().unwrap_or(StepKind::Http);
            let late = format!("The check as a whole took more than {within} and was ended.");
            run.done(next, Outcome::fail(late).hint("Is the destination, or the network, overloaded?"));
        }
        run.report()
    }

    /// The steps that go out.
    async fn outside(&self, spec: &ProxySpec, run: &mut Run<impl FnMut(&Step)>) {
        let (context, limits) = (&self.context, &self.limits);
        let hints = Hints::new(context, spec);
        let (outcome, addresses) = dns::check(context, limits, spec, &hints).await;
        if !run.done(StepKind::Dns, outcome) {
            return;
        }
        let (outcome, connected) = tcp::check(context, limits.tcp, &addresses, &hints).await;
        run.done(StepKind::Tcp, outcome);
        let Some((stream, address)) = connected else { return };
        let stream: Box<dyn Duplex> = match spec.destination.scheme {
            Scheme::Http => {
                run.done(StepKind::Tls, Outcome::skip("The destination speaks plain http."));
                Box::new(stream)
            }
            Scheme::Https => {
                let (outcome, stream) = tls::check(context, limits, spec, (stream, address), &hints).await;
                run.done(StepKind::Tls, outcome);
                let Some(stream) = stream else { return };
                Box::new(stream)
            }
        };
        run.done(StepKind::Http, http::check(limits, spec, stream, address, &hints).await);
    }
}

/// The steps so far.
struct Run<F> {
    steps: Vec<Step>,
    on_step: F,
    /// When the step that is being taken began.
    since: Instant,
}

impl<F: FnMut(&Step)> Run<F> {
    fn new(on_step: F) -> Self {
        Self { steps: Vec::with_capacity(StepKind::ALL.len()), on_step, since: Instant::now() }
    }

    /// Takes a step down and tells it; says whether the next can be taken.
    fn done(&mut self, kind: StepKind, outcome: Outcome) -> bool {
        let now = Instant::now();
        let took = now.duration_since(std::mem::replace(&mut self.since, now));
        let step = outcome.step(kind, u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        (self.on_step)(&step);
        let good = step.status != Status::Fail;
        self.steps.push(step);
        good
    }

    fn next(&self) -> Option<StepKind> {
        StepKind::ALL.get(self.steps.len()).copied()
    }

    /// All steps: those that were not taken say why.
    fn report(mut self) -> Report {
        let failed =
            self.steps.iter().find(|step| step.status == Status::Fail).map(|step| step.step.as_str());
        let why = format!("Not tried: the step {} failed.", failed.unwrap_or("before"));
        while let Some(next) = self.next() {
            self.done(next, Outcome::skip(why.clone()));
        }
        Report::of(self.steps)
    }
}
