//! The oracle: what the ledger should have said, held against what it did say.
//!
//! For every connection the truth is the server's own reason (or the client's, when it closed first) and whether
//! a request on it was refused because its session had moved. A verdict must be there exactly when such a refusal
//! reached the proxy. Where the proxy cannot know, more than one answer is right; each such freedom has a name and a
//! reason, there are no others, and how often each is given and made use of is counted.

mod blame;
mod end;
mod freedom;
mod right;
mod tally;

use std::fmt;

pub use blame::{Blame, blame};
pub use freedom::Freedom;
pub use tally::Tally;

use super::played::{Played, Told};
use super::truth::What;
use crate::ids::ConnectionId;
use crate::session::ending::Closer;
use crate::session::fact::Fact;
use crate::session::transition::Finding;
use crate::session::verdict::EndReason::{self, SessionMoved};
use crate::session::verdict::{Evidence, MoveVerdict};
use end::End;
use right::{Right, right};

/// A judgement that the truth contradicts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// The connection judged.
    pub connection: u64,
    /// What is wrong, with the truth behind it.
    pub what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}: {}", self.connection, self.what)
    }
}

/// Everything that the ledger said wrongly, or did not say.
pub fn complaints(played: &Played) -> Vec<Complaint> {
    let mut found = Vec::new();
    for told in &played.connections {
        let mut complain = |what: String| {
            found.push(Complaint { connection: told.connection, what: format!("{what}; {}", facts(told)) });
        };
        judge_words(played, told, &mut complain);
        judge_end(played, told, &mut complain);
    }
    found
}

/// An end for which more than one reason is right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Liberty {
    /// The connection.
    pub connection: u64,
    /// The reason that the truth names.
    pub plain: EndReason,
    /// The others that are right, and why.
    pub others: Vec<(EndReason, Freedom)>,
    /// What the ledger said.
    pub said: Option<EndReason>,
}

/// Every end for which more than one reason is right.
pub fn liberties(played: &Played) -> Vec<Liberty> {
    let judged = played.connections.iter().filter_map(|told| {
        let Right { plain, others } = right(&End::of(played, told)?)?;
        let said = ends(played, told).next().map(|(reason, _)| reason);
        Some(Liberty { connection: told.connection, plain, others, said })
    });
    judged.filter(|liberty| !liberty.others.is_empty()).collect()
}

/// Counts what [`complaints`] looks at.
pub fn tally(played: &Played) -> Tally {
    let mut tally = Tally::default();
    for told in &played.connections {
        tally.in_words += refused_in_words(told) as u64;
        let Some(end) = End::of(played, told) else { continue };
        let Some(right) = right(&end) else { continue };
        if ends(played, told).next().is_none() && end.is_late() {
            tally.late += 1;
            continue;
        }
        tally.ends += 1;
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

fn refused_in_words(told: &Told) -> usize {
    told.truths.iter().filter(|truth| matches!(truth.what, What::Refused { told: true, .. })).count()
}

fn verdicts_on<'a>(played: &'a Played, told: &Told) -> impl Iterator<Item = &'a MoveVerdict> {
    let connection = ConnectionId(told.connection);
    played.findings.iter().filter_map(move |(_, finding)| match finding {
        Finding::SessionMoved(verdict) if verdict.connection == connection => Some(verdict),
        _ => None,
    })
}

fn ends<'a>(played: &'a Played, told: &Told) -> impl Iterator<Item = (EndReason, &'a [Fact])> {
    let connection = ConnectionId(told.connection);
    played.findings.iter().filter_map(move |(_, finding)| match finding {
        Finding::Ended(ended) if ended.connection == connection => Some((ended.reason, ended.facts.as_slice())),
        _ => None,
    })
}

fn is_in_words(verdict: &MoveVerdict) -> bool {
    matches!(verdict.evidence, Evidence::Reply | Evidence::Multi)
}

fn facts(told: &Told) -> String {
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
fn judge_words(played: &Played, told: &Told, complain: &mut dyn FnMut(String)) {
    let said = verdicts_on(played, told).filter(|verdict| is_in_words(verdict)).count();
    let refused = refused_in_words(told);
    let reached = told.ended.is_none_or(|(_, closer)| matches!(closer, Closer::Server(_)));
    if said > refused || (said < refused && reached) {
        complain(format!("{refused} refusals in words, {said} flagged"));
    }
}

/// An end has one reason, the right one, and a verdict exactly when that is a session's move.
fn judge_end(played: &Played, told: &Told, complain: &mut dyn FnMut(String)) {
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
    use super::super::stage::play;
    use super::super::story::{Deed, Errand, Leave, Step, Story};
    use super::super::truth::Cause;
    use super::*;
    use crate::ids::ServerId;
    use crate::time::Timestamp;

    /// A session moves from one follower to the other and its old connection writes once more.
    fn late_write() -> Played {
        let mut story = Story::from_seed(0);
        story.settings.servers = vec![(super::super::Release::V3_9, super::super::Factory::Netty); 3];
        story.settings.leader = 2;
        let step = |millis: u64, deed| Step { at: Timestamp(millis * 1_000_000), deed };
        play(&story.with_steps(vec![
            step(1000, Deed::Arrive(0, ServerId(0))),
            step(3000, Deed::Move(0, ServerId(1), Leave::Open)),
            step(3500, Deed::AskStale(0, Errand::Write)),
        ]))
    }

    #[test]
    fn a_late_write_must_be_flagged() {
        let played = late_write();
        assert_eq!(complaints(&played), []);
        assert_eq!(tally(&played), Tally { ends: 1, required: 1, ..Tally::default() });
    }

    #[test]
    fn what_is_not_said_is_complained_of() {
        let mut played = late_write();
        played.findings.retain(|(_, finding)| !matches!(finding, Finding::SessionMoved(_)));
        assert!(complaints(&played).iter().any(|complaint| complaint.what.contains("with 0 verdicts")));
        played.findings.clear();
        assert!(complaints(&played).iter().any(|complaint| complaint.what.contains("0 reasons instead of one")));
    }

    #[test]
    fn what_is_said_wrongly_is_complained_of() {
        let mut played = late_write();
        for told in &mut played.connections {
            for truth in &mut told.truths {
                if truth.what == What::Closed(Cause::Moved) {
                    truth.what = What::Closed(Cause::Expired);
                }
            }
        }
        let complaints = complaints(&played);
        let what = "right would be Some(Right { plain: SessionExpired";
        assert!(complaints.iter().any(|complaint| complaint.what.contains(what)), "{complaints:?}");
    }
}
