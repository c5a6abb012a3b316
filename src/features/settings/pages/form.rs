//! A form of settings: fresh, saved, or back with what was typed and what is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::model::{Kind, OFF, Patch, Settings, named};
use super::super::service::SettingsService;
use super::field::{FieldView, Typed};
use crate::platform::journal::Actor;
use crate::web::api::QueryMap;
use crate::web::forms::{self, FormErrors};
use crate::web::{Identity, WebError};

/// A form of settings. Unticked boxes are not sent: a number beside a box `NAME_on` counts as off without it.
#[derive(Debug, Default)]
pub struct SettingsForm {
    /// What went well.
    pub notice: &'static str,
    /// What is wrong, by field.
    pub errors: FormErrors,
    typed: BTreeMap<String, String>,
}

impl SettingsForm {
    /// As it is before anybody types.
    pub fn fresh(query: &QueryMap) -> Self {
        let saved = query.get("done") == Some("saved");
        let notice = if saved { "The settings are saved and hold from now on." } else { "" };
        Self { notice, ..Self::default() }
    }

    /// As it was sent.
    pub fn sent(typed: BTreeMap<String, String>) -> Self {
        Self { typed, ..Self::default() }
    }

    /// Saves what was sent for these settings, all or nothing; one that was not sent stays as it is.
    pub async fn save(
        &self,
        service: &Arc<SettingsService>,
        identity: &Identity,
        names: &[&'static str],
    ) -> Result<(), WebError> {
        let texts = names.iter().filter_map(|name| Some((*name, self.text(name)?)));
        let patch = Patch::from_texts(texts).map_err(WebError::Invalid)?;
        service.apply(patch, Actor::user(&identity.name)).await?;
        Ok(())
    }

    /// The form as it comes back with what is wrong, and the status of that page.
    pub fn refused(mut self, error: WebError) -> Result<(Self, StatusCode), WebError> {
        let (errors, status) = forms::refused(error)?;
        self.errors = errors;
        Ok((self, status))
    }

    /// The field of a setting.
    pub fn field(&self, name: &str, service: &SettingsService, may_edit: bool) -> FieldView {
        let Some(setting) = named(name) else { return FieldView::default() };
        let locked_by = service.locked_by(name);
        let typed = self.typed(name).filter(|_| locked_by.is_none());
        FieldView {
            error: self.errors.of(name).to_owned(),
            locked_by: locked_by.unwrap_or_default(),
            open: may_edit && locked_by.is_none(),
            ..FieldView::new(setting, &service.current(), typed)
        }
    }

    /// The settings as they would be with what was typed. Errors: what is wrong, by field.
    pub fn applied(&self, to: &Settings, names: &[&'static str]) -> Result<Settings, FormErrors> {
        let (mut settings, mut errors) = (to.clone(), FormErrors::default());
        for name in names {
            let typed = named(name).and_then(|setting| Some((setting, self.text(name)?)));
            if let Some((setting, text)) = typed
                && let Err(why) = setting.set(&mut settings, text)
            {
                errors.add(name, why);
            }
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    fn typed(&self, name: &str) -> Option<Typed<'_>> {
        let ticked = self.typed.contains_key(&format!("{name}_on"));
        self.typed.get(name).map(|text| Typed { text, ticked })
    }

    /// What was sent for a setting, as [`Patch`] reads it.
    fn text(&self, name: &str) -> Option<&str> {
        let Typed { text, ticked } = self.typed(name)?;
        let boxed = named(name).is_some_and(|setting| matches!(setting.kind, Kind::NumberOrOff(..)));
        Some(if boxed && !ticked { OFF } else { text })
    }
}

/// Where the browser goes after saving.
pub(super) fn saved(path: &str) -> Response {
    Redirect::to(&format!("{path}?done=saved")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(typed: &[(&str, &str)]) -> SettingsForm {
        let typed = typed.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        SettingsForm::sent(typed.collect())
    }

    #[test]
    fn a_number_without_its_tick_is_off_whatever_stands_in_it() {
        let form = sent(&[
            ("alert_cpu_percent", "not a number"),
            ("alert_memory_percent", "70"),
            ("alert_memory_percent_on", "true"),
            ("alert_cpu_for", "5m"),
        ]);
        assert_eq!(form.text("alert_cpu_percent"), Some("off"));
        assert_eq!(form.text("alert_memory_percent"), Some("70"));
        assert_eq!(form.text("alert_cpu_for"), Some("5m"), "this one has no box");
        assert_eq!(form.text("alert_disk_full_days"), None, "what was not sent is not touched");
    }
}
