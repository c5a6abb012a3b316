//! Proxies by the API: checked before they are saved, served at once, followed through recreates, and back after a kill.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::client::Client;
use crate::support::engine::Engine;
use crate::support::forward::forward_into;
use crate::support::server::{Server, Setup};
use crate::support::{SOON, check, eventually, unique};

/// What a container serves at port 3000.
pub fn site(title: &str) -> String {
    format!(
        "mkdir /w; echo '<title>{title}</title>hello from {title}' > /w/index.html; exec busybox httpd -f -p 3000 -h /w"
    )
}

/// A product in the network of an engine, and the way to its gateway.
pub struct Served {
    pub engine: Engine,
    pub server: Server,
    /// `http://127.0.0.1:PORT`, which leads to the gateway.
    pub gateway: String,
    pub port: u16,
    _ways: Vec<watch::Sender<bool>>,
}

pub async fn served() -> Served {
    let engine = Engine::own().await;
    let (ui, way) = forward_into(&engine, 8099).await;
    let (gateway, other) = forward_into(&engine, 8088).await;
    let port: u16 = gateway.rsplit(':').next().unwrap().parse().unwrap();
    let setup = Setup::new(&engine.host()).in_network_of(&engine, 8099, &ui.replace("tcp:", "http:"));
    let setup = setup.flag("--gateway-http", "127.0.0.1:8088");
    let setup = setup.flag("--gateway-public-http", &port.to_string());
    let server = setup.user("ada", "admin").user("otto", "operator").user("vera", "viewer").start().await;
    Served { engine, server, gateway: gateway.replace("tcp:", "http:"), port, _ways: vec![way, other] }
}

impl Served {
    /// What a visitor of a domain gets: status and body; 0 when nobody listens.
    pub async fn visit(&self, domain: &str, path: &str) -> (u16, String) {
        let request = reqwest::Client::new().get(format!("{}{path}", self.gateway));
        match request.header("host", domain).timeout(SOON).send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(_) => (0, String::new()),
        }
    }

    /// Waits until a visitor gets a status and a word.
    pub async fn wait_visit(&self, domain: &str, status: u16, word: &str) {
        eventually(&format!("{domain} to answer {status} {word}"), SOON, async || {
            let got = self.visit(domain, "/").await;
            check(got.0 == status && got.1.contains(word), &got)
        })
        .await;
    }

    /// Waits until a container's port takes connections.
    pub async fn wait_up(&self, client: &Client, name: &str) {
        eventually(&format!("{name} to answer"), SOON, async || {
            let body = json!({"domains": ["up.localhost"], "destination": {"container": name, "port": 3000}});
            let report = client.post("/api/proxies/validate", body).await.expect(200).json();
            check(report["data"]["ok"] == true, report)
        })
        .await;
    }
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    let steps = report["data"]["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["step"] == name).expect("the step")
}

#[tokio::test]
async fn a_container_is_published_followed_and_back_after_a_kill() {
    let mut served = served().await;
    let (name, domain) = (unique("blog"), "blog.localhost");
    served.engine.container(&name).shell(&site("first")).run().await;
    let client = served.server.sign_in("otto").await;
    assert_eq!(served.visit(domain, "/").await.0, 0, "without a proxy nothing listens");
    served.wait_up(&client, &name).await;
    let body = json!({"domains": [domain], "destination": {"container": name, "port": 3000}});
    let proxy = client.post("/api/proxies", body.clone()).await.expect(200).json()["data"].clone();
    served.wait_visit(domain, 200, "hello from first").await;
    let id = proxy["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/proxies/{id}");
    eventually("it to be told as applied", SOON, async || {
        let proxy = client.get(&path).await.expect(200).json();
        check(proxy["data"]["applied"]["status"] == "applied", proxy)
    })
    .await;
    assert_eq!(client.get("/api/summary").await.expect(200).json()["data"]["proxies"]["total"], 1);
    // The same domain twice is a conflict, and names whose it is.
    let twice = client.post("/api/proxies", body).await.expect(409).json();
    assert!(twice["error"].as_str().is_some_and(|why| why.contains(domain)), "{twice}");
    // Recreated, it has another address: visitors notice nothing but the new page.
    served.engine.remove_container(&name).await;
    served.wait_visit(domain, 502, "").await;
    let before = unique("takes-the-old-address");
    served.engine.container(&before).run().await;
    served.engine.container(&name).shell(&site("second")).run().await;
    served.wait_visit(domain, 200, "hello from second").await;
    // A power cut: the routes are back by themselves.
    served.server.kill().await;
    assert_eq!(served.visit(domain, "/").await.0, 0);
    served.server.start_again().await;
    served.wait_visit(domain, 200, "hello from second").await;
    let client = served.server.sign_in("otto").await;
    // Disabled, it is served no longer, and as it is the only one nothing listens.
    client.post(&format!("{path}/disable"), json!({})).await.expect(200);
    served.wait_visit(domain, 0, "").await;
    client.post(&format!("{path}/enable"), json!({})).await.expect(200);
    served.wait_visit(domain, 200, "hello").await;
    client.delete(&path).await.expect(200);
    served.wait_visit(domain, 0, "").await;
    client.get(&path).await.expect(404);
    let told = client.get("/api/events?source=proxy").await.expect(200).json();
    let kinds: Vec<&str> =
        told["data"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
    for kind in ["proxy.created", "proxy.disabled", "proxy.enabled", "proxy.deleted"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
}

#[tokio::test]
async fn a_check_names_what_would_not_work_and_docker_knows_why() {
    let served = served().await;
    let (name, stopped, quiet) = (unique("shop"), unique("stopped"), unique("quiet"));
    served.engine.container(&name).publish(3000).shell(&site("shop")).run().await;
    served.engine.container(&stopped).shell("exit 3").run().await;
    let labelled =
        served.engine.container(&quiet).label("traefik.http.routers.q.rule", "Host(`quiet.example.org`)");
    labelled
        .label("traefik.http.services.q.loadbalancer.server.port", "4321")
        .shell("sleep 86400")
        .run()
        .await;
    let client = served.server.sign_in("otto").await;
    served.wait_up(&client, &name).await;
    // What a container's labels say is offered.
    let offered = client.get(&format!("/proxies/new?container={quiet}")).await.expect(200).text.clone();
    assert!(
        offered.contains("value=\"quiet.example.org\"") && offered.contains("value=\"4321\""),
        "{offered}"
    );
    let validate = async |destination: Value| {
        let body = json!({"domains": ["shop.localhost"], "destination": destination});
        client.post("/api/proxies/validate", body).await.expect(200).json()
    };
    let fine = validate(json!({"container": name, "port": 3000})).await;
    assert_eq!(
        (&fine["data"]["ok"], &step(&fine, "http")["status"]),
        (&json!(true), &json!("pass")),
        "{fine}"
    );
    // The wrong port: which one it is stands there.
    let wrong = validate(json!({"container": name, "port": 8080})).await;
    let tcp = step(&wrong, "tcp");
    assert_eq!((&wrong["data"]["ok"], &tcp["status"]), (&json!(false), &json!("fail")), "{wrong}");
    assert!(
        tcp["detail"].as_str().is_some_and(|text| text.contains("8080") && text.contains("refused")),
        "{tcp}"
    );
    assert!(tcp["hint"].as_str().is_some_and(|text| text.contains("3000")), "{tcp}");
    assert_eq!(step(&wrong, "http")["status"], "skip");
    // What does not run, and what is not there.
    let down = validate(json!({"container": stopped, "port": 3000})).await;
    assert!(!down["data"]["ok"].as_bool().unwrap() && down.to_string().contains("does not run"), "{down}");
    let nobody = validate(json!({"container": "nobody", "port": 80})).await;
    assert!(
        !nobody["data"]["ok"].as_bool().unwrap() && nobody.to_string().contains("no container nobody"),
        "{nobody}"
    );
    // TLS where there is none.
    let tls = validate(json!({"scheme": "https", "container": name, "port": 3000})).await;
    assert!(step(&tls, "tls")["hint"].as_str().is_some_and(|text| text.contains("http")), "{tls}");
    // Addresses that nobody is to reach by us.
    for host in ["169.254.169.254", "fe80::1", "127.0.0.1"] {
        let report =
            validate(json!({"host": host, "port": if host == "127.0.0.1" { 8099 } else { 80 }})).await;
        assert_eq!(report["data"]["ok"], false, "{host}: {report}");
    }
    // What fails is not saved, unless it is wanted.
    let body = json!({"domains": ["shop.localhost"], "destination": {"container": quiet, "port": 3000}});
    let refused = client.post("/api/proxies", body.clone()).await.expect(422).json();
    assert!(refused["fields"]["destination"].is_string(), "{refused}");
    assert!(client.get("/api/proxies").await.expect(200).json()["data"].as_array().unwrap().is_empty());
    let mut forced = body;
    forced["force"] = json!(true);
    client.post("/api/proxies", forced).await.expect(200);
    served.wait_visit("shop.localhost", 502, "").await;
}

#[tokio::test]
async fn what_is_wrong_is_said_by_its_field_and_viewers_change_nothing() {
    let served = served().await;
    let client = served.server.sign_in("otto").await;
    let name = "a".repeat(300);
    for (domain, port, field) in [
        ("http://", 80, "domains"),
        ("*.*", 80, "domains"),
        ("my blog.org", 80, "domains"),
        (name.as_str(), 80, "domains"),
        ("ok.localhost", 0, "destination.port"),
        ("ok.localhost", 65536, "destination.port"),
    ] {
        let body = json!({"domains": [domain], "destination": {"host": "10.0.0.1", "port": port}});
        let answer = client.post("/api/proxies", body).await.expect(422).json();
        assert!(answer["fields"][field].is_string(), "{domain} {port}: {answer}");
    }
    client.post("/api/proxies", json!({"domains": ["a.localhost"], "colour": "red"})).await.expect(400);
    // Names in other letters, and IPv6 with and without brackets.
    for (n, host) in ["[::1]", "::1"].iter().enumerate() {
        let body = json!({"domains": [format!("bücher{n}.example")], "destination": {"host": host, "port": 81},
                          "force": true, "enabled": false});
        let kept = client.post("/api/proxies", body).await.expect(200).json();
        assert!(kept["data"]["domains"][0].as_str().unwrap().starts_with("xn--bcher"), "{kept}");
        assert_eq!(kept["data"]["destination"]["host"], "::1");
    }
    // An address of our own would go in circles.
    let circle = json!({"domains": ["c.localhost"], "destination": {"host": "127.0.0.1", "port": 8088}});
    client.post("/api/proxies", circle).await.expect(422);
    let vera = served.server.sign_in("vera").await;
    vera.get("/api/proxies").await.expect(200);
    vera.get("/proxies").await.expect(200);
    let body = json!({"domains": ["v.localhost"], "destination": {"host": "10.0.0.1", "port": 80}});
    vera.post("/api/proxies", body.clone()).await.expect(403);
    vera.post("/api/proxies/validate", body).await.expect(403);
    vera.get("/proxies/new").await.expect(403);
    let first =
        client.get("/api/proxies").await.expect(200).json()["data"][0]["id"].as_str().unwrap().to_owned();
    vera.delete(&format!("/api/proxies/{first}")).await.expect(403);
    vera.post_form(&format!("/proxies/{first}/delete"), &[]).await.expect(403);
}

#[tokio::test]
async fn changes_are_kept_told_apart_and_taken_back_and_no_secret_is_shown() {
    let served = served().await;
    let name = unique("safe");
    served.engine.container(&name).shell(&site("safe")).run().await;
    let client = served.server.sign_in("otto").await;
    served.wait_up(&client, &name).await;
    let body = json!({"domains": ["safe.localhost"], "destination": {"container": name, "port": 3000},
                      "options": {"request_headers": {"set": {"X-Api-Key": "hush-hush"}}}});
    let proxy = client.post("/api/proxies", body).await.expect(200).json()["data"].clone();
    let path = format!("/api/proxies/{}", proxy["id"].as_str().unwrap());
    served.wait_visit("safe.localhost", 200, "hello").await;
    let locked = json!({"version": 1, "options": {"basic_auth": [{"name": "ada", "password": "sesame"}]}});
    client.call(Method::PATCH, &path, locked.clone()).await.expect(200);
    served.wait_visit("safe.localhost", 401, "").await;
    // Somebody else had the old version open.
    let late =
        client.call(Method::PATCH, &path, json!({"version": 1, "notes": "late"})).await.expect(409).json();
    assert!(late["error"].as_str().is_some_and(|why| why.contains("otto")), "{late}");
    let versions = client.get(&format!("{path}/versions")).await.expect(200).text.clone();
    let page = client.get(&path.replace("/api", "")).await.expect(200).text.clone();
    let edit = client.get(&format!("{}/edit", path.replace("/api", ""))).await.expect(200).text.clone();
    let events = client.get("/api/events?source=proxy").await.expect(200).text.clone();
    let api = client.get(&path).await.expect(200).text.clone();
    for text in [&versions, &page, &edit, &events, &api] {
        assert!(
            !text.contains("hush-hush") && !text.contains("sesame") && !text.contains("argon2"),
            "{text}"
        );
    }
    assert!(
        versions.contains("options.basic_auth.ada.password") && versions.contains("(a secret)"),
        "{versions}"
    );
    let raw =
        std::process::Command::new("grep").args(["-c", "hush-hush"]).arg(served.server.database()).output();
    assert_eq!(String::from_utf8_lossy(&raw.expect("grep").stdout).trim(), "0", "what is wanted is sealed");
    // A copy has the secret as well, and what was typed wrong is told at its field.
    let number = path.rsplit('/').next().unwrap().to_owned();
    let fields = [
        ("domains", "copy.localhost"),
        ("to", name.as_str()),
        ("destination.port", "3000"),
        ("from", &number),
        ("options.request_headers", "X-Api-Key: (unchanged)"),
        ("options.basic_auth", "ada"),
    ];
    client.post_form("/proxies", &fields).await.expect(303);
    let all = client.get("/api/proxies?q=copy").await.expect(200).json();
    let copy = format!("/proxies/{}", all["data"][0]["id"].as_str().unwrap());
    // With its passwords.
    served.wait_visit("copy.localhost", 401, "").await;
    for (field, typed) in [
        ("options.body_limit", "10 Mo"),
        ("options.max_concurrent", "ten"),
        ("options.request_headers", "X-New: (unchanged)"),
        ("options.request_headers", "Authorization"),
        ("check.interval", "1s"),
    ] {
        let mut form =
            vec![("domains", "copy.localhost"), ("to", name.as_str()), ("destination.port", "3000")];
        form.push((field, typed));
        let page = client.post_form(&copy, &form).await.expect(422).text.clone();
        assert!(page.contains(&format!("id=\"{field}-error\"")), "{field} {typed}");
        assert!(page.contains("<details class=\"more-f\" open>"), "{field} {typed} is seen");
    }
    let twice = [("domains", "safe.localhost"), ("to", name.as_str()), ("destination.port", "3000")];
    let page = client.post_form("/proxies", &twice).await.expect(409).text.clone();
    assert!(!page.contains("Save anyway"), "what another has is not to be had by force");
    client.post(&format!("{path}/revert"), json!({"version": 1})).await.expect(200);
    served.wait_visit("safe.localhost", 200, "hello").await;
    let now = client.get(&path).await.expect(200).json();
    assert_eq!((&now["data"]["version"], &now["data"]["options"]["basic_auth"]), (&json!(3), &json!([])));
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_and_taken_once_it_is_free() {
    let engine = Engine::own().await;
    let (ui, _way) = forward_into(&engine, 8099).await;
    let taker = unique("taker");
    engine.container(&taker).host_network().shell("exec busybox httpd -f -p 8088").run().await;
    eventually("the port to be taken", SOON, async || {
        let mut probe = engine.connect(8088);
        let status = probe.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).status();
        check(status.is_ok_and(|status| status.success()), "free")
    })
    .await;
    let name = unique("late");
    engine.container(&name).shell(&site("late")).run().await;
    let setup = Setup::new(&engine.host()).in_network_of(&engine, 8099, &ui.replace("tcp:", "http:"));
    let server = setup.flag("--gateway-http", "127.0.0.1:8088").user("ada", "admin").start().await;
    let client = server.sign_in("ada").await;
    let body = json!({"domains": ["late.localhost"], "destination": {"container": name, "port": 3000}, "force": true});
    let proxy = client.post("/api/proxies", body).await.expect(200).json()["data"].clone();
    let path = format!("/api/proxies/{}", proxy["id"].as_str().unwrap());
    let applied = async || client.get(&path).await.expect(200).json()["data"]["applied"].clone();
    eventually("the taken port to be told", SOON, async || {
        let applied = applied().await;
        check(applied["status"] == "failed" && applied.to_string().contains("8088"), &applied)
    })
    .await;
    assert!(client.get("/").await.expect(200).text.contains("The gateway does not serve"), "a banner");
    let told = client.get("/api/events?kind=gateway.failed").await.expect(200).json();
    assert_eq!(told["data"][0]["severity"], "error", "{told}");
    engine.remove_container(&taker).await;
    eventually("it to be served", SOON * 2, async || {
        let applied = applied().await;
        check(applied["status"] == "applied", &applied)
    })
    .await;
    let told = client.get("/api/events?kind=gateway.listening").await.expect(200).json();
    assert_eq!(told["data"].as_array().map(Vec::len), Some(1), "{told}");
}

#[tokio::test]
async fn a_stale_container_that_a_proxy_leads_to_is_not_cleaned_up() {
    let served = served().await;
    let name = unique("needed");
    let new = served.engine.container(&name).label("docker-watcher.stale.after", "1s");
    new.shell("exit 0").run().await;
    let client = served.server.sign_in("otto").await;
    crate::stale::until_stale(&client, &[&name]).await;
    let body = json!({"domains": ["needed.localhost"], "destination": {"container": name, "port": 80}, "force": true});
    let proxy = client.post("/api/proxies", body).await.expect(200).json()["data"].clone();
    let stale = client.get("/api/containers/stale").await.expect(200).json();
    assert_eq!(stale["data"][0]["proxies"], json!(["needed.localhost"]), "{stale}");
    let plan = json!({"ids": [name]});
    let kept = client.post("/api/containers/stale/cleanup", plan.clone()).await.expect(200).json();
    assert!(kept["data"][0]["error"].as_str().is_some_and(|why| why.contains("needed.localhost")), "{kept}");
    client.delete(&format!("/api/proxies/{}", proxy["id"].as_str().unwrap())).await.expect(200);
    let gone = client.post("/api/containers/stale/cleanup", plan).await.expect(200).json();
    assert_eq!(gone["data"][0]["removed"], true, "{gone}");
}

#[tokio::test]
async fn what_a_container_answers_and_what_somebody_confuses_is_told_in_words() {
    let served = served().await;
    let (open, locked) = (unique("open"), unique("locked"));
    served.engine.container(&open).publish(3000).shell(&site("open")).run().await;
    let script =
        format!("echo '/:ada:sesame' > /conf; {}", site("locked").replace("-h /w", "-h /w -c /conf"));
    served.engine.container(&locked).publish(3000).shell(&script).run().await;
    let client = served.server.sign_in("otto").await;
    served.wait_up(&client, &open).await;
    let validate = async |destination: Value, check: Value| {
        let body = json!({"domains": ["w.localhost"], "destination": destination, "check": check});
        client.post("/api/proxies/validate", body).await.expect(200).json()
    };
    let hint =
        |report: &Value, name: &str| step(report, name)["hint"].as_str().unwrap_or_default().to_owned();
    // It asks for a password: that may be meant.
    let report = eventually("the locked one to answer", SOON, async || {
        let report = validate(json!({"container": locked, "port": 3000}), json!({})).await;
        if step(&report, "tcp")["status"] == "pass" { Ok(report) } else { Err(report) }
    })
    .await;
    assert_eq!(step(&report, "http")["status"], "warn", "{report}");
    assert!(hint(&report, "http").contains("401"), "{report}");
    let meant = validate(json!({"container": locked, "port": 3000}), json!({"expect": "200-399, 401"})).await;
    assert_eq!(
        (&meant["data"]["ok"], &step(&meant, "http")["status"]),
        (&json!(true), &json!("pass")),
        "{meant}"
    );
    // A page that is not there.
    let missing = validate(json!({"container": open, "port": 3000}), json!({"path": "/nowhere"})).await;
    assert_ne!(step(&missing, "http")["status"], "pass", "{missing}");
    assert!(step(&missing, "http").to_string().contains("404"), "{missing}");
    // The name of a container as a host, and localhost where a container is meant.
    let host = validate(json!({"host": open, "port": 3000}), json!({})).await;
    assert!(host["data"]["ok"] == false && hint(&host, "dns").contains("container"), "{host}");
    let local = validate(json!({"host": "localhost", "port": 3001}), json!({})).await;
    assert!(local["data"]["ok"] == false && step(&local, "tcp").to_string().contains("refused"), "{local}");
    // Paused, it takes connections and says nothing.
    served.engine.pause_container(&open).await;
    let paused = eventually("the pause to be known", SOON, async || {
        let report = validate(json!({"container": open, "port": 3000}), json!({})).await;
        if report["data"]["ok"] == false { Ok(report) } else { Err(report) }
    })
    .await;
    assert!(paused.to_string().contains("is paused"), "{paused}");
}
