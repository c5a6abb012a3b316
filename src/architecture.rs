//! Reads every `crate::` path of the source and fails on a forbidden arrow.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may import whom, by top-level module.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("platform", &["platform"]),
    ("docker", &["docker", "platform"]),
    ("web", &["web", "platform"]),
    ("gateway", &["gateway", "platform"]),
    ("features", &["features", "docker", "web", "gateway", "platform"]),
    ("config", &["config", "docker", "web", "gateway", "platform"]),
    ("app", &["app", "config", "features", "docker", "web", "gateway", "platform"]),
    ("cli", &["cli", "app", "config", "features", "docker", "web", "gateway", "platform"]),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The `a::b::…` behind each `crate::` of a file.
fn imports(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut before = "";
    for piece in text.split("crate::") {
        // `$crate::` belongs to a macro of another crate.
        if !before.is_empty() && !before.ends_with('$') {
            let path = piece
                .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                .next()
                .unwrap_or_default();
            found.push(path.split("::").map(str::to_owned).collect());
        }
        before = piece;
    }
    found
}

#[test]
fn imports_follow_the_arrows() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let module = file.split(['/', '.']).next().unwrap_or_default();
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else { continue };
        for path in imports(&text) {
            let target = path.first().cloned().unwrap_or_default();
            if ALLOWED.iter().any(|(name, _)| *name == target) && !allowed.contains(&target.as_str()) {
                wrong.push(format!("{file} imports {}", path.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_feature_does_not_reach_into_the_store_or_worker_of_another() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let Some(own) = file.strip_prefix("features/").and_then(|rest| rest.split('/').next()) else {
            continue;
        };
        for path in imports(&text) {
            if let [features, other, part, ..] = path.as_slice()
                && features == "features"
                && other != own
                && (part == "store" || part == "worker")
            {
                wrong.push(format!("{file} imports {}", path.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_stores_and_the_platform_speak_sql() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let may = file.starts_with("platform/") || file.ends_with("store.rs") || file == "architecture.rs";
        if !may
            && (text.contains("SELECT ") || text.contains("INSERT INTO ") || text.contains("DELETE FROM "))
        {
            wrong.push(file);
        }
    }
    assert!(wrong.is_empty(), "SQL outside a store: {wrong:?}");
}
