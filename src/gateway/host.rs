//! Host names as requests and routes write them, brought into one form.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// The longest name DNS knows, and a trailing dot.
const LONGEST: usize = 254;

/// The host of a `Host` header or of an authority, without its port: lower case, no trailing dot, IPv6 in its
/// shortest form and in brackets. `None` when it is no host.
pub(super) fn host_of(authority: &str) -> Option<Cow<'_, str>> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (literal, port) = rest.split_once(']')?;
        if !port.is_empty() && !is_port(port.strip_prefix(':')?) {
            return None;
        }
        let address: Ipv6Addr = literal.parse().ok()?;
        return Some(Cow::Owned(format!("[{address}]")));
    }
    let name = match authority.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return None,
        None => authority,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let mut capitals = false;
    let mut before = b'.';
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => {}
            b'A'..=b'Z' => capitals = true,
            b'.' if before != b'.' => {}
            _ => return None,
        }
        before = byte;
    }
    Some(if capitals { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) })
}

/// The port an authority names.
pub(super) fn port_of(authority: &str) -> Option<u16> {
    let after = match authority.rsplit_once(']') {
        Some((_, after)) => after.strip_prefix(':')?,
        None => authority.split_once(':')?.1,
    };
    after.parse().ok()
}

/// An empty port is allowed (RFC 3986 §3.2.3).
fn is_port(text: &str) -> bool {
    text.is_empty() || text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_form_however_it_is_written() {
        for (written, meant) in [
            ("example.org", "example.org"),
            ("Example.ORG:8088", "example.org"),
            ("example.org.", "example.org"),
            ("example.org.:80", "example.org"),
            ("example.org:", "example.org"),
            ("10.0.0.7:80", "10.0.0.7"),
            ("[::1]:8088", "[::1]"),
            ("[0:0::1]", "[::1]"),
            ("my_service", "my_service"),
        ] {
            assert_eq!(host_of(written).as_deref(), Some(meant), "{written}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "",
            ".",
            "a b",
            "a/b",
            "user@host",
            "a..b",
            "[::1",
            "[::1]x",
            "[zz]",
            "a:b",
            "a:70000",
            "::1",
            "a,b",
        ] {
            assert_eq!(host_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_port_is_read_beside_every_kind_of_host() {
        assert_eq!(port_of("a:81"), Some(81));
        assert_eq!(port_of("[::1]:82"), Some(82));
        assert_eq!(port_of("[::1]"), None);
        assert_eq!(port_of("a"), None);
    }
}
