//! Says, before a proxy is saved, whether it will work.
//!
//! A [`Validator`] takes what is wanted through six steps: *syntax* ([`syntax`]: do its parts fit together), *conflict*
//! ([`conflict`]: does somebody else claim a domain), *dns* ([`dns`]: where the destination's name and the public domains
//! lead), *tcp* ([`tcp`]), *tls* ([`tls`], judged by [`certificate`]) and *http* ([`http`], over [`wire`] or [`h2`]). A
//! failed step ends it: those behind it are skipped. What Docker knows of the destination becomes a hint ([`hints`]).
//!
//! Whoever may steer a probe could reach what only this host reaches. So link-local addresses are refused, also behind a
//! name, connections go to the very address that was checked, and time, sizes and the number of runs are bounded.

mod address;
mod certificate;
mod claims;
mod conflict;
mod dns;
mod h2;
mod hints;
mod http;
mod names;
mod public;
mod report;
mod request;
mod similar;
mod syntax;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod validator;
mod wire;

pub use claims::{domains_claimed, port_named};
pub use names::Names;
pub use report::{Report, Status, Step, StepKind};
pub use validator::{Claims, Context, HostAddresses, Validator};
