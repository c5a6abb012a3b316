//! Addresses that a probe must not, or need not, go to.

use std::net::{IpAddr, SocketAddr};

/// Whether `target` is where this product listens. `from` is our end of a connection to it, once there is one: from an
/// address of ours to the same one is this host, whatever it is called.
pub(super) fn is_own(own: &[SocketAddr], target: SocketAddr, from: Option<IpAddr>) -> bool {
    let ip = target.ip().to_canonical();
    let here = ip.is_loopback() || ip.is_unspecified() || from.is_some_and(|from| from.to_canonical() == ip);
    own.iter().any(|own| {
        let listens = own.ip().to_canonical();
        own.port() == target.port()
            && (listens == ip || (listens.is_unspecified() || ip.is_unspecified()) && here)
    })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_listener_stands_for_every_address_of_this_host() {
        let own = |listens: &str, target: &str, from: Option<&str>| {
            let from = from.map(|ip| ip.parse().unwrap());
            is_own(&[listens.parse().unwrap()], target.parse().unwrap(), from)
        };
        assert!(own("0.0.0.0:80", "127.0.0.1:80", None));
        assert!(own("[::]:80", "[::ffff:127.0.0.1]:80", None));
        assert!(own("127.0.0.1:80", "0.0.0.0:80", None));
        assert!(own("0.0.0.0:80", "10.0.0.7:80", Some("10.0.0.7")));
        assert!(!own("0.0.0.0:80", "10.0.0.8:80", Some("10.0.0.7")));
        assert!(!own("0.0.0.0:80", "127.0.0.1:81", None));
        assert!(!own("10.0.0.7:80", "127.0.0.1:80", None));
    }
}
