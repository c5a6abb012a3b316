//! Who may pass.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::support::{Backend, Running, config, header, route};
use crate::gateway::{AddressRules, BasicAuth, BasicUser, Maintenance, Route, RouteOptions};

/// Expensive enough to tell whether it was done again.
fn hash(password: &str) -> String {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password(password.as_bytes()).unwrap().to_string()
}

fn protected(password: &str) -> RouteOptions {
    let user = BasicUser { name: "anna".to_owned(), password_hash: hash(password) };
    let basic_auth = Some(BasicAuth { realm: "The \"site\"".to_owned(), users: vec![user] });
    RouteOptions { basic_auth, ..RouteOptions::default() }
}

fn as_user(credentials: &str) -> String {
    let encoded = STANDARD.encode(credentials);
    format!("GET / HTTP/1.1\r\nHost: site.test\r\nAuthorization: Basic {encoded}\r\n\r\n")
}

#[tokio::test]
async fn a_password_opens_the_route_and_does_not_reach_the_upstream() {
    let backend = Backend::echo().await;
    let gateway = Running::with(backend.address, protected("secret")).await;
    let asked = gateway.get("/").await;
    assert_eq!(asked.status, 401);
    assert_eq!(
        asked.header("www-authenticate").as_deref(),
        Some("Basic realm=\"The site\", charset=\"UTF-8\"")
    );
    for wrong in ["anna:wrong", "bert:secret", "anna", ":", "anna:secret2"] {
        assert_eq!(gateway.ask(&as_user(wrong)).await.status, 401, "{wrong}");
    }
    assert!(backend.heads().is_empty());
    let passed = gateway.ask(&as_user("anna:secret")).await;
    assert_eq!(passed.status, 200);
    assert_eq!(header(&passed.body, "authorization"), None);
}

#[tokio::test]
async fn a_right_password_is_remembered_until_it_changes() {
    let backend = Backend::echo().await;
    let gateway = Running::with(backend.address, protected("secret")).await;
    let began = Instant::now();
    assert_eq!(gateway.ask(&as_user("anna:secret")).await.status, 200);
    let first = began.elapsed();
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(gateway.ask(&as_user("anna:secret")).await.status, 200);
    }
    assert!(began.elapsed() < first * 25, "{first:?} once, then {:?} for 50", began.elapsed());
    let changed = Route { options: protected("other"), ..route("site", "site.test", backend.address) };
    gateway.gateway.set(std::sync::Arc::new(crate::gateway::Table::new(vec![changed])));
    assert_eq!(gateway.ask(&as_user("anna:secret")).await.status, 401);
    assert_eq!(gateway.ask(&as_user("anna:other")).await.status, 200);
}

#[tokio::test]
async fn a_route_without_passwords_leaves_them_to_the_upstream() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let passed = gateway.ask(&as_user("anna:secret")).await;
    assert!(header(&passed.body, "authorization").is_some());
}

#[tokio::test]
async fn addresses_are_allowed_and_denied() {
    let backend = Backend::echo().await;
    for (allow, deny, status) in [
        (vec![], vec!["127.0.0.0/8"], 403),
        (vec!["10.0.0.0/8"], vec![], 403),
        (vec!["127.0.0.1/32"], vec![], 200),
        (vec!["127.0.0.0/8"], vec!["127.0.0.1/32"], 403),
        (vec![], vec!["10.0.0.0/8"], 200),
    ] {
        let nets = |list: &[&str]| list.iter().map(|net| net.parse().unwrap()).collect();
        let addresses = AddressRules { allow: nets(&allow), deny: nets(&deny) };
        let gateway =
            Running::with(backend.address, RouteOptions { addresses, ..RouteOptions::default() }).await;
        let get = "GET / HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-For: 127.0.0.9\r\n\r\n";
        assert_eq!(gateway.ask(get).await.status, status, "{allow:?} {deny:?}");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_visitors_own_address_counts() {
    let backend = Backend::echo().await;
    let mut config = config();
    config.trusted_proxies = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()].into();
    let addresses = AddressRules { allow: vec!["203.0.113.0/24".parse().unwrap()], deny: vec![] };
    let options = RouteOptions { addresses, ..RouteOptions::default() };
    let gateway =
        Running::start(config, vec![Route { options, ..route("site", "site.test", backend.address) }]).await;
    for (forwarded, status) in [
        ("203.0.113.5", 200),
        ("203.0.113.5, 10.0.0.1", 200),
        ("203.0.113.5, 6.6.6.6", 403),
        ("203.0.113.5, nonsense", 403),
        ("6.6.6.6", 403),
    ] {
        let get = format!("GET / HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-For: {forwarded}\r\n\r\n");
        assert_eq!(gateway.ask(&get).await.status, status, "{forwarded}");
    }
}

#[tokio::test]
async fn a_site_that_is_being_worked_on_says_so_and_when_to_come_back() {
    let backend = Backend::echo().await;
    let page = Maintenance {
        message: "We move <house> today.".to_owned(),
        retry_after: Some(Duration::from_secs(600)),
    };
    let options = RouteOptions { maintenance: Some(page), ..protected("secret") };
    let gateway = Running::with(backend.address, options).await;
    let answer = gateway.ask("GET / HTTP/1.1\r\nHost: site.test\r\nAccept: text/html\r\n\r\n").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after").as_deref(), Some("600"));
    assert!(answer.body.contains("We move &#60;house&#62; today."), "{}", answer.body);
    assert!(backend.heads().is_empty());
}
