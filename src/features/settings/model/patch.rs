//! Settings to be changed: read from the API or from a form, every value checked by itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Setting, Settings, named};

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
