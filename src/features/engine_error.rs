//! What an engine could not do, as an answer of ours.

use crate::docker::EngineError;
use crate::platform::text::capital;
use crate::web::WebError;

impl From<EngineError> for WebError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound => {
                Self::NotFound("The engine has no such container (any more).".to_owned())
            }
            EngineError::ReadOnly => Self::Forbidden(format!("{error}.")),
            EngineError::Forbidden { .. } | EngineError::Refused { .. } | EngineError::Damaged { .. } => {
                Self::BadGateway(format!("{}.", capital(&error.to_string())))
            }
            EngineError::Unreachable { .. } | EngineError::NoAnswer { .. } | EngineError::Lost(_) => {
                Self::Unavailable(format!("{}.", capital(error.to_string().trim_end_matches(['.', '?']))))
            }
        }
    }
}
