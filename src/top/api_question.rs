//! What the screen asks the admin API, and what came back.

use crate::api::{EnsembleView, IncidentView, LatencySlotView, MoveView, RefusalView, ServerView, SessionView};

/// One question to the admin API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApiQuestion {
    /// The servers as last seen.
    Servers,
    /// The servers over time.
    Ensemble,
    /// Latency by server and class.
    Latency,
    /// Sessions in short.
    Sessions,
    /// Sessions that came to another server.
    Moves,
    /// Sessions that were refused because they had moved.
    Refusals,
    /// The newest incidents: this many.
    Incidents(usize),
    /// All that is known of one session.
    SessionPage(String),
    /// All that is known of one incident.
    IncidentPage(u64),
    /// The ensemble and what happened to it.
    EnsemblePage,
}

impl ApiQuestion {
    /// Whether the filter line narrows it down.
    pub fn is_filtered(&self) -> bool {
        matches!(self, Self::Sessions | Self::Moves | Self::Refusals)
    }
}

/// What is asked in one round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PollQuestions {
    /// In the order in which they are asked.
    pub questions: Vec<ApiQuestion>,
    /// The text of the filter; None when it is empty or off.
    pub filter: Option<String>,
}

/// The answer to one question. Lists are as the API gives them.
#[derive(Clone, PartialEq, Debug)]
pub enum ApiAnswer {
    /// The servers as last seen.
    Servers(Vec<ServerView>),
    /// The servers over time.
    Ensemble(Box<EnsembleView>),
    /// Latency by server and class, oldest first.
    Latency(Vec<LatencySlotView>),
    /// Sessions, and whether there are more.
    Sessions(Vec<SessionView>, bool),
    /// Moves, oldest first.
    Moves(Vec<MoveView>),
    /// Refusals, oldest first.
    Refusals(Vec<RefusalView>),
    /// Incidents, newest first.
    Incidents(Vec<IncidentView>),
    /// A page of text.
    Page(String),
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PollFailure {
    /// Nobody answered, or what answered is no zoogate.
    Away(String),
    /// zoogate answered that the question is wrong, or that there is no such thing.
    Refused(String),
}

/// What came of one round.
#[derive(Clone, PartialEq, Debug)]
pub struct PollRound {
    /// When it was over, in milliseconds since 1970.
    pub at_ms: u64,
    /// Every question that was asked with its answer. After the first one that nobody answered no other is asked.
    pub answers: Vec<(ApiQuestion, Result<ApiAnswer, PollFailure>)>,
}
