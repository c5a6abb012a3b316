//! Names that are typed: of containers and of headers.

/// A container's name, or `project/service`.
pub(super) fn container(typed: &str) -> Result<String, String> {
    let fine = |part: &str| {
        !part.is_empty()
            && part.len() <= 255
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    let parts: Vec<&str> = typed.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        [name] if fine(name) => Ok((*name).to_owned()),
        [project, service] if fine(project) && fine(service) => Ok(format!("{project}/{service}")),
        _ => Err("takes the name of a container, or project/service of Compose.".to_owned()),
    }
}

/// What the gateway sets by itself: whoever changes it breaks the connection, or lies about the visitor.
const OURS: [&str; 9] = [
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "proxy-connection",
    "host",
];

/// The name of a header that may be changed.
pub(super) fn header(typed: &str) -> Result<String, String> {
    let name = typed.trim();
    if name.starts_with('-') || name.parse::<hyper::header::HeaderName>().is_err() {
        return Err(format!("{name:?} is no name of a header."));
    }
    if OURS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(format!("{name} is set by the gateway itself."));
    }
    Ok(name.to_owned())
}
