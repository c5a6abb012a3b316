//! `user`: works on the data directory, whether or not the server runs.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};

use crate::features::auth::{Auth, NewUser, UserChange};
use crate::platform::clock::{from_ms, rfc3339};
use crate::platform::journal::Actor;
use crate::web::Role;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user; the password is asked for, or read from stdin
    Add {
        /// The user's name
        name: String,
        /// What the user may do
        #[arg(long)]
        role: RoleArg,
        /// Read the password from the first line of stdin
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users
    List,
    /// Set a new password; ends the user's sessions
    Passwd {
        /// The user's name
        name: String,
        /// Read the password from the first line of stdin
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user another role
    Role {
        /// The user's name
        name: String,
        /// What the user may do
        role: RoleArg,
    },
    /// Remove a user with sessions and tokens
    Remove {
        /// The user's name
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleArg {
    Viewer,
    Operator,
    Admin,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Viewer => Self::Viewer,
            RoleArg::Operator => Self::Operator,
            RoleArg::Admin => Self::Admin,
        }
    }
}

pub(super) async fn run(auth: Arc<Auth>, command: UserCommand) -> anyhow::Result<()> {
    let actor = Actor::command_line();
    let mut out = io::stdout();
    match command {
        UserCommand::Add { name, role, password_stdin } => {
            let password = read_password(password_stdin)?;
            let user = auth.add_user(NewUser { name, password, role: role.into() }, actor).await?;
            super::say(&mut out, &format!("added {} ({})", user.name, user.role));
        }
        UserCommand::List => {
            for user in auth.users().await? {
                let last = user.last_login_at.map_or("never".to_owned(), |at| rfc3339(from_ms(at)));
                let disabled = if user.disabled { "\tdisabled" } else { "" };
                super::say(&mut out, &format!("{}\t{}\tlast sign-in {last}{disabled}", user.name, user.role));
            }
        }
        UserCommand::Passwd { name, password_stdin } => {
            let user = auth.user_named(&name).await?;
            let password = read_password(password_stdin)?;
            auth.set_password(user.id, password, None, actor).await?;
            super::say(
                &mut out,
                &format!("the password of {} is changed, and its sessions have ended", user.name),
            );
        }
        UserCommand::Role { name, role } => {
            let user = auth.user_named(&name).await?;
            let role: Role = role.into();
            auth.change_user(user.id, UserChange::Role(role), actor).await?;
            super::say(&mut out, &format!("{} is now {role}", user.name));
        }
        UserCommand::Remove { name } => {
            let user = auth.user_named(&name).await?;
            auth.change_user(user.id, UserChange::Remove, actor).await?;
            super::say(&mut out, &format!("removed {}", user.name));
        }
    }
    Ok(())
}

/// The first line of stdin; on a terminal it is asked for, without showing it.
fn read_password(from_stdin: bool) -> anyhow::Result<String> {
    let terminal = io::stdin().is_terminal();
    if !from_stdin {
        if !terminal {
            bail!("no terminal to ask for the password on: pass --password-stdin and write it to stdin");
        }
        return rpassword::prompt_password("Password: ").context("cannot read the password");
    }
    let mut line = String::new();
    io::stdout().flush().context("cannot write")?;
    io::stdin().lock().read_line(&mut line).context("cannot read the password from stdin")?;
    let password = line.trim_end_matches(['\n', '\r']).to_owned();
    if password.is_empty() {
        bail!("stdin held no password");
    }
    Ok(password)
}
