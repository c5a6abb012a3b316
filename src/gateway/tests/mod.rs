//! Conformance, over real sockets: what a visitor sends is written byte by byte, and what the upstream gets is read so.
#![allow(clippy::disallowed_methods, reason = "the helpers' tasks end with their test")]

mod access;
mod forwarding;
mod framing;
mod hosts;
mod http2;
mod limits;
mod listening;
mod loops;
mod pages;
mod pooling;
mod routing;
mod streaming;
mod support;
mod swaps;
mod tables;
mod timeouts;
mod tls;
mod websockets;
