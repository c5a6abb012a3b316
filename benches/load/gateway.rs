//! The gateway alone: what it carries is measured beside nginx and Caddy.

use std::net::SocketAddr;
use std::sync::Arc;

use docker_watcher::gateway::{Gateway, GatewayConfig, Route, RouteOptions, Table, Upstream};
use docker_watcher::platform::clock::SystemClock;
use tokio_util::sync::CancellationToken;

#[derive(clap::Args)]
pub struct Args {
    #[arg(long)]
    listen: SocketAddr,
    /// Where every route leads
    #[arg(long)]
    upstream: SocketAddr,
    /// Routes for `h0.test`, `h1.test`…
    #[arg(long, default_value_t = 1)]
    routes: usize,
}

/// Serves until it is killed, on as many threads as it may use cores: like the product.
#[tokio::main]
pub async fn run(args: &Args) {
    let routes = (0..args.routes).map(|n| Route {
        id: format!("h{n}").into(),
        hosts: vec![format!("h{n}.test")],
        path: None,
        strip_prefix: false,
        upstream: Upstream::at(args.upstream),
        options: RouteOptions::default(),
    });
    let config = GatewayConfig {
        hidden_cookies: ["dw_session".to_owned()].into(),
        ..GatewayConfig::new(Arc::new(SystemClock))
    };
    let gateway = Gateway::new(config).expect("random numbers");
    gateway.set(Arc::new(Table::new(routes.collect())));
    gateway.run(Some(args.listen), CancellationToken::new()).await;
}
