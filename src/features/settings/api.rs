//! `GET` and `PATCH /api/settings`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::model::{ALL, Kind, OFF, Patch, Settings};
use super::service::{SettingsError, SettingsService};
use crate::platform::journal::Actor;
use crate::web::api::{Answer, Endpoint};
use crate::web::{Identity, Role, WebError};

/// The shape of the settings, from the list of them.
struct SettingsShape;

impl PartialSchema for SettingsShape {
    fn schema() -> RefOr<Schema> {
        let defaults = Settings::default();
        let all = ALL.iter().fold(ObjectBuilder::new(), |object, setting| {
            let one = ObjectBuilder::new().default(Some(setting.json(&defaults)));
            let one = match &setting.kind {
                Kind::Number(range, _) => {
                    one.schema_type(Type::Integer).minimum(Some(*range.start())).maximum(Some(*range.end()))
                }
                // The range is for the number, the pattern for the word.
                Kind::NumberOrOff(range, _) => one
                    .schema_type(SchemaType::from_iter([Type::Integer, Type::String]))
                    .minimum(Some(*range.start()))
                    .maximum(Some(*range.end()))
                    .pattern(Some(format!("^{OFF}$"))),
                Kind::Size(range, _) => {
                    one.schema_type(Type::Integer).minimum(Some(*range.start())).maximum(Some(*range.end()))
                }
                Kind::Switch(_) => one.schema_type(Type::Boolean),
                Kind::Time(..) | Kind::TimeOrOff(..) | Kind::Patterns(_) => one.schema_type(Type::String),
                Kind::Daily(_) => {
                    one.schema_type(Type::String).pattern(Some("^([01]?[0-9]|2[0-3]):[0-5][0-9]$"))
                }
            };
            let help = format!("{} {}", setting.help, setting.takes_in_json());
            let one: Object = one.description(Some(help)).build();
            object.property(setting.name, one)
        });
        RefOr::T(Schema::Object(all.build()))
    }
}

impl ToSchema for SettingsShape {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Settings")
    }
}

pub(super) fn get_endpoint() -> Endpoint {
    Endpoint::get("/api/settings", Role::Viewer, "The settings; `meta.locked` lists those that a flag fixes.")
        .returns::<SettingsShape>()
}

pub(super) async fn get(State(settings): State<Arc<SettingsService>>) -> Answer<Map<String, Value>> {
    answer(&settings)
}

pub(super) fn patch_endpoint() -> Endpoint {
    Endpoint::patch("/api/settings", Role::Admin, "Change settings: any of them, all or none are taken.")
        .takes::<SettingsShape>()
        .returns::<SettingsShape>()
}

pub(super) async fn patch(
    State(settings): State<Arc<SettingsService>>,
    identity: Identity,
    body: Bytes,
) -> Result<Answer<Map<String, Value>>, WebError> {
    let object: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|error| WebError::Malformed(format!("The body is not a JSON object: {error}.")))?;
    let patch = Patch::from_json(&object).map_err(WebError::Invalid)?;
    settings.apply(patch, Actor::user(&identity.name)).await?;
    Ok(answer(&settings))
}

fn answer(settings: &SettingsService) -> Answer<Map<String, Value>> {
    let locked: Vec<_> = settings.locks().iter().map(|lock| lock.setting).collect();
    Answer::of(settings.current().json()).with_meta("locked", locked)
}

impl From<SettingsError> for WebError {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Locked { .. } => Self::Conflict(error.to_string()),
            SettingsError::Contradiction(wrong) => Self::Invalid(wrong),
            SettingsError::Db(error) => error.into(),
        }
    }
}
