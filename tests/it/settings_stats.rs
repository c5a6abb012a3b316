//! The settings of statistics and thresholds: numbers that can be off, two that must fit, and their page.

use crate::settings::{NOWHERE, patch, recorded, server};
use crate::support::server::{ADMIN, Setup};
use serde_json::json;

const STATS: &str = "/settings/stats";

/// The tag of the input of a name.
fn input<'a>(html: &'a str, name: &str) -> &'a str {
    let mut tags = html.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    tags.find(|tag| tag.contains(&format!(" name=\"{name}\""))).unwrap_or_else(|| panic!("no {name}: {html}"))
}

/// What a browser sends for the untouched page of statistics.
fn whole_form<'a>() -> Vec<(&'a str, &'a str)> {
    vec![
        ("stats_interval", "10s"),
        ("stats_retention_days", "30"),
        ("stats_retention_bytes", "256 MB"),
        ("alert_memory_percent_on", "true"),
        ("alert_memory_percent", "90"),
        ("alert_memory_for", "5m"),
        ("alert_cpu_percent_on", "true"),
        ("alert_cpu_percent", "90"),
        ("alert_cpu_for", "10m"),
        ("alert_disk_warning_percent_on", "true"),
        ("alert_disk_warning_percent", "85"),
        ("alert_disk_error_percent_on", "true"),
        ("alert_disk_error_percent", "95"),
        ("alert_disk_full_days_on", "true"),
        ("alert_disk_full_days", "7"),
    ]
}

/// The same with some fields typed differently; `None` = its box is without a tick.
fn form_with<'a>(changes: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    let changed = |(name, text): (&'a str, &'a str)| match changes.iter().find(|(field, _)| *field == name) {
        Some((_, typed)) => typed.map(|typed| (name, typed)),
        None => Some((name, text)),
    };
    whole_form().into_iter().filter_map(changed).collect()
}

#[tokio::test]
async fn a_threshold_is_a_number_or_off_and_a_disk_warns_before_it_errs() {
    let server = server().await;
    let admin = server.admin().await;
    let before = admin.data("/api/settings").await;
    for (body, field, why) in [
        (json!({"alert_memory_percent": 101}), "alert_memory_percent", "from 1 to 100, or off."),
        (json!({"alert_cpu_percent": "90"}), "alert_cpu_percent", "from 1 to 100000, or off."),
        (json!({"alert_cpu_for": "30s"}), "alert_cpu_for", "from 1m to 24h"),
        (json!({"alert_disk_full_days": 91}), "alert_disk_full_days", "from 1 to 90, or off."),
        (json!({"stats_retention_days": 366}), "stats_retention_days", "from 1 to 365"),
        (json!({"stats_retention_bytes": 1}), "stats_retention_bytes", "from 8000000 to 100000000000"),
        (
            json!({"alert_cpu_percent": 50, "alert_disk_warning_percent": 95}),
            "alert_disk_warning_percent",
            "lower the warning",
        ),
        (
            json!({"alert_cpu_percent": 50, "alert_disk_error_percent": 80}),
            "alert_disk_warning_percent",
            "raise the error",
        ),
    ] {
        let reply = patch(&admin, body.clone()).await;
        reply.expect_error(422);
        let fields = reply.json()["fields"].as_object().expect("fields").clone();
        assert_eq!(fields.keys().collect::<Vec<_>>(), [field], "{body}");
        assert!(fields[field].as_str().unwrap().contains(why), "{body}: {fields:?}");
    }
    assert_eq!(admin.data("/api/settings").await, before, "nothing of a refused patch is kept");
    let off = json!({"alert_disk_error_percent": "off", "alert_disk_warning_percent": 99});
    let after = patch(&admin, off).await.expect(200).json();
    assert_eq!(after["data"]["alert_disk_error_percent"], "off", "{after}");
    patch(&admin, json!({"alert_disk_error_percent": 90})).await.expect_error(422);
    patch(&admin, json!({"alert_disk_error_percent": 100})).await.expect(200);
}

#[tokio::test]
async fn the_description_of_a_threshold_says_that_it_is_a_number_or_off() {
    let openapi = server().await.admin().await.get("/api/openapi.json").await.expect(200).json();
    let shape = &openapi["components"]["schemas"]["Settings"]["properties"]["alert_memory_percent"];
    assert_eq!(shape["type"], json!(["integer", "string"]), "{shape}");
    assert_eq!((&shape["minimum"], &shape["maximum"]), (&json!(1), &json!(100)), "{shape}");
    assert_eq!((&shape["pattern"], &shape["default"]), (&json!("^off$"), &json!(90)), "{shape}");
}

#[tokio::test]
async fn an_admin_saves_the_page_of_statistics_and_a_box_without_a_tick_is_off() {
    let server = server().await;
    let admin = server.admin().await;
    let before = admin.data("/api/settings").await;
    admin.post_form(STATS, &whole_form()).await.expect(303);
    assert_eq!((admin.data("/api/settings").await, recorded(&server).len()), (before, 0), "nothing changed");

    let changes = [
        ("stats_interval", Some("30s")),
        ("alert_memory_percent", Some("70")),
        ("alert_cpu_percent_on", None),
    ];
    let saved = admin.post_form(STATS, &form_with(&changes)).await;
    assert_eq!(saved.location(), "/settings/stats?done=saved");
    let page = admin.get(saved.location()).await;
    let html = &page.expect(200).text;
    assert!(html.contains("are saved"), "{html}");
    assert!(input(html, "alert_memory_percent_on").contains(" checked"), "{html}");
    assert!(input(html, "alert_memory_percent").contains("value=\"70\""), "{html}");
    assert!(!input(html, "alert_cpu_percent_on").contains(" checked"), "{html}");
    assert!(input(html, "alert_cpu_percent").contains("value=\"90\""), "off offers the default: {html}");
    let after = admin.data("/api/settings").await;
    assert_eq!(after["stats_interval"], "30s", "{after}");
    assert_eq!((&after["alert_memory_percent"], &after["alert_cpu_percent"]), (&json!(70), &json!("off")));
    assert_eq!(recorded(&server).len(), 3);
}

#[tokio::test]
async fn what_is_wrong_with_the_page_of_statistics_stands_at_its_field_and_what_was_typed_stays() {
    let server = server().await;
    let admin = server.admin().await;
    let before = admin.data("/api/settings").await;
    let refused = form_with(&[
        ("alert_memory_percent", Some("a lot")),
        ("alert_cpu_percent_on", None),
        ("alert_cpu_percent", Some("250")),
        ("alert_cpu_for", Some("soon")),
        ("stats_retention_days", Some("14")),
    ]);
    let page = admin.post_form(STATS, &refused).await;
    let html = &page.expect(422).text;
    for (name, kept, wrong) in [
        ("alert_memory_percent", "a lot", true),
        ("alert_cpu_percent", "250", false),
        ("alert_cpu_for", "soon", true),
        ("stats_retention_days", "14", false),
    ] {
        let tag = input(html, name);
        assert!(tag.contains(&format!("value=\"{kept}\"")), "{tag}");
        assert_eq!(tag.contains("aria-invalid=\"true\""), wrong, "{tag}");
        assert_eq!(html.contains(&format!("id=\"{name}-error\"")), wrong, "{name}");
    }
    assert!(input(html, "alert_memory_percent_on").contains(" checked"), "{html}");
    assert!(!input(html, "alert_cpu_percent_on").contains(" checked"), "{html}");

    let page = admin.post_form(STATS, &form_with(&[("alert_disk_error_percent", Some("85"))])).await;
    let html = &page.expect(422).text;
    assert!(input(html, "alert_disk_warning_percent").contains("aria-invalid=\"true\""), "{html}");
    assert!(input(html, "alert_disk_error_percent").contains("value=\"85\""), "{html}");
    assert!(html.contains("id=\"alert_disk_warning_percent-error\"") && html.contains("lower the warning"));
    let unticked =
        form_with(&[("alert_disk_error_percent", Some("85")), ("alert_disk_error_percent_on", None)]);
    assert_eq!(admin.data("/api/settings").await, before, "nothing was changed");
    admin.post_form(STATS, &unticked).await.expect(303);
}

#[tokio::test]
async fn the_page_of_statistics_is_closed_to_those_who_may_not_and_where_a_flag_fixes_a_setting() {
    let setup = Setup::new(NOWHERE).flag("--stats-interval", "30s");
    let server = setup.user(ADMIN, "admin").user("vera", "viewer").start().await;
    let vera = server.sign_in("vera").await;
    vera.post_form(STATS, &whole_form()).await.expect(403);
    let page = vera.get(STATS).await;
    let html = &page.expect(200).text;
    assert!(html.contains("Only an admin can change"), "{html}");
    let form =
        html.split("id=\"stats-settings\"").nth(1).and_then(|rest| rest.split("</form>").next()).unwrap();
    assert_eq!(form.matches("<input").count(), form.matches(" disabled").count(), "{form}");
    assert!(!form.contains("<button"), "{form}");

    let admin = server.admin().await;
    let page = admin.get(STATS).await;
    let html = &page.expect(200).text;
    let locked = input(html, "stats_interval");
    assert!(locked.contains(" disabled") && locked.contains("value=\"30s\""), "{locked}");
    assert!(html.contains("Fixed by the flag <code>--stats-interval</code>."), "{html}");
    assert!(!input(html, "stats_retention_days").contains(" disabled"), "{html}");
    let rest = form_with(&[("stats_interval", None), ("stats_retention_days", Some("14"))]);
    admin.post_form(STATS, &rest).await.expect(303);
    let page = admin.post_form(STATS, &whole_form()).await;
    assert!(page.expect(409).text.contains("fixed by the flag --stats-interval"), "{page:?}");
    assert_eq!(admin.data("/api/settings").await["stats_retention_days"], 14);
    assert!(!server.log().contains("no effect"), "{}", server.log());
}
