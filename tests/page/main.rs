//! The page in a real browser, in front of a real ensemble.
//!
//! It needs `chromium`, `node` and `npm`, and `java` and `mvn` for the servers; packages of npm come into `target/peers` and stay
//! there. What the page looked like is kept below `target/page`.

mod browser;
mod story;

#[expect(dead_code, reason = "the tests against real servers use all of it")]
#[path = "../real/support/mod.rs"]
mod support;
