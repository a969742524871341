//! Signs that tell causes apart which look alike: a path that is cut and a process that stands still, one pause and
//! pauses that come again and again.

use std::time::Duration;

use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::EndCase;
use crate::diagnose::health_span::HealthSpan;
use crate::diagnose::verdict::Diagnosed;
use crate::ids::ServerId;
use crate::session::fact::{Fact, WatchFact};
use crate::session::probe_result::ServerHealth;
use crate::time::Timestamp;

/// After so long followers of a leader that has gone, and a leader whose follower has, act on it: syncLimit ticks, 10 s
/// with the sample configuration. One that goes on after it had the other all the time.
const SYNC_LIMIT: Duration = Duration::from_secs(12);

/// Pauses of one server within this time are counted together.
const PAUSES_WITHIN: Duration = Duration::from_hours(1);
/// So many pauses are no accident.
const PAUSES: u32 = 3;

/// What the kernel knows of a path that lets nothing through. A process that stands still has a kernel that acknowledges;
/// behind a cut path nobody does. A busy connection always has something on its way, so it must have been sent again.
pub(super) fn unacknowledged(case: EndCase<'_>, server: ServerId, since: Timestamp) -> Option<Fact> {
    let (at, sample) = case.watch.server(server).path()?;
    let (segments, retransmissions) = (sample.unacked, sample.retransmissions);
    (at >= since && segments > 0 && retransmissions > 0)
        .then(|| WatchFact::Unacknowledged { server, segments, retransmissions }.into())
}

/// What shows that it is the path to this server, and not the server, that lets nothing through.
pub(super) fn is_path(case: EndCase<'_>, server: ServerId, span: HealthSpan) -> Option<Fact> {
    if let Some(fact) = unacknowledged(case, server, span.from) {
        return Some(fact);
    }
    let until = span.until.unwrap_or(case.now);
    if until.since(span.from) < SYNC_LIMIT {
        return None;
    }
    let leader = case.watch.leader_at(until)?;
    if leader == server {
        // Its followers would have looked for another leader by then.
        let follower = case.watch.servers().find(|(other, watch)| {
            *other != server
                && watch.health_at(until) == ServerHealth::Serving
                && watch.health_at(span.from.after(SYNC_LIMIT)) == ServerHealth::Serving
        })?;
        return Some(WatchFact::ServedThrough { server: follower.0 }.into());
    }
    // Its leader would have let it go by then.
    let (at, details) = case.watch.server(leader).details()?;
    let (synced, voters) = (details.synced_followers?, case.watch.servers().count() as u64);
    (at >= span.from.after(SYNC_LIMIT) && synced + 1 >= voters)
        .then(|| WatchFact::SyncedFollowers { server: leader, synced: synced as u32 }.into())
}

/// The same, or that the session timeout is shorter than pauses which come again and again.
pub(super) fn repeated(case: EndCase<'_>, server: ServerId, found: Diagnosed) -> Diagnosed {
    let timeout = case.close.timeout;
    let frozen = matches!(found.cause.code, CauseCode::ServerFrozen | CauseCode::LeaderFrozen);
    let since = case.now.0.saturating_sub(PAUSES_WITHIN.as_nanos() as u64);
    let pauses = case.watch.server(server).spans().filter_map(|span| {
        let lasted = span.until?.since(span.from);
        let counts = span.health == ServerHealth::Unresponsive && span.from.0 >= since;
        // One that is as long as the servers' own patience is no pause that a client could be told to bear.
        (counts && lasted * 2 >= timeout && lasted < SYNC_LIMIT).then_some(lasted)
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
