//! The frame around every page: navigation, the engine's banner, the state that title and favicon carry.

use std::sync::Arc;

use askama::Template;

use super::access::{Identity, Role};
use super::assets;
use super::request::Theme;

/// The topic of what every page shows.
pub const SHELL_TOPIC: &str = "shell";

/// What every page shows of the product's state. `app` fills it in.
pub trait ShellStatus: Send + Sync {
    /// The state now; called for every page, so it must be cheap.
    fn facts(&self) -> ShellFacts;
}

/// The state every page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShellFacts {
    /// How many containers there are.
    pub containers: usize,
    /// How many things need attention: engines down, containers unhealthy or restarting.
    pub trouble: usize,
    /// What to say on top of every page.
    pub banners: Vec<Banner>,
    /// The host's name, once known.
    pub host: String,
}

/// A sentence on top of every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banner {
    /// What is wrong.
    pub title: String,
    /// Why, and what to try.
    pub text: String,
    /// Since when, RFC 3339 and in words.
    pub since: Option<(String, String)>,
    /// Whether it is merely worth knowing.
    pub mild: bool,
}

#[derive(Template)]
#[template(path = "web/_shell_live.html")]
struct ShellPatch<'a> {
    facts: &'a ShellFacts,
}

/// What brings the shell of an open page in line with `facts`.
pub fn patch(facts: &ShellFacts) -> Result<String, askama::Error> {
    ShellPatch { facts }.render()
}

/// What `layout.html` shows.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The page's name.
    pub title: String,
    /// The entry of the navigation that is current.
    pub section: &'static str,
    /// Who is signed in.
    pub user: Option<ShellUser>,
    /// The look.
    pub theme: Theme,
    /// The page's own address, for the live stream.
    pub target: String,
    /// The revision the page was rendered at.
    pub rev: u64,
    /// The product's state.
    pub facts: Arc<ShellFacts>,
    /// What the user has started and is under way, rendered.
    pub jobs: String,
}

/// Who is signed in, as the shell shows it.
#[derive(Debug, Clone)]
pub struct ShellUser {
    /// The name.
    pub name: Arc<str>,
    /// The role.
    pub role: Role,
}

impl From<&Identity> for ShellUser {
    fn from(identity: &Identity) -> Self {
        Self { name: identity.name.clone(), role: identity.role }
    }
}

impl Shell {
    /// The address of an asset.
    pub fn asset(&self, path: &str) -> String {
        assets::url(path)
    }

    /// The title with what needs attention in front.
    pub fn full_title(&self) -> String {
        let name = format!("{} · Docker Watcher", self.title);
        if self.facts.trouble > 0 && self.user.is_some() {
            format!("({}) {name}", self.facts.trouble)
        } else {
            name
        }
    }

    /// `data-theme`.
    pub fn theme(&self) -> &'static str {
        self.theme.as_str()
    }

    /// `data-role` of the body: the stylesheet hides what a role may not use.
    pub fn role(&self) -> &'static str {
        self.user.as_ref().map_or("none", |user| user.role.as_str())
    }

    /// Whether an admin is signed in.
    pub fn is_admin(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.role == Role::Admin)
    }

    /// The address of the page's live stream.
    pub fn live_url(&self) -> String {
        let target: String = url::form_urlencoded::byte_serialize(self.target.as_bytes()).collect();
        format!("/live?for={target}&rev={}", self.rev)
    }

    /// The favicon, which carries the state.
    pub fn favicon(&self) -> String {
        let bad = self.user.is_some() && self.facts.trouble > 0;
        assets::url(if bad { "favicon-trouble.svg" } else { "favicon.svg" })
    }
}
