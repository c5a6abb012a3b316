//! Domains, hosts and paths as people type them, brought into one form, or refused with what to type instead.

use std::net::IpAddr;

use url::{Host, Url};

/// The longest name that DNS knows.
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;
const LONGEST_PATH: usize = 500;

/// A domain that visitors type: ASCII and lower case, with `*.` in front where it stands for all names below. Errors: what
/// is wrong with it, and what to type instead.
pub fn domain(typed: &str) -> Result<String, String> {
    let text = typed.trim();
    if text.is_empty() {
        return Err("takes a domain, such as blog.example.org.".to_owned());
    }
    if let Some(host) = host_of_url(text) {
        return Err(format!("is an address: type only its domain, {host}."));
    }
    if text.contains(char::is_whitespace) {
        return Err(format!(
            "{text:?} has a space in it: one domain takes none, several are separated by commas."
        ));
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && !host.contains(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(format!("takes no port: visitors come by the port of the gateway. Type {host}."));
    }
    let (wild, rest) = match text.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", text),
    };
    if rest.contains('*') {
        return Err("takes a * only as its first part, as in *.example.org.".to_owned());
    }
    let host = ascii(rest.trim_end_matches('.')).map_err(|why| format!("{}: {why}", shown(text)))?;
    if !wild.is_empty() && (!host.contains('.') && host != "localhost" || host.parse::<IpAddr>().is_ok()) {
        return Err(format!(
            "*.{host} is too wide: it takes at least two parts behind the *, as in *.example.org."
        ));
    }
    Ok(format!("{wild}{host}"))
}

/// A name or an address that a proxy leads to; IPv6 without brackets. Errors: what is wrong with it.
pub fn host(typed: &str) -> Result<String, String> {
    let text = typed.trim();
    if text.is_empty() {
        return Err("takes a name or an address, such as 192.168.1.20.".to_owned());
    }
    if let Some(host) = host_of_url(text) {
        return Err(format!("takes only the name, {host}: scheme and port stand beside it."));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if let Some((name, port)) = text.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(format!("takes no port, which stands beside it: type {name}."));
    }
    // Names of containers may have an underscore, and no DNS rule forbids one.
    ascii(text.trim_end_matches('.')).map_err(|why| format!("{}: {why}", shown(text)))
}

/// A path prefix: begins with `/`, does not end with it; `None` for the whole site.
pub fn path(typed: &str) -> Result<Option<String>, String> {
    let text = typed.trim();
    if text.is_empty() || text == "/" {
        return Ok(None);
    }
    if !text.starts_with('/') {
        return Err(format!("begins with a slash: /{}", text.trim_start_matches('/')));
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '*' | '\\');
    if text.len() > LONGEST_PATH
        || text.contains(odd)
        || text.contains("//")
        || text.split('/').any(|part| part == ".." || part == ".")
    {
        return Err("takes a plain path, such as /app.".to_owned());
    }
    let url = Url::parse("http://x")
        .and_then(|base| base.join(text))
        .map_err(|_| "takes a plain path, such as /app.".to_owned())?;
    Ok(Some(url.path().trim_end_matches('/').to_owned()))
}

/// The name in the way that it is typed in other letters than ASCII's.
pub fn in_letters(domain: &str) -> String {
    let (wild, rest) = domain.strip_prefix("*.").map_or(("", domain), |rest| ("*.", rest));
    if !rest.contains("xn--") {
        return domain.to_owned();
    }
    let (letters, result) = idna::domain_to_unicode(rest);
    if result.is_ok() { format!("{wild}{letters}") } else { domain.to_owned() }
}

fn shown(text: &str) -> String {
    format!("{:?}", crate::platform::text::cut(text, 60))
}

/// The host of what is a whole URL.
fn host_of_url(text: &str) -> Option<String> {
    if !text.contains("://") && !text.contains('/') {
        return None;
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    match Url::parse(&whole).ok()?.host()? {
        Host::Domain(name) => Some(name.to_owned()),
        other => Some(other.to_string()),
    }
    .filter(|host| !host.is_empty())
}

fn ascii(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("says nothing.".to_owned());
    }
    let name = match Host::parse(text) {
        Ok(Host::Domain(name)) => name,
        Ok(Host::Ipv4(address)) => return Ok(address.to_string()),
        Ok(Host::Ipv6(address)) => return Ok(format!("[{address}]")),
        Err(_) => return Err("is no domain: it takes letters, digits, hyphens and dots.".to_owned()),
    };
    if name.len() > LONGEST {
        return Err(format!("is too long: a domain has {LONGEST} characters at most."));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err("has two dots in a row.".to_owned());
        }
        if label.len() > LONGEST_LABEL {
            return Err(format!("has a part of more than {LONGEST_LABEL} characters between its dots."));
        }
        let fine = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !fine || label.starts_with('-') || label.ends_with('-') {
            return Err("is no domain: it takes letters, digits, hyphens and dots.".to_owned());
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_brought_into_one_form() {
        for (typed, kept) in [
            ("blog.example.org", "blog.example.org"),
            (" Blog.Example.ORG. ", "blog.example.org"),
            ("*.example.org", "*.example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("localhost", "localhost"),
            ("*.localhost", "*.localhost"),
            ("192.168.1.5", "192.168.1.5"),
            ("[::1]", "[::1]"),
            ("my_app.lan", "my_app.lan"),
        ] {
            assert_eq!(domain(typed).as_deref(), Ok(kept), "{typed}");
        }
        assert_eq!(in_letters("*.xn--bcher-kva.example"), "*.bücher.example");
    }

    #[test]
    fn what_is_no_domain_is_refused_with_what_to_type() {
        let long = format!("{}.org", "a".repeat(300));
        for (typed, says) in [
            ("", "takes a domain"),
            ("http://", "is no domain"),
            ("https://blog.example.org/path", "type only its domain, blog.example.org"),
            ("blog.example.org/path", "type only its domain, blog.example.org"),
            ("blog.example.org:8080", "takes no port"),
            ("*.*", "only as its first part"),
            ("*.org", "too wide"),
            ("a.*.org", "only as its first part"),
            ("my blog.org", "space"),
            ("a..org", "two dots"),
            ("-a.org", "is no domain"),
            ("a,b", "is no domain"),
            (long.as_str(), "too long"),
        ] {
            let why = domain(typed).unwrap_err();
            assert!(why.contains(says), "{typed}: {why}");
        }
    }

    #[test]
    fn hosts_are_names_and_addresses() {
        for (typed, kept) in [
            ("192.168.1.20", "192.168.1.20"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("NAS.lan", "nas.lan"),
            ("db_1", "db_1"),
        ] {
            assert_eq!(host(typed).as_deref(), Ok(kept), "{typed}");
        }
        for (typed, says) in [
            ("http://nas.lan:80", "only the name, nas.lan"),
            ("nas.lan:80", "takes no port"),
            ("a b", "is no domain"),
            ("", "takes a name"),
        ] {
            let why = host(typed).unwrap_err();
            assert!(why.contains(says), "{typed}: {why}");
        }
    }

    #[test]
    fn paths_are_plain_prefixes() {
        assert_eq!(path(" / "), Ok(None));
        assert_eq!(path("/app/"), Ok(Some("/app".to_owned())));
        for bad in ["app", "/a b", "/a?x", "/../etc", "//x", "/a*"] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }
}
