//! What looks like a secret in a container's configuration is masked for those who may only look.

use serde_json::Value;

/// Stands for a value that is not shown.
pub const MASK: &str = "••••••••";

/// Whether the name of a variable, a label or a flag says that its value is a secret.
pub fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "pass",
        "pwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "auth",
        "credential",
        "private",
        "cert",
        "dsn",
    ];
    let name = name.to_ascii_lowercase();
    let mut segments =
        name.split(['.', '_', '-', '/']).filter(|segment| !matches!(*segment, "author" | "authors"));
    let told = segments.clone().any(|segment| WORDS.iter().any(|word| segment.contains(word)));
    let last = segments.next_back().unwrap_or_default();
    told || name.contains("api_key")
        || name.contains("api-key")
        || last.ends_with("key")
        || matches!(last, "url" | "users")
}

/// The words of a command without what looks like a secret: `--password=…`, `--token …`, `TOKEN=…`,
/// `Authorization: Bearer …`.
pub fn masked_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    const SCHEMES: [&str; 4] = ["bearer", "basic", "token", "digest"];
    let mut masked = Vec::new();
    let mut next_is_secret = false;
    // Inside of a quoted secret, up to its closing quote.
    let mut quote: Option<char> = None;
    for word in words {
        if let Some(open) = quote {
            quote = (!word.ends_with(open)).then_some(open);
            continue;
        }
        let bare = word.trim_matches(['"', '\'']);
        if std::mem::take(&mut next_is_secret) && !word.starts_with('-') {
            next_is_secret = SCHEMES.iter().any(|scheme| bare.eq_ignore_ascii_case(scheme));
            quote = word
                .chars()
                .next()
                .filter(|c| matches!(c, '"' | '\'') && (word.len() == 1 || !word.ends_with(*c)));
            masked.push(if next_is_secret { word.to_owned() } else { MASK.to_owned() });
            continue;
        }
        match word.split_once('=') {
            Some((name, value)) if is_secret(name) => {
                quote = value.chars().next().filter(|c| matches!(c, '"' | '\'') && !value.ends_with(*c));
                masked.push(format!("{name}={MASK}"));
            }
            _ => {
                next_is_secret =
                    (word.starts_with('-') || bare.ends_with(':')) && is_secret(bare.trim_end_matches(':'));
                masked.push(masked_url(word));
            }
        }
    }
    masked
}

/// An address without its password.
pub fn masked_url(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:{MASK}@{host}")
        }
        _ => word.to_owned(),
    }
}

/// The value of a label or an option, for those who may only look.
pub fn masked_value(name: &str, value: &str) -> String {
    if is_secret(name) { MASK.to_owned() } else { masked_url(value) }
}

/// Whether a label's value is not shown whole to those who may only look.
pub fn hides(name: &str, value: &str) -> bool {
    masked_value(name, value) != value
}

/// Masks what inspect answered: the values of the environment, and for those who may only look, whatever looks
/// like a secret in labels, options and commands.
pub fn mask_inspect(answer: &mut Value, environment: bool, looks: bool) {
    if environment && let Some(Value::Array(variables)) = answer.pointer_mut("/Config/Env") {
        for variable in variables {
            if let Some((name, _)) = variable.as_str().and_then(|text| text.split_once('=')) {
                *variable = Value::String(format!("{name}={MASK}"));
            }
        }
    }
    if looks {
        for pointer in ["/Args", "/Config/Cmd", "/Config/Entrypoint", "/Config/Healthcheck/Test"] {
            mask_list(answer.pointer_mut(pointer));
        }
        for pointer in ["/Config/Labels", "/HostConfig/LogConfig/Config"] {
            mask_map(answer.pointer_mut(pointer), false);
        }
        if let Some(Value::Array(mounts)) = answer.pointer_mut("/HostConfig/Mounts") {
            for mount in mounts {
                mask_map(mount.pointer_mut("/VolumeOptions/DriverConfig/Options"), true);
            }
        }
        if let Some(Value::Array(results)) = answer.pointer_mut("/State/Health/Log") {
            for output in results.iter_mut().filter_map(|result| result.get_mut("Output")) {
                *output = Value::String(masked_script(output.as_str().unwrap_or_default()));
            }
        }
    }
}

/// Masks the values of a map; `all` of them where their names say nothing.
fn mask_map(map: Option<&mut Value>, all: bool) {
    let Some(Value::Object(map)) = map else { return };
    for (name, value) in map {
        let masked =
            if all { MASK.to_owned() } else { masked_value(name, value.as_str().unwrap_or_default()) };
        *value = Value::String(masked);
    }
}

fn mask_list(list: Option<&mut Value>) {
    let Some(Value::Array(words)) = list else { return };
    let masked = masked_words(words.iter().map(|word| word.as_str().unwrap_or_default()));
    *words = masked.into_iter().map(|word| Value::String(masked_script(&word))).collect();
}

/// A script in one word: each of its own words.
pub fn masked_script(word: &str) -> String {
    if !word.contains(' ') {
        return word.to_owned();
    }
    masked_words(word.split(' ')).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_recognised() {
        for name in [
            "DB_PASSWORD",
            "apiKey",
            "GITHUB_TOKEN",
            "traefik.http.middlewares.a.basicauth.users",
            "DATABASE_URL",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["PATH", "org.opencontainers.image.authors", "LANG", "traefik.enable"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn secrets_in_a_command_are_masked() {
        let words = ["serve", "--password=a", "--token", "b", "--port", "80", "postgres://me:pw@db/x"];
        assert_eq!(
            masked_words(words),
            ["serve", "--password=••••••••", "--token", MASK, "--port", "80", "postgres://me:••••••••@db/x"]
        );
        assert_eq!(
            masked_script("curl -H \"Authorization: Bearer abc\" x"),
            format!("curl -H \"Authorization: Bearer {MASK} x")
        );
        assert_eq!(masked_script("ping --password 'a b' x"), format!("ping --password {MASK} x"));
        assert_eq!(masked_script("run --secret x then"), format!("run --secret {MASK} then"));
    }

    #[test]
    fn the_environment_is_masked_for_everybody_and_labels_for_those_who_only_look() {
        let answer = serde_json::json!({"Config": {
            "Env": ["A=1", "B"], "Labels": {"x.password": "p", "y": "z"}, "Cmd": ["run", "--key", "k"]}});
        let (mut operator, mut viewer) = (answer.clone(), answer);
        mask_inspect(&mut operator, true, false);
        mask_inspect(&mut viewer, true, true);
        assert_eq!(operator["Config"]["Env"], serde_json::json!(["A=••••••••", "B"]));
        assert_eq!(operator["Config"]["Labels"]["x.password"], "p");
        assert_eq!(viewer["Config"]["Labels"], serde_json::json!({"x.password": MASK, "y": "z"}));
        assert_eq!(viewer["Config"]["Cmd"][2], MASK);
    }
}
