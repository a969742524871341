//! Sessions and the connections that carry them: who is where, since when, and why no longer. Pure.

pub mod ending;
pub mod event;
pub mod identity;
pub mod sighting;
pub mod transition;
pub mod verdict;
