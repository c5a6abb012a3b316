//! What containers, their host and the engine itself use: measured at a low cost, kept for an hour in memory.
//!
//! [`sampler`] is the owner task of an engine's [`Board`]: it wakes at the interval that is set, and every two seconds
//! for what somebody looks at. [`meter`] reads a container's counters where the kernel keeps them ([`cgroup`]) if those
//! can be seen, and asks the engine ([`once`]) if not; what it used is the difference between two [`Reading`]s.
//! Pages read the board and never wait for a measurement; what outlives the hour is written by the feature `stats`.
//!
//! The readers ([`cgroup`], [`host`], [`processes`]) block, for microseconds. A value that is not accounted for is
//! `None`, never 0, and a container that ends in mid-read has no reading at all.

pub mod board;
pub mod cgroup;
mod file;
pub mod host;
mod meter;
mod network;
mod once;
pub mod processes;
pub mod reading;
pub mod sample;
pub mod sampler;

pub use board::Board;
pub use reading::{Block, Memory, Network, Reading};
pub use sample::{Point, Sample};
