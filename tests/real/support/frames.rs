//! Jute frames as a ZooKeeper client writes them.
//!
//! Written apart from the proxy's own encoder on purpose: a fault shared by both sides of a test would not show.

/// Operation codes that the tests send.
pub(crate) mod op {
    pub(crate) const CREATE: i32 = 1;
    pub(crate) const EXISTS: i32 = 3;
    pub(crate) const GET_DATA: i32 = 4;
    pub(crate) const SET_DATA: i32 = 5;
    pub(crate) const SYNC: i32 = 9;
    pub(crate) const PING: i32 = 11;
    pub(crate) const CHECK: i32 = 13;
    pub(crate) const MULTI: i32 = 14;
    pub(crate) const CLOSE_SESSION: i32 = -11;
}

/// The xid of every ping.
pub(crate) const PING_XID: i32 = -2;

/// A frame under construction: the length comes first when it is finished.
#[derive(Debug, Default)]
pub(crate) struct Frame(Vec<u8>);

impl Frame {
    /// A request with its head; the body follows.
    pub(crate) fn request(xid: i32, operation: i32) -> Self {
        Self::default().int(xid).int(operation)
    }

    /// A ConnectRequest with the read-only byte, as Java clients write it.
    pub(crate) fn connect(last_zxid: i64, timeout_ms: i32, session: i64, password: &[u8]) -> Self {
        Self::default().int(0).long(last_zxid).int(timeout_ms).long(session).buffer(password).bool(false)
    }

    pub(crate) fn int(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, value: i64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn bool(mut self, value: bool) -> Self {
        self.0.push(u8::from(value));
        self
    }

    pub(crate) fn buffer(self, bytes: &[u8]) -> Self {
        let mut longer = self.int(bytes.len() as i32);
        longer.0.extend(bytes);
        longer
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.buffer(text.as_bytes())
    }

    /// The body of a create with the open ACL.
    pub(crate) fn create(self, path: &str, data: &[u8], flags: i32) -> Self {
        self.text(path).buffer(data).int(1).int(31).text("world").text("anyone").int(flags)
    }

    /// The head of one operation inside a multi.
    pub(crate) fn sub_operation(self, operation: i32) -> Self {
        self.int(operation).bool(false).int(-1)
    }

    /// What closes a multi.
    pub(crate) fn multi_end(self) -> Self {
        self.int(-1).bool(true).int(-1)
    }

    /// The bytes for the wire, length first.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut bytes = (self.0.len() as i32).to_be_bytes().to_vec();
        bytes.extend(self.0);
        bytes
    }
}

/// Reads fields from the front of a frame that a real server wrote.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn int(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().expect("four bytes"))
    }

    pub(crate) fn long(&mut self) -> i64 {
        i64::from_be_bytes(self.take(8).try_into().expect("eight bytes"))
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.take(1)[0] != 0
    }

    pub(crate) fn buffer(&mut self) -> &'a [u8] {
        let length = self.int();
        self.take(usize::try_from(length).unwrap_or(0))
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        assert!(self.0.len() >= count, "{count} bytes wanted, {} left in the frame", self.0.len());
        let (front, rest) = self.0.split_at(count);
        self.0 = rest;
        front
    }
}
