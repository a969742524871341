//! Who led when.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ids::ServerId;
use crate::time::Timestamp;

/// Changes of the leader that are kept.
pub const LEADERS_KEPT: usize = 64;

/// Who was seen leading, and since when; it outlasts the timeline's events.
#[derive(Clone, Debug, Default)]
pub(super) struct LeaderHistory {
    /// `len() <= LEADERS_KEPT`, in order of time.
    leaders: VecDeque<(Timestamp, ServerId)>,
    /// Since when the last of them leads no longer; None while it does, as far as is known.
    stopped_at: Option<Timestamp>,
    /// For how long nobody led before the one who leads now; None when that was not seen.
    vacancy: Option<Duration>,
}

impl LeaderHistory {
    /// Who leads now, as far as is known.
    pub(super) fn leader(&self) -> Option<ServerId> {
        self.last().filter(|_| self.stopped_at.is_none())
    }

    /// Who was the last to lead.
    pub(super) fn last(&self) -> Option<ServerId> {
        self.leaders.back().map(|(_, leader)| *leader)
    }

    /// Who was the last to lead at a moment.
    pub(super) fn at(&self, moment: Timestamp) -> Option<ServerId> {
        self.leaders.iter().rfind(|(since, _)| *since <= moment).map(|(_, leader)| *leader)
    }

    /// A server leads since that moment.
    pub(super) fn leads(&mut self, server: ServerId, since: Timestamp) {
        self.vacancy = self.stopped_at.take().map(|stopped_at| since.since(stopped_at));
        if self.last() != Some(server) {
            if self.leaders.len() >= LEADERS_KEPT {
                self.leaders.pop_front();
            }
            self.leaders.push_back((since, server));
        }
    }

    /// The leader leads no longer, since that moment.
    pub(super) fn stopped(&mut self, at: Timestamp) {
        self.stopped_at = Some(at);
    }

    /// For how long nobody led before the one who leads now; None when that was not seen.
    pub(super) fn vacancy(&self) -> Option<Duration> {
        self.vacancy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_led_is_known_for_every_moment_and_within_bounds() {
        let mut history = LeaderHistory::default();
        assert_eq!((history.leader(), history.at(Timestamp(9))), (None, None));
        history.leads(ServerId(1), Timestamp(10));
        history.stopped(Timestamp(15));
        assert_eq!(
            (history.leader(), history.last(), history.at(Timestamp(20))),
            (None, Some(ServerId(1)), Some(ServerId(1)))
        );
        history.leads(ServerId(2), Timestamp(30));
        assert_eq!(history.vacancy(), Some(Duration::from_nanos(15)));
        let at = [9, 10, 29, 30].map(|moment| history.at(Timestamp(moment)));
        assert_eq!(at, [None, Some(ServerId(1)), Some(ServerId(1)), Some(ServerId(2))]);
        for at in 0..1_000 {
            history.leads(ServerId((at % 2) as u16), Timestamp(100 + at));
        }
        assert_eq!((history.leaders.len(), history.leader()), (LEADERS_KEPT, Some(ServerId(1))));
    }
}
