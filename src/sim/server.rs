//! One simulated server: its copy of the tree, its connections, and what waits for it while it is frozen.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::data_tree::{DataTree, TreeEvent};
use super::link::LinkId;
use super::reply::WriteOutcome;
use super::request::RequestContent;
use super::server_message::ServerMessage;
use super::transaction::{Txn, TxnKind};
use super::truth::Cause;
use super::watches::ServerWatches;
use crate::time::Timestamp;
use crate::wire::OpCode;

/// Which rules a server answers a moved session by (protocol.md §4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerRelease {
    /// 3.2: -118 in the reply's header, whatever the request.
    V3_2,
    /// 3.4 to 3.5: a moved multi is answered with [-118, -2, …] and lives on, all else is a FIN.
    V3_5,
    /// 3.6 and later: always a FIN.
    V3_9,
}

/// How a server speaks TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionFactory {
    /// May write replies that were queued behind the close marker; refuses connections with RST.
    Nio,
    /// Writes nothing behind the close marker; refuses connections with FIN.
    Netty,
}

/// Whether a server takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ServerState {
    Down,
    Looking,
    Serving,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LinkPhase {
    Fresh,
    Settling,
    Established,
}

/// Whether a request that waits its turn can be answered.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum RequestTurn {
    /// As soon as it is at the front.
    Ready,
    /// When the leader's word is here.
    Waiting,
    /// The leader has spoken.
    Decided(WriteOutcome),
    /// The leader refused even to look at it: somebody else owns the session.
    Moved,
    /// Its session is gone; no answer will come.
    Dropped,
}

#[derive(Clone, Debug)]
pub(super) struct QueuedRequest {
    pub(super) key: u64,
    pub(super) xid: i32,
    pub(super) op: OpCode,
    pub(super) ask: RequestContent,
    pub(super) turn: RequestTurn,
}

/// A connection as its server sees it.
#[derive(Clone, Debug)]
pub(super) struct ServerLink {
    pub(super) peer: IpAddr,
    pub(super) phase: LinkPhase,
    pub(super) buffer: Vec<u8>,
    pub(super) queue: VecDeque<QueuedRequest>,
    pub(super) heard_at: Timestamp,
    pub(super) session: i64,
    pub(super) timeout_ms: i32,
    pub(super) with_flag: bool,
    /// Why a close marker is queued, once one is, and on whose account.
    pub(super) closing: Option<(Cause, Option<LinkId>)>,
    /// Whether replies behind the marker still go out.
    pub(super) leaks: bool,
}

/// What a server has of the common state.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplicaState {
    pub(super) tree: DataTree,
    pub(super) sessions: BTreeMap<i64, i32>,
    pub(super) zxid: i64,
}

impl ReplicaState {
    /// Carries out, in order, the transactions that it has not seen yet.
    pub(super) fn catch_up(&mut self, recent: &VecDeque<Arc<Txn>>) {
        let seen = self.zxid;
        for txn in recent.iter().filter(|txn| txn.zxid > seen) {
            self.apply(txn);
        }
    }

    /// Carries out a transaction. Returns what happened to which path.
    pub(super) fn apply(&mut self, txn: &Txn) -> Vec<(TreeEvent, String)> {
        self.zxid = txn.zxid;
        match &txn.what {
            TxnKind::CreateSession(timeout_ms) => {
                self.sessions.insert(txn.session, *timeout_ms);
                Vec::new()
            }
            TxnKind::CloseSession(steps) => {
                self.sessions.remove(&txn.session);
                steps.iter().flat_map(|step| self.tree.apply(step, txn.zxid)).collect()
            }
            TxnKind::Write(WriteOutcome::Done(steps)) => {
                steps.iter().flat_map(|(_, step)| self.tree.apply(step, txn.zxid)).collect()
            }
            TxnKind::Write(_) => Vec::new(),
        }
    }
}

/// One server.
#[derive(Debug)]
pub(super) struct SimulatedServer {
    pub(super) myid: u8,
    pub(super) release: ServerRelease,
    pub(super) factory: ConnectionFactory,
    pub(super) state: ServerState,
    pub(super) frozen: bool,
    /// Counts freezes, so that a timer knows whether it still means this one.
    pub(super) spell: u64,
    /// Whether nothing passes between it and its leader.
    pub(super) severed: bool,
    /// Counts such cuts.
    pub(super) cuts: u64,
    /// What it has sent to the leader, and the leader to it, since.
    pub(super) held_up: Vec<ServerMessage>,
    pub(super) held_down: Vec<ServerMessage>,
    /// What arrived while frozen.
    pub(super) mailbox: VecDeque<ServerMessage>,
    /// Number of its link to the leader (of a leader: of its reign); 0 when it has none.
    pub(super) handler: u64,
    pub(super) replica: ReplicaState,
    pub(super) watches: ServerWatches,
    pub(super) links: BTreeMap<LinkId, ServerLink>,
    /// The connection by which each session is known here.
    pub(super) by_session: HashMap<i64, LinkId>,
    pub(super) touched: BTreeSet<i64>,
    pub(super) created: u64,
    /// When the last message to the leader arrives there; later ones stay behind it.
    pub(super) uplink_at: Timestamp,
    /// When the last message from the leader arrives here.
    pub(super) downlink_at: Timestamp,
    /// How much later than others it hears from the leader.
    pub(super) lag: Duration,
}

impl SimulatedServer {
    pub(super) fn new(place: usize, release: ServerRelease, factory: ConnectionFactory) -> Self {
        Self {
            myid: place as u8 + 1,
            release,
            factory,
            state: ServerState::Looking,
            frozen: false,
            spell: 0,
            severed: false,
            cuts: 0,
            held_up: Vec::new(),
            held_down: Vec::new(),
            mailbox: VecDeque::new(),
            handler: 0,
            replica: ReplicaState::default(),
            watches: ServerWatches::default(),
            links: BTreeMap::new(),
            by_session: HashMap::new(),
            touched: BTreeSet::new(),
            created: 0,
            uplink_at: Timestamp::ZERO,
            downlink_at: Timestamp::ZERO,
            lag: Duration::ZERO,
        }
    }

    /// Whether it runs and can be talked to by its peers.
    pub(super) fn awake(&self) -> bool {
        self.state != ServerState::Down && !self.frozen
    }

    /// Whether it runs and its peers reach it.
    pub(super) fn in_touch(&self) -> bool {
        self.awake() && !self.severed
    }

    /// The next session id: its own number on top, then a clock, then a counter.
    pub(super) fn next_session(&mut self, now: Timestamp) -> i64 {
        if self.created == 0 {
            self.created = (now.as_millis() & 0xff_ffff_ffff) << 16;
        }
        self.created += 1;
        ((u64::from(self.myid) << 56) | self.created) as i64
    }

    /// The answer to a four-letter word: only `srvr` is in the whitelist, as by default since 3.5.3.
    pub(super) fn word(&self, word: &str, leads: bool) -> String {
        if word != "srvr" {
            return format!("{word} is not executed because it is not in the whitelist.\n");
        }
        if self.state != ServerState::Serving {
            return "This ZooKeeper instance is not currently serving requests\n".to_owned();
        }
        let version = match self.release {
            ServerRelease::V3_2 => "3.2.2",
            ServerRelease::V3_5 => "3.5.10",
            ServerRelease::V3_9 => "3.9.3",
        };
        format!(
            "Zookeeper version: {version}-simulated, built on 2026-01-01 00:00 UTC\nLatency min/avg/max: 0/0.0/0\n\
             Received: 0\nSent: 0\nConnections: {}\nOutstanding: 0\nZxid: {:#x}\nMode: {}\nNode count: {}\n",
            self.links.len(),
            self.replica.zxid,
            if leads { "leader" } else { "follower" },
            self.replica.tree.len()
        )
    }
}
