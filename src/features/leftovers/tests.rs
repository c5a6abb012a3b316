use std::sync::Arc;

use super::model::{Kind, Leftover, Size, Sort};
use crate::platform::ids::EngineId;

/// A leftover that may be removed and takes nothing.
pub(super) fn leftover(kind: Kind, id: &str) -> Leftover {
    Leftover {
        kind,
        sort: match kind {
            Kind::Image => Sort::Unused,
            Kind::Volume => Sort::Named,
            Kind::Network | Kind::BuildCache => Sort::Unattached,
        },
        engine: EngineId::local(),
        id: Arc::from(id),
        name: id.to_owned(),
        tags: Vec::new(),
        size: Size::NOTHING,
        created_at: None,
        last_use: None,
        project: None,
        driver: String::new(),
        refusal: None,
    }
}
