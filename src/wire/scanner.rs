//! Reading frames out of a stream as it passes, whatever its chunks.
//!
//! The scanner owns no bytes: it looks at the chunk that the relay is about to forward (or has just forwarded) and
//! calls a [`RecordVisitor`] for each head, record and end. It allocates only where a chunk edge cuts a body that is
//! read. It never asks for more bytes and never closes anything; a [`DecodeFault`] is the end of its usefulness, not of
//! the connection's.

use super::record::{RecordVisitor, RecordWalk, WalkProgress};
use super::trace::TraceWalk;
use super::walk_input::WalkInput;
use super::whole_record::read_record;
use super::{BodyPlan, DecodeFault, ErrorCode, OpCode};
use crate::ids::{Xid, Zxid};

/// How the frames of one direction begin and end, apart from their length.
pub trait FrameForm {
    /// What stands in a frame's fixed first bytes.
    type Head;
    /// How many bytes these are.
    const LEN: usize;
    /// Whether a tracing context follows each frame, which its length does not count.
    const TRACED: bool;
    /// Reads a head out of a slice of exactly [`FrameForm::LEN`] bytes.
    fn read(bytes: &[u8]) -> Self::Head;
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
    /// Last zxid that the server had processed; 0 or -1 where it has none.
    pub zxid: Zxid,
    /// Whether the request was carried out.
    pub error: ErrorCode,
}

pub(super) fn int(bytes: &[u8], at: usize) -> i32 {
    bytes[at..].first_chunk().map_or(0, |chunk| i32::from_be_bytes(*chunk))
}

pub(super) fn long(bytes: &[u8], at: usize) -> i64 {
    bytes[at..].first_chunk().map_or(0, |chunk| i64::from_be_bytes(*chunk))
}

impl FrameForm for RequestHead {
    type Head = Self;
    const LEN: usize = 8;
    const TRACED: bool = false;
    #[inline]
    fn read(bytes: &[u8]) -> Self {
        Self { xid: Xid(int(bytes, 0).into()), op: OpCode(int(bytes, 4)) }
    }
}

impl FrameForm for ReplyHead {
    type Head = Self;
    const LEN: usize = 16;
    const TRACED: bool = false;
    #[inline]
    fn read(bytes: &[u8]) -> Self {
        Self { xid: Xid(int(bytes, 0).into()), zxid: Zxid(long(bytes, 4)), error: ErrorCode(int(bytes, 12)) }
    }
}

/// Bytes of the length in front of a frame.
const LENGTH: usize = 4;
/// Room for a length and the longest head.
const SPLIT: usize = LENGTH + 20;

#[derive(Debug)]
enum FrameStage {
    /// At a head or inside it.
    Head,
    /// In a body that a chunk edge has cut, as far as its walk has come. Only then it takes memory.
    Body(Box<RecordWalk>),
    /// Behind the last field.
    Skip,
    /// Behind the frame, in the tracing context that follows it.
    Trace(TraceWalk),
}

/// One direction of a conversation after its handshake.
#[derive(Debug)]
pub struct FrameScanner {
    stage: FrameStage,
    /// Bytes of the frame that are not read yet; 0 in [`FrameStage::Head`].
    left: u32,
    split: [u8; SPLIT],
    /// 0 <= split_len <= SPLIT
    split_len: u8,
}

impl Default for FrameScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameScanner {
    /// At the first byte of a frame.
    pub fn new() -> Self {
        Self { stage: FrameStage::Head, left: 0, split: [0; SPLIT], split_len: 0 }
    }

    /// Whether the bytes so far end with a whole frame.
    pub fn at_boundary(&self) -> bool {
        matches!(self.stage, FrameStage::Head) && self.split_len == 0
    }

    /// Reads a chunk to its end.
    ///
    /// # Errors
    /// The first [`DecodeFault`]; the scanner must not be used after it.
    #[inline]
    pub fn scan<F: FrameForm, V: RecordVisitor<Head = F::Head>>(
        &mut self,
        mut chunk: &[u8],
        visitor: &mut V,
    ) -> Result<(), DecodeFault> {
        loop {
            // Nearly all chunks hold whole frames: those are read in one pass, without the state that a cut needs.
            if !F::TRACED && self.at_boundary() {
                chunk = whole_frames::<F, V>(chunk, visitor)?;
            }
            if chunk.is_empty() {
                return Ok(());
            }
            match &mut self.stage {
                FrameStage::Head => match self.head::<F, V>(&mut chunk, visitor)? {
                    WalkProgress::NeedMore => return Ok(()),
                    WalkProgress::Done => self.end_if_read::<F, V>(visitor),
                },
                FrameStage::Body(walk) => {
                    let mut input = WalkInput { chunk, left: self.left };
                    let progress = walk.walk(&mut input, visitor)?;
                    (chunk, self.left) = (input.chunk, input.left);
                    if progress == WalkProgress::Done {
                        self.stage = FrameStage::Skip;
                        self.end_if_read::<F, V>(visitor);
                    }
                }
                FrameStage::Skip => {
                    let mut input = WalkInput { chunk, left: self.left };
                    self.left = input.skip(self.left);
                    chunk = input.chunk;
                    self.end_if_read::<F, V>(visitor);
                }
                FrameStage::Trace(walk) => {
                    if walk.walk(&mut chunk)? == WalkProgress::Done {
                        self.stage = FrameStage::Head;
                    }
                }
            }
        }
    }

    /// Ends the frame once its last byte was read, unless a record is still being walked.
    #[inline]
    fn end_if_read<F: FrameForm, V: RecordVisitor>(&mut self, visitor: &mut V) {
        if self.left == 0 && matches!(self.stage, FrameStage::Skip) {
            self.stage = if F::TRACED { FrameStage::Trace(TraceWalk::default()) } else { FrameStage::Head };
            visitor.end();
        }
    }

    /// Gathers a head that stands at the chunk's end or across its edges.
    fn head<F: FrameForm, V: RecordVisitor<Head = F::Head>>(
        &mut self,
        chunk: &mut &[u8],
        visitor: &mut V,
    ) -> Result<WalkProgress, DecodeFault> {
        if !self.gather(LENGTH, chunk) {
            return Ok(WalkProgress::NeedMore);
        }
        // Checked before the head is gathered, so that a stream which is no ZooKeeper is given up four bytes in.
        let len = frame_length::<F>(&self.split)?;
        let whole = LENGTH + F::LEN;
        if !self.gather(whole, chunk) {
            return Ok(WalkProgress::NeedMore);
        }
        self.split_len = 0;
        let head = F::read(&self.split[LENGTH..whole]);
        // A frame that is cut may be seen half when the connection ends, and only its head says what it was.
        visitor.cut(&head, len);
        let plan = visitor.head(head, len);
        self.enter_body(plan, len - F::LEN as u32, chunk, visitor)?;
        Ok(WalkProgress::Done)
    }

    /// Fills `split` up to `want` bytes as far as the chunk reaches; whether it did.
    fn gather(&mut self, want: usize, chunk: &mut &[u8]) -> bool {
        let filled = usize::from(self.split_len);
        let here = want.saturating_sub(filled).min(chunk.len());
        let (piece, rest) = chunk.split_at(here);
        self.split[filled..filled + here].copy_from_slice(piece);
        self.split_len += here as u8;
        *chunk = rest;
        filled + here >= want
    }

    /// Reads what follows a head as far as the chunk reaches; `left` is the rest of the frame.
    fn enter_body<V: RecordVisitor>(
        &mut self,
        plan: BodyPlan,
        left: u32,
        chunk: &mut &[u8],
        visitor: &mut V,
    ) -> Result<(), DecodeFault> {
        self.stage = FrameStage::Skip;
        self.left = left;
        if let Some(mut walk) = RecordWalk::of(plan) {
            let mut input = WalkInput { chunk, left };
            let progress = walk.walk(&mut input, visitor)?;
            (*chunk, self.left) = (input.chunk, input.left);
            if progress == WalkProgress::NeedMore {
                // Boxed, because the walk is large and nearly no connection stands inside a body when its chunk ends.
                self.stage = FrameStage::Body(Box::new(walk));
            }
        }
        Ok(())
    }
}

/// Reads the frames that stand whole in the chunk and returns the rest of it.
#[inline]
fn whole_frames<'a, F: FrameForm, V: RecordVisitor<Head = F::Head>>(
    mut chunk: &'a [u8],
    visitor: &mut V,
) -> Result<&'a [u8], DecodeFault> {
    while let Some((head, frame)) = chunk.split_at_checked(LENGTH + F::LEN) {
        let len = frame_length::<F>(head)?;
        // The cut frame goes the slow way, which keeps what it has read until the next chunk.
        let Some((body, rest)) = frame.split_at_checked(len as usize - F::LEN) else { break };
        match visitor.head(F::read(&head[LENGTH..]), len) {
            BodyPlan::Skip => {}
            BodyPlan::Record(op, fields) => read_record(op, fields, body, visitor)?,
            BodyPlan::Glance(op, fields) => drop(read_record(op, fields, body, visitor)),
            plan @ (BodyPlan::MultiRequest | BodyPlan::MultiReply) => {
                if let Some(mut walk) = RecordWalk::of(plan) {
                    walk.walk(&mut WalkInput { chunk: body, left: body.len() as u32 }, visitor)?;
                }
            }
        }
        visitor.end();
        chunk = rest;
    }
    Ok(chunk)
}

/// The length of the frame that begins here.
#[inline]
fn frame_length<F: FrameForm>(bytes: &[u8]) -> Result<u32, DecodeFault> {
    let value = int(bytes, 0);
    let len = u32::try_from(value).map_err(|_| DecodeFault::NegativeFrame(value))?;
    if (len as usize) < F::LEN {
        return Err(DecodeFault::ShortFrame { len, header: F::LEN as u32 });
    }
    Ok(len)
}

#[cfg(test)]
#[path = "scanner_tests.rs"]
mod tests;
