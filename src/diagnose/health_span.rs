//! A time for which a server was in one state.

use std::collections::VecDeque;
use std::time::Duration;

use crate::session::probe_result::ServerHealth;
use crate::time::Timestamp;

/// Spans that are kept of one server.
pub const SPANS_KEPT: usize = 64;

/// A time for which a server was in one state, as probes showed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthSpan {
    /// The state.
    pub health: ServerHealth,
    /// When the probe was begun that showed it first.
    pub from: Timestamp,
    /// When the probe was begun that showed another state; None while it lasts.
    pub until: Option<Timestamp>,
}

impl HealthSpan {
    /// Whether a server in this state serves no client, as far as is known.
    pub fn is_down(&self) -> bool {
        !matches!(self.health, ServerHealth::Serving | ServerHealth::Unknown)
    }

    /// How far a moment is from the span; zero within it.
    pub fn distance(&self, moment: Timestamp) -> Duration {
        let after = self.until.map_or(Duration::ZERO, |until| moment.since(until));
        self.from.since(moment).max(after)
    }
}

/// The newest spans of one server, each beginning where the one before ends.
#[derive(Clone, Debug, Default)]
pub(super) struct HealthHistory {
    /// `len() <= SPANS_KEPT`, in order of time; only the last one is open.
    spans: VecDeque<HealthSpan>,
}

impl HealthHistory {
    /// Takes what a probe showed that was begun at that moment; the state before, when it is another one.
    pub(super) fn see(&mut self, health: ServerHealth, asked_at: Timestamp) -> Option<ServerHealth> {
        let before = self.health();
        if before == health {
            return None;
        }
        let mut from = asked_at;
        if let Some(last) = self.spans.back_mut() {
            // A probe that was begun earlier and told later moves no span back.
            from = from.max(last.from);
            last.until = Some(from);
        }
        if self.spans.len() >= SPANS_KEPT {
            self.spans.pop_front();
        }
        self.spans.push_back(HealthSpan { health, from, until: None });
        Some(before)
    }

    pub(super) fn health(&self) -> ServerHealth {
        self.spans.back().map_or(ServerHealth::Unknown, |span| span.health)
    }

    pub(super) fn spans(&self) -> impl DoubleEndedIterator<Item = &HealthSpan> {
        self.spans.iter()
    }

    pub(super) fn health_at(&self, moment: Timestamp) -> ServerHealth {
        self.spans.iter().rfind(|span| span.from <= moment).map_or(ServerHealth::Unknown, |span| span.health)
    }

    /// The nearest span in which the server did not serve; of two that are as near the later one.
    pub(super) fn down_around(&self, moment: Timestamp, slack: Duration) -> Option<HealthSpan> {
        let near = self.spans.iter().rev().filter(|span| span.is_down() && span.distance(moment) <= slack);
        near.min_by_key(|span| span.distance(moment)).copied()
    }

    /// The last time until now for which the server did not serve: since when, and whether it refused connections then.
    pub(super) fn last_absence(&self) -> Option<(Timestamp, bool)> {
        let mut absence = None;
        for span in self.spans.iter().rev().skip_while(|span| !span.is_down()).take_while(|span| span.is_down()) {
            let refused = absence.is_some_and(|(_, refused)| refused) || span.health == ServerHealth::Refusing;
            absence = Some((span.from, refused));
        }
        absence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServerHealth::{HangingUp, NotServing, Refusing, Serving, Unknown, Unresponsive};

    fn ms(moment: u64) -> Timestamp {
        Timestamp(moment * 1_000_000)
    }

    fn history(seen: &[(u64, ServerHealth)]) -> HealthHistory {
        let mut history = HealthHistory::default();
        for (at, health) in seen {
            history.see(*health, ms(*at));
        }
        history
    }

    #[test]
    fn a_span_lasts_until_another_state_is_seen() {
        let mut history = HealthHistory::default();
        assert_eq!(history.see(Serving, ms(10)), Some(Unknown));
        assert_eq!(history.see(Serving, ms(20)), None);
        assert_eq!(history.see(Unresponsive, ms(30)), Some(Serving));
        let spans: Vec<_> = history.spans().copied().collect();
        let first = HealthSpan { health: Serving, from: ms(10), until: Some(ms(30)) };
        assert_eq!(spans, [first, HealthSpan { health: Unresponsive, from: ms(30), until: None }]);
        let at = [9, 10, 29, 30, 99].map(|moment| history.health_at(ms(moment)));
        assert_eq!(at, [Unknown, Serving, Serving, Unresponsive, Unresponsive]);
    }

    #[test]
    fn what_was_asked_earlier_and_told_later_ends_no_span_before_it_began() {
        let history = history(&[(10, Serving), (30, Refusing), (20, Serving)]);
        assert!(history.spans().all(|span| span.until.is_none_or(|until| until >= span.from)));
        assert_eq!(history.health(), Serving);
    }

    #[test]
    fn the_nearest_time_down_is_found_before_within_and_after() {
        let history = history(&[(10, Serving), (100, NotServing), (200, Serving), (300, HangingUp), (400, Serving)]);
        let around = |moment, slack| {
            history.down_around(ms(moment), Duration::from_millis(slack)).map(|span| span.from.as_millis())
        };
        assert_eq!([around(90, 9), around(90, 10), around(150, 0)], [None, Some(100), Some(100)]);
        assert_eq!([around(210, 9), around(210, 10), around(240, 500)], [None, Some(100), Some(100)]);
        assert_eq!([around(260, 500), around(250, 50), around(450, 50)], [Some(300), Some(300), Some(300)]);
    }

    #[test]
    fn an_absence_goes_back_over_all_states_that_are_none() {
        let killed = history(&[(10, Serving), (100, Refusing), (150, NotServing), (200, Serving)]);
        assert_eq!(killed.last_absence(), Some((ms(100), true)));
        let frozen = history(&[(10, Serving), (100, Unresponsive), (200, Serving)]);
        assert_eq!(frozen.last_absence(), Some((ms(100), false)));
        assert_eq!(history(&[(10, Serving)]).last_absence(), None);
    }

    #[test]
    fn a_server_that_flaps_for_ever_takes_no_more_room() {
        let mut history = HealthHistory::default();
        for at in 0..10_000 {
            history.see(if at % 2 == 0 { Serving } else { Refusing }, ms(at));
        }
        assert_eq!(history.spans().count(), SPANS_KEPT);
        assert_eq!(history.spans().next_back().map(|span| span.from), Some(ms(9_999)));
    }
}
