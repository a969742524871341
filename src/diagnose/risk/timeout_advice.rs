//! Whether a session timeout fits what was seen.

use std::time::Duration;

use crate::session::client_profile::ClientProfile;

/// A timeout longer than this is never needlessly short to look at, in multiples of the longest outage.
const NEEDLESS_FROM: u32 = 5;
/// Below this no timeout is called needlessly long: it is Kafka's default.
const NEVER_LONG: Duration = Duration::from_secs(18);

/// Outages that were seen: how long each lasted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SeenOutages {
    /// Times in which no server served ([`service_outages`](super::service_outages::service_outages)).
    pub servers: Vec<Duration>,
    /// Silences of this session's client, and times that it was without a connection.
    pub client: Vec<Duration>,
    /// The p99.9 of its writes; None without writes.
    pub slow_write: Option<Duration>,
    /// The longest timeout that every server gives; None where that is not known.
    pub most: Option<Duration>,
}

/// How a timeout fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum TimeoutFit {
    /// Nothing was seen that it could be measured by.
    Unknown,
    /// It bears what was seen.
    Fits,
    /// Something that was seen lasted longer than the client bears.
    TooShort,
    /// It is many times as long as anything that was seen: a client that is dead is noticed late.
    NeedlesslyLong,
}

/// How a session's timeout fits what was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeoutAdvice {
    /// The verdict.
    pub fit: TimeoutFit,
    /// The timeout.
    pub timeout: Duration,
    /// Outages that were seen.
    pub outages: u32,
    /// Of those: longer than such a client bears a silent server, or than the servers bear a silent client.
    pub exceeded: u32,
    /// The longest of them.
    pub longest: Option<Duration>,
    /// The p99.9 of the session's writes.
    pub slow_write: Option<Duration>,
    /// The shortest timeout that would have borne all of them, rounded up to whole seconds; None where servers give none
    /// that is as long.
    pub would_bear: Option<Duration>,
    /// The longest timeout that servers give, where even that would not have borne all of them.
    pub most: Option<Duration>,
}

impl TimeoutAdvice {
    /// Measures the timeout of such a client's session by what was seen.
    pub fn of(profile: ClientProfile, timeout: Duration, seen: &SeenOutages) -> Self {
        let bears = profile.bears(timeout);
        // A client gives a silent server up before its session is lost; a silent or absent client has the whole timeout.
        let of_servers = seen.servers.iter().copied().chain(seen.slow_write).max();
        let of_client = seen.client.iter().copied().max();
        let exceeded = seen.servers.iter().filter(|lasted| **lasted > bears).count()
            + seen.client.iter().filter(|lasted| **lasted > timeout).count();
        let outages = seen.servers.len() + seen.client.len();
        let slow = seen.slow_write.is_some_and(|slow| slow > bears);
        let longest = of_servers.max(of_client);
        let fit = match longest {
            None => TimeoutFit::Unknown,
            Some(_) if exceeded > 0 || slow => TimeoutFit::TooShort,
            Some(longest) if outages > 0 && timeout > NEVER_LONG && longest * NEEDLESS_FROM < timeout => {
                TimeoutFit::NeedlesslyLong
            }
            Some(_) => TimeoutFit::Fits,
        };
        let needed = of_servers.map(|longest| profile.timeout_that_bears(longest)).max(of_client);
        let needed = needed.map(|needed| Duration::from_secs(needed.as_secs() + 1));
        let is_given = |needed: &Duration| seen.most.is_none_or(|most| *needed <= most);
        let would_bear = needed.filter(is_given);
        let most = seen.most.filter(|_| needed.is_some() && would_bear.is_none());
        let (outages, exceeded, slow_write) = (outages as u32, exceeded as u32, seen.slow_write);
        Self { fit, timeout, outages, exceeded, longest, slow_write, would_bear, most }
    }

    /// The share of outages that lasted longer than the client bears; None where none was seen.
    pub fn exceeded_share(&self) -> Option<f64> {
        (self.outages > 0).then(|| f64::from(self.exceeded) / f64::from(self.outages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_measured_by_the_longest_outage() {
        let seconds = |all: &[u64]| all.iter().map(|one| Duration::from_secs(*one)).collect::<Vec<_>>();
        let cases = [
            (6, &[][..], None, TimeoutFit::Unknown),
            (6, &[3, 4][..], None, TimeoutFit::Fits),
            (6, &[3, 5][..], None, TimeoutFit::TooShort),
            (6, &[][..], Some(5), TimeoutFit::TooShort),
            (6, &[][..], Some(1), TimeoutFit::Fits),
            (18, &[1][..], None, TimeoutFit::Fits),
            (60, &[1][..], None, TimeoutFit::NeedlesslyLong),
            (60, &[][..], Some(1), TimeoutFit::Fits),
            (60, &[20][..], None, TimeoutFit::Fits),
        ];
        for (timeout, outages, slow, fit) in cases {
            let seen = SeenOutages {
                servers: seconds(outages),
                client: Vec::new(),
                slow_write: slow.map(Duration::from_secs),
                most: None,
            };
            let advice = TimeoutAdvice::of(ClientProfile::Java, Duration::from_secs(timeout), &seen);
            assert_eq!(advice.fit, fit, "{timeout} {outages:?} {slow:?}");
        }
        let seen = SeenOutages { servers: seconds(&[1, 2, 7]), client: seconds(&[9]), ..SeenOutages::default() };
        let advice = TimeoutAdvice::of(ClientProfile::Java, Duration::from_secs(6), &seen);
        assert_eq!((advice.exceeded, advice.outages, advice.exceeded_share()), (2, 4, Some(0.5)));
        assert_eq!((advice.would_bear, advice.most), (Some(Duration::from_secs(11)), None));
        assert_eq!(TimeoutAdvice::of(ClientProfile::Java, Duration::from_secs(11), &seen).fit, TimeoutFit::Fits);
        let patient = TimeoutAdvice::of(ClientProfile::ClickHouse, Duration::from_secs(9), &seen);
        assert_eq!((patient.exceeded, patient.would_bear), (0, Some(Duration::from_secs(10))), "it bears all of it");
        let kazoo = TimeoutAdvice::of(ClientProfile::Kazoo, Duration::from_secs(10), &seen);
        assert_eq!((kazoo.exceeded, kazoo.would_bear), (1, Some(Duration::from_secs(12))));
    }

    #[test]
    fn absences_that_were_survived_are_measured_by_the_whole_timeout() {
        let of = |absences: &[u64]| {
            let client = absences.iter().map(|one| Duration::from_secs(*one)).collect();
            let seen = SeenOutages { client, ..SeenOutages::default() };
            TimeoutAdvice::of(ClientProfile::Java, Duration::from_secs(6), &seen)
        };
        let borne = of(&[5, 6]);
        assert_eq!((borne.fit, borne.exceeded, borne.would_bear), (TimeoutFit::Fits, 0, Some(Duration::from_secs(7))));
        assert_eq!((of(&[5, 7]).fit, of(&[5, 7]).exceeded), (TimeoutFit::TooShort, 1));
    }

    #[test]
    fn no_timeout_is_advised_that_servers_do_not_give() {
        let of = |most| {
            let servers = vec![Duration::from_secs(20)];
            let seen = SeenOutages { servers, most: Some(Duration::from_secs(most)), ..SeenOutages::default() };
            let advice = TimeoutAdvice::of(ClientProfile::Java, Duration::from_secs(18), &seen);
            (advice.fit, advice.would_bear.map(|one| one.as_secs()), advice.most.map(|one| one.as_secs()))
        };
        assert_eq!(of(31), (TimeoutFit::TooShort, Some(31), None));
        assert_eq!(of(30), (TimeoutFit::TooShort, None, Some(30)));
    }
}
