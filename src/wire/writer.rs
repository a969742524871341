//! Writing jute frames: for tests, the simulated ensemble and the demo's clients.
//!
//! The proxy itself never writes a ZooKeeper frame: it forwards those of others.

/// Builds one frame, or several one after the other.
#[derive(Default, Debug)]
pub struct JuteWriter {
    bytes: Vec<u8>,
    frame: usize,
}

impl JuteWriter {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a frame; its length is filled in by [`JuteWriter::end`].
    #[must_use]
    pub fn begin(mut self) -> Self {
        self.frame = self.bytes.len();
        self.bytes.extend([0; 4]);
        self
    }

    /// Begins a request frame with its header.
    #[must_use]
    pub fn request(self, xid: i32, op: super::OpCode) -> Self {
        self.begin().int(xid).int(op.0)
    }

    /// Begins a reply frame with its header.
    #[must_use]
    pub fn reply(self, xid: i32, zxid: i64, error: super::ErrorCode) -> Self {
        self.begin().int(xid).long(zxid).int(error.0)
    }

    /// Ends the frame begun last.
    #[must_use]
    pub fn end(mut self) -> Self {
        let len = (self.bytes.len() - self.frame - 4) as u32;
        self.bytes[self.frame..self.frame + 4].copy_from_slice(&len.to_be_bytes());
        self
    }

    /// A 4-byte number.
    #[must_use]
    pub fn int(mut self, value: i32) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// An 8-byte number.
    #[must_use]
    pub fn long(mut self, value: i64) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// One byte, 0 or 1.
    #[must_use]
    pub fn bool(mut self, value: bool) -> Self {
        self.bytes.push(u8::from(value));
        self
    }

    /// A buffer or string with its length in front.
    #[must_use]
    pub fn buffer(self, value: &[u8]) -> Self {
        let mut writer = self.int(value.len() as i32);
        writer.bytes.extend_from_slice(value);
        writer
    }

    /// A null buffer, string or vector.
    #[must_use]
    pub fn null(self) -> Self {
        self.int(-1)
    }

    /// Bytes as they are.
    #[must_use]
    pub fn raw(mut self, value: &[u8]) -> Self {
        self.bytes.extend_from_slice(value);
        self
    }

    /// A `MultiHeader`.
    #[must_use]
    pub fn multi_header(self, op: i32, done: bool, error: i32) -> Self {
        self.int(op).bool(done).int(error)
    }

    /// The `MultiHeader` that ends a multi.
    #[must_use]
    pub fn multi_end(self) -> Self {
        self.multi_header(-1, true, -1)
    }

    /// The one ACL entry `world:anyone` with all permissions.
    #[must_use]
    pub fn open_acl(self) -> Self {
        self.int(1).int(31).buffer(b"world").buffer(b"anyone")
    }

    /// A `Stat` of a fresh node; only `version` and `ephemeral_owner` vary.
    #[must_use]
    pub fn stat(self, zxid: i64, version: i32, ephemeral_owner: i64, data_len: i32) -> Self {
        let head = self.long(zxid).long(zxid).long(0).long(0).int(version).int(0).int(0);
        head.long(ephemeral_owner).int(data_len).int(0).long(zxid)
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multi_ends_with_the_header_that_zookeeper_puts_there() {
        // `MultiOperationRecord.serialize`: type -1, done, error -1.
        let end = JuteWriter::new().multi_end().into_bytes();
        assert_eq!(end, [255, 255, 255, 255, 1, 255, 255, 255, 255]);
    }
}
