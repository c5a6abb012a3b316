//! The shell every page uses: routing glue (path, role and API description in one registration),
//! rendering, security headers, errors, assets, the live stream. Knows neither Docker nor a feature:
//! [`access::Authenticator`] and [`shell::ShellStatus`] are filled in by `app`.

pub mod access;
pub mod api;
pub mod assets;
pub mod chart;
pub mod describe;
pub mod error;
pub mod forms;
pub mod health;
pub mod jobs;
pub mod layers;
pub mod live;
pub mod page;
pub mod request;
pub mod routes;
pub mod serve;
pub mod shell;

pub use access::{Access, Identity, Role};
pub use error::WebError;
pub use page::PageContext;
pub use routes::Routes;
