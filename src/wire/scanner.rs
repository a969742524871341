//! Reading frames out of a stream as it passes, whatever its chunks.
//!
//! The scanner owns no bytes: it looks at the chunk that the relay is about to forward (or has just forwarded)
//! and calls a [`Visitor`] for each head, record and end. It allocates only where a chunk edge cuts a path.
//! It never asks for more bytes and never closes anything; a [`Fault`] is the end of its usefulness, not of
//! the connection's.

use super::record::{Input, Progress, RecordWalk, Visitor};
use super::whole::read_record;
use super::{ErrorCode, Fault, OpCode, Plan};
use crate::ids::{Xid, Zxid};

/// A frame's fixed first bytes.
pub trait Head: Sized {
    /// Their number.
    const LEN: usize;
    /// Reads them out of a slice of exactly [`Head::LEN`] bytes.
    fn read(bytes: &[u8]) -> Self;
}

/// `RequestHeader`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHead {
    /// The client's number for this request.
    pub xid: Xid,
    /// What it asks for.
    pub op: OpCode,
}

/// `ReplyHeader`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyHead {
    /// The request's xid, echoed; or [`Xid::EVENT`].
    pub xid: Xid,
    /// Last zxid that the server had processed; 0 or -1 where it has none to tell.
    pub zxid: Zxid,
    /// Whether the request was carried out.
    pub error: ErrorCode,
}

fn int(bytes: &[u8], at: usize) -> i32 {
    bytes[at..].first_chunk().map_or(0, |chunk| i32::from_be_bytes(*chunk))
}

impl Head for RequestHead {
    const LEN: usize = 8;
    #[inline]
    fn read(bytes: &[u8]) -> Self {
        Self { xid: Xid(int(bytes, 0)), op: OpCode(int(bytes, 4)) }
    }
}

impl Head for ReplyHead {
    const LEN: usize = 16;
    #[inline]
    fn read(bytes: &[u8]) -> Self {
        let zxid = bytes[4..].first_chunk().map_or(0, |chunk| i64::from_be_bytes(*chunk));
        Self { xid: Xid(int(bytes, 0)), zxid: Zxid(zxid), error: ErrorCode(int(bytes, 12)) }
    }
}

/// Bytes of the length in front of a frame.
const LENGTH: usize = 4;
/// Room for a length and the longer of the two heads.
const SPLIT: usize = LENGTH + 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Head,
    Body,
    Skip,
}

/// One direction of a conversation after its handshake.
#[derive(Debug)]
pub struct FrameScanner {
    stage: Stage,
    /// Bytes of the frame that are not read yet; 0 in [`Stage::Head`].
    left: u32,
    split: [u8; SPLIT],
    split_len: usize,
    walk: RecordWalk,
}

impl Default for FrameScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameScanner {
    /// At the first byte of a frame.
    pub fn new() -> Self {
        Self { stage: Stage::Head, left: 0, split: [0; SPLIT], split_len: 0, walk: RecordWalk::new() }
    }

    /// Whether the bytes so far end with a whole frame.
    pub fn at_boundary(&self) -> bool {
        self.stage == Stage::Head && self.split_len == 0
    }

    /// Reads a chunk to its end.
    ///
    /// # Errors
    /// The first [`Fault`]; the scanner must not be used after it.
    #[inline]
    pub fn scan<H: Head, V: Visitor<Head = H>>(&mut self, mut chunk: &[u8], visitor: &mut V) -> Result<(), Fault> {
        loop {
            if self.at_boundary() {
                chunk = self.whole_frames::<H, V>(chunk, visitor)?;
            }
            if chunk.is_empty() {
                return Ok(());
            }
            match self.stage {
                Stage::Head => match self.head::<H, V>(&mut chunk, visitor)? {
                    Progress::NeedMore => return Ok(()),
                    Progress::Done => self.end_if_read(visitor),
                },
                Stage::Body => {
                    let mut input = Input { chunk, left: self.left };
                    let progress = self.walk.walk(&mut input, visitor)?;
                    (chunk, self.left) = (input.chunk, input.left);
                    if progress == Progress::Done {
                        self.stage = Stage::Skip;
                        self.end_if_read(visitor);
                    }
                }
                Stage::Skip => {
                    let mut input = Input { chunk, left: self.left };
                    self.left = input.skip(self.left);
                    chunk = input.chunk;
                    self.end_if_read(visitor);
                }
            }
        }
    }

    /// Reads the frames that stand whole in the chunk and returns the rest of it. The first multi ends this, read
    /// up to its head.
    #[inline]
    fn whole_frames<'a, H: Head, V: Visitor<Head = H>>(
        &mut self,
        mut chunk: &'a [u8],
        visitor: &mut V,
    ) -> Result<&'a [u8], Fault> {
        while let Some((head, frame)) = chunk.split_at_checked(LENGTH + H::LEN) {
            let len = frame_length::<H>(head)?;
            let Some((body, rest)) = frame.split_at_checked(len as usize - H::LEN) else { break };
            match visitor.head(H::read(&head[LENGTH..]), len) {
                Plan::Skip => {}
                Plan::Record(op, fields) => read_record(op, fields, body, visitor)?,
                plan @ (Plan::MultiRequest | Plan::MultiReply) => {
                    self.enter_body(plan, body.len() as u32, visitor)?;
                    self.end_if_read(visitor);
                    return Ok(frame);
                }
            }
            visitor.end();
            chunk = rest;
        }
        Ok(chunk)
    }

    /// Ends the frame once its last byte was read, unless a record is still being walked.
    #[inline]
    fn end_if_read<V: Visitor>(&mut self, visitor: &mut V) {
        if self.left == 0 && self.stage == Stage::Skip {
            self.stage = Stage::Head;
            visitor.end();
        }
    }

    #[inline]
    fn head<H: Head, V: Visitor<Head = H>>(&mut self, chunk: &mut &[u8], visitor: &mut V) -> Result<Progress, Fault> {
        let whole = LENGTH + H::LEN;
        if self.split_len == 0 && chunk.len() >= whole {
            let (head, rest) = chunk.split_at(whole);
            *chunk = rest;
            let len = frame_length::<H>(head)?;
            self.begin_body(H::read(&head[LENGTH..]), len, visitor)?;
            return Ok(Progress::Done);
        }
        self.gather(LENGTH, chunk);
        if self.split_len < LENGTH {
            return Ok(Progress::NeedMore);
        }
        let len = frame_length::<H>(&self.split)?;
        self.gather(whole, chunk);
        if self.split_len < whole {
            return Ok(Progress::NeedMore);
        }
        self.split_len = 0;
        let head = H::read(&self.split[LENGTH..whole]);
        self.begin_body(head, len, visitor)?;
        Ok(Progress::Done)
    }

    /// Fills `split` up to `want` bytes as far as the chunk reaches.
    fn gather(&mut self, want: usize, chunk: &mut &[u8]) {
        let here = want.saturating_sub(self.split_len).min(chunk.len());
        let (head, rest) = chunk.split_at(here);
        self.split[self.split_len..self.split_len + here].copy_from_slice(head);
        self.split_len += here;
        *chunk = rest;
    }

    #[inline]
    fn begin_body<V: Visitor>(&mut self, head: V::Head, len: u32, visitor: &mut V) -> Result<(), Fault>
    where
        V::Head: Head,
    {
        let plan = visitor.head(head, len);
        self.enter_body(plan, len - V::Head::LEN as u32, visitor)
    }

    /// Begins to read what follows a head.
    #[inline]
    fn enter_body<V: Visitor>(&mut self, plan: Plan, left: u32, visitor: &mut V) -> Result<(), Fault> {
        self.left = left;
        self.stage = if self.walk.begin(plan) { Stage::Body } else { Stage::Skip };
        if self.left == 0 && self.stage == Stage::Body {
            // A frame that ends with its head still has a record, if one without fields.
            let mut nothing = Input { chunk: &[], left: 0 };
            if self.walk.walk(&mut nothing, visitor)? == Progress::Done {
                self.stage = Stage::Skip;
            }
        }
        Ok(())
    }
}

/// The length of the frame that begins here.
#[inline]
fn frame_length<H: Head>(bytes: &[u8]) -> Result<u32, Fault> {
    let value = int(bytes, 0);
    let len = u32::try_from(value).map_err(|_| Fault::NegativeFrame(value))?;
    if (len as usize) < H::LEN {
        return Err(Fault::ShortFrame { len, header: H::LEN as u32 });
    }
    Ok(len)
}

#[cfg(test)]
#[path = "scanner_tests.rs"]
mod tests;
