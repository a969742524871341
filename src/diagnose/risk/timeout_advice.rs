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
    /// Times in which a server did not serve, of all servers: elections, restarts and pauses.
    pub servers: Vec<Duration>,
    /// Silences of this session's client, and times that it was without a connection.
    pub client: Vec<Duration>,
    /// The p99.9 of its writes; None without writes.
    pub slow_write: Option<Duration>,
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
    /// Of those: longer than such a client bears.
    pub exceeded: u32,
    /// The longest of them.
    pub longest: Option<Duration>,
    /// The p99.9 of the session's writes.
    pub slow_write: Option<Duration>,
    /// The shortest timeout that would have borne all of them, rounded up to whole seconds.
    pub would_bear: Option<Duration>,
}

impl TimeoutAdvice {
    /// Measures the timeout of such a client's session by what was seen.
    pub fn of(profile: ClientProfile, timeout: Duration, seen: &SeenOutages) -> Self {
        let bears = profile.bears(timeout);
        let all = || seen.servers.iter().chain(&seen.client).copied();
        let longest = all().chain(seen.slow_write).max();
        let exceeded = all().filter(|lasted| *lasted > bears).count() as u32;
        let slow = seen.slow_write.is_some_and(|slow| slow > bears);
        let fit = match longest {
            None => TimeoutFit::Unknown,
            Some(_) if exceeded > 0 || slow => TimeoutFit::TooShort,
            Some(longest) if all().next().is_some() && timeout > NEVER_LONG && longest * NEEDLESS_FROM < timeout => {
                TimeoutFit::NeedlesslyLong
            }
            Some(_) => TimeoutFit::Fits,
        };
        let would_bear = longest.map(|longest| Duration::from_secs(profile.timeout_that_bears(longest).as_secs() + 1));
        let outages = all().count() as u32;
        Self { fit, timeout, outages, exceeded, longest, slow_write: seen.slow_write, would_bear }
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
            };
            let advice = TimeoutAdvice::of(ClientProfile::Java, Duration::from_secs(timeout), &seen);
            assert_eq!(advice.fit, fit, "{timeout} {outages:?} {slow:?}");
        }
        let seen = SeenOutages { servers: seconds(&[1, 2, 7]), client: seconds(&[9]), slow_write: None };
        let advice = TimeoutAdvice::of(ClientProfile::Java, Duration::from_secs(6), &seen);
        assert_eq!((advice.exceeded, advice.outages, advice.exceeded_share()), (2, 4, Some(0.5)));
        assert_eq!(advice.would_bear, Some(Duration::from_secs(14)));
        assert_eq!(TimeoutAdvice::of(ClientProfile::Java, Duration::from_secs(14), &seen).fit, TimeoutFit::Fits);
        let patient = TimeoutAdvice::of(ClientProfile::ClickHouse, Duration::from_secs(9), &seen);
        assert_eq!((patient.exceeded, patient.would_bear), (0, Some(Duration::from_secs(10))), "it bears all of it");
        let kazoo = TimeoutAdvice::of(ClientProfile::Kazoo, Duration::from_secs(14), &seen);
        assert_eq!((kazoo.exceeded, kazoo.would_bear), (1, Some(Duration::from_secs(15))));
    }
}
