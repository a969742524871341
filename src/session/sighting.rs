//! What a look at a server showed.

use crate::ids::Zxid;

/// Whether a server can be given a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Health {
    /// Not looked at yet.
    Unknown,
    /// It answers and serves.
    Serving,
    /// It answers that it is not serving: an election, or no quorum.
    NotServing,
    /// It accepts TCP and says nothing: frozen, or as good as.
    Mute,
    /// It closes probes without an answer while it accepts TCP: a connection cap, or it is just starting.
    Closing,
    /// It refuses TCP connections.
    Refusing,
    /// Its name or its path fails: no address, no route, a connect that timed out.
    Unreachable,
}

impl Health {
    /// A short name for labels and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Serving => "serving",
            Self::NotServing => "not_serving",
            Self::Mute => "mute",
            Self::Closing => "closing",
            Self::Refusing => "refusing",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether the server's own port accepts TCP connections.
    pub fn accepts(self) -> bool {
        !matches!(self, Self::Refusing | Self::Unreachable)
    }
}

/// A server's role, as `srvr` tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    /// Not told yet.
    Unknown,
    /// Leads the quorum.
    Leader,
    /// Follows and votes.
    Follower,
    /// Follows without a vote.
    Observer,
    /// Serves alone.
    Standalone,
    /// Serves reads without a quorum.
    ReadOnly,
}

impl Role {
    /// A short name for labels and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Standalone => "standalone",
            Self::ReadOnly => "read-only",
        }
    }
}

/// The result of one look at one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// Whether it can be given a session.
    pub health: Health,
    /// Its role, as last told.
    pub role: Role,
    /// Its last processed zxid; None when it did not tell.
    pub zxid: Option<Zxid>,
}
