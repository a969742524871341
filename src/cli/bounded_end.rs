//! What is dropped at the end of a command and may not come to an end itself.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Something that is dropped on a thread of its own, for which the end of the command waits no longer than a while.
pub(super) struct BoundedEnd<T: Send + 'static> {
    ending: Option<T>,
    within: Duration,
}

impl<T: Send + 'static> BoundedEnd<T> {
    pub(super) fn new(ending: T, within: Duration) -> Self {
        Self { ending: Some(ending), within }
    }
}

impl<T: Send + 'static> Drop for BoundedEnd<T> {
    fn drop(&mut self) {
        let ending = self.ending.take();
        // Nothing is ever sent: the sender is gone as soon as the drop is over, also where that panics.
        let (held, over) = mpsc::channel::<()>();
        let end = move || {
            drop(ending);
            drop(held);
        };
        if thread::Builder::new().name("end".to_owned()).spawn(end).is_ok() {
            let _ = over.recv_timeout(self.within);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Far longer than a test takes.
    const LONG: Duration = Duration::from_hours(1);

    /// Its drop does what it was given.
    struct DropAction(Option<Box<dyn FnOnce() + Send>>);

    impl Drop for DropAction {
        fn drop(&mut self) {
            if let Some(act) = self.0.take() {
                act();
            }
        }
    }

    fn end(act: impl FnOnce() + Send + 'static, within: Duration) {
        drop(BoundedEnd::new(DropAction(Some(Box::new(act))), within));
    }

    #[test]
    fn an_orderly_end_is_waited_for() {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        end(move || told.store(true, Ordering::SeqCst), LONG);
        assert!(is_over.load(Ordering::SeqCst));
    }

    #[test]
    fn an_end_that_does_not_come_holds_nothing_up() {
        let (held, waits) = mpsc::channel::<()>();
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let wait = move || {
            let _ = waits.recv();
            told.store(true, Ordering::SeqCst);
        };
        end(wait, Duration::from_millis(1));
        assert!(!is_over.load(Ordering::SeqCst));
        drop(held);
    }

    #[test]
    fn an_end_that_panics_is_an_end() {
        let has_begun = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&has_begun);
        end(
            move || {
                told.store(true, Ordering::SeqCst);
                panic!("nobody waits for this");
            },
            LONG,
        );
        assert!(has_begun.load(Ordering::SeqCst));
    }
}
