//! What the leader does: decides who may speak for a session, orders the writes, and sends the result to all servers.

use std::sync::Arc;
use std::time::Duration;

use super::data_tree::{DataTree, TreeChange, TreeStep};
use super::ensemble::SimulatedEnsemble;
use super::reply::WriteOutcome;
use super::request::RequestContent;
use super::server::ServerState;
use super::server_message::ServerMessage;
use super::session_tracker::TrackerRefusal;
use super::transaction::{RequestOrigin, Txn, TxnKind};
use super::truth::TruthKind;
use crate::time::Timestamp;
use crate::wire::{ErrorCode, OpCode};

/// How many committed transactions are kept for servers that are behind, at most.
const RECENT_CAP: usize = 100_000;

impl SimulatedEnsemble {
    /// A request that only the leader can decide.
    pub(super) fn lead(&mut self, origin: RequestOrigin, session: i64, op: OpCode, ask: RequestContent) {
        let Some(leadership) = self.leadership.as_mut() else { return };
        let Some(owner) = leadership.owner(origin) else { return };
        let what = match ask {
            // A sync is answered whatever owner the session has (ZOOKEEPER-915).
            RequestContent::Sync(_) => return self.tell(origin.server, ServerMessage::Synced(origin)),
            RequestContent::CloseSession => {
                if !leadership.tracker.close(session) {
                    return;
                }
                TxnKind::CloseSession(deletions(&leadership.ahead, session))
            }
            RequestContent::Write(changes) => TxnKind::Write(match leadership.check(session, owner, origin.link) {
                // A refusal is ordered like a write: every server hears of it in turn, and only the asking one acts
                // on it.
                Err(TrackerRefusal::Moved) => WriteOutcome::Moved,
                Err(TrackerRefusal::Closing | TrackerRefusal::Unknown) => {
                    WriteOutcome::Refused(0, ErrorCode::SESSION_EXPIRED)
                }
                Ok(()) => decide(&leadership.ahead, session, changes, op == OpCode::MULTI),
            }),
            _ => return,
        };
        self.propose(session, what, Some(origin));
    }

    pub(super) fn lead_new_session(&mut self, origin: RequestOrigin, session: i64, timeout_ms: i32) {
        let now = self.now;
        let Some(leadership) = self.leadership.as_mut() else { return };
        let Some(owner) = leadership.owner(origin) else { return };
        leadership.tracker.add(now, session, timeout_ms, Some(owner));
        leadership.holders.insert(session, origin.link);
        self.propose(session, TxnKind::CreateSession(timeout_ms), Some(origin));
    }

    /// A claim: the last one to ask owns the session.
    pub(super) fn lead_revalidation(&mut self, origin: RequestOrigin, session: i64) {
        let now = self.now;
        let Some(leadership) = self.leadership.as_mut() else { return };
        let Some(owner) = leadership.owner(origin) else { return };
        let lives = leadership.tracker.claim(now, session, owner);
        if lives {
            leadership.holders.insert(session, origin.link);
            self.know(origin.server, origin.link, session, TruthKind::Granted, None);
        }
        self.tell(origin.server, ServerMessage::Revalidated(origin, session, lives));
    }

    pub(super) fn lead_touches(&mut self, learner: usize, handler: u64, sessions: &[i64]) {
        let now = self.now;
        let Some(leadership) =
            self.leadership.as_mut().filter(|leadership| leadership.handlers[learner] == Some(handler))
        else {
            return;
        };
        for session in sessions {
            leadership.tracker.touch(now, *session);
        }
    }

    /// Puts a transaction into the order of all; every refusal costs a zxid too (protocol.md §4.3).
    fn propose(&mut self, session: i64, what: TxnKind, origin: Option<RequestOrigin>) {
        let Some(leadership) = self.leadership.as_mut() else { return };
        leadership.zxid += 1;
        let steps: Vec<&TreeStep> = match &what {
            TxnKind::Write(WriteOutcome::Done(steps)) => steps.iter().map(|(_, step)| step).collect(),
            TxnKind::CloseSession(steps) => steps.iter().collect(),
            _ => Vec::new(),
        };
        for step in steps {
            leadership.ahead.apply(step, leadership.zxid);
        }
        leadership.proposed.push_back(Arc::new(Txn { zxid: leadership.zxid, session, what, origin }));
        self.commit();
    }

    /// Commits what is proposed, if a majority is there to acknowledge it.
    pub(super) fn commit(&mut self) {
        let Some(leadership) = self.leadership.as_ref() else { return };
        let acknowledges = |place: usize| leadership.handlers[place].is_some() && self.servers[place].in_touch();
        let count = (0..self.servers.len()).filter(|place| acknowledges(*place)).count();
        // Without a majority proposals wait: they are neither refused nor forgotten, which is why clients see
        // silence.
        if count * 2 <= self.servers.len() {
            return;
        }
        while let Some(txn) = self.leadership.as_mut().and_then(|leadership| leadership.proposed.pop_front()) {
            let round = self.random.between(Duration::from_micros(500), Duration::from_millis(5)) + self.slowness;
            for server in 0..self.servers.len() {
                let handler = self.leadership.as_ref().and_then(|leadership| leadership.handlers[server]);
                if let Some(handler) = handler {
                    self.deliver(round, server, ServerMessage::Commit(handler, Arc::clone(&txn)));
                }
            }
            self.remember(txn);
        }
    }

    fn remember(&mut self, txn: Arc<Txn>) {
        let Some(leadership) = self.leadership.as_mut() else { return };
        let joined = self.servers.iter().zip(&leadership.handlers).filter(|(_, handler)| handler.is_some());
        // Only servers that have joined count: one that is out gets a snapshot when it comes back.
        let heard = joined.map(|(server, _)| server.replica.zxid).min().unwrap_or(0);
        leadership.recent.push_back(txn);
        while leadership.recent.front().is_some_and(|txn| txn.zxid <= heard) || leadership.recent.len() > RECENT_CAP {
            leadership.recent.pop_front();
        }
    }

    /// A message from the leader to a server, behind all earlier ones.
    fn tell(&mut self, server: usize, message: ServerMessage) {
        if self.leadership.as_ref().is_some_and(|leadership| leadership.server == server) {
            return match message {
                // The leader's syncs wait behind its own outstanding proposals.
                ServerMessage::Synced(_) => self.deliver(Duration::ZERO, server, message),
                _ => self.handle(server, message),
            };
        }
        let [low, high] = self.settings.hop;
        let hop = self.random.between(low, high);
        self.deliver(hop, server, message);
    }

    pub(super) fn deliver(&mut self, later: Duration, server: usize, message: ServerMessage) {
        let target = &mut self.servers[server];
        if target.severed {
            return target.held_down.push(message);
        }
        let at = self.now.after(later + target.lag).max(Timestamp(target.downlink_at.0 + 1));
        target.downlink_at = at;
        self.schedule_at(at, server, message);
    }

    /// Once a tick on every server: idle connections; on the leader also the sessions whose time is over.
    pub(super) fn tick(&mut self, server: usize) {
        self.drop_idle(server);
        let now = self.now;
        if self.servers[server].state != ServerState::Serving {
            return;
        }
        let Some(leadership) = self.leadership.as_mut().filter(|leadership| leadership.server == server) else {
            return;
        };
        for session in leadership.tracker.expired(now) {
            let Some(leadership) = self.leadership.as_mut() else { return };
            leadership.tracker.close(session);
            let steps = deletions(&leadership.ahead, session);
            self.propose(session, TxnKind::CloseSession(steps), None);
        }
    }
}

fn deletions(tree: &DataTree, session: i64) -> Vec<TreeStep> {
    tree.ephemerals(session).into_iter().map(TreeStep::Delete).collect()
}

/// Decides a write against the tree that runs ahead; a multi is all or nothing.
fn decide(ahead: &DataTree, session: i64, changes: Vec<(OpCode, TreeChange)>, multi: bool) -> WriteOutcome {
    if !multi {
        let steps: Result<Vec<_>, _> =
            changes.iter().map(|(op, change)| ahead.resolve(change, session).map(|step| (*op, step))).collect();
        return steps.map_or_else(|error| WriteOutcome::Refused(0, error), WriteOutcome::Done);
    }
    // A copy, because the operations of a multi see one another and the tree must not when one of them fails.
    let (mut tentative, mut steps) = (ahead.clone(), Vec::new());
    for (place, (op, change)) in changes.into_iter().enumerate() {
        match tentative.resolve(&change, session) {
            Ok(step) => {
                tentative.apply(&step, 0);
                steps.push((op, step));
            }
            Err(error) => return WriteOutcome::Refused(place, error),
        }
    }
    WriteOutcome::Done(steps)
}
