//! The passive health check: what servers did to live clients, as far as it speaks against sending them more. A server
//! that answers probes and gives no session, or gives sessions and answers nothing, is no place for the next one. Pure.
//!
//! It is only relative: while no other server does better, none is set aside. At most half of the servers are at
//! once, never the last, and one client alone cannot do that to a server that works.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use crate::ids::ServerId;
use crate::time::Timestamp;

/// How long what a client met counts against its server, and how long one client's further complaints do not count.
pub const COMPLAINT_COUNTS: Duration = Duration::from_mins(1);
/// How long a claim must have been unanswered to count.
pub const UNANSWERED_COUNTS: Duration = Duration::from_secs(1);
/// Complaints that are remembered of each server; older ones make room.
pub const COMPLAINTS: usize = 64;

/// What a client met at a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerComplaint {
    /// Its claim was not answered.
    NoSession,
    /// It was given a session and then owed an answer until it gave up.
    NoAnswer,
}

#[derive(Clone, Copy, Debug)]
struct FiledComplaint {
    complaint: ServerComplaint,
    client: IpAddr,
    at: Timestamp,
}

/// What speaks against each server: the complaints of its clients.
#[derive(Clone, Debug)]
pub struct UnresponsiveToClients {
    servers: Vec<VecDeque<FiledComplaint>>,
}

/// When a server last did its work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerWork {
    /// When it gave a session last, if it ever did.
    pub gave_at: Option<Timestamp>,
    /// When it answered a request last, if it ever did.
    pub answered_at: Option<Timestamp>,
}

impl UnresponsiveToClients {
    /// Nothing is known of this many servers.
    pub fn new(servers: usize) -> Self {
        Self { servers: vec![VecDeque::new(); servers] }
    }

    /// Files a complaint, unless this client had one about this server not long ago.
    pub fn complain(&mut self, server: ServerId, complaint: ServerComplaint, client: IpAddr, now: Timestamp) {
        let Some(filed) = self.servers.get_mut(server.index()) else { return };
        filed.retain(|one| now.since(one.at) < COMPLAINT_COUNTS);
        if filed.iter().any(|one| one.client == client) {
            return;
        }
        if filed.len() >= COMPLAINTS {
            filed.pop_front();
        }
        filed.push_back(FiledComplaint { complaint, client, at: now });
    }

    /// Which servers are set aside now; `work` is what each did last, by [`ServerId`].
    pub fn set_aside(&self, work: &[ServerWork], now: Timestamp) -> Vec<bool> {
        let mut weights: Vec<(usize, usize)> = (0..self.servers.len())
            .map(|place| (self.weight(place, work, now), place))
            .filter(|(weight, _)| *weight > 0)
            .collect();
        weights.sort_unstable_by(|one, other| other.cmp(one));
        let mut aside = vec![false; self.servers.len()];
        for (_, place) in weights.into_iter().take(self.servers.len() / 2) {
            aside[place] = true;
        }
        aside
    }

    /// How many complaints stand against a server: it has not done since what they say that it did not, and another
    /// one has.
    fn weight(&self, place: usize, work: &[ServerWork], now: Timestamp) -> usize {
        let stands = |one: &&FiledComplaint| {
            let did = |work: &ServerWork| match one.complaint {
                ServerComplaint::NoSession => work.gave_at,
                ServerComplaint::NoAnswer => work.answered_at,
            };
            let since = Timestamp(one.at.0.saturating_sub(COMPLAINT_COUNTS.as_nanos() as u64));
            let own = work.get(place).is_some_and(|work| did(work) > Some(one.at));
            let others = work.iter().enumerate().any(|(other, work)| other != place && did(work) > Some(since));
            now.since(one.at) < COMPLAINT_COUNTS && !own && others
        };
        self.servers[place].iter().filter(stands).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerId = ServerId(0);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO.after(Duration::from_secs(1_000 + seconds))
    }

    fn client(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    fn works(gave: [u64; 3], answered: [u64; 3]) -> Vec<ServerWork> {
        let moment = |second: u64| (second > 0).then(|| at(second));
        gave.into_iter()
            .zip(answered)
            .map(|(gave, answered)| ServerWork { gave_at: moment(gave), answered_at: moment(answered) })
            .collect()
    }

    #[test]
    fn a_server_that_gives_nothing_while_another_does_is_set_aside_for_a_while() {
        let mut health = UnresponsiveToClients::new(3);
        health.complain(A, ServerComplaint::NoSession, client(1), at(10));
        let others_give = works([0, 8, 0], [0; 3]);
        assert_eq!(health.set_aside(&others_give, at(11)), [true, false, false]);
        assert_eq!(health.set_aside(&others_give, at(70)), [false; 3], "it is over after a minute");
        assert_eq!(health.set_aside(&works([0; 3], [0, 9, 9]), at(11)), [false; 3], "nobody gave a session");
        assert_eq!(health.set_aside(&works([11, 8, 0], [0; 3]), at(12)), [false; 3], "it has given one since");
    }

    #[test]
    fn one_that_answers_no_requests_is_judged_by_answers() {
        let mut health = UnresponsiveToClients::new(3);
        health.complain(A, ServerComplaint::NoAnswer, client(1), at(10));
        assert_eq!(health.set_aside(&works([11, 11, 11], [9, 10, 0]), at(12)), [true, false, false]);
        assert_eq!(health.set_aside(&works([0; 3], [11, 11, 0]), at(12)), [false; 3]);
    }

    #[test]
    fn at_most_half_are_set_aside_the_worst_first() {
        let mut health = UnresponsiveToClients::new(3);
        for (server, clients) in [(0, 1..=1), (1, 2..=3), (2, 4..=4)] {
            for number in clients {
                health.complain(ServerId(server), ServerComplaint::NoSession, client(number), at(10));
            }
        }
        assert_eq!(health.set_aside(&works([0, 0, 5], [0; 3]), at(11)), [false, true, false]);
        let mut alone = UnresponsiveToClients::new(1);
        alone.complain(A, ServerComplaint::NoSession, client(1), at(10));
        assert_eq!(alone.set_aside(&works([0, 5, 5], [0; 3])[..1], at(11)), [false]);
    }

    #[test]
    fn a_client_counts_once_a_minute_and_memory_is_bounded() {
        let mut health = UnresponsiveToClients::new(2);
        for second in 0..59 {
            health.complain(A, ServerComplaint::NoSession, client(1), at(second));
        }
        assert_eq!(health.servers[0].len(), 1);
        health.complain(A, ServerComplaint::NoSession, client(1), at(60));
        assert_eq!(health.servers[0].len(), 1, "the first one is over");
        for number in 0..255 {
            health.complain(A, ServerComplaint::NoAnswer, client(number), at(61));
        }
        assert_eq!(health.servers[0].len(), COMPLAINTS);
        health.complain(ServerId(9), ServerComplaint::NoAnswer, client(1), at(61));
    }
}
