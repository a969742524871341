//! Latencies of each hour by server, class of operations and holder, out of the histograms that the metrics have.
//!
//! They are looked at every few minutes, and what was added since the look before counts for the hour of the look: on the
//! path of the traffic nothing is done for it.

use std::collections::HashMap;

use super::history_row::{HistoryRow, LatencyRow, RowBody};
use super::row_maker::RowMaker;
use crate::ids::{ServerId, SessionId};
use crate::observe::{HistogramSnapshot, LatencyClass};

/// Sessions with a named holder whose latencies are kept apart; those of others count for their server alone.
pub(crate) const SESSIONS_BY_NAME: usize = 1_024;
/// Servers and holders whose sums of an hour are kept.
pub(crate) const SUMS_KEPT: usize = 2_048;
/// Milliseconds of an hour.
const HOUR: u64 = 60 * 60 * 1_000;
/// Milliseconds by which a clock may be set back within what counts as the same hour still.
const SET_BACK: u64 = 24 * HOUR;
/// Latency classes.
const CLASSES: usize = LatencyClass::ALL.len();

/// Whose latencies: a server's, or those of one holder there. The holder's name is empty for all of a server.
type LatencyOwner = (ServerId, String);

/// What was seen at the last look, and what the hour has so far.
#[derive(Debug, Default)]
pub(super) struct LatencyHours {
    hour: u64,
    servers: HashMap<ServerId, [HistogramSnapshot; CLASSES]>,
    sessions: HashMap<SessionId, [HistogramSnapshot; CLASSES]>,
    sums: HashMap<LatencyOwner, [HistogramSnapshot; CLASSES]>,
    /// Whether there were more sessions with names than are looked at.
    is_full: bool,
}

impl LatencyHours {
    /// Looks at the histograms, and makes the rows of this hour anew, for which it is `now` in milliseconds since 1970.
    pub(super) fn look(&mut self, maker: &RowMaker, now: u64) -> Vec<HistoryRow> {
        let hour = hour_of(now, self.hour);
        // What was added since the last look of the hour before counts for the new one: five minutes at most.
        if hour != self.hour {
            self.hour = hour;
            self.sums.clear();
        }
        let telemetry = maker.telemetry();
        for place in 0..telemetry.server_names().len() {
            let server = ServerId(place as u16);
            let seen = LatencyClass::ALL.iter().map(|class| telemetry.server_latency(server, *class));
            let before = self.servers.entry(server).or_default();
            add(self.sums.entry((server, String::new())).or_default(), before, seen);
        }
        self.look_at_sessions(maker);
        let rows =
            self.sums.iter().flat_map(|(owner, sums)| LatencyClass::ALL.iter().zip(sums).map(move |one| (owner, one)));
        let rows = rows.filter(|(_, (_, sum))| !sum.is_empty());
        let row = |((server, identity), (class, sum)): (&LatencyOwner, (&LatencyClass, &HistogramSnapshot))| {
            let micros = [sum.sum() / sum.count().max(1), sum.quantile(0.5), sum.quantile(0.99), sum.quantile(1.0)];
            let body = LatencyRow {
                server: telemetry.server_name(*server).to_owned(),
                class: class.label(),
                identity: identity.clone(),
                operations: sum.count(),
                micros: micros.map(|nanos| nanos / 1_000),
            };
            HistoryRow { at_ms: hour, body: RowBody::Latency(Box::new(body)) }
        };
        rows.map(row).collect()
    }

    fn look_at_sessions(&mut self, maker: &RowMaker) {
        let telemetry = maker.telemetry();
        let state = telemetry.state();
        let mut seen: HashMap<SessionId, [HistogramSnapshot; CLASSES]> = HashMap::new();
        let was_full = std::mem::take(&mut self.is_full);
        // Those that were looked at before come first, so that they are not left out for others.
        let (known, new): (Vec<_>, Vec<_>) =
            state.session_ids().into_iter().partition(|id| self.sessions.contains_key(id));
        for some in known.chunks(256).chain(new.chunks(256)) {
            for row in state.session_rows(some) {
                let (Some(server), Some(identity)) = (row.server, row.identity) else { continue };
                if seen.len() >= SESSIONS_BY_NAME {
                    self.is_full = true;
                    break;
                }
                let Some(meters) = telemetry.meters().session(row.session) else { continue };
                let before = self.sessions.remove(&row.session);
                // One that may have been left out until now has done what it did in other hours too.
                let mut before =
                    before.unwrap_or_else(|| if was_full { meters.latency.clone() } else { Default::default() });
                let owner = (server, identity.to_string());
                // Names come and go within an hour: what finds no room counts for its server alone.
                if self.sums.len() < SUMS_KEPT || self.sums.contains_key(&owner) {
                    add(self.sums.entry(owner).or_default(), &mut before, meters.latency.into_iter());
                } else {
                    before = meters.latency;
                }
                seen.insert(row.session, before);
            }
        }
        // Sessions that are forgotten by now are forgotten here too.
        self.sessions = seen;
    }
}

/// The hour of a moment, behind the one that was `last`: a clock that is set back a little goes on with the hour that it
/// had.
fn hour_of(now: u64, last: u64) -> u64 {
    let hour = now / HOUR * HOUR;
    if last.saturating_sub(hour) <= SET_BACK { hour.max(last) } else { hour }
}

/// Adds what has come since `before`, which becomes what is seen now.
fn add(
    sums: &mut [HistogramSnapshot; CLASSES],
    before: &mut [HistogramSnapshot; CLASSES],
    seen: impl Iterator<Item = HistogramSnapshot>,
) {
    for ((sum, before), seen) in sums.iter_mut().zip(before).zip(seen) {
        sum.merge(seen.since(before));
        *before = seen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_goes_on_when_the_clock_is_set_back_a_little() {
        let (eleven, minute) = (500_000 * HOUR, HOUR / 60);
        let twelve = eleven + HOUR;
        assert_eq!(hour_of(twelve + 3 * minute, eleven), twelve);
        assert_eq!(hour_of(twelve - 2 * minute, twelve), twelve);
        assert_eq!(hour_of(twelve - 48 * HOUR, twelve), twelve - 48 * HOUR, "a wrong date was put right");
        assert_eq!(hour_of(twelve + minute, 0), twelve);
    }
}
