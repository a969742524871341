//! Walking the fields of a record over a stream that may be cut anywhere.
//!
//! Nothing is gathered but what a cut would lose: the bytes of a number that is split, and the part of a path
//! that came with an earlier chunk (at most [`PATH_CAP`] bytes). Data is skipped by count, whatever its size.

use super::layout::{BodyPlan, RecordField, request_fields, result_fields};
use super::walk_input::WalkInput;
use super::{DecodeFault, ErrorCode, OpCode};

/// Bytes of a path that are looked at. Longer paths are seen cut off, whatever the chunks that they come in;
/// ZooKeeper itself has no limit but the frame's.
pub const PATH_CAP: usize = 1024;

/// The part of a text that is looked at.
#[inline]
pub(super) fn capped(text: &[u8]) -> &[u8] {
    text.get(..PATH_CAP).unwrap_or(text)
}

/// One record, seen when its last field was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodedRecord<'a> {
    /// The operation, or inside a multi the sub-operation.
    pub op: OpCode,
    /// The text field, or its first [`PATH_CAP`] bytes. Not checked to be UTF-8 (Java writes CESU-8).
    pub path: &'a [u8],
    /// Numbers, by the place that the layout gives them: watch flag, create flags, mode or watcher type in 0;
    /// for a watch event its type in 0 and its state in 1.
    pub ints: [i32; 2],
    /// Bytes of data that were skipped.
    pub data_len: u32,
    /// Strings counted.
    pub items: u32,
    /// In a multi's reply the result's error; otherwise 0.
    pub error: ErrorCode,
}

/// What a [`FrameScanner`](super::FrameScanner) calls as it reads.
pub trait RecordVisitor {
    /// The header type of the direction that is read.
    type Head;
    /// A header is complete; says how to read the rest of the frame of `len` bytes.
    fn head(&mut self, head: Self::Head, len: u32) -> BodyPlan;
    /// As [`RecordVisitor::head`], and before it, of a frame that a chunk's edge cuts.
    fn cut(&mut self, _head: &Self::Head, _len: u32) {}
    /// A record is complete.
    fn record(&mut self, record: &DecodedRecord<'_>);
    /// A multi holds an operation whose layout there is not known: the rest of the frame is passed over.
    fn unknown_part(&mut self, op: OpCode);
    /// The frame's last byte was read.
    fn end(&mut self);
}

/// Whether more bytes are needed.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum WalkProgress {
    Done,
    NeedMore,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum MultiSeries {
    Single,
    Requests,
    Results,
}

/// What comes next in a multi.
enum MultiNext {
    /// A header that is not whole yet.
    Unread,
    /// A record.
    Record,
    /// An operation of no known layout.
    Unknown(OpCode),
    /// Nothing.
    End,
}

/// Where inside a field the walk stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FieldPart {
    /// At its first byte.
    Start,
    /// In a run of bytes to skip.
    Skipping(u32),
    /// In a run of bytes of a text.
    Capturing(u32),
    /// In a vector: items left, and which part of the item comes next.
    Items(u32, u8),
    /// In a run of bytes to skip inside a vector item.
    ItemBytes { skip: u32, items: u32, part: u8 },
}

/// The walk over one frame's body.
#[derive(Debug)]
pub(super) struct RecordWalk {
    series: MultiSeries,
    op: OpCode,
    /// None between two records of a multi, where a `MultiHeader` comes next.
    fields: Option<&'static [RecordField]>,
    at: usize,
    part: FieldPart,
    split: [u8; 9],
    split_len: usize,
    /// The part of a text that came with earlier chunks; 0 <= len <= PATH_CAP.
    kept: Vec<u8>,
    ints: [i32; 2],
    data_len: u32,
    items: u32,
    error: ErrorCode,
    /// Whether a body that cannot be read is passed over.
    is_glance: bool,
}

impl RecordWalk {
    fn new(series: MultiSeries) -> Self {
        Self {
            series,
            op: OpCode::NOTIFICATION,
            fields: None,
            at: 0,
            part: FieldPart::Start,
            split: [0; 9],
            split_len: 0,
            kept: Vec::new(),
            ints: [0; 2],
            data_len: 0,
            items: 0,
            error: ErrorCode::OK,
            is_glance: false,
        }
    }

    /// A walk at the first byte of a body; None when there is nothing to walk.
    pub(super) fn of(plan: BodyPlan) -> Option<Self> {
        match plan {
            BodyPlan::Skip => None,
            BodyPlan::Record(op, fields) | BodyPlan::Glance(op, fields) => {
                let mut walk = Self::new(MultiSeries::Single);
                walk.is_glance = matches!(plan, BodyPlan::Glance(..));
                walk.begin_record(op, fields, ErrorCode::OK);
                Some(walk)
            }
            BodyPlan::MultiRequest => Some(Self::new(MultiSeries::Requests)),
            BodyPlan::MultiReply => Some(Self::new(MultiSeries::Results)),
        }
    }

    #[inline]
    fn begin_record(&mut self, op: OpCode, fields: &'static [RecordField], error: ErrorCode) {
        (self.op, self.fields, self.at, self.part, self.error) = (op, Some(fields), 0, FieldPart::Start, error);
        (self.ints, self.data_len, self.items) = ([0; 2], 0, 0);
    }

    /// Walks on as far as the chunk reaches.
    #[inline]
    pub(super) fn walk<V: RecordVisitor>(
        &mut self,
        input: &mut WalkInput<'_>,
        visitor: &mut V,
    ) -> Result<WalkProgress, DecodeFault> {
        match self.walk_on(input, visitor) {
            Err(_) if self.is_glance => Ok(WalkProgress::Done),
            progress => progress,
        }
    }

    #[inline]
    fn walk_on<V: RecordVisitor>(
        &mut self,
        input: &mut WalkInput<'_>,
        visitor: &mut V,
    ) -> Result<WalkProgress, DecodeFault> {
        loop {
            // No fields means that a multi stands between two of its records: which fields come next, only its header
            // says.
            let Some(fields) = self.fields else {
                match self.multi_header(input)? {
                    MultiNext::Unread => return Ok(WalkProgress::NeedMore),
                    MultiNext::End => return Ok(WalkProgress::Done),
                    MultiNext::Record => continue,
                    // Without a layout the length of this record is not known, and so neither is where the next one
                    // begins. The rest of the frame is skipped by its length: the frames behind it stay readable.
                    MultiNext::Unknown(op) => {
                        visitor.unknown_part(op);
                        return Ok(WalkProgress::Done);
                    }
                }
            };
            // The text borrows from the chunk, so that a path which comes in one piece is never copied.
            let mut text: &[u8] = &[];
            while let Some(field) = fields.get(self.at) {
                if self.field(*field, input, &mut text)? == WalkProgress::NeedMore {
                    // The chunk is gone when the next one comes: what it held of the path has to be copied now.
                    self.keep(text);
                    return Ok(WalkProgress::NeedMore);
                }
                // Only after a whole field: a walk that was cut resumes inside the field that it stands in.
                (self.at, self.part) = (self.at + 1, FieldPart::Start);
            }
            self.finish_record(text, visitor);
            // A multi goes on with its next header; its last one ends the loop.
            if self.series == MultiSeries::Single {
                return Ok(WalkProgress::Done);
            }
        }
    }

    #[inline]
    fn finish_record<V: RecordVisitor>(&mut self, text: &[u8], visitor: &mut V) {
        // Only a path that was cut has something kept; for all others the copy below is saved.
        if !self.kept.is_empty() {
            self.keep(text);
        }
        let path = if self.kept.is_empty() { capped(text) } else { &self.kept };
        let (op, ints, data_len, items) = (self.op, self.ints, self.data_len, self.items);
        visitor.record(&DecodedRecord { op, path, ints, data_len, items, error: self.error });
        self.fields = None;
        // Given back rather than cleared: thousands of idle connections would each keep a path's memory.
        self.kept = Vec::new();
    }

    /// Keeps what this chunk held of a text, for when the next one comes.
    fn keep(&mut self, text: &[u8]) {
        let room = PATH_CAP - self.kept.len();
        self.kept.extend_from_slice(&text[..text.len().min(room)]);
    }

    /// Reads the header in front of a sub-record.
    fn multi_header(&mut self, input: &mut WalkInput<'_>) -> Result<MultiNext, DecodeFault> {
        // Until the header is read a fault can only be blamed on the multi itself.
        self.op = if self.series == MultiSeries::Results { OpCode::MULTI_READ } else { OpCode::MULTI };
        let Some(header) = self.fixed::<9>(input)? else { return Ok(MultiNext::Unread) };
        let [op @ .., done, _, _, _, _] = header;
        let [.., e0, e1, e2, e3] = header;
        // The last header carries type -1 as well, but only this flag ends a multi (`MultiHeader.done`).
        if done != 0 {
            return Ok(MultiNext::End);
        }
        let op = OpCode(i32::from_be_bytes(op));
        let error = ErrorCode(i32::from_be_bytes([e0, e1, e2, e3]));
        let (fields, error) = match self.series {
            MultiSeries::Results => (result_fields(op, error), error),
            // A request's header has -1 where a result has its error: it means nothing.
            MultiSeries::Requests | MultiSeries::Single => (request_fields(op), ErrorCode::OK),
        };
        let Some(fields) = fields else { return Ok(MultiNext::Unknown(op)) };
        self.begin_record(op, fields, error);
        Ok(MultiNext::Record)
    }

    /// A fixed-size piece, gathered over chunk edges; None while it is not whole.
    #[inline]
    fn fixed<const N: usize>(&mut self, input: &mut WalkInput<'_>) -> Result<Option<[u8; N]>, DecodeFault> {
        if self.split_len == 0 {
            // Checked before anything is gathered: a frame that is too short is a fault at once, and does not wait
            // for bytes that belong to the next frame.
            if input.left < N as u32 {
                return Err(DecodeFault::FieldOverrun { op: self.op, need: N as u32, left: input.left });
            }
            // The usual case, without a copy through the buffer for split pieces.
            if let Some((head, rest)) = input.chunk.split_first_chunk::<N>() {
                input.chunk = rest;
                input.left -= N as u32;
                return Ok(Some(*head));
            }
        }
        // A piece that is cut: its bytes are gathered over as many chunks as it takes, one byte each if need be.
        let here = (N - self.split_len).min(input.chunk.len());
        self.split[self.split_len..self.split_len + here].copy_from_slice(input.take(here));
        self.split_len += here;
        if self.split_len < N {
            return Ok(None);
        }
        self.split_len = 0;
        Ok(self.split.first_chunk::<N>().copied())
    }

    /// A length in front of bytes that must fit into the frame; null (-1) reads as 0.
    #[inline]
    fn length(&mut self, input: &mut WalkInput<'_>) -> Result<Option<u32>, DecodeFault> {
        let Some(value) = self.fixed::<4>(input)?.map(i32::from_be_bytes) else { return Ok(None) };
        match u32::try_from(value) {
            // A length is believed only within its frame: nothing is ever reserved or skipped on the word of a peer
            // alone.
            Ok(len) if len > input.left => Err(DecodeFault::FieldOverrun { op: self.op, need: len, left: input.left }),
            Ok(len) => Ok(Some(len)),
            // Jute writes null buffers and vectors as -1.
            Err(_) if value == -1 => Ok(Some(0)),
            Err(_) => Err(DecodeFault::NegativeLength { op: self.op, value }),
        }
    }

    #[inline]
    fn field<'a>(
        &mut self,
        field: RecordField,
        input: &mut WalkInput<'a>,
        text: &mut &'a [u8],
    ) -> Result<WalkProgress, DecodeFault> {
        loop {
            let next = match (self.part, field) {
                (FieldPart::Start, RecordField::Int(place)) => {
                    let Some(bytes) = self.fixed::<4>(input)? else { return Ok(WalkProgress::NeedMore) };
                    self.ints[place] = i32::from_be_bytes(bytes);
                    return Ok(WalkProgress::Done);
                }
                (FieldPart::Start, RecordField::Flag) => {
                    let Some([byte]) = self.fixed::<1>(input)? else { return Ok(WalkProgress::NeedMore) };
                    self.ints[0] = i32::from(byte != 0);
                    return Ok(WalkProgress::Done);
                }
                // Known before it is read, so it is checked at once like a length that the peer gives.
                (FieldPart::Start, RecordField::Skip(len)) => {
                    if len > input.left {
                        return Err(DecodeFault::FieldOverrun { op: self.op, need: len, left: input.left });
                    }
                    FieldPart::Skipping(len)
                }
                (FieldPart::Start, _) => {
                    let Some(len) = self.length(input)? else { return Ok(WalkProgress::NeedMore) };
                    self.begin_counted(field, len)
                }
                (FieldPart::Capturing(len), _) => {
                    let here = (len as usize).min(input.chunk.len());
                    *text = input.take(here);
                    match len - here as u32 {
                        // The field ends with this chunk's bytes; an empty text ends here too, with nothing taken.
                        0 => return Ok(WalkProgress::Done),
                        left => {
                            self.part = FieldPart::Capturing(left);
                            return Ok(WalkProgress::NeedMore);
                        }
                    }
                }
                (FieldPart::Skipping(len), _) => match input.skip(len) {
                    0 => return Ok(WalkProgress::Done),
                    left => {
                        self.part = FieldPart::Skipping(left);
                        return Ok(WalkProgress::NeedMore);
                    }
                },
                (FieldPart::Items(0, _), _) => return Ok(WalkProgress::Done),
                (FieldPart::Items(items, part), _) => match self.item(field, items, part, input)? {
                    Some(next) => next,
                    None => return Ok(WalkProgress::NeedMore),
                },
                (FieldPart::ItemBytes { skip, items, part }, _) => match input.skip(skip) {
                    0 => after_item_bytes(field, items, part),
                    skip => {
                        self.part = FieldPart::ItemBytes { skip, items, part };
                        return Ok(WalkProgress::NeedMore);
                    }
                },
            };
            self.part = next;
        }
    }

    /// What follows the length or count in front of a field.
    #[inline]
    fn begin_counted(&mut self, field: RecordField, len: u32) -> FieldPart {
        match field {
            RecordField::Text => FieldPart::Capturing(len),
            RecordField::Acls => FieldPart::Items(len, 0),
            RecordField::Strings => {
                // The count is what is wanted of a list; its strings are skipped one by one only to find its end.
                self.items = self.items.saturating_add(len);
                FieldPart::Items(len, 0)
            }
            RecordField::Opaque | RecordField::Int(_) | RecordField::Flag | RecordField::Skip(_) => {
                self.data_len = self.data_len.saturating_add(len);
                FieldPart::Skipping(len)
            }
        }
    }

    /// The next piece of a vector item: ACL entries are 4 bytes and two strings, others one string.
    fn item(
        &mut self,
        field: RecordField,
        items: u32,
        part: u8,
        input: &mut WalkInput<'_>,
    ) -> Result<Option<FieldPart>, DecodeFault> {
        let skip = match (field, part) {
            // Permissions: nothing stands behind them, so nothing is skipped.
            (RecordField::Acls, 0) => self.fixed::<4>(input)?.map(|_| 0),
            _ => self.length(input)?,
        };
        Ok(skip.map(|skip| FieldPart::ItemBytes { skip, items, part }))
    }
}

/// Where a vector goes on once a piece of an item was read.
fn after_item_bytes(field: RecordField, items: u32, part: u8) -> FieldPart {
    let last = if field == RecordField::Acls { 2 } else { 0 };
    if part == last { FieldPart::Items(items - 1, 0) } else { FieldPart::Items(items, part + 1) }
}
