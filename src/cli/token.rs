//! `token`: works on the data directory, whether or not the server runs.

use std::io;
use std::sync::Arc;

use anyhow::bail;
use clap::Subcommand;
use jiff::{SignedDuration, Span};

use crate::features::auth::Auth;
use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::journal::Actor;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create an API token and print it, this one time
    Create {
        /// What the token is for
        name: String,
        /// Whose rights it has
        #[arg(long)]
        user: String,
        /// When it ends: 12h, 90d … [default: never]
        #[arg(long, value_name = "DURATION", value_parser = expiry)]
        expires: Option<SignedDuration>,
    },
    /// List API tokens
    List,
    /// Revoke an API token
    Revoke {
        /// Its name, or its id as `token list` shows it
        name: String,
        /// Whose it is, when several users have one of this name
        #[arg(long)]
        user: Option<String>,
    },
}

fn expiry(text: &str) -> Result<SignedDuration, String> {
    let takes = "takes a duration such as 12h or 90d";
    let span: Span = text.parse().map_err(|_| takes.to_owned())?;
    let duration =
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| takes.to_owned())?;
    if duration.is_positive() { Ok(duration) } else { Err(takes.to_owned()) }
}

pub(super) async fn run(auth: Arc<Auth>, command: TokenCommand) -> anyhow::Result<()> {
    let actor = Actor::command_line();
    let mut out = io::stdout();
    match command {
        TokenCommand::Create { name, user, expires } => {
            let user = auth.user_named(&user).await?;
            let now = auth.now_ms();
            let expires_at = expires
                .map(|duration| now.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)));
            let token = auth.create_token(user.id, &name, expires_at, actor).await?;
            super::say(&mut out, &token);
        }
        TokenCommand::List => {
            for token in auth.tokens_of(None).await? {
                let time = |at: Option<i64>| at.map_or("never".to_owned(), |at| rfc3339(from_ms(at)));
                super::say(
                    &mut out,
                    &format!(
                        "{}\t{}\t{}\tends {}\tlast used {}",
                        token.id,
                        token.name,
                        token.user_name,
                        time(token.expires_at),
                        time(token.last_used_at)
                    ),
                );
            }
        }
        TokenCommand::Revoke { name, user } => {
            let tokens = auth.tokens_of(None).await?;
            let of_user = |owner: &str| user.as_deref().is_none_or(|user| user.eq_ignore_ascii_case(owner));
            let matching: Vec<_> = tokens
                .iter()
                .filter(|token| {
                    (token.name == name || token.id.to_string() == name) && of_user(&token.user_name)
                })
                .collect();
            match matching.as_slice() {
                [token] => {
                    auth.revoke_token(token.id, None, actor).await?;
                    super::say(&mut out, &format!("revoked {} of {}", token.name, token.user_name));
                }
                [] => bail!("there is no API token {name:?}: docker-watcher token list shows them"),
                _ => bail!("several API tokens are called {name:?}: say whose with --user, or give the id"),
            }
        }
    }
    Ok(())
}
