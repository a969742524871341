//! Blocks of a pcapng file (draft-ietf-opsawg-pcapng): one section, one interface of raw IP, packets with comments.

use std::io::{self, Write};

/// `LINKTYPE_RAW`: packets begin with their IP header.
const RAW_IP: u16 = 101;
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Option `opt_comment`.
const COMMENT: u16 = 1;
/// Longest comment, in bytes.
const COMMENT_BYTES: usize = 1024;

/// Writes blocks.
#[derive(Debug)]
pub(super) struct BlockWriter<W> {
    out: W,
}

impl<W: Write> BlockWriter<W> {
    /// Writes what stands before the first packet.
    pub(super) fn begin(out: W) -> io::Result<Self> {
        let mut writer = Self { out };
        let mut section = Vec::new();
        section.extend(BYTE_ORDER.to_le_bytes());
        // Version 1.0, and a length that is not said.
        section.extend([1, 0, 0, 0]);
        section.extend(u64::MAX.to_le_bytes());
        writer.block(SECTION_HEADER, &section)?;
        let mut interface = Vec::new();
        interface.extend(RAW_IP.to_le_bytes());
        // Nothing reserved, no limit of a packet's length.
        interface.extend([0; 6]);
        writer.block(INTERFACE, &interface)?;
        Ok(writer)
    }

    /// Writes a packet of which perhaps not all bytes are there, with microseconds since 1970.
    pub(super) fn packet(&mut self, at_us: u64, bytes: &[u8], wire_len: u32, comment: &str) -> io::Result<()> {
        let comment = crate::text::beginning(comment, COMMENT_BYTES);
        let mut body = Vec::with_capacity(64 + bytes.len() + comment.len());
        body.extend(0_u32.to_le_bytes());
        body.extend(((at_us >> 32) as u32).to_le_bytes());
        body.extend((at_us as u32).to_le_bytes());
        body.extend((bytes.len() as u32).to_le_bytes());
        body.extend(wire_len.to_le_bytes());
        body.extend(bytes);
        pad(&mut body);
        body.extend(COMMENT.to_le_bytes());
        body.extend((comment.len() as u16).to_le_bytes());
        body.extend(comment.as_bytes());
        pad(&mut body);
        // The end of the options.
        body.extend([0; 4]);
        self.block(ENHANCED_PACKET, &body)
    }

    /// What was written so far.
    #[cfg(test)]
    pub(super) fn into_inner(self) -> W {
        self.out
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        // Kind, length, body, length again.
        let len = (body.len() as u32 + 12).to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len)?;
        self.out.write_all(body)?;
        self.out.write_all(&len)
    }
}

/// To a multiple of four bytes.
fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
