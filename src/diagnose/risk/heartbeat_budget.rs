//! How long either side of a connection has been silent, against what the other one bears.
//!
//! A client sends a heartbeat after a third of its session timeout at the latest, and gives a server up when it has
//! heard nothing of it for as long as its library bears: most after two thirds of the timeout. The servers expire a
//! session that they have not heard of for its whole timeout. So after half of it something is late.

use std::time::Duration;

use super::risk_code::RiskCode;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::client_profile::ClientProfile;
use crate::session::own_pause::ThreadPlace;
use crate::time::Timestamp;

/// A connection's signs of life at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeartbeatSample {
    /// The session.
    pub session: SessionId,
    /// The connection that carries it.
    pub connection: ConnectionId,
    /// Its server.
    pub server: ServerId,
    /// When the client's last byte came.
    pub client_heard_at: Timestamp,
    /// When the server's last byte came.
    pub server_heard_at: Timestamp,
    /// The negotiated session timeout.
    pub timeout: Duration,
    /// Whether the client waits for an answer.
    pub is_owed: bool,
    /// Whether zoogate does not read the client, because the server takes no more.
    pub client_held: bool,
    /// Whether zoogate does not read the server, because the client takes no more.
    pub server_held: bool,
    /// The thread that carries the connection.
    pub thread: ThreadPlace,
}

/// Which side has been silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SilentSide {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// What is left of a session's timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeartbeatBudget {
    /// How long the client has been silent.
    pub client_silent: Duration,
    /// How long the server has been silent.
    pub server_silent: Duration,
    /// Whether the client waits for an answer that may have come to zoogate.
    pub is_owed: bool,
    /// Whether zoogate does not read the client: then its silence says nothing.
    pub client_held: bool,
    /// The negotiated session timeout: the servers expire the session when the client has been silent for that long.
    pub timeout: Duration,
    /// Which client library it is, as far as that is known.
    pub profile: ClientProfile,
}

impl HeartbeatBudget {
    /// The budget at a moment, of a client that is not known; `paused` is how long zoogate itself stood still within
    /// `since` and then.
    pub fn of(sample: &HeartbeatSample, now: Timestamp, paused: impl Fn(Timestamp) -> Duration) -> Self {
        let silent = |since: Timestamp| now.since(since).saturating_sub(paused(since));
        Self {
            client_silent: silent(sample.client_heard_at),
            server_silent: silent(sample.server_heard_at),
            // What the server said may stand before the client, which does not take it.
            is_owed: sample.is_owed && !sample.server_held,
            client_held: sample.client_held,
            timeout: sample.timeout,
            profile: ClientProfile::Unknown,
        }
    }

    /// The same of such a client.
    #[must_use]
    pub fn of_client(self, profile: ClientProfile) -> Self {
        Self { profile, ..self }
    }

    /// How long a server may be silent before such a client gives it up; of one that never does, its session's timeout.
    pub fn client_bears(&self) -> Duration {
        self.profile.bears(self.timeout)
    }

    /// The side that fell silent first; None where neither has been silent for longer than a heartbeat takes.
    pub fn silent_first(&self) -> Option<SilentSide> {
        let late = |silent: Duration| silent * 3 > self.timeout;
        match (late(self.client_silent), late(self.server_silent) && self.is_owed) {
            // A server answers; it says nothing by itself. Whom nobody asks is silent because of the other.
            (true, true) if self.server_silent > self.client_silent => Some(SilentSide::Server),
            (true, _) => Some(SilentSide::Client),
            (false, true) => Some(SilentSide::Server),
            (false, false) => None,
        }
    }

    /// What is at risk; None while both are in time.
    pub fn risk(&self) -> Option<RiskCode> {
        let late = |silent: Duration| silent * 2 >= self.timeout && !self.timeout.is_zero();
        // A client that waits for an answer may owe no heartbeat: its last request was one.
        if self.is_owed && late(self.server_silent) && self.server_silent >= self.client_silent {
            return Some(RiskCode::ServerSilent);
        }
        // Its silence counts from its last byte of any kind: to the servers every frame is a sign of life.
        (late(self.client_silent) && !self.client_held).then_some(RiskCode::ClientSilent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(client: u64, server: u64, is_owed: bool) -> HeartbeatBudget {
        let [client_silent, server_silent, timeout] = [client, server, 6_000].map(Duration::from_millis);
        HeartbeatBudget {
            client_silent,
            server_silent,
            is_owed,
            client_held: false,
            timeout,
            profile: ClientProfile::Unknown,
        }
    }

    #[test]
    fn half_of_the_timeout_is_late_and_a_third_is_not() {
        let cases = [
            ((2_100, 2_100, false), None, Some(SilentSide::Client)),
            ((1_900, 1_900, false), None, None),
            ((2_999, 2_999, false), None, Some(SilentSide::Client)),
            ((3_000, 2_990, false), Some(RiskCode::ClientSilent), Some(SilentSide::Client)),
            ((1_000, 2_990, true), None, Some(SilentSide::Server)),
            ((1_000, 3_000, true), Some(RiskCode::ServerSilent), Some(SilentSide::Server)),
            ((1_000, 5_000, false), None, None),
            ((3_500, 3_400, true), Some(RiskCode::ClientSilent), Some(SilentSide::Client)),
        ];
        for ((client, server, owed), risk, first) in cases {
            let budget = budget(client, server, owed);
            assert_eq!((budget.risk(), budget.silent_first()), (risk, first), "{budget:?}");
        }
        let bears = |profile| budget(0, 0, false).of_client(profile).client_bears().as_millis();
        assert_eq!(bears(ClientProfile::Unknown), 4_000);
        assert_eq!(bears(ClientProfile::Kazoo), 3_200);
        assert_eq!([ClientProfile::ClickHouse, ClientProfile::Node].map(bears), [6_000, 6_000]);
    }

    #[test]
    fn what_zoogate_slept_through_is_nobodys_silence() {
        let sample = HeartbeatSample {
            session: SessionId(1),
            connection: ConnectionId(2),
            server: ServerId(0),
            client_heard_at: Timestamp(0),
            server_heard_at: Timestamp(1_000_000_000),
            timeout: Duration::from_secs(6),
            is_owed: false,
            client_held: false,
            server_held: false,
            thread: ThreadPlace(0),
        };
        let now = Timestamp(4_000_000_000);
        assert_eq!(HeartbeatBudget::of(&sample, now, |_| Duration::ZERO).risk(), Some(RiskCode::ClientSilent));
        let slept = HeartbeatBudget::of(&sample, now, |_| Duration::from_millis(1_500));
        assert_eq!((slept.risk(), slept.client_silent), (None, Duration::from_millis(2_500)));
    }

    #[test]
    fn who_is_not_read_is_not_silent() {
        let [client_heard_at, server_heard_at] = [Timestamp(2_000_000_000), Timestamp(1_000_000_000)];
        let sample = HeartbeatSample {
            session: SessionId(1),
            connection: ConnectionId(2),
            server: ServerId(0),
            client_heard_at,
            server_heard_at,
            timeout: Duration::from_secs(6),
            is_owed: true,
            client_held: false,
            server_held: false,
            thread: ThreadPlace(0),
        };
        let at = |sample: HeartbeatSample| HeartbeatBudget::of(&sample, Timestamp(4_500_000_000), |_| Duration::ZERO);
        assert_eq!(at(sample).risk(), Some(RiskCode::ServerSilent));
        assert_eq!(at(HeartbeatSample { server_held: true, ..sample }).risk(), None, "the client takes no more");
        let client = HeartbeatSample { client_heard_at: server_heard_at, server_heard_at: client_heard_at, ..sample };
        assert_eq!(at(HeartbeatSample { is_owed: false, ..client }).risk(), Some(RiskCode::ClientSilent));
        assert_eq!(at(HeartbeatSample { is_owed: false, client_held: true, ..client }).risk(), None);
    }
}
