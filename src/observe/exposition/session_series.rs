//! Which sessions have metric series of their own, and what is left for `other`.
//!
//! Half of the places go to the busiest sessions and half to those with the longest latencies. `other` must
//! never go back, or rates over it would jump: so it is everything that was ever recorded, less what each
//! session recorded while it had a series of its own. What a session recorded before that is left out too, unless
//! an earlier `other` included it already. A session that loses its series keeps all that out of `other` for good;
//! what it does later is in.

use std::collections::{HashMap, HashSet};

use crate::ids::SessionId;
use crate::observe::storage::histogram_snapshot::HistogramSnapshot;
use crate::observe::storage::meter::LatencyClass;
use crate::observe::storage::meters::{MeterRegistry, SessionMeters};

/// Latencies by class, in the order of [`LatencyClass::ALL`].
pub(super) type ClassHistograms = [HistogramSnapshot; LatencyClass::ALL.len()];

/// The sessions with series of their own, from one scrape to the next.
#[derive(Debug)]
pub(super) struct SessionSeries {
    places: usize,
    own: HashMap<SessionId, OwnSeries>,
    /// What sessions recorded while they had series that are gone now.
    gone: ClassHistograms,
    /// `other` as it was exported last.
    reported: ClassHistograms,
}

/// A session with series of its own.
#[derive(Debug)]
struct OwnSeries {
    /// Whether the series is new since the last scrape.
    new: bool,
    /// What it had recorded before and is in `other`.
    before: ClassHistograms,
    /// What it had recorded at the last scrape.
    last: ClassHistograms,
}

/// What a candidate for a place shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeriesCandidate {
    pub(in crate::observe) session: SessionId,
    /// Replies so far.
    pub(in crate::observe) operations: u64,
    /// Its longest latency in nanoseconds.
    pub(in crate::observe) worst: u64,
}

impl SessionSeries {
    /// Series for at most this many sessions.
    pub(in crate::observe) fn new(places: usize) -> Self {
        Self { places, own: HashMap::new(), gone: ClassHistograms::default(), reported: ClassHistograms::default() }
    }

    /// Whether there are to be any series at all.
    pub(super) fn is_off(&self) -> bool {
        self.places == 0
    }

    /// Gives the places to the candidates that deserve them now, and returns their numbers in order of id.
    pub(super) fn choose(
        &mut self,
        candidates: &mut [SeriesCandidate],
        book: &MeterRegistry,
    ) -> Vec<(SessionId, SessionMeters)> {
        let chosen: HashSet<SessionId> = elect(candidates, self.places);
        self.own.retain(|session, own| {
            let stays = chosen.contains(session);
            if !stays {
                // What the session had shown in its own series stays out of `other`, or the sum of all series would
                // jump.
                add_difference(&mut self.gone, &own.last, &own.before);
            }
            stays
        });
        let mut shown: Vec<(SessionId, SessionMeters)> =
            chosen.into_iter().filter_map(|session| Some((session, book.session(session)?))).collect();
        shown.sort_unstable_by_key(|(session, _)| *session);
        for (session, meters) in &shown {
            let begin =
                || OwnSeries { new: true, before: ClassHistograms::default(), last: ClassHistograms::default() };
            let own = self.own.entry(*session).or_insert_with(begin);
            own.last.clone_from(&meters.latency);
        }
        shown
    }

    /// What is left for `other` of everything that was recorded, read after [`SessionSeries::choose`].
    pub(in crate::observe) fn other(&mut self, all: &ClassHistograms) -> ClassHistograms {
        let mut own = self.gone.clone();
        for session in self.own.values().filter(|session| !session.new) {
            add_difference(&mut own, &session.last, &session.before);
        }
        let mut other: ClassHistograms = std::array::from_fn(|class| all[class].since(&own[class]));
        // After the old ones are subtracted: a new series takes out of `other` only what `other` has not exported
        // yet.
        for session in self.own.values_mut().filter(|session| session.new) {
            session.new = false;
            // What `other` has not exported yet can be taken out of it.
            let unreported: ClassHistograms = std::array::from_fn(|class| other[class].since(&self.reported[class]));
            if (0..unreported.len()).all(|class| unreported[class].covers(&session.last[class])) {
                other = std::array::from_fn(|class| other[class].since(&session.last[class]));
            } else {
                session.before.clone_from(&session.last);
            }
        }
        self.reported.clone_from(&other);
        other
    }
}

fn add_difference(sum: &mut ClassHistograms, last: &ClassHistograms, before: &ClassHistograms) {
    for class in 0..sum.len() {
        sum[class].merge(last[class].since(&before[class]));
    }
}

/// The busiest and the worst, half of the places each; a session that is both leaves a place to the next.
fn elect(candidates: &mut [SeriesCandidate], places: usize) -> HashSet<SessionId> {
    // The id breaks ties, so that equal sessions do not swap their series from scrape to scrape.
    let busiest = best(candidates, places.div_ceil(2), |one| (std::cmp::Reverse(one.operations), one.session));
    let mut chosen: HashSet<SessionId> = busiest.iter().map(|one| one.session).collect();
    for one in best(candidates, places, |one| (std::cmp::Reverse(one.worst), one.session)) {
        if chosen.len() >= places {
            break;
        }
        chosen.insert(one.session);
    }
    chosen
}

/// The first ones by a key, in order. There may be very many candidates for a few places.
fn best<K: Ord>(
    candidates: &mut [SeriesCandidate],
    places: usize,
    key: impl Fn(&SeriesCandidate) -> K,
) -> &mut [SeriesCandidate] {
    if places < candidates.len() {
        candidates.select_nth_unstable_by_key(places, &key);
    }
    let first = places.min(candidates.len());
    candidates[..first].sort_unstable_by_key(key);
    &mut candidates[..first]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::{ConnectionId, Zxid};
    use crate::observe::{ConnectionMeter, LatencyHistogram};

    /// Sessions whose every record is in a histogram of all as well, as the servers' counters are.
    #[derive(Default)]
    struct Traffic {
        book: MeterRegistry,
        meters: HashMap<i64, Arc<ConnectionMeter>>,
        all: LatencyHistogram,
    }

    impl Traffic {
        fn read(&mut self, session: i64, times: u64, nanos: u64) {
            let meter = self.meters.entry(session).or_insert_with(|| {
                let meter = Arc::new(ConnectionMeter::default());
                self.book.begin(SessionId(session), ConnectionId(session as u64), Arc::clone(&meter));
                meter
            });
            for _ in 0..times {
                meter.count_replies(1, Zxid(1));
                meter.record_latency(LatencyClass::Read, nanos, 1);
                self.all.record(nanos);
            }
        }

        fn candidates(&self) -> Vec<SeriesCandidate> {
            let one = |session: i64| {
                let session = SessionId(session);
                let meters = self.book.session(session)?;
                Some(SeriesCandidate { session, operations: meters.reading.operations, worst: meters.latency[0].max() })
            };
            self.meters.keys().filter_map(|session| one(*session)).collect()
        }

        fn scrape(&self, series: &mut SessionSeries) -> (Vec<i64>, u64) {
            let shown = series.choose(&mut self.candidates(), &self.book);
            let all = [self.all.snapshot(), HistogramSnapshot::default(), HistogramSnapshot::default()];
            (shown.iter().map(|(session, _)| session.0).collect(), series.other(&all)[0].count())
        }
    }

    #[test]
    fn the_busiest_and_the_worst_are_shown() {
        let mut traffic = Traffic::default();
        for session in 1..=10 {
            traffic.read(session, session as u64, 20_000_000 - session as u64 * 1_000_000);
        }
        let mut series = SessionSeries::new(4);
        assert_eq!(traffic.scrape(&mut series).0, [1, 2, 9, 10]);
        assert_eq!(traffic.scrape(&mut SessionSeries::new(100)).0.len(), 10);
        assert!(SessionSeries::new(0).is_off());
    }

    #[test]
    fn other_never_goes_back_whoever_comes_and_goes() {
        let mut traffic = Traffic::default();
        let mut series = SessionSeries::new(2);
        let mut last = 0;
        for round in 0..200_i64 {
            // Another session is the busiest every few rounds, one after the other, and then it is gone.
            let session = round / 5 + 1;
            traffic.read(session, round as u64 + 1, 50_000);
            traffic.read(100 + round % 3, 2, 90_000 * (round as u64 % 7 + 1));
            if round % 5 == 4 {
                traffic.meters.remove(&session);
                traffic.book.finish(SessionId(session), ConnectionId(session as u64));
                traffic.book.drop_dormant(SessionId(session));
            }
            let (_, other) = traffic.scrape(&mut series);
            assert!(other >= last, "round {round}: {other} after {last}");
            last = other;
        }
        assert!(last < traffic.all.snapshot().count(), "own series must not be counted twice");
    }

    #[test]
    fn what_a_session_does_while_it_is_shown_is_not_in_other() {
        let mut traffic = Traffic::default();
        let mut series = SessionSeries::new(1);
        traffic.read(1, 10, 50_000);
        assert_eq!(traffic.scrape(&mut series), (vec![1], 0), "its past was never reported as another's");
        traffic.read(1, 5, 50_000);
        traffic.read(2, 3, 50_000);
        assert_eq!(traffic.scrape(&mut series), (vec![1], 3));
        traffic.read(2, 97, 50_000);
        assert_eq!(traffic.scrape(&mut series), (vec![2], 100), "three of the hundred were reported already: all stay");
        traffic.read(1, 7, 50_000);
        assert_eq!(traffic.scrape(&mut series), (vec![2], 107));
    }
}
