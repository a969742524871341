//! Times in which no server served: what every client must sit through, wherever it is.
//!
//! While one server serves, clients go there. A client that has one address alone sits out the trouble of that server
//! too; that shows in its own absences, which are measured as well.

use std::time::Duration;

use crate::diagnose::health_span::HealthSpan;
use crate::session::probe_result::ServerHealth;
use crate::time::Timestamp;

/// How long each time lasted in which no server served and that is over, an election of many servers once. Where all
/// processes are away they were stopped: that is no pause that a timeout is to bear. `servers` are the states of each.
pub fn service_outages<'a, S>(servers: impl Iterator<Item = S>) -> Vec<Duration>
where
    S: Iterator<Item = &'a HealthSpan>,
{
    // When something changes, by how many there are then more that do not serve, and more of those that run all the same.
    let mut changes: Vec<(Timestamp, i64, i64)> = Vec::new();
    let mut all = 0;
    for spans in servers {
        all += 1;
        for span in spans.filter(|span| span.is_down()) {
            let runs = matches!(span.health, ServerHealth::Unresponsive | ServerHealth::NotServing);
            changes.push((span.from, 1, i64::from(runs)));
            changes.extend(span.until.map(|until| (until, -1, -i64::from(runs))));
        }
    }
    changes.sort_unstable_by_key(|(at, ..)| *at);
    let (mut down, mut running, mut since, mut outages) = (0, 0, None, Vec::new());
    for together in changes.chunk_by(|one, next| one.0 == next.0) {
        for (_, more_down, more_running) in together {
            down += more_down;
            running += more_running;
        }
        let Some((at, ..)) = together.first() else { continue };
        let is_outage = down == all && running > 0;
        match since {
            None if is_outage => since = Some(*at),
            Some(from) if !is_outage => {
                outages.push(at.since(from));
                since = None;
            }
            _ => {}
        }
    }
    outages
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServerHealth::{NotServing, Refusing, Serving, Unknown, Unresponsive};

    /// The states of one server, each with the second in which it begins; the last one lasts.
    fn spans(states: &[(u64, ServerHealth)]) -> Vec<HealthSpan> {
        let at = |seconds: u64| Timestamp(seconds * 1_000_000_000);
        let ends = states.iter().skip(1).map(|(from, _)| Some(at(*from))).chain([None]);
        states
            .iter()
            .zip(ends)
            .map(|((from, health), until)| HealthSpan { health: *health, from: at(*from), until })
            .collect()
    }

    fn seconds(servers: &[&[(u64, ServerHealth)]]) -> Vec<u64> {
        let servers: Vec<_> = servers.iter().map(|one| spans(one)).collect();
        service_outages(servers.iter().map(|one| one.iter())).iter().map(Duration::as_secs).collect()
    }

    #[test]
    fn one_server_in_trouble_is_no_outage() {
        let whole = [(0, Serving)];
        let frozen = [(0, Serving), (10, Unresponsive), (30, Serving)];
        let behind = [(0, Serving), (30, NotServing), (40, Serving)];
        assert_eq!(seconds(&[&whole, &frozen, &whole]), [0_u64; 0]);
        assert_eq!(seconds(&[&frozen, &behind]), [0_u64; 0], "one after the other");
        assert_eq!(seconds(&[&frozen]), [20], "where it is the only one it is");
        assert_eq!(seconds(&[&frozen, &[]]), [0_u64; 0], "nothing is known of the other one");
        assert_eq!(seconds(&[&frozen, &[(0, Unknown)]]), [0_u64; 0]);
        assert_eq!(seconds(&[]), [0_u64; 0]);
    }

    #[test]
    fn an_election_is_one_outage_of_all_servers() {
        let led = [(0, Serving), (10, Refusing), (60, Serving)];
        let others: Vec<[(u64, ServerHealth); 3]> =
            (0..6).map(|place| [(0, Serving), (10 + place % 3, NotServing), (15 + place % 2, Serving)]).collect();
        let mut all: Vec<&[(u64, ServerHealth)]> = others.iter().map(<[_; 3]>::as_slice).collect();
        all.push(&led);
        assert_eq!(seconds(&all), [3], "from the last that stopped until the first that serves");
        let changing = [(0, Serving), (10, NotServing), (12, Unresponsive), (14, Refusing), (15, Serving)];
        assert_eq!(seconds(&[&changing, &led]), [4], "a change of its state ends none");
        let twice = [(0, Serving), (10, NotServing), (12, Serving), (20, NotServing), (25, Serving)];
        assert_eq!(seconds(&[&twice, &led]), [2, 5]);
    }

    #[test]
    fn servers_that_were_stopped_and_outages_that_last_are_none() {
        let stopped = [(0, Serving), (10, Refusing), (30, Serving)];
        assert_eq!(seconds(&[&stopped, &stopped]), [0_u64; 0]);
        let starting = [(0, Serving), (10, Refusing), (28, NotServing), (30, Serving)];
        assert_eq!(seconds(&[&stopped, &starting]), [2]);
        assert_eq!(seconds(&[&[(0, Serving), (10, NotServing)]]), [0_u64; 0]);
    }
}
