//! A story that was played: what the servers knew, what the clients did, what the ledger said.

use std::time::Duration;

use super::client::CloseMotive;
use super::ensemble::LinkId;
use super::truth::{ServingShift, TruthEntry};
use crate::ids::ServerId;
use crate::session::connection_end::{ConnectionCloser, ConnectionEnd};
use crate::session::own_pause::OwnPause;
use crate::session::transition::LedgerFinding;
use crate::time::Timestamp;

/// What is known of one connection after the story.
#[derive(Clone, Debug)]
pub struct KnownConnection {
    /// Its number, as the ledger knows it.
    pub connection: u64,
    /// Who opened it: the clients of the story first, then those that came in by its deeds.
    pub client: usize,
    /// Its server.
    pub server: ServerId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The session that it claimed; 0 for a new one.
    pub claimed: i64,
    /// The session timeout, as negotiated, or asked for until then.
    pub timeout: Duration,
    /// Whether its client asked on it to close the session.
    pub asked_to_close: bool,
    /// When the proxy heard the answer to its claim, if it did.
    pub answered: Option<Timestamp>,
    /// Its place at the server; None when that refused to be connected to.
    pub link: Option<LinkId>,
    /// The first sign of its end, as the proxy saw it.
    pub ended: Option<(Timestamp, ConnectionCloser)>,
    /// What the proxy had seen of it by then.
    pub seen: Option<ConnectionEnd>,
    /// Why the client closed it, when it did.
    pub farewell: Option<CloseMotive>,
    /// Whether the path to its server was broken by the story.
    pub cut: bool,
    /// The client's connection to a pooled address for whose claim it was made, by its place among all connections;
    /// None for one through a mirrored address.
    pub front: Option<usize>,
    /// When its claim was answered after its connection had ended.
    pub answered_late: Option<Timestamp>,
    /// Whether its claim was answered when nobody watched it any more.
    pub unheard: bool,
    /// What the server knew of it.
    pub truths: Vec<TruthEntry>,
}

/// A story that was played to its end.
#[derive(Clone, Debug)]
pub struct PlayedStory {
    /// All connections through the proxy.
    pub connections: Vec<KnownConnection>,
    /// What servers knew of connections that the proxy could not see.
    pub unseen: Vec<TruthEntry>,
    /// When which session was claimed where the proxy could not see it.
    pub unseen_claims: Vec<(Timestamp, i64)>,
    /// When which server began or ceased to serve.
    pub shifts: Vec<ServingShift>,
    /// Servers that were cut from their leader.
    pub parted: Vec<ServerId>,
    /// When which server was asked and found not to serve.
    pub seen_down: Vec<(Timestamp, ServerId)>,
    /// When the proxy itself stood still, in order.
    pub own_pauses: Vec<OwnPause>,
    /// When the story was over.
    pub curtain: Timestamp,
    /// What the ledger said, and when.
    pub findings: Vec<(Timestamp, LedgerFinding)>,
}
