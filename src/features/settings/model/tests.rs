use serde_json::{Value, json};

use super::*;

fn patch(json: Value) -> Result<Patch, Wrong> {
    Patch::from_json(json.as_object().unwrap())
}

#[test]
fn the_defaults_are_what_the_interface_promises() {
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
    assert_eq!(Value::Object(Settings::default().json()), defaults);
}

#[test]
fn every_default_is_in_its_own_range_and_is_read_back_the_same() {
    let defaults = Settings::default();
    for setting in &ALL {
        let mut read = defaults.clone();
        setting.set(&mut read, &setting.text(&defaults)).unwrap();
        assert_eq!(read, defaults, "{}", setting.name);
        assert!(setting.help.ends_with('.') && std::ptr::eq(named(setting.name).unwrap(), setting));
    }
}

#[test]
fn values_at_the_edges_are_taken_and_beyond_them_are_not() {
    for (name, good, bad) in [
        ("event_retention_days", vec!["1", "3650"], vec!["0", "3651", "-1", "1.5", "", "many"]),
        ("event_retention_bytes", vec!["16 MB", "1TB", "16000000"], vec!["15.9 MB", "1.1 TB", "1"]),
        ("record_exec_events", vec!["true", "false"], vec!["on", "1", ""]),
        ("stale_scan_interval", vec!["1m", "24h", "60s"], vec!["59s", "24h1s", "off", "600"]),
        ("auto_cleanup_at", vec!["00:00", "4:30", "23:59"], vec!["24:00", "4", "4:60", "noon", ""]),
        ("auto_cleanup_match", vec!["", "web-*, image:nginx*", "project:shop"], vec!["colour:red", "image:"]),
        ("stats_interval", vec!["2s", "5m", "off"], vec!["1s", "6m", "0s", "never"]),
        ("stats_retention_days", vec!["1", "365"], vec!["0", "366", "off"]),
        ("stats_retention_bytes", vec!["8 MB", "100 GB"], vec!["7999999", "100000000001", "off"]),
        (
            "alert_memory_percent",
            vec!["1", "100", " off "],
            vec!["0", "101", "-1", "90%", "9.5", "", "never"],
        ),
        ("alert_cpu_percent", vec!["1", "100000", "off"], vec!["0", "100001"]),
        ("alert_memory_for", vec!["1m", "24h"], vec!["59s", "24h1s", "off"]),
        ("alert_cpu_for", vec!["1m", "24h"], vec!["59s", "24h1s", "off"]),
        ("alert_disk_warning_percent", vec!["1", "100", "off"], vec!["0", "101"]),
        ("alert_disk_error_percent", vec!["1", "100", "off"], vec!["0", "101"]),
        ("alert_disk_full_days", vec!["1", "90", "off"], vec!["0", "91"]),
    ] {
        for text in good {
            assert!(Patch::from_texts([(name, text)].into_iter()).is_ok(), "{name} {text}");
        }
        for text in bad {
            let wrong = Patch::from_texts([(name, text)].into_iter()).unwrap_err();
            assert!(wrong[name].starts_with("Takes "), "{name} {text}: {wrong:?}");
        }
    }
}

#[test]
fn the_api_takes_each_value_in_its_own_type_only() {
    for bad in [
        json!({"event_retention_days": "30"}),
        json!({"event_retention_days": 30.5}),
        json!({"event_retention_days": null}),
        json!({"event_retention_bytes": "512 MB"}),
        json!({"record_exec_events": "true"}),
        json!({"stats_interval": 10}),
        json!({"stats_interval": false}),
        json!({"alert_cpu_percent": "90"}),
        json!({"alert_cpu_percent": 90.5}),
        json!({"alert_cpu_percent": false}),
        json!({"alert_cpu_percent": null}),
    ] {
        assert_eq!(patch(bad.clone()).unwrap_err().len(), 1, "{bad}");
    }
    let good = patch(json!({"event_retention_bytes": 20_000_000, "stats_interval": "90s"})).unwrap();
    assert_eq!(good.value("stats_interval"), Some("1m30s"));
    assert_eq!(good.value("event_retention_days"), None);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_unknown_names_are_named() {
    let wrong =
        patch(json!({"colour": "red", "stats_interval": "1s", "stale_threshold_days": 5})).unwrap_err();
    assert_eq!(wrong.keys().collect::<Vec<_>>(), ["colour", "stats_interval"]);
    assert!(wrong["stats_interval"].contains("2s to 5m"), "{wrong:?}");
}

#[test]
fn what_can_be_off_is_a_number_or_the_word_in_the_api_and_says_so_when_it_is_neither() {
    let mut settings = Settings::default();
    for (sent, kept) in [(json!("off"), None), (json!(55), Some(55))] {
        let text = patch(json!({"alert_memory_percent": sent})).unwrap();
        let setting = named("alert_memory_percent").unwrap();
        setting.set(&mut settings, text.value("alert_memory_percent").unwrap()).unwrap();
        assert_eq!((settings.alert_memory_percent, setting.json(&settings)), (kept, sent));
    }
    let wrong = patch(json!({"alert_memory_percent": 0})).unwrap_err();
    assert_eq!(wrong["alert_memory_percent"], "Takes a whole number from 1 to 100, or off.");
}

#[test]
fn a_disk_is_a_warning_before_it_is_an_error_or_one_of_them_is_off() {
    let of = |warning, error| {
        let disk = Settings {
            alert_disk_warning_percent: warning,
            alert_disk_error_percent: error,
            ..Settings::default()
        };
        disk.contradictions()
    };
    for (warning, error) in [(Some(94), Some(95)), (Some(99), None), (None, Some(1)), (None, None)] {
        assert_eq!(of(warning, error), Wrong::new(), "{warning:?} {error:?}");
    }
    for (warning, error) in [(95, 95), (96, 95)] {
        let wrong = of(Some(warning), Some(error));
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["alert_disk_warning_percent"]);
        assert!(wrong["alert_disk_warning_percent"].contains("lower the warning"), "{wrong:?}");
    }
}
