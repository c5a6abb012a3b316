//! `openapi`: prints the description of the JSON API, the one the server gives.

use std::io;
use std::process::ExitCode;

use crate::app;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let document = app::openapi()?;
    super::say(&mut io::stdout(), &serde_json::to_string_pretty(&document)?);
    Ok(ExitCode::SUCCESS)
}
