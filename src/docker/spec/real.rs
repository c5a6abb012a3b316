//! Against a real engine: containers of every kind are made, removed, created again and compared field by field.
//!
//! `DW_SPEC_ENGINE=unix:///run/docker.sock DW_SPEC_IMAGE=busybox cargo test --lib docker::spec::real -- --ignored`
//!
//! What is made is called `wtg-…` and removed again. The image has a shell, sleep, cat and busybox.

mod bench;
#[path = "../../../tests/it/support/comparable.rs"]
mod comparable;
mod configurations;

use hyper::Method;
use serde_json::{Value, json};

use super::{CreateError, ImageNow, Spec};
use crate::docker::exchange::segment;
use bench::{Bench, DEADLINE};
use configurations::configurations;

#[tokio::test]
#[ignore = "needs a Docker engine: DW_SPEC_ENGINE, DW_SPEC_IMAGE"]
async fn a_container_of_any_configuration_comes_back_as_it_was() {
    let bench = Bench::new("cfg").await;
    for (name, body) in configurations() {
        let id = bench.make(name, body).await;
        let path = format!("/containers/{id}/start");
        if let Err(why) = bench.call(Method::POST, &path, Value::Null).await {
            println!("{name} does not run here: {why}");
        }
        let id = bench.again(&id).await;
        // And once more, from what was restored.
        let id = bench.again(&id).await;
        bench.remove(&id, true).await;
    }
    let id = bench.make("never-started", json!({})).await;
    bench.again(&id).await;
    let id = bench.make("paused", json!({})).await;
    bench.start(&id).await;
    bench.post(&format!("/containers/{id}/pause"), Value::Null).await;
    bench.again(&id).await;
    let id = bench.make("stopped", json!({})).await;
    bench.start(&id).await;
    bench.post(&format!("/containers/{id}/stop"), Value::Null).await;
    bench.again(&id).await;
    bench.sweep().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine: DW_SPEC_ENGINE, DW_SPEC_IMAGE"]
async fn networks_with_aliases_and_addresses_come_back_as_they_were() {
    let bench = Bench::new("net").await;
    let one = bench.network("one", Some("10.231.17.0/24")).await;
    let two = bench.network("two", None).await;
    let body = json!({"Hostname": "chosen", "MacAddress": "02:42:0a:0b:0c:0e", "HostConfig": {"NetworkMode": one},
        "NetworkingConfig": {"EndpointsConfig": {&one: {"Aliases": ["web", "www"],
            "IPAMConfig": {"IPv4Address": "10.231.17.77"}}}}});
    let id = bench.make("two-networks", body).await;
    let endpoint = json!({"Aliases": ["other"], "DriverOpts": {"com.example.x": "y"}});
    bench.join(&two, &id, endpoint).await;
    bench.start(&id).await;
    let peer = bench.make("peer", json!({"HostConfig": {"NetworkMode": two}})).await;
    bench.start(&peer).await;
    let id = bench.again(&bench.again(&id).await).await;
    let addresses = bench.run(&id, &["busybox", "ip", "addr"]).await;
    assert!(addresses.contains("10.231.17.77/24"), "{addresses}");
    assert!(addresses.contains("02:42:0a:0b:0c:0e"), "{addresses}");
    let found = bench.run(&peer, &["busybox", "nslookup", "other"]).await;
    println!("{found}");

    // Links, on the default bridge and in a network.
    let id = bench
        .make(
            "linked",
            json!({"HostConfig": {"NetworkMode": two, "Links": null},
        "NetworkingConfig": {"EndpointsConfig": {&two: {"Links": [format!("{}:db", bench.name("peer"))]}}}}),
        )
        .await;
    bench.start(&id).await;
    bench.again(&id).await;
    let target = bench.make("target", json!({})).await;
    bench.start(&target).await;
    let link = format!("{}:db", bench.name("target"));
    let id = bench.make("old-link", json!({"HostConfig": {"Links": [link]}})).await;
    bench.start(&id).await;
    bench.again(&id).await;

    // Joined and left afterwards.
    let id = bench.make("moved", json!({})).await;
    bench.start(&id).await;
    bench.join(&two, &id, json!({})).await;
    bench.post("/networks/bridge/disconnect", json!({"Container": id})).await;
    bench.again(&id).await;
    let id = bench.make("out-of-none", json!({"HostConfig": {"NetworkMode": "none"}})).await;
    bench.post("/networks/none/disconnect", json!({"Container": id})).await;
    bench.join(&two, &id, json!({})).await;
    bench.start(&id).await;
    bench.again(&id).await;
    let id = bench.make("cut-off", json!({})).await;
    bench.post("/networks/bridge/disconnect", json!({"Container": id})).await;
    bench.again(&id).await;

    // By the network's id.
    let network = bench.get(&format!("/networks/{two}")).await;
    let id = bench.make("by-id", json!({"HostConfig": {"NetworkMode": network["Id"]}})).await;
    bench.start(&id).await;
    bench.again(&id).await;

    // Namespaces of another container.
    let mode = format!("container:{}", bench.name("target"));
    let host = json!({"NetworkMode": mode, "PidMode": mode, "IpcMode": "private"});
    let id = bench.make("shares", json!({"HostConfig": host})).await;
    bench.start(&id).await;
    let id = bench.again(&id).await;
    let mut spec = bench.client.spec(&id, DEADLINE).await.unwrap();
    println!("{:?}", spec.references());
    bench.remove(&id, false).await;
    let renewed = bench.again(&target).await;
    let error = bench.client.create(&spec, None, None).await.unwrap_err();
    println!("{error}");
    assert!(matches!(error, CreateError::ContainerGone { .. }), "{error}");
    assert!(spec.redirect(&target, &renewed));
    let id = bench.client.create(&spec, None, None).await.unwrap().id;
    bench.start(&id).await;
    bench.sweep().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine: DW_SPEC_ENGINE, DW_SPEC_IMAGE"]
async fn volumes_come_back_with_their_data() {
    let bench = Bench::new("vol").await;
    let named = bench.name("named");
    let body = json!({"Volumes": {"/declared": {}, "/slash/": {}}, "HostConfig": {
        "Binds": [format!("{named}:/named"), format!("{named}:/named-ro:ro"), "/bare"],
        "Mounts": [{"Type": "volume", "Target": "/mounted", "VolumeOptions": {"Labels": {"x": "y"}}},
                   {"Type": "volume", "Source": bench.name("other"), "Target": "/other", "ReadOnly": true}]}});
    let id = bench.make("all-volumes", body).await;
    bench.start(&id).await;
    let places = ["/named", "/declared", "/slash", "/bare", "/mounted"];
    for place in places {
        bench.run(&id, &["sh", "-c", &format!("echo data of {place} > {place}/file")]).await;
    }
    let spec = bench.client.spec(&id, DEADLINE).await.unwrap();
    println!("named {:?}\nanonymous {:?}", spec.named_volumes(), spec.anonymous_volumes());
    assert_eq!(spec.anonymous_volumes().len(), 4);
    assert_eq!(spec.named_volumes().len(), 3);
    let id = bench.again(&bench.again(&id).await).await;
    for place in places {
        assert_eq!(bench.run(&id, &["cat", &format!("{place}/file")]).await, format!("data of {place}"));
    }

    // Borrowed ones.
    let from = format!("{}:ro", bench.name("all-volumes"));
    let borrower =
        bench.make("borrower", json!({"Volumes": {"/own": {}}, "HostConfig": {"VolumesFrom": [from]}})).await;
    bench.start(&borrower).await;
    bench.run(&borrower, &["sh", "-c", "echo mine > /own/file"]).await;
    let borrower = bench.again(&borrower).await;
    assert_eq!(bench.run(&borrower, &["cat", "/own/file"]).await, "mine");
    bench.remove(&borrower, true).await;

    // Removed with the container: Docker makes new ones. The named one stays.
    let body = json!({"Volumes": {"/declared": {}}, "HostConfig": {"Binds": [format!("{named}:/named")]}});
    let id = bench.make("without", body).await;
    let spec = bench.client.spec(&id, DEADLINE).await.unwrap();
    bench.remove(&id, true).await;
    let created = bench.client.create(&spec, None, None).await.unwrap();
    println!("{:?}", created.warnings);
    assert_eq!(created.warnings.len(), 1);
    let again = bench.client.spec(&created.id, DEADLINE).await.unwrap();
    assert_ne!(again.anonymous_volumes(), spec.anonymous_volumes());
    assert_eq!(again.named_volumes(), spec.named_volumes());
    bench.remove(&created.id, true).await;
    bench.sweep().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine: DW_SPEC_ENGINE, DW_SPEC_IMAGE"]
async fn what_an_image_says_is_not_taken_for_what_the_user_said() {
    let bench = Bench::new("img").await;
    let image = format!("{}:1", bench.prefix);
    let id = bench.make("maker", json!({})).await;
    let changes = "ENTRYPOINT [\"sleep\"]\nCMD [\"86400\"]\nVOLUME /data\nEXPOSE 8080\nENV FROM_IMAGE=1\n\
         LABEL from=image\nUSER 1:1\nWORKDIR /tmp\nHEALTHCHECK CMD true";
    let changes: String = changes.lines().map(|line| format!("&changes={}", segment(line))).collect();
    let path = format!("/commit?container={id}&repo={}&tag=1{changes}", bench.prefix);
    bench.post(&path, json!({})).await;
    let made = |body: Value| {
        let (mut body, image) = (body, image.clone());
        body["Image"] = json!(image);
        body
    };
    let target = bench.make("target", made(json!({"Entrypoint": null, "Cmd": null}))).await;
    bench.start(&target).await;
    bench.again(&target).await;
    for (name, body) in [
        ("other-cmd", json!({"Cmd": ["3600"]})),
        ("none", json!({"Entrypoint": [""], "Cmd": ["sleep", "3600"]})),
        ("own", json!({"Entrypoint": ["sleep", "3600"], "Cmd": null})),
        ("no-health", json!({"Cmd": null, "Healthcheck": {"Test": ["NONE"]}})),
        (
            "shares",
            json!({"Cmd": null, "HostConfig": {"NetworkMode": format!("container:{}", bench.name("target"))}}),
        ),
    ] {
        let id = bench.make(name, made(body)).await;
        bench.start(&id).await;
        bench.again(&id).await;
    }

    // The name leads elsewhere; then the old image is gone.
    let id = bench.make("moved", made(json!({"Cmd": null}))).await;
    let spec = bench.client.spec(&id, DEADLINE).await.unwrap();
    assert_eq!(bench.client.image_now(&spec).await.unwrap(), ImageNow::Same);
    for other in ["target", "other-cmd", "none", "own", "no-health", "shares", "moved"] {
        bench.remove(&bench.name(other), true).await;
    }
    let first = spec.image_id().to_owned();
    let second = bench.client.commit(&bench.name("maker"), &bench.prefix, "1", "another").await.unwrap();
    assert_eq!(bench.client.image_now(&spec).await.unwrap(), ImageNow::ById);
    let created = bench.client.create(&spec, None, None).await.unwrap();
    println!("{:?}", created.warnings);
    bench.remove(&created.id, true).await;
    bench.client.discard_image(&first).await.unwrap();
    assert_eq!(bench.client.image_now(&spec).await.unwrap(), ImageNow::Another(second.clone()));
    println!("{}", bench.client.create(&spec, None, None).await.unwrap_err());
    let created = bench.client.create(&spec, Some(&bench.name("renamed")), Some(&image)).await.unwrap();
    assert_eq!(bench.inspect(&created.id).await["Image"], second.as_str());
    bench.remove(&created.id, true).await;
    bench.remove(&bench.name("maker"), true).await;
    bench.client.discard_image(&image).await.unwrap();
    bench.client.discard_image(&image).await.unwrap();
    assert_eq!(bench.client.image_now(&spec).await.unwrap(), ImageNow::Gone);
    println!("{}", bench.client.create(&spec, None, None).await.unwrap_err());
    bench.sweep().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine: DW_SPEC_ENGINE, DW_SPEC_IMAGE"]
async fn what_a_container_wrote_comes_back_from_a_committed_image() {
    let bench = Bench::new("layer").await;
    let id = bench.make("written", json!({"Env": ["A=1"]})).await;
    bench.start(&id).await;
    bench.run(&id, &["sh", "-c", "echo kept > /note"]).await;
    let spec = bench.client.spec(&id, DEADLINE).await.unwrap();
    let image =
        bench.client.commit(&id, &bench.prefix, "1", "kept by a test; for undo & more").await.unwrap();
    let state = bench.inspect(&id).await;
    assert_eq!(state["State"]["Status"], "running", "it goes on after the commit");
    bench.remove(&id, true).await;
    assert!(bench.client.image_exists(&image).await.unwrap());
    let created = bench.client.create(&spec, None, Some(&image)).await.unwrap();
    bench.start(&created.id).await;
    assert_eq!(bench.run(&created.id, &["cat", "/note"]).await, "kept");
    let refused = bench.client.discard_image(&format!("{}:1", bench.prefix)).await;
    println!("{refused:?}");
    bench.post(&format!("/containers/{}/stop", created.id), Value::Null).await;
    bench.client.commit(&created.id, &bench.prefix, "1", "stopped").await.unwrap();
    bench.sweep().await;
}

#[tokio::test]
#[ignore = "needs a Docker engine: DW_SPEC_ENGINE, DW_SPEC_IMAGE"]
async fn what_is_missing_is_said_in_words_and_nothing_is_left_behind() {
    let bench = Bench::new("bad").await;
    let (one, two) = (bench.network("one", Some("10.231.18.0/24")).await, bench.network("two", None).await);
    let id =
        bench.make("victim", json!({"HostConfig": {"NetworkMode": two}, "Volumes": {"/data": {}}})).await;
    bench.join(&one, &id, json!({"IPAMConfig": {"IPv4Address": "10.231.18.5"}})).await;
    let spec = bench.client.spec(&id, DEADLINE).await.unwrap();
    let taken = bench.client.create(&spec, None, None).await.unwrap_err();
    println!("{taken}");
    assert!(matches!(&taken, CreateError::NameTaken { by, .. } if *by == id), "{taken}");
    bench.remove(&id, false).await;

    // The network was made again without a subnet of the user's: the address cannot be had.
    bench.call(Method::DELETE, &format!("/networks/{one}"), Value::Null).await.unwrap();
    let gone = bench.client.create(&spec, None, None).await.unwrap_err();
    println!("{gone}");
    assert!(matches!(gone, CreateError::NetworkGone { .. }), "{gone}");
    bench.network("one", None).await;
    let refused = bench.client.create(&spec, None, None).await.unwrap_err();
    println!("{refused}");
    assert!(matches!(refused, CreateError::Network { left: None, .. }), "{refused}");
    let path = format!("/containers/{}/json", bench.name("victim"));
    assert!(bench.call(Method::GET, &path, Value::Null).await.is_err(), "it was taken away again");
    let volume = &spec.anonymous_volumes()[0].name;
    bench.get(&format!("/volumes/{volume}")).await;
    bench.call(Method::DELETE, &format!("/volumes/{volume}"), Value::Null).await.unwrap();

    // What the engine does not know.
    for (field, value) in [
        ("Runtime", json!("kata")),
        ("Mounts", json!([{"Type": "bind", "Source": "/not/there", "Target": "/x"}])),
        ("VolumesFrom", json!(["wtg-not-there:ro"])),
        ("Links", json!(["/wtg-not-there:/wtg-bad-victim/db"])),
    ] {
        let mut inspect = serde_json::to_value(&spec).unwrap();
        inspect["networks"] = json!({"bridge": {}});
        inspect["host_config"]["NetworkMode"] = json!("default");
        inspect["host_config"][field] = value;
        let spec: Spec = serde_json::from_value(inspect).unwrap();
        println!("{}", bench.client.create(&spec, None, None).await.unwrap_err());
    }
    println!("{}", bench.client.create(&spec, Some("?"), None).await.unwrap_err());
    bench.sweep().await;
}
