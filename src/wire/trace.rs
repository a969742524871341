//! The tracing context behind each request of version 12: one byte, and four lines of text where it is 1.
//!
//! Source: ClickHouse's `OpenTelemetry::TracingContext::serialize`. The lines are passed over: an id, a span, a state
//! and flags of the client's own tracing.

use super::DecodeFault;
use super::record::WalkProgress;

/// Lines of a context.
const LINES: u8 = 4;
/// Longest context that is passed over, in bytes. Its state may be as long as 512 (W3C's trace context).
const LONGEST: u16 = 4096;

/// Where the walk through one context stands.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct TraceWalk {
    /// Bytes read; 0 in front of the first one.
    read: u16,
    /// Lines read to their ends; < LINES.
    lines: u8,
}

impl TraceWalk {
    /// Walks on as far as the chunk reaches.
    pub(super) fn walk(&mut self, chunk: &mut &[u8]) -> Result<WalkProgress, DecodeFault> {
        while let Some((byte, rest)) = chunk.split_first() {
            *chunk = rest;
            match (self.read, *byte) {
                (0, 0) => return Ok(WalkProgress::Done),
                (0, 1) => {}
                // Without this bound a peer that never ends its lines would make everything behind them unread for
                // good.
                (0 | LONGEST, _) => return Err(DecodeFault::TracingContext),
                (_, b'\n') => self.lines += 1,
                _ => {}
            }
            self.read += 1;
            if self.lines == LINES {
                return Ok(WalkProgress::Done);
            }
        }
        Ok(WalkProgress::NeedMore)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(chunks: &[&[u8]]) -> (Result<WalkProgress, DecodeFault>, usize) {
        let mut walk = TraceWalk::default();
        let mut progress = Ok(WalkProgress::NeedMore);
        for chunk in chunks {
            let mut rest = *chunk;
            progress = walk.walk(&mut rest);
            if progress != Ok(WalkProgress::NeedMore) {
                return (progress, rest.len());
            }
        }
        (progress, 0)
    }

    #[test]
    fn contexts_are_passed_over_whatever_their_chunks() {
        let context = b"\x01b7ad6b71-6920-3331\n4711\nstate=1\n1\nnext";
        assert_eq!(walk(&[&[0, 9, 9]]), (Ok(WalkProgress::Done), 2));
        assert_eq!(walk(&[&context[..]]), (Ok(WalkProgress::Done), 4));
        let bytes: Vec<&[u8]> = context.chunks(1).collect();
        assert_eq!(walk(&bytes), (Ok(WalkProgress::Done), 0));
        assert_eq!(walk(&[&context[..context.len() - 5]]), (Ok(WalkProgress::NeedMore), 0));
        assert_eq!(walk(&[&[1, b'\n', b'\n', b'\n', b'\n', 7]]), (Ok(WalkProgress::Done), 1));
    }

    #[test]
    fn what_is_no_context_or_has_no_end_is_a_fault() {
        assert_eq!(walk(&[&[2]]).0, Err(DecodeFault::TracingContext));
        let endless = [&[1][..], &vec![b'x'; usize::from(LONGEST)]].concat();
        assert_eq!(walk(&[&endless]).0, Err(DecodeFault::TracingContext));
        assert_eq!(walk(&[&endless[..endless.len() - 1]]).0, Ok(WalkProgress::NeedMore));
    }
}
