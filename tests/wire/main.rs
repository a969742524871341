//! The core held against bytes: recorded ones, generated ones, broken ones.
//!
//! * `golden`: frames of real servers, and what is understood of them.
//! * `properties`: whatever the pieces that bytes come in, the same events follow; whatever the bytes, nothing
//!   panics, and work and memory stay in bounds.
//! * `fuzz`: the same for inputs that nobody thought of, for as long as one likes.

mod dialects;
mod exchange;
mod fuzz;
mod golden;
mod properties;
mod talk;
