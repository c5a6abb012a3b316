//! What containers use, measured on a real engine and compared with what Docker itself says.

use crate::actions::{known, operating};
use crate::support::client::{Client, Event};
use crate::support::engine::Engine;
use crate::support::process::output_of;
use crate::support::server::{ADMIN, Server, Setup};
use crate::support::{SOON, check, eventually, unique};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

/// What the API says a container uses, once it says so.
async fn measured(client: &Client, name: &str) -> Value {
    eventually(&format!("{name} to be measured"), SOON, async || {
        // Right after a start it may not be known at all.
        let answer = client.get(&format!("/api/containers/{name}")).await;
        let stats = if answer.status == 404 { Value::Null } else { stats_of(client, name).await };
        if stats.is_null() { Err("not yet") } else { Ok(stats) }
    })
    .await
}

async fn stats_of(client: &Client, name: &str) -> Value {
    client.get(&format!("/api/containers/{name}")).await.expect(200).json()["data"]["stats"].clone()
}

async fn points(client: &Client, name: &str, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("/api/containers/{name}/stats{query}")).await.expect(200).json();
    answer["data"].as_array().expect("a list").clone()
}

/// The settings of the product under test.
async fn set(client: &Client, settings: Value) {
    client.call(reqwest::Method::PATCH, "/api/settings", settings).await.expect(200);
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("{name} in {value}"))
}

/// The CPU time a container has used, as `/metrics` says it.
async fn cpu_seconds(client: &Client, name: &str) -> f64 {
    let text = client.get("/metrics").await.expect(200).text.clone();
    let wanted = format!("name=\"{name}\"");
    let mut lines =
        text.lines().filter(|line| line.starts_with("docker_watcher_container_cpu_seconds_total{"));
    let line = lines.find(|line| line.contains(&wanted));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// The same, as Docker says it.
async fn docker_cpu_seconds(engine: &Engine, name: &str) -> f64 {
    let options = bollard::query_parameters::StatsOptionsBuilder::new().stream(false).build();
    let docker = engine.docker().await;
    let answer = docker.stats(name, Some(options)).next().await.expect("an answer").expect("docker stats");
    let json = serde_json::to_value(answer).unwrap();
    json.pointer("/cpu_stats/cpu_usage/total_usage").and_then(Value::as_f64).expect("CPU time") / 1e9
}

/// What `docker stats` shows: bytes in use, bytes received, bytes sent.
async fn docker_stats(engine: &Engine, name: &str) -> (f64, f64, f64) {
    let options = bollard::query_parameters::StatsOptionsBuilder::new().stream(false).build();
    let docker = engine.docker().await;
    let answer = docker.stats(name, Some(options)).next().await.expect("an answer").expect("docker stats");
    let json = serde_json::to_value(answer).unwrap();
    let of = |path: &str| json.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
    let cache = json.pointer("/memory_stats/stats/total_inactive_file");
    let cache = cache.or(json.pointer("/memory_stats/stats/inactive_file")).and_then(Value::as_f64);
    let networks = json["networks"].as_object().cloned().unwrap_or_default();
    let sum = |name: &str| networks.values().map(|one| one[name].as_f64().unwrap_or(0.0)).sum::<f64>();
    (of("/memory_stats/usage") - cache.unwrap_or(0.0), sum("rx_bytes"), sum("tx_bytes"))
}

/// Holds 64 MB in a process.
const HOLDER: &str = r#"busybox awk 'BEGIN { s = sprintf("%64000000s", "x"); system("sleep 86400") }'"#;

fn close(what: &str, ours: f64, dockers: f64, by: f64) -> Result<(), String> {
    check((ours - dockers).abs() <= by, format!("{what}: {ours} and Docker says {dockers}"))
}

async fn compare(engine: &Engine, client: &Client, busy: &str, holder: &str, names: (&str, &str)) {
    measured(client, busy).await;
    // How much of its 0.4 cores it gets depends on what else this machine does; the sum of it does not.
    eventually("the CPU to be Docker's", SOON, async || {
        let ours = cpu_seconds(client, busy).await;
        let dockers = docker_cpu_seconds(engine, busy).await;
        check(ours > 0.5 && ours <= dockers && ours > dockers - 1.5, (ours, dockers))?;
        let percent = number(&stats_of(client, busy).await, "cpu_percent");
        check((5.0..=46.0).contains(&percent), percent)
    })
    .await;
    eventually("the memory to be Docker's", SOON, async || {
        let (ours, dockers) =
            (number(&stats_of(client, holder).await, "memory_bytes"), docker_stats(engine, holder).await.0);
        check(ours > 64e6 && ours < 80e6, ours)?;
        close("memory", ours, dockers, 300_000.0)
    })
    .await;
    eventually("the traffic to be Docker's", SOON, async || {
        let ours = stats_of(client, names.1).await;
        let dockers = docker_stats(engine, names.1).await;
        check(number(&ours, "net_rx_bytes") > 5e6, &ours)?;
        close("received", number(&ours, "net_rx_bytes"), dockers.1, 2_000.0)?;
        close("sent", number(&ours, "net_tx_bytes"), dockers.2, 2_000.0)
    })
    .await;
    assert_eq!(stats_of(client, names.0).await["memory_limit_bytes"], Value::Null, "it has no limit");
}

/// A busy loop of 0.4 cores, a holder of 64 MB, and a transfer of 5 MB: their names.
async fn known_load(engine: &Engine) -> (String, String, (String, String)) {
    let (busy, holder) = (unique("busy"), unique("holder"));
    let (from, to) = (unique("from"), unique("to"));
    engine.container(&busy).cpus(0.4).shell("while true; do :; done").run().await;
    engine.container(&holder).shell(HOLDER).run().await;
    let serve = "busybox head -c 5000000 /dev/zero >/tmp/five && exec httpd -f -p 80 -h /tmp";
    engine.container(&from).shell(serve).run().await;
    let address = engine.address_of(&from).await;
    let fetch =
        format!("until busybox wget -q -O /dev/null http://{address}/five; do sleep 1; done; sleep 86400");
    engine.container(&to).shell(&fetch).run().await;
    (busy, holder, (from, to))
}

#[tokio::test]
async fn the_numbers_from_cgroups_are_those_of_docker_stats() {
    let engine = Engine::shared().await;
    let server = Setup::new(&engine.host()).flag("--stats-interval", "2s").user(ADMIN, "admin").start().await;
    let client = server.admin().await;
    let (busy, holder, (from, to)) = known_load(engine).await;
    compare(engine, &client, &busy, &holder, (&from, &to)).await;
    let page = client.get("/settings/stats").await.expect(200).text.clone();
    assert!(page.contains("Read from cgroups"), "{page}");
}

#[tokio::test]
async fn without_a_view_of_the_processes_the_api_is_asked_and_the_page_says_what_to_mount() {
    let engine = Engine::shared().await;
    let setup = Setup::new(&engine.host()).flag("--stats-interval", "2s").user(ADMIN, "admin");
    let server = setup.in_own_pid_namespace().start().await;
    let client = server.admin().await;
    let (busy, holder, (from, to)) = known_load(engine).await;
    compare(engine, &client, &busy, &holder, (&from, &to)).await;
    let page = client.get("/settings/stats").await.expect(200).text.clone();
    assert!(page.contains("Through the Docker API") && page.contains("/host/proc"), "{page}");
}

#[tokio::test]
async fn what_is_paused_restarted_or_on_the_hosts_network_is_told_truthfully() {
    let engine = Engine::shared().await;
    let server = Setup::new(&engine.host()).flag("--stats-interval", "2s").user(ADMIN, "admin").start().await;
    let client = server.admin().await;
    let (paused, restarted, hosts) = (unique("paused"), unique("restarted"), unique("hosts"));
    engine.container(&paused).shell("while true; do :; done").cpus(0.3).run().await;
    engine.container(&restarted).shell("while true; do :; done").cpus(0.3).run().await;
    engine.container(&hosts).host_network().run().await;
    let stats = measured(&client, &hosts).await;
    assert_eq!((&stats["net_rx_bytes"], &stats["net_tx_bytes"]), (&Value::Null, &Value::Null), "not its own");
    measured(&client, &paused).await;
    engine.pause_container(&paused).await;
    eventually("a paused container to use nothing but its memory", SOON, async || {
        let stats = measured(&client, &paused).await;
        check(number(&stats, "cpu_percent") == 0.0 && number(&stats, "memory_bytes") > 0.0, &stats)
    })
    .await;
    engine.unpause_container(&paused).await;
    measured(&client, &restarted).await;
    for _ in 0..2 {
        engine.restart_container(&restarted).await;
        measured(&client, &restarted).await;
    }
    let all = points(&client, &restarted, "").await;
    assert!(all.len() >= 3, "{all:?}");
    for point in &all {
        let percent = point["cpu_percent"].as_f64().unwrap_or(0.0);
        assert!((0.0..=60.0).contains(&percent), "no spike, nothing negative: {point}");
    }
}

#[tokio::test]
async fn history_outlives_a_restart_and_a_recreated_container() {
    let engine = Engine::shared().await;
    let setup = Setup::new(&engine.host()).flag("--stats-interval", "2s").user(ADMIN, "admin");
    let mut server = setup.start().await;
    let client = server.admin().await;
    let name = unique("lasting");
    engine.container(&name).run().await;
    measured(&client, &name).await;
    let before = points(&client, &name, "").await;
    let last = before.last().expect("a point")["at"].as_str().expect("a time").to_owned();
    server.stop().await;
    engine.remove_container(&name).await;
    engine.container(&name).run().await;
    server.start_again().await;
    let client = server.admin().await;
    measured(&client, &name).await;
    for range in ["1h", "24h"] {
        let after = points(&client, &name, &format!("?range={range}")).await;
        let first = after.first().expect("a point")["at"].as_str().expect("a time").to_owned();
        assert!(first <= last, "{range}: begins at {first}, and it was measured until {last}");
    }
    let page = client.get(&format!("/containers/{name}/stats?range=24h")).await.expect(200).text.clone();
    assert!(page.contains("class=\"plot\"") && page.contains("The same as a table"), "{page}");
}

/// The time of each message `sample` of a page's stream, as they come, until `wanted` came or `within` has passed.
async fn samples(client: &Client, page: &str, wanted: usize, within: Duration) -> usize {
    let page: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
    let mut events = client.events(&format!("/live?for={page}")).await;
    let deadline = tokio::time::Instant::now() + within;
    let mut seen = 0;
    while seen < wanted {
        match tokio::time::timeout_at(deadline, events.next()).await {
            Ok(Some(Event { name, data, .. })) if name == "sample" => {
                let point: Value = serde_json::from_str(&data).expect("a point");
                assert!(point["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{point}");
                seen += 1;
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    seen
}

#[tokio::test]
async fn what_somebody_looks_at_is_measured_every_two_seconds_and_only_then() {
    let engine = Engine::shared().await;
    let server = Setup::new(&engine.host()).flag("--stats-interval", "5m").user(ADMIN, "admin").start().await;
    let client = server.admin().await;
    let (watched, other) = (unique("watched"), unique("other"));
    let id = engine.container(&watched).run().await;
    engine.container(&other).run().await;
    measured(&client, &watched).await;
    let at = measured(&client, &other).await["at"].clone();
    let within = Duration::from_secs(20);
    assert_eq!(samples(&client, &format!("/containers/{id}/stats"), 4, within).await, 4);
    assert_eq!(stats_of(&client, &other).await["at"], at, "nobody looks at it");
    // Nobody looks any more: at most the round that was under way.
    let last = eventually("the measuring to calm down", SOON, async || {
        let before = stats_of(&client, &watched).await["at"].clone();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let after = stats_of(&client, &watched).await["at"].clone();
        if before == after { Ok(after) } else { Err((before, after)) }
    })
    .await;
    assert_ne!(last, Value::Null);
}

#[tokio::test]
async fn measuring_can_be_turned_off_and_on() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    let name = unique("switched");
    let id = engine.container(&name).run().await;
    measured(&client, &name).await;
    set(&client, json!({"stats_interval": "off"})).await;
    eventually("nothing to be measured", SOON, async || {
        check(stats_of(&client, &name).await.is_null(), "still")
    })
    .await;
    let page = client.get(&format!("/containers/{id}/stats")).await.expect(200).text.clone();
    assert!(page.contains("Measuring is off"), "{page}");
    set(&client, json!({"stats_interval": "2s"})).await;
    measured(&client, &name).await;
}

#[tokio::test]
async fn a_memory_limit_that_is_nearly_reached_is_told_once_and_so_is_its_end() {
    let (engine, server, _) = operating().await;
    let client = server.admin().await;
    set(&client, json!({"stats_interval": "2s", "alert_memory_for": "1m", "alert_cpu_percent": "off"})).await;
    let name = unique("full");
    // 38 of 40 MB, in a file system that is memory.
    let script = "busybox head -c 38000000 /dev/zero >/dev/shm/held; sleep 86400";
    engine.container(&name).memory(40_000_000).shell(script).run().await;
    known(&client, &name, "running").await;
    let events = async |kind: &str| {
        let found = client.get(&format!("/api/events?subject={name}&kind={kind}")).await.expect(200).json();
        found["data"].as_array().expect("a list").clone()
    };
    let patience = Duration::from_secs(200);
    let told = eventually("the threshold to be told", patience, async || {
        let found = events("container.memory_high").await;
        found.first().cloned().ok_or(stats_of(&client, &name).await)
    })
    .await;
    assert_eq!((told["severity"].as_str(), told["source"].as_str()), (Some("warning"), Some("stats")));
    assert!(told["message"].as_str().is_some_and(|text| text.contains("of its memory limit")), "{told}");
    let overview = client.get("/").await.expect(200).text.clone();
    assert!(overview.contains(&format!("{name} is close to its memory limit")), "{overview}");
    engine.remove_container(&name).await;
    eventually("its end to be told", patience, async || {
        let over = events("container.memory_high_resolved").await;
        check(over.len() == 1, over)
    })
    .await;
    assert_eq!(events("container.memory_high").await.len(), 1, "once");
}

#[tokio::test]
async fn lists_are_sorted_by_what_is_used_and_say_what_they_cannot() {
    let (engine, _server, client) = operating().await;
    let project = unique("sorted");
    for (service, script) in [("small", "sleep 86400"), ("large", HOLDER)] {
        engine.container(&unique(service)).compose(&project, service, 1).shell(script).run().await;
    }
    engine.container(&unique("ended")).compose(&project, "ended", 1).create().await;
    let services = async |sort: &str| -> Vec<String> {
        let list =
            client.get(&format!("/api/containers?project={project}&sort={sort}")).await.expect(200).json();
        let rows = list["data"].as_array().expect("a list").iter();
        rows.map(|row| row["service"].as_str().expect("a service").to_owned()).collect()
    };
    eventually("the order of memory", SOON, async || {
        let (down, up) = (services("-memory").await, services("memory").await);
        check(down == ["large", "small", "ended"] && up == ["small", "large", "ended"], (down, up))
    })
    .await;
    let refused = client.get("/api/containers?sort=colour").await.expect(422).json();
    assert!(refused["fields"]["sort"].as_str().is_some_and(|text| text.contains("memory")), "{refused}");
    for bad in ["range=2h", "since=soon", "since=2020-01-01T00:00:00Z&until=2019-01-01T00:00:00Z"] {
        client.get(&format!("/api/host/stats?{bad}")).await.expect(422);
    }
}

#[tokio::test]
async fn the_host_is_measured_and_says_who_used_the_most() {
    let engine = Engine::shared().await;
    let server = Setup::new(&engine.host()).flag("--stats-interval", "2s").user(ADMIN, "admin").start().await;
    let client = server.admin().await;
    let name = unique("hungry");
    let id = engine.container(&name).shell(HOLDER).run().await;
    let host = eventually("the host to be measured", SOON, async || {
        let host = client.get("/api/host").await.expect(200).json()["data"].clone();
        check(host["cpu_percent"].is_number() && !host["disks"].as_array().unwrap().is_empty(), &host)?;
        Ok::<_, String>(host)
    })
    .await;
    let total = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total: u64 = total.lines().next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(host["memory_total_bytes"], total * 1024);
    assert!(number(&host, "memory_bytes") < number(&host, "memory_total_bytes"));
    eventually("the hungry one to be among those that used the most", SOON, async || {
        let top =
            client.get("/api/host/consumers?range=1h&sort=memory_max&limit=1000").await.expect(200).json();
        let top = top["data"].as_array().expect("a list").clone();
        let mine = top.iter().find(|one| one["id"] == id).cloned().ok_or_else(|| format!("{top:?}"))?;
        check(number(&mine, "memory_bytes_max") > 64e6, &mine)
    })
    .await;
    let page = client.get("/host?range=24h&sort=memory_max").await.expect(200).text.clone();
    assert!(page.contains("Who used the most") && page.contains(&name), "{page}");
    assert!(!points_of_host(&client).await.is_empty());
}

async fn points_of_host(client: &Client) -> Vec<Value> {
    client.get("/api/host/stats?range=1h").await.expect(200).json()["data"]
        .as_array()
        .expect("a list")
        .clone()
}

#[tokio::test]
async fn a_stream_tells_every_measurement() {
    let engine = Engine::shared().await;
    let server = Setup::new(&engine.host()).flag("--stats-interval", "2s").user(ADMIN, "admin").start().await;
    let client = server.admin().await;
    let id = engine.container(&unique("streamed")).run().await;
    let mut events = client.events("/api/stats/stream").await;
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let event =
            tokio::time::timeout_at(deadline, events.next()).await.expect("in time").expect("a message");
        assert_eq!(event.name, "container_stats");
        let batch: Vec<Value> = serde_json::from_str(&event.data).expect("a list");
        if let Some(mine) = batch.iter().find(|one| one["id"] == id) {
            assert!(number(&mine["stats"], "memory_bytes") > 0.0, "{mine}");
            break;
        }
    }
}

#[tokio::test]
async fn prometheus_is_served_what_promtool_accepts_and_only_to_who_may() {
    let engine = Engine::shared().await;
    let server = Setup::new(&engine.host()).flag("--stats-interval", "2s").user(ADMIN, "admin").start().await;
    let client = server.admin().await;
    let name = unique("scraped");
    engine.container(&name).memory(50_000_000).run().await;
    measured(&client, &name).await;
    server.anonymous().get("/metrics").await.expect(401);
    let token =
        server.cli(&["token", "create", "prometheus", "--user", ADMIN], "").await.expect(0).stdout.clone();
    let text = server.bearer(token.trim()).get("/metrics").await.expect(200).text.clone();
    for wanted in
        ["docker_watcher_build_info", "docker_watcher_host_memory_total_bytes", "process_cpu_seconds_total"]
    {
        assert!(text.contains(wanted), "{wanted}");
    }
    let mine: Vec<&str> = text.lines().filter(|line| line.contains(&format!("name=\"{name}\""))).collect();
    assert!(
        mine.iter().any(|line| line.starts_with("docker_watcher_container_memory_limit_bytes{")
            && line.ends_with(" 49999872")),
        "{mine:#?}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let script = format!("promtool check metrics <{} 2>&1", file.path().display());
    let said = output_of(std::process::Command::new("sh").args(["-c", &script]));
    assert_eq!(said.trim(), "", "promtool has nothing to say");

    let open = Setup::new(&engine.host()).switch("--metrics-public").start().await;
    open.anonymous().get("/metrics").await.expect(200);
    open.anonymous().get("/api/host").await.expect(401);
}
