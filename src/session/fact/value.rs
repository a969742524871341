//! The values of facts, with their units.

use std::net::SocketAddr;
use std::time::Duration;

use crate::ids::{ConnectionId, ServerId, Zxid};
use crate::session::client_profile::{ClientProfile, ClientSign};
use crate::session::connection_end::{CloseKind, DisconnectPoint, UnansweredRequest};
use crate::session::event::MovedCodeLocation;
use crate::session::probe_result::ServerHealth;
use crate::time::Timestamp;
use crate::wire::ErrorCode;
use crate::wire::handshake::PasswordCheck;

/// A moment relative to an end, in milliseconds: negative before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EndOffset(pub i64);

impl EndOffset {
    /// Where a moment lies, seen from an end.
    pub fn of(moment: Timestamp, end: Timestamp) -> Self {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self(if moment > end { millis(moment.since(end)) } else { -millis(end.since(moment)) })
    }
}

impl EndOffset {
    /// The moment that lies so far from an end.
    pub fn from(self, end: Timestamp) -> Timestamp {
        let nanos = self.0.unsigned_abs().saturating_mul(1_000_000);
        if self.0 > 0 { end.after(Duration::from_nanos(nanos)) } else { Timestamp(end.0.saturating_sub(nanos)) }
    }
}

/// A fact's value, with its unit.
#[derive(Clone, PartialEq, Debug)]
pub enum FactValue {
    /// A length of time.
    Time(Duration),
    /// A moment relative to the end.
    Offset(EndOffset),
    /// A number of things, or of bytes.
    Count(u64),
    /// A server.
    Server(ServerId),
    /// A connection.
    Connection(ConnectionId),
    /// A client's address.
    Client(SocketAddr),
    /// A zxid.
    Zxid(Zxid),
    /// A word out of a table in the code.
    Word(&'static str),
    /// Yes or no.
    Flag(bool),
    /// A request; None when none is known.
    Request(Option<UnansweredRequest>),
}

macro_rules! values {
    ($($type:ty => $value:expr),* $(,)?) => {
        $(impl From<&$type> for FactValue {
            fn from(value: &$type) -> Self {
                let make: fn(&$type) -> FactValue = $value;
                make(value)
            }
        })*
    };
}

values! {
    Duration => |time| FactValue::Time(*time),
    EndOffset => |offset| FactValue::Offset(*offset),
    i32 => |count| FactValue::Count(u64::try_from(*count).unwrap_or(0)),
    u32 => |count| FactValue::Count(u64::from(*count)),
    i64 => |count| FactValue::Count(u64::try_from(*count).unwrap_or(0)),
    ServerId => |server| FactValue::Server(*server),
    ConnectionId => |connection| FactValue::Connection(*connection),
    SocketAddr => |client| FactValue::Client(*client),
    Zxid => |zxid| FactValue::Zxid(*zxid),
    bool => |flag| FactValue::Flag(*flag),
    ClientProfile => |profile| FactValue::Word(profile.label()),
    Option<ClientSign> => |sign| FactValue::Word(sign.map_or("none", ClientSign::label)),
    ServerHealth => |health| FactValue::Word(health.label()),
    ErrorCode => |code| FactValue::Word(code.name().unwrap_or("unknown")),
    Option<UnansweredRequest> => |request| FactValue::Request(request.clone()),
    CloseKind => |how| FactValue::Word(match how {
        CloseKind::Fin => "fin",
        CloseKind::Reset => "reset",
        CloseKind::Timeout => "timeout",
    }),
    DisconnectPoint => |point| FactValue::Word(point.label()),
    PasswordCheck => |password| FactValue::Word(match password {
        PasswordCheck::NotNeeded => "not_needed",
        PasswordCheck::Right => "right",
        PasswordCheck::Wrong => "wrong",
        PasswordCheck::Unjudged => "unknown",
    }),
    MovedCodeLocation => |form| FactValue::Word(match form {
        MovedCodeLocation::Header => "header",
        MovedCodeLocation::Multi => "multi",
    }),
    FullSign => |sign| FactValue::Word(match sign {
        FullSign::ClosesProbes => "closes_probes",
        FullSign::ResetAtOnce => "reset_at_once",
        FullSign::HasTheZxid => "has_the_zxid",
        FullSign::NobodyLooked => "nobody_looked",
    }),
    ClaimAnswer => |answer| FactValue::Word(match answer {
        ClaimAnswer::Given => "given",
        ClaimAnswer::Refused => "refused",
        ClaimAnswer::None => "none",
    }),
}

/// What shows that a server takes no more connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FullSign {
    /// It closes probes from the same address as well.
    ClosesProbes,
    /// It reset the connection at once and serves others.
    ResetAtOnce,
    /// It closed at once, serves others, and has the zxid that the client has seen.
    HasTheZxid,
    /// It reset the connection at once, and no probe came in time.
    NobodyLooked,
}

/// What came back to a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimAnswer {
    /// The session.
    Given,
    /// A refusal.
    Refused,
    /// Nothing.
    None,
}
