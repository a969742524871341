//! The first bytes of the node data that requests carry, for those who asked to see them.
//!
//! This follows the frames by their lengths alone, beside the [`scanner`](super::FrameScanner), which never keeps data.
//! It looks at creations and setData and at nothing else: never at handshakes, auth or SASL, and not inside a multi.

use super::{JuteReader, OpCode, RequestHead};
use crate::ids::Xid;

/// Bytes of node data that can be seen at most.
pub const NODE_DATA_CAP: usize = 1024;

/// Bytes of the length in front of a frame.
const LENGTH: usize = 4;
/// Bytes of a length and the head behind it.
const HEAD: usize = LENGTH + 8;
/// Bytes of the longest path behind which data is looked for.
const LONGEST_PATH: usize = 1024;

/// Follows a client's frames and finds the beginnings of their node data.
#[derive(Debug, Default)]
pub struct NodeDataReader {
    /// Whether it is known where the frames stand.
    follows: bool,
    /// The beginning of a frame that a chunk's edge has cut; fewer bytes than [`NodeDataReader::HELD`].
    begun: Vec<u8>,
    /// Bytes of the frame that are passed over.
    left: usize,
}

impl NodeDataReader {
    /// Bytes that it holds at most.
    pub const HELD: usize = HEAD + LENGTH + LONGEST_PATH + LENGTH + NODE_DATA_CAP;

    /// Whether requests of this kind have data that it sees.
    pub fn sees(op: OpCode) -> bool {
        matches!(
            op,
            OpCode::CREATE
                | OpCode::CREATE2
                | OpCode::CREATE_CONTAINER
                | OpCode::CREATE_TTL
                | OpCode::CREATE_IF_NOT_EXISTS
                | OpCode::SET_DATA
        )
    }

    /// Bytes that it holds.
    pub fn held(&self) -> usize {
        self.begun.len()
    }

    /// Forgets what it holds. It goes on where a chunk begins with a frame.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Reads a chunk; `begins` says that it begins with a frame. The first `most` bytes of the data of each request that
    /// has any are given away with its number.
    pub fn read(&mut self, mut chunk: &[u8], begins: bool, most: usize, mut found: impl FnMut(Xid, &[u8])) {
        // What is known elsewhere holds: this one may have begun in the middle of a frame.
        if begins {
            *self = Self { follows: true, ..Self::default() };
        } else if self.begun.is_empty() && self.left == 0 {
            self.follows = false;
        }
        let most = most.min(NODE_DATA_CAP);
        while self.follows && !chunk.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(chunk.len());
                (self.left, chunk) = (self.left - passed, &chunk[passed..]);
            } else if self.begun.is_empty() {
                chunk = self.frame(chunk, most, &mut found);
            } else {
                chunk = self.resume(chunk, most, &mut found);
            }
        }
    }

    /// Reads a frame from its start; what of the chunk is left.
    fn frame<'a>(&mut self, chunk: &'a [u8], most: usize, found: &mut impl FnMut(Xid, &[u8])) -> &'a [u8] {
        match beginning(chunk, most) {
            FrameBeginning::Unreadable => {
                self.forget();
                &[]
            }
            FrameBeginning::Cut { .. } => {
                self.begun = chunk.to_vec();
                &[]
            }
            FrameBeginning::Whole { bytes, len } => {
                tell(&chunk[..bytes], most, found);
                self.left = len - bytes;
                &chunk[bytes..]
            }
        }
    }

    /// Adds to a beginning that was cut as much as it needs; what of the chunk is left.
    fn resume<'a>(&mut self, chunk: &'a [u8], most: usize, found: &mut impl FnMut(Xid, &[u8])) -> &'a [u8] {
        match beginning(&self.begun, most) {
            FrameBeginning::Unreadable => {
                self.forget();
                &[]
            }
            FrameBeginning::Cut { missing } => {
                let (piece, rest) = chunk.split_at(missing.min(chunk.len()));
                self.begun.extend_from_slice(piece);
                if let FrameBeginning::Whole { .. } = beginning(&self.begun, most) {
                    self.resume(rest, most, found)
                } else {
                    rest
                }
            }
            FrameBeginning::Whole { bytes, len } => {
                tell(&self.begun[..bytes], most, found);
                // Given back: most frames are not cut.
                self.left = len - std::mem::take(&mut self.begun).len();
                chunk
            }
        }
    }
}

/// How much of a frame there is.
enum FrameBeginning {
    /// It is no frame.
    Unreadable,
    /// At least so many bytes more are needed.
    Cut { missing: usize },
    /// All that is looked at is here: so many bytes of a frame of so many.
    Whole { bytes: usize, len: usize },
}

fn beginning(bytes: &[u8], most: usize) -> FrameBeginning {
    let Some(length) = JuteReader::new(bytes).int() else {
        return FrameBeginning::Cut { missing: LENGTH - bytes.len() };
    };
    let Some(len) = usize::try_from(length).ok().filter(|len| *len >= HEAD - LENGTH) else {
        return FrameBeginning::Unreadable;
    };
    let len = LENGTH + len;
    // First the head, which nearly always says that there is nothing to be looked at.
    let Some(head) = bytes.get(LENGTH..HEAD) else { return FrameBeginning::Cut { missing: HEAD - bytes.len() } };
    let wanted = if NodeDataReader::sees(op_of(head)) { looked_at(bytes, most).min(len) } else { HEAD };
    match wanted.checked_sub(bytes.len()) {
        Some(missing) if missing > 0 => FrameBeginning::Cut { missing },
        _ => FrameBeginning::Whole { bytes: wanted, len },
    }
}

fn op_of(head: &[u8]) -> OpCode {
    <RequestHead as super::FrameForm>::read(head).op
}

/// Bytes of a frame that have to be there for the beginning of its data, as far as can be told by those that are.
fn looked_at(bytes: &[u8], most: usize) -> usize {
    let mut rest = JuteReader::new(&bytes[HEAD..]);
    let Some(path) = rest.int() else { return HEAD + LENGTH };
    match usize::try_from(path) {
        Ok(path) if path <= LONGEST_PATH => HEAD + LENGTH + path + LENGTH + most,
        _ => HEAD + LENGTH,
    }
}

/// Gives away the data of a frame, of which this is all that is looked at.
fn tell(frame: &[u8], most: usize, found: &mut impl FnMut(Xid, &[u8])) {
    let head = <RequestHead as super::FrameForm>::read(&frame[LENGTH..HEAD]);
    if !NodeDataReader::sees(head.op) {
        return;
    }
    let data = || {
        let mut fields = JuteReader::new(&frame[HEAD..]);
        let path = usize::try_from(fields.int()?).ok()?;
        fields.bytes(path)?;
        let len = usize::try_from(fields.int()?).ok()?;
        fields.rest().get(..len.min(most))
    };
    if let Some(data) = data().filter(|data| !data.is_empty()) {
        found(head.xid, data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::JuteWriter;

    fn set(xid: i32, path: &[u8], data: &[u8]) -> Vec<u8> {
        JuteWriter::new().request(xid, OpCode::SET_DATA).buffer(path).buffer(data).int(-1).end().into_bytes()
    }

    /// What is found in these frames when they come in chunks of this size.
    fn found(frames: &[Vec<u8>], size: usize, most: usize) -> Vec<(i64, Vec<u8>)> {
        let (mut reader, mut all) = (NodeDataReader::default(), Vec::new());
        let begin = |at: &mut usize, frame: &Vec<u8>| Some(std::mem::replace(at, *at + frame.len()));
        let begins: Vec<usize> = frames.iter().scan(0, begin).collect();
        let mut at = 0;
        for chunk in frames.concat().chunks(size) {
            reader.read(chunk, begins.contains(&at), most, |xid, data| all.push((xid.0, data.to_vec())));
            assert!(reader.held() < NodeDataReader::HELD, "{}", reader.held());
            at += chunk.len();
        }
        all
    }

    #[test]
    fn the_first_bytes_are_seen_whatever_the_chunks() {
        let create = JuteWriter::new().request(2, OpCode::CREATE).buffer(b"/b").buffer(b"made").open_acl().int(0).end();
        let read = JuteWriter::new().request(3, OpCode::GET_DATA).buffer(b"/c").bool(true).end().into_bytes();
        let long = set(4, b"/d", &[b'x'; 5_000]);
        let frames = [set(1, b"/a", b"secret data"), create.into_bytes(), read, long, set(5, b"/e", b"end")];
        let expected =
            [(1, &b"secret"[..]), (2, b"made"), (4, b"xxxxxx"), (5, b"end")].map(|(xid, data)| (xid, data.to_vec()));
        for size in (1..40).chain([1_000, usize::MAX]) {
            assert_eq!(found(&frames, size, 6), expected, "{size}");
        }
    }

    #[test]
    fn nothing_else_is_seen() {
        let auth = JuteWriter::new().request(-4, OpCode::AUTH).int(0).buffer(b"digest").buffer(b"user:secret").end();
        let sasl = JuteWriter::new().request(1, OpCode::SASL).buffer(b"secret").end();
        let multi =
            JuteWriter::new().request(2, OpCode::MULTI).multi_header(5, false, -1).buffer(b"/a").buffer(b"secret");
        let empty = JuteWriter::new().request(3, OpCode::SET_DATA).buffer(b"/a").null().int(-1).end();
        let broken = JuteWriter::new().request(4, OpCode::SET_DATA).int(-5).raw(b"secret secret").end();
        let over = JuteWriter::new().request(5, OpCode::SET_DATA).buffer(b"/a").int(1_000).raw(b"secret").end();
        let no_end = multi.int(-1).multi_end().end();
        let long = set(6, &[b'/'; LONGEST_PATH + 1], b"secret");
        let mut frames = [auth, sasl, no_end, empty, broken, over].map(JuteWriter::into_bytes).to_vec();
        frames.extend([long, set(7, b"/a", b"seen")]);
        for size in (1..30).chain([usize::MAX]) {
            assert_eq!(found(&frames, size, 100), [(7, b"seen".to_vec())], "{size}");
        }
        assert_eq!(found(&[vec![0xff; 100]], 100, 100), []);
    }

    #[test]
    fn it_begins_with_a_frame_and_never_in_the_middle_of_one() {
        let (mut reader, mut all) = (NodeDataReader::default(), Vec::new());
        let mut take = |reader: &mut NodeDataReader, chunk: &[u8], begins| {
            reader.read(chunk, begins, 9, |xid, _| all.push(xid.0));
        };
        take(&mut reader, &set(1, b"/a", b"x"), false);
        take(&mut reader, &set(2, b"/a", b"x"), true);
        take(&mut reader, &set(3, b"/a", b"x")[..20], true);
        reader.forget();
        take(&mut reader, &set(3, b"/a", b"x")[20..], false);
        take(&mut reader, &set(4, b"/a", b"x"), true);
        assert_eq!(all, [2, 4]);
    }

    #[test]
    fn no_more_is_given_than_may_be_seen() {
        let frames = [set(1, b"/a", &[b'x'; 3 * NODE_DATA_CAP])];
        for size in [100, usize::MAX] {
            assert_eq!(found(&frames, size, usize::MAX), [(1, vec![b'x'; NODE_DATA_CAP])]);
        }
    }
}
