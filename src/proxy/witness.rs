//! Who looks at a relayed connection's bytes: a tracker with its account, or nobody.

use std::sync::Arc;

use super::account::Account;
use super::gateway::{Arrival, Gateway, Load};
use crate::ids::ServerId;
use crate::observe::Direction;
use crate::session::ConnectionTracker;
use crate::session::ending::Closer;
use crate::session::verdict::RouteReason;
use crate::time::Timestamp;
use crate::wire::first_frame::{Opening, classify};

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
    Conversation(Box<Conversation>),
    /// A four-letter word or another protocol: forwarded unseen.
    Nobody {
        /// Its share of the server's load.
        _load: Load,
    },
}

/// A conversation and its account.
#[derive(Debug)]
pub(super) struct Conversation {
    tracker: ConnectionTracker,
    account: Account,
}

/// What is needed to open an account.
#[derive(Debug)]
pub(super) struct Prospect {
    /// The proxy.
    pub(super) gateway: Arc<Gateway>,
    /// The client.
    pub(super) arrival: Arrival,
    /// The server that its bytes go to.
    pub(super) server: ServerId,
    /// Why that one.
    pub(super) routed: RouteReason,
}

impl Prospect {
    /// A conversation that begins.
    pub(super) fn conversation(&self) -> Box<Conversation> {
        let maxbuffer = u32::try_from(self.gateway.settings.jute_maxbuffer).unwrap_or(u32::MAX);
        Box::new(Conversation {
            tracker: ConnectionTracker::new(maxbuffer),
            account: Account::open(&self.gateway, self.arrival, self.server, self.routed),
        })
    }

    /// Nobody, for something that is not a session; it is counted by name.
    pub(super) fn nobody(&self, opening: Opening) -> Witness {
        let observatory = &self.gateway.observatory;
        observatory.note_opening(self.server, self.arrival.client, opening);
        Witness::Nobody { _load: Load::add(observatory, self.server) }
    }
}

impl Conversation {
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

    /// Takes note of the first sign of its end.
    pub(super) fn end(&mut self, closer: Closer) {
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
            Some(Opening::Handshake(_)) => {
                let mut conversation = prospect.conversation();
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

    /// Takes note of the first sign of the connection's end.
    pub(super) fn end(&mut self, closer: Closer) {
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

    /// Whether no frame is cut; what cannot be read has no frames to cut.
    pub(super) fn at_boundary(&self) -> bool {
        match self {
            Self::Conversation(conversation) => conversation.tracker.at_boundary(),
            Self::Undecided { .. } | Self::Nobody { .. } => true,
        }
    }

    /// How long the server has been silent while it owes the client an answer, as a part of the session
    /// timeout; None when there is no session or nothing is owed.
    pub(super) fn server_silence(&self, now: Timestamp) -> Option<f64> {
        match self {
            Self::Conversation(conversation) => conversation.tracker.server_silence(now),
            Self::Undecided { .. } | Self::Nobody { .. } => None,
        }
    }
}
