//! The stub engine of the tests with many containers, and a line whenever it was asked to inspect some.

use std::time::Duration;

use crate::measure::now_us;
use crate::stub::{Endpoint, Stub};
use crate::stub_answers::Fake;

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value_t = 30)]
    running: usize,
    #[arg(long, default_value_t = 30_000)]
    stopped: usize,
    /// Since how many days the stopped ones are so
    #[arg(long, default_value_t = 3)]
    days: i64,
}

pub fn run(args: &Args) {
    let running = (1..=args.running).map(|n| labelled(Fake::running(&format!("web-{n}")), "web", n));
    let ended = |n| Fake::exited(&format!("job-{n}")).ended_days_ago(args.days);
    let stopped = (1..=args.stopped).map(|n| labelled(ended(n), "job", n));
    let stub = Stub::start(running.chain(stopped).collect());
    stub.take_stats_every(Duration::from_secs(1));
    println!("host {}", stub.host());
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let inspected = stub.asked(Endpoint::Inspect);
        if inspected != before {
            println!("inspected {inspected} {}", now_us());
            before = inspected;
        }
    }
}

/// In Compose projects of ten, like the containers of the real engine.
fn labelled(fake: Fake, service: &str, n: usize) -> Fake {
    fake.label("com.docker.compose.project", &format!("shop{}", n / 10))
        .label("com.docker.compose.service", &format!("{service}{}", n % 10))
        .label("com.docker.compose.container-number", "1")
        .label("org.example.team", &format!("team{}", n % 7))
}
