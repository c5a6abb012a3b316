//! What a setting takes, and how its value is read and written: typed into a form, kept in the table, sent
//! and shown by the API.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil;
use serde_json::{Value, json};

use super::Settings;
use crate::platform::patterns::Patterns;
use crate::platform::units::{parse_duration, parse_size, write_duration, write_size};

/// How a time of the day is written.
const MINUTES: &str = "%H:%M";
/// The word for "not at all", where a kind takes it.
pub const OFF: &str = "off";

/// How long patterns may be.
pub(super) const LONGEST: usize = 1_000;

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
    /// A whole number or `off`.
    NumberOrOff(RangeInclusive<u32>, Field<Option<u32>>),
    /// Bytes.
    Size(RangeInclusive<u64>, Field<u64>),
    /// Yes or no.
    Switch(Field<bool>),
    /// A duration.
    Time(RangeInclusive<Duration>, Field<Duration>),
    /// A duration or `off`.
    TimeOrOff(RangeInclusive<Duration>, Field<Option<Duration>>),
    /// A time of the day, to the minute.
    Daily(Field<civil::Time>),
    /// Patterns of containers; may be empty.
    Patterns(Field<String>),
}

/// Where a setting stands in [`Settings`], and what it is until somebody sets it.
#[derive(Debug)]
pub struct Field<T> {
    pub(super) get: fn(&Settings) -> T,
    pub(super) set: fn(&mut Settings, T),
    /// The value until it is set.
    pub default: T,
}

impl Setting {
    /// Its value as the table keeps it; [`Setting::set`] reads it back.
    pub fn text(&self, settings: &Settings) -> String {
        match &self.kind {
            Kind::Number(_, field) => (field.get)(settings).to_string(),
            Kind::NumberOrOff(_, field) => {
                (field.get)(settings).map_or(OFF.to_owned(), |number| number.to_string())
            }
            Kind::Size(_, field) => (field.get)(settings).to_string(),
            Kind::Switch(field) => (field.get)(settings).to_string(),
            Kind::Time(_, field) => write_duration((field.get)(settings)),
            Kind::TimeOrOff(_, field) => (field.get)(settings).map_or(OFF.to_owned(), write_duration),
            Kind::Daily(field) => (field.get)(settings).strftime(MINUTES).to_string(),
            Kind::Patterns(field) => (field.get)(settings),
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
            Kind::NumberOrOff(_, field) => (field.get)(settings).map_or(json!(OFF), |number| json!(number)),
            Kind::Size(_, field) => json!((field.get)(settings)),
            Kind::Switch(field) => json!((field.get)(settings)),
            Kind::Time(..) | Kind::TimeOrOff(..) | Kind::Daily(_) | Kind::Patterns(_) => {
                json!(self.text(settings))
            }
        }
    }

    /// Sets it to what a person typed or the table keeps. Errors: a sentence that says what it takes.
    pub fn set(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        let text = text.trim();
        let taken = match &self.kind {
            Kind::Number(range, field) => field.put(settings, text.parse().ok(), range),
            Kind::NumberOrOff(range, field) => field.put_or_off(settings, text, text.parse().ok(), range),
            Kind::Size(range, field) => field.put(settings, parse_size(text), range),
            Kind::Switch(field) => field.put(settings, text.parse().ok(), &(false..=true)),
            Kind::Time(range, field) => field.put(settings, parse_duration(text), range),
            Kind::TimeOrOff(range, field) => field.put_or_off(settings, text, parse_duration(text), range),
            Kind::Daily(field) => {
                let all = civil::Time::MIN..=civil::Time::MAX;
                field.put(settings, civil::Time::strptime(MINUTES, text).ok(), &all)
            }
            Kind::Patterns(field) => {
                let fits = text.chars().count() <= LONGEST && Patterns::parse(text).is_ok();
                if fits {
                    (field.set)(settings, text.to_owned());
                }
                fits
            }
        };
        if taken { Ok(()) } else { Err(self.takes()) }
    }

    /// What the API was sent for it, as [`Setting::set`] reads it.
    pub(super) fn text_of(&self, value: &Value) -> Option<String> {
        match (&self.kind, value) {
            (Kind::Number(..) | Kind::NumberOrOff(..) | Kind::Size(..), Value::Number(number)) => {
                Some(number.to_string())
            }
            (Kind::NumberOrOff(..), Value::String(text)) if text == OFF => Some(text.clone()),
            (Kind::Switch(..), Value::Bool(on)) => Some(on.to_string()),
            (
                Kind::Time(..) | Kind::TimeOrOff(..) | Kind::Daily(_) | Kind::Patterns(_),
                Value::String(text),
            ) => Some(text.clone()),
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
            Kind::NumberOrOff(range, _) => {
                format!("Takes a whole number from {} to {}, or off.", range.start(), range.end())
            }
            Kind::Size(range, _) => {
                let size = |bytes| write_size(bytes).replace(' ', "\u{a0}");
                format!("Takes a size from {} to {}.", size(*range.start()), size(*range.end()))
            }
            Kind::Switch(_) => "Takes true or false.".to_owned(),
            Kind::Time(range, _) => format!("Takes a duration {}, such as 5m.", times(range)),
            Kind::TimeOrOff(range, _) => format!("Takes a duration {}, such as 10s, or off.", times(range)),
            Kind::Daily(_) => "Takes a time of the day, such as 04:00.".to_owned(),
            Kind::Patterns(_) => {
                "Takes names with * for any characters, image:… and project:…, separated by \
                                  commas; 50 at most."
                    .to_owned()
            }
        }
    }

    pub(super) fn reset(&self, settings: &mut Settings) {
        match &self.kind {
            Kind::Number(_, field) => (field.set)(settings, field.default),
            Kind::NumberOrOff(_, field) => (field.set)(settings, field.default),
            Kind::Size(_, field) => (field.set)(settings, field.default),
            Kind::Switch(field) => (field.set)(settings, field.default),
            Kind::Time(_, field) => (field.set)(settings, field.default),
            Kind::TimeOrOff(_, field) => (field.set)(settings, field.default),
            Kind::Daily(field) => (field.set)(settings, field.default),
            Kind::Patterns(field) => (field.set)(settings, field.default.clone()),
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

impl<T: PartialOrd + Copy> Field<Option<T>> {
    /// Sets what was read from `text`: nothing when it says so, else a value that is in range.
    fn put_or_off(
        &self,
        settings: &mut Settings,
        text: &str,
        value: Option<T>,
        range: &RangeInclusive<T>,
    ) -> bool {
        if text == OFF {
            return self.put(settings, Some(None), &(None..=None));
        }
        self.put(settings, value.map(Some), &(Some(*range.start())..=Some(*range.end())))
    }
}
