//! Validations of destinations in every broken state, with real sockets on 127.0.0.1 and no internet.
#![allow(clippy::disallowed_methods, reason = "the helpers' tasks end with their test")]

mod certificates;
mod connecting;
mod domains;
mod hints;
mod http;
mod limits;
pub(super) mod support;
