//! A small blocking ZooKeeper client: enough for the demo's load and for its mischief.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::ids::SessionId;
use crate::wire::handshake::ConnectResponse;
use crate::wire::{JuteReader, JuteWriter, OpCode};

/// Session timeout that the demo's clients ask for, in milliseconds.
const TIMEOUT_MS: i32 = 10_000;
/// How long an answer is awaited.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client with its session.
pub(super) struct DemoClient {
    socket: TcpStream,
    pub(super) session: SessionId,
    xid: i32,
}

impl DemoClient {
    /// Claims a session, or a new one, at an address.
    pub(super) fn attach(address: SocketAddr, session: SessionId) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { socket, session, xid: 0 };
        let password = if session.is_new() { [0; 16] } else { session.password() };
        let claim = JuteWriter::new().begin().int(0).long(0).int(TIMEOUT_MS).long(session.0).buffer(&password);
        client.socket.write_all(&claim.bool(false).end().into_bytes())?;
        let answer = client.frame()?;
        let answer = ConnectResponse::read(&answer).map_err(io::Error::other)?;
        if !answer.accepted() {
            return Err(io::Error::other("the session was refused"));
        }
        client.session = answer.session;
        Ok(client)
    }

    fn frame(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.socket.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.socket.read_exact(&mut frame)?;
        Ok(frame)
    }

    fn request(&mut self, op: OpCode) -> JuteWriter {
        self.xid += 1;
        JuteWriter::new().request(self.xid, op)
    }

    /// Sends a frame and waits for its reply. Returns the reply's error code.
    fn ask(&mut self, frame: JuteWriter) -> io::Result<i32> {
        self.socket.write_all(&frame.end().into_bytes())?;
        let reply = self.frame()?;
        let mut reply = JuteReader::new(&reply);
        let error = reply.int().and_then(|_| reply.long()).and_then(|_| reply.int());
        error.ok_or_else(|| io::Error::other("a reply without a header"))
    }

    /// Makes a node; flag 1 for one that goes with the session.
    pub(super) fn create(&mut self, path: &str, flags: i32) -> io::Result<i32> {
        let frame = self.request(OpCode::CREATE).buffer(path.as_bytes()).buffer(b"demo").open_acl().int(flags);
        self.ask(frame)
    }

    fn read(&mut self, path: &str) -> io::Result<i32> {
        let frame = self.request(OpCode::GET_DATA).buffer(path.as_bytes()).bool(false);
        self.ask(frame)
    }

    /// Replaces a node's content.
    pub(super) fn write(&mut self, path: &str) -> io::Result<i32> {
        let frame = self.request(OpCode::SET_DATA).buffer(path.as_bytes()).buffer(b"more").int(-1);
        self.ask(frame)
    }

    /// Reads and writes until it is to stop.
    pub(super) fn work(mut self, path: String, pause: Duration, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
        let stop = Arc::clone(stop);
        thread::spawn(move || {
            let mut round = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                round += 1;
                let asked = if round.is_multiple_of(4) { self.write(&path) } else { self.read(&path) };
                if asked.is_err() {
                    return;
                }
                thread::sleep(pause);
            }
        })
    }
}
