//! A story that was played: what the servers knew, what the clients did, what the ledger said.

use std::time::Duration;

use super::client::CloseMotive;
use zoogate::diagnose::EndCause;
use zoogate::ids::ServerId;
use zoogate::session::connection_end::{ConnectionCloser, ConnectionEnd};
use zoogate::session::own_pause::OwnPause;
use zoogate::session::transition::LedgerFinding;
use zoogate::sim::LinkId;
use zoogate::sim::{ServingShift, TruthEntry};
use zoogate::time::Timestamp;

/// What is known of one connection after the story.
#[derive(Clone, Debug)]
pub(crate) struct KnownConnection {
    /// Its number, as the ledger knows it.
    pub(crate) connection: u64,
    /// Who opened it: the clients of the story first, then those that came in by its deeds.
    pub(crate) client: usize,
    /// Its server.
    pub(crate) server: ServerId,
    /// When it was opened.
    pub(crate) opened_at: Timestamp,
    /// The session that it claimed; 0 for a new one.
    pub(crate) claimed: i64,
    /// The session timeout, as negotiated, or asked for until then.
    pub(crate) timeout: Duration,
    /// Whether its client asked on it to close the session.
    pub(crate) asked_to_close: bool,
    /// When the proxy heard the answer to its claim, if it did.
    pub(crate) answered: Option<Timestamp>,
    /// Its place at the server; None when that refused to be connected to.
    pub(crate) link: Option<LinkId>,
    /// The first sign of its end, as the proxy saw it.
    pub(crate) ended: Option<(Timestamp, ConnectionCloser)>,
    /// What the proxy had seen of it by then.
    pub(crate) seen: Option<ConnectionEnd>,
    /// Why the client closed it, when it did.
    pub(crate) farewell: Option<CloseMotive>,
    /// Whether the path to its server was broken by the story.
    pub(crate) cut: bool,
    /// The client's connection to a pooled address for whose claim it was made, by its place among all connections;
    /// None for one through a mirrored address.
    pub(crate) front: Option<usize>,
    /// When its claim was answered after its connection had ended.
    pub(crate) answered_late: Option<Timestamp>,
    /// Whether its claim was answered when nobody watched it any more.
    pub(crate) unheard: bool,
    /// The cause of its end, with the moment of the first one that was found.
    pub(crate) cause: Option<(Timestamp, EndCause)>,
    /// What the server knew of it.
    pub(crate) truths: Vec<TruthEntry>,
}

/// A story that was played to its end.
#[derive(Clone, Debug)]
pub(crate) struct PlayedStory {
    /// All connections through the proxy.
    pub(crate) connections: Vec<KnownConnection>,
    /// When which server began or ceased to serve.
    pub(crate) shifts: Vec<ServingShift>,
    /// Whether a leader served, from when on, in order.
    pub(crate) led: Vec<(Timestamp, bool)>,
    /// Servers that were cut from their leader.
    pub(crate) parted: Vec<ServerId>,
    /// When which server stood still, from when to when.
    pub(crate) frozen: Vec<(ServerId, Timestamp, Timestamp)>,
    /// When which server was asked and found not to serve.
    pub(crate) seen_down: Vec<(Timestamp, ServerId)>,
    /// When the proxy itself stood still, in order.
    pub(crate) own_pauses: Vec<OwnPause>,
    /// When the story was over.
    pub(crate) curtain: Timestamp,
    /// What the ledger said, and when.
    pub(crate) findings: Vec<(Timestamp, LedgerFinding)>,
}
