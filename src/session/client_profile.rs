//! Which client library holds a session, and for how long such a client bears a silent server: when a client gives up
//! is a property of the client. Measured with the real ones (protocol.md §10.2).

use std::time::Duration;

/// How long a Java or Go client sleeps when it has tried all of its addresses (protocol.md §10).
const ONE_ADDRESS_SLEEP: Duration = Duration::from_secs(1);

/// Earliest ping of kazoo's, before a third of the timeout has passed: it draws a moment within this.
pub const EARLIEST_PING: Duration = Duration::from_millis(400);

/// For how long ClickHouse's client waits for the answer to its claim, and before 26.9 to an operation
/// (`operation_timeout_ms`).
const CLICKHOUSE_WAITS: Duration = Duration::from_secs(10);

/// A client library, as far as its traffic tells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ClientProfile {
    /// Nothing tells which.
    #[default]
    Unknown,
    /// ZooKeeper's Java client, which Kafka and Curator use.
    Java,
    /// kazoo, for Python.
    Kazoo,
    /// go-zookeeper.
    Go,
    /// ZooKeeper's C client, and what is built on it.
    C,
    /// node-zookeeper-client.
    Node,
    /// ClickHouse's own.
    ClickHouse,
}

impl ClientProfile {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Java, Self::Kazoo, Self::Go, Self::C, Self::Node, Self::ClickHouse, Self::Unknown];

    /// Its name in JSON, tables and sentences.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Java => "Java",
            Self::Kazoo => "kazoo",
            Self::Go => "Go",
            Self::C => "C",
            Self::Node => "Node.js",
            Self::ClickHouse => "ClickHouse",
        }
    }

    /// The shortest silence of a server, with an answer owed, at which such a client gives it up, of a session with this
    /// timeout; None where it never does. Of an unknown client what most of them do.
    pub fn gives_up_after(self, timeout: Duration) -> Option<Duration> {
        let share = timeout * 2 / 3;
        match self {
            Self::Unknown | Self::Java | Self::Go | Self::C => Some(share),
            // It pings before its time, and gives up where the next ping would be due.
            Self::Kazoo => Some(share.saturating_sub(EARLIEST_PING * 2).max(timeout / 3)),
            Self::Node => None,
            Self::ClickHouse => Some(timeout),
        }
    }

    /// How long such a client bears a silent server, in a session with this timeout: one that never gives up has its
    /// session for no longer.
    pub fn bears(self, timeout: Duration) -> Duration {
        self.gives_up_after(timeout).unwrap_or(timeout)
    }

    /// How long a pooled connection of such a client goes on with a server that has gone silent, where another one serves:
    /// after that its session is better off there. `timeout` is the session's.
    ///
    /// A client that has given up walks through its list, and Java and Go sleep for a second when they have been through it
    /// (protocol.md §10): with one address they are back a second later than with three. Ended by that much earlier they are
    /// back as soon. Others are back at once by themselves, and only one that never gives up must be helped while its
    /// session lives. ClickHouse does not come back with its session at all.
    pub fn pooled_patience(self, timeout: Duration) -> Duration {
        match self {
            Self::Unknown | Self::Java | Self::Go => {
                (timeout * 2 / 3).saturating_sub(ONE_ADDRESS_SLEEP).max(Self::least_pooled_patience(timeout))
            }
            Self::Kazoo | Self::C | Self::Node => timeout * 3 / 4,
            Self::ClickHouse => timeout,
        }
    }

    /// The shortest [`pooled_patience`](Self::pooled_patience) of all clients.
    pub fn least_pooled_patience(timeout: Duration) -> Duration {
        timeout / 2
    }

    /// The shortest timeout with which such a client bears a silence of this length.
    pub fn timeout_that_bears(self, silence: Duration) -> Duration {
        match self {
            Self::Unknown | Self::Java | Self::Go | Self::C => silence * 3 / 2,
            Self::Kazoo => ((silence + EARLIEST_PING * 2) * 3 / 2).min(silence * 3),
            Self::Node | Self::ClickHouse => silence,
        }
    }

    /// The shortest time that such a client waits for the answer to its claim, when it has so many addresses at most;
    /// `timeout` is what it asks for. None where it waits for ever. Of an unknown client what the least patient ones do.
    pub fn waits_for_session(self, timeout: Duration, addresses: u32) -> Option<Duration> {
        match self {
            Self::Unknown | Self::Java | Self::Kazoo => Some(timeout / addresses),
            Self::C => Some(timeout * 2 / 3),
            // For ten times as long as for another answer: its program leaves before that, when it likes.
            Self::Go => Some(timeout * 20 / 3),
            Self::Node => None,
            Self::ClickHouse => Some(CLICKHOUSE_WAITS),
        }
    }

    /// When it gives a silent server up, in words.
    pub fn patience(self) -> &'static str {
        match self {
            Self::Unknown => "taken as two thirds of the timeout, as most do",
            Self::Java | Self::Go | Self::C => "after two thirds of the timeout",
            Self::Kazoo => "after two thirds of the timeout, up to 0.8 s earlier",
            Self::Node => "never",
            Self::ClickHouse => "after the whole timeout; after 10 s for one operation, 30 s since 26.9",
        }
    }

    /// For how long it waits for a session, in words.
    pub fn connect_wait(self) -> &'static str {
        match self {
            Self::Unknown => "taken as a sixth of the timeout at least",
            Self::Java | Self::Kazoo => "the timeout, divided by its addresses",
            Self::Go => "1 s for TCP, then 6.7 times the timeout",
            Self::C => "two thirds of the timeout",
            Self::Node => "the timeout, divided by its addresses, for TCP; then for ever",
            Self::ClickHouse => "1 s for TCP, then 10 s",
        }
    }

    /// What it does when it has given a server up, in words.
    pub fn comes_back(self) -> &'static str {
        match self {
            Self::Unknown | Self::Node => "",
            Self::Java => "waits up to 1 s, and 1 s more when it has tried all addresses, then claims its session",
            Self::Kazoo => "claims its session within 0.3 s",
            Self::Go => "waits 1 s when it has tried all addresses, then claims its session",
            Self::C => "waits 0.1 s when it has tried all addresses, then claims its session",
            Self::ClickHouse => "asks for a new session at once",
        }
    }
}

/// What a client was recognised by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ClientSign {
    /// It registered what Kafka's brokers register.
    KafkaNode,
    /// It pings when a third of the timeout has passed, to the millisecond, and does not number its requests from the
    /// time of day.
    SteadyPings,
    /// It pings up to 0.4 s before a third of the timeout has passed, and nothing has woken it.
    EarlyPing,
    /// Its handshake has no read-only flag, and it numbers the requests of a new session from 1.
    NoReadOnlyFlag,
    /// It numbers the requests of a new session from the time of day.
    ClockXids,
    /// Its handshake has no read-only flag, and it numbers the requests of a new session from 0.
    XidsFromZero,
    /// It speaks ClickHouse's dialect.
    ClickHouseDialect,
    /// It wrote a node that ClickHouse's servers write.
    ClickHouseNode,
}

impl ClientSign {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::SteadyPings,
        Self::KafkaNode,
        Self::EarlyPing,
        Self::NoReadOnlyFlag,
        Self::ClockXids,
        Self::XidsFromZero,
        Self::ClickHouseDialect,
        Self::ClickHouseNode,
    ];

    /// Its word in JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Whether clients of other, older libraries show it too: then it does not tell how long the client waits for a session,
    /// which for some of them is a second and for others a minute.
    pub fn is_shared(self) -> bool {
        self == Self::NoReadOnlyFlag
    }

    /// Who does that.
    pub fn profile(self) -> ClientProfile {
        match self {
            Self::KafkaNode | Self::SteadyPings => ClientProfile::Java,
            Self::EarlyPing => ClientProfile::Kazoo,
            Self::NoReadOnlyFlag => ClientProfile::Go,
            Self::ClockXids => ClientProfile::C,
            Self::XidsFromZero => ClientProfile::Node,
            Self::ClickHouseDialect | Self::ClickHouseNode => ClientProfile::ClickHouse,
        }
    }

    /// Whether the handshake and the first request show it, which no node's name can deny.
    pub fn is_by_numbers(self) -> bool {
        matches!(self, Self::NoReadOnlyFlag | Self::ClockXids | Self::XidsFromZero)
    }

    /// What was seen, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::KafkaNode => "it registered a Kafka broker's node",
            Self::SteadyPings => {
                "it pings when a third of its timeout has passed, and does not number its requests from the time of day"
            }
            Self::EarlyPing => "it pings up to 400 ms before a third of its timeout has passed, each time anew",
            Self::NoReadOnlyFlag => {
                "its handshake has no read-only flag, and it numbers its requests from 1: Go, or another without that flag"
            }
            Self::ClockXids => "it numbers the requests of a new session from the time of day",
            Self::XidsFromZero => "its handshake has no read-only flag, and it numbers its requests from 0",
            Self::ClickHouseDialect => "it speaks ClickHouse's dialect",
            Self::ClickHouseNode => "it wrote a ClickHouse server's node",
        }
    }
}

/// The client that these signs show; of an unknown one none is there.
pub fn profile_of(sign: Option<ClientSign>) -> ClientProfile {
    sign.map_or(ClientProfile::Unknown, ClientSign::profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_patience() {
        let timeout = Duration::from_secs(12);
        let seconds = |profile: ClientProfile| profile.gives_up_after(timeout).map(|after| after.as_millis());
        assert_eq!(seconds(ClientProfile::Java), Some(8_000));
        assert_eq!(seconds(ClientProfile::Kazoo), Some(7_200));
        assert_eq!(seconds(ClientProfile::ClickHouse), Some(12_000));
        assert_eq!(seconds(ClientProfile::Node), None);
        assert_eq!(ClientProfile::Kazoo.gives_up_after(Duration::from_secs(1)), Some(Duration::from_secs(1) / 3));
        assert_eq!(ClientProfile::Node.bears(timeout), timeout);
        for profile in ClientProfile::ALL {
            for millis in [300, 500, 2_400, 9_000] {
                let silence = Duration::from_millis(millis);
                assert_eq!(profile.bears(profile.timeout_that_bears(silence)), silence, "{profile:?}");
            }
        }
        for profile in ClientProfile::ALL {
            for seconds in [1, 4, 6, 18, 45] {
                let timeout = Duration::from_secs(seconds);
                assert!(profile.pooled_patience(timeout) >= ClientProfile::least_pooled_patience(timeout));
            }
        }
        let waits = |profile: ClientProfile| profile.waits_for_session(timeout, 6).map(|waits| waits.as_secs());
        assert_eq!(waits(ClientProfile::Java), Some(2));
        assert_eq!(waits(ClientProfile::C), Some(8));
        assert_eq!(waits(ClientProfile::Go), Some(80));
        assert_eq!(waits(ClientProfile::ClickHouse), Some(10));
        assert_eq!(waits(ClientProfile::Node), None);
        assert_eq!(profile_of(None), ClientProfile::Unknown);
    }
}
