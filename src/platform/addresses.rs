//! Addresses that nothing we do for a user may go to: link-local ones, and our own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The metadata service of a cloud over IPv6.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether an address is link-local, in whichever way it is written: there, clouds keep the credentials of the machine.
pub fn is_forbidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local() || v6 == METADATA || embedded(v6).is_some_and(|v4| v4.is_link_local())
        }
    }
}

/// The IPv4 address that an IPv6 one leads to: mapped and compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => of(g, h),
        (0x2002, ..) => of(b, c),
        _ => None,
    }
}

/// Whether `target` is where this product listens. `from` is our end of a connection to it, once there is one: from an
/// address of ours to the same one is this host, whatever it is called.
pub fn is_own(own: &[SocketAddr], target: SocketAddr, from: Option<IpAddr>) -> bool {
    let ip = target.ip().to_canonical();
    let here = ip.is_loopback() || ip.is_unspecified() || from.is_some_and(|from| from.to_canonical() == ip);
    own.iter().any(|own| {
        let listens = own.ip().to_canonical();
        own.port() == target.port()
            && (listens == ip || (listens.is_unspecified() || ip.is_unspecified()) && here)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_refused_however_they_are_written() {
        for ip in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(is_forbidden(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["169.253.1.1", "10.0.0.1", "127.0.0.1", "::1", "fec0::1", "fd00:ec2::253", "2001:db8::1"] {
            assert!(!is_forbidden(ip.parse().unwrap()), "{ip}");
        }
    }

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
