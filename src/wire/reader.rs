//! Reading jute fields out of a slice that holds them whole.
//!
//! For records that are held in one piece anyway: the handshake, golden frames, answers to our own probes. The
//! live stream is read by the [`scanner`](super::FrameScanner), which needs no whole frame.

/// A cursor over a slice; every read either returns what the bytes say or `None` where they end early.
#[derive(Clone, Copy, Debug)]
pub struct JuteReader<'a> {
    rest: &'a [u8],
}

impl<'a> JuteReader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    /// A 4-byte number.
    pub fn int(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// An 8-byte number.
    pub fn long(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// One byte; any value but 0 is true (`BinaryInputArchive.readBool`).
    pub fn bool(&mut self) -> Option<bool> {
        self.array::<1>().map(|[byte]| byte != 0)
    }

    /// `len` bytes as they are.
    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    /// A buffer or string with its length in front; a null one (-1) reads as empty.
    pub fn buffer(&mut self) -> Option<&'a [u8]> {
        match self.int()? {
            -1 => Some(&[]),
            len => self.bytes(usize::try_from(len).ok()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_no_more() {
        let mut reader = JuteReader::new(&[0, 0, 0, 2, b'/', b'a', 1, 255, 255, 255, 255]);
        assert_eq!(reader.buffer(), Some(b"/a".as_slice()));
        assert_eq!(reader.rest(), [1, 255, 255, 255, 255]);
        assert_eq!(reader.bool(), Some(true));
        assert_eq!(reader.buffer(), Some(b"".as_slice()));
        assert_eq!(reader.bool(), None);
    }

    #[test]
    fn hostile_lengths_read_as_nothing() {
        assert_eq!(JuteReader::new(&[0x7f, 255, 255, 255, 1]).buffer(), None);
        assert_eq!(JuteReader::new(&[255, 255, 255, 254, 1]).buffer(), None);
    }
}
