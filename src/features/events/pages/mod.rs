//! The pages of events.

pub(super) mod container;
pub(super) mod list;
pub(super) mod one;
pub(super) mod view;
