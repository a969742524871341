//! The bytes that a walk over a body has at hand.

/// The bytes at hand: the chunk, and how many bytes the frame still has (here and in later chunks).
pub(super) struct WalkInput<'a> {
    pub(super) chunk: &'a [u8],
    pub(super) left: u32,
}

impl<'a> WalkInput<'a> {
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.chunk.split_at(len);
        self.chunk = rest;
        self.left -= len as u32;
        head
    }

    /// Drops up to `count` bytes and returns how many are still to drop.
    pub(super) fn skip(&mut self, count: u32) -> u32 {
        let here = (count as usize).min(self.chunk.len());
        self.take(here);
        count - here as u32
    }
}
