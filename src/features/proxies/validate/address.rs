//! Addresses as they are told.

use std::net::{IpAddr, SocketAddr};

/// An address with its port, as it is written.
pub(super) fn shown(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().take(4).map(ToString::to_string).collect();
    let more = addresses.len().saturating_sub(texts.len());
    if more == 0 { texts.join(", ") } else { format!("{} and {more} more", texts.join(", ")) }
}

/// Addresses, as they are written.
pub(super) fn shown_ips(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().take(4).map(ToString::to_string).collect();
    let more = addresses.len().saturating_sub(texts.len());
    if more == 0 { texts.join(", ") } else { format!("{} and {more} more", texts.join(", ")) }
}
