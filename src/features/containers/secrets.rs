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
    let author = name.contains("author");
    WORDS.iter().any(|word| name.contains(word)) && !author
        || name.ends_with("key")
        || name.ends_with("_url")
        || name == "users"
        || name.ends_with(".users")
}

/// The words of a command without what looks like a secret: `--password=…`, `--token …`, `TOKEN=…`.
pub fn masked_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut masked = Vec::new();
    let mut next_is_secret = false;
    for word in words {
        if std::mem::take(&mut next_is_secret) && !word.starts_with('-') {
            masked.push(MASK.to_owned());
            continue;
        }
        match word.split_once('=') {
            Some((name, _)) if is_secret(name) => masked.push(format!("{name}={MASK}")),
            Some(_) => masked.push(masked_url(word)),
            None => {
                next_is_secret = word.starts_with('-') && is_secret(word);
                masked.push(masked_url(word));
            }
        }
    }
    masked
}

/// An address without its password.
fn masked_url(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    match rest.split_once('@') {
        Some((user, host)) if user.contains(':') && !user.contains('/') => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:{MASK}@{host}")
        }
        _ => word.to_owned(),
    }
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
        // Shell commands hold whole scripts in one word.
        for pointer in ["/Config/Labels", "/HostConfig/LogConfig/Config"] {
            if let Some(Value::Object(map)) = answer.pointer_mut(pointer) {
                for (name, value) in map {
                    if is_secret(name) {
                        *value = Value::String(MASK.to_owned());
                    }
                }
            }
        }
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
