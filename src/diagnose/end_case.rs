//! One ended connection as the rules see it: its end, what was watched around it, and what was seen of its session
//! later.

use std::time::Duration;

use super::client_leg::ClientLeg;
use super::client_path::ClientPath;
use super::ensemble_watch::EnsembleWatch;
use super::health_span::HealthSpan;
use super::server_watch::ServerWatch;
use super::verdict::ConnectionPhase;
use crate::ids::ServerId;
use crate::session::fact::{EndOffset, Fact, WatchFact};
use crate::session::probe_result::ServerHealth;
use crate::session::transition::{CloseDetails, EndedConnection};
use crate::session::verdict::RouteReason;
use crate::time::Timestamp;

/// How far apart an end and what explains it may be seen: probes come once a second, and one that gets no answer is
/// given up after another.
pub(super) const AROUND: Duration = Duration::from_secs(3);

/// How much later than it happened a probe may have seen it.
pub(super) const BETWEEN_PROBES: Duration = Duration::from_secs(1);

/// What was seen of the session after the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct LaterSigns {
    /// It was given again.
    pub back: Option<SessionReturn>,
    /// It was claimed again, whatever came of it.
    pub claimed_at: Option<Timestamp>,
    /// Two clients were seen using it in turn.
    pub shared: bool,
    /// What the kernel knew of the way to the client.
    pub client_path: Option<ClientPath>,
    /// What it had known while the connection stood.
    pub client_leg: Option<ClientLeg>,
    /// Whether the kernel knows nothing of it any more.
    pub path_is_over: bool,
}

/// A session that was given again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SessionReturn {
    /// When.
    pub at: Timestamp,
    /// By which server.
    pub server: ServerId,
    /// Whether to the address that had it before.
    pub same_client: bool,
    /// Why that server was asked.
    pub routed: RouteReason,
}

/// What the rules look at.
#[derive(Clone, Copy)]
pub(super) struct EndCase<'a> {
    pub(super) ended: &'a EndedConnection,
    pub(super) close: &'a CloseDetails,
    pub(super) watch: &'a EnsembleWatch,
    pub(super) later: LaterSigns,
    /// Whether the ledger has not decided the reason yet.
    pub(super) undecided: bool,
    pub(super) now: Timestamp,
}

impl<'a> EndCase<'a> {
    pub(super) fn server(&self) -> &'a ServerWatch {
        self.watch.server(self.ended.server)
    }

    /// Whether the client had been silent for so long that it says something: half of the time between two pings more than
    /// it should be.
    pub(super) fn is_client_silent(&self) -> bool {
        is_client_silent(self.close)
    }

    /// A silence of the client for longer than its timeout that it had broken shortly before the end: from the server's last
    /// byte, when it owed nothing, to the oldest request without a reply.
    pub(super) fn broken_silence(&self) -> Option<Duration> {
        let oldest = self.close.unanswered.iter().map(|request| request.sent_at).min();
        let silence = oldest.unwrap_or(self.ended.ended_at).since(self.before_end(self.close.server_silence));
        // One ping is sent as it goes on; two would have been sent by a client that was not silent.
        let counts = self.ended.attached_at.is_some() && self.close.unanswered_pings <= 1;
        (counts && silence >= self.close.timeout).then_some(silence)
    }

    /// Whether the server owed something.
    pub(super) fn owed(&self) -> bool {
        is_owed(self.ended, self.close) || self.ended.attached_at.is_none()
    }

    /// What the ledger saw, with room for what is added to it.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::with_capacity(self.ended.facts.len() + ROOM_FOR_FACTS);
        facts.extend_from_slice(&self.ended.facts);
        facts
    }

    /// When the trouble began: the server's last byte where it owed something, else the end.
    pub(super) fn began_at(&self) -> Timestamp {
        let silence = self.close.server_silence;
        if self.owed() { self.before_end(silence) } else { self.ended.ended_at }
    }

    /// So long before the end.
    pub(super) fn before_end(&self, time: Duration) -> Timestamp {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Timestamp(self.ended.ended_at.0.saturating_sub(nanos))
    }

    /// A moment, seen from the end.
    pub(super) fn offset(&self, moment: Timestamp) -> EndOffset {
        EndOffset::of(moment, self.ended.ended_at)
    }

    /// A state other than serving that this server was in as the trouble began, or as the connection ended.
    pub(super) fn trouble_of(&self, server: ServerId) -> Option<HealthSpan> {
        let watch = self.watch.server(server);
        let found = watch.not_serving_around(self.ended.ended_at, AROUND).or_else(|| {
            // What was over long before the end has not ended it, unless the server has said nothing since.
            let began_at = self.began_at();
            let lasted_into =
                |span: &HealthSpan| span.until.is_none_or(|until| until.after(BETWEEN_PROBES) >= began_at);
            watch.not_serving_around(began_at, AROUND).filter(|span| self.owed() && lasted_into(span))
        })?;
        let found = watch.before_reached(found);
        if found.health != ServerHealth::HangingUp {
            return Some(found);
        }
        // A server that ends, starts or loses its leader hangs up for a moment: what it did beside that says more.
        let says_more = |span: &HealthSpan| {
            let until = |span: HealthSpan| span.until.unwrap_or(self.now).after(AROUND);
            let is_other =
                !matches!(span.health, ServerHealth::Serving | ServerHealth::Unknown | ServerHealth::HangingUp);
            is_other && span.from <= until(found) && found.from <= until(*span)
        };
        // One that is started again is not serving for a moment as well.
        let telling = |span: &&HealthSpan| (span.health != ServerHealth::Refusing, span.distance(self.ended.ended_at));
        watch.spans().filter(|span| says_more(span)).min_by_key(telling).copied().or(Some(found))
    }

    /// That state as facts: since when, and for how long where it is over.
    pub(super) fn state_facts(&self, server: ServerId, span: HealthSpan, leads: bool) -> Vec<Fact> {
        let since = self.offset(span.from);
        let mut facts = vec![WatchFact::HealthSince { server, health: span.health, since, leads }.into()];
        if let Some(until) = span.until {
            facts.push(WatchFact::HealthUntil { server, health: span.health, lasted: until.since(span.from) }.into());
        }
        facts
    }

    /// Who led as the trouble began, or shortly before the end.
    pub(super) fn leader(&self) -> Option<ServerId> {
        self.watch.leader_at(self.began_at()).or_else(|| self.watch.leader_at(self.ended.ended_at))
    }

    /// How long the oldest unanswered request had waited.
    pub(super) fn longest_wait(&self) -> Duration {
        let oldest = self.close.unanswered.iter().map(|request| request.sent_at).min();
        oldest.map_or(Duration::ZERO, |sent_at| self.ended.ended_at.since(sent_at))
    }

    /// How many unanswered requests are writes, and how many are not, of those that are known.
    pub(super) fn waiting(&self) -> (u32, u32) {
        let writes = self.close.unanswered.iter().filter(|request| request.op.is_write()).count() as u32;
        (writes, self.ended.unanswered_count.saturating_sub(writes) + self.close.unanswered_pings)
    }
}

/// Facts that rules add to those of the ledger, most often.
const ROOM_FOR_FACTS: usize = 2;

/// Whether a reply was owed on a connection as it ended.
fn is_owed(ended: &EndedConnection, close: &CloseDetails) -> bool {
    ended.unanswered_count > 0 || close.unanswered_pings > 0
}

/// Whether a client's silence says something, as a connection ended.
pub(super) fn is_client_silent(close: &CloseDetails) -> bool {
    close.client_silence * 2 >= close.timeout
}

/// Where in its life a connection was.
pub(super) fn phase_of(ended: &EndedConnection, close: &CloseDetails) -> ConnectionPhase {
    if ended.attached_at.is_none() {
        ConnectionPhase::Handshake
    } else if close.closing {
        ConnectionPhase::Closing
    } else if is_owed(ended, close) {
        ConnectionPhase::InFlight
    } else {
        ConnectionPhase::Idle
    }
}
