//! A TCP relay between two parts of a test whose path can be slowed down, cut without a word, or reset.

use std::io::{Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

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
    listener: Arc<Socket>,
    state: Arc<RelayState>,
    /// Connects of its own that fill the backlog while it answers none.
    fill: Mutex<Vec<Socket>>,
}

#[derive(Debug, Default)]
struct RelayState {
    plan: Mutex<PathPlan>,
    changed: Condvar,
}

/// What connects meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// They are accepted.
    Open,
    /// They are not answered, as behind a network that drops packets.
    Deaf,
}

/// Connects that may wait to be accepted.
const BACKLOG: i32 = 64;

#[derive(Debug)]
struct PathPlan {
    paths: [Path; 2],
    door: Door,
    /// Connections of an earlier count are reset.
    resets: u64,
    done: bool,
    streams: Vec<Arc<TcpStream>>,
}

impl Default for PathPlan {
    fn default() -> Self {
        Self { paths: [Path::Open; 2], door: Door::Open, resets: 0, done: false, streams: Vec::new() }
    }
}

impl FaultRelay {
    /// Listens on a port of its own, and passes on to `target`.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = Arc::new(listen());
        let address = listener.local_addr().ok().and_then(|address| address.as_socket()).expect("a listener's address");
        let state = Arc::new(RelayState::default());
        let (shared, door) = (Arc::clone(&state), Arc::clone(&listener));
        thread::spawn(move || {
            while let Ok((client, _)) = door.accept() {
                if !shared.wait_open() {
                    return;
                }
                // A target that refuses shows to the client as an end.
                if let Ok(server) = TcpStream::connect(target) {
                    shared.join([client.into(), server]);
                }
            }
        });
        Self { address, listener, state, fill: Mutex::default() }
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

    /// Connects are not answered either: the machine behind it is off the network.
    pub(crate) fn deafen(&self) {
        self.state.plan().door = Door::Deaf;
        self.listener.listen(0).expect("shorten the backlog");
        let mut fill = self.fill.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..BACKLOG {
            let own = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            let answered = own.connect_timeout(&self.address.into(), Duration::from_millis(150));
            fill.push(own);
            if answered.is_err() {
                return;
            }
        }
    }

    /// Both directions are open again; what waited passes, and connects are answered.
    pub(crate) fn heal(&self) {
        let was = mem::replace(&mut self.state.plan().door, Door::Open);
        if was == Door::Deaf {
            self.fill.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.listener.listen(BACKLOG).expect("lengthen the backlog");
        }
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

fn listen() -> Socket {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.set_reuse_address(true).expect("use an address again");
    listener.bind(&ports::loopback(ports::free()).into()).expect("listen on loopback");
    listener.listen(BACKLOG).expect("listen on loopback");
    listener
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

    /// Waits until connects are answered; false when the relay is over.
    fn wait_open(&self) -> bool {
        let shut = |plan: &mut PathPlan| plan.door == Door::Deaf && !plan.done;
        !self.changed.wait_while(self.plan(), shut).unwrap_or_else(PoisonError::into_inner).done
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
