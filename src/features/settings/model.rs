//! Every setting there is: its name, kind, range, default and what it is for. Nothing else lists them:
//! API, form, table and OpenAPI document follow from [`ALL`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::platform::units::{parse_duration, parse_size, write_duration, write_size};

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
    /// How often resource use is measured; `None` = never.
    pub stats_interval: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        let mut settings = Self {
            event_retention_days: 0,
            event_retention_bytes: 0,
            record_exec_events: false,
            stale_threshold_days: 0,
            stale_scan_interval: Duration::ZERO,
            stats_interval: None,
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
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the API, the forms and the table.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub help: &'static str,
    /// What it takes.
    pub kind: Kind,
}

/// What a setting takes.
#[derive(Debug)]
pub enum Kind {
    /// A whole number.
    Number(RangeInclusive<u32>, Field<u32>),
    /// Bytes.
    Size(RangeInclusive<u64>, Field<u64>),
    /// Yes or no.
    Switch(Field<bool>),
    /// A duration.
    Time(RangeInclusive<Duration>, Field<Duration>),
    /// A duration or `off`.
    TimeOrOff(RangeInclusive<Duration>, Field<Option<Duration>>),
}

/// Where a setting stands in [`Settings`], and what it is until somebody sets it.
#[derive(Debug)]
pub struct Field<T> {
    get: fn(&Settings) -> T,
    set: fn(&mut Settings, T),
    /// The value until it is set.
    pub default: T,
}

macro_rules! setting {
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
pub static ALL: [Setting; 6] = [
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
    setting!(stats_interval: TimeOrOff(secs(2)..=secs(300) => Some(secs(10))),
        "How often the containers' use of CPU, memory, network and disks is measured; off: never."),
];

/// The setting of a name.
pub fn named(name: &str) -> Option<&'static Setting> {
    ALL.iter().find(|setting| setting.name == name)
}

impl Setting {
    /// Its value as the table keeps it; [`Setting::set`] reads it back.
    pub fn text(&self, settings: &Settings) -> String {
        match &self.kind {
            Kind::Number(_, field) => (field.get)(settings).to_string(),
            Kind::Size(_, field) => (field.get)(settings).to_string(),
            Kind::Switch(field) => (field.get)(settings).to_string(),
            Kind::Time(_, field) => write_duration((field.get)(settings)),
            Kind::TimeOrOff(_, field) => (field.get)(settings).map_or("off".to_owned(), write_duration),
        }
    }

    /// Its value as people read and type it.
    pub fn words(&self, settings: &Settings) -> String {
        match &self.kind {
            Kind::Size(_, field) => write_size((field.get)(settings)),
            Kind::Switch(field) => if (field.get)(settings) { "on" } else { "off" }.to_owned(),
            _ => self.text(settings),
        }
    }

    /// Its value as the API shows it.
    pub fn json(&self, settings: &Settings) -> Value {
        match &self.kind {
            Kind::Number(_, field) => json!((field.get)(settings)),
            Kind::Size(_, field) => json!((field.get)(settings)),
            Kind::Switch(field) => json!((field.get)(settings)),
            Kind::Time(..) | Kind::TimeOrOff(..) => json!(self.text(settings)),
        }
    }

    /// Sets it to what a person typed or the table keeps. Errors: a sentence that says what it takes.
    pub fn set(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        let text = text.trim();
        let taken = match &self.kind {
            Kind::Number(range, field) => field.put(settings, text.parse().ok(), range),
            Kind::Size(range, field) => field.put(settings, parse_size(text), range),
            Kind::Switch(field) => field.put(settings, text.parse().ok(), &(false..=true)),
            Kind::Time(range, field) => field.put(settings, parse_duration(text), range),
            Kind::TimeOrOff(range, field) => match (text, parse_duration(text)) {
                ("off", _) => field.put(settings, Some(None), &(None..=None)),
                (_, Some(time)) => {
                    field.put(settings, Some(Some(time)), &(Some(*range.start())..=Some(*range.end())))
                }
                _ => false,
            },
        };
        if taken { Ok(()) } else { Err(self.takes()) }
    }

    /// What the API was sent for it, as [`Setting::set`] reads it.
    fn text_of(&self, value: &Value) -> Option<String> {
        match (&self.kind, value) {
            (Kind::Number(..) | Kind::Size(..), Value::Number(number)) => Some(number.to_string()),
            (Kind::Switch(..), Value::Bool(on)) => Some(on.to_string()),
            (Kind::Time(..) | Kind::TimeOrOff(..), Value::String(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// What the API takes for it, in a sentence.
    pub fn takes_in_json(&self) -> String {
        match &self.kind {
            Kind::Size(range, _) => {
                format!("Takes bytes, a number from {} to {}.", range.start(), range.end())
            }
            _ => self.takes(),
        }
    }

    /// What a form takes for it, in a sentence.
    pub fn takes(&self) -> String {
        let times = |range: &RangeInclusive<Duration>| {
            format!("from {} to {}", write_duration(*range.start()), write_duration(*range.end()))
        };
        match &self.kind {
            Kind::Number(range, _) => {
                format!("Takes a whole number from {} to {}.", range.start(), range.end())
            }
            Kind::Size(range, _) => {
                let size = |bytes| write_size(bytes).replace(' ', "\u{a0}");
                format!("Takes a size from {} to {}.", size(*range.start()), size(*range.end()))
            }
            Kind::Switch(_) => "Takes true or false.".to_owned(),
            Kind::Time(range, _) => format!("Takes a duration {}, such as 5m.", times(range)),
            Kind::TimeOrOff(range, _) => format!("Takes a duration {}, such as 10s, or off.", times(range)),
        }
    }

    fn reset(&self, settings: &mut Settings) {
        match &self.kind {
            Kind::Number(_, field) => (field.set)(settings, field.default),
            Kind::Size(_, field) => (field.set)(settings, field.default),
            Kind::Switch(field) => (field.set)(settings, field.default),
            Kind::Time(_, field) => (field.set)(settings, field.default),
            Kind::TimeOrOff(_, field) => (field.set)(settings, field.default),
        }
    }
}

impl<T: PartialOrd> Field<T> {
    /// Sets a value that is there and in range, and says whether it was.
    fn put(&self, settings: &mut Settings, value: Option<T>, range: &RangeInclusive<T>) -> bool {
        match value.filter(|value| range.contains(value)) {
            Some(value) => {
                (self.set)(settings, value);
                true
            }
            None => false,
        }
    }
}

/// What is wrong, by name.
pub type Wrong = BTreeMap<Cow<'static, str>, String>;

/// Settings to be changed, every value checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch(Vec<(&'static str, String)>);

impl Patch {
    /// Reads an object of the API. Errors: all that is wrong with it, unknown names too.
    pub fn from_json(object: &Map<String, Value>) -> Result<Self, Wrong> {
        let values = object.iter().map(|(name, value)| (name.as_str(), value));
        Self::read(values, |setting, value| setting.text_of(value), Setting::takes_in_json)
    }

    /// Reads what was typed into a form.
    pub fn from_texts<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Wrong> {
        Self::read(texts, |_, text| Some((*text).to_owned()), Setting::takes)
    }

    fn read<'a, V>(
        values: impl Iterator<Item = (&'a str, V)>,
        text_of: impl Fn(&Setting, &V) -> Option<String>,
        takes: fn(&Setting) -> String,
    ) -> Result<Self, Wrong> {
        let (mut patch, mut wrong) = (Self::default(), Wrong::new());
        let mut scratch = Settings::default();
        for (name, value) in values {
            let Some(setting) = named(name) else {
                let name = crate::platform::text::cut(name, 100).into_owned();
                wrong.insert(name.into(), "There is no such setting.".to_owned());
                continue;
            };
            if text_of(setting, &value).is_some_and(|text| setting.set(&mut scratch, &text).is_ok()) {
                patch.0.push((setting.name, setting.text(&scratch)));
            } else {
                wrong.insert(setting.name.into(), takes(setting));
            }
        }
        if wrong.is_empty() { Ok(patch) } else { Err(wrong) }
    }

    /// The value it has for a setting, as the table keeps it.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(json: Value) -> Result<Patch, Wrong> {
        Patch::from_json(json.as_object().unwrap())
    }

    #[test]
    fn the_defaults_are_what_the_interface_promises() {
        let defaults = json!({
            "event_retention_days": 90, "event_retention_bytes": 512_000_000, "record_exec_events": false,
            "stale_threshold_days": 7, "stale_scan_interval": "10m", "stats_interval": "10s",
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
            ("stats_interval", vec!["2s", "5m", "off"], vec!["1s", "6m", "0s", "never"]),
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
}
