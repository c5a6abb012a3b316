//! The command line: one file a command.

mod healthcheck;
mod openapi;
mod serve;
mod token;
mod user;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::config::DataDir;
use crate::features::auth::Auth;
use crate::platform::clock::SystemClock;
use crate::platform::db::Db;

/// Watches a Docker host: what runs, what it costs, what happened, where each domain leads.
#[derive(Debug, Parser)]
#[command(
    name = "docker-watcher",
    version,
    about,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = false
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

/// The flag every command shares.
#[derive(Debug, Clone, Args)]
struct DataArgs {
    /// Database, key, everything; created when missing
    #[arg(
        long,
        value_name = "DIR",
        env = "DOCKER_WATCHER_DATA_DIR",
        default_value = "./data",
        global = true
    )]
    data_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the UI and the API (what happens without a command, too)
    Serve(Box<serve::ServeArgs>),
    /// Add, list and change users
    #[command(subcommand)]
    User(user::UserCommand),
    /// Create, list and revoke API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Print the OpenAPI document of the JSON API
    Openapi,
    /// Exit 0 when a server on this machine is ready
    Healthcheck(healthcheck::HealthcheckArgs),
}

/// Runs the command.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let data_dir = DataDir::new(cli.data.data_dir);
    match cli.command {
        None => serve::run(data_dir, cli.serve),
        Some(Command::Serve(args)) => serve::run(data_dir, *args),
        Some(Command::User(command)) => on_data(&data_dir, |auth| user::run(auth, command)),
        Some(Command::Token(command)) => on_data(&data_dir, |auth| token::run(auth, command)),
        Some(Command::Openapi) => openapi::run(),
        Some(Command::Healthcheck(args)) => healthcheck::run(&args),
    }
}

/// Says in one line what is wrong with the arguments; help and version go to stdout.
pub fn explain(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed pipe is no reason to fail.
        let _closed = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let line = lines.join(" ");
    say(&mut io::stderr(), line.strip_prefix("error: ").unwrap_or(&line));
    ExitCode::from(2)
}

/// Says in one line why a command failed.
pub fn complain(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    say(&mut io::stderr(), &causes.join(": ").replace('\n', " "));
}

/// Prints a line; a closed pipe is no reason to fail.
fn say(out: &mut impl Write, line: &str) {
    let _closed = writeln!(out, "{line}");
}

/// Makes the data directory when it is missing, for its owner alone.
fn prepare(data_dir: &DataDir) -> anyhow::Result<()> {
    let path = data_dir.path();
    if !path.is_dir() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot create the data directory {}", path.display()))?;
    }
    let probe = path.join(format!(".write-test-{}", std::process::id()));
    fs::write(&probe, b"")
        .and_then(|()| fs::remove_file(&probe))
        .with_context(|| format!("cannot write to the data directory {}", path.display()))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")
}

/// Runs a command on the database, whether or not the server runs.
fn on_data<F>(data_dir: &DataDir, work: impl FnOnce(Arc<Auth>) -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<()>>,
{
    prepare(data_dir)?;
    runtime()?.block_on(async {
        let db = Db::open(&data_dir.database())?;
        let auth = Arc::new(Auth::new(db.clone(), Arc::new(SystemClock)));
        let done = work(auth).await;
        db.close().await;
        done.map(|()| ExitCode::SUCCESS)
    })
}
