//! What a client has sent behind its ConnectRequest before any server has answered.

use super::{Dialect, OpClass, OpCode};

/// What stands behind a ConnectRequest, as far as it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PipelinedFrames {
    /// Whether all of it may be sent to a second server as well: credentials, watches, pings and reads have no
    /// effect beyond their connection.
    pub repeatable: bool,
    /// Whether the session is asked to close.
    pub closes: bool,
    /// Bytes of the frames that were whole.
    whole: usize,
    /// Bytes of whole frames before the first that must not be sent twice.
    harmless: usize,
}

impl PipelinedFrames {
    /// Nothing has come yet.
    pub const NOTHING: Self = Self { repeatable: true, closes: false, whole: 0, harmless: 0 };

    /// Looks at all that has come so far, beginning where the last look found a frame that was cut. In any dialect but
    /// ZooKeeper's own a frame's header is not where it is expected until the server has answered: then nothing counts
    /// as repeatable.
    pub fn read_on(&mut self, all: &[u8], dialect: Dialect) {
        if !dialect.is_plain() {
            self.repeatable = all.is_empty();
            return;
        }
        while let Some((length, frame)) = all.get(self.whole..).and_then(<[u8]>::split_first_chunk::<4>) {
            let len = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            // Behind the xid. A header that is cut has reached no server as a request.
            let Some(op) = frame.get(4..).and_then(<[u8]>::first_chunk::<4>) else { break };
            let op = OpCode(i32::from_be_bytes(*op));
            self.repeatable &= len >= 8 && may_be_repeated(op);
            self.closes |= op == OpCode::CLOSE_SESSION;
            if frame.len() < len {
                break;
            }
            self.whole += 4 + len;
            if self.repeatable {
                self.harmless = self.whole;
            }
        }
    }

    /// How many bytes are whole frames.
    pub fn whole_len(&self) -> usize {
        self.whole
    }

    /// How many bytes, in whole frames, may be sent to a second server as well.
    pub fn repeatable_len(&self) -> usize {
        self.harmless
    }
}

fn may_be_repeated(op: OpCode) -> bool {
    matches!(op, OpCode::AUTH | OpCode::SET_WATCHES | OpCode::SET_WATCHES2)
        || matches!(op.class(), OpClass::Read | OpClass::Ping)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(op: OpCode, body: usize) -> Vec<u8> {
        [&(8 + body as i32).to_be_bytes()[..], &1i32.to_be_bytes(), &op.0.to_be_bytes(), &vec![0; body]].concat()
    }

    fn read(frames: &[Vec<u8>]) -> (bool, bool) {
        let (all, mut seen, mut slowly) = (frames.concat(), PipelinedFrames::NOTHING, PipelinedFrames::NOTHING);
        seen.read_on(&all, Dialect::default());
        (0..=all.len()).for_each(|len| slowly.read_on(&all[..len], Dialect::default()));
        assert_eq!(slowly, seen, "however it is cut");
        (seen.repeatable, seen.closes)
    }

    #[test]
    fn what_has_no_effect_may_be_sent_twice() {
        use OpCode as Op;
        assert_eq!(read(&[]), (true, false));
        let harmless = [Op::AUTH, Op::SET_WATCHES, Op::SET_WATCHES2, Op::PING, Op::GET_DATA, Op::EXISTS];
        assert_eq!(read(&harmless.map(|op| frame(op, 9))), (true, false));
        for op in [Op::CREATE, Op::SET_DATA, Op::DELETE, Op::MULTI, Op::CLOSE_SESSION, Op::SASL, OpCode(4711)] {
            let (repeatable, closes) = read(&[frame(Op::AUTH, 5), frame(op, 3)]);
            assert_eq!((repeatable, closes), (false, op == Op::CLOSE_SESSION), "{op:?}");
        }
    }

    #[test]
    fn what_stands_before_the_first_effect_may_be_sent_twice() {
        let frames = [frame(OpCode::AUTH, 5), frame(OpCode::PING, 0), frame(OpCode::CREATE, 9), frame(OpCode::PING, 0)];
        let (all, harmless) = (frames.concat(), frames[0].len() + frames[1].len());
        for len in 0..=all.len() {
            let mut seen = PipelinedFrames::NOTHING;
            seen.read_on(&all[..len], Dialect::default());
            let whole = if len < frames[0].len() {
                0
            } else if len < harmless {
                frames[0].len()
            } else {
                harmless
            };
            assert_eq!(seen.repeatable_len(), whole, "{len} bytes");
        }
    }

    #[test]
    fn a_frame_that_is_cut_counts_by_its_header() {
        let create = frame(OpCode::CREATE, 100);
        let read = |len: usize| {
            let mut seen = PipelinedFrames::NOTHING;
            seen.read_on(&create[..len], Dialect::default());
            seen.repeatable
        };
        assert!(read(3) && read(11), "no request yet");
        assert!(!read(12) && !read(60));
    }

    #[test]
    fn a_dialect_is_not_read_before_its_server_has_answered() {
        let tracing = Dialect { traced: true, ..Dialect::default() };
        let mut seen = PipelinedFrames::NOTHING;
        seen.read_on(&[], tracing);
        assert!(seen.repeatable);
        seen.read_on(&frame(OpCode::PING, 0), tracing);
        assert!(!seen.repeatable);
    }

    #[test]
    fn lengths_that_lie_do_not_confuse_it() {
        for length in [i32::MIN, -1, 0, 7, i32::MAX] {
            let bytes = [&length.to_be_bytes()[..], &[0; 64]].concat();
            let mut seen = PipelinedFrames::NOTHING;
            seen.read_on(&bytes, Dialect::default());
            assert!(!seen.closes && (length == i32::MAX || !seen.repeatable), "{length}: {seen:?}");
        }
    }
}
