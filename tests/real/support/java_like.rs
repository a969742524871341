//! A client that does what ZooKeeper's Java client does by itself: it gives an address its share of the timeout, pings,
//! gives a silent connection up, and comes back with its session after up to a second.
//!
//! The figures are those of `ClientCnxn`: an address has the timeout divided by the number of addresses to connect and
//! as much again to answer; a connection may be silent for two thirds of the timeout; a ping goes out after one third.

use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::{Credentials, Kind, Link, Received};
use super::frames::{Fields, Frame, PING_XID, op};

/// How often it looks for orders.
const STEP: Duration = Duration::from_millis(10);
/// The longest pause before it comes back, in milliseconds.
const LONGEST_PAUSE_MS: u64 = 1000;

/// What a client is to do.
#[derive(Debug, Clone)]
pub(crate) struct Journey {
    /// In the order in which it walks through them.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The timeout that it asks for.
    pub(crate) timeout_ms: i32,
    /// The ephemeral node that it makes where it has none, and writes to.
    pub(crate) path: String,
    /// How long it waits before it comes back for the first time; later pauses are drawn.
    pub(crate) first_pause: Duration,
    /// From one answer to the next write; the first write of a connection goes out at once.
    pub(crate) write_every: Duration,
}

/// What the test tells a crowd of clients.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    cuts: AtomicU64,
    over: AtomicBool,
}

impl Orders {
    /// Every connection ends now; who has no session yet sets out.
    pub(crate) fn cut(&self) {
        self.cuts.fetch_add(1, Ordering::SeqCst);
    }
}

/// What has happened to a client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Diary {
    /// Its session; 0 for none yet.
    pub(crate) session: i64,
    /// ConnectRequests that it sent.
    pub(crate) claims: usize,
    /// Those of them that the other side ended without an answer.
    pub(crate) turned_away: usize,
    /// Those of them that it gave up itself.
    pub(crate) given_up: usize,
    /// Connections on which it was silent for too long.
    pub(crate) silences: usize,
    /// Connections that the other side ended before the first write on them was answered.
    pub(crate) first_writes_lost: usize,
    /// Connections that the other side ended under a later write.
    pub(crate) later_writes_lost: usize,
    /// This end's addresses of all connections that the other side ended under a write.
    pub(crate) lost_from: Vec<SocketAddr>,
    /// Connections that the other side ended while nothing was asked.
    pub(crate) idle_ends: usize,
    /// Whether it was told that its session is over.
    pub(crate) expired: bool,
    /// Answered writes on the connection of now; 0 without one.
    pub(crate) answered: usize,
    /// Everything in order, for people.
    pub(crate) story: Vec<String>,
}

/// A running client.
#[derive(Debug)]
pub(crate) struct JavaLikeClient {
    diary: Arc<Mutex<Diary>>,
    orders: Arc<Orders>,
    thread: Option<JoinHandle<()>>,
}

impl JavaLikeClient {
    /// Goes on with a session on a connection that is there.
    pub(crate) fn carry_on(journey: Journey, orders: &Arc<Orders>, link: Link, credentials: Credentials) -> Self {
        Self::start(journey, orders, Some(link), credentials)
    }

    /// Has no session yet, and asks for one after the next cut.
    pub(crate) fn newcomer(journey: Journey, orders: &Arc<Orders>) -> Self {
        let credentials =
            Credentials { session: 0, password: vec![0; 16], last_zxid: 0, timeout_ms: journey.timeout_ms };
        Self::start(journey, orders, None, credentials)
    }

    fn start(journey: Journey, orders: &Arc<Orders>, link: Option<Link>, credentials: Credentials) -> Self {
        let diary = Arc::new(Mutex::new(Diary { session: credentials.session, ..Diary::default() }));
        let walk = Walk {
            seed: journey.path.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte)),
            pause: Some(journey.first_pause),
            journey,
            has_node: link.is_some(),
            credentials,
            orders: Arc::clone(orders),
            seen_cuts: orders.cuts.load(Ordering::SeqCst),
            next_address: 0,
            next_xid: 1000,
            diary: Arc::clone(&diary),
            begun: Instant::now(),
        };
        Self { diary, orders: Arc::clone(orders), thread: Some(thread::spawn(move || walk.run(link))) }
    }

    /// What has happened to it so far.
    pub(crate) fn diary(&self) -> Diary {
        lock(&self.diary).clone()
    }
}

impl Drop for JavaLikeClient {
    fn drop(&mut self) {
        self.orders.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "a client fell over");
        }
    }
}

fn lock(diary: &Mutex<Diary>) -> MutexGuard<'_, Diary> {
    diary.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Walk {
    journey: Journey,
    credentials: Credentials,
    /// Whether the node that it writes to is there.
    has_node: bool,
    orders: Arc<Orders>,
    seen_cuts: u64,
    /// The pause that was ordered for its next return.
    pause: Option<Duration>,
    seed: u64,
    next_address: usize,
    next_xid: i32,
    diary: Arc<Mutex<Diary>>,
    begun: Instant,
}

impl Walk {
    fn run(mut self, mut link: Option<Link>) {
        if link.is_none() {
            while !self.cut() && !self.over() {
                thread::sleep(STEP);
            }
        }
        loop {
            if let Some(link) = link.take() {
                self.live(link);
            }
            if self.over() || lock(&self.diary).expired {
                return;
            }
            self.rest();
            link = self.connect();
        }
    }

    fn over(&self) -> bool {
        self.orders.over.load(Ordering::SeqCst)
    }

    /// Whether there was a cut since it was last asked for.
    fn cut(&mut self) -> bool {
        let cuts = self.orders.cuts.load(Ordering::SeqCst);
        mem::replace(&mut self.seen_cuts, cuts) != cuts
    }

    fn note(&self, what: &str, count: impl FnOnce(&mut Diary)) {
        let mut diary = lock(&self.diary);
        count(&mut diary);
        diary.story.push(format!("{:6.3} {what}", self.begun.elapsed().as_secs_f64()));
    }

    fn rest(&mut self) {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = Duration::from_millis((self.seed >> 33) % LONGEST_PAUSE_MS);
        thread::sleep(self.pause.take().unwrap_or(drawn));
        // Nothing was there to be cut.
        self.cut();
    }

    /// Claims its session at the next address.
    fn connect(&mut self) -> Option<Link> {
        let Journey { addresses, timeout_ms, .. } = &self.journey;
        let address = addresses[self.next_address % addresses.len()];
        self.next_address += 1;
        let limit = Duration::from_millis(*timeout_ms as u64) / addresses.len() as u32;
        let mut link = match Link::open_within(address, limit) {
            Ok(link) => link,
            Err(error) => {
                self.note(&format!("cannot connect to {address}: {error}"), |_| ());
                return None;
            }
        };
        let Credentials { session, password, last_zxid, .. } = &self.credentials;
        link.send(&Frame::connect(*last_zxid, *timeout_ms, *session, password).bytes());
        self.note(&format!("claims at {address} from {}", link.local_address()), |diary| diary.claims += 1);
        let claimed = Instant::now();
        loop {
            match link.receive(STEP) {
                Received::Frame(frame) => return self.admit(&frame).then_some(link),
                Received::End(end, _) => {
                    self.note(&format!("is turned away: {end:?}"), |diary| diary.turned_away += 1);
                    return None;
                }
                Received::Silence => {}
            }
            if self.cut() || self.over() || claimed.elapsed() > limit {
                link.abandon();
                self.note("gives the claim up", |diary| diary.given_up += 1);
                return None;
            }
        }
    }

    /// Takes a ConnectResponse; false when the session is over.
    fn admit(&mut self, response: &[u8]) -> bool {
        let mut fields = Fields(response);
        let (_version, timeout_ms, session) = (fields.int(), fields.int(), fields.long());
        if timeout_ms <= 0 {
            self.note("is told that its session is over", |diary| diary.expired = true);
            return false;
        }
        self.credentials.session = session;
        self.credentials.password = fields.buffer().to_vec();
        self.note(&format!("is let in as 0x{session:x}"), |diary| diary.session = session);
        true
    }

    /// Writes and pings until the connection is over.
    fn live(&mut self, mut link: Link) {
        let timeout = Duration::from_millis(self.journey.timeout_ms as u64);
        let (mut heard, mut sent, mut due) = (Instant::now(), Instant::now(), Instant::now());
        let mut asked = None;
        loop {
            if self.cut() || self.over() {
                link.abandon();
                self.note("is cut off", |diary| diary.answered = 0);
                return;
            }
            if asked.is_none() && due <= Instant::now() {
                asked = Some(self.write(&mut link));
                sent = Instant::now();
            }
            if sent.elapsed() > timeout / 3 {
                link.send(&Frame::request(PING_XID, op::PING).bytes());
                sent = Instant::now();
            }
            match link.receive(STEP) {
                Received::Frame(frame) => {
                    heard = Instant::now();
                    if Some(self.hear(&frame)) == asked {
                        asked = None;
                        due = Instant::now() + self.journey.write_every;
                    }
                }
                Received::End(end, _) => {
                    let lost = asked.is_some().then(|| link.local_address());
                    return self.lose(&format!("{end:?}"), lost);
                }
                Received::Silence if heard.elapsed() > timeout * 2 / 3 => {
                    link.abandon();
                    self.note("hears nothing and hangs up", |diary| {
                        diary.silences += 1;
                        diary.answered = 0;
                    });
                    return;
                }
                Received::Silence => {}
            }
        }
    }

    fn write(&mut self, link: &mut Link) -> i32 {
        self.next_xid += 1;
        let path = &self.journey.path;
        let frame = if self.has_node {
            Frame::request(self.next_xid, op::SET_DATA).text(path).buffer(b"again").int(-1)
        } else {
            Frame::request(self.next_xid, op::CREATE).create(path, b"first", Kind::Ephemeral as i32)
        };
        link.send(&frame.bytes());
        self.next_xid
    }

    /// Takes a reply and says whose it is.
    fn hear(&mut self, reply: &[u8]) -> i32 {
        let mut fields = Fields(reply);
        let (xid, zxid, error) = (fields.int(), fields.long(), fields.int());
        if xid > 0 {
            self.credentials.last_zxid = self.credentials.last_zxid.max(zxid);
            if error == 0 {
                self.has_node = true;
                lock(&self.diary).answered += 1;
            } else {
                // A create that was carried out before its connection ended; anything else will not be answered better.
                self.has_node = true;
                self.note(&format!("has a write answered with {error}"), |_| ());
            }
        }
        xid
    }

    /// Takes note of an end; of the address that was lost where that was under a write.
    fn lose(&self, end: &str, lost: Option<SocketAddr>) {
        let under_write = lost.is_some();
        let first = lock(&self.diary).answered == 0;
        self.note(
            &format!("loses its connection ({end}, under a write: {under_write}, the first: {first})"),
            |diary| {
                let count = match (under_write, first) {
                    (true, true) => &mut diary.first_writes_lost,
                    (true, false) => &mut diary.later_writes_lost,
                    (false, _) => &mut diary.idle_ends,
                };
                *count += 1;
                diary.lost_from.extend(lost);
                diary.answered = 0;
            },
        );
    }
}
