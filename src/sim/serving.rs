//! What each simulated server does with its own connections: reads frames, answers what it can, sends the rest
//! to the leader, and closes whom it must.

use std::time::Duration;

use super::ensemble::SimulatedEnsemble;
use super::link::{LinkEnding, LinkId};
use super::reply::{self, WriteOutcome};
use super::request::RequestContent;
use super::server::{ConnectionFactory, LinkPhase, QueuedRequest, RequestTurn, ServerRelease, ServerState};
use super::server_message::ServerMessage;
use super::session_tracker::SessionOwner;
use super::transaction::{RequestOrigin, Txn, TxnKind};
use super::truth::{Cause, TruthKind};
use super::watches::WatchTarget;
use crate::ids::SessionId;
use crate::time::Timestamp;
use crate::wire::first_frame::{ConnectionOpening, classify};
use crate::wire::handshake::{ConnectRequest, PasswordCheck};
use crate::wire::{ErrorCode, OpCode};

/// Percent of NIO closes whose marker is overtaken by replies queued behind it (85 to 90 of 200 seen).
const LEAK_PERCENT: u64 = 45;
/// NIO looks for silent connections this often.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);

impl SimulatedEnsemble {
    pub(super) fn read_bytes(&mut self, server: usize, link: LinkId, bytes: &[u8]) {
        let now = self.now;
        let Some(target) = self.servers[server].links.get_mut(&link) else { return };
        target.buffer.extend_from_slice(bytes);
        target.heard_at = now;
        self.read_frames(server, link);
    }

    /// Reads as many frames as are whole; none while the session is being set up.
    fn read_frames(&mut self, server: usize, link: LinkId) {
        loop {
            let limit = self.settings.max_frame;
            let Some(target) = self.servers[server].links.get_mut(&link) else { return };
            match target.phase {
                // A server reads nothing behind a claim until the session is set up (`NIOServerCnxn.disableRecv`).
                LinkPhase::Settling => return,
                LinkPhase::Fresh => match classify(&target.buffer) {
                    None => return,
                    Some(ConnectionOpening::Word(word)) => {
                        let leads = self.leadership.as_ref().is_some_and(|leadership| leadership.server == server);
                        let text = self.servers[server].word(word, leads);
                        self.send(link, text.into_bytes());
                        return self.close(server, link, Cause::Word, LinkEnding::Fin);
                    }
                    Some(ConnectionOpening::Foreign(_) | ConnectionOpening::Unreadable(_)) => {
                        return self.close(server, link, Cause::Broken, LinkEnding::Fin);
                    }
                    Some(ConnectionOpening::Handshake { request, len }) => {
                        target.buffer.drain(..4 + len);
                        self.claimed(server, link, &request);
                    }
                },
                LinkPhase::Established => {
                    let Some(head) = target.buffer.first_chunk::<4>() else { return };
                    let Ok(len) = usize::try_from(i32::from_be_bytes(*head)) else {
                        return self.close(server, link, Cause::Oversized, LinkEnding::Fin);
                    };
                    if len > limit {
                        return self.close(server, link, Cause::Oversized, LinkEnding::Fin);
                    }
                    // The limit was checked on the length alone: a real server closes before the frame has come.
                    if target.buffer.len() < 4 + len {
                        return;
                    }
                    let frame: Vec<u8> = target.buffer.drain(..4 + len).collect();
                    self.read_request(server, link, &frame[4..]);
                }
            }
        }
    }

    /// A claim (`ZooKeeperServer.processConnectRequest`, in its order of checks).
    fn claimed(&mut self, server: usize, link: LinkId, request: &ConnectRequest) {
        let (tick, now) = (self.settings.tick.as_millis() as i32, self.now);
        let target = &mut self.servers[server];
        if target.state != ServerState::Serving {
            return self.close(server, link, Cause::NotServing, LinkEnding::Fin);
        }
        // Checked before the session is looked at, so a client that is ahead never learns about its session here.
        if request.last_zxid.0 > target.replica.zxid {
            return self.close(server, link, Cause::Lagging, LinkEnding::Fin);
        }
        let timeout_ms = request.timeout_ms.clamp(2 * tick, 20 * tick);
        let key = self.number();
        let target = &mut self.servers[server];
        let origin = RequestOrigin { server, handler: target.handler, link, key };
        let Some(connection) = target.links.get_mut(&link) else { return };
        (connection.phase, connection.timeout_ms) = (LinkPhase::Settling, timeout_ms);
        connection.with_flag = request.read_only.is_some();
        if request.session.is_new() {
            let session = target.next_session(now);
            return self.ask_leader(server, ServerMessage::NewSession(origin, session, timeout_ms));
        }
        let session = request.session.0;
        // The older connection goes before the password is checked: a wrong one closes it all the same.
        if let Some(old) = target.by_session.get(&session).copied() {
            self.close_for(server, old, Cause::Reattached, LinkEnding::Fin, Some(link));
        }
        let target = &mut self.servers[server];
        target.by_session.insert(session, link);
        if let Some(connection) = target.links.get_mut(&link) {
            connection.session = session;
        }
        if request.password == PasswordCheck::Right {
            target.touched.insert(session);
            self.ask_leader(server, ServerMessage::Revalidate(origin, session));
        } else {
            self.refuse_session(server, link, Cause::WrongPassword);
        }
    }

    /// A message from a server's own pipeline to the leader's: at once where they are the same.
    pub(super) fn ask_leader(&mut self, server: usize, message: ServerMessage) {
        let Some(leader) = self.leadership.as_ref().map(|leadership| leadership.server) else { return };
        if leader == server {
            return self.handle(server, message);
        }
        // Held and not lost: TCP delivers it when the path comes back, which is how claims are carried out late.
        if self.servers[server].severed {
            return self.servers[server].held_up.push(message);
        }
        let [low, high] = self.settings.hop;
        let hop = self.random.between(low, high);
        // One link keeps its order whatever the hops take: a claim and the writes behind it never change places.
        let at = self.now.after(hop).max(Timestamp(self.servers[server].uplink_at.0 + 1));
        self.servers[server].uplink_at = at;
        self.schedule_at(at, leader, message);
    }

    fn refuse_session(&mut self, server: usize, link: LinkId, cause: Cause) {
        let Some(connection) = self.servers[server].links.get(&link) else { return };
        let bytes = reply::connect_response(0, SessionId(0), connection.with_flag);
        self.send(link, bytes);
        self.close(server, link, cause, LinkEnding::Fin);
    }

    /// The leader's word on a claim has come.
    pub(super) fn revalidated(&mut self, server: usize, origin: RequestOrigin, session: i64, lives: bool) {
        // The server has joined anew since: its connections of that time are gone, and so is the question.
        if self.servers[server].handler != origin.handler {
            return;
        }
        if lives {
            self.establish(server, origin.link, session);
        } else {
            self.refuse_session(server, origin.link, Cause::SessionGone);
        }
    }

    fn establish(&mut self, server: usize, link: LinkId, session: i64) {
        let target = &mut self.servers[server];
        let Some(connection) = target.links.get_mut(&link) else { return };
        (connection.phase, connection.session) = (LinkPhase::Established, session);
        target.by_session.insert(session, link);
        let bytes = reply::connect_response(connection.timeout_ms, SessionId(session), connection.with_flag);
        self.send(link, bytes);
        self.read_frames(server, link);
    }

    fn read_request(&mut self, server: usize, link: LinkId, body: &[u8]) {
        let head = body.first_chunk::<4>().zip(body[4.min(body.len())..].first_chunk::<4>());
        let Some((xid, op)) = head.map(|(xid, op)| (i32::from_be_bytes(*xid), OpCode(i32::from_be_bytes(*op)))) else {
            return self.close(server, link, Cause::Broken, LinkEnding::Fin);
        };
        let key = self.number();
        let target = &mut self.servers[server];
        let zxid = target.replica.zxid;
        let Some(connection) = target.links.get_mut(&link) else { return };
        let session = connection.session;
        let Some(ask) = RequestContent::read(op, &body[8..]) else {
            // ZooKeeper answers -5 where a record is cut short, and lives on.
            return self.send(link, reply::head(xid, zxid, ErrorCode(-5)));
        };
        target.touched.insert(session);
        let leads = self.leadership.as_ref().is_some_and(|leadership| leadership.server == server);
        match &ask {
            RequestContent::Auth(scheme) => return self.authenticate(server, link, xid, scheme == "digest"),
            RequestContent::Unknown => {
                self.send(link, reply::head(xid, -1, ErrorCode::UNIMPLEMENTED));
                return self.mark_close(server, link, Cause::UnknownOperation, None);
            }
            _ => {}
        }
        let origin = RequestOrigin { server, handler: self.servers[server].handler, link, key };
        let forwarded =
            matches!(ask, RequestContent::Write(_) | RequestContent::Sync(_) | RequestContent::CloseSession);
        let turn = if leads {
            self.leaders_own_turn(session, link, &ask)
        } else if forwarded {
            RequestTurn::Waiting
        } else {
            RequestTurn::Ready
        };
        let submit = forwarded && turn == RequestTurn::Waiting;
        let queued = QueuedRequest { key, xid, op, ask: ask.clone(), turn };
        if let Some(connection) = self.servers[server].links.get_mut(&link) {
            connection.queue.push_back(queued);
        }
        if submit {
            self.ask_leader(server, ServerMessage::Forward(origin, session, op, ask));
        }
        self.drain(server, link);
    }

    fn authenticate(&mut self, server: usize, link: LinkId, xid: i32, right: bool) {
        let error = if right { ErrorCode::OK } else { ErrorCode::AUTH_FAILED };
        self.send(link, reply::head(xid, 0, error));
        if !right {
            self.mark_close(server, link, Cause::AuthFailed, None);
        }
    }

    /// On the leader every request passes the ownership check, reads and pings too, but for the session's close.
    fn leaders_own_turn(&mut self, session: i64, link: LinkId, ask: &RequestContent) -> RequestTurn {
        let now = self.now;
        let Some(leadership) = self.leadership.as_mut() else { return RequestTurn::Dropped };
        if !leadership.tracker.touch(now, session) {
            return RequestTurn::Dropped;
        }
        match ask {
            RequestContent::Write(_) | RequestContent::CloseSession => RequestTurn::Waiting,
            _ if leadership.check(session, SessionOwner::Leader, link).is_err() => RequestTurn::Moved,
            RequestContent::Sync(_) => RequestTurn::Waiting,
            _ => RequestTurn::Ready,
        }
    }

    /// Answers the requests at the front of a connection's queue that can be answered.
    pub(super) fn drain(&mut self, server: usize, link: LinkId) {
        while let Some(connection) = self.servers[server].links.get_mut(&link) {
            if connection.queue.front().is_none_or(|front| front.turn == RequestTurn::Waiting) {
                return;
            }
            // Behind a close marker nothing is sent any more, unless the marker is overtaken by what is queued.
            let silent = connection.closing.is_some() && !connection.leaks;
            let Some(queued) = connection.queue.pop_front() else { return };
            if !silent {
                self.answer(server, link, &queued);
            }
        }
    }

    fn answer(&mut self, server: usize, link: LinkId, queued: &QueuedRequest) {
        let target = &mut self.servers[server];
        let (xid, zxid, tree) = (queued.xid, target.replica.zxid, &target.replica.tree);
        let bytes = match (&queued.turn, &queued.ask) {
            (RequestTurn::Waiting | RequestTurn::Dropped, _) => return,
            (RequestTurn::Moved | RequestTurn::Decided(WriteOutcome::Moved), ask) => {
                return self.refuse_moved(server, link, queued, ask);
            }
            (RequestTurn::Decided(outcome), RequestContent::Write(changes)) if queued.op == OpCode::MULTI => {
                reply::multi(xid, zxid, outcome, changes.len(), tree)
            }
            (RequestTurn::Decided(outcome), RequestContent::Write(_)) => reply::write(xid, zxid, outcome, tree),
            (_, RequestContent::Read(read)) => {
                let bytes = reply::read(xid, zxid, read.op, &read.path, tree);
                let there = tree.stat(&read.path).is_some();
                if read.watch && (there || read.op == OpCode::EXISTS) {
                    let children = matches!(read.op, OpCode::GET_CHILDREN | OpCode::GET_CHILDREN2);
                    let kind = if children { WatchTarget::Children } else { WatchTarget::Node };
                    target.watches.add(&read.path, kind, link);
                }
                bytes
            }
            (_, RequestContent::SetWatches(replay)) => {
                let missed = target.watches.replay(replay, tree, link);
                for (happening, path) in missed {
                    self.send(link, reply::event(happening, &path, -1));
                }
                reply::head(xid, zxid, ErrorCode::OK)
            }
            (_, RequestContent::Sync(path)) => reply::path(xid, zxid, path),
            (_, RequestContent::CloseSession) => {
                self.send(link, reply::head(xid, zxid, ErrorCode::OK));
                return self.mark_close(server, link, Cause::Closed, None);
            }
            (
                _,
                RequestContent::Ping | RequestContent::Auth(_) | RequestContent::Unknown | RequestContent::Write(_),
            ) => reply::head(xid, zxid, ErrorCode::OK),
        };
        self.send(link, bytes);
    }

    /// The rule of the server's release for a session that has moved (protocol.md §4.3).
    fn refuse_moved(&mut self, server: usize, link: LinkId, queued: &QueuedRequest, ask: &RequestContent) {
        let target = &self.servers[server];
        let (zxid, tree, release) = (target.replica.zxid, &target.replica.tree, target.release);
        let session = target.links.get(&link).map_or(0, |connection| connection.session);
        let words = match (release, ask) {
            // Later releases lost this answer: the error is turned into a close marker (protocol.md §4.3).
            (ServerRelease::V3_2, _) => Some(reply::head(queued.xid, zxid, ErrorCode::SESSION_MOVED)),
            (ServerRelease::V3_5, RequestContent::Write(changes)) if queued.op == OpCode::MULTI => {
                Some(reply::multi(queued.xid, zxid, &WriteOutcome::Moved, changes.len(), tree))
            }
            _ => None,
        };
        let what = TruthKind::Refused { xid: queued.xid, op: queued.op, told: words.is_some() };
        let holder = self.leadership.as_ref().and_then(|leadership| leadership.holders.get(&session).copied());
        self.know(server, link, session, what, holder);
        match words {
            Some(bytes) => self.send(link, bytes),
            None => self.mark_close(server, link, Cause::Moved, holder),
        }
    }

    /// Queues the close marker; the connection ends when the server's writer meets it.
    fn mark_close(&mut self, server: usize, link: LinkId, cause: Cause, by: Option<LinkId>) {
        let leaks = cause == Cause::Moved
            && self.servers[server].factory == ConnectionFactory::Nio
            && self.random.chance(LEAK_PERCENT);
        let met = self.random.between(Duration::from_micros(20), Duration::from_micros(300));
        let Some(connection) = self.servers[server].links.get_mut(&link) else { return };
        if connection.closing.is_none() {
            (connection.closing, connection.leaks) = (Some((cause, by)), leaks);
            self.schedule(met, server, ServerMessage::Close(link, cause));
        }
    }

    /// A transaction is committed and this server hears of it.
    pub(super) fn committed(&mut self, server: usize, handler: u64, txn: &Txn) {
        let target = &mut self.servers[server];
        // What was already part of the snapshot comes again after a join.
        if target.handler != handler || target.replica.zxid >= txn.zxid {
            return;
        }
        let shown = if target.release == ServerRelease::V3_9 { txn.zxid } else { -1 };
        for (happening, path) in target.replica.apply(txn) {
            for link in self.servers[server].watches.fire(happening, &path) {
                self.send(link, reply::event(happening, &path, shown));
            }
        }
        let own = txn.origin.filter(|origin| origin.server == server && origin.handler == handler);
        match &txn.what {
            TxnKind::CreateSession(_) => {
                if let Some(origin) = own {
                    self.know(server, origin.link, txn.session, TruthKind::Granted, None);
                    self.establish(server, origin.link, txn.session);
                }
            }
            TxnKind::Write(outcome) => self.decided(server, own, outcome),
            TxnKind::CloseSession(_) => {
                self.decided(server, own, &WriteOutcome::Done(Vec::new()));
                let registered = self.servers[server].by_session.get(&txn.session).copied();
                if let Some(link) = registered.filter(|link| own.is_none_or(|origin| origin.link != *link)) {
                    let cause = if txn.origin.is_none() { Cause::Expired } else { Cause::ClosedElsewhere };
                    self.close_for(server, link, cause, LinkEnding::Fin, txn.origin.map(|origin| origin.link));
                }
            }
        }
    }

    fn decided(&mut self, server: usize, origin: Option<RequestOrigin>, outcome: &WriteOutcome) {
        let Some(origin) = origin else { return };
        let Some(connection) = self.servers[server].links.get_mut(&origin.link) else { return };
        if let Some(queued) = connection.queue.iter_mut().find(|queued| queued.key == origin.key) {
            queued.turn = RequestTurn::Decided(outcome.clone());
        }
        self.drain(server, origin.link);
    }

    pub(super) fn synced(&mut self, server: usize, origin: RequestOrigin) {
        if self.servers[server].handler == origin.handler {
            self.decided(server, Some(origin), &WriteOutcome::Done(Vec::new()));
        }
    }

    /// Learners return the sessions that they heard from.
    pub(super) fn learner_ping(&mut self, server: usize) {
        let target = &mut self.servers[server];
        if target.state == ServerState::Serving && !target.touched.is_empty() {
            let (sessions, handler) = (std::mem::take(&mut target.touched), target.handler);
            self.ask_leader(server, ServerMessage::Touched(server, handler, sessions.into_iter().collect()));
        }
    }

    /// Once a tick: NIO drops connections that were silent for longer than their session's timeout.
    pub(super) fn drop_idle(&mut self, server: usize) {
        if self.servers[server].factory == ConnectionFactory::Netty {
            return;
        }
        let interval = IDLE_INTERVAL.as_nanos() as u64;
        let idle = |heard_at: Timestamp, timeout_ms: i32| {
            let timeout =
                Duration::from_millis(timeout_ms.max(0) as u64).max(IDLE_INTERVAL.min(Duration::from_secs(1)));
            // NIO keeps connections in buckets and drops a bucket at its end: a silent one lives up to an interval
            // longer.
            (heard_at.after(timeout).0 / interval + 1) * interval <= self.now.0
        };
        let links = self.servers[server].links.iter();
        let silent: Vec<LinkId> =
            links.filter(|(_, link)| idle(link.heard_at, link.timeout_ms)).map(|(link, _)| *link).collect();
        for link in silent {
            self.close(server, link, Cause::Idle, LinkEnding::Fin);
        }
    }
}
