//! What the screen asks the admin API, and what came back.

use crate::api::{
    ApiList as _, EnsembleView, IncidentList, IncidentView, LatencySlotView, LoadAnswer, MoveList, MoveView,
    RefusalList, RefusalView, ServerView, SessionList, SessionView,
};
use crate::filter::FilterField;

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
    /// What causes the load, by this.
    Load(&'static str),
    /// The newest incidents, whatever the filter is: a new one is told wherever one looks.
    NewestIncidents,
    /// Those that are open, whatever the filter is: they are counted.
    OpenIncidents,
    /// Incidents.
    Incidents,
    /// All that is known of one session.
    SessionPage(String),
    /// All that is known of one incident.
    IncidentPage(u64),
    /// The ensemble and what happened to it.
    EnsemblePage,
}

impl ApiQuestion {
    /// What its rows can be chosen by; nothing where the filter line does not narrow it down.
    pub fn fields(&self) -> &'static [FilterField] {
        match self {
            Self::Sessions => SessionList::FILTERS,
            Self::Moves => MoveList::FILTERS,
            Self::Refusals => RefusalList::FILTERS,
            Self::Incidents => IncidentList::FILTERS,
            _ => &[],
        }
    }
}

/// What is asked in one round, in this order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PollQuestions {
    /// Each question, and the text of the filter that it is asked with.
    pub questions: Vec<(ApiQuestion, Option<String>)>,
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
    /// Moves, oldest first, and whether there are more.
    Moves(Vec<MoveView>, bool),
    /// Refusals, oldest first, and whether there are more.
    Refusals(Vec<RefusalView>, bool),
    /// Paths, clients or holders.
    Load(LoadAnswer),
    /// Incidents, newest first, and whether there are more.
    Incidents(Vec<IncidentView>, bool),
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
