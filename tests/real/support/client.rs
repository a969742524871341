//! A ZooKeeper client of raw sockets that does nothing by itself: no pings, no reconnects, no order imposed.
//!
//! Real clients hide what these tests are about: which bytes came, and how exactly a connection ended.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::frames::{Fields, Frame, PING_XID, op};
use super::wait::{self, PATIENCE};

/// The timeout that sessions ask for unless a test is about timeouts: nothing expires while a test looks elsewhere.
pub(crate) const TIMEOUT_MS: i32 = 40_000;

/// What a client must show to come back to its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) session: i64,
    pub(crate) password: Vec<u8>,
    pub(crate) last_zxid: i64,
    pub(crate) timeout_ms: i32,
}

impl Credentials {
    fn fresh() -> Self {
        Self { session: 0, password: vec![0; 16], last_zxid: 0, timeout_ms: TIMEOUT_MS }
    }

    /// The session id as zoogate and ZooKeeper print it.
    pub(crate) fn id(&self) -> String {
        format!("0x{:x}", self.session)
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side closed it in order.
    Fin,
    /// It was reset.
    Reset,
}

/// What came next from the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    /// A whole frame, without its length.
    Frame(Vec<u8>),
    /// The end, with this many bytes of an unfinished frame before it.
    End(End, usize),
    /// Nothing within the deadline.
    Silence,
}

/// What a ConnectRequest led to.
#[derive(Debug)]
pub(crate) enum Greeting {
    /// The session is on this connection now.
    Accepted(Client),
    /// A ConnectResponse with timeout 0: expired, unknown, or a wrong password.
    Refused,
    /// The connection ended without a ConnectResponse.
    Ended,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) xid: i32,
    pub(crate) zxid: i64,
    pub(crate) error: i32,
    pub(crate) body: Vec<u8>,
}

/// A TCP connection that cuts what it reads into frames.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    unread: Vec<u8>,
    ended: Option<End>,
}

impl Link {
    /// Connects, and says how it went wrong where it did.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Self::open_within(address, PATIENCE)
    }

    /// The same with a limit.
    pub(crate) fn open_within(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        Self::bound(address.ip(), address, limit)
    }

    /// Connects from this local address, as a client on another machine would come from another one.
    fn open_from(source: IpAddr, address: SocketAddr) -> io::Result<Self> {
        Self::bound(source, address, PATIENCE)
    }

    /// The port is chosen before the connect: left to the connect, sockets to different ports of zoogate may get one
    /// local port, and tests know connections by it.
    fn bound(source: IpAddr, address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        socket.connect_timeout(&address.into(), limit)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new(), ended: None })
    }

    /// Writes bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A connection that the other side has ended shows that in what is read from it.
        let _ = self.stream.write_all(bytes);
    }

    /// The next frame, the end, or silence for as long as `patience`.
    pub(crate) fn receive(&mut self, patience: Duration) -> Received {
        let start = Instant::now();
        loop {
            if let Some(frame) = self.cut() {
                return Received::Frame(frame);
            }
            if let Some(end) = self.ended {
                return Received::End(end, self.unread.len());
            }
            let Some(left) = patience.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) else {
                return Received::Silence;
            };
            self.stream.set_read_timeout(Some(left)).expect("set a read timeout");
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => self.ended = Some(End::Fin),
                Ok(count) => self.unread.extend(&chunk[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => self.ended = Some(End::Reset),
            }
        }
    }

    /// This end's local address, as the other side sees it.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket has an address")
    }

    /// Waits for the length of the next frame, and hangs up without reading on.
    pub(crate) fn hang_up_at_length(mut self) -> usize {
        self.stream.set_read_timeout(Some(PATIENCE)).expect("set a read timeout");
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("the length of a reply");
        usize::try_from(i32::from_be_bytes(length)).expect("a length of 0 or more")
    }

    /// Ends the connection in order, telling ZooKeeper nothing.
    pub(crate) fn abandon(self) {
        // Where the other side was first there is nothing left to shut down.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn cut(&mut self) -> Option<Vec<u8>> {
        let (length, rest) = self.unread.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).expect("a server's frame has a length of 0 or more");
        let frame = rest.get(..length)?.to_vec();
        self.unread.drain(..4 + length);
        Some(frame)
    }
}

/// A connection on which a session was established.
#[derive(Debug)]
pub(crate) struct Client {
    link: Link,
    credentials: Credentials,
    next_xid: i32,
}

impl Client {
    /// Opens a new session.
    pub(crate) fn create_session(address: SocketAddr) -> Self {
        Self::attach(address, &Credentials::fresh())
    }

    /// Opens a new session that may be silent for `timeout_ms`.
    pub(crate) fn create_session_with_timeout(address: SocketAddr, timeout_ms: i32) -> Self {
        Self::attach(address, &Credentials { timeout_ms, ..Credentials::fresh() })
    }

    /// Attaches to a session that must be accepted.
    ///
    /// A server that has not caught up with what the client has seen turns it away without an answer, and a port is
    /// closed for as long as the server behind it has not been seen; like any client this one asks again.
    pub(crate) fn attach(address: SocketAddr, credentials: &Credentials) -> Self {
        Self::insist(|| match Self::claim(address, credentials) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Greeting::Ended,
            claimed => Self::greeting(address, claimed, credentials),
        })
    }

    fn insist(mut attempt: impl FnMut() -> Greeting) -> Self {
        wait::until("a server to accept a session", PATIENCE, || match attempt() {
            Greeting::Accepted(client) => Some(client),
            Greeting::Ended => None,
            Greeting::Refused => panic!("the session was refused"),
        })
    }

    /// Attaches to a session, whatever comes of it.
    pub(crate) fn try_attach(address: SocketAddr, credentials: &Credentials) -> Greeting {
        Self::greeting(address, Self::claim(address, credentials), credentials)
    }

    fn greeting(address: SocketAddr, claimed: io::Result<Link>, credentials: &Credentials) -> Greeting {
        match claimed {
            Ok(link) => Self::hear(link, credentials),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Greeting::Ended,
            Err(error) => panic!("cannot connect to {address}: {error}"),
        }
    }

    /// As [`attach`](Self::attach), from a local address of its own.
    pub(crate) fn attach_from(source: IpAddr, address: SocketAddr, credentials: &Credentials) -> Self {
        Self::insist(|| {
            let link = Link::open_from(source, address).expect("connect from another local address");
            Self::hear(Self::ask(link, credentials), credentials)
        })
    }

    /// Asks for a new session, whatever comes of it.
    pub(crate) fn try_create_session(address: SocketAddr) -> Greeting {
        Self::try_attach(address, &Credentials::fresh())
    }

    /// Sends a ConnectRequest and waits for nothing.
    pub(crate) fn claim(address: SocketAddr, credentials: &Credentials) -> io::Result<Link> {
        Ok(Self::ask(Link::open(address)?, credentials))
    }

    fn ask(mut link: Link, credentials: &Credentials) -> Link {
        let Credentials { session, password, last_zxid, timeout_ms } = credentials;
        link.send(&Frame::connect(*last_zxid, *timeout_ms, *session, password).bytes());
        link
    }

    /// What a ConnectRequest that was sent leads to.
    pub(crate) fn hear(mut link: Link, credentials: &Credentials) -> Greeting {
        match link.receive(PATIENCE) {
            Received::Frame(frame) => {
                let mut fields = Fields(&frame);
                let _version = fields.int();
                let timeout_ms = fields.int();
                let session = fields.long();
                let password = fields.buffer().to_vec();
                if timeout_ms <= 0 {
                    return Greeting::Refused;
                }
                let credentials = Credentials { session, password, timeout_ms, last_zxid: credentials.last_zxid };
                Greeting::Accepted(Self { link, credentials, next_xid: 1 })
            }
            Received::End(_, 0) => Greeting::Ended,
            other => panic!("no ConnectResponse for session {}: {other:?}", credentials.id()),
        }
    }

    /// What it takes to come back to this session as of now.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// This end's address.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.link.local_address()
    }

    /// The connection below.
    pub(crate) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// The connection and what it takes to come back, for someone else to go on with.
    pub(crate) fn into_parts(self) -> (Link, Credentials) {
        (self.link, self.credentials)
    }

    /// Leaves the connection without closing the session.
    pub(crate) fn hang_up_at_length(self) -> usize {
        self.link.hang_up_at_length()
    }

    /// Leaves its connection, not its session.
    pub(crate) fn abandon(self) {
        self.link.abandon();
    }

    /// The head of the next request.
    pub(crate) fn request(&mut self, operation: i32) -> Frame {
        let xid = if operation == op::PING {
            PING_XID
        } else {
            self.next_xid += 1;
            self.next_xid - 1
        };
        Frame::request(xid, operation)
    }

    /// Sends a request without waiting.
    pub(crate) fn send(&mut self, frame: Frame) {
        self.link.send(&frame.bytes());
    }

    /// The next reply, which must come.
    pub(crate) fn reply(&mut self) -> Reply {
        match self.link.receive(PATIENCE) {
            Received::Frame(frame) => {
                let mut fields = Fields(&frame);
                let (xid, zxid, error) = (fields.int(), fields.long(), fields.int());
                if xid > 0 {
                    self.credentials.last_zxid = self.credentials.last_zxid.max(zxid);
                }
                Reply { xid, zxid, error, body: fields.0.to_vec() }
            }
            other => panic!("no reply for session {}: {other:?}", self.credentials.id()),
        }
    }

    /// The connection must end in order, with no byte before that.
    pub(crate) fn expect_fin(&mut self) {
        let received = self.link.receive(PATIENCE);
        assert_eq!(received, Received::End(End::Fin, 0), "session {}", self.credentials.id());
    }

    /// The connection must end, one way or the other, with no byte before that.
    pub(crate) fn expect_end(&mut self) {
        let received = self.link.receive(PATIENCE);
        assert!(matches!(received, Received::End(_, 0)), "session {}: {received:?}", self.credentials.id());
    }

    /// The connection must end once what was on its way has come.
    pub(crate) fn expect_end_after_replies(&mut self) {
        loop {
            match self.link.receive(PATIENCE) {
                Received::Frame(_) => {}
                Received::End(_, 0) => return,
                other => panic!("session {}: {other:?}", self.credentials.id()),
            }
        }
    }

    /// Sends a create and returns its error code.
    pub(crate) fn create(&mut self, path: &str, data: &[u8], kind: Kind) -> i32 {
        let frame = self.request(op::CREATE).create(path, data, kind as i32);
        self.exchange(frame).error
    }

    /// Reads a node that must be there.
    pub(crate) fn get_data(&mut self, path: &str) -> Vec<u8> {
        let frame = self.request(op::GET_DATA).text(path).bool(false);
        let reply = self.exchange(frame);
        assert_eq!(reply.error, 0, "getData {path}");
        Fields(&reply.body).buffer().to_vec()
    }

    /// Sends a getData without waiting.
    pub(crate) fn send_get_data(&mut self, path: &str) {
        let frame = self.request(op::GET_DATA).text(path).bool(false);
        self.send(frame);
    }

    /// Sends a setData, whatever the version, without waiting.
    pub(crate) fn send_set_data(&mut self, path: &str, data: &[u8]) {
        let frame = self.request(op::SET_DATA).text(path).buffer(data).int(-1);
        self.send(frame);
    }

    /// Writes a node that must be there.
    pub(crate) fn set_data(&mut self, path: &str, data: &[u8]) -> Reply {
        self.send_set_data(path, data);
        let reply = self.reply();
        assert_eq!(reply.error, 0, "setData {path}");
        reply
    }

    /// Sends the multi that Kafka's controller writes with (check, then setData, then once more), without waiting.
    pub(crate) fn send_multi(&mut self, path: &str, data: &[u8]) {
        let frame = self.request(op::MULTI).sub_operation(op::CHECK).text(path).int(-1);
        let frame = frame.sub_operation(op::SET_DATA).text(path).buffer(data).int(-1);
        let frame = frame.sub_operation(op::SET_DATA).text(path).buffer(data).int(-1).multi_end();
        self.send(frame);
    }

    /// Waits until this server has applied what the leader had committed.
    pub(crate) fn sync(&mut self, path: &str) {
        let frame = self.request(op::SYNC).text(path);
        assert_eq!(self.exchange(frame).error, 0, "sync {path}");
    }

    /// Sends a ping without waiting.
    pub(crate) fn send_ping(&mut self) {
        let frame = self.request(op::PING);
        self.send(frame);
    }

    /// Pings, which must be answered.
    pub(crate) fn ping(&mut self) {
        self.send_ping();
        assert_eq!(self.reply().xid, PING_XID);
    }

    /// Closes the session and reads the answer; the end of the connection follows.
    pub(crate) fn close_session(&mut self) {
        let frame = self.request(op::CLOSE_SESSION);
        assert_eq!(self.exchange(frame).error, 0, "closeSession");
    }

    /// Closes the session, whatever comes of it; whether the server answered.
    pub(crate) fn try_close_session(mut self) -> bool {
        let frame = self.request(op::CLOSE_SESSION);
        self.send(frame);
        matches!(self.link.receive(PATIENCE), Received::Frame(_))
    }

    fn exchange(&mut self, frame: Frame) -> Reply {
        self.send(frame);
        self.reply()
    }
}

/// The session that owns an ephemeral node as of now; `None` where there is no such node.
pub(crate) fn ephemeral_owner(address: SocketAddr, path: &str) -> Option<i64> {
    let mut client = Client::create_session(address);
    client.sync("/");
    let frame = client.request(op::GET_DATA).text(path).bool(false);
    let reply = client.exchange(frame);
    client.close_session();
    if reply.error != 0 {
        return None;
    }
    let mut fields = Fields(&reply.body);
    fields.buffer();
    // The owner comes behind four numbers of eight bytes and three of four.
    Some(Fields(&fields.0[4 * 8 + 3 * 4..]).long())
}

/// The kind of node that a create makes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// It stays.
    Persistent = 0,
    /// It goes with its session.
    Ephemeral = 1,
}

/// The result codes of a failed multi, in order.
pub(crate) fn multi_codes(reply: &Reply) -> Vec<i32> {
    let mut fields = Fields(&reply.body);
    let mut codes = Vec::new();
    loop {
        let kind = fields.int();
        let done = fields.bool();
        let _code = fields.int();
        if done {
            return codes;
        }
        assert_eq!(kind, -1, "a failed multi has error results only");
        codes.push(fields.int());
    }
}
