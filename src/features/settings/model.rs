//! Every setting there is: its name, kind, range, default and what it is for. Nothing else lists them:
//! API, form, table and OpenAPI document follow from [`ALL`].

mod kind;
mod patch;

use std::time::Duration;

use serde_json::{Map, Value};

use jiff::civil;

use kind::Field;
pub use kind::{Kind, OFF, Setting};
pub use patch::{Patch, Wrong};

/// What admins have set, or the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Older events are deleted.
    pub event_retention_days: u32,
    /// How large the event log may become, bytes.
    pub event_retention_bytes: u64,
    /// Whether commands run inside containers are recorded.
    pub record_exec_events: bool,
    /// Days without a sign of life after which a container is stale.
    pub stale_threshold_days: u32,
    /// How often stale containers are looked for.
    pub stale_scan_interval: Duration,
    /// Days after which a container that never started is stale; `None` = never.
    pub stale_never_started_days: Option<u32>,
    /// Days after which one that Docker could not start is stale; `None` = never.
    pub stale_failed_start_days: Option<u32>,
    /// Hours of restarting after which a container is stale; `None` = never.
    pub stale_restarting_hours: Option<u32>,
    /// Hours after which one that Docker failed to remove is stale; `None` = never.
    pub stale_dead_hours: Option<u32>,
    /// Days of failing health checks after which a running container is stale; `None` = never.
    pub stale_unhealthy_days: Option<u32>,
    /// Days after which one that ended with an error and has a successor is stale; `None` = never.
    pub stale_superseded_days: Option<u32>,
    /// Days that what was removed can be restored.
    pub undo_retention_days: u32,
    /// Whether the writable layer of what is removed is kept as an image, unless said otherwise.
    pub cleanup_keep_layer: bool,
    /// Days that such an image is kept.
    pub cleanup_layer_days: u32,
    /// How long a container has to end before it is killed, when it is cleaned up.
    pub cleanup_grace: Duration,
    /// Whether stale containers are cleaned up without anybody clicking.
    pub auto_cleanup: bool,
    /// Days a container has been stale for before that.
    pub auto_cleanup_days: u32,
    /// At what time of the day, by the clock of the host.
    pub auto_cleanup_at: civil::Time,
    /// Patterns of those that it takes; empty = all.
    pub auto_cleanup_match: String,
    /// Patterns of those that it leaves alone.
    pub auto_cleanup_except: String,
    /// How often resource use is measured; `None` = never.
    pub stats_interval: Option<Duration>,
    /// Days that averages of 15 minutes are kept.
    pub stats_retention_days: u32,
    /// How large the history of statistics may become, bytes.
    pub stats_retention_bytes: u64,
    /// Memory use that is a warning, percent of the container's limit; `None` = none is.
    pub alert_memory_percent: Option<u32>,
    /// How long memory use must last to be one.
    pub alert_memory_for: Duration,
    /// CPU use that is a warning, percent of one core; `None` = none is.
    pub alert_cpu_percent: Option<u32>,
    /// How long CPU use must last to be one.
    pub alert_cpu_for: Duration,
    /// Use of a disk that is a warning, percent of its size; `None` = none is.
    pub alert_disk_warning_percent: Option<u32>,
    /// Use of a disk that is an error, percent of its size, above that of a warning; `None` = none is.
    pub alert_disk_error_percent: Option<u32>,
    /// A disk that will be full within this many days is a warning; `None` = none is.
    pub alert_disk_full_days: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        let mut settings = Self {
            event_retention_days: 0,
            event_retention_bytes: 0,
            record_exec_events: false,
            stale_threshold_days: 0,
            stale_scan_interval: Duration::ZERO,
            stale_never_started_days: None,
            stale_failed_start_days: None,
            stale_restarting_hours: None,
            stale_dead_hours: None,
            stale_unhealthy_days: None,
            stale_superseded_days: None,
            undo_retention_days: 0,
            cleanup_keep_layer: false,
            cleanup_layer_days: 0,
            cleanup_grace: Duration::ZERO,
            auto_cleanup: false,
            auto_cleanup_days: 0,
            auto_cleanup_at: civil::Time::midnight(),
            auto_cleanup_match: String::new(),
            auto_cleanup_except: String::new(),
            stats_interval: None,
            stats_retention_days: 0,
            stats_retention_bytes: 0,
            alert_memory_percent: None,
            alert_memory_for: Duration::ZERO,
            alert_cpu_percent: None,
            alert_cpu_for: Duration::ZERO,
            alert_disk_warning_percent: None,
            alert_disk_error_percent: None,
            alert_disk_full_days: None,
        };
        for setting in &ALL {
            setting.reset(&mut settings);
        }
        settings
    }
}

impl Settings {
    /// All of them, as the API shows them.
    pub fn json(&self) -> Map<String, Value> {
        ALL.iter().map(|setting| (setting.name.to_owned(), setting.json(self))).collect()
    }

    /// What does not go together although each value by itself is fine.
    pub fn contradictions(&self) -> Wrong {
        let mut wrong = Wrong::new();
        if let (Some(warning), Some(error)) = (self.alert_disk_warning_percent, self.alert_disk_error_percent)
            && warning >= error
        {
            let why = format!(
                "A warning at {warning} would never come before the error at {error}: lower the warning, raise \
                 the error, or turn one of them off."
            );
            wrong.insert("alert_disk_warning_percent".into(), why);
        }
        wrong
    }
}

macro_rules! setting {
    ($name:ident: Patterns, $help:expr) => {
        Setting {
            name: stringify!($name),
            help: $help,
            kind: Kind::Patterns(Field {
                get: |settings| settings.$name.clone(),
                set: |settings, value| settings.$name = value,
                default: String::new(),
            }),
        }
    };
    ($name:ident: $kind:ident($($range:expr)? => $default:expr), $help:expr) => {
        Setting {
            name: stringify!($name),
            help: $help,
            kind: Kind::$kind($($range,)? Field {
                get: |settings| settings.$name,
                set: |settings, value| settings.$name = value,
                default: $default,
            }),
        }
    };
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// All settings, in the order of the API.
pub static ALL: [Setting; 30] = [
    setting!(event_retention_days: Number(1..=3650 => 90),
        "Events older than this many days are deleted."),
    setting!(event_retention_bytes: Size(16_000_000..=1_000_000_000_000 => 512_000_000),
        "When the event log takes more than this, its oldest events are deleted."),
    setting!(record_exec_events: Switch(=> false),
        "Docker reports every command run inside a container, health checks as well: thousands a day."),
    setting!(stale_threshold_days: Number(1..=3650 => 7),
        "A container without a sign of life for this many days is stale."),
    setting!(stale_scan_interval: Time(secs(60)..=secs(86_400) => secs(600)),
        "How often stale containers are looked for."),
    setting!(stale_never_started_days: NumberOrOff(1..=3650 => Some(7)),
        "A container that was created so many days ago and never started is stale."),
    setting!(stale_failed_start_days: NumberOrOff(1..=3650 => Some(1)),
        "A container that Docker could not start so many days ago is stale."),
    setting!(stale_restarting_hours: NumberOrOff(1..=8760 => Some(24)),
        "A container that Docker restarts again and again for so many hours is stale."),
    setting!(stale_dead_hours: NumberOrOff(1..=8760 => Some(1)),
        "A container that Docker failed to remove so many hours ago is stale."),
    setting!(stale_unhealthy_days: NumberOrOff(1..=3650 => Some(7)),
        "A running container whose health check has failed for so many days is stale."),
    setting!(stale_superseded_days: NumberOrOff(1..=3650 => Some(1)),
        "A container that ended with an error is stale so many days after a newer one took its place."),
    setting!(undo_retention_days: Number(1..=365 => 30),
        "What was removed can be restored for this many days."),
    setting!(cleanup_keep_layer: Switch(=> false),
        "What a container wrote outside of volumes is kept as an image when it is cleaned up."),
    setting!(cleanup_layer_days: Number(1..=90 => 7),
        "Such images are deleted after this many days."),
    setting!(cleanup_grace: Time(secs(1)..=secs(300) => secs(10)),
        "How long a container that still runs has to end before it is killed, when it is cleaned up."),
    setting!(auto_cleanup: Switch(=> false),
        "Every day, what has been stale for long enough is cleaned up without anybody clicking."),
    setting!(auto_cleanup_days: Number(1..=3650 => 30),
        "A container is cleaned up once it has been stale for this many days."),
    setting!(auto_cleanup_at: Daily(=> civil::Time::constant(4, 0, 0, 0)),
        "When that happens, by the clock of the host."),
    setting!(auto_cleanup_match: Patterns,
        "Only containers that fit are cleaned up; empty: all."),
    setting!(auto_cleanup_except: Patterns,
        "Containers that fit are left alone."),
    setting!(stats_interval: TimeOrOff(secs(2)..=secs(300) => Some(secs(10))),
        "How often the containers' use of CPU, memory, network and disks is measured; off: never."),
    setting!(stats_retention_days: Number(1..=365 => 30),
        "Averages of 15 minutes are kept for this many days; averages of a minute for two days."),
    setting!(stats_retention_bytes: Size(8_000_000..=100_000_000_000 => 256_000_000),
        "When the history of statistics takes more than this, its oldest part is deleted."),
    setting!(alert_memory_percent: NumberOrOff(1..=100 => Some(90)),
        "When a container uses this percentage of its memory limit, that is a warning."),
    setting!(alert_memory_for: Time(secs(60)..=secs(86_400) => secs(300)),
        "Memory use counts once it has lasted this long."),
    setting!(alert_cpu_percent: NumberOrOff(1..=100_000 => Some(90)),
        "When a container uses this percentage of one core, that is a warning; 100 is one whole core."),
    setting!(alert_cpu_for: Time(secs(60)..=secs(86_400) => secs(600)),
        "CPU use counts once it has lasted this long."),
    setting!(alert_disk_warning_percent: NumberOrOff(1..=100 => Some(85)),
        "When this percentage of a disk that Docker uses is full, that is a warning."),
    setting!(alert_disk_error_percent: NumberOrOff(1..=100 => Some(95)),
        "When this percentage of a disk that Docker uses is full, that is an error."),
    setting!(alert_disk_full_days: NumberOrOff(1..=90 => Some(7)),
        "When a disk will be full within this many days at the current rate, that is a warning."),
];

/// The setting of a name.
pub fn named(name: &str) -> Option<&'static Setting> {
    ALL.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests;
