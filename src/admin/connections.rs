//! The connections at the admin address: a bounded number of places, and who gives one up.
//!
//! Open connections keep no new one out: when all places are taken, the connection that has been idle the longest is
//! closed, whether it asks for nothing, does not finish its request, or does not read its answer.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::diagnose::ClientNetwork;
use crate::lock::lock;

/// Connections at one time.
pub(crate) const CONNECTIONS: usize = 64;
/// Connections of one peer beyond loopback at one time: a browser has six, a scraper one.
pub(crate) const CONNECTIONS_OF_PEER: usize = 32;
/// How long a connection may ask for nothing. Longer than usual between two scrapes.
pub(crate) const IDLE: Duration = Duration::from_mins(2);
/// How long a request's head may take from its first byte on, and how long an answer may wait to be read on.
pub(crate) const STILL: Duration = Duration::from_secs(10);
/// How long an answer must have waited to be read before its connection is closed for the sake of waiting requests.
const IN_THE_WAY: Duration = Duration::from_secs(1);
/// Bytes a second that an answer has to be read at, from [`STILL`] after its beginning on, while other requests wait.
const SLOWEST: u64 = 32 << 10;

/// What a client is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AdminConnectionPhase {
    /// Nothing.
    Idle,
    /// It has begun a request.
    Asking,
    /// Its answer is being made, or waits for its turn to be, or is on its way.
    Served,
}

/// The state of one connection.
#[derive(Clone, Copy, Debug)]
struct AdminConnectionState {
    phase: AdminConnectionPhase,
    /// When its phase began.
    since: Instant,
    /// When bytes last came from it or were taken by it.
    moved_at: Instant,
    /// Whether it does not take what is written to it.
    blocked: bool,
    /// When the first bytes of its answer were written to it; None before that.
    answered_since: Option<Instant>,
    /// Bytes that it has taken since then.
    taken: u64,
    /// Whether its answer is a stream, which has no end of its own.
    streams: bool,
}

/// One connection.
#[derive(Debug)]
pub(super) struct AdminConnection {
    /// Where it comes from, all addresses of one owner as one; None for the Unix socket.
    peer: Option<ClientNetwork>,
    standing: Mutex<AdminConnectionState>,
    /// Cancelled when it is to be closed at once.
    pub(super) leave: CancellationToken,
}

impl AdminConnection {
    fn new(peer: Option<ClientNetwork>, now: Instant) -> Self {
        let standing = AdminConnectionState {
            phase: AdminConnectionPhase::Idle,
            since: now,
            moved_at: now,
            blocked: false,
            answered_since: None,
            taken: 0,
            streams: false,
        };
        Self { peer, standing: Mutex::new(standing), leave: CancellationToken::new() }
    }

    fn lock(&self) -> MutexGuard<'_, AdminConnectionState> {
        lock(&self.standing)
    }

    /// Bytes came from it.
    pub(super) fn said(&self, now: Instant) {
        let mut standing = self.lock();
        standing.moved_at = now;
        if standing.phase == AdminConnectionPhase::Idle {
            (standing.phase, standing.since) = (AdminConnectionPhase::Asking, now);
        }
    }

    /// So many of the bytes that were written to it were taken; None when none could be.
    pub(super) fn took(&self, bytes: Option<usize>, now: Instant) {
        let mut standing = self.lock();
        // A write that the kernel does not take is the only sign that the peer does not read.
        standing.blocked = bytes.is_none();
        standing.answered_since.get_or_insert(now);
        if let Some(bytes) = bytes {
            standing.moved_at = now;
            standing.taken = standing.taken.saturating_add(bytes as u64);
        }
    }

    /// Its request is whole, with its body.
    pub(super) fn asked(&self, now: Instant) {
        self.enter(AdminConnectionPhase::Served, now);
    }

    /// Its answer is on its way in whole.
    pub(super) fn answered(&self, now: Instant) {
        self.enter(AdminConnectionPhase::Idle, now);
    }

    fn enter(&self, phase: AdminConnectionPhase, now: Instant) {
        let mut standing = self.lock();
        (standing.phase, standing.since, standing.streams) = (phase, now, false);
        (standing.answered_since, standing.taken) = (None, 0);
    }

    /// Its answer is a stream.
    pub(super) fn streams(&self) {
        self.lock().streams = true;
    }

    /// Whether its answer is a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.lock().streams
    }

    /// Whether it waits for an answer, or reads one.
    pub(super) fn is_served(&self) -> bool {
        let standing = self.lock();
        standing.phase == AdminConnectionPhase::Served || standing.blocked
    }

    /// Whether its time is over.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let standing = self.lock();
        match standing.phase {
            // First of all: a client that does not read keeps its answer in memory, whatever it does otherwise.
            _ if standing.blocked => now - standing.moved_at >= STILL,
            AdminConnectionPhase::Idle => now - standing.moved_at >= IDLE,
            // Reckoned from the request's beginning and not from its last byte, or one byte in a while would hold the
            // place.
            AdminConnectionPhase::Asking => now - standing.since >= STILL,
            // The answer is ours to make; how long that takes is not the client's fault.
            AdminConnectionPhase::Served => false,
        }
    }

    /// Since when it has been idle; None while it waits for an answer or reads one.
    fn still_since(&self) -> Option<Instant> {
        let standing = self.lock();
        (standing.blocked || standing.phase != AdminConnectionPhase::Served).then_some(standing.moved_at)
    }

    /// Since when it has kept other requests waiting by not reading its answer, or by reading a little of it now and
    /// then.
    fn in_the_way_since(&self, now: Instant) -> Option<Instant> {
        let standing = self.lock();
        // What has been handed over in whole holds nothing up any more, however long it takes to arrive.
        let is_answered = standing.phase == AdminConnectionPhase::Served;
        // How long the answer took to be made is not the client's fault.
        let lasts = standing.answered_since.map_or(Duration::ZERO, |since| now - since);
        let trickles = !standing.streams && lasts >= STILL && standing.taken < SLOWEST * lasts.as_secs();
        let holds = standing.blocked && is_answered && (trickles || now - standing.moved_at >= IN_THE_WAY);
        holds.then_some(standing.moved_at)
    }
}

/// A peer has as many connections as it may have, and all of them wait for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OwnShareUsed;

/// All connections.
#[derive(Debug, Default)]
pub(super) struct AdminConnections {
    inside: Mutex<Vec<Arc<AdminConnection>>>,
    sent_away: AtomicU64,
}

impl AdminConnections {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<AdminConnection>>> {
        lock(&self.inside)
    }

    /// Admits one more, for which another one may be closed; None while all open ones wait for an answer.
    ///
    /// # Errors
    /// Its peer beyond loopback has its share of the places, and none of them is to spare.
    pub(super) fn enter(
        &self,
        peer: Option<IpAddr>,
        now: Instant,
    ) -> Result<Option<Arc<AdminConnection>>, OwnShareUsed> {
        let mut inside = self.lock();
        let is_far = peer.is_some_and(|ip| !ip.to_canonical().is_loopback());
        let peer = peer.map(ClientNetwork::of);
        let mut own = |client: &AdminConnection| peer.is_some() && client.peer == peer;
        if is_far && inside.iter().filter(|client| own(client)).count() >= CONNECTIONS_OF_PEER {
            // One peer makes room for itself alone.
            if !self.send_stillest_away(&mut inside, &mut own) {
                return Err(OwnShareUsed);
            }
        } else if inside.len() >= CONNECTIONS && !self.send_stillest_away(&mut inside, &mut |_| true) {
            return Ok(None);
        }
        let client = Arc::new(AdminConnection::new(peer, now));
        inside.push(Arc::clone(&client));
        Ok(Some(client))
    }

    /// Closes the one of these that has been still for the longest, if any is.
    fn send_stillest_away(
        &self,
        inside: &mut Vec<Arc<AdminConnection>>,
        of: &mut dyn FnMut(&AdminConnection) -> bool,
    ) -> bool {
        let these = inside.iter().enumerate().filter(|(_, client)| of(client));
        let Some((_, place)) = these.filter_map(|(place, client)| Some((client.still_since()?, place))).min() else {
            return false;
        };
        // Taken out at once: its place is free now, not only when its task has noticed.
        inside.swap_remove(place).leave.cancel();
        self.sent_away.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// One has left.
    pub(super) fn left(&self, client: &Arc<AdminConnection>) {
        self.lock().retain(|one| !Arc::ptr_eq(one, client));
    }

    /// Closes the one that has not read its answer for the longest, if it keeps others waiting.
    pub(super) fn clear_the_way(&self, now: Instant) {
        let inside = self.lock();
        let waiting = inside.iter().filter_map(|client| Some((client.in_the_way_since(now)?, client)));
        // One at a time, the stillest: a single one that does not read is enough to free what a request waits for.
        if let Some((_, client)) = waiting.min_by_key(|(since, _)| *since) {
            client.leave.cancel();
            self.sent_away.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether one has begun a request.
    #[cfg(test)]
    pub(super) fn any_asks(&self) -> bool {
        self.lock().iter().any(|client| client.lock().phase == AdminConnectionPhase::Asking)
    }

    /// How many were closed for others.
    pub(super) fn sent_away(&self) -> u64 {
        self.sent_away.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(now: Instant) -> (AdminConnections, Vec<Arc<AdminConnection>>) {
        let clients = AdminConnections::default();
        let inside = (0..CONNECTIONS).map(|_| clients.enter(None, now).unwrap().unwrap()).collect();
        (clients, inside)
    }

    #[test]
    fn the_one_that_has_been_still_for_the_longest_makes_room() {
        let start = Instant::now();
        let (clients, inside) = full(start);
        let later = start + Duration::from_secs(1);
        for (place, client) in inside.iter().enumerate() {
            match place {
                0 => client.asked(start),
                1 => {}
                _ => client.said(later),
            }
        }
        assert!(clients.enter(None, later).unwrap().is_some());
        let gone: Vec<usize> = (0..inside.len()).filter(|place| inside[*place].leave.is_cancelled()).collect();
        assert_eq!((gone, clients.sent_away()), (vec![1], 1), "who waits for an answer stays");
        assert!(clients.enter(None, later).unwrap().is_some());
        assert!(
            inside[2..].iter().any(|client| client.leave.is_cancelled()),
            "half a request is no answer that is owed"
        );
    }

    #[test]
    fn who_waits_for_an_answer_is_not_sent_away_but_who_does_not_read_it_is() {
        let now = Instant::now();
        let (clients, inside) = full(now);
        for client in &inside {
            client.asked(now);
        }
        assert!(clients.enter(None, now).unwrap().is_none());
        inside[7].took(None, now);
        assert!(clients.enter(None, now).unwrap().is_some() && inside[7].leave.is_cancelled());
        clients.left(&inside[8]);
        assert!(clients.enter(None, now).unwrap().is_some());
        assert_eq!(clients.lock().len(), CONNECTIONS);
    }

    #[test]
    fn time_runs_out_for_each_kind_of_silence() {
        let start = Instant::now();
        let [idle, asking, blocked, served] = [(); 4].map(|()| AdminConnection::new(None, start));
        asking.said(start);
        blocked.asked(start);
        blocked.took(None, start);
        served.asked(start);
        let overdue = |after| [&idle, &asking, &blocked, &served].map(|client| client.is_overdue(start + after));
        let just_before = STILL.checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!(overdue(just_before), [false; 4]);
        // A byte now and then does not make a request.
        asking.said(start + just_before);
        assert_eq!(overdue(STILL), [false, true, true, false]);
        assert_eq!(overdue(IDLE), [true, true, true, false]);
    }

    #[test]
    fn an_answer_that_is_not_read_is_in_the_way_after_a_while() {
        let start = Instant::now();
        let (clients, inside) = full(start);
        inside[3].asked(start);
        inside[3].took(None, start);
        clients.clear_the_way(start);
        assert!(!inside[3].leave.is_cancelled());
        clients.clear_the_way(start + IN_THE_WAY);
        assert!(inside[3].leave.is_cancelled() && !inside[4].leave.is_cancelled());
    }

    #[test]
    fn an_answer_that_is_read_a_little_at_a_time_is_in_the_way_and_a_stream_is_not() {
        let start = Instant::now();
        let (clients, inside) = full(start);
        for (client, bytes) in inside.iter().zip([1_000, SLOWEST as usize, 1_000]) {
            client.asked(start);
            // The answer has its turn late. Each takes something each second then, and has not taken all.
            for second in 0..=STILL.as_secs() {
                client.took(Some(bytes), start + IDLE + Duration::from_secs(second));
            }
            client.took(None, start + IDLE + STILL);
        }
        inside[2].streams();
        for _ in 0..3 {
            clients.clear_the_way(start + IDLE + STILL);
        }
        assert_eq!([0, 1, 2].map(|place: usize| inside[place].leave.is_cancelled()), [true, false, false]);
        // One that is handed over in whole holds nothing that others wait for.
        for place in [0, 2] {
            clients.left(&inside[place]);
        }
        inside[1].answered(start + IDLE + STILL);
        inside[1].took(None, start + IDLE + STILL);
        clients.clear_the_way(start + IDLE + STILL + STILL);
        assert!(!inside[1].leave.is_cancelled());
    }

    #[test]
    fn one_peer_beyond_loopback_has_its_share_and_makes_room_for_itself() {
        let now = Instant::now();
        let clients = AdminConnections::default();
        let [greedy, other]: [Option<IpAddr>; 2] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().ok());
        let inside: Vec<_> = (0..CONNECTIONS_OF_PEER).map(|_| clients.enter(greedy, now).unwrap().unwrap()).collect();
        inside[1..].iter().for_each(|client| client.asked(now));
        let guest = clients.enter(other, now).unwrap().unwrap();
        let further = clients.enter(greedy, now).unwrap().unwrap();
        assert!(inside[0].leave.is_cancelled() && !guest.leave.is_cancelled());
        further.asked(now);
        assert_eq!(clients.enter(greedy, now).err(), Some(OwnShareUsed));
        assert!(clients.enter(other, now).unwrap().is_some());
        assert!(clients.enter(None, now).unwrap().is_some());
    }

    #[test]
    fn an_owner_of_many_addresses_has_one_share() {
        let now = Instant::now();
        let clients = AdminConnections::default();
        for number in 0..CONNECTIONS_OF_PEER {
            let ip = format!("2001:db8::{number:x}").parse().ok();
            clients.enter(ip, now).unwrap().unwrap().asked(now);
        }
        assert_eq!(clients.enter("2001:db8::ffff:1".parse().ok(), now).err(), Some(OwnShareUsed));
        assert!(clients.enter("2001:db8:0:1::1".parse().ok(), now).unwrap().is_some());
    }
}
