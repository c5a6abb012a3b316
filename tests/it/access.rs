//! Who may do what: roles, users, sessions and tokens; and what protects a browser from other sites.

use crate::support::client::{Client, Reply};
use crate::support::server::{ADMIN, PASSWORD, Server, Setup};
use crate::support::{SOON, check, eventually};
use reqwest::Method;

const NOWHERE: &str = "unix:///nonexistent/docker.sock";

async fn three_roles() -> Server {
    Setup::new(NOWHERE).user(ADMIN, "admin").user("otto", "operator").user("vera", "viewer").start().await
}

/// The id of a user, from the forms on the users page: each comes after its user's name.
async fn user_id(admin: &Client, name: &str) -> String {
    let page = admin.get("/settings/users").await;
    let html = &page.expect(200).text;
    let after = html.find(&format!(">{name}<")).or_else(|| html.find(&format!("\"{name}\"")));
    let rest = &html[after.unwrap_or_else(|| panic!("{name} is not on the page:\n{html}"))..];
    let form = rest.split("/settings/users/").nth(1).expect("a form for this user");
    form.chars().take_while(|c| *c != '/' && *c != '"').collect()
}

#[tokio::test]
async fn pages_and_actions_of_admins_are_closed_to_others() {
    let server = three_roles().await;
    let admin = server.admin().await;
    let id = user_id(&admin, "otto").await;
    for name in ["vera", "otto"] {
        let client = server.sign_in(name).await;
        client.get("/settings/users").await.expect(403);
        let fields = [("name", "eve"), ("password", PASSWORD), ("role", "admin")];
        client.post_form("/settings/users", &fields).await.expect(403);
        for action in ["role", "password", "disable", "enable", "remove"] {
            let path = format!("/settings/users/{id}/{action}");
            client.post_form(&path, &[("role", "admin"), ("password", PASSWORD)]).await.expect(403);
        }
        let home = client.get("/").await;
        assert!(
            !home.expect(200).text.contains("href=\"/settings/users\""),
            "{name} sees a link to the users page"
        );
    }
    assert!(!admin.get("/settings/users").await.text.contains(">eve<"));
}

#[tokio::test]
async fn an_admin_adds_changes_disables_and_removes_users() {
    let server = Server::with_admin(NOWHERE).await;
    let admin = server.admin().await;
    let add = async |name: &str, password: &str, role: &str| {
        admin.post_form("/settings/users", &[("name", name), ("password", password), ("role", role)]).await
    };
    add("vera", PASSWORD, "viewer").await.expect(303);
    let short = add("sam", "short", "viewer").await;
    assert!(short.expect(422).text.contains("value=\"sam\""), "the name is kept: {}", short.text);
    add("vera", PASSWORD, "viewer").await.expect(422);
    add("sam", PASSWORD, "king").await.expect(422);
    add("../sam <b>", PASSWORD, "viewer").await.expect(422);

    let id = user_id(&admin, "vera").await;
    let act = async |action: &str, fields: &[(&str, &str)]| {
        admin.post_form(&format!("/settings/users/{id}/{action}"), fields).await.expect(303);
    };
    let vera = server.sign_in("vera").await;
    act("role", &[("role", "admin")]).await;
    server.sign_in("vera").await.get("/settings/users").await.expect(200);
    act("role", &[("role", "viewer")]).await;
    vera.get("/settings/users").await;
    act("disable", &[]).await;
    server.anonymous().login("vera", PASSWORD).await.expect(422);
    assert_eq!(vera.get("/containers").await.status, 303, "disabling ends sessions");
    act("enable", &[]).await;
    server.sign_in("vera").await;
    act("password", &[("password", "a brand new password")]).await;
    server.anonymous().login("vera", PASSWORD).await.expect(422);
    server.anonymous().login("vera", "a brand new password").await.expect(303);
    act("remove", &[]).await;
    server.anonymous().login("vera", "a brand new password").await.expect(422);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let server = Server::with_admin(NOWHERE).await;
    let admin = server.admin().await;
    let id = user_id(&admin, ADMIN).await;
    for (action, fields) in [("remove", vec![]), ("disable", vec![]), ("role", vec![("role", "viewer")])] {
        let reply = admin.post_form(&format!("/settings/users/{id}/{action}"), &fields).await;
        assert!(matches!(reply.status, 409 | 422), "{action}: {reply:?}");
    }
    admin.get("/settings/users").await.expect(200);
    server.admin().await;
}

#[tokio::test]
async fn removing_a_user_ends_sessions_tokens_and_open_streams() {
    let server = three_roles().await;
    let (admin, vera) = (server.admin().await, server.sign_in("vera").await);
    let token = server.cli(&["token", "create", "script", "--user", "vera"], "").await;
    let script = server.bearer(token.expect(0).stdout.trim());
    eventually("the token to be known", SOON, async || {
        let status = script.get("/api/summary").await.status;
        check(status == 200, status)
    })
    .await;
    let mut stream = vera.events("/live?for=/containers&rev=0").await;
    let mut other = admin.events("/live?for=/containers&rev=0").await;
    let id = user_id(&admin, "vera").await;
    admin.post_form(&format!("/settings/users/{id}/remove"), &[]).await.expect(303);
    let names = stream.rest(SOON).await;
    assert_eq!(names.last().map(String::as_str), Some("signed-out"), "{names:?}");
    vera.get("/live?for=/containers&rev=0").await.expect(401);
    assert_eq!(vera.get("/containers").await.status, 303);
    script.get("/api/summary").await.expect_error(401);
    let quiet = tokio::time::timeout(std::time::Duration::from_millis(300), other.rest(SOON)).await;
    assert!(quiet.is_err(), "the admin's own stream goes on");
}

#[tokio::test]
async fn logging_out_ends_the_streams_of_that_session_only() {
    let server = Server::with_admin(NOWHERE).await;
    let (here, there) = (server.admin().await, server.admin().await);
    let mut stream = here.events("/live?for=/&rev=0").await;
    here.post_form("/logout", &[]).await.expect(303);
    assert_eq!(stream.rest(SOON).await.last().map(String::as_str), Some("signed-out"));
    there.get("/api/summary").await.expect(200);
}

#[tokio::test]
async fn sessions_are_listed_and_can_be_ended_from_another_one() {
    let server = three_roles().await;
    let (here, there) = (server.sign_in("vera").await, server.sign_in("vera").await);
    let stranger = server.sign_in("otto").await;
    let html = here.get("/settings/sessions").await.expect(200).text.clone();
    assert!(!html.contains("otto"), "others' sessions are not shown to a viewer");
    let forms: Vec<&str> = html
        .split("action=\"/settings/sessions/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(!forms.is_empty(), "each session can be ended:\n{html}");
    stranger.post_form(&format!("/settings/sessions/{}", forms[0]), &[]).await;
    there.get("/api/summary").await.expect(200);
    for form in forms {
        here.post_form(&format!("/settings/sessions/{form}"), &[]).await;
    }
    there.get("/api/summary").await.expect_error(401);
    stranger.get("/api/summary").await.expect(200);
}

#[tokio::test]
async fn a_token_made_on_the_page_is_shown_once_and_works_for_the_api_only() {
    let server = three_roles().await;
    let vera = server.sign_in("vera").await;
    let made = vera.post_form("/settings/tokens", &[("name", "my script"), ("expires", "")]).await;
    let page = if made.status == 303 { vera.get(made.location()).await } else { made };
    let words =
        page.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').map(str::to_owned);
    let mut found = None;
    for word in words.filter(|word| word.len() >= 32) {
        if server.bearer(&word).get("/api/summary").await.status == 200 {
            found = Some(word);
            break;
        }
    }
    let token = found.unwrap_or_else(|| panic!("the new token is on the page:\n{}", page.text));
    let later = vera.get("/settings/tokens").await;
    assert!(
        later.text.contains("my script") && !later.text.contains(&token),
        "never shown again:\n{}",
        later.text
    );
    let path = later
        .text
        .split("action=\"")
        .filter_map(|rest| rest.split('"').next())
        .find(|path| path.ends_with("/revoke"));
    vera.post_form(path.expect("a form to revoke it"), &[]).await.expect(303);
    server.bearer(&token).get("/api/summary").await.expect_error(401);
}

#[tokio::test]
async fn another_site_cannot_act_for_a_signed_in_user() {
    let server = Server::with_admin(NOWHERE).await;
    let admin = server.admin().await;
    let send = async |headers: &[(&str, &str)]| -> Reply {
        let mut request = admin.request(Method::POST, "/settings/users");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admin.send(request.form(&[("name", "eve"), ("password", PASSWORD), ("role", "admin")])).await
    };
    send(&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")]).await.expect(403);
    send(&[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:1")]).await.expect(403);
    send(&[("origin", "https://evil.test")]).await.expect(403);
    send(&[("origin", "null")]).await.expect(403);
    let logout = admin.request(Method::POST, "/logout").header("sec-fetch-site", "cross-site");
    admin.send(logout).await.expect(403);
    let page = admin.get("/settings/users").await;
    assert!(!page.expect(200).text.contains(">eve<"), "nothing happened");
    send(&[("sec-fetch-site", "same-origin"), ("origin", server.base())]).await.expect(303);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_no_inline_code() {
    let server = Server::with_admin(NOWHERE).await;
    let admin = server.admin().await;
    let pages = [
        "/",
        "/containers",
        "/settings",
        "/settings/events",
        "/settings/stats",
        "/settings/cleanup",
        "/stale",
        "/stale/removed",
        "/settings/users",
        "/settings/tokens",
        "/settings/sessions",
        "/nothing-here",
    ];
    for path in pages.into_iter().chain(["/api/summary", "/api/nothing", "/api/docs", "/api/openapi.json"]) {
        let reply = admin.get(path).await;
        let csp = reply.header("content-security-policy");
        assert!(
            csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"),
            "{path}: {csp}"
        );
        assert!(!csp.contains("unsafe") && !csp.contains('*'), "{path}: {csp}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!reply.header("referrer-policy").is_empty(), "{path}");
        if reply.header("content-type").starts_with("text/html") {
            let html = &reply.text;
            for script in html.split("<script").skip(1) {
                let tag = script.split('>').next().unwrap_or("");
                assert!(
                    tag.contains("src=\"/") || tag.contains("application/json"),
                    "{path}: inline script <script{tag}>"
                );
            }
            for inline in [
                " style=\"",
                " onclick=",
                " onsubmit=",
                "hx-on",
                "<style",
                "javascript:",
                "https://cdn",
                "//unpkg",
            ] {
                assert!(!html.contains(inline), "{path}: {inline} in\n{html}");
            }
        }
    }
}
