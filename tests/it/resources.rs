//! Images, networks and volumes, and who uses them.

use crate::engine_faults::{NOTICED, wait_status};
use crate::support::browser::{Browser, DESKTOP, Options, Screen};
use crate::support::client::Client;
use crate::support::engine::{Engine, IMAGE};
use crate::support::server::{ADMIN, PASSWORD, Server};
use crate::support::stub::{ALL, Endpoint, Fault, Stub};
use crate::support::stub_answers::Fake;
use crate::support::{SOON, check, eventually, unique};
use bollard::models::{
    ContainerCreateBody, HostConfig, Ipam, IpamConfig, Mount, MountType, NetworkCreateRequest,
    VolumeCreateRequest,
};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

async fn watching() -> (&'static Engine, Server, Client) {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    (engine, server, client)
}

/// A container that never runs, with these volumes and on this network.
async fn user(engine: &Engine, name: &str, image: &str, volumes: &[&str], network: Option<&str>) -> String {
    let mounts = volumes.iter().map(|volume| Mount {
        target: Some(format!("/mnt/{volume}")),
        source: Some((*volume).to_owned()).filter(|volume| !volume.is_empty()),
        typ: Some(MountType::VOLUME),
        ..Default::default()
    });
    let host = HostConfig {
        mounts: Some(mounts.collect()),
        network_mode: network.map(Into::into),
        ..Default::default()
    };
    let body = ContainerCreateBody {
        image: Some(image.into()),
        cmd: Some(vec!["sleep".into(), "86400".into()]),
        host_config: Some(host),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let made = engine.docker().await.create_container(Some(options), body).await;
    made.unwrap_or_else(|why| panic!("docker create {name}: {why}")).id
}

async fn volume(engine: &Engine, name: &str, labels: &[(&str, &str)]) {
    let labels: HashMap<String, String> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let request = VolumeCreateRequest { name: Some(name.into()), labels: Some(labels), ..Default::default() };
    engine.docker().await.create_volume(request).await.expect("docker volume create");
}

/// The list once it fits.
async fn until(client: &Client, path: &str, what: &str, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    eventually(&format!("{path} to have {what}"), SOON, async || {
        let list = client.data(path).await.as_array().expect("an array").clone();
        if fits(&list) { Ok(list) } else { Err(format!("{list:?}")) }
    })
    .await
}

fn users(item: &Value) -> Vec<&str> {
    item["containers"].as_array().expect("containers").iter().map(|c| c["name"].as_str().unwrap()).collect()
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 24 && text.ends_with('Z') && &text[19..20] == ".")
}

#[tokio::test]
async fn an_image_says_who_uses_it_and_when_its_tag_is_taken() {
    let (engine, _server, client) = watching().await;
    let (repository, name) = (format!("dw-test/{}", unique("img")), unique("uses"));
    engine.import_image(&repository, "1", &[]).await;
    let tag = format!("{repository}:1");
    let list = until(&client, &format!("/api/images?q={repository}"), "it", |l| l.len() == 1).await;
    let image = &list[0];
    assert_eq!(image["tags"], serde_json::json!([tag]), "{image}");
    assert!(image["id"].as_str().is_some_and(|id| id.starts_with("sha256:")), "{image}");
    assert!(image["size_bytes"].as_u64().is_some_and(|size| size > 100_000), "{image}");
    assert!(is_time(&image["created_at"]), "{image}");
    assert_eq!((&image["unused"], &image["dangling"]), (&Value::Bool(true), &Value::Bool(false)), "{image}");
    let id = user(engine, &name, &tag, &[], None).await;
    let path = format!("/api/images?q={repository}&used=true");
    let list = until(&client, &path, "a user", |l| l.len() == 1).await;
    assert_eq!(list[0]["containers"], serde_json::json!([{"id": id, "name": name}]));
    assert!(client.data(&format!("/api/images?q={repository}&used=false")).await == serde_json::json!([]));
    assert_eq!(
        client.data(&format!("/api/images?q={name}")).await.as_array().unwrap().len(),
        1,
        "by its user"
    );
    let page = client.get(&format!("/images?q={repository}")).await;
    assert!(page.expect(200).text.contains(&format!("href=\"/containers/{id}\"")), "{}", page.text);
    // A new image takes the tag: the old one is dangling, and still in use.
    engine.import_image(&repository, "1", &["CMD [\"true\"]"]).await;
    let short = image["id"].as_str().unwrap()["sha256:".len()..].get(..12).unwrap().to_owned();
    let path = format!("/api/images?q={short}&dangling=true");
    let list = until(&client, &path, "the old image", |l| l.len() == 1).await;
    assert_eq!((users(&list[0]), &list[0]["tags"]), (vec![name.as_str()], &serde_json::json!([])));
    let page = client.get(&format!("/images?q={short}&dangling=true")).await;
    assert!(page.expect(200).text.contains("dangling</span>") && page.text.contains(&short), "{}", page.text);
    engine.remove_container(&name).await;
    until(&client, &format!("/api/images?q={short}&used=false"), "no user", |l| l.len() == 1).await;
}

#[tokio::test]
async fn a_network_says_its_addresses_and_who_is_attached() {
    let (engine, _server, client) = watching().await;
    let (name, container) = (unique("net"), unique("attached"));
    let range = IpamConfig {
        subnet: Some("10.213.7.0/24".into()),
        gateway: Some("10.213.7.1".into()),
        ..Default::default()
    };
    let request = NetworkCreateRequest {
        name: name.clone(),
        internal: Some(true),
        ipam: Some(Ipam { config: Some(vec![range]), ..Default::default() }),
        ..Default::default()
    };
    engine.docker().await.create_network(request).await.expect("docker network create");
    let list = until(&client, &format!("/api/networks?q={name}&used=false"), "it", |l| l.len() == 1).await;
    let network = &list[0];
    assert_eq!(network["subnets"], serde_json::json!([{"subnet": "10.213.7.0/24", "gateway": "10.213.7.1"}]));
    assert_eq!(
        (&network["internal"], &network["driver"]),
        (&Value::Bool(true), &"bridge".into()),
        "{network}"
    );
    // It never runs: a stopped container counts as well.
    let id = user(engine, &container, IMAGE, &[], Some(&name)).await;
    let list = until(&client, &format!("/api/networks?q={name}&used=true"), "a user", |l| l.len() == 1).await;
    assert_eq!(list[0]["containers"][0]["id"], id.as_str());
    let page = client.get(&format!("/networks?q={name}")).await.expect(200).text.clone();
    for shown in ["10.213.7.0/24", "10.213.7.1", "internal", &format!("href=\"/containers/{id}\"")] {
        assert!(page.contains(shown), "{shown}:\n{page}");
    }
    // What the engine made for itself is never called unused.
    let built_in = client.data("/api/networks?used=false").await;
    for own in ["bridge", "host", "none"] {
        assert!(built_in.as_array().unwrap().iter().all(|network| network["name"] != own), "{built_in}");
    }
    engine.remove_container(&container).await;
    until(&client, &format!("/api/networks?q={name}&used=false"), "no user", |l| l.len() == 1).await;
}

#[tokio::test]
async fn a_volume_says_who_mounts_it_named_or_not() {
    let (engine, _server, client) = watching().await;
    let (named, unused, container) = (unique("vol"), unique("vol-unused"), unique("mounts"));
    let project = unique("project");
    volume(engine, &named, &[("com.docker.compose.project", &project)]).await;
    volume(engine, &unused, &[]).await;
    let id = user(engine, &container, IMAGE, &[&named, ""], None).await;
    let list = until(&client, &format!("/api/volumes?q={container}"), "both", |l| l.len() == 2).await;
    assert!(list.iter().all(|volume| users(volume) == [container.as_str()]), "{list:?}");
    let list =
        until(&client, &format!("/api/volumes?q={container}&anonymous=true"), "one", |l| l.len() == 1).await;
    let anonymous = list[0]["name"].as_str().unwrap().to_owned();
    assert_eq!(anonymous.len(), 64);
    let list = client.data(&format!("/api/volumes?q={project}&anonymous=false&used=true")).await;
    assert_eq!((&list[0]["name"], &list[0]["project"]), (&named.as_str().into(), &project.as_str().into()));
    assert!(is_time(&list[0]["created_at"]), "{list}");
    let list = until(&client, &format!("/api/volumes?q={unused}&used=false"), "it", |l| l.len() == 1).await;
    assert_eq!((&list[0]["unused"], list[0]["project"].is_null()), (&Value::Bool(true), true));
    let page = client.get(&format!("/volumes?q={container}")).await.expect(200).text.clone();
    assert!(page.contains(&format!(">{}<", &anonymous[..12])), "the long name is shown short:\n{page}");
    assert!(page.contains(&format!("title=\"{anonymous}\"")), "and whole in its title:\n{page}");
    assert!(page.contains(&format!("href=\"/containers/{id}\"")), "{page}");
    assert!(!page.contains(&unused), "the search narrows the page too");
}

#[tokio::test]
async fn lists_are_sorted_and_paged_without_loss_or_repetition() {
    let (engine, _server, client) = watching().await;
    let mark = unique("sorted");
    let expected: BTreeSet<String> = (0..5).map(|number| format!("{mark}-{number}")).collect();
    for name in &expected {
        volume(engine, name, &[]).await;
    }
    until(&client, &format!("/api/volumes?q={mark}"), "all", |l| l.len() == 5).await;
    for sort in ["name", "-name", "created", "-created"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for size in [2, 2, 1] {
            let reply = client.get(&format!("/api/volumes?q={mark}&sort={sort}&limit=2{cursor}")).await;
            let body = reply.expect(200).json();
            assert_eq!((body["data"].as_array().unwrap().len(), &body["meta"]["total"]), (size, &5.into()));
            seen.extend(
                body["data"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap().to_owned()),
            );
            cursor = format!("&cursor={}", body["meta"]["next"].as_str().unwrap_or("none"));
        }
        assert_eq!(cursor, "&cursor=none", "the last page says so");
        assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), expected, "sort={sort}");
        if sort.ends_with("name") {
            assert_eq!(seen.is_sorted(), sort == "name", "{seen:?}");
        }
    }
    for bad in [
        "/api/images?sort=driver",
        "/api/images?dangling=perhaps",
        "/api/networks?used=1",
        "/api/volumes?limit=0",
        "/api/volumes?cursor=nonsense",
        "/api/volumes?anonymous=no",
    ] {
        assert_eq!(client.get(bad).await.expect_error(422), "invalid", "{bad}");
    }
}

#[tokio::test]
async fn a_new_volume_and_its_first_user_appear_in_an_open_page_by_themselves() {
    let (engine, server, _client) = watching().await;
    let (name, container) = (unique("live"), unique("live-user"));
    let browser = Browser::open_with(server.base(), DESKTOP).await;
    browser.sign_in(ADMIN, PASSWORD).await;
    browser.goto(&format!("/volumes?q={name}")).await;
    browser.live().await;
    browser.script("window.notReloaded = true").await;
    let rows = async |expected: usize, selector: &str| {
        eventually(&format!("{expected} of {selector}"), SOON, async || {
            let count = browser.count(selector).await;
            check(count == expected, count)
        })
        .await;
    };
    rows(0, "#volumes tbody tr").await;
    volume(engine, &name, &[]).await;
    rows(1, "#volumes tbody tr").await;
    rows(0, "#volumes .user").await;
    user(engine, &container, IMAGE, &[&name], None).await;
    rows(1, "#volumes .user").await;
    engine.remove_container(&container).await;
    rows(0, "#volumes .user").await;
    assert_eq!(browser.script("return window.notReloaded === true").await, true);
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn the_pages_fit_phones_and_work_without_script() {
    let (engine, server, client) = watching().await;
    let long = unique(&"a-name-that-has-no-end-".repeat(4));
    volume(engine, &long, &[("com.docker.compose.project", &long)]).await;
    user(engine, &long, IMAGE, &[&long, ""], None).await;
    until(&client, &format!("/api/volumes?q={long}&used=true"), "it", |l| !l.is_empty()).await;
    for (script, screen) in [(true, Screen::Phone), (false, Screen::Phone), (true, Screen::Desktop)] {
        let browser = Browser::open_with(server.base(), Options { script, screen, ..DESKTOP }).await;
        browser.sign_in(ADMIN, PASSWORD).await;
        for path in ["/images", "/networks", "/volumes", "/volumes?q=none-such&used=false"] {
            browser.goto(path).await;
            let wide = browser.script("return document.documentElement.scrollWidth - innerWidth").await;
            assert!(wide.as_i64().is_some_and(|wide| wide <= 0), "{path} overflows by {wide}");
            assert_eq!(browser.count("nav a[aria-current='page']").await, 1, "{path} is in the navigation");
        }
        assert_eq!(browser.count(".empty").await, 1);
        browser.expect_no_complaints().await;
    }
}

#[tokio::test]
async fn what_a_proxy_refuses_is_said_and_the_rest_is_there() {
    let stub = Stub::start(vec![Fake::running("web")]);
    stub.fail(&[Endpoint::Volumes], Fault::Forbidden);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    let images = until(&client, "/api/images", "one", |l| l.len() == 1).await;
    assert_eq!(users(&images[0]), ["web"]);
    assert_eq!(client.get("/api/volumes").await.expect_error(502), "bad_gateway");
    let page = client.get("/volumes").await.expect(200).text.clone();
    assert!(page.contains("does not allow listing volumes"), "{page}");
    until(&client, "/api/networks?used=true", "the bridge", |l| l.len() == 1).await;
    // Allowed again, and told so by any event that concerns it.
    stub.heal();
    stub.push_event(&Fake::running("web"), "create");
    eventually("the volume", SOON, async || {
        let reply = client.get("/volumes").await;
        check(reply.text.contains("stub-data") && !reply.text.contains("does not allow"), reply.status)
    })
    .await;
}

#[tokio::test]
async fn a_page_never_waits_and_keeps_what_was_known() {
    let stub = Stub::start(vec![Fake::running("web")]);
    stub.fail(&[Endpoint::Images], Fault::Hang);
    let server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    until(&client, "/api/volumes", "the one", |l| l.len() == 1 && l[0]["name"] == "stub-data").await;
    let start = Instant::now();
    let page = client.get("/images").await.expect(200).text.clone();
    assert!(start.elapsed() < Duration::from_secs(2), "it waited {:?}", start.elapsed());
    assert!(page.contains("not read yet"), "{page}");
    stub.fail(&ALL, Fault::Hang);
    stub.cut_streams();
    wait_status(&client, "down", NOTICED).await;
    let page = client.get("/volumes").await.expect(200).text.clone();
    assert!(page.contains("stub-data") && page.contains("This list is from"), "{page}");
    assert!(client.get("/images").await.expect(200).text.contains("Docker is not reachable"));
    assert_eq!(client.data("/api/volumes").await[0]["name"], "stub-data");
    assert_eq!(client.get("/api/images").await.expect_error(503), "unavailable");
}
