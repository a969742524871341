//! The one shape of an answer to "why": the cause, who failed first, when in the connection's life, what shows it, and
//! what it cannot have been.

use smallvec::SmallVec;

use super::cause_code::CauseCode;
use crate::session::fact::Fact;
use crate::session::verdict::Confidence;
use crate::time::Timestamp;

/// Who failed first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum FailureOrigin {
    /// The client.
    Client,
    /// One server.
    Server,
    /// The path between the client and zoogate.
    PathClient,
    /// The path between zoogate and the server.
    PathServer,
    /// The ensemble as a whole.
    Ensemble,
    /// zoogate.
    Zoogate,
    /// An operator.
    Operator,
    /// It was not seen.
    Unknown,
}

impl FailureOrigin {
    /// Its word in JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Who failed first where that is the cause.
    pub fn of(code: CauseCode) -> Self {
        use CauseCode as C;
        match code {
            C::LeaderStopped
            | C::LeaderFrozen
            | C::LeaderParted
            | C::ServerStopped
            | C::ServerRestarted
            | C::ServerFrozen
            | C::ServerParted
            | C::ServerLagging
            | C::ServerOverloaded
            | C::SlowServer
            | C::ConnectionCap
            | C::LateClaim => Self::Server,
            C::QuorumLost | C::LeaderLost | C::ElectionRunning | C::SlowQuorum => Self::Ensemble,
            C::LeaderUnreachable | C::ServerUnreachable | C::SlowPath | C::PathServerCut | C::PathServerReset => {
                Self::PathServer
            }
            C::SlowClientPath | C::PathClientCut | C::PathClientReset => Self::PathClient,
            C::StaleConnection
            | C::SharedSession
            | C::ClientPaused
            | C::ClientCrashed
            | C::ClientLeft
            | C::ClientMoved
            | C::TimeoutTooShort
            | C::SessionExpired
            | C::SessionClosed
            | C::ClosedElsewhere
            | C::OversizedRequest
            | C::OversizedReply
            | C::AuthFailed
            | C::WrongPassword
            | C::UnknownVersion => Self::Client,
            C::ZoogatePaused | C::ZoogateStopped => Self::Zoogate,
            C::OperatorDisconnect => Self::Operator,
            C::Unknown => Self::Unknown,
        }
    }
}

/// Where in its life a connection was when it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ConnectionPhase {
    /// Its claim was not answered, or was refused.
    Handshake,
    /// Nothing was owed on it.
    Idle,
    /// Requests or pings waited for their replies.
    InFlight,
    /// Its client had asked to close the session.
    Closing,
}

impl ConnectionPhase {
    /// Its word in JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// Why a cause is held to be less sure than its evidence would make it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum CapReason {
    /// The first seconds are not over: probes and returning clients may still change it.
    EvidencePending,
    /// No probe of the server came in time.
    NoProbe,
    /// The name stands for several servers.
    SharedName,
    /// What else looks like it was not ruled out.
    AlternativeRemains,
    /// It is inferred: nothing that was seen says it.
    Inferred,
}

impl CapReason {
    /// Its word in JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// A cause with how sure it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JudgedCause {
    /// What it is.
    pub code: CauseCode,
    /// Since when it had been so.
    pub since: Timestamp,
    /// How sure it is.
    pub confidence: Confidence,
    /// Why it is not surer; None where nothing holds it down.
    pub capped_because: Option<CapReason>,
}

/// What the rules say of one end.
#[derive(Clone, PartialEq, Debug)]
pub struct Diagnosed {
    /// The cause.
    pub cause: JudgedCause,
    /// What shows it, strongest first; moments are relative to the end.
    pub facts: Vec<Fact>,
    /// What it cannot be, and by which of the facts, counted from 0.
    pub ruled_out: SmallVec<[(CauseCode, usize); 4]>,
    /// What else it may still be.
    pub remaining: SmallVec<[CauseCode; 4]>,
}

impl Diagnosed {
    /// A cause that follows from these facts.
    pub(super) fn new(code: CauseCode, since: Timestamp, confidence: Confidence, facts: Vec<Fact>) -> Self {
        let cause = JudgedCause { code, since, confidence, capped_because: None };
        Self { cause, facts, ruled_out: SmallVec::new(), remaining: SmallVec::new() }
    }

    /// The same, no surer than that.
    #[must_use]
    pub(super) fn capped(mut self, confidence: Confidence, because: CapReason) -> Self {
        if self.cause.confidence > confidence {
            self.cause.confidence = confidence;
            self.cause.capped_because = Some(because);
        }
        self
    }

    /// The same, where something else may still be the cause.
    #[must_use]
    pub(super) fn or_else_may_be(mut self, others: &[CauseCode]) -> Self {
        self.remaining.extend_from_slice(others);
        self
    }

    /// The same with one more fact, which rules these causes out.
    #[must_use]
    pub(super) fn ruling_out(mut self, codes: &[CauseCode], fact: impl Into<Fact>) -> Self {
        let place = self.facts.len();
        self.facts.push(fact.into());
        self.ruled_out.extend(codes.iter().map(|code| (*code, place)));
        self
    }

    /// The same with one more fact.
    #[must_use]
    pub(super) fn with(mut self, fact: impl Into<Fact>) -> Self {
        self.facts.push(fact.into());
        self
    }
}
