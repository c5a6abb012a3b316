//! What every part stands on and what knows neither Docker nor a feature: the database, the journal,
//! the vault, time, long-lived tasks, live topics and identifiers.

pub mod addresses;
pub mod clock;
pub mod db;
pub mod ids;
pub mod journal;
pub mod lifecycle;
pub mod limits;
pub mod live;
pub mod patterns;
pub mod text;
pub mod units;
pub mod vault;
