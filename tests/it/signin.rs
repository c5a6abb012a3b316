//! Who gets in, and how: setup, login, logout, limits.

use crate::support::client::{Client, Reply};
use crate::support::server::{ADMIN, PASSWORD, Server, Setup};
use reqwest::Method;

const NOWHERE: &str = "unix:///nonexistent/docker.sock";

async fn set_up(client: &Client, path: &str, name: &str) -> Reply {
    let token = path.split_once("token=").expect("a token").1;
    let again = ("password_again", PASSWORD);
    client.post_form("/setup", &[("name", name), ("password", PASSWORD), again, ("token", token)]).await
}

#[tokio::test]
async fn the_setup_link_works_once_and_only_with_its_token() {
    let server = Server::fresh(NOWHERE).await;
    let (client, path) = (server.anonymous(), server.setup_path().await);
    client.get("/setup").await.expect(403);
    client.get("/setup?token=guess").await.expect(403);
    set_up(&client, "/setup?token=guess", "mallory").await.expect(403);
    let page = client.get(&path).await;
    for input in ["name=\"name\"", "name=\"password\"", "name=\"password_again\"", "name=\"token\""] {
        assert!(page.expect(200).text.contains(input), "{input} in\n{}", page.text);
    }
    assert_eq!(set_up(&client, &path, ADMIN).await.location(), "/");
    client.get("/settings/users").await.expect(200);
    let late = server.anonymous();
    assert_eq!(late.get(&path).await.location(), "/login");
    let refused = set_up(&late, &path, "mallory").await;
    assert!(refused.status >= 300, "a second setup: {refused:?}");
    late.login("mallory", PASSWORD).await.expect(422);
}

#[tokio::test]
async fn setup_says_what_is_wrong_with_the_form_and_keeps_the_name() {
    let server = Server::fresh(NOWHERE).await;
    let (client, path) = (server.anonymous(), server.setup_path().await);
    let token = path.split_once("token=").unwrap().1;
    let cases = [
        ("ada", "short", "short"),
        ("ada", PASSWORD, "something else"),
        ("ada", "", ""),
        ("", PASSWORD, PASSWORD),
    ];
    for (name, password, again) in cases {
        let fields = [("name", name), ("password", password), ("password_again", again), ("token", token)];
        let page = client.post_form("/setup", &fields).await;
        assert!(page.expect(422).text.contains(&format!("value=\"{name}\"")), "{}", page.text);
        assert!(!page.text.contains(PASSWORD), "a password is never sent back");
    }
    set_up(&client, &path, "ada").await.expect(303);
}

#[tokio::test]
async fn there_is_no_default_password() {
    let server = Server::fresh(NOWHERE).await;
    for (name, password) in
        [("admin", "admin"), ("admin", ""), ("admin", "password"), ("root", "root"), ("", "")]
    {
        server.anonymous().login(name, password).await.expect(422);
    }
    assert_eq!(server.anonymous().get("/containers").await.status, 303);
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_with_the_name_and_the_reason() {
    let server = Server::with_admin(NOWHERE).await;
    let client = server.anonymous();
    let wrong = client.login(ADMIN, "not my password").await;
    wrong.expect(422);
    assert!(
        wrong.text.contains(&format!("value=\"{ADMIN}\"")) && wrong.text.contains("role=\"alert\""),
        "{}",
        wrong.text
    );
    assert!(!wrong.text.contains("not my password"));
    let unknown = client.login("nobody", "not my password").await;
    let normal = |reply: &Reply, name: &str| reply.text.replace(name, "NAME");
    assert_eq!(
        normal(unknown.expect(422), "nobody"),
        normal(&wrong, ADMIN),
        "an unknown name looks like a wrong password"
    );
    let markup = client.login("\"><script>alert(1)</script>", "x").await;
    assert!(!markup.expect(422).text.contains("<script>alert"), "{}", markup.text);
}

#[tokio::test]
async fn too_many_wrong_passwords_are_slowed_down_whatever_address_is_claimed() {
    let server = Server::with_admin(NOWHERE).await;
    let client = server.anonymous();
    let attempt = async |number: usize, password: &str| {
        let request =
            client.request(Method::POST, "/login").header("x-forwarded-for", format!("203.0.113.{number}"));
        client.send(request.form(&[("name", ADMIN), ("password", password), ("next", "/")])).await
    };
    for number in 0..30 {
        let reply = attempt(number, "wrong password").await;
        if reply.status == 429 {
            assert!((3..=20).contains(&number), "after {number} tries");
            assert!(reply.header("retry-after").parse::<u32>().is_ok(), "{reply:?}");
            attempt(number, PASSWORD).await.expect(429);
            return;
        }
        reply.expect(422);
    }
    panic!("30 wrong passwords and no 429");
}

#[tokio::test]
async fn behind_a_trusted_proxy_one_visitor_does_not_lock_out_the_others() {
    let setup = Setup::new(NOWHERE).user(ADMIN, "admin").flag("--trusted-proxies", "127.0.0.0/8");
    let server = setup.start().await;
    let client = server.anonymous();
    let attempt = async |from: &str, name: &str, password: &str| {
        let request = client.request(Method::POST, "/login").header("x-forwarded-for", from);
        client.send(request.form(&[("name", name), ("password", password), ("next", "/")])).await.status
    };
    let mut tries = 0;
    while attempt("203.0.113.1", &format!("guess{tries}"), "wrong password").await != 429 {
        tries += 1;
        assert!(tries < 30, "no 429 for one address");
    }
    assert_eq!(attempt("203.0.113.1", ADMIN, PASSWORD).await, 429);
    assert_eq!(attempt("203.0.113.2", ADMIN, PASSWORD).await, 303);
}

#[tokio::test]
async fn the_session_cookie_is_guarded_and_new_at_each_login() {
    let server = Server::with_admin(NOWHERE).await;
    let client = server.anonymous();
    let login = client.login(ADMIN, PASSWORD).await;
    let cookie = login.expect(303).header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "over plain http the browser would drop it: {cookie}");
    let first = client.cookies();
    client.login(ADMIN, PASSWORD).await.expect(303);
    assert_ne!(client.cookies(), first, "a new id at each login");
    let victim = server.anonymous();
    let planted = first.keys().map(|name| (name.clone(), "AAAAAAAAAAAAAAAAAAAAAA".to_owned())).collect();
    victim.set_cookies(planted);
    victim.login(ADMIN, PASSWORD).await.expect(303);
    assert!(
        !victim.cookies().values().any(|value| value == "AAAAAAAAAAAAAAAAAAAAAA"),
        "a planted id is not taken over"
    );
}

#[tokio::test]
async fn under_an_https_address_the_cookie_is_secure() {
    let setup = Setup::new(NOWHERE).user(ADMIN, "admin").flag("--public-url", "https://watcher.example");
    let server = setup.start().await;
    let client = server.anonymous();
    let request = client.request(Method::POST, "/login").header("origin", "https://watcher.example");
    let reply = client.send(request.form(&[("name", ADMIN), ("password", PASSWORD), ("next", "/")])).await;
    assert!(reply.expect(303).header("set-cookie").contains("Secure"), "{reply:?}");
}

#[tokio::test]
async fn logout_ends_the_session_on_the_server() {
    let server = Server::with_admin(NOWHERE).await;
    let client = server.admin().await;
    let thief = server.anonymous();
    thief.set_cookies(client.cookies());
    thief.get("/api/summary").await.expect(200);
    assert_eq!(client.post_form("/logout", &[]).await.location(), "/login");
    thief.get("/api/summary").await.expect_error(401);
    assert!(client.get("/").await.location().starts_with("/login"));
}

#[tokio::test]
async fn without_a_session_pages_lead_to_login_and_the_rest_is_401() {
    let server = Server::with_admin(NOWHERE).await;
    let client = server.anonymous();
    let page = client.get("/containers?q=web&sort=-name").await;
    assert_eq!(page.location(), "/login?next=%2Fcontainers%3Fq%3Dweb%26sort%3D-name");
    let fragment = client.request(Method::GET, "/containers").header("hx-request", "true");
    let fragment = fragment.header("hx-request-type", "partial");
    client.send(fragment).await.expect(401);
    client.get("/live?for=/containers&rev=0").await.expect(401);
    client.get("/api/containers").await.expect_error(401);
    for public in ["/login", "/healthz", "/readyz"] {
        client.get(public).await.expect(200);
    }
    let metrics = client.get("/metrics").await;
    assert!(matches!(metrics.status, 401 | 404), "{metrics:?}");
}

#[tokio::test]
async fn after_login_the_page_asked_for_opens_but_never_another_site() {
    let server = Server::with_admin(NOWHERE).await;
    let go = async |next: &str| {
        let fields = [("name", ADMIN), ("password", PASSWORD), ("next", next)];
        server.anonymous().post_form("/login", &fields).await.location().to_owned()
    };
    assert_eq!(go("/containers?q=a&group=project").await, "/containers?q=a&group=project");
    for evil in [
        "//evil.test",
        "https://evil.test/",
        "/\\evil.test",
        "\\\\evil.test",
        "http:evil.test",
        " //evil.test",
        "/\t/evil.test",
    ] {
        let location = go(evil).await;
        assert!(location.starts_with('/') && !location.contains("evil"), "{evil:?} leads to {location:?}");
    }
}
