//! The oracle: what the ledger should have said, held against what it did say.
//!
//! For every connection the truth is the server's own reason (or the client's, when it closed first) and whether
//! a request on it was refused because its session had moved. A verdict must be there exactly when such a refusal
//! reached the proxy. Where the proxy cannot know, more than one answer is right; each such freedom has a name and a
//! reason, there are no others, and how often each is given and made use of is counted.

mod blame;
mod causes;
mod end;
mod freedom;
mod paused;
mod right;
mod tally;

use std::fmt;

pub(crate) use blame::{RefusalBlame, blame};
pub(crate) use freedom::Freedom;
pub(crate) use tally::StoryTally;

use super::played::{KnownConnection, PlayedStory};
use end::End;
use right::{RightReasons, right};
use zoogate::ids::ConnectionId;
use zoogate::session::connection_end::ConnectionCloser;
use zoogate::session::fact::Fact;
use zoogate::session::transition::LedgerFinding;
use zoogate::session::verdict::EndReason::{self, SessionMoved};
use zoogate::session::verdict::{Evidence, SessionMovedRefusal};
use zoogate::sim::TruthKind;

/// A judgement that the truth contradicts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OracleComplaint {
    /// The connection judged.
    pub(crate) connection: u64,
    /// What is wrong, with the truth behind it.
    pub(crate) what: String,
}

impl fmt::Display for OracleComplaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}: {}", self.connection, self.what)
    }
}

/// Everything that the ledger said wrongly, or did not say.
pub(crate) fn complaints(played: &PlayedStory) -> Vec<OracleComplaint> {
    let mut found = Vec::new();
    for told in &played.connections {
        let mut complain = |what: String| {
            found.push(OracleComplaint { connection: told.connection, what: format!("{what}; {}", facts(told)) });
        };
        judge_words(played, told, &mut complain);
        judge_end(played, told, &mut complain);
        found.extend(causes::cause_complaints(played, told));
    }
    found
}

/// An end for which more than one reason is right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AmbiguousEnd {
    /// The connection.
    pub(crate) connection: u64,
    /// The reason that the truth names.
    pub(crate) plain: EndReason,
    /// The others that are right, and why.
    pub(crate) others: Vec<(EndReason, Freedom)>,
    /// What the ledger said.
    pub(crate) said: Option<EndReason>,
}

/// Every end for which more than one reason is right.
pub(crate) fn liberties(played: &PlayedStory) -> Vec<AmbiguousEnd> {
    let judged = played.connections.iter().filter_map(|told| {
        let RightReasons { plain, others } = right(&End::of(played, told)?)?;
        let said = ends(played, told).next().map(|(reason, _)| reason);
        Some(AmbiguousEnd { connection: told.connection, plain, others, said })
    });
    judged.filter(|liberty| !liberty.others.is_empty()).collect()
}

/// Counts what [`complaints`] looks at.
pub(crate) fn tally(played: &PlayedStory) -> StoryTally {
    let mut tally = StoryTally::default();
    for told in &played.connections {
        tally.in_words += refused_in_words(told) as u64;
        let Some(end) = End::of(played, told) else { continue };
        let Some(right) = right(&end) else { continue };
        if ends(played, told).next().is_none() && end.is_late() {
            tally.late += 1;
            continue;
        }
        tally.ends += 1;
        tally.paused += u64::from(right.plain == EndReason::ProxyPaused);
        tally.lax += u64::from(!right.is_exact());
        match (right.allows(SessionMoved), right.is_exact()) {
            (true, true) => tally.required += 1,
            (true, false) => tally.open += 1,
            (false, _) => {}
        }
        let said = ends(played, told).next().map(|(reason, _)| reason);
        for (place, freedom) in Freedom::ALL.iter().enumerate() {
            let mut by = right.others.iter().filter(|(_, by)| by == freedom).peekable();
            tally.freedoms[place].0 += u64::from(by.peek().is_some());
            tally.freedoms[place].1 += u64::from(by.any(|(reason, _)| Some(*reason) == said));
        }
    }
    tally
}

fn refused_in_words(told: &KnownConnection) -> usize {
    told.truths.iter().filter(|truth| matches!(truth.what, TruthKind::Refused { told: true, .. })).count()
}

fn verdicts_on<'a>(played: &'a PlayedStory, told: &KnownConnection) -> impl Iterator<Item = &'a SessionMovedRefusal> {
    let connection = ConnectionId(told.connection);
    played.findings.iter().filter_map(move |(_, finding)| match finding {
        LedgerFinding::SessionMoved(verdict) if verdict.connection == connection => Some(verdict),
        _ => None,
    })
}

fn ends<'a>(played: &'a PlayedStory, told: &KnownConnection) -> impl Iterator<Item = (EndReason, &'a [Fact])> {
    let connection = ConnectionId(told.connection);
    played.findings.iter().filter_map(move |(_, finding)| match finding {
        LedgerFinding::Ended(ended, _) if ended.connection == connection => Some((ended.reason, &*ended.facts)),
        _ => None,
    })
}

fn is_in_words(verdict: &SessionMovedRefusal) -> bool {
    matches!(verdict.evidence, Evidence::Reply | Evidence::Multi)
}

fn facts(told: &KnownConnection) -> String {
    let truths: Vec<String> =
        told.truths.iter().map(|truth| format!("{} ms {:?}", truth.at.as_millis(), truth.what)).collect();
    let ended = told.ended.map(|(at, closer)| format!("{} ms {closer:?}", at.as_millis()));
    format!(
        "c{} on s{}, seen to end: {}, farewell {:?}, truth: [{}]",
        told.client,
        told.server.0,
        ended.unwrap_or_else(|| "never".to_owned()),
        told.farewell,
        truths.join(", ")
    )
}

/// Every refusal that was said in words is flagged once.
fn judge_words(played: &PlayedStory, told: &KnownConnection, complain: &mut dyn FnMut(String)) {
    let said = verdicts_on(played, told).filter(|verdict| is_in_words(verdict)).count();
    let refused = refused_in_words(told);
    let reached = told.ended.is_none_or(|(_, closer)| matches!(closer, ConnectionCloser::Server(_)));
    if said > refused || (said < refused && reached) {
        complain(format!("{refused} refusals in words, {said} flagged"));
    }
}

/// An end has one reason, the right one, and a verdict exactly when that is a session's move.
fn judge_end(played: &PlayedStory, told: &KnownConnection, complain: &mut dyn FnMut(String)) {
    let Some(end) = End::of(played, told) else { return };
    let said: Vec<(EndReason, &[Fact])> = ends(played, told).collect();
    if said.is_empty() && end.is_late() {
        return;
    }
    let [(reason, facts)] = said.as_slice() else {
        return complain(format!("{} reasons instead of one: {said:?}", said.len()));
    };
    match right(&end) {
        Some(right) if right.allows(*reason) => {}
        right => complain(format!("called {} ({facts:?}), right would be {right:?}", reason.label())),
    }
    let flags = verdicts_on(played, told).filter(|verdict| !is_in_words(verdict)).count();
    if flags != usize::from(*reason == SessionMoved) {
        complain(format!("called {} ({facts:?}) with {flags} verdicts", reason.label()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::stage::play;
    use crate::harness::story::{ClientErrand, LeaveKind, SimulatedStory, StoryDeed, StoryStep};
    use zoogate::ids::ServerId;
    use zoogate::sim::Cause;
    use zoogate::time::Timestamp;

    /// A session moves from one follower to the other and its old connection writes once more.
    fn late_write() -> PlayedStory {
        let mut story = SimulatedStory::from_seed(0);
        story.settings.servers = vec![(zoogate::sim::ServerRelease::V3_9, zoogate::sim::ConnectionFactory::Netty); 3];
        story.settings.leader = 2;
        let step = |millis: u64, deed| StoryStep { at: Timestamp(millis * 1_000_000), deed };
        play(&story.with_steps(vec![
            step(1000, StoryDeed::Arrive(0, ServerId(0))),
            step(3000, StoryDeed::Move(0, ServerId(1), LeaveKind::Open)),
            step(3500, StoryDeed::AskStale(0, ClientErrand::Write)),
        ]))
    }

    #[test]
    fn a_late_write_must_be_flagged() {
        let played = late_write();
        assert_eq!(complaints(&played), []);
        assert_eq!(tally(&played), StoryTally { ends: 1, required: 1, ..StoryTally::default() });
    }

    #[test]
    fn ends_with_more_than_one_right_reason_are_those_that_are_counted() {
        let (mut listed, mut counted) = (0, 0);
        for seed in 0..300 {
            let played = play(&SimulatedStory::from_seed(seed));
            let ambiguous = liberties(&played);
            assert!(
                ambiguous.iter().all(|end| end.others.iter().all(|(reason, _)| *reason != end.plain)),
                "{ambiguous:?}"
            );
            listed += ambiguous.iter().filter(|end| end.said.is_some()).count() as u64;
            counted += tally(&played).lax;
        }
        assert_eq!(listed, counted);
        assert!(counted > 0);
    }

    #[test]
    fn what_is_not_said_is_complained_of() {
        let mut played = late_write();
        played.findings.retain(|(_, finding)| !matches!(finding, LedgerFinding::SessionMoved(_)));
        assert!(complaints(&played).iter().any(|complaint| complaint.what.contains("with 0 verdicts")));
        played.findings.clear();
        assert!(complaints(&played).iter().any(|complaint| complaint.what.contains("0 reasons instead of one")));
    }

    #[test]
    fn what_is_said_wrongly_is_complained_of() {
        let mut played = late_write();
        for told in &mut played.connections {
            for truth in &mut told.truths {
                if truth.what == TruthKind::Closed(Cause::Moved) {
                    truth.what = TruthKind::Closed(Cause::Expired);
                }
            }
        }
        let complaints = complaints(&played);
        let what = "right would be Some(RightReasons { plain: SessionExpired";
        assert!(complaints.iter().any(|complaint| complaint.what.contains(what)), "{complaints:?}");
    }
}
