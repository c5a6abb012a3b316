//! Settings: read by everybody, changed by admins, all or none, kept and recorded.

use crate::support::client::{Client, Reply};
use crate::support::server::{ADMIN, Server, Setup};
use reqwest::Method;
use serde_json::{Value, json};

pub const NOWHERE: &str = "unix:///nonexistent/docker.sock";
const PAGE: &str = "/settings/events";

pub async fn server() -> Server {
    Setup::new(NOWHERE).user(ADMIN, "admin").user("otto", "operator").user("vera", "viewer").start().await
}

pub async fn patch(client: &Client, body: Value) -> Reply {
    patch_raw(client, body.to_string()).await
}

async fn patch_raw(client: &Client, body: String) -> Reply {
    let request = client.request(Method::PATCH, "/api/settings").header("sec-fetch-site", "same-origin");
    client.send(request.header("content-type", "application/json").body(body)).await
}

/// What was recorded: who, and what about.
pub fn recorded(server: &Server) -> Vec<(String, Value)> {
    let database = rusqlite::Connection::open(server.database()).unwrap();
    let mut statement = database
        .prepare(
            "SELECT actor, data FROM events WHERE kind = 'setting.changed' AND source = 'user' ORDER BY id",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    rows.map(Result::unwrap).map(|(actor, data)| (actor, serde_json::from_str(&data).unwrap())).collect()
}

#[tokio::test]
async fn everybody_reads_the_settings_and_they_begin_with_the_promised_defaults() {
    let server = server().await;
    let whole = server.sign_in("vera").await.get("/api/settings").await.expect(200).json();
    let defaults = json!({
        "event_retention_days": 90, "event_retention_bytes": 512_000_000, "record_exec_events": false,
        "stale_threshold_days": 7, "stale_scan_interval": "10m", "stats_interval": "10s",
        "stats_retention_days": 30, "stats_retention_bytes": 256_000_000,
        "alert_memory_percent": 90, "alert_memory_for": "5m", "alert_cpu_percent": 90, "alert_cpu_for": "10m",
        "alert_disk_warning_percent": 85, "alert_disk_error_percent": 95, "alert_disk_full_days": 7,
        "stale_never_started_days": 7, "stale_failed_start_days": 1, "stale_restarting_hours": 24,
        "stale_dead_hours": 1, "stale_unhealthy_days": 7, "stale_superseded_days": 1,
        "undo_retention_days": 30, "cleanup_keep_layer": false, "cleanup_layer_days": 7, "cleanup_grace": "10s",
        "auto_cleanup": false, "auto_cleanup_days": 30, "auto_cleanup_at": "04:00",
        "auto_cleanup_match": "", "auto_cleanup_except": "",
    });
    assert_eq!(whole, json!({"success": true, "data": defaults, "meta": {"locked": []}}));
}

#[tokio::test]
async fn an_admin_changes_some_settings_and_they_survive_a_power_cut() {
    let mut server = server().await;
    let admin = server.admin().await;
    let body = json!({"event_retention_days": 30, "stats_interval": "off", "stale_scan_interval": "2 hours"});
    let answer = patch(&admin, body).await.expect(200).json();
    assert_eq!(answer["data"]["stale_scan_interval"], "2h", "{answer}");
    server.kill().await;
    server.start_again().await;
    let after = admin.data("/api/settings").await;
    assert_eq!(after, answer["data"]);
    assert_eq!((&after["event_retention_days"], &after["stats_interval"]), (&json!(30), &json!("off")));
    assert_eq!((&after["stale_threshold_days"], &after["record_exec_events"]), (&json!(7), &json!(false)));
    let events = recorded(&server);
    assert_eq!(events.len(), 3, "{events:?}");
    let days = json!({"name": "event_retention_days", "from": 90, "to": 30});
    assert!(events.contains(&(ADMIN.to_owned(), days)), "{events:?}");
    patch(&admin, json!({"event_retention_days": 30})).await.expect(200);
    assert_eq!(recorded(&server).len(), 3, "what does not change is not recorded");
}

#[tokio::test]
async fn one_bad_field_and_nothing_is_changed() {
    let server = server().await;
    let admin = server.admin().await;
    let before = admin.data("/api/settings").await;
    for (body, field) in [
        (json!({"event_retention_days": 30, "event_retention_bytes": 1}), "event_retention_bytes"),
        (json!({"event_retention_days": 30, "stats_interval": "1s"}), "stats_interval"),
        (json!({"event_retention_days": 30, "stale_scan_interval": "off"}), "stale_scan_interval"),
        (json!({"event_retention_days": 30, "record_exec_events": "yes"}), "record_exec_events"),
        (json!({"event_retention_days": "thirty"}), "event_retention_days"),
        (json!({"event_retention_days": 0}), "event_retention_days"),
        (json!({"event_retention_days": 30, "colour": "red"}), "colour"),
    ] {
        let reply = patch(&admin, body.clone()).await;
        reply.expect_error(422);
        let answer = reply.json();
        let fields = answer["fields"].as_object().expect("fields");
        assert_eq!(fields.keys().collect::<Vec<_>>(), [field], "{body}");
        assert!(answer["error"].as_str().unwrap().contains(field), "{answer}");
    }
    for malformed in ["", "[]", "null", "{\"event_retention_days\":", "event_retention_days=3"] {
        patch_raw(&admin, malformed.to_owned()).await.expect_error(400);
    }
    assert_eq!(admin.data("/api/settings").await, before);
    assert_eq!(recorded(&server), []);
}

#[tokio::test]
async fn only_admins_change_settings() {
    let server = server().await;
    for name in ["vera", "otto"] {
        let client = server.sign_in(name).await;
        patch(&client, json!({"event_retention_days": 30})).await.expect_error(403);
        client.post_form(PAGE, &[("event_retention_days", "30")]).await.expect(403);
        let page = client.get(PAGE).await;
        let html = &page.expect(200).text;
        assert!(html.contains("Only an admin can change"), "{html}");
        let form =
            html.split("id=\"event-settings\"").nth(1).and_then(|rest| rest.split("</form>").next()).unwrap();
        assert_eq!(form.matches("<input").count(), form.matches(" disabled").count(), "{form}");
        assert!(!form.contains("<button"), "{form}");
    }
    patch(&server.anonymous(), json!({"event_retention_days": 30})).await.expect_error(401);
    let admin = server.admin().await;
    let cross = admin.request(Method::PATCH, "/api/settings").header("sec-fetch-site", "cross-site");
    admin.send(cross.body(r#"{"event_retention_days":30}"#)).await.expect_error(403);
    assert_eq!(admin.data("/api/settings").await["event_retention_days"], 90);
}

#[tokio::test]
async fn a_setting_that_a_flag_fixes_is_shown_as_such_and_cannot_be_changed() {
    for setup in [
        Setup::new(NOWHERE).flag("--stats-interval", "30s"),
        Setup::new(NOWHERE).env("DOCKER_WATCHER_STATS_INTERVAL", "30s"),
    ] {
        let server = setup.user(ADMIN, "admin").start().await;
        let admin = server.admin().await;
        let whole = admin.get("/api/settings").await.expect(200).json();
        assert_eq!(whole["data"]["stats_interval"], "30s", "{whole}");
        assert_eq!(whole["meta"]["locked"], json!(["stats_interval"]), "{whole}");
        let refused = patch(&admin, json!({"stats_interval": "1m", "event_retention_days": 5})).await;
        refused.expect_error(409);
        assert!(refused.text.contains("--stats-interval"), "it says why: {}", refused.text);
        assert_eq!(admin.data("/api/settings").await["event_retention_days"], 90, "all or none");
        patch(&admin, json!({"event_retention_days": 5})).await.expect(200);
    }
}

#[tokio::test]
async fn an_admin_saves_the_page_and_what_is_wrong_comes_back_as_it_was_typed() {
    let server = server().await;
    let admin = server.admin().await;
    let days = |text| ("event_retention_days", text);
    let size = |text| ("event_retention_bytes", text);
    let (off, on) = (("record_exec_events", "false"), ("record_exec_events", "true"));
    let saved = admin.post_form(PAGE, &[days(" 14 "), size("1.5 GB"), off, on]).await;
    let page = admin.get(saved.location()).await;
    let html = &page.expect(200).text;
    assert!(html.contains("are saved") && html.contains("value=\"1.5 GB\""), "{html}");
    assert!(html.contains("value=\"true\" checked"), "{html}");
    let after = admin.data("/api/settings").await;
    assert_eq!(
        (&after["event_retention_days"], &after["event_retention_bytes"]),
        (&json!(14), &json!(1_500_000_000))
    );
    assert_eq!(after["record_exec_events"], true);

    let refused = admin.post_form(PAGE, &[days("a few <days>"), size("2 GB"), off]).await;
    let html = &refused.expect(422).text;
    assert!(html.contains("a few &#60;days&#62;") || html.contains("a few &lt;days&gt;"), "kept: {html}");
    assert!(html.contains("value=\"2 GB\"") && html.contains("from 1 to 3650"), "{html}");
    assert!(html.contains("aria-invalid=\"true\"") && !html.contains("value=\"true\" checked"), "{html}");
    assert_eq!(admin.data("/api/settings").await, after, "nothing was changed");

    admin.post_form(PAGE, &[days("14"), size("1.5 GB"), off]).await.expect(303);
    assert_eq!(admin.data("/api/settings").await["record_exec_events"], false);
    assert_eq!(recorded(&server).len(), 4);
}
