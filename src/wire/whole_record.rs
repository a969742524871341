//! Reading a record that stands whole in one chunk, as nearly all do.
//!
//! Not a second opinion about layouts: it reads the same fields as the [walk](super::record), must find the same
//! record or the same fault, and needs no memory of where it stands. That is what makes it worth having: it
//! takes a third of the walk's instructions.

use super::layout::RecordField;
use super::record::{DecodedRecord, RecordVisitor, capped};
use super::{DecodeFault, ErrorCode, OpCode};

/// Reads the fields of a frame's only record and shows it; `body` is the rest of the frame behind its head.
#[expect(
    clippy::inline_always,
    reason = "it is called in one loop for each kind of frame: there the record stays in registers"
)]
#[inline(always)]
pub(super) fn read_record<V: RecordVisitor>(
    op: OpCode,
    fields: &[RecordField],
    body: &[u8],
    visitor: &mut V,
) -> Result<(), DecodeFault> {
    let mut body = FrameBody { op, rest: body };
    // All in registers: unlike the walk this never has to remember where it stood.
    let mut record = DecodedRecord { op, path: &[], ints: [0; 2], data_len: 0, items: 0, error: ErrorCode::OK };
    for field in fields {
        match *field {
            RecordField::Text => record.path = capped(body.counted()?),
            // Java reads any byte but 0 as true (`DataInputStream.readBoolean`).
            RecordField::Flag => record.ints[0] = i32::from(body.fixed::<1>()? != [0]),
            RecordField::Int(place) => record.ints[place] = i32::from_be_bytes(body.fixed()?),
            RecordField::Skip(len) => drop(body.take(len)?),
            // Saturating, because a frame may hold several buffers whose lengths add up beyond 32 bits only when they
            // lie.
            RecordField::Opaque => record.data_len = record.data_len.saturating_add(body.counted()?.len() as u32),
            RecordField::Strings => record.items = record.items.saturating_add(body.strings()?),
            RecordField::Acls => body.acls()?,
        }
    }
    visitor.record(&record);
    Ok(())
}

/// What is left of the frame.
struct FrameBody<'a> {
    op: OpCode,
    rest: &'a [u8],
}

impl<'a> FrameBody<'a> {
    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeFault> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else { return Err(self.overrun(N as u32)) };
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    fn take(&mut self, len: u32) -> Result<&'a [u8], DecodeFault> {
        let Some((head, rest)) = self.rest.split_at_checked(len as usize) else { return Err(self.overrun(len)) };
        self.rest = rest;
        Ok(head)
    }

    /// A length or count, which at least as many bytes must follow; null (-1) reads as 0.
    #[inline]
    fn length(&mut self) -> Result<u32, DecodeFault> {
        let value = i32::from_be_bytes(self.fixed()?);
        match u32::try_from(value) {
            // As many bytes as items at least: so a count is bounded by the frame before any loop over it begins.
            Ok(len) if len as usize > self.rest.len() => Err(self.overrun(len)),
            Ok(len) => Ok(len),
            Err(_) if value == -1 => Ok(0),
            Err(_) => Err(DecodeFault::NegativeLength { op: self.op, value }),
        }
    }

    /// The bytes behind their length.
    #[inline]
    fn counted(&mut self) -> Result<&'a [u8], DecodeFault> {
        let len = self.length()?;
        self.take(len)
    }

    /// A vector of strings; how many there are.
    fn strings(&mut self) -> Result<u32, DecodeFault> {
        let count = self.length()?;
        for _ in 0..count {
            self.counted()?;
        }
        Ok(count)
    }

    /// A vector of ACL entries: permissions, scheme, id.
    fn acls(&mut self) -> Result<(), DecodeFault> {
        for _ in 0..self.length()? {
            self.fixed::<4>()?;
            self.counted()?;
            self.counted()?;
        }
        Ok(())
    }

    #[cold]
    fn overrun(&self, need: u32) -> DecodeFault {
        DecodeFault::FieldOverrun { op: self.op, need, left: self.rest.len() as u32 }
    }
}
