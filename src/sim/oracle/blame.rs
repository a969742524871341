//! Who has brought about each refusal: a client itself, somebody past the proxy, or the proxy.

use super::Complaint;
use crate::session::ending::{Closer, ProxyClose};
use crate::sim::played::{Played, Told};
use crate::sim::truth::{Cause, Truth, What};

/// The refusals of a story by those who brought them about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blame {
    /// Somebody else used the session, or its client claimed it anew by itself.
    pub outside: u64,
    /// A claim that the proxy had left behind was carried out, was counted as such, and crossed the request.
    pub crossed: u64,
    /// Connections that were ended for such a claim before anything was refused.
    pub spared: u64,
    /// A claim that the proxy had left behind at a server that was cut off from its leader was carried out when the
    /// path was there again, and the server never said so: it had closed the claim's connection by then, or stood
    /// still besides. A client that walks through the servers by itself meets the same.
    pub untold: u64,
    /// Refusals that the proxy brought about in any other way.
    pub own: Vec<Complaint>,
}

impl Blame {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.outside += other.outside;
        self.crossed += other.crossed;
        self.spared += other.spared;
        self.untold += other.untold;
        self.own.extend_from_slice(&other.own);
    }
}

/// Says who has brought about the refusals of pooled clients.
pub fn blame(played: &Played) -> Blame {
    let mut blame = Blame::default();
    for told in played.connections.iter().filter(|told| told.front.is_some()) {
        let late = told.ended.is_some_and(|(_, closer)| closer == Closer::Proxy(ProxyClose::LateClaim));
        let refused = told.truths.iter().filter(|truth| matches!(truth.what, What::Refused { .. }));
        let refused: Vec<&Truth> = refused.collect();
        blame.spared += u64::from(late && refused.is_empty());
        for truth in refused {
            match taker(played, told, truth) {
                Taker::Outside => blame.outside += 1,
                Taker::Proxy(claim) if crossed(played, told, claim) => blame.crossed += 1,
                Taker::Proxy(claim) if untold(played, claim) => blame.untold += 1,
                Taker::Proxy(claim) => blame.own.push(complaint(told, truth, Some(claim))),
                Taker::Unknown => blame.own.push(complaint(told, truth, None)),
            }
        }
    }
    blame
}

/// Who has taken the session away.
enum Taker<'a> {
    /// Another client, somebody past the proxy, or a newer connection of the client.
    Outside,
    /// A claim that the proxy has sent for this connection of the client, or for an earlier one.
    Proxy(&'a Told),
    /// Nobody is known to have it.
    Unknown,
}

fn taker<'a>(played: &'a Played, told: &Told, refused: &Truth) -> Taker<'a> {
    let Some(by) = refused.by else { return Taker::Unknown };
    let Some(claim) = played.connections.iter().find(|other| other.link == Some(by)) else { return Taker::Outside };
    if claim.client != told.client || claim.front.is_none() || claim.front > told.front {
        return Taker::Outside;
    }
    Taker::Proxy(claim)
}

/// Whether the claim was counted as a late one, and the connection stood no longer than that took to be known.
fn crossed(played: &Played, told: &Told, claim: &Told) -> bool {
    let Some(known_at) = claim.answered_late else { return false };
    let known_at = told.answered.map_or(known_at, |answered| answered.max(known_at));
    told.ended.map_or(played.curtain <= known_at, |(at, _)| at <= known_at)
}

/// Whether a server that had been cut off carried the claim out and never answered it, though its connection was
/// watched.
fn untold(played: &Played, claim: &Told) -> bool {
    let hung_up = claim.truths.iter().any(|truth| truth.what == What::Closed(Cause::HungUp));
    played.parted.contains(&claim.server) && claim.answered_late.is_none() && !claim.unheard && !hung_up
}

fn complaint(told: &Told, refused: &Truth, claim: Option<&Told>) -> Complaint {
    let by = claim.map(|claim| (claim.connection, claim.server, &claim.ended, claim.answered_late, &claim.truths));
    let what = format!("refused at {} ms for {by:?}; {}", refused.at.as_millis(), super::facts(told));
    Complaint { connection: told.connection, what }
}
