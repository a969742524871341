//! The words in which the ledger speaks: why a connection ended, and how a move is known.

use std::net::SocketAddr;
use std::time::Duration;

use super::connection_end::UnansweredRequest;
use super::fact::{EnsembleFact, Fact, FactList};
use super::identity::HolderIdentity;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::time::Timestamp;

/// Why a connection ended; exactly one, once all evidence is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum EndReason {
    /// ZooKeeper refused the session here because another server owns it.
    SessionMoved,
    /// The server stopped serving: it is stopping, restarting, frozen out, or lost the quorum.
    ServerLeaving,
    /// The ensemble lost its leader: every server dropped all its clients.
    LeaderLost,
    /// The session was over: the server dropped it, or refused to take it back.
    SessionExpired,
    /// The client closed its session in order.
    Closed,
    /// The session was closed through another connection.
    ClosedElsewhere,
    /// The same session attached to the same server again.
    ReattachedSameServer,
    /// The server takes no more connections from this address, or none at all.
    ConnectionCap,
    /// The server was not serving when it was asked to take the session.
    NotServing,
    /// The client had seen a zxid that the server had not reached.
    LaggingServer,
    /// A frame was larger than the server accepts.
    OversizedFrame,
    /// A reply was longer than the client takes, which hung up at it.
    ReplyTooLarge,
    /// Authentication failed, or was required and missing.
    AuthFailed,
    /// The password did not belong to the session.
    WrongPassword,
    /// The client gave up on a server that had been silent for as long as such a client bears.
    ClientReadTimeout,
    /// The client closed its session because one operation was not answered. Pings behind it wait as well.
    OperationTimeout,
    /// The client asked for a version of the protocol that the server does not speak.
    UnknownVersion,
    /// The client had been silent itself for longer than its ping interval.
    ClientSilent,
    /// The client went away for reasons of its own.
    ClientGone,
    /// The path to the server broke: a reset or a timeout with nothing to explain it.
    ServerGone,
    /// The proxy gave up a server that accepted connections and answered nothing.
    ServerUnresponsive,
    /// The proxy itself stood still for so long that client or server gave up.
    ProxyPaused,
    /// The proxy was stopping.
    ProxyShutdown,
    /// A server carried out a claim late that the proxy had left behind there.
    LateClaim,
    /// The session's client came back on a newer connection, and the proxy closed this one.
    Superseded,
    /// An operator had zoogate end the connection.
    DisconnectedByOperator,
    /// Nothing that was seen explains it.
    Unknown,
}

impl EndReason {
    /// All reasons, for tables indexed by reason.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in labels, JSON and logs.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// What shows that ZooKeeper refused a session because it has moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Evidence {
    /// -118 in a reply's header.
    Reply,
    /// -118 as the first result of a multi.
    Multi,
    /// A reply overtook an unanswered request, then the server closed.
    XidGap,
    /// The server closed with a request unanswered after the session had been claimed at another server.
    AttachElsewhere,
    /// The server closed with a request unanswered, alone, and the session lives on.
    Inferred,
}

impl Evidence {
    /// All kinds, for tables indexed by kind.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in labels, JSON and logs.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Whether the server said it in words, on a connection that may stay open.
    pub fn is_said(self) -> bool {
        matches!(self, Self::Reply | Self::Multi)
    }
}

/// How sure a verdict is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Confidence {
    /// Something else would explain it as well; what is missing is said.
    Weak,
    /// Nothing else that was seen explains it.
    Likely,
    /// Nothing else can explain it.
    Certain,
}

impl Confidence {
    /// All degrees, the weakest first.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in labels, JSON and logs.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// Why a connection ended, with what was seen of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// The reason.
    pub reason: EndReason,
    /// How sure it is.
    pub confidence: Confidence,
    /// The evidence, strongest first.
    pub facts: FactList,
    /// What a refusal because of a move adds; None for any other reason.
    pub refusal: Option<RefusalEvidence>,
}

/// How the refusal of a session because it has moved is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefusalEvidence {
    /// What shows it.
    pub evidence: Evidence,
    /// Where the session had been claimed instead, when that was seen.
    pub claimed_by: Option<ServerId>,
}

impl Explanation {
    fn new<F: Into<Fact>>(reason: EndReason, confidence: Confidence, facts: impl IntoIterator<Item = F>) -> Self {
        let facts = FactList::Owned(facts.into_iter().map(Into::into).collect());
        Self { reason, confidence, facts, refusal: None }
    }

    /// A reason of which the same is seen every time: that takes no memory.
    pub(super) fn as_ever(reason: EndReason, confidence: Confidence, facts: &'static [Fact]) -> Self {
        Self { reason, confidence, facts: FactList::Borrowed(facts), refusal: None }
    }

    /// Nothing else can explain it.
    pub(super) fn certain<F: Into<Fact>>(reason: EndReason, facts: impl IntoIterator<Item = F>) -> Self {
        Self::new(reason, Confidence::Certain, facts)
    }

    /// Nothing else that was seen explains it.
    pub(super) fn likely<F: Into<Fact>>(reason: EndReason, facts: impl IntoIterator<Item = F>) -> Self {
        Self::new(reason, Confidence::Likely, facts)
    }

    /// Something else would explain it as well.
    pub(super) fn weak<F: Into<Fact>>(reason: EndReason, facts: impl IntoIterator<Item = F>) -> Self {
        Self::new(reason, Confidence::Weak, facts)
    }

    /// The session was refused because it has moved.
    pub(super) fn moved(refusal: RefusalEvidence, confidence: Confidence, facts: Vec<Fact>) -> Self {
        Self { reason: EndReason::SessionMoved, confidence, facts: facts.into(), refusal: Some(refusal) }
    }

    /// The same with one more fact.
    #[must_use]
    pub(super) fn with(mut self, fact: impl Into<Fact>) -> Self {
        self.facts.to_mut().push(fact.into());
        self
    }

    /// The same, with what is said where it is not known which server a name stood for.
    #[must_use]
    pub(super) fn of_unknown_server(mut self) -> Self {
        if self.needs_server() {
            self.confidence = self.confidence.min(Confidence::Likely);
            self.facts.to_mut().push(EnsembleFact::ManyServers {}.into());
        }
        self
    }

    /// Whether it needs to be known which server it was.
    fn needs_server(&self) -> bool {
        use EndReason::{
            AuthFailed, ClientGone, ClientSilent, Closed, DisconnectedByOperator, OversizedFrame, ProxyPaused,
            ProxyShutdown, ReplyTooLarge,
        };
        match self.refusal.map(|refusal| refusal.evidence) {
            Some(evidence) => !evidence.is_said(),
            None => !matches!(
                self.reason,
                AuthFailed
                    | ClientGone
                    | ClientSilent
                    | Closed
                    | DisconnectedByOperator
                    | OversizedFrame
                    | ProxyPaused
                    | ProxyShutdown
                    | ReplyTooLarge
            ),
        }
    }
}

/// One refusal of a session because it has moved.
#[derive(Clone, PartialEq, Debug)]
pub struct SessionMovedRefusal {
    /// The session that was refused.
    pub session: SessionId,
    /// The connection that it was refused on.
    pub connection: ConnectionId,
    /// The client of that connection.
    pub client: SocketAddr,
    /// The server that refused it.
    pub server: ServerId,
    /// Where the session had been claimed instead, when that was seen.
    pub claimed_by: Option<ServerId>,
    /// When the refusal was seen (not when it was judged).
    pub at: Timestamp,
    /// What shows it.
    pub evidence: Evidence,
    /// How sure it is.
    pub confidence: Confidence,
    /// The evidence, strongest first; for `Inferred` also what is missing.
    pub facts: FactList,
    /// Who holds the session, when that is known.
    pub identity: Option<HolderIdentity>,
    /// The requests that were refused or lost with it.
    pub unanswered: Vec<UnansweredRequest>,
    /// How many of those there are in all.
    pub unanswered_count: u32,
}

/// A session that attached to another server than before.
#[derive(Clone, PartialEq, Debug)]
pub struct SessionMove {
    /// The session.
    pub session: SessionId,
    /// The session that it replaces, where its holder came back with a new one, as ClickHouse's servers do; None when
    /// it is the same as before.
    pub former: Option<SessionId>,
    /// The connection that it left.
    pub left: ConnectionId,
    /// The server that it was on.
    pub from: ServerId,
    /// The server that it is on now.
    pub to: ServerId,
    /// When it attached there.
    pub at: Timestamp,
    /// From the end of the last connection to the new attach; zero when they overlapped.
    pub gap: Duration,
    /// Unanswered requests of the connection that it left.
    pub unanswered_count: u32,
    /// The client that attached.
    pub client: SocketAddr,
    /// Why the last connection ended, when that is decided.
    pub reason: Option<EndReason>,
    /// Why the new server was chosen.
    pub routed: RouteReason,
    /// Who holds the session, when that is known.
    pub identity: Option<HolderIdentity>,
}

/// Why a session was sent to the server that it is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RouteReason {
    /// The client chose: the listener belongs to one server.
    Mirror,
    /// A new session, to the server with the fewest.
    Spread,
    /// A returning session, to the server that it was on.
    Pinned,
    /// A returning session that is not known here (or is not pinned), to the server with the fewest.
    Unpinned,
    /// The server that it was on does not serve.
    PinUnhealthy,
    /// Servers before this one refused or did not answer.
    Fallback,
    /// The same client's earlier claim was still unanswered there.
    Followed,
}

impl RouteReason {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in labels, JSON and logs.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<T: Copy + Into<&'static str>>(all: &[T]) -> String {
        let words: Vec<&str> = all.iter().map(|one| (*one).into()).collect();
        words.join(" ")
    }

    #[test]
    fn the_words_are_those_that_metrics_and_lists_are_read_by() {
        let reasons = "session_moved server_leaving leader_lost session_expired closed closed_elsewhere \
            reattached_same_server connection_cap not_serving lagging_server oversized_frame reply_too_large auth_failed \
            wrong_password client_read_timeout operation_timeout unknown_version client_silent client_gone server_gone server_unresponsive \
            proxy_paused proxy_shutdown late_claim superseded disconnected_by_operator unknown";
        assert_eq!(words(EndReason::ALL), reasons);
        let evidence = "reply multi xid_gap attach_elsewhere inferred";
        assert_eq!(words(Evidence::ALL), evidence);
        assert_eq!(words(Confidence::ALL), "weak likely certain");
        assert!(Confidence::ALL.is_sorted());
        assert_eq!(words(RouteReason::ALL), "mirror spread pinned unpinned pin_unhealthy fallback followed");
    }
}
