//! `serve`: starts everything, prints where it listens, and waits for a signal.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use crate::app::App;
use crate::config::{self, Config, DataDir, GatewayAddress, ListenAddress};
use crate::features::settings::stats_interval_flag;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where the UI and API listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR", env = "DOCKER_WATCHER_LISTEN", default_value = "127.0.0.1:8080")]
    listen: ListenAddress,
    /// The Docker engine: unix:// or tcp:// [default: $DOCKER_HOST, else unix:///var/run/docker.sock]
    #[arg(long, value_name = "URL", env = "DOCKER_WATCHER_DOCKER_HOST")]
    docker_host: Option<String>,
    /// The address in the browser, when it is not the one listened on
    #[arg(long, value_name = "URL", env = "DOCKER_WATCHER_PUBLIC_URL", value_parser = config::public_url)]
    public_url: Option<Url>,
    /// Reverse proxies whose X-Forwarded-* headers to believe
    #[arg(long, value_name = "CIDR,…", env = "DOCKER_WATCHER_TRUSTED_PROXIES", value_delimiter = ',', value_parser = config::network)]
    trusted_proxies: Vec<IpNet>,
    /// Never call a write endpoint of Docker
    #[arg(long, env = "DOCKER_WATCHER_READ_ONLY", value_parser = clap::builder::BoolishValueParser::new())]
    read_only: bool,
    /// How often containers are measured; fixes the setting
    #[arg(long, value_name = "DURATION", env = "DOCKER_WATCHER_STATS_INTERVAL", value_parser = stats_interval_flag)]
    stats_interval: Option<Duration>,
    /// Serve /metrics, for Prometheus, without a token
    #[arg(long, env = "DOCKER_WATCHER_METRICS_PUBLIC", value_parser = clap::builder::BoolishValueParser::new())]
    metrics_public: bool,
    /// The key that seals stored secrets, 32 bytes in base64; made when missing [default: <data-dir>/secret.key]
    #[arg(long, value_name = "FILE", env = "DOCKER_WATCHER_SECRET_KEY_FILE")]
    secret_key_file: Option<PathBuf>,
    /// Where the embedded gateway serves proxies; bound only while there is one; or off
    #[arg(long, value_name = "ADDR", env = "DOCKER_WATCHER_GATEWAY_HTTP", default_value = "0.0.0.0:8088", value_parser = config::gateway_address)]
    gateway_http: GatewayAddress,
    /// The port by which visitors reach the gateway, when it is behind a port mapping
    #[arg(long, value_name = "PORT", env = "DOCKER_WATCHER_GATEWAY_PUBLIC_HTTP")]
    gateway_public_http: Option<u16>,
    #[command(flatten)]
    later: LaterArgs,
    /// How log lines look; they go to stderr
    #[arg(long, value_name = "FORMAT", env = "DOCKER_WATCHER_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// How much is logged
    #[arg(long, value_name = "LEVEL", env = "DOCKER_WATCHER_LOG_LEVEL", default_value = "info")]
    log_level: LogLevel,
}

/// Options that are promised and have nothing to act on yet: they are checked, so that a unit or compose
/// file may already name them, and a line of the log says that they have no effect.
#[derive(Debug, Args)]
struct LaterArgs {
    #[arg(long, value_name = "ADDR", env = "DOCKER_WATCHER_GATEWAY_HTTPS", hide = true, value_parser = config::gateway_address)]
    gateway_https: Option<GatewayAddress>,
    #[arg(long, value_name = "PORT", env = "DOCKER_WATCHER_GATEWAY_PUBLIC_HTTPS", hide = true)]
    gateway_public_https: Option<u16>,
}

impl LaterArgs {
    fn say_what_has_no_effect(&self) {
        let given = [
            ("--gateway-https", self.gateway_https.is_some()),
            ("--gateway-public-https", self.gateway_public_https.is_some()),
        ];
        for (flag, _) in given.iter().filter(|(_, given)| *given) {
            tracing::warn!(flag, "this option has no effect in this version");
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

pub(super) fn run(data_dir: DataDir, args: ServeArgs) -> anyhow::Result<ExitCode> {
    start_log(args.log_format, args.log_level);
    let docker = match config::docker_endpoint(args.docker_host.as_deref()) {
        Ok(docker) => docker,
        Err(error) => {
            super::say(&mut io::stderr(), &format!("--docker-host {error}"));
            return Ok(ExitCode::from(2));
        }
    };
    args.later.say_what_has_no_effect();
    super::prepare(&data_dir)?;
    let _lock = lock(&data_dir)?;
    let config = Config {
        secret_key: args.secret_key_file.unwrap_or_else(|| data_dir.secret_key()),
        data_dir,
        listen: args.listen,
        docker,
        public_url: args.public_url,
        trusted_proxies: args.trusted_proxies.into(),
        read_only: args.read_only,
        gateway_http: args.gateway_http.0,
        gateway_public_http: args.gateway_public_http,
        stats_interval: args.stats_interval,
        metrics_public: args.metrics_public,
    };
    let runtime = super::runtime()?;
    let ended = runtime.block_on(serve(config));
    // A disk that hangs must not keep the process alive.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

/// Two servers on one data directory would each believe their own caches. Held until the process ends.
fn lock(data_dir: &DataDir) -> anyhow::Result<std::fs::File> {
    let path = data_dir.path().join("docker-watcher.lock");
    let file = std::fs::File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            anyhow::bail!(
                "another Docker Watcher already runs on the data directory {}",
                data_dir.path().display()
            )
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

async fn serve(mut config: Config) -> anyhow::Result<ExitCode> {
    let listen = config.listen.0;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} (another port is chosen with --listen)"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    config.listen = ListenAddress(address);
    let base = config
        .public_url
        .as_ref()
        .map_or(format!("http://{address}"), |url| url.as_str().trim_end_matches('/').to_owned());
    let app = App::build(config).await?;
    let setup = app.auth.open_setup().await?;
    app.start(listener);
    announce(&format!("listening on http://{address}"));
    if let Some(token) = setup {
        announce(&format!("setup: {base}/setup?token={token}"));
    }
    wait_for_signal().await?;
    app.shut_down().await;
    Ok(ExitCode::SUCCESS)
}

/// Scripts read these lines: each goes out at once.
fn announce(line: &str) {
    let mut out = io::stdout();
    super::say(&mut out, line);
    let _closed = out.flush();
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "shutting down");
    Ok(())
}

fn start_log(format: LogFormat, level: LogLevel) {
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    // What other crates say below "warn" is of no use to a user.
    let ours =
        Targets::new().with_default(LevelFilter::WARN.min(level.into())).with_target("docker_watcher", level);
    let registry = tracing_subscriber::registry().with(ours);
    let ansi = io::IsTerminal::is_terminal(&io::stderr());
    match format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(io::stderr).with_ansi(ansi)).init(),
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(io::stderr)).init(),
    }
}
