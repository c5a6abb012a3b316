//! What was used, as charts.

pub mod cells;
pub(super) mod charts;
pub(super) mod container;
pub(super) mod host;
pub mod system;
