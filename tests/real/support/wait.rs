//! Waiting by asking again, with a deadline that only a broken run reaches.

use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that a loaded machine does in the end.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const STEP: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
pub(crate) fn until<T>(what: &str, patience: Duration, ask: impl FnMut() -> Option<T>) -> T {
    until_or(what, patience, ask, String::new)
}

/// Asks until there is an answer, and tells what there was instead when none comes.
pub(crate) fn until_or<T>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> Option<T>,
    tell: impl Fn() -> String,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < patience, "waited {} s for {what}\n{}", patience.as_secs(), tell());
        thread::sleep(STEP);
    }
}

/// Asks until the answer is yes.
pub(crate) fn until_true(what: &str, patience: Duration, mut ask: impl FnMut() -> bool) {
    until(what, patience, || ask().then_some(()));
}
