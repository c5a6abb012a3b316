//! Parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use docker_watcher::cli::{Cli, run};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return docker_watcher::cli::explain(&error),
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            docker_watcher::cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}
