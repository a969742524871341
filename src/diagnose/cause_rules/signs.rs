//! Signs that tell causes apart which look alike: a path that is cut and a process that stands still, one pause and
//! pauses that come again and again.

use std::time::Duration;

use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::{BETWEEN_PROBES, EndCase};
use crate::diagnose::health_span::HealthSpan;
use crate::diagnose::verdict::Diagnosed;
use crate::ids::ServerId;
use crate::session::client_profile::profile_of;
use crate::session::fact::{Fact, WatchFact};
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::time::Timestamp;

/// How much later than an end a sample of the path may be that tells of it.
const SAMPLED_LATER: Duration = Duration::from_secs(15);
/// A round trip that clients notice.
const SLOW_ROUND_TRIP: Duration = Duration::from_millis(200);
/// Pauses of one server within this time are counted together.
const PAUSES_WITHIN: Duration = Duration::from_hours(1);
/// So many pauses are no accident.
const PAUSES: u32 = 3;

/// Whether a server in that state takes no part in the quorum, as far as zoogate can see.
pub(super) fn is_away(span: HealthSpan) -> bool {
    span.health == ServerHealth::Refusing || is_silent(span)
}

/// Whether nothing comes from a server in that state, which may be for the way to it as well.
pub(super) fn is_silent(span: HealthSpan) -> bool {
    matches!(span.health, ServerHealth::Unreachable | ServerHealth::Unresponsive)
}

/// The servers that vote, as far as their roles are known.
pub(super) fn voters(case: EndCase<'_>) -> impl Iterator<Item = ServerId> {
    case.watch.servers().filter(|(_, watch)| watch.known_role() != ServerRole::Observer).map(|(server, _)| server)
}

/// Whether no majority is left where so many are missing.
pub(super) fn leaves_none(missing: usize, of: usize) -> bool {
    (of - missing) * 2 <= of
}

/// What the kernel knows of a path that lets nothing through. A process that stands still has a kernel that acknowledges;
/// behind a cut path nobody does.
pub(super) fn unacknowledged(case: EndCase<'_>, server: ServerId, since: Timestamp) -> Option<Fact> {
    let (at, sample) = case.watch.server(server).stuck_path()?;
    let (segments, retransmissions) = (sample.unacked, sample.retransmissions);
    let counts = at >= since && at <= case.ended.ended_at.after(SAMPLED_LATER);
    counts.then(|| WatchFact::Unacknowledged { server, segments, retransmissions }.into())
}

/// What shows that it is the path to this server, and not the server, that lets nothing through.
pub(super) fn is_path(case: EndCase<'_>, server: ServerId, span: HealthSpan) -> Option<Fact> {
    if let Some(fact) = unacknowledged(case, server, span.from) {
        return Some(fact);
    }
    let (until, patience) = (span.until.unwrap_or(case.now), case.watch.sync_patience());
    if until.since(span.from) < patience {
        return None;
    }
    let leader = case.watch.leader_at(until)?;
    if leader == server {
        // Its followers would have looked for another leader by then.
        let follower = case.watch.servers().find(|(other, watch)| {
            *other != server
                && watch.health_at(until) == ServerHealth::Serving
                && watch.health_at(span.from.after(patience)) == ServerHealth::Serving
        })?;
        return Some(WatchFact::ServedThrough { server: follower.0 }.into());
    }
    // Its leader would have let it go by then.
    counted(case, leader, server, span).filter(|(_, is_in_step)| *is_in_step).map(|(fact, _)| fact)
}

/// Whether the leader had let go a follower that zoogate does not reach: it stands still, and is not behind a path that
/// is cut for zoogate alone.
pub(super) fn is_let_go(case: EndCase<'_>, server: ServerId, span: HealthSpan) -> Option<Fact> {
    let leader = case.watch.leader_at(span.until.unwrap_or(case.now)).filter(|leader| *leader != server)?;
    counted(case, leader, server, span).filter(|(_, is_in_step)| !is_in_step).map(|(fact, _)| fact)
}

/// How many followers the leader counted when it would have let that one go, and whether those are all.
fn counted(case: EndCase<'_>, leader: ServerId, server: ServerId, span: HealthSpan) -> Option<(Fact, bool)> {
    let counts_from = span.from.after(case.watch.sync_patience());
    let counts = |at: Timestamp| at >= counts_from && span.until.is_none_or(|until| at <= until);
    let (at, synced) = case.watch.server(leader).synced_followers().find(|(at, _)| counts(*at))?;
    let is_in_step = is_counted(case, leader, server, at, synced)?;
    let fact = WatchFact::SyncedFollowers { server: leader, synced: u32::try_from(synced).unwrap_or(u32::MAX) };
    Some((fact.into(), is_in_step))
}

/// Whether a silent follower is among those that the leader counted at that moment, by how many it had counted when no
/// server was away; None where that does not tell.
fn is_counted(case: EndCase<'_>, leader: ServerId, server: ServerId, at: Timestamp, synced: u64) -> Option<bool> {
    // Only those that vote are counted.
    let follows = |server: ServerId| server != leader && case.watch.server(server).known_role() != ServerRole::Observer;
    let followers: Vec<ServerId> =
        case.watch.servers().map(|(other, _)| other).filter(|other| follows(*other)).collect();
    let (told_at, whole) = case.watch.server(leader).whole_count()?;
    let all_served = followers.iter().all(|follower| case.watch.server(*follower).served_at(told_at));
    if !follows(server) || !all_served || whole < followers.len() as u64 {
        return None;
    }
    if synced >= whole {
        return Some(true);
    }
    // Another one may be missing: one that is away as well, or one that zoogate does not know.
    let others_there =
        followers.iter().filter(|other| **other != server).all(|other| case.watch.server(*other).served_at(at));
    (others_there && whole == followers.len() as u64).then_some(false)
}

/// What shows that a server which was found unresponsive answered all the while, and late. One that stands still answers
/// what it was asked once, when it goes on.
pub(super) fn is_late(case: EndCase<'_>, server: ServerId, span: HealthSpan) -> Option<Fact> {
    let until = span.until.unwrap_or(case.now);
    let late = case.watch.server(server).late_answers().filter(|(at, _)| *at >= span.from && *at <= until);
    let (answers, longest) =
        late.fold((0, Duration::ZERO), |(count, longest), (_, took)| (count + 1, took.max(longest)));
    (answers >= 2).then(|| WatchFact::LateAnswers { server, answers, longest }.into())
}

/// A round trip of the kernel's that makes a server slow which answers fast.
pub(super) fn slow_round_trip(case: EndCase<'_>, server: ServerId, since: Timestamp) -> Option<Fact> {
    let watch = case.watch.server(server);
    let usual = watch.round_trip().usual.unwrap_or_default();
    let (at, sample) = watch.path()?;
    let slow = at >= since && sample.rtt >= SLOW_ROUND_TRIP && sample.rtt >= usual.saturating_mul(2);
    slow.then(|| WatchFact::SlowRoundTrip { server, rtt: sample.rtt }.into())
}

/// The same, or that the session timeout is shorter than pauses which come again and again.
pub(super) fn repeated(case: EndCase<'_>, server: ServerId, found: Diagnosed) -> Diagnosed {
    let timeout = case.close.timeout;
    let patience = profile_of(case.close.client_sign).gives_up_after(timeout);
    let frozen = matches!(found.cause.code, CauseCode::ServerFrozen | CauseCode::LeaderFrozen);
    let since = case.now.0.saturating_sub(PAUSES_WITHIN.as_nanos() as u64);
    let pauses = case.watch.server(server).spans().filter_map(|span| {
        let lasted = span.until?.since(span.from);
        let counts = span.health == ServerHealth::Unresponsive && span.from.0 >= since;
        // A pause began up to a probe's interval before it was seen.
        let is_long = lasted * 2 >= timeout || patience.is_some_and(|patience| lasted + BETWEEN_PROBES >= patience);
        // One that is as long as the servers' own patience is no pause that a client could be told to bear.
        (counts && is_long && lasted < case.watch.sync_patience()).then_some(lasted)
    });
    let pauses: Vec<Duration> = pauses.collect();
    let Some(longest) = pauses.iter().max().copied().filter(|_| frozen && pauses.len() as u32 >= PAUSES) else {
        return found;
    };
    let fact = WatchFact::RepeatedPauses { server, pauses: pauses.len() as u32, longest, timeout };
    let mut found = found.with(fact);
    found.remaining.push(found.cause.code);
    found.cause.code = CauseCode::TimeoutTooShort;
    found
}
