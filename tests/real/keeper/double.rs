//! A double of ClickHouse's Keeper, as its sources describe it; there is no binary of it to be had. What it is worth is
//! shown by ClickHouse's own client, which accepts it.
//!
//! Sessions are counted from 1 over all servers, passwords are zeros, a close is not answered, an unknown operation ends
//! the connection, and a server without a leader answers version 42.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use zoogate::wire::{Dialect, JuteReader, JuteWriter};

use super::blocks;
use super::tree::{Tree, UNKNOWN, op};
use crate::support::{ports, wait};

/// The timeouts that Keeper allows, in milliseconds.
const TIMEOUTS: std::ops::RangeInclusive<i32> = 10_000..=100_000;

/// Three Keepers with one tree.
pub(crate) struct Keepers {
    servers: Vec<Arc<Server>>,
}

struct Cluster {
    tree: Tree,
    sessions: i64,
    /// A word in the next request that is not to be answered.
    swallows: Option<&'static [u8]>,
}

struct Server {
    address: SocketAddr,
    cluster: Arc<Mutex<Cluster>>,
    leads: bool,
    /// Whether it refuses whoever comes.
    refuses: AtomicBool,
    /// Those that were given a session and are open, by their clients.
    connections: Mutex<HashMap<SocketAddr, TcpStream>>,
}

impl Keepers {
    pub(crate) fn start() -> Self {
        let cluster = Arc::new(Mutex::new(Cluster { tree: Tree::new(), sessions: 0, swallows: None }));
        let server = |index| {
            let bind = || TcpListener::bind(ports::loopback(ports::free())).ok();
            let listener = wait::until("a port to listen on", wait::PATIENCE, bind);
            let server = Arc::new(Server {
                address: listener.local_addr().expect("a listener has an address"),
                cluster: Arc::clone(&cluster),
                leads: index == 0,
                refuses: AtomicBool::new(false),
                connections: Mutex::default(),
            });
            let taking = Arc::clone(&server);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let server = Arc::clone(&taking);
                    // A connection that fails is over, and that is all that there is to it.
                    thread::spawn(move || drop(server.serve(stream)));
                }
            });
            server
        };
        Self { servers: (0..3).map(server).collect() }
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// Lets a server lose its leader, or find one: it refuses all who come and ends all who are there.
    pub(crate) fn refuse(&self, index: usize, refuses: bool) {
        let server = &self.servers[index];
        server.refuses.store(refuses, Ordering::SeqCst);
        if refuses {
            for stream in lock(&server.connections).values() {
                // One that has ended already needs no end.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Leaves the next request that holds this word unanswered, once.
    pub(crate) fn swallow(&self, word: &'static [u8]) {
        lock(&self.servers[0].cluster).swallows = Some(word);
    }

    /// The server that carries most connections.
    pub(crate) fn busiest(&self) -> usize {
        let open = |index: &usize| lock(&self.servers[*index].connections).len();
        (0..self.servers.len()).max_by_key(open).expect("three servers")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        if head.is_ascii() && head[0] != 0 {
            return self.word(head, stream);
        }
        let Some((dialect, timeout_ms)) = handshake(&mut stream)? else { return Ok(()) };
        let timeout_ms = timeout_ms.clamp(*TIMEOUTS.start(), *TIMEOUTS.end());
        if self.refuses.load(Ordering::SeqCst) {
            return stream.write_all(&answer(42, timeout_ms, -1));
        }
        let session = {
            let mut cluster = lock(&self.cluster);
            cluster.sessions += 1;
            cluster.sessions
        };
        stream.write_all(&answer(dialect.version, timeout_ms, session))?;
        let client = stream.peer_addr()?;
        lock(&self.connections).insert(client, stream.try_clone()?);
        let outcome = Talk { stream, dialect, unread: Vec::new() }.hold(&self.cluster, session);
        lock(&self.connections).remove(&client);
        lock(&self.cluster).tree.forget(session);
        outcome
    }

    fn word(&self, word: [u8; 4], mut stream: TcpStream) -> io::Result<()> {
        let text = match &word {
            b"ruok" => "imok".to_owned(),
            b"srvr" if self.refuses.load(Ordering::SeqCst) => {
                "This instance is not currently serving requests".to_owned()
            }
            b"srvr" => format!(
                "ClickHouse Keeper version: v26.9.2.1-stable\nLatency min/avg/max: 0/0/0\nReceived: 1\nSent: 1\n\
                 Connections: 1\nOutstanding: 0\nZxid: {:#x}\nMode: {}\nNode count: 9\n",
                lock(&self.cluster).tree.zxid,
                if self.leads { "leader" } else { "follower" }
            ),
            _ => return Ok(()),
        };
        stream.write_all(text.as_bytes())
    }
}

/// Reads a ConnectRequest: the extra bytes of a version are read because of it, whatever the length says.
fn handshake(stream: &mut TcpStream) -> io::Result<Option<(Dialect, i32)>> {
    let mut version = [0; 4];
    stream.read_exact(&mut version)?;
    let version = i32::from_be_bytes(version);
    let mut flag = |wanted: bool| -> io::Result<bool> {
        let mut byte = [0];
        if wanted {
            stream.read_exact(&mut byte)?;
        }
        Ok(byte == [1])
    };
    let wide_xids = flag(version == 12)? || version == 11;
    let compressed = flag(matches!(version, 11 | 12))? || version == 10;
    let mut rest = [0; 8 + 4 + 8 + 4 + 16 + 1];
    stream.read_exact(&mut rest)?;
    let timeout_ms = i32::from_be_bytes([rest[8], rest[9], rest[10], rest[11]]);
    let known = matches!(version, 0 | 10 | 11 | 12);
    Ok(known.then_some((Dialect { version, wide_xids, compressed, traced: version == 12 }, timeout_ms)))
}

/// A ConnectResponse, which never has the last byte.
fn answer(version: i32, timeout_ms: i32, session: i64) -> Vec<u8> {
    JuteWriter::new().begin().int(version).int(timeout_ms).long(session).buffer(&[0; 16]).end().into_bytes()
}

/// A connection behind its handshake.
struct Talk {
    stream: TcpStream,
    dialect: Dialect,
    /// What was unpacked and is not read yet.
    unread: Vec<u8>,
}

impl Talk {
    fn hold(mut self, cluster: &Mutex<Cluster>, session: i64) -> io::Result<()> {
        loop {
            let length = self.bytes(4)?;
            let len = JuteReader::new(&length).int().and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
            let frame = self.bytes(len)?;
            self.pass_context()?;
            let mut body = JuteReader::new(&frame);
            let xid = if self.dialect.wide_xids { body.long() } else { body.int().map(i64::from) };
            let (Some(xid), Some(code)) = (xid, body.int()) else { return Ok(()) };
            if code == op::CLOSE {
                return Ok(());
            }
            let (outcome, zxid) = {
                let mut cluster = lock(cluster);
                let held = |word: &&[u8]| frame.windows(word.len()).any(|part| part == *word);
                if cluster.swallows.as_ref().is_some_and(held) {
                    cluster.swallows = None;
                    continue;
                }
                (cluster.tree.carry_out(session, code, &mut body), cluster.tree.zxid)
            };
            let (error, body) = match outcome {
                Ok(body) => (0, body),
                Err(UNKNOWN) => return Ok(()),
                Err(error) => (error, Vec::new()),
            };
            let reply = JuteWriter::new().begin();
            let reply = if self.dialect.wide_xids { reply.long(xid) } else { reply.int(xid as i32) };
            self.send(&reply.long(zxid).int(error).raw(&body).end().into_bytes())?;
        }
    }

    fn pass_context(&mut self) -> io::Result<()> {
        if self.dialect.traced && self.bytes(1)? == [1] {
            for _ in 0..4 {
                while self.bytes(1)? != b"\n" {}
            }
        }
        Ok(())
    }

    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        if !self.dialect.compressed {
            let mut bytes = vec![0; count];
            self.stream.read_exact(&mut bytes)?;
            return Ok(bytes);
        }
        while self.unread.len() < count {
            let block = blocks::read(&mut self.stream)?;
            self.unread.extend(block);
        }
        Ok(self.unread.drain(..count).collect())
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        if self.dialect.compressed {
            return self.stream.write_all(&blocks::pack(frame));
        }
        self.stream.write_all(frame)
    }
}
