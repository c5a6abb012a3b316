//! One setting as a field of a form: what holds or was typed, what it is for, what is wrong with it.

use super::super::model::{Kind, OFF, Setting, Settings};

/// One field of a form; `templates/settings/_field.html` draws it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FieldView {
    /// The name of the setting, and of the input.
    pub name: &'static str,
    /// What stands in the input.
    pub value: String,
    /// Whether its box is ticked: a switch that is on, a number that is not off.
    pub on: bool,
    /// What it is for.
    pub help: &'static str,
    /// What it takes; empty where there is nothing to type.
    pub takes: String,
    /// What is wrong with what was typed; empty when nothing is.
    pub error: String,
    /// The flag that fixes it; empty when none does.
    pub locked_by: &'static str,
    /// Whether this user may type into it.
    pub open: bool,
}

/// What a form sent for a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed<'a> {
    /// What stood in the input.
    pub(super) text: &'a str,
    /// Whether the box beside it was ticked.
    pub(super) ticked: bool,
}

impl FieldView {
    /// The field of a setting, showing what holds, or what was typed.
    pub(super) fn new(setting: &Setting, settings: &Settings, typed: Option<Typed<'_>>) -> Self {
        let kept = setting.words(settings);
        let on = match setting.kind {
            Kind::NumberOrOff(..) => typed.map_or(kept != OFF, |typed| typed.ticked),
            _ => matches!(typed.map_or(kept.as_str(), |typed| typed.text), "on" | "true"),
        };
        // A number beside a box without a tick: what would hold if the box were ticked.
        let beside_box = matches!(setting.kind, Kind::NumberOrOff(..)) && kept == OFF;
        let kept = if beside_box { setting.words(&Settings::default()) } else { kept };
        Self {
            name: setting.name,
            value: typed.map_or(kept, |typed| typed.text.to_owned()),
            on,
            help: setting.help,
            takes: if matches!(setting.kind, Kind::Switch(_)) { String::new() } else { setting.takes() },
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::model::named;
    use super::*;

    const SIZE: &str = "event_retention_bytes";
    const MEMORY: &str = "alert_memory_percent";

    fn field(name: &str, settings: &Settings, typed: Option<(&str, bool)>) -> FieldView {
        let typed = typed.map(|(text, ticked)| Typed { text, ticked });
        FieldView::new(named(name).unwrap(), settings, typed)
    }

    #[test]
    fn a_field_shows_what_holds_or_what_was_typed() {
        let settings = Settings::default();
        assert_eq!(field(SIZE, &settings, None).value, "512 MB");
        assert_eq!(field(SIZE, &settings, Some(("a lot", false))).value, "a lot");
    }

    #[test]
    fn a_switch_is_on_as_it_is_kept_or_as_it_was_sent() {
        let on = Settings { record_exec_events: true, ..Settings::default() };
        let exec = |settings, typed| field("record_exec_events", settings, typed).on;
        let off = Settings::default();
        assert!(exec(&on, None) && !exec(&off, None));
        assert!(!exec(&on, Some(("false", false))) && exec(&off, Some(("true", false))));
    }

    #[test]
    fn a_number_that_is_off_has_no_tick_and_offers_the_default() {
        let off = Settings { alert_memory_percent: None, ..Settings::default() };
        let low = Settings { alert_memory_percent: Some(40), ..Settings::default() };
        let seen = |settings, typed| {
            let field = field(MEMORY, settings, typed);
            (field.value, field.on)
        };
        assert_eq!(seen(&off, None), ("90".to_owned(), false));
        assert_eq!(seen(&low, None), ("40".to_owned(), true));
        assert_eq!(seen(&off, Some(("70", true))), ("70".to_owned(), true), "back with an error elsewhere");
        assert_eq!(seen(&low, Some(("70", false))), ("70".to_owned(), false));
    }
}
