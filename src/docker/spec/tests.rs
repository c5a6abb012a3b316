//! What is kept, and what create is told: on answers of inspect of two versions of the engine.

use serde_json::{Value, json};

use super::body::Now;
use super::{Leans, Spec, SpecError, VolumeAt};

fn recorded(version: &str) -> Value {
    let text = match version {
        "20.10" => include_str!("recorded/20.10.json"),
        _ => include_str!("recorded/28.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn spec(inspect: &Value) -> Spec {
    Spec::of(inspect).unwrap()
}

/// The body for an engine of this version of the API, with everything still there.
fn body(spec: &Spec, minor: u32) -> Value {
    let network = spec.attachments().first;
    spec.body(&Now { image: spec.image().to_owned(), minor, network, ..Now::default() })
}

fn with(version: &str, changes: &[(&str, Value)]) -> Spec {
    let mut inspect = recorded(version);
    for (at, value) in changes {
        *inspect.pointer_mut(at).unwrap() = value.clone();
    }
    spec(&inspect)
}

#[test]
fn what_a_container_was_is_known_from_its_specification() {
    let old = spec(&recorded("20.10"));
    assert_eq!((old.name(), old.image()), ("shop-web-1", "busybox:1.36"));
    assert!(old.image_id().starts_with("sha256:7bc2e585"));
    assert_eq!(old.networks().collect::<Vec<_>>(), ["back", "shop"]);
    let named = [VolumeAt { name: "data".into(), destination: "/data".into() }];
    assert_eq!(old.named_volumes(), named);
    let places: Vec<_> = old.anonymous_volumes().into_iter().map(|volume| volume.destination).collect();
    assert_eq!(places, ["/bare", "/mounted", "/declared"]);
}

#[test]
fn it_can_be_stored_and_read_again() {
    for version in ["20.10", "28"] {
        let spec = spec(&recorded(version));
        let stored = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&stored).unwrap(), spec);
    }
}

#[test]
fn what_a_later_version_stored_is_refused_in_words() {
    let mut stored = serde_json::to_value(spec(&recorded("28"))).unwrap();
    stored["version"] = json!(2);
    let refused = serde_json::from_value::<Spec>(stored).unwrap_err().to_string();
    assert!(refused.contains("format 2 by another version of Docker Watcher"), "{refused}");
}

#[test]
fn a_log_never_shows_values_of_the_environment() {
    let spec = spec(&recorded("20.10"));
    let (short, long) = (format!("{spec:?}"), format!("{spec:#?}"));
    assert!(!short.contains("hunter2") && !long.contains("hunter2"), "{long}");
}

#[test]
fn anonymous_volumes_are_attached_again_by_name_where_each_was_asked_for() {
    let spec = spec(&recorded("20.10"));
    let host = &body(&spec, 41)["HostConfig"];
    let name =
        |at: &str| spec.anonymous_volumes().into_iter().find(|volume| volume.destination == at).unwrap().name;
    let bare = format!("{}:/bare", name("/bare"));
    assert_eq!(host["Binds"], json!(["data:/data:ro", bare, format!("{}:/declared", name("/declared"))]));
    assert_eq!(host["Mounts"], json!([{"Type": "volume", "Target": "/mounted", "Source": name("/mounted")}]));
}

#[test]
fn an_anonymous_volume_that_was_removed_is_made_anew() {
    let spec = spec(&recorded("20.10"));
    let gone = spec.anonymous_volumes().into_iter().map(|volume| volume.name).collect();
    let body = spec.body(&Now { gone, ..Now::default() });
    assert_eq!(body["HostConfig"]["Binds"], json!(["data:/data:ro", "/bare"]));
    assert_eq!(body["HostConfig"]["Mounts"], json!([{"Type": "volume", "Target": "/mounted"}]));
    assert_eq!(body["Volumes"], json!({"/declared": {}}));
}

#[test]
fn a_volume_with_a_colon_in_its_place_is_attached_all_the_same() {
    let spec =
        with("28", &[("/Mounts/1/Destination", json!("/a:b")), ("/Config/Volumes", json!({"/a:b": {}}))]);
    let mounts = body(&spec, 50)["HostConfig"]["Mounts"].clone();
    assert_eq!(mounts[1]["Target"], "/a:b");
    assert_eq!(mounts[1]["Source"], spec.anonymous_volumes()[0].name);
}

#[test]
fn a_borrowed_volume_is_neither_named_nor_anonymous() {
    let spec = with("28", &[("/HostConfig/VolumesFrom", json!(["db:ro"])), ("/Config/Volumes", json!({}))]);
    assert_eq!(spec.anonymous_volumes(), []);
    assert_eq!(spec.named_volumes().len(), 1);
}

#[test]
fn addresses_that_were_asked_for_are_kept_and_those_docker_chose_are_not() {
    let spec = spec(&recorded("20.10"));
    let body = body(&spec, 41);
    let asked = json!({"shop": {"IPAMConfig": {"IPv4Address": "10.9.0.77"}, "Aliases": ["web"]}});
    assert_eq!(body["NetworkingConfig"]["EndpointsConfig"], asked, "one network only, without the short id");
    assert_eq!(body["MacAddress"], "02:42:0a:09:00:4d", "before API 1.44 it is the container's");
    assert_eq!(spec.attachments().further, ["back"]);
    assert_eq!(spec.endpoint("back", 41), json!({"IPAMConfig": {}, "Aliases": ["other"], "DriverOpts": {}}));
}

#[test]
fn from_api_1_44_on_a_mac_address_belongs_to_its_network() {
    let spec = spec(&recorded("28"));
    let body = body(&spec, 50);
    assert_eq!(body["MacAddress"], Value::Null);
    let front = &body["NetworkingConfig"]["EndpointsConfig"]["front"];
    assert_eq!(front["MacAddress"], "02:42:0a:14:00:09");
    assert_eq!(front["GwPriority"], 10);
    let back = spec.endpoint("back", 50);
    assert_eq!(back["MacAddress"], Value::Null, "Docker chose it");
    assert_eq!(back["Aliases"], json!(["api-internal"]));
    assert!(back["DriverOpts"].is_object());
    assert_eq!(back["DNSNames"], Value::Null);
}

#[test]
fn a_mac_address_seen_before_the_first_start_was_asked_for() {
    let spec = with("28", &[("/NetworkSettings/Networks/back/EndpointID", json!(""))]);
    assert_eq!(spec.endpoint("back", 50)["MacAddress"], "8e:41:0c:3f:55:02");
}

#[test]
fn a_hostname_that_was_chosen_is_kept_and_one_that_docker_made_up_is_not() {
    assert_eq!(body(&spec(&recorded("28")), 50)["Hostname"], "chosen");
    assert_eq!(body(&spec(&recorded("20.10")), 41)["Hostname"], Value::Null);
}

#[test]
fn with_the_hosts_uts_namespace_no_hostname_is_told() {
    let spec =
        with("28", &[("/HostConfig/UTSMode", json!("host")), ("/HostConfig/NetworkMode", json!("host"))]);
    assert_eq!(body(&spec, 50)["Hostname"], Value::Null);
}

#[test]
fn no_entrypoint_is_said_so_that_the_images_own_does_not_come_back() {
    assert_eq!(body(&spec(&recorded("20.10")), 41)["Entrypoint"], json!([""]));
    assert_eq!(body(&spec(&recorded("28")), 50)["Entrypoint"], json!(["/docker-entrypoint.sh"]));
    let emptied = with("28", &[("/Config/Entrypoint", json!([]))]);
    assert_eq!(body(&emptied, 50)["Entrypoint"], json!([]));
}

#[test]
fn fields_that_nobody_knows_yet_come_along() {
    let host = &body(&spec(&recorded("28")), 50)["HostConfig"];
    assert_eq!(host["LaterField"], json!({"nobody": "knows"}));
    assert_eq!(host["Annotations"], json!({"org.example.later": "yes"}));
    assert!(host.as_object().unwrap().values().all(|value| !value.is_null()));
}

#[test]
fn a_container_in_anothers_network_tells_none_of_that_ones_names_and_ports() {
    let mode = format!("container:{}", "c".repeat(64));
    let changes = [("/HostConfig/NetworkMode", json!(mode)), ("/NetworkSettings/Networks", json!({}))];
    let mut spec = with("28", &changes);
    let body = body(&spec, 50);
    for field in ["Hostname", "Domainname", "ExposedPorts", "MacAddress", "NetworkingConfig"] {
        assert_eq!(body[field], Value::Null, "{field}");
    }
    assert_eq!(spec.attachments().left, None);
    let [leans] = &spec.references()[..] else { panic!("it leans on one container") };
    assert_eq!((leans.leans, leans.container.as_str()), (Leans::Network, "c".repeat(64).as_str()));
    assert!(spec.redirect(&"c".repeat(64), "new"));
    assert_eq!(spec.references()[0].container, "new");
    assert!(!spec.redirect(&"c".repeat(64), "new"));
}

#[test]
fn volumes_from_and_links_lean_on_containers_too() {
    let changes = [
        ("/HostConfig/VolumesFrom", json!(["db:ro", "cache"])),
        ("/HostConfig/Links", json!(["/mail:/api/smtp"])),
        ("/HostConfig/PidMode", json!("container:agent")),
    ];
    let leans: Vec<_> =
        with("28", &changes).references().into_iter().map(|r| (r.leans, r.container)).collect();
    let expected =
        [(Leans::Pid, "agent"), (Leans::Volumes, "db"), (Leans::Volumes, "cache"), (Leans::Link, "mail")];
    assert_eq!(leans, expected.map(|(leans, name)| (leans, name.to_owned())));
}

#[test]
fn a_container_that_left_the_network_of_its_mode_leaves_it_again() {
    let spec = with("20.10", &[("/HostConfig/NetworkMode", json!("default"))]);
    let attachments = spec.attachments();
    assert_eq!((attachments.first, attachments.left.as_deref()), (None, Some("bridge")));
    assert_eq!(attachments.further, ["back", "shop"]);
}

#[test]
fn a_network_given_by_its_id_is_the_one_of_that_id() {
    let id = recorded("20.10")["NetworkSettings"]["Networks"]["shop"]["NetworkID"].clone();
    let spec = with("20.10", &[("/HostConfig/NetworkMode", id.clone())]);
    assert_eq!(spec.attachments().first.as_deref(), Some("shop"));
    assert_eq!(body(&spec, 41)["HostConfig"]["NetworkMode"], id);
}

#[test]
fn a_paused_or_dead_container_can_be_kept_like_any_other() {
    for state in ["paused", "dead", "exited", "created"] {
        assert_eq!(with("20.10", &[("/State/Status", json!(state))]).name(), "shop-web-1");
    }
}

#[test]
fn a_task_of_swarm_is_left_to_swarm() {
    let mut inspect = recorded("28");
    inspect["Config"]["Labels"] =
        json!({"com.docker.swarm.task.id": "x", "com.docker.swarm.service.name": "web"});
    let refused = Spec::of(&inspect).unwrap_err();
    assert!(matches!(&refused, SpecError::SwarmTask { service } if service == "web"));
    assert!(refused.to_string().contains("Swarm service web"), "{refused}");
}

#[test]
fn an_answer_that_is_not_whole_is_refused() {
    for field in ["Config", "HostConfig", "Name", "Id"] {
        let mut inspect = recorded("28");
        inspect.as_object_mut().unwrap().remove(field);
        assert!(matches!(Spec::of(&inspect), Err(SpecError::Incomplete(_))), "{field}");
    }
    assert!(Spec::of(&json!([])).is_err());
}

#[test]
fn an_image_for_several_platforms_is_asked_for_by_its_own() {
    assert_eq!(spec(&recorded("28")).platform.as_deref(), Some("linux/arm64/v8"));
    assert_eq!(spec(&recorded("20.10")).platform, None);
}
