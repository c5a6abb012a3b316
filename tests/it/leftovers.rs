//! What nothing uses: told apart, previewed, removed with a result for each, and written down. On engines of their own, because
//! they remove what is everybody's.

use crate::actions::{job_end, words};
use crate::support::client::Client;
use crate::support::engine::{Engine, IMAGE};
use crate::support::server::{Server, Setup};
use crate::support::{SOON, check, eventually, unique};
use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{CommitContainerOptionsBuilder, RemoveVolumeOptions, TagImageOptionsBuilder};
use serde_json::{Value, json};

/// A server that watches an engine of its own, and an operator.
pub async fn tidying() -> (Engine, Server, Client) {
    let engine = Engine::own().await;
    let server = Setup::new(&engine.host()).user("otto", "operator").user("vera", "viewer").start().await;
    let client = server.sign_in("otto").await;
    (engine, server, client)
}

pub async fn volume(engine: &Engine, name: &str, labels: &[(&str, &str)]) {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let request = VolumeCreateRequest { name: Some(name.into()), labels: Some(labels), ..Default::default() };
    engine.docker().await.create_volume(request).await.expect("docker volume create");
}

async fn network(engine: &Engine, name: &str) -> String {
    let request = NetworkCreateRequest { name: name.into(), ..Default::default() };
    engine.docker().await.create_network(request).await.expect("docker network create").id
}

async fn has_image(engine: &Engine, id: &str) -> bool {
    engine.docker().await.inspect_image(id).await.is_ok()
}

async fn has_network(engine: &Engine, id: &str) -> bool {
    engine.docker().await.inspect_network(id, None).await.is_ok()
}

/// An image of its own layer on top of another one: returns its id.
pub async fn image_on(engine: &Engine, base: &str, repository: &str) -> String {
    let name = unique("builds");
    let docker = engine.docker().await;
    let container = engine.container(&name).shell("head -c 200000 /dev/zero | cat > /own");
    let id = container.image(base).run().await;
    eventually("the layer", SOON, async || {
        let state = engine.state_of(&id).await;
        check(state == "exited", state)
    })
    .await;
    let options = CommitContainerOptionsBuilder::new().container(&id).repo(repository).tag("1").build();
    docker
        .commit_container(options, bollard::models::ContainerConfig::default())
        .await
        .expect("docker commit");
    engine.remove_container(&name).await;
    docker.inspect_image(&format!("{repository}:1")).await.expect("the image").id.expect("an id")
}

/// The leftovers once they fit.
pub async fn until(client: &Client, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("/api/leftovers to have {what}"), SOON, async || {
        let reply = client.get("/api/leftovers").await;
        let data = reply.json()["data"].clone();
        if reply.status == 200 && fits(&data) { Ok(data) } else { Err(reply.text) }
    })
    .await
}

pub fn item<'a>(leftovers: &'a Value, kind: &str, name: &str) -> Option<&'a Value> {
    leftovers[kind]["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|one| one["name"] == name || one["id"] == name)
}

fn result<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let results = answer["data"]["results"].as_array().expect("results");
    let by_id = results.iter().find(|one| one["id"] == id);
    let by_id_or_name = by_id.or_else(|| results.iter().find(|one| one["name"] == id));
    by_id_or_name.unwrap_or_else(|| panic!("{id}: {answer:#}"))
}

/// What was written down: kind, subject type, subject name, actor.
async fn events(client: &Client, kind: &str) -> Vec<(String, String, String)> {
    let list = client.data(&format!("/api/events?kind={kind}&source=stale&limit=1000")).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = list.as_array().expect("events").iter();
    events.map(|e| (text(&e["subject"]["type"]), text(&e["subject"]["name"]), text(&e["actor"]))).collect()
}

/// The values of the hidden fields of a form.
fn hidden(html: &str, name: &str) -> Vec<String> {
    let marker = format!("type=\"hidden\" name=\"{name}\" value=\"");
    html.split(&marker)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('"')?.0.replace("&#35;", "#")))
        .collect()
}

#[tokio::test]
async fn what_nothing_uses_is_told_apart_with_size_and_last_use() {
    let (engine, server, client) = tidying().await;
    engine.import_image("dw-test/unused", "1", &[]).await;
    engine.import_image("dw-test/kept", "1", &["LABEL docker-watcher.protect=true"]).await;
    engine.import_image("dw-test/moved", "1", &["CMD [\"true\"]"]).await;
    let dangling = engine.docker().await.inspect_image("dw-test/moved:1").await.unwrap().id.unwrap();
    engine.import_image("dw-test/moved", "1", &["CMD [\"false\"]"]).await;
    for (name, labels) in
        [("data", vec![]), ("used", vec![]), ("kept", vec![("docker-watcher.protect", "true")])]
    {
        volume(&engine, name, &labels).await;
    }
    let (lonely, attached) = (network(&engine, "lonely").await, network(&engine, "attached").await);
    engine
        .container("writer")
        .volume("data", "/data")
        .shell("head -c 300000 /dev/zero > /data/file")
        .run()
        .await;
    // It never runs: a stopped container counts as well.
    let user = engine.container("user").volume("used", "/data").network("attached").anonymous_volume("/tmp");
    user.create().await;
    let nameless = engine.volumes_of("user").await["/tmp"].clone();
    let gone = engine.container("gone").anonymous_volume("/scratch");
    gone.create().await;
    let anonymous = engine.volumes_of("gone").await["/scratch"].clone();
    // A use is noted half a second after it began at the latest.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    engine.remove_container("writer").await;
    engine.remove_container("gone").await;

    let data = until(&client, "everything", |data| {
        let volumes = ["data", "kept", &anonymous].iter().all(|name| item(data, "volumes", name).is_some());
        let images =
            item(data, "images", &dangling).is_some() && item(data, "images", "dw-test/kept:1").is_some();
        volumes && images && data["measured_at"].is_string() && item(data, "networks", "lonely").is_some()
    })
    .await;
    let sort =
        |kind: &str, name: &str| item(&data, kind, name).map(|one| one["sort"].as_str().unwrap().to_owned());
    assert_eq!(sort("images", "dw-test/unused:1").as_deref(), Some("unused"));
    assert_eq!(sort("images", &dangling).as_deref(), Some("dangling"));
    assert_eq!(sort("images", IMAGE), None, "a container was made from it");
    assert_eq!(sort("volumes", "data").as_deref(), Some("named"));
    assert_eq!(sort("volumes", &anonymous).as_deref(), Some("anonymous"));
    assert_eq!(
        (sort("volumes", "used"), sort("volumes", &nameless)),
        (None, None),
        "a stopped container counts"
    );
    assert_eq!(item(&data, "networks", "lonely").unwrap()["id"], lonely);
    assert!(item(&data, "networks", &attached).is_none());
    for own in ["bridge", "host", "none"] {
        assert!(item(&data, "networks", own).is_none(), "{own} is Docker's own");
    }
    for kind in ["images", "volumes"] {
        let kept =
            data[kind]["items"].as_array().unwrap().iter().find(|one| !one["refusal"].is_null()).unwrap();
        assert!(kept["refusal"].as_str().unwrap().contains("docker-watcher.protect"), "{kept}");
        assert_eq!(data[kind]["count"].as_u64(), data[kind]["removable"].as_u64().map(|n| n + 1), "{data}");
    }
    let last = item(&data, "volumes", "data").unwrap();
    assert_eq!(last["last_used_by"], "writer", "{last}");
    // A volume is measured again once the measurement is a minute old; an image's size is known at once.
    assert!(
        item(&data, "images", &dangling).unwrap()["size_bytes"].as_u64().is_some_and(|size| size > 100_000)
    );

    let vera = server.sign_in("vera").await;
    let page = words(&vera.get("/stale/images").await.expect(200).text);
    for part in ["Dangling 1", "dangling", "Unused", "dw-test/unused:1", "protected", "took their tag"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = words(&vera.get("/stale/images?only=dangling").await.expect(200).text);
    assert!(page.contains("Untagged image") && !page.contains("dw-test/unused:1"), "{page}");
    let page = words(&vera.get("/stale/volumes?q=data").await.expect(200).text);
    assert!(
        page.contains("named") && page.contains("by writer") && !page.contains(&anonymous[..12]),
        "{page}"
    );
    assert!(words(&vera.get("/stale/networks").await.expect(200).text).contains("lonely"));
    vera.get("/stale/build-cache").await.expect(200);
    vera.get("/stale/volumes?only=dangling").await.expect(422);
    assert_eq!(server.sign_in("vera").await.get("/api/leftovers").await.status, 200);
}

#[tokio::test]
async fn volumes_are_previewed_confirmed_by_typing_and_judged_again_before_they_go() {
    let (engine, _server, client) = tidying().await;
    for name in ["first", "second", "third", "in-use"] {
        volume(&engine, name, &[]).await;
    }
    engine.container("user").volume("in-use", "/data").create().await;
    until(&client, "three volumes", |data| data["volumes"]["count"] == 3).await;
    // What is in use is left alone already in the preview, and so is what is not there.
    let html = client
        .get("/stale/volumes/cleanup?c=first&c=second&c=in-use&c=never-was")
        .await
        .expect(200)
        .text
        .clone();
    let page = words(&html);
    for part in [
        "Remove 2 volumes",
        "Left alone",
        "Is used by user",
        "no volume has this id",
        "There is no undo",
        "2 volumes to confirm",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let fields = hidden(&html, "c");
    assert_eq!(fields.len(), 2, "only what can go is in the form: {fields:?}");
    let form = |typed| -> Vec<(&str, &str)> {
        fields
            .iter()
            .map(|field| ("c", field.as_str()))
            .chain([("typed", typed), ("back", "/stale/volumes?q=x")])
            .collect()
    };
    for wrong in ["", "1 volumes", "volumes", "first"] {
        let reply = client.post_form("/stale/volumes/cleanup", &form(wrong)).await;
        assert!(reply.expect(422).text.contains("Type 2 volumes to confirm"), "{}", reply.text);
    }
    assert!(engine.has_volume("first").await && engine.has_volume("second").await, "nothing happened yet");
    // Somebody takes one of them into use after the preview.
    engine.container("late").volume("second", "/data").create().await;
    let job = client.post_form("/stale/volumes/cleanup", &form("2 volumes")).await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("1 of 2 not done") && end.contains("first removed"), "{end}");
    assert!(end.contains("second is used by late") || end.contains("second was not removed"), "{end}");
    assert!(!engine.has_volume("first").await && engine.has_volume("second").await);
    assert!(engine.has_volume("third").await && engine.has_volume("in-use").await, "nobody asked for these");
    assert_eq!(events(&client, "cleanup.removed").await, [("volume".into(), "first".into(), "otto".into())]);
    let written = client.data("/api/events?kind=cleanup.removed").await;
    assert_eq!(written[0]["message"], "otto removed the volume first", "{written}");
    until(&client, "the first to be gone", |data| item(data, "volumes", "first").is_none()).await;
    // One volume is confirmed by its name.
    let html = client.get("/stale/volumes/cleanup?c=third").await.expect(200).text.clone();
    let field = hidden(&html, "c").remove(0);
    let form = |typed| [("c", field.clone()), ("typed", typed)];
    let post = async |typed: &str| {
        let form = form(typed.to_owned());
        client.post_form("/stale/volumes/cleanup", &[("c", &form[0].1), ("typed", &form[1].1)]).await
    };
    post("thrid").await.expect(422);
    let before = client.data("/api/volumes?q=third").await[0]["created_at"].clone();
    // Made anew under its name: that is another one, which nobody has seen.
    engine.docker().await.remove_volume("third", None::<RemoveVolumeOptions>).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    volume(&engine, "third", &[]).await;
    eventually("the new volume to be known", SOON, async || {
        let list = client.data("/api/volumes?q=third").await;
        check(list[0]["created_at"].is_string() && list[0]["created_at"] != before, list)
    })
    .await;
    let job = post("third").await.location().to_owned();
    let end = job_end(&client, &job).await;
    assert!(end.contains("has changed since it was shown"), "{end}");
    assert!(engine.has_volume("third").await);
}

#[tokio::test]
async fn an_image_goes_with_all_its_tags_after_what_stands_on_it_and_never_with_another() {
    let (engine, server, client) = tidying().await;
    engine.container("keeper").create().await;
    let base = image_on(&engine, IMAGE, "dw-test/base").await;
    let child = image_on(&engine, "dw-test/base:1", "dw-test/child").await;
    let docker = engine.docker().await;
    let tag = async |id: &str, repository: &str, tag: &str| {
        let options = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
        docker.tag_image(id, Some(options)).await.expect("docker tag");
    };
    tag(&child, "registry.example/team/child", "2").await;
    engine.import_image("dw-test/busy", "1", &[]).await;
    let busy = docker.inspect_image("dw-test/busy:1").await.unwrap().id.unwrap();
    let ready = |data: &Value| {
        item(data, "images", &child).is_some_and(|one| one["tags"].as_array().unwrap().len() == 2)
    };
    let data =
        until(&client, "all images", |data| ready(data) && item(data, "images", &base).is_some()).await;
    assert!(item(&data, "images", &base).is_some());
    let page =
        words(&client.get(&format!("/stale/images/cleanup?c={}", &child[7..19])).await.expect(200).text);
    assert!(
        page.contains("Also called registry.example/team/child:2") && page.contains("with all of its tags"),
        "{page}"
    );
    // A container is made from one after the preview; the parent is asked for before the child.
    let html = client.get("/stale/images/cleanup?all=1").await.expect(200).text.clone();
    let page = words(&html);
    assert!(page.contains("Remove 3 images") && page.contains("Frees"), "{page}");
    engine.container("user").image("dw-test/busy:1").create().await;
    let fields = hidden(&html, "c");
    let form: Vec<(&str, &str)> = fields.iter().map(|field| ("c", field.as_str())).collect();
    let job = client.post_form("/stale/images/cleanup", &form).await.location().to_owned();
    let end = job_end(&client, &job).await;
    // The mirror may not have heard of it yet: then it is Docker that refuses.
    assert!(end.contains("1 of 3 not done") && end.contains("used by"), "{end}");
    assert!(end.contains("removed with its 2 tags"), "{end}");
    assert!(
        !has_image(&engine, &base).await
            && !has_image(&engine, &child).await
            && has_image(&engine, &busy).await
    );
    let written = events(&client, "cleanup.removed").await;
    let names: Vec<&str> = written.iter().map(|(_, name, _)| name.as_str()).collect();
    assert!(names.contains(&"dw-test/base:1") && names.contains(&"dw-test/child:1"), "{written:?}");
    // A tag that came after the preview is not taken along.
    engine.import_image("dw-test/late", "1", &[]).await;
    let late = docker.inspect_image("dw-test/late:1").await.unwrap().id.unwrap();
    until(&client, "the late image", |data| item(data, "images", &late).is_some()).await;
    tag(&late, "dw-test/new-name", "1").await;
    let answer = client.post("/api/leftovers/cleanup", json!({"images": [late]})).await.expect(200).json();
    let result = result(&answer, &late);
    // The product may know the new tag by now: then it was part of what was asked for.
    if result["status"] == "refused" {
        assert!(result["message"].as_str().unwrap().contains("dw-test/new-name:1"), "{answer}");
        assert!(has_image(&engine, &late).await);
    }
    // A viewer removes nothing by any way.
    let vera = server.sign_in("vera").await;
    vera.get("/stale/images/cleanup?all=1").await.expect(403);
    vera.post_form("/stale/images/cleanup", &[("c", &busy)]).await.expect(403);
    assert_eq!(
        vera.post("/api/leftovers/cleanup", json!({"images": [busy]})).await.expect_error(403),
        "forbidden"
    );
    assert!(!client.get("/stale/images").await.text.is_empty() && has_image(&engine, &busy).await);
}

#[tokio::test]
async fn a_script_gets_a_result_for_each_id_and_a_dry_run_does_nothing() {
    let (engine, _server, client) = tidying().await;
    volume(&engine, "one", &[]).await;
    volume(&engine, "kept", &[("docker-watcher.protect", "true")]).await;
    let (lonely, attached) = (network(&engine, "lonely").await, network(&engine, "attached").await);
    engine.container("user").network("attached").create().await;
    engine.import_image("dw-test/unused", "1", &[]).await;
    let image = engine.docker().await.inspect_image("dw-test/unused:1").await.unwrap().id.unwrap();
    until(&client, "all", |data| {
        item(data, "volumes", "kept").is_some()
            && item(data, "images", &image).is_some()
            && item(data, "networks", "attached").is_none()
    })
    .await;
    let ask = |dry_run: bool| {
        json!({
            "volumes": ["one", "one", "kept", "never-was"], "networks": ["lonely", attached, "bridge"],
            "images": [image, "dw-test/unused:1"], "dry_run": dry_run
        })
    };
    let dry = client.post("/api/leftovers/cleanup", ask(true)).await.expect(200).json();
    assert_eq!(
        (&dry["data"]["dry_run"], &dry["data"]["removed"], &dry["data"]["refused"]),
        (&json!(true), &json!(3), &json!(6)),
        "{dry:#}"
    );
    assert!(
        engine.has_volume("one").await
            && has_network(&engine, &lonely).await
            && has_image(&engine, &image).await
    );
    assert!(events(&client, "cleanup.removed").await.is_empty());
    // Docker would remove a network under a container that does not run, which could not start any more.
    let done = client.post("/api/leftovers/cleanup", ask(false)).await.expect(200).json();
    assert_eq!(
        (&done["data"]["removed"], &done["data"]["refused"], &done["data"]["failed"]),
        (&json!(3), &json!(6), &json!(0)),
        "{done:#}"
    );
    for (id, words) in [
        ("kept", "docker-watcher.protect"),
        ("never-was", "not there"),
        ("bridge", "used by"),
        (attached.as_str(), "used by user"),
        ("dw-test/unused:1", "is a tag"),
    ] {
        let result = result(&done, id);
        let message = result["message"].as_str().unwrap();
        let fits = message.contains(words) || id == "bridge" && message.contains("Docker itself");
        assert!(result["status"] == "refused" && fits, "{id}: {result}");
    }
    let twice: Vec<&Value> =
        done["data"]["results"].as_array().unwrap().iter().filter(|one| one["id"] == "one").collect();
    assert_eq!(
        (twice[0]["status"].as_str(), twice[1]["status"].as_str()),
        (Some("removed"), Some("refused"))
    );
    assert!(
        !engine.has_volume("one").await
            && engine.has_volume("kept").await
            && has_network(&engine, &attached).await
    );
    assert_eq!(events(&client, "cleanup.removed").await.len(), 3);
    assert!(events(&client, "cleanup.failed").await.is_empty(), "what was left alone is no failure");

    for (body, field) in [
        (json!({}), "images"),
        (json!({"images": "all"}), "images"),
        (json!({"volumes": [1]}), "volumes"),
        (json!({"build_cache": "yes"}), "build_cache"),
        (json!({"volumes": ["x"], "force": true}), "force"),
        (json!({"volumes": vec!["x"; 1_001]}), "images"),
    ] {
        let reply = client.post("/api/leftovers/cleanup", body.clone()).await;
        assert_eq!(reply.expect_error(422), "invalid", "{body}");
        assert!(reply.json()["fields"][field].is_string(), "{field}: {}", reply.text);
    }
    assert_eq!(client.post("/api/leftovers/cleanup", json!([1])).await.expect_error(400), "malformed");
    engine.kill().await;
    let ask = json!({"volumes": ["kept"]});
    eventually("the engine to be known as down", SOON, async || {
        let reply = client.post("/api/leftovers/cleanup", ask.clone()).await;
        check(reply.status == 503, reply.text)
    })
    .await;
    let page = words(&client.get("/stale/volumes").await.expect(200).text);
    assert!(page.contains("Docker is not reachable") && page.contains("kept"), "{page}");
    let page = words(&client.get("/stale/volumes/cleanup?c=kept").await.expect(200).text);
    assert!(page.contains("cannot be reached"), "{page}");
}
