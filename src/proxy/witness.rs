//! Who looks at a relayed connection's bytes: a tracker with its account, or nobody.

use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::proxy_state::{ClientOrigin, LoadGuard, ProxyState};
use crate::control::ClaimKey;
use crate::ids::{ConnectionId, ServerId};
use crate::observe::Direction;
use crate::session::ConnectionTracker;
use crate::session::connection_end::ConnectionCloser;
use crate::session::verdict::RouteReason;
use crate::time::Timestamp;
use crate::wire::first_frame::{ConnectionOpening, classify};

/// A connection's witness.
#[derive(Debug)]
pub(super) enum Witness {
    /// The client has not said enough to tell what it speaks.
    Undecided {
        /// What it said; a first frame at most.
        bytes: Vec<u8>,
        /// The account to be opened if it speaks ZooKeeper. Boxed: a relay is as large as its largest witness, for
        /// as long as it lives.
        prospect: Box<Prospect>,
    },
    /// ZooKeeper.
    Conversation(Box<ObservedConversation>),
    /// A four-letter word or another protocol: forwarded unseen.
    Nobody {
        /// Its share of the server's load.
        _load: LoadGuard,
    },
}

/// A conversation and its account.
#[derive(Debug)]
pub(super) struct ObservedConversation {
    tracker: ConnectionTracker,
    account: Account,
}

/// What is needed to open an account.
#[derive(Debug)]
pub(super) struct Prospect {
    /// The proxy.
    pub(super) proxy: Arc<ProxyState>,
    /// The client.
    pub(super) origin: ClientOrigin,
    /// The server that its bytes go to.
    pub(super) server: ServerId,
    /// Why that one.
    pub(super) routed: RouteReason,
    /// Its number.
    pub(super) connection: ConnectionId,
}

impl Prospect {
    /// A conversation that begins, with what tells its claim from others.
    pub(super) fn conversation(&self, key: Option<ClaimKey>) -> Box<ObservedConversation> {
        let maxbuffer = u32::try_from(self.proxy.settings.jute_maxbuffer).unwrap_or(u32::MAX);
        Box::new(ObservedConversation { tracker: ConnectionTracker::new(maxbuffer), account: Account::open(self, key) })
    }

    /// Nobody, for something that is not a session; it is counted by name.
    pub(super) fn nobody(&self, opening: ConnectionOpening) -> Witness {
        let observatory = &self.proxy.observatory;
        if let ConnectionOpening::Word(word) = opening {
            self.proxy.loops.note(word, self.proxy.clock.now());
        }
        observatory.note_opening(self.server, self.origin.client, opening);
        Witness::Nobody { _load: LoadGuard::add(observatory, self.server) }
    }
}

impl ObservedConversation {
    /// Looks at bytes from the client.
    #[inline]
    pub(super) fn on_client_bytes(&mut self, now: Timestamp, bytes: &[u8]) {
        self.account.begin(now);
        self.tracker.on_client_bytes(now, bytes, &mut self.account);
    }

    /// Looks at bytes from the server.
    #[inline]
    pub(super) fn on_server_bytes(&mut self, now: Timestamp, bytes: &[u8]) {
        self.account.begin(now);
        self.tracker.on_server_bytes(now, bytes, &mut self.account);
    }

    /// Its number.
    pub(super) fn connection(&self) -> ConnectionId {
        self.account.connection()
    }

    /// What tells claims to its session from those of others, once that is known.
    pub(super) fn key(&self) -> Option<ClaimKey> {
        self.account.key()
    }

    /// As the tracker says it, the time left out in which zoogate itself stood still.
    fn server_silence(&self, now: Timestamp) -> Option<(Duration, Duration)> {
        let paused = self.account.paused_within(self.tracker.server_heard_at(), now);
        self.tracker.server_silence(Timestamp(now.0.saturating_sub(paused.as_nanos() as u64)))
    }

    /// Takes note of the first sign of its end.
    pub(super) fn end(&mut self, closer: ConnectionCloser) {
        self.account.end(self.tracker.end(closer));
    }
}

impl Witness {
    /// Looks at bytes from the client.
    #[inline]
    pub(super) fn on_client_bytes(&mut self, now: Timestamp, bytes: &[u8]) {
        match self {
            Self::Conversation(conversation) => conversation.on_client_bytes(now, bytes),
            Self::Undecided { .. } => self.decide(now, bytes),
            Self::Nobody { .. } => {}
        }
    }

    /// Looks at bytes from the server.
    #[inline]
    pub(super) fn on_server_bytes(&mut self, now: Timestamp, bytes: &[u8]) {
        if let Self::Conversation(conversation) = self {
            conversation.on_server_bytes(now, bytes);
        }
    }

    #[cold]
    fn decide(&mut self, now: Timestamp, more: &[u8]) {
        let Self::Undecided { bytes, prospect } = self else { return };
        bytes.extend_from_slice(more);
        let decided = match classify(bytes) {
            None => return,
            Some(ConnectionOpening::Handshake(_)) => {
                let mut conversation = prospect.conversation(prospect.proxy.claim_key(bytes));
                conversation.on_client_bytes(now, bytes);
                Self::Conversation(conversation)
            }
            Some(opening) => prospect.nobody(opening),
        };
        *self = decided;
    }

    /// Ends a wake-up with the bytes that it moved.
    #[inline]
    pub(super) fn settle(&mut self, client_bytes: u64, server_bytes: u64) {
        if let Self::Conversation(conversation) = self {
            let in_flight = conversation.tracker.in_flight();
            conversation.account.settle(client_bytes, server_bytes, in_flight);
        }
    }

    /// Counts that a side was not read on because the other one took no more.
    #[cold]
    pub(super) fn pause(&self, direction: Direction) {
        if let Self::Conversation(conversation) = self {
            conversation.account.pause(direction);
        }
    }

    /// The client does not take what its server said.
    #[cold]
    pub(super) fn client_is_full(&mut self) {
        if let Self::Conversation(conversation) = self {
            conversation.account.client_is_full();
        }
    }

    /// Takes note of the first sign of the connection's end.
    pub(super) fn end(&mut self, closer: ConnectionCloser) {
        if let Self::Conversation(conversation) = self {
            conversation.end(closer);
        }
    }

    /// Whether neither side owes the other anything.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::Conversation(conversation) => conversation.tracker.is_idle(),
            Self::Undecided { bytes, .. } => bytes.is_empty(),
            Self::Nobody { .. } => false,
        }
    }

    /// Whether nobody understands what is said, so that it has no frames.
    pub(super) fn is_opaque(&self) -> bool {
        match self {
            Self::Conversation(conversation) => conversation.tracker.is_opaque(),
            Self::Undecided { .. } | Self::Nobody { .. } => true,
        }
    }

    /// Whether no frame is cut; what cannot be read has no frames to cut.
    pub(super) fn at_boundary(&self) -> bool {
        match self {
            Self::Conversation(conversation) => conversation.tracker.at_boundary(),
            Self::Undecided { .. } | Self::Nobody { .. } => true,
        }
    }

    /// How long the server has been silent while it owes the client an answer, and the session timeout; None when there is no session or nothing is owed.
    pub(super) fn server_silence(&self, now: Timestamp) -> Option<(Duration, Duration)> {
        match self {
            Self::Conversation(conversation) => conversation.server_silence(now),
            Self::Undecided { .. } | Self::Nobody { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SessionId;
    use crate::proxy::proxy_state::tests::proxy;
    use crate::session::connection_end::CloseKind;
    use crate::wire::{ErrorCode, JuteWriter, OpCode};

    const SESSION: SessionId = SessionId(0x0100_0000_0000_0009);

    /// A claim, and an answer to it that gives this timeout.
    fn handshake(timeout_ms: i32) -> [Vec<u8>; 2] {
        let claim = JuteWriter::new().begin().int(0).long(0).int(30_000).long(0).buffer(&[0; 16]).end();
        let session = if timeout_ms > 0 { SESSION } else { SessionId(0) };
        let answer = JuteWriter::new().begin().int(0).int(timeout_ms).long(session.0).buffer(&session.password()).end();
        [claim.into_bytes(), answer.into_bytes()]
    }

    fn prospect(proxy: &Arc<ProxyState>) -> Prospect {
        let origin = ClientOrigin { client: ([127, 0, 0, 1], 4000).into(), worker: 0 };
        let (proxy, connection) = (Arc::clone(proxy), proxy.next_connection());
        Prospect { proxy, origin, server: ServerId(0), routed: RouteReason::Spread, connection }
    }

    fn shared_state() -> Arc<ProxyState> {
        Arc::new(proxy("servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]\nworkers = 1"))
    }

    #[test]
    fn what_a_connection_has_done_stays_with_its_session_and_nothing_of_it_lives_on() {
        let proxy = shared_state();
        let mut conversation = prospect(&proxy).conversation(None);
        let load = proxy.observatory.load(ServerId(0));
        let now = proxy.clock.now();
        let [claim, answer] = handshake(30_000);
        conversation.on_client_bytes(now, &claim);
        conversation.on_server_bytes(now, &answer);
        let question = JuteWriter::new().request(1, OpCode::EXISTS).buffer(b"/a").bool(false).end().into_bytes();
        conversation.on_client_bytes(now, &question);
        conversation.on_client_bytes(now, &question);
        conversation.on_server_bytes(now, &JuteWriter::new().reply(1, 7, ErrorCode(0)).end().into_bytes());
        let meters = proxy.observatory.meters();
        assert_eq!((meters.dormant(), load.load(std::sync::atomic::Ordering::Relaxed)), (vec![], 1));
        conversation.end(ConnectionCloser::Client(CloseKind::Fin));
        assert_eq!(meters.dormant(), [SESSION]);
        let reading = meters.reading(SESSION);
        assert_eq!((reading.operations, reading.unanswered, reading.in_flight), (1, 1, 0));
        drop(conversation);
        assert_eq!(load.load(std::sync::atomic::Ordering::Relaxed), 0);
    }

    #[test]
    fn a_write_is_a_sign_of_work_from_the_moment_that_it_was_not_yet_counted_at() {
        let proxy = shared_state();
        let mut conversation = prospect(&proxy).conversation(None);
        let now = proxy.clock.now();
        let [claim, answer] = handshake(30_000);
        conversation.on_client_bytes(now, &claim);
        conversation.on_server_bytes(now, &answer);
        let (activity, server) = (proxy.activity(ServerId(0)), ServerId(0));
        let [first, second, third] = [1, 200, 400].map(|ms| now.after(Duration::from_millis(ms)));
        let wrote_at = || activity.snapshot(&proxy.observatory.roster().servers[0]).wrote_at;
        activity.count(&proxy.observatory, server, first);
        let write = JuteWriter::new().request(1, OpCode::DELETE).buffer(b"/a").int(-1).end().into_bytes();
        conversation.on_client_bytes(first, &write);
        conversation.on_server_bytes(first, &JuteWriter::new().reply(1, 7, ErrorCode(0)).end().into_bytes());
        conversation.account.settle(0, 0, 0);
        activity.count(&proxy.observatory, server, second);
        assert_eq!(wrote_at(), first);
        activity.count(&proxy.observatory, server, third);
        assert_eq!(wrote_at(), first, "nothing was written since");
        conversation.end(ConnectionCloser::Client(CloseKind::Fin));
    }

    #[test]
    fn a_claim_that_is_refused_is_measured_for_nobody() {
        let proxy = shared_state();
        let mut conversation = prospect(&proxy).conversation(None);
        let now = proxy.clock.now();
        let [claim, refusal] = handshake(0);
        conversation.on_client_bytes(now, &claim);
        conversation.on_server_bytes(now, &refusal);
        assert!(proxy.observatory.meters().is_empty());
    }

    #[test]
    fn who_speaks_is_told_by_the_first_bytes_and_counts_as_load_from_then_on() {
        let proxy = shared_state();
        let load = || proxy.observatory.load(ServerId(0)).load(std::sync::atomic::Ordering::Relaxed);
        let now = proxy.clock.now();
        let undecided = || Witness::Undecided { bytes: Vec::new(), prospect: Box::new(prospect(&proxy)) };
        let (mut session, mut word) = (undecided(), undecided());
        let [claim, _] = handshake(30_000);
        session.on_client_bytes(now, &claim[..20]);
        assert!(matches!(session, Witness::Undecided { .. }) && !session.is_idle());
        session.on_client_bytes(now, &claim[20..]);
        assert!(matches!(session, Witness::Conversation(_)));
        word.on_client_bytes(now, b"ruok");
        assert!(matches!(word, Witness::Nobody { .. }));
        assert_eq!(load(), 2);
        drop((session, word));
        assert_eq!(load(), 0);
    }
}
