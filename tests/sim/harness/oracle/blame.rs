//! Who has brought about each refusal: a client itself, somebody past the proxy, or the proxy.

use super::OracleComplaint;
use crate::harness::played::{KnownConnection, PlayedStory};
use zoogate::ids::ServerId;
use zoogate::session::connection_end::{ConnectionCloser, ProxyClose};
use zoogate::sim::{Cause, TruthEntry, TruthKind};
use zoogate::time::Timestamp;

/// The refusals of a story by those who brought them about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct RefusalBlame {
    /// Somebody else used the session, or its client claimed it anew by itself.
    pub(crate) outside: u64,
    /// A claim that the proxy had left behind was carried out, was counted as such, and crossed the request.
    pub(crate) crossed: u64,
    /// Connections that were ended for such a claim before anything was refused.
    pub(crate) spared: u64,
    /// A claim that the proxy had left behind at a server that was cut off from its leader was carried out when the
    /// path was there again, and the server could not say so: it had closed the claim's connection by then, or
    /// stood still besides. A client that walks through the servers by itself meets the same.
    pub(crate) untold: u64,
    /// Refusals that the proxy brought about in any other way.
    pub(crate) own: Vec<OracleComplaint>,
}

impl RefusalBlame {
    /// Adds another one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.outside += other.outside;
        self.crossed += other.crossed;
        self.spared += other.spared;
        self.untold += other.untold;
        self.own.extend_from_slice(&other.own);
    }
}

/// Says who has brought about the refusals of pooled clients.
pub(crate) fn blame(played: &PlayedStory) -> RefusalBlame {
    let mut blame = RefusalBlame::default();
    for told in played.connections.iter().filter(|told| told.front.is_some()) {
        let late = told.ended.is_some_and(|(_, closer)| closer == ConnectionCloser::Proxy(ProxyClose::LateClaim));
        let refused = told.truths.iter().filter(|truth| matches!(truth.what, TruthKind::Refused { .. }));
        let refused: Vec<&TruthEntry> = refused.collect();
        blame.spared += u64::from(late && refused.is_empty());
        for truth in refused {
            match taker(played, told, truth) {
                SessionTaker::Outside => blame.outside += 1,
                SessionTaker::Proxy(claim) if crossed(played, told, claim) => blame.crossed += 1,
                SessionTaker::Proxy(claim) if untold(played, claim, truth) => blame.untold += 1,
                SessionTaker::Proxy(claim) => blame.own.push(complaint(told, truth, Some(claim))),
                SessionTaker::Unknown => blame.own.push(complaint(told, truth, None)),
            }
        }
    }
    blame
}

/// Who has taken the session away.
enum SessionTaker<'a> {
    /// Another client, somebody past the proxy, or a newer connection of the client.
    Outside,
    /// A claim that the proxy has sent for this connection of the client, or for an earlier one.
    Proxy(&'a KnownConnection),
    /// Nobody is known to have it.
    Unknown,
}

fn taker<'a>(played: &'a PlayedStory, told: &KnownConnection, refused: &TruthEntry) -> SessionTaker<'a> {
    let Some(by) = refused.by else { return SessionTaker::Unknown };
    let Some(claim) = played.connections.iter().find(|other| other.link == Some(by)) else {
        return SessionTaker::Outside;
    };
    if claim.client != told.client || claim.front.is_none() || claim.front > told.front {
        return SessionTaker::Outside;
    }
    SessionTaker::Proxy(claim)
}

/// Whether the claim was counted as a late one, and the connection stood no longer than that took to be known.
fn crossed(played: &PlayedStory, told: &KnownConnection, claim: &KnownConnection) -> bool {
    let Some(known_at) = claim.answered_late else { return false };
    let known_at = told.answered.map_or(known_at, |answered| answered.max(known_at));
    told.ended.map_or(played.curtain <= known_at, |(at, _)| at <= known_at)
}

/// Whether nobody but the leader could know of the claim: its server had been cut off, and when the leader was reached
/// again and gave it the session, the server had ended the claim's watched connection by itself, unanswered, or stood
/// still until it did so, or until the refusal.
fn untold(played: &PlayedStory, claim: &KnownConnection, refused: &TruthEntry) -> bool {
    let at = |wanted: fn(TruthKind) -> bool| claim.truths.iter().find(|truth| wanted(truth.what)).map(|truth| truth.at);
    let Some(granted) = at(|what| what == TruthKind::Granted) else { return false };
    let closed = at(|what| matches!(what, TruthKind::Closed(cause) if cause != Cause::HungUp));
    let last = closed.map_or(refused.at, |at| at.min(refused.at));
    let could_not_answer = last < granted || stood_still(played, claim.server, granted, last);
    played.parted.contains(&claim.server) && claim.answered_late.is_none() && !claim.unheard && could_not_answer
}

/// Whether a server did not run, or took no part, from the first moment to the last.
fn stood_still(played: &PlayedStory, server: ServerId, first: Timestamp, last: Timestamp) -> bool {
    let own = || played.shifts.iter().filter(|shift| shift.server == server);
    let down = own().rev().find(|shift| shift.at <= first).is_some_and(|shift| !shift.up);
    down && !own().any(|shift| shift.at > first && shift.at <= last)
}

fn complaint(told: &KnownConnection, refused: &TruthEntry, claim: Option<&KnownConnection>) -> OracleComplaint {
    let by = claim.map(|claim| (claim.connection, claim.server, &claim.ended, claim.answered_late, &claim.truths));
    let what = format!("refused at {} ms for {by:?}; {}", refused.at.as_millis(), super::facts(told));
    OracleComplaint { connection: told.connection, what }
}
