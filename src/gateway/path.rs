//! The path of a request as routes see it.
//!
//! A rule for `/admin` must hold for `/x/../admin`, `/%61dmin` and `//admin` too, because the server behind it will
//! take them for the same (RFC 3986 §6.2.2 for the first two; many servers merge slashes).

use std::borrow::Cow;

/// What a path means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meaning<'a> {
    /// By which a route is chosen: escapes of plain letters decoded, dots resolved, slashes merged.
    pub(super) routed: Cow<'a, str>,
    /// What goes to the upstream: as it came, unless it held dots to resolve.
    pub(super) sent: Cow<'a, str>,
}

/// Reads a path; `None` when it leaves the root.
pub(super) fn meaning(path: &str) -> Option<Meaning<'_>> {
    if !suspicious(path) {
        return Some(Meaning { routed: Cow::Borrowed(path), sent: Cow::Borrowed(path) });
    }
    let plain = decode_unreserved(path);
    let dotted = plain.split('/').any(|segment| segment == "." || segment == "..");
    let (resolved, sent) = if dotted {
        let resolved = resolve_dots(&plain)?;
        (resolved.clone(), Cow::Owned(resolved))
    } else {
        (plain, Cow::Borrowed(path))
    };
    Some(Meaning { routed: Cow::Owned(merge_slashes(&resolved)), sent })
}

/// Where the segments of a path end: `/app/x` ends at 4 and at 6.
pub(super) fn borders(path: &str) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'/', path.as_bytes()).skip(1).chain(std::iter::once(path.len()))
}

/// Whether the path may mean something else than its letters.
fn suspicious(path: &str) -> bool {
    let bytes = path.as_bytes();
    memchr::memchr(b'%', bytes).is_some()
        || memchr::memmem::find(bytes, b"//").is_some()
        || memchr::memmem::find(bytes, b"/.").is_some()
}

fn decode_unreserved(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let decoded = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match decoded {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                plain.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                plain.push('%');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn resolve_dots(path: &str) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop()?;
            }
            segment => {
                kept.push(segment);
                continue;
            }
        }
        // `/a/..` is the folder `/`, with its slash.
        if last {
            kept.push("");
        }
    }
    Some(format!("/{}", kept.join("/")))
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !merged.ends_with('/') {
            merged.push(letter);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_routed_alike() {
        for (written, routed, sent) in [
            ("/a/b", "/a/b", "/a/b"),
            ("/x/../admin", "/admin", "/admin"),
            ("/x/%2e%2E/admin", "/admin", "/admin"),
            ("/%61dmin", "/admin", "/%61dmin"),
            ("//admin", "/admin", "//admin"),
            ("/a/./b/", "/a/b/", "/a/b/"),
            ("/a/..", "/", "/"),
            ("/a%2Fb", "/a%2Fb", "/a%2Fb"),
            ("/.well-known/x", "/.well-known/x", "/.well-known/x"),
            ("/100%", "/100%", "/100%"),
        ] {
            let meaning = meaning(written).unwrap();
            assert_eq!((&*meaning.routed, &*meaning.sent), (routed, sent), "{written}");
        }
    }

    #[test]
    fn a_path_that_leaves_the_root_means_nothing() {
        assert_eq!(meaning("/../etc/passwd"), None);
        assert_eq!(meaning("/a/%2e%2e/../x"), None);
    }

    #[test]
    fn segments_end_at_slashes_and_at_the_end() {
        assert_eq!(borders("/app/x").collect::<Vec<_>>(), [4, 6]);
        assert_eq!(borders("/").collect::<Vec<_>>(), [1]);
    }
}
