//! Which route a request takes, and which path the upstream sees.

use super::support::{Backend, Running, config, header, route};
use crate::gateway::Route;

fn below(id: &str, path: &str, strip_prefix: bool, upstream: std::net::SocketAddr) -> Route {
    Route { path: Some(path.to_owned()), strip_prefix, ..route(id, "site.test", upstream) }
}

fn line(echo: &str) -> &str {
    echo.lines().next().unwrap().trim_end_matches(" HTTP/1.1")
}

#[tokio::test]
async fn a_prefix_is_stripped_on_request_and_told() {
    let backend = Backend::echo().await;
    let routes =
        vec![below("app", "/app", true, backend.address), below("raw", "/raw/", false, backend.address)];
    let gateway = Running::start(config(), routes).await;
    for (asked, sent) in [
        ("/app", "GET /"),
        ("/app/", "GET /"),
        ("/app?x=1", "GET /?x=1"),
        ("/app/a%20b?x=%2F", "GET /a%20b?x=%2F"),
        ("//app//x", "GET /x"),
        ("/x/../app/y", "GET /y"),
        ("/raw/x", "GET /raw/x"),
    ] {
        let answer = gateway.get(asked).await;
        assert_eq!(line(&answer.body), sent, "{asked}");
        let prefix = (!asked.contains("raw")).then(|| "/app".to_owned());
        assert_eq!(header(&answer.body, "x-forwarded-prefix"), prefix, "{asked}");
    }
    for outside in ["/apple", "/", "/rawx"] {
        assert_eq!(gateway.get(outside).await.status, 404, "{outside}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_gets_around_a_route() {
    let (open, closed) =
        (Backend::echo().await, Backend::says("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n").await);
    let gateway = Running::start(
        config(),
        vec![route("open", "site.test", open.address), below("closed", "/admin", false, closed.address)],
    )
    .await;
    for path in [
        "/admin",
        "/admin/x",
        "//admin",
        "/x/../admin",
        "/%61dmin",
        "/x/%2e%2e/admin",
        "/./admin",
        "/admin?x",
    ] {
        assert_eq!(gateway.get(path).await.status, 403, "{path}");
    }
    assert_eq!(gateway.get("/../admin").await.status, 400);
    assert_eq!(line(&gateway.get("/a/../b").await.body), "GET /b");
    assert_eq!(line(&gateway.get("/%7Euser//x?y=%2e%2e").await.body), "GET /%7Euser//x?y=%2e%2e");
    assert!(open.heads().iter().all(|head| !head.contains("admin")));
}
