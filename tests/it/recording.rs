//! What the engine does becomes events, each once: live, and across restarts of Docker Watcher and of dockerd.

use crate::engine_faults::{CAUGHT_UP, NOTICED, wait_status};
use crate::support::engine::{Engine, IMAGE};
use crate::support::server::Server;
use crate::support::{SOON, check, eventually};
use bollard::models::{NetworkConnectRequest, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{
    RemoveImageOptionsBuilder, RemoveVolumeOptions, StopContainerOptionsBuilder, TagImageOptionsBuilder,
};
use serde_json::Value;
use std::time::Duration;

/// An event as the database keeps it.
#[derive(Debug, Clone)]
struct Recorded {
    kind: String,
    severity: i64,
    name: String,
    message: String,
    data: Value,
}

impl Recorded {
    fn is_reconciled(&self) -> bool {
        self.data["reconciled"] == true
    }
}

const INFO: i64 = 1;
const WARNING: i64 = 2;
const ERROR: i64 = 3;

/// Everything recorded so far, oldest first, sign-ins aside.
fn recorded(server: &Server) -> Vec<Recorded> {
    let database = rusqlite::Connection::open(server.database()).unwrap();
    let mut statement = database
        .prepare("SELECT kind, severity, subject_name, message, data FROM events WHERE source <> 'auth' ORDER BY id")
        .unwrap();
    let rows = statement.query_map([], |row| {
        Ok(Recorded {
            kind: row.get(0)?,
            severity: row.get(1)?,
            name: row.get(2)?,
            message: row.get(3)?,
            data: serde_json::from_str(&row.get::<_, String>(4)?).unwrap(),
        })
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// Those of one subject.
fn of(events: &[Recorded], name: &str) -> Vec<Recorded> {
    events.iter().filter(|event| event.name == name).cloned().collect()
}

fn kinds(events: &[Recorded]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

/// Waits until the subject's events are exactly these, and stay so.
async fn until_exactly(server: &Server, name: &str, expected: &[&str]) -> Vec<Recorded> {
    let what = format!("{name} to have {expected:?}");
    let wait = || {
        eventually(&what, SOON, async || {
            let events = of(&recorded(server), name);
            if kinds(&events) == expected { Ok(events) } else { Err(events) }
        })
    };
    wait().await;
    // A double, or something reconciled that was told already, would come within this time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    wait().await
}

async fn watching(engine: &Engine) -> Server {
    let server = Server::with_admin(&engine.host()).await;
    wait_status(&server.admin().await, "up", SOON).await;
    server
}

async fn stop_container(engine: &Engine, name: &str) {
    let options = StopContainerOptionsBuilder::new().t(10).build();
    engine.docker().await.stop_container(name, Some(options)).await.expect("docker stop");
}

#[tokio::test]
async fn a_script_of_lives_and_deaths_gives_exactly_its_events() {
    let engine = Engine::own().await;
    let server = watching(&engine).await;

    // Ends by itself: well, with an error, with a word for its code.
    engine.container("fine").command(&["true"]).run().await;
    let plain = ["container.create", "container.start", "container.die"];
    let events = until_exactly(&server, "fine", &plain).await;
    assert_eq!((events[2].severity, events[2].data["exit_code"].as_i64()), (INFO, Some(0)));
    engine.container("fails").command(&["sh", "-c", "exit 3"]).run().await;
    let events = until_exactly(&server, "fails", &plain).await;
    assert_eq!(events[2].severity, WARNING, "{:?}", events[2]);
    assert_eq!(events[2].data["image"], IMAGE);

    // Killed and stopped because somebody asked.
    engine.container("killed").run().await;
    engine.kill_container("killed").await;
    let killed = ["container.create", "container.start", "container.kill", "container.die"];
    let events = until_exactly(&server, "killed", &killed).await;
    assert_eq!((events[3].severity, events[3].data["exit_code"].as_i64()), (INFO, Some(137)));
    assert!(events[3].message.contains("was killed"), "{:?}", events[3]);
    assert_eq!(events[2].data["signal"], "SIGKILL");
    engine
        .container("stopped")
        .command(&["sh", "-c", "trap 'exit 143' TERM; while :; do sleep 1; done"])
        .run()
        .await;
    stop_container(&engine, "stopped").await;
    let stopped = [&killed[..], &["container.stop"]].concat();
    let events = until_exactly(&server, "stopped", &stopped).await;
    assert_eq!(events[3].severity, INFO, "{:?}", events[3]);

    // Renamed, with its history under both names; removed.
    engine.container("before").create().await;
    engine.rename_container("before", "after").await;
    engine.remove_container("after").await;
    let events = until_exactly(&server, "after", &["container.rename", "container.destroy"]).await;
    assert_eq!(events[0].data["oldName"], "before");
    assert_eq!(events[0].message, "before was renamed to after");

    let doubles = recorded(&server);
    assert!(doubles.iter().all(|event| !event.is_reconciled() && event.kind != "system.gap"), "{doubles:#?}");
}

#[tokio::test]
async fn health_flips_are_recorded_without_the_noise_of_their_checks() {
    let engine = Engine::own().await;
    let server = watching(&engine).await;
    engine.container("sick").health("test -e /tmp/well").run().await;
    let first = ["container.create", "container.start", "container.health_status"];
    let events = until_exactly(&server, "sick", &first).await;
    assert_eq!((events[2].severity, events[2].message.as_str()), (WARNING, "sick became unhealthy"));
    engine.exec("sick", &["touch", "/tmp/well"]).await;
    let both = [&first[..], &["container.health_status"]].concat();
    let events = until_exactly(&server, "sick", &both).await;
    assert_eq!((events[3].severity, events[3].message.as_str()), (INFO, "sick is healthy again"));
    engine.exec("sick", &["rm", "/tmp/well"]).await;
    until_exactly(&server, "sick", &[&both[..], &["container.health_status"]].concat()).await;
}

#[tokio::test]
async fn a_restart_loop_is_one_error() {
    let engine = Engine::own().await;
    let server = watching(&engine).await;
    engine.container("loops").command(&["false"]).restart_always().run().await;
    let loops = |events: &[Recorded]| {
        events.iter().filter(|event| event.kind == "container.restart_loop").cloned().collect::<Vec<_>>()
    };
    eventually("eight starts", Duration::from_secs(60), async || {
        let starts = recorded(&server).iter().filter(|event| event.kind == "container.start").count();
        check(starts >= 8, starts)
    })
    .await;
    let told = loops(&recorded(&server));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0].severity, ERROR);
    assert_eq!((&told[0].data["restarts"], &told[0].data["minutes"]), (&5.into(), &10.into()));
}

#[tokio::test]
async fn a_container_over_its_memory_limit_is_an_error_and_its_end_says_why() {
    let engine = Engine::own().await;
    let server = watching(&engine).await;
    let info = engine.docker().await.info().await.expect("docker info");
    if info.memory_limit != Some(true) {
        eprintln!("skipped: this machine cannot limit memory");
        return;
    }
    engine
        .container("greedy")
        .memory(16 << 20)
        .command(&["sh", "-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"])
        .run()
        .await;
    let expected = ["container.create", "container.start", "container.oom", "container.die"];
    let events = until_exactly(&server, "greedy", &expected).await;
    assert_eq!(events[2].severity, ERROR);
    assert_eq!(events[3].severity, WARNING);
    assert_eq!(events[3].data["exit_code_words"], "out of memory", "{:?}", events[3]);
}

#[tokio::test]
async fn images_networks_and_volumes_leave_their_events() {
    let engine = Engine::own().await;
    let server = watching(&engine).await;
    let docker = engine.docker().await;
    engine.container("web").run().await;
    let network = NetworkCreateRequest { name: "shop".into(), ..Default::default() };
    docker.create_network(network).await.expect("docker network create");
    let join = NetworkConnectRequest { container: "web".into(), ..Default::default() };
    docker.connect_network("shop", join).await.expect("docker network connect");
    engine.remove_container("web").await;
    docker.remove_network("shop").await.expect("docker network rm");
    let expected = ["network.create", "network.connect", "network.disconnect", "network.destroy"];
    let events = until_exactly(&server, "shop", &expected).await;
    assert_eq!(events[1].message, "web was connected to the network shop");
    assert_eq!(events[2].message, "web was disconnected from the network shop");

    let volume = VolumeCreateRequest { name: Some("data".into()), ..Default::default() };
    docker.create_volume(volume).await.expect("docker volume create");
    docker.remove_volume("data", None::<RemoveVolumeOptions>).await.expect("docker volume rm");
    until_exactly(&server, "data", &["volume.create", "volume.destroy"]).await;

    let name = TagImageOptionsBuilder::new().repo("dw-test/other").tag("2").build();
    docker.tag_image(IMAGE, Some(name)).await.expect("docker tag");
    let events = until_exactly(&server, "dw-test/other:2", &["image.tag"]).await;
    assert!(events[0].message.ends_with("is now called dw-test/other:2"), "{:?}", events[0]);
    let options = RemoveImageOptionsBuilder::new().build();
    docker.remove_image("dw-test/other:2", Some(options), None).await.expect("docker rmi");
    eventually("the lost name", SOON, async || {
        let events = recorded(&server);
        let untagged = events.iter().filter(|event| event.kind == "image.untag").count();
        check(untagged == 1, events)
    })
    .await;
}

#[tokio::test]
async fn what_happened_while_docker_watcher_was_away_is_told_once() {
    let engine = Engine::own().await;
    engine.container("stays").run().await;
    let mut server = watching(&engine).await;
    engine.container("ends").run().await;
    engine.container("starts").create().await;
    engine.container("goes").create().await;
    until_exactly(&server, "ends", &["container.create", "container.start"]).await;
    until_exactly(&server, "goes", &["container.create"]).await;
    assert!(
        of(&recorded(&server), "stays").is_empty(),
        "nothing is reconciled with an engine never seen before"
    );

    // The buffer of the engine holds it all.
    server.kill().await;
    engine.kill_container("ends").await;
    server.start_again().await;
    let ended = ["container.create", "container.start", "container.kill", "container.die"];
    let events = until_exactly(&server, "ends", &ended).await;
    assert!(events.iter().all(|event| !event.is_reconciled()), "the replay told it: {events:#?}");

    // More than the buffer holds: the engine forgets the beginning.
    server.stop().await;
    engine.start_container("starts").await;
    engine.remove_container("goes").await;
    engine.container("new").create().await;
    for _ in 0..100 {
        engine.exec("stays", &["true"]).await;
    }
    server.start_again().await;
    let events = until_exactly(&server, "starts", &["container.create", "container.start"]).await;
    assert!(events[1].is_reconciled(), "{events:#?}");
    let events = until_exactly(&server, "goes", &["container.create", "container.destroy"]).await;
    assert!(events[1].is_reconciled() && events[1].message.contains("vanished"), "{events:#?}");
    let events = until_exactly(&server, "new", &["container.create"]).await;
    assert!(events[0].is_reconciled(), "{events:#?}");
    until_exactly(&server, "stays", &[]).await;
    let all = recorded(&server);
    let gaps: Vec<_> = all.iter().filter(|event| event.kind == "system.gap").collect();
    assert_eq!(gaps.len(), 1, "{all:#?}");
    assert!(gaps[0].data["from"].is_string() && gaps[0].data["until"].is_string(), "{gaps:#?}");

    // And once only.
    server.kill().await;
    server.start_again().await;
    wait_status(&server.admin().await, "up", SOON).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(kinds(&recorded(&server)), kinds(&all));
}

#[tokio::test]
async fn an_outage_of_the_engine_is_told_from_its_beginning_to_its_end() {
    let engine = Engine::own().await;
    engine.container("always").restart_always().run().await;
    engine.container("once").run().await;
    let mut server = watching(&engine).await;
    engine.stop().await;
    wait_status(&server.admin().await, "down", NOTICED).await;
    // Docker Watcher is restarted while the engine is down: the engine's return is told all the same.
    let told =
        |kind: &str, server: &Server| recorded(server).iter().filter(|event| event.kind == kind).count();
    eventually("the outage", SOON, async || check(told("engine.down", &server) == 1, recorded(&server)))
        .await;
    server.stop().await;
    server.start_again().await;
    wait_status(&server.admin().await, "down", NOTICED).await;
    engine.start_again().await;
    wait_status(&server.admin().await, "up", CAUGHT_UP).await;
    eventually("the engine's return", SOON, async || {
        check(told("engine.up", &server) == 1, recorded(&server))
    })
    .await;
    // Both ended with the engine; one came back. Docker may have told the ends before it went.
    let ends = |name: &str| {
        let events = of(&recorded(&server), name);
        events.into_iter().filter(|event| event.kind == "container.die").count()
    };
    eventually("both ends", SOON, async || {
        check(ends("once") == 1 && ends("always") == 1, recorded(&server))
    })
    .await;
    eventually("the start", SOON, async || {
        let starts = of(&recorded(&server), "always").iter().filter(|e| e.kind == "container.start").count();
        check(starts == 1, recorded(&server))
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let all = recorded(&server);
    assert_eq!((ends("once"), ends("always")), (1, 1), "{all:#?}");
    assert_eq!((told("engine.down", &server), told("engine.up", &server)), (1, 1), "{all:#?}");
}
