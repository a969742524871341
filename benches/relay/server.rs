//! A ZooKeeper server that costs next to nothing, so that the proxy in front of it is what is measured.
//!
//! One thread, everything in memory, no quorum, no watches, no expiry: sessions are granted, `getData`
//! answers with as many bytes as the digits at the end of the path say, everything else with a bare
//! success, `srvr` with the lines that a prober reads. No allocation per operation: requests are read
//! into one buffer and answered from another, both shared by all connections; a connection owns bytes
//! only while a request is cut or the peer does not take its replies.

use crate::wire;
use anyhow::{Context, Result};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

const LISTENER: Token = Token(usize::MAX);
const READ_BUFFER_BYTES: usize = 256 * 1024;
/// A request longer than this is answered by its head, and its body is not kept.
const LONG_BYTES: usize = 64 * 1024;
/// Replies to nothing that a request for them brings.
pub(crate) const NOISE: i32 = 1_000;
/// First four bytes of the `srvr` command.
const SRVR: &[u8] = b"srvr";
/// The word that a prober asks first; anything but `imok` will do as an answer.
const RUOK: &[u8] = b"ruok";

/// Serves `address` until the process is killed.
pub(crate) fn serve(address: SocketAddr) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut server =
        Server { connections: Vec::new(), free: Vec::new(), replies: Replies::default(), unfinished: Vec::new() };
    let mut events = Events::with_capacity(1024);
    let mut input = vec![0; READ_BUFFER_BYTES];
    loop {
        // Whoever had more to say than one read brings has its next turn behind the others.
        let unfinished = std::mem::take(&mut server.unfinished);
        let patience = (!unfinished.is_empty()).then_some(Duration::ZERO);
        match poll.poll(&mut events, patience) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => other?,
        }
        for event in &events {
            if event.token() == LISTENER {
                server.accept(&listener, &poll)?;
            } else {
                server.serve(event.token().0, event.is_read_closed(), &mut input);
            }
        }
        for slot in unfinished {
            server.serve(slot, false, &mut input);
        }
    }
}

struct Server {
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    replies: Replies,
    /// Connections that may have more to say.
    unfinished: Vec<usize>,
}

impl Server {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    eprintln!("bench server: accept: {error}");
                    return Ok(());
                }
            };
            stream.set_nodelay(true)?;
            let slot = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            poll.registry().register(&mut stream, Token(slot), Interest::READABLE | Interest::WRITABLE)?;
            self.connections[slot] = Some(Connection::new(stream));
        }
    }

    fn serve(&mut self, slot: usize, read_closed: bool, input: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        match connection.on_event(read_closed, input, &mut self.replies) {
            Next::Wait => {}
            Next::Again => self.unfinished.push(slot),
            Next::Close => {
                self.connections[slot] = None;
                self.free.push(slot);
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Wait,
    Again,
    Close,
}

struct Connection {
    stream: TcpStream,
    /// The start of a request whose rest has not arrived.
    cut: Vec<u8>,
    /// Replies that the socket did not take.
    unsent: Vec<u8>,
    greeted: bool,
    closing: bool,
    /// Bytes of a long request, which was answered already, that are still to come.
    skip: usize,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self { stream, cut: Vec::new(), unsent: Vec::new(), greeted: false, closing: false, skip: 0 }
    }

    fn on_event(&mut self, read_closed: bool, input: &mut [u8], replies: &mut Replies) -> Next {
        if !self.unsent.is_empty() && !self.flush() {
            return Next::Wait;
        }
        if self.closing {
            return Next::Close;
        }
        let held = self.cut.len();
        input[..held].copy_from_slice(&self.cut);
        self.cut.clear();
        let read = match self.stream.read(&mut input[held..]) {
            Ok(0) => return Next::Close,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return Next::Close,
        };
        let filled = held + read;
        replies.out.clear();
        let used = self.answer(&input[..filled], replies);
        self.cut.extend_from_slice(&input[used..filled]);
        if !replies.out.is_empty() && !self.send(&replies.out) {
            return Next::Wait;
        }
        if self.closing {
            return Next::Close;
        }
        let drained = held + read < input.len() && !read_closed;
        if read == 0 || drained { Next::Wait } else { Next::Again }
    }

    /// Answers every whole request in `input`; returns the bytes it used.
    fn answer(&mut self, input: &[u8], replies: &mut Replies) -> usize {
        let mut at = self.skip.min(input.len());
        self.skip -= at;
        while !self.closing && input.len() - at >= 4 {
            let rest = &input[at..];
            if !self.greeted && (rest.starts_with(SRVR) || rest.starts_with(RUOK)) {
                replies.srvr();
                self.closing = true;
                return input.len();
            }
            let bytes = 4 + wire::number(rest, 0).max(0) as usize;
            if rest.len() < bytes {
                if self.greeted && bytes > LONG_BYTES && rest.len() >= 12 {
                    self.closing = replies.request(&rest[4..]);
                    self.skip = bytes - rest.len();
                    at = input.len();
                }
                break;
            }
            if self.greeted {
                self.closing = replies.request(&rest[4..bytes]);
            } else {
                self.greeted = true;
                replies.greet();
            }
            at += bytes;
        }
        at
    }

    /// True when everything was taken.
    fn send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write(bytes) {
            Ok(sent) if sent == bytes.len() => true,
            Ok(sent) => {
                self.unsent.extend_from_slice(&bytes[sent..]);
                self.flush()
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.unsent.extend_from_slice(bytes);
                false
            }
            Err(_) => {
                self.closing = true;
                true
            }
        }
    }

    fn flush(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent) => {
                    self.unsent.drain(..sent);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => {
                    self.closing = true;
                    self.unsent.clear();
                }
            }
        }
        true
    }
}

/// The replies of one read, and what they are made from.
#[derive(Default)]
struct Replies {
    out: Vec<u8>,
    /// The last `getData` reply, reused as a pattern while the size stays the same.
    pattern: Vec<u8>,
    sessions: i64,
    zxid: i64,
}

impl Replies {
    fn greet(&mut self) {
        self.sessions += 1;
        self.out.extend_from_slice(&wire::connect_response((1 << 56) | self.sessions));
    }

    /// True when the connection ends after this reply.
    fn request(&mut self, request: &[u8]) -> bool {
        if request.len() < 8 {
            return true;
        }
        let (xid, opcode) = (wire::number(request, 0), wire::number(request, 4));
        if opcode == wire::GET_DATA {
            self.get_data(xid, asked_bytes(request));
        } else if opcode == wire::ASK_FOR_NOISE {
            // Replies to nothing, and then the one that is waited for.
            (1..=NOISE).for_each(|more| wire::bare_reply(&mut self.out, i32::MAX - more, self.zxid));
            wire::bare_reply(&mut self.out, xid, self.zxid);
        } else {
            wire::bare_reply(&mut self.out, xid, self.zxid);
        }
        opcode == wire::CLOSE_SESSION
    }

    fn get_data(&mut self, xid: i32, data_bytes: usize) {
        if self.pattern.len() != wire::get_data_reply_bytes(data_bytes) {
            self.pattern = wire::get_data_reply(0, self.zxid, &vec![b'z'; data_bytes]);
        }
        let start = self.out.len();
        self.out.extend_from_slice(&self.pattern);
        self.out[start + 4..start + 8].copy_from_slice(&xid.to_be_bytes());
    }

    fn srvr(&mut self) {
        let text = "Zookeeper version: 3.9.3-bench, built on 2024-10-17 23:21 UTC\nLatency min/avg/max: 0/0.0/0\n\
                    Received: 1\nSent: 1\nConnections: 1\nOutstanding: 0\nZxid: 0x0\nMode: standalone\nNode count: 5\n";
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// The number at the end of the path of a `getData` (its last byte is the watch flag).
fn asked_bytes(request: &[u8]) -> usize {
    let mut bytes = 0;
    let mut unit = 1;
    for digit in request[..request.len() - 1].iter().rev().take_while(|byte| byte.is_ascii_digit()).take(7) {
        bytes += usize::from(digit - b'0') * unit;
        unit *= 10;
    }
    bytes
}
