//! What scripts rely on: the description is true, and every answer wears the envelope.

use crate::support::server::{PASSWORD, Server};
use crate::support::stub::Stub;
use crate::support::stub_answers::Fake;
use crate::support::{SOON, check, eventually};
use reqwest::Method;
use serde_json::{Value, json};

fn paths(openapi: &Value) -> Vec<(String, Vec<String>)> {
    let paths = openapi["paths"].as_object().expect("paths");
    paths
        .iter()
        .map(|(path, item)| (path.clone(), item.as_object().expect("a path item").keys().cloned().collect()))
        .collect()
}

/// A path with something plausible for each parameter.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "web" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_lists_what_the_interface_promises() {
    let stub = Stub::start(Vec::new());
    let server = Server::with_admin(&stub.host()).await;
    let openapi = server.admin().await.get("/api/openapi.json").await.expect(200).json();
    assert!(
        openapi["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")),
        "{}",
        openapi["openapi"]
    );
    assert!(openapi["info"]["title"].is_string() && openapi["info"]["version"].is_string());
    let described = paths(&openapi);
    for (method, path) in
        [("get", "/api/summary"), ("get", "/api/containers"), ("get", "/api/containers/{id}")]
    {
        let found =
            described.iter().any(|(known, methods)| known == path && methods.iter().any(|m| m == method));
        assert!(found, "{method} {path} is described: {described:?}");
    }
    for (path, methods) in &described {
        assert!(
            path.starts_with("/api/") || path.starts_with("/healthz") || path.starts_with("/readyz"),
            "{path}"
        );
        for method in methods.iter().filter(|method| *method != "parameters") {
            let operation = &openapi["paths"][path][method];
            let said = operation["summary"].is_string() || operation["description"].is_string();
            assert!(said, "{method} {path} says what it does");
            let answers = operation["responses"].as_object().expect("responses");
            let content = &operation["responses"]["200"]["content"];
            let schema =
                ["application/json", "text/plain"].iter().any(|kind| content[kind]["schema"].is_object());
            assert!(
                schema || !answers.contains_key("200") || path.ends_with("openapi.json"),
                "{method} {path}: {answers:?}"
            );
        }
    }
    let text = openapi.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(
            openapi["components"]["schemas"][reference].is_object(),
            "{reference} is referred to but not described"
        );
    }
}

#[tokio::test]
async fn every_described_path_is_closed_without_credentials_and_exists_with_them() {
    let stub = Stub::start(vec![Fake::running("web")]);
    let server = Server::with_admin(&stub.host()).await;
    let (anonymous, admin) = (server.anonymous(), server.admin().await);
    let openapi = admin.get("/api/openapi.json").await.expect(200).json();
    let known = async || check(admin.get("/api/containers/web").await.status == 200, "not yet");
    let proxy = json!({"domains": ["a.localhost"], "destination": {"host": "192.0.2.1", "port": 80}, "force": true,
                       "enabled": false});
    admin.post("/api/proxies", proxy).await.expect(200);
    eventually("the container to be known", SOON, known).await;
    for (path, methods) in paths(&openapi) {
        // An event is known by its number; signing in was one.
        let numbered = ["/api/events/{id}", "/api/proxies/{id}"].iter().any(|known| path.starts_with(known));
        let target = if numbered { path.replace("{id}", "1") } else { filled(&path) };
        for method in methods.iter().filter(|method| *method != "parameters") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let closed = anonymous.send(anonymous.request(method.clone(), &target)).await;
            let public = closed.status == 200 && (path == "/api/openapi.json" || !path.starts_with("/api/"));
            assert!(public || closed.expect_error(401) == "unauthenticated", "{method} {path}: {closed:?}");
            if method == Method::GET && !path.contains("stream") {
                admin.get(&target).await.expect(200);
            }
        }
    }
}

#[tokio::test]
async fn a_described_answer_has_the_described_fields() {
    let stub = Stub::start(vec![Fake::running("web").label("tier", "front")]);
    let server = Server::with_admin(&stub.host()).await;
    let admin = server.admin().await;
    eventually("the container to be known", SOON, async || {
        check(admin.get("/api/containers/web").await.status == 200, "not yet")
    })
    .await;
    let whole = admin.get("/api/containers").await.expect(200).json();
    assert!(whole["meta"].as_object().is_some_and(|meta| meta.contains_key("next")), "{whole}");
    let fields = [
        "id",
        "engine",
        "name",
        "image",
        "image_id",
        "state",
        "health",
        "project",
        "service",
        "created_at",
        "started_at",
        "finished_at",
        "exit_code",
        "restart_count",
        "ports",
        "labels",
        "networks",
        "mounts",
        "stale",
        "stats",
    ];
    for container in [&whole["data"][0], &admin.data("/api/containers/web").await] {
        let object = container.as_object().expect("an object");
        let missing: Vec<_> = fields.iter().filter(|field| !object.contains_key(**field)).collect();
        assert!(missing.is_empty(), "missing {missing:?} in {container}");
        assert_eq!(container["labels"]["tier"], "front");
        assert!(container["id"].is_string() && container["exit_code"].is_null(), "{container}");
    }
    let summary = admin.data("/api/summary").await;
    for (group, fields) in [
        ("containers", vec!["total", "running", "stopped", "paused", "unhealthy", "stale"]),
        ("proxies", vec!["total", "healthy", "unhealthy", "unknown"]),
        ("events", vec!["errors_24h", "warnings_24h"]),
    ] {
        for field in fields {
            assert!(summary[group][field].is_u64(), "{group}.{field}: {summary}");
        }
    }
    let engine = &summary["engines"][0];
    assert_eq!((engine["id"].as_str(), engine["status"].as_str()), (Some("local"), Some("up")), "{summary}");
    assert!(
        engine["name"].is_string() && engine["since"].is_string() && engine["version"] == "27.0.0",
        "{summary}"
    );
}

#[tokio::test]
async fn errors_wear_the_envelope_whatever_goes_wrong() {
    let stub = Stub::start(vec![Fake::running("web")]);
    let server = Server::with_admin(&stub.host()).await;
    let admin = server.admin().await;
    admin.get("/api/no-such-thing").await.expect_error(404);
    admin.get("/api/containers/no-such-container").await.expect_error(404);
    admin.get("/api").await.expect_error(404);
    let wrong = admin
        .send(admin.request(Method::DELETE, "/api/summary").header("sec-fetch-site", "same-origin"))
        .await;
    wrong.expect_error(405);
    assert!(wrong.header("allow").contains("GET"), "{wrong:?}");
    let reply = admin.get("/api/containers?limit=many").await;
    assert!(matches!(reply.status, 400 | 422), "{reply:?}");
    reply.expect_error(reply.status);
    server.bearer("nonsense").get("/api/summary").await.expect_error(401);
    let basic = server.anonymous();
    let request = basic.request(Method::GET, "/api/summary").basic_auth("ada", Some(PASSWORD));
    basic.send(request).await.expect_error(401);
    let cross =
        admin.request(Method::POST, "/api/containers/web/stop").header("sec-fetch-site", "cross-site");
    let cross = admin.send(cross).await;
    cross.expect_error(403);
    let huge =
        admin.request(Method::POST, "/login").header("content-type", "application/x-www-form-urlencoded");
    admin.send(huge.body(format!("name={}", "a".repeat(2 << 20)))).await.expect(413);
}

#[tokio::test]
async fn a_viewer_reads_the_api_with_a_token_and_head_works() {
    let stub = Stub::start(vec![Fake::running("web")]);
    let server = Server::with_admin(&stub.host()).await;
    server.add_user("vera", "viewer").await;
    let made = server.cli(&["token", "create", "read", "--user", "vera"], "").await;
    let script = server.bearer(made.expect(0).stdout.trim());
    eventually("the token to be known", SOON, async || {
        let status = script.get("/api/containers").await.status;
        check(status == 200, status)
    })
    .await;
    let head = script.send(script.request(Method::HEAD, "/api/containers")).await;
    assert_eq!(head.expect(200).text, "");
}
