//! What a report is made of.

use crate::api::{
    ConnectionView, EnsembleView, IncidentView, LatencySlotView, MoveView, RefusalView, RiskView, SessionDetail,
    SessionView,
};

/// The time that a report is about, in milliseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportWindow {
    /// When it begins.
    pub from_ms: u64,
    /// When it ends.
    pub until_ms: u64,
}

impl ReportWindow {
    /// Whether a moment lies within.
    pub fn contains(&self, at_ms: Option<u64>) -> bool {
        at_ms.is_some_and(|at| (self.from_ms..=self.until_ms).contains(&at))
    }

    /// Whether a time from one moment to another has something in common with it; without an end it lasts.
    pub fn touches(&self, from_ms: Option<u64>, until_ms: Option<u64>) -> bool {
        from_ms.is_some_and(|from| from <= self.until_ms) && until_ms.is_none_or(|until| until >= self.from_ms)
    }
}

/// What a running zoogate answered.
#[derive(Clone, PartialEq, Debug)]
pub struct ReportFacts {
    /// Its admin address.
    pub admin: String,
    /// When it was asked, as text.
    pub made_at: String,
    /// The time that the report is about.
    pub window: ReportWindow,
    /// The same as text.
    pub window_text: [String; 2],
    /// Incidents that touch it, oldest first.
    pub incidents: Vec<IncidentView>,
    /// Moves within, oldest first.
    pub moves: Vec<MoveView>,
    /// Refusals within, oldest first.
    pub refusals: Vec<RefusalView>,
    /// Connections that ended within, oldest first.
    pub ends: Vec<ConnectionView>,
    /// Risks that touch it, oldest first.
    pub risks: Vec<RiskView>,
    /// The ensemble as it is now, and its timeline.
    pub ensemble: EnsembleView,
    /// All sessions that are known.
    pub sessions: Vec<SessionView>,
    /// The sessions that were hit or at risk, in detail, as many as were asked for.
    pub details: Vec<SessionDetail>,
    /// Latency over time, oldest first.
    pub latency: Vec<LatencySlotView>,
    /// What could not be asked for, or came only in part.
    pub missing: Vec<String>,
}

impl ReportFacts {
    /// Leaves only what belongs to the time, oldest first.
    #[must_use]
    pub fn within(mut self) -> Self {
        let window = self.window;
        self.incidents.retain(|one| window.touches(one.at.at_ms, one.until.until_ms));
        self.incidents.sort_by_key(|one| one.at.at_ms);
        self.moves.retain(|one| window.contains(one.at.at_ms));
        self.refusals.retain(|one| window.contains(one.at.at_ms));
        self.ends.retain(|one| window.contains(one.ended_at.ended_at_ms));
        self.ends.sort_by_key(|one| one.ended_at.ended_at_ms);
        self.risks.retain(|one| window.touches(one.at.at_ms, one.until.until_ms));
        self.risks.sort_by_key(|one| one.at.at_ms);
        self.ensemble.timeline.retain(|one| window.contains(one.at.at_ms));
        self
    }

    /// Sessions that were moved, refused, lost a connection or were at risk within the time, each once. The session that
    /// owns the node of a risk is one of them: the risk names it.
    pub fn hit_sessions(&self) -> Vec<String> {
        let ended = self.ends.iter().filter(|one| one.reason.as_deref() != Some("closed"));
        let mut all: Vec<String> = self
            .moves
            .iter()
            .map(|one| one.session.clone())
            .chain(self.refusals.iter().map(|one| one.session.clone()))
            .chain(ended.filter_map(|one| one.session.clone()))
            .chain(self.risks.iter().map(|one| one.session.clone()))
            .chain(self.risks.iter().filter_map(|one| one.owner.clone()))
            .filter(|session| !session.is_empty())
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
