//! A TCP relay between two parts of a test whose path can be slowed down, cut without a word, or reset.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{SockFilter, SockRef};

use super::ports;

/// What happens to bytes, and to the end of a stream, on their way in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// They pass.
    Open,
    /// They pass this much later.
    Slow(Duration),
    /// They wait until the path is open again, as behind a network that drops packets.
    Silent,
}

/// The direction of bytes, seen from the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    /// From who connected to the relay.
    Up = 0,
    /// From whom the relay connected to.
    Down = 1,
}

/// What a read brought: bytes, none at the end, or a broken connection.
struct Arrival {
    at: Instant,
    bytes: Option<Vec<u8>>,
}

/// Reads that may wait in one direction.
const WAITING: usize = 256;

/// A relay in front of one address; its connections end with it.
#[derive(Debug)]
pub(crate) struct FaultRelay {
    address: SocketAddr,
    listener: TcpListener,
    state: Arc<RelayState>,
}

/// Returns at once, with nothing: a socket with this filter never sees what arrives, nor does its kernel acknowledge it.
const DROP_ALL: (u16, u32) = (0x06, 0);

/// Returns with nothing for a segment that carries bytes, whose length is more than its header's; others pass.
const DROP_BYTES: [(u16, u8, u8, u32); 9] = [
    (0x30, 0, 0, 12),
    (0x54, 0, 0, 0xf0),
    (0x74, 0, 0, 2),
    (0x07, 0, 0, 0),
    (0x80, 0, 0, 0),
    (0x1c, 0, 0, 0),
    (0x15, 1, 0, 0),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, u32::MAX),
];

#[derive(Debug, Default)]
struct RelayState {
    plan: Mutex<PathPlan>,
    changed: Condvar,
}

#[derive(Debug)]
struct PathPlan {
    paths: [Path; 2],
    /// Connections of an earlier count are reset.
    resets: u64,
    done: bool,
    streams: Vec<Arc<TcpStream>>,
}

impl Default for PathPlan {
    fn default() -> Self {
        Self { paths: [Path::Open; 2], resets: 0, done: false, streams: Vec::new() }
    }
}

impl FaultRelay {
    /// Listens on a port of its own, and passes on to `target`.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free())).expect("listen on loopback");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(RelayState::default());
        let shared = Arc::clone(&state);
        let accepting = listener.try_clone().expect("share a listener");
        thread::spawn(move || {
            for client in accepting.incoming().flatten() {
                if shared.plan().done {
                    return;
                }
                // A target that refuses shows to the client as an end.
                if let Ok(server) = TcpStream::connect(target) {
                    shared.join([client, server]);
                }
            }
        });
        Self { address, listener, state }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what happens in one direction, for connections that are there and for those to come.
    pub(crate) fn set(&self, leg: Leg, path: Path) {
        self.state.plan().paths[leg as usize] = path;
        self.state.changed.notify_all();
    }

    /// Both directions stop without a word.
    pub(crate) fn silence(&self) {
        self.set(Leg::Up, Path::Silent);
        self.set(Leg::Down, Path::Silent);
    }

    /// Packets of connections that stand are dropped, as by a firewall that has forgotten them; new ones get through.
    pub(crate) fn forget_connections(&self) {
        let plan = self.state.plan();
        plan.streams.iter().for_each(|stream| set_dropping(&SockRef::from(&**stream), true));
    }

    /// What is sent to clients is lost on its way to the relay; what they send comes through.
    pub(crate) fn lose_replies(&self) {
        let plan = self.state.plan();
        for stream in plan.streams.iter().skip(1).step_by(2) {
            let filter = DROP_BYTES.map(|(code, yes, no, value)| SockFilter::new(code, yes, no, value));
            SockRef::from(&**stream).attach_filter(&filter).expect("attach a filter to a socket");
        }
    }

    /// Every packet is dropped, connects included, as on a cable that is cut.
    pub(crate) fn cut(&self) {
        self.silence();
        set_dropping(&SockRef::from(&self.listener), true);
        self.forget_connections();
    }

    /// Every path is open again; what waited passes, or is sent again.
    pub(crate) fn heal(&self) {
        set_dropping(&SockRef::from(&self.listener), false);
        self.state.plan().streams.iter().for_each(|stream| set_dropping(&SockRef::from(&**stream), false));
        self.set(Leg::Up, Path::Open);
        self.set(Leg::Down, Path::Open);
    }

    /// Resets every connection, to both sides.
    pub(crate) fn reset(&self) {
        let mut plan = self.state.plan();
        plan.resets += 1;
        wake(&mut plan);
        drop(plan);
        self.state.changed.notify_all();
    }
}

impl Drop for FaultRelay {
    fn drop(&mut self) {
        self.state.plan().done = true;
        self.heal();
        self.reset();
        // Wakes the thread that waits for a connection; when that is gone already nothing needs waking.
        drop(TcpStream::connect(self.address));
    }
}

fn set_dropping(socket: &SockRef<'_>, dropping: bool) {
    let (code, value) = DROP_ALL;
    if dropping {
        socket.attach_filter(&[SockFilter::new(code, 0, 0, value)]).expect("attach a filter to a socket");
    } else {
        // There is nothing to detach where nothing was dropped.
        let _ = socket.detach_filter();
    }
}

/// Lets every thread that reads look up; nothing of this shows outside.
fn wake(plan: &mut PathPlan) {
    for stream in plan.streams.drain(..) {
        // A connection that is over needs no waking.
        let _ = stream.shutdown(Shutdown::Read);
    }
}

/// Reads until the stream ends, which is told as well.
fn gather(mut from: &TcpStream, sender: &SyncSender<Arrival>) {
    let mut chunk = [0; 16 * 1024];
    loop {
        let read = from.read(&mut chunk);
        let over = !matches!(read, Ok(1..));
        let bytes = read.ok().map(|length| chunk[..length].to_vec());
        // Nobody takes it when the connection was reset meanwhile.
        if sender.send(Arrival { at: Instant::now(), bytes }).is_err() || over {
            return;
        }
    }
}

impl RelayState {
    fn plan(&self) -> MutexGuard<'_, PathPlan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, pair: [TcpStream; 2]) {
        let [client, server] = pair.map(Arc::new);
        for stream in [&client, &server] {
            // A socket that is over already shows that to the thread that reads from it.
            let _ = stream.set_nodelay(true);
        }
        let mut plan = self.plan();
        let count = plan.resets;
        plan.streams.extend([Arc::clone(&client), Arc::clone(&server)]);
        drop(plan);
        let legs = [(Leg::Up, [Arc::clone(&client), Arc::clone(&server)]), (Leg::Down, [server, client])];
        for (leg, [from, to]) in legs {
            let state = Arc::clone(self);
            let (sender, receiver) = mpsc::sync_channel(WAITING);
            let source = Arc::clone(&from);
            thread::spawn(move || gather(&source, &sender));
            thread::spawn(move || {
                if !state.pump(leg, count, &receiver, &to) {
                    for stream in [&from, &to] {
                        // The last of the threads to let go of a socket resets it.
                        let _ = SockRef::from(&**stream).set_linger(Some(Duration::ZERO));
                    }
                }
            });
        }
    }

    /// Passes on until the stream ends; false when the connection is to be reset.
    fn pump(&self, leg: Leg, count: u64, arrivals: &Receiver<Arrival>, mut to: &TcpStream) -> bool {
        for Arrival { at, bytes } in arrivals {
            if !self.wait(leg, count, at) {
                return false;
            }
            match bytes {
                Some(bytes) if bytes.is_empty() => {
                    // The other side may have ended first.
                    let _ = to.shutdown(Shutdown::Write);
                    return true;
                }
                Some(bytes) if to.write_all(&bytes).is_ok() => {}
                Some(_) | None => return false,
            }
        }
        false
    }

    /// Waits with what came at that moment for as long as the path wants it; false when the connection is to be reset.
    fn wait(&self, leg: Leg, count: u64, begun: Instant) -> bool {
        let mut plan = self.plan();
        loop {
            if plan.resets != count {
                return false;
            }
            let left = match plan.paths[leg as usize] {
                Path::Open => return true,
                Path::Slow(delay) => delay.saturating_sub(begun.elapsed()),
                Path::Silent => Duration::MAX,
            };
            if left.is_zero() {
                return true;
            }
            let waited = self.changed.wait_timeout(plan, left.min(Duration::from_mins(10)));
            plan = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[test]
fn a_path_that_is_cut_answers_no_connect_and_passes_nothing_until_it_is_healed() {
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free())).expect("listen on loopback");
    let relay = FaultRelay::start(target.local_addr().expect("a listener has an address"));
    let mut client = TcpStream::connect(relay.address()).expect("connect to a relay");
    let (mut server, _) = target.accept().expect("the relay connects");
    let mut byte = [0];
    client.write_all(b"a").expect("write to a relay");
    server.read_exact(&mut byte).expect("read from a relay");

    relay.cut();
    client.write_all(b"b").expect("write to a cut path");
    server.set_read_timeout(Some(Duration::from_millis(300))).expect("set a read timeout");
    assert!(server.read_exact(&mut byte).is_err(), "a byte came through a cut path");
    let connect = TcpStream::connect_timeout(&relay.address(), Duration::from_millis(300));
    assert_eq!(connect.expect_err("a connect was answered").kind(), std::io::ErrorKind::TimedOut);

    relay.heal();
    server.set_read_timeout(None).expect("set a read timeout");
    server.read_exact(&mut byte).expect("what was cut is sent again");
    assert_eq!(byte, *b"b");
    TcpStream::connect(relay.address()).expect("connects are answered again");

    relay.reset();
    assert!(client.read(&mut byte).is_err(), "a connection was not reset");
}

#[test]
fn a_forgotten_connection_passes_nothing_and_a_new_one_does() {
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free())).expect("listen on loopback");
    let relay = FaultRelay::start(target.local_addr().expect("a listener has an address"));
    let mut old = TcpStream::connect(relay.address()).expect("connect to a relay");
    let (mut forgotten, _) = target.accept().expect("the relay connects");
    let mut byte = [0];
    old.write_all(b"a").expect("write to a relay");
    forgotten.read_exact(&mut byte).expect("read from a relay");

    relay.forget_connections();
    old.write_all(b"b").expect("write to a forgotten connection");
    forgotten.set_read_timeout(Some(Duration::from_millis(300))).expect("set a read timeout");
    assert!(forgotten.read_exact(&mut byte).is_err(), "a byte came through a forgotten connection");
    let mut new = TcpStream::connect(relay.address()).expect("connect to a relay");
    let (mut known, _) = target.accept().expect("the relay connects");
    new.write_all(b"c").expect("write to a relay");
    known.read_exact(&mut byte).expect("read from a relay");
    assert_eq!(byte, *b"c");
}
