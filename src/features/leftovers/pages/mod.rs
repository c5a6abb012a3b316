//! The tabs of Cleanup that show leftovers, and the preview that stands before each removal.

pub(super) mod cache;
mod frame;
pub(super) mod list;
pub(super) mod preview;
mod row;
pub mod tabs;

/// The entry of the navigation.
pub(super) const SECTION: &str = "cleanup";
/// The title of every tab.
pub(super) const TITLE: &str = "Cleanup";
