//! How a claim finds its server: which one is asked, how long it is waited for, when it is left. Pure.
//!
//! A claim that was sent cannot be taken back: a frozen server carries it out when it thaws, whatever has become of
//! its connection, and takes the session away from the connection that was answered meanwhile (protocol.md §0, 5).
//! So one server is asked at a time, and left only when it has refused, when it alone is slow, or when it no longer
//! answers anything. What counts, in this order: no session is lost that its client would have kept by itself; the
//! search causes no SESSION_MOVED; no claim goes up twice; time.

use std::time::Duration;

use smallvec::{SmallVec, smallvec};

use super::claim_step::{ClaimStep, ClaimTerms, TurnedAway};
use super::policy::ServerCandidate;
use super::search_view::{EVIDENCE_SETTLES, SearchView};
use super::server_snapshot::ServerSnapshot;
use crate::ids::ServerId;
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::session::verdict::RouteReason;
use crate::time::Timestamp;

/// The shortest wait for an answer before a server can count as slow, however short the session's timeout.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// The shortest patience with which a server is looked for.
pub const SHORTEST_PATIENCE: Duration = Duration::from_secs(30);
/// How often what was seen is looked at again while a claim waits.
pub const RECHECK: Duration = Duration::from_millis(200);

/// Longer than this no server is frozen and still part of its ensemble.
pub const LONGEST_OUT: Duration = Duration::from_mins(2);

/// How long a claim that was sent counts as out, and is watched when no client waits for it any more: twice the timeout
/// asked, but not less than a server may be frozen or cut off and still carry it out (`syncLimit`, seldom above 20 s).
pub fn claim_lasts(timeout: Duration) -> Duration {
    (timeout * 2).clamp(SHORTEST_PATIENCE, LONGEST_OUT)
}

/// The state of the claim at one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ClaimAttempt {
    /// It was not sent there.
    Untried,
    /// It was sent there and waits for its answer.
    Asked,
    /// It was sent there, and the path broke before the answer: it may be carried out.
    Broken,
    /// It was left behind there: the next one was asked.
    Left,
    /// The server refused it, closed, or was not reached.
    Over,
}

/// One server, as this search has dealt with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct TriedServer {
    attempt: ClaimAttempt,
    /// When a claim of this session was first sent there, by this connection or an earlier one of its client; None
    /// when none was.
    out_since: Option<Timestamp>,
    /// Paths that broke under the claim.
    broken: u8,
    /// Whether it was seen to be over.
    over_seen: bool,
    /// When the probe was begun that it had answered last by then, if it had answered one.
    over_since_probe: Option<Timestamp>,
}

/// The search of one claim for its server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimSearch {
    terms: ClaimTerms,
    began_at: Timestamp,
    tried: SmallVec<[TriedServer; 5]>,
    /// Since when another server is seen to work and the asked one is not.
    evidence_since: Option<Timestamp>,
    /// Whether a server was left, by whatever rule: once is often enough where time alone decides.
    halved: bool,
    /// Whether what the client sent behind its claim may be sent twice.
    repeatable: bool,
}

impl ClaimSearch {
    /// A search among this many servers.
    pub fn new(terms: ClaimTerms, servers: usize, now: Timestamp) -> Self {
        let tried = TriedServer {
            attempt: ClaimAttempt::Untried,
            out_since: None,
            broken: 0,
            over_seen: false,
            over_since_probe: None,
        };
        Self {
            terms,
            began_at: now,
            tried: smallvec![tried; servers],
            evidence_since: None,
            halved: false,
            repeatable: true,
        }
    }

    /// Says where an earlier claim of the same session by the same client is out, unanswered, and since when. That
    /// server can be asked again without harm, as it stays the owner (protocol.md §5.3, §5.4).
    pub fn follow(&mut self, out: Option<(ServerId, Timestamp)>) {
        for tried in self.tried.iter_mut().filter(|tried| tried.attempt == ClaimAttempt::Untried) {
            tried.out_since = None;
        }
        if let Some((server, sent_at)) = out {
            self.change(server, |tried| {
                if tried.attempt == ClaimAttempt::Untried {
                    tried.out_since = Some(sent_at);
                }
            });
        }
    }

    /// The claim was sent.
    pub fn asked(&mut self, server: ServerId, now: Timestamp) {
        self.evidence_since = None;
        self.change(server, |tried| {
            tried.attempt = ClaimAttempt::Asked;
            tried.out_since = tried.out_since.or(Some(now));
        });
    }

    /// The server refused the claim or closed without an answer.
    pub fn over(&mut self, server: ServerId) {
        self.change(server, |tried| tried.attempt = ClaimAttempt::Over);
    }

    /// The server was not reached: nothing went to it by this search, unless a path to it broke before.
    pub fn unreached(&mut self, server: ServerId) {
        self.change(server, |tried| {
            if tried.attempt == ClaimAttempt::Untried {
                tried.out_since = None;
            }
            tried.attempt = ClaimAttempt::Over;
        });
    }

    /// The path to the server broke before it answered. Nothing shows whether it has the claim; a second time it is
    /// how it refuses.
    pub fn broke(&mut self, server: ServerId) {
        self.change(server, |tried| {
            tried.broken += 1;
            tried.attempt = if tried.broken > 1 { ClaimAttempt::Over } else { ClaimAttempt::Broken };
        });
    }

    /// The claim at this server was left behind.
    pub fn left(&mut self, server: ServerId) {
        self.evidence_since = None;
        self.halved = true;
        self.change(server, |tried| tried.attempt = ClaimAttempt::Left);
    }

    /// What the client sent behind its claim has effects: no second server may be given it.
    pub fn cannot_repeat(&mut self) {
        self.repeatable = false;
    }

    /// The server that was asked last and has not answered.
    pub fn asked_now(&self) -> Option<ServerId> {
        self.servers().find(|(_, tried)| tried.attempt == ClaimAttempt::Asked).map(|(server, _)| server)
    }

    fn servers(&self) -> impl Iterator<Item = (ServerId, &TriedServer)> {
        self.tried.iter().enumerate().map(|(place, tried)| (ServerId(place as u16), tried))
    }

    fn change(&mut self, server: ServerId, change: impl FnOnce(&mut TriedServer)) {
        if let Some(tried) = self.tried.get_mut(server.index()) {
            change(tried);
        }
    }

    /// What to do next. `order` is the order in which servers are tried now, `seen` what is known of each, by
    /// [`ServerId`]; `elapsed` measures the time since a moment without the proxy's own pauses.
    pub fn decide(
        &mut self,
        order: &[ServerCandidate],
        seen: &[ServerSnapshot],
        now: Timestamp,
        elapsed: impl Fn(Timestamp) -> Duration,
    ) -> ClaimStep {
        let view = SearchView { order, seen, now, elapsed: &elapsed };
        // By then the client has given up by itself, and the answer would come too late.
        if elapsed(self.began_at) >= self.terms.timeout.max(SHORTEST_PATIENCE) {
            return ClaimStep::TurnAway(TurnedAway::OutOfPatience);
        }
        match self.asked_now() {
            Some(server) => self.while_asked(server, view),
            None => self.next(view),
        }
    }

    /// A server was asked and has not answered.
    fn while_asked(&mut self, server: ServerId, view: SearchView<'_>) -> ClaimStep {
        let Some(since) = self.tried.get(server.index()).and_then(|tried| tried.out_since) else {
            return ClaimStep::Wait;
        };
        // Leaving a claim has a price: it may be carried out late. Without a better server there is nothing to pay it
        // for.
        let Some(other) = self.alternative(server, view) else { return ClaimStep::Wait };
        if !self.repeatable || !self.may_leave(server, since, view) {
            return ClaimStep::Wait;
        }
        // It is left only for one that is known to be there.
        if view.snapshot(other).is_fresh(view.now) || !view.snapshot(other).answers_probes() {
            return ClaimStep::Leave(server);
        }
        ClaimStep::Probe(other)
    }

    /// No server is asked at the moment: which one is next?
    fn next(&mut self, view: SearchView<'_>) -> ClaimStep {
        // What has effects has reached one server at most, and must not reach a second one, whatever became of the
        // first.
        let sent = |tried: &TriedServer| tried.attempt != ClaimAttempt::Untried && tried.out_since.is_some();
        if !self.repeatable && self.servers().any(|(_, tried)| sent(tried)) {
            // A new session is whoever's answers first: one that was left for being slow may answer yet.
            let awaited = self.servers().any(|(_, tried)| tried.attempt == ClaimAttempt::Left);
            return if self.terms.session.is_new() && awaited {
                ClaimStep::Wait
            } else {
                ClaimStep::TurnAway(TurnedAway::NobodyTook)
            };
        }
        let serves_again = self.serves_again(view);
        let mut still_open = false;
        for candidate in self.in_order(view) {
            let server = candidate.server;
            let snapshot = view.snapshot(server);
            if snapshot.keeps_waiting(view.elapsed) && snapshot.answers_probes() {
                if candidate.reason == RouteReason::Followed {
                    // Its claim may be carried out there at any moment: none goes to another server beside it.
                    return ClaimStep::Wait;
                }
                // An unresponsive server is skipped, but it may still come back: the client is turned away only if
                // none may.
                still_open = true;
            } else if self.may_ask(server, view) {
                return ClaimStep::Ask(candidate);
            } else {
                return ClaimStep::Probe(server);
            }
        }
        // A new session that was asked for elsewhere may still be given: its first answer is as good as any.
        let races = self.terms.session.is_new() && self.servers().any(|(_, tried)| tried.attempt == ClaimAttempt::Left);
        // One that answers nothing is not waited for while its client could have a session from another.
        if races || (still_open && !serves_again) {
            ClaimStep::Wait
        } else {
            ClaimStep::TurnAway(TurnedAway::NobodyTook)
        }
    }

    /// Whether a server that refused the claim, or was not there, was seen to serve since.
    fn serves_again(&mut self, view: SearchView<'_>) -> bool {
        let mut found = false;
        for (place, tried) in self.tried.iter_mut().enumerate().filter(|(_, tried)| tried.attempt == ClaimAttempt::Over)
        {
            let snapshot = view.snapshot(ServerId(place as u16));
            // Only what was asked after the refusal shows a change; the answer before may already have said
            // "serving".
            if !tried.over_seen {
                (tried.over_seen, tried.over_since_probe) = (true, snapshot.asked_at);
            }
            found |= snapshot.asked_at > tried.over_since_probe
                && snapshot.health == ServerHealth::Serving
                && snapshot.role != ServerRole::ReadOnly;
        }
        found
    }

    /// The servers that may still be asked, in their order; where the session's claim is out comes first, unless that
    /// server would be left anyway.
    fn in_order(&mut self, view: SearchView<'_>) -> SmallVec<[ServerCandidate; 5]> {
        let out = self
            .servers()
            .filter(|(_, tried)| matches!(tried.attempt, ClaimAttempt::Untried | ClaimAttempt::Broken))
            .filter_map(|(server, tried)| Some((server, tried.out_since?)))
            // The youngest claim is the one that will be carried out last, and so decides who owns the session.
            .max_by_key(|(_, since)| *since);
        let followed = out.map(|(server, since)| {
            let leave = self.alternative(server, view).is_some() && self.may_leave(server, since, view);
            (server, leave)
        });
        if let Some((server, true)) = followed {
            self.left(server);
        }
        let mut order: SmallVec<[ServerCandidate; 5]> = SmallVec::new();
        if let Some((server, false)) = followed {
            order.push(ServerCandidate { server, reason: RouteReason::Followed });
        }
        let open = |server: ServerId| self.tried.get(server.index()).is_some_and(|tried| tried.attempt.is_open());
        let first = followed.filter(|(_, leave)| !leave).map(|(server, _)| server);
        order.extend(view.order.iter().filter(|one| open(one.server) && Some(one.server) != first).copied());
        order
    }

    /// Whether the claim may be sent to this server as it was last seen. A new session has no owner yet: it may be
    /// asked for without a probe. A server that does not know the probe's question cannot answer one.
    fn may_ask(&self, server: ServerId, view: SearchView<'_>) -> bool {
        let snapshot = view.snapshot(server);
        if self.terms.session.is_new() {
            return true;
        }
        if snapshot.answers_probes() {
            return snapshot.is_fresh(view.now);
        }
        snapshot.keeps_waiting(view.elapsed)
            || matches!(
                snapshot.health,
                ServerHealth::Unresponsive | ServerHealth::Refusing | ServerHealth::Unreachable
            )
    }

    /// The server that would be asked instead: one that serves and answers, and was not asked yet. One that knows no
    /// probe's question is as good as it was, and one without a quorum no better than waiting.
    fn alternative(&self, server: ServerId, view: SearchView<'_>) -> Option<ServerId> {
        let usable = |one: &&ServerCandidate| {
            let (tried, snapshot) = (self.tried.get(one.server.index()), view.snapshot(one.server));
            let works = matches!(snapshot.health, ServerHealth::Serving | ServerHealth::Unknown)
                && snapshot.role != ServerRole::ReadOnly
                && !snapshot.keeps_waiting(view.elapsed);
            let unasked = tried.is_some_and(|tried| tried.attempt == ClaimAttempt::Untried);
            one.server != server
                && unasked
                && (works || snapshot.health == ServerHealth::Unresponsive && !snapshot.answers_probes())
        };
        view.order.iter().find(usable).map(|one| one.server)
    }

    /// Whether a server may be left whose claim went out at that moment.
    fn may_leave(&mut self, server: ServerId, since: Timestamp, view: SearchView<'_>) -> bool {
        let waited = (view.elapsed)(since);
        let [third, half, two_thirds] = [2, 3, 4].map(|sixths| self.terms.timeout * sixths / 6);
        // A follower that is silent is waited for as long as a client of three servers would by itself: when it goes on
        // by then it gives the session, and one that was claimed elsewhere meanwhile it would take away from there.
        let slow = self.is_slow_alone(server, since, view) || view.is_silent_follower(server);
        if slow && waited >= third.max(SHORTEST_WAIT) {
            return true;
        }
        // Where claims wait elsewhere too, or did until a moment ago, the ensemble is slow and not this server. What
        // waits for a server that is silent by itself shows nothing.
        let just_gave = |at: Option<Timestamp>| at.is_some_and(|at| (view.elapsed)(at) < EVIDENCE_SETTLES);
        let waits = |other: ServerId| view.snapshot(other).waiting > 0 && !view.is_silent_follower(other);
        let busy = |other: ServerId| waits(other) || just_gave(view.snapshot(other).gave_at);
        let alone = !self.servers().any(|(other, _)| other != server && busy(other));
        if self.terms.session.is_new() {
            return alone && !self.halved && waited >= third.max(SHORTEST_WAIT);
        }
        let worked_at = view.snapshot(server).worked_at();
        let idle = worked_at.is_none_or(|at| (view.elapsed)(at) >= SHORTEST_WAIT);
        if !idle && worked_at >= Some(since.after(SHORTEST_WAIT)) {
            // It works, and answers what came later: this claim, or its answer, was lost on the way.
            return !self.halved && waited >= two_thirds;
        }
        alone && idle && !self.halved && waited >= half.max(SHORTEST_WAIT) && !view.leader_is_silent()
    }

    /// Whether others have worked since, and for long enough, without a sign of work from this one.
    fn is_slow_alone(&mut self, server: ServerId, since: Timestamp, view: SearchView<'_>) -> bool {
        let own = view.snapshot(server);
        // A zxid that the asked server has not reached counts like work: the quorum goes on without this server.
        let evidence = |other: &ServerSnapshot| other.worked_at().max(other.ahead_of(own));
        let seen = view.others(server).filter_map(evidence).max().filter(|seen| *seen > since);
        let Some(seen) = seen.filter(|_| own.worked_at() <= Some(since)) else {
            self.evidence_since = None;
            return false;
        };
        // The evidence must hold for a while, because the asked server may be just about to show the same.
        (view.elapsed)(*self.evidence_since.get_or_insert(seen)) >= EVIDENCE_SETTLES
    }
}

impl ClaimAttempt {
    /// Whether the server may be asked.
    fn is_open(self) -> bool {
        matches!(self, Self::Untried | Self::Broken)
    }
}

#[cfg(test)]
#[path = "claim_search_tests.rs"]
mod tests;
