//! What a server has answered since that was last asked: the sign by which it is known to work.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::wire::OpClass;

/// Something was answered.
const ANSWERED: u8 = 1;
/// A write was.
const WROTE: u8 = 2;

/// What one server has answered, through whichever worker.
#[derive(Debug, Default)]
pub struct AnsweredWork(AtomicU8);

/// What was answered between two questions about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnsweredKinds {
    /// Whether anything was.
    pub any: bool,
    /// Whether a write was.
    pub writes: bool,
}

impl AnsweredWork {
    /// Operations of this class were answered.
    #[inline]
    pub fn note(&self, class: OpClass) {
        let kinds = if class == OpClass::Write { ANSWERED | WROTE } else { ANSWERED };
        // Read before it is written: workers share it, and most of the time it says so already.
        if self.0.load(Relaxed) & kinds != kinds {
            self.0.fetch_or(kinds, Relaxed);
        }
    }

    /// What was answered since this was last asked.
    pub fn take(&self) -> AnsweredKinds {
        let kinds = self.0.swap(0, Relaxed);
        AnsweredKinds { any: kinds & ANSWERED != 0, writes: kinds & WROTE != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_is_told_once() {
        let work = AnsweredWork::default();
        let kinds = |any, writes| AnsweredKinds { any, writes };
        assert_eq!(work.take(), kinds(false, false));
        work.note(OpClass::Read);
        assert_eq!(work.take(), kinds(true, false));
        work.note(OpClass::Write);
        work.note(OpClass::Read);
        assert_eq!(work.take(), kinds(true, true));
        assert_eq!(work.take(), kinds(false, false));
    }
}
