//! The parts of which clauses are made.

use std::fmt::Write as _;
use std::time::Duration;

use crate::ids::Xid;
use crate::session::client_profile::{ClientProfile, ClientSign};
use crate::session::connection_end::{DisconnectPoint, UnansweredRequest};
use crate::session::fact::{EndOffset, FullSign};
use crate::session::probe_result::ServerHealth;
use crate::time::Timestamp;
use crate::wire::handshake::PasswordCheck;

pub(super) fn ms(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// `12 ms before` or `12 ms after`.
pub(super) fn relative(EndOffset(offset): EndOffset) -> String {
    let side = if offset > 0 { "after" } else { "before" };
    format!("{} ms {side}", offset.unsigned_abs())
}

pub(super) fn words(health: ServerHealth) -> String {
    match health {
        ServerHealth::Unresponsive => "unresponsive".to_owned(),
        _ => health.label().replace('_', " "),
    }
}

pub(super) fn refused(server: &str, password: PasswordCheck) -> String {
    match password {
        PasswordCheck::Wrong => format!("server {server} refused the claim: its password does not match the session"),
        PasswordCheck::Unjudged => format!("server {server} refused the claim with timeout 0"),
        PasswordCheck::Right => {
            format!("server {server} refused the claim with timeout 0, although the password was right")
        }
        PasswordCheck::NotNeeded => format!("server {server} refused a new session with timeout 0"),
    }
}

/// Which client it is, by what, and when such a one gives up.
pub(super) fn recognised(profile: ClientProfile, sign: Option<ClientSign>, patience: Duration, claim: bool) -> String {
    let (name, patience) = (profile.label(), ms(patience));
    match sign {
        Some(sign) if claim => {
            format!("it is a {name} client, which waits {patience} for a session at least ({})", sign.meaning())
        }
        Some(sign) => {
            format!("it is a {name} client, which gives up a silent server after {patience} ({})", sign.meaning())
        }
        None => format!("which client library it is was not recognised; most give up after {patience}"),
    }
}

pub(super) fn disconnected(point: DisconnectPoint) -> &'static str {
    match point {
        DisconnectPoint::Boundary => "an operator ended the connection; zoogate closed it between two frames",
        DisconnectPoint::Deadline => {
            "an operator ended the connection; it reached no end of a frame in time, and zoogate closed it where it stood"
        }
        DisconnectPoint::Opaque => {
            "an operator ended the connection; its frames are not understood, and zoogate closed it where it stood"
        }
        DisconnectPoint::Claim => "an operator ended the connection while its claim waited for an answer",
    }
}

pub(super) fn full(sign: FullSign) -> &'static str {
    match sign {
        FullSign::ClosesProbes => "it closes probes from the same address too",
        FullSign::ResetAtOnce => "it serves others, and a full server resets at once",
        FullSign::HasTheZxid => "it serves others and has the zxid that the client has seen",
        FullSign::NobodyLooked => "no probe came in time, and a full server resets at once",
    }
}

/// What a client's wish for a version of the protocol came to, and what turns it off.
pub(super) fn unknown_version(server: &str, version: i32, answered: bool, switches: [bool; 3]) -> String {
    let names = ["use_xid_64", "use_compression", "pass_opentelemetry_tracing_context"];
    let on = names.into_iter().zip(switches).filter(|(_, on)| *on).map(|(name, _)| name);
    let on = on.collect::<Vec<_>>().join(" and ");
    if answered {
        return format!(
            "server {server} answered version 0 to a client that asked for version {version}: turn off {on} in \
             ClickHouse's <zookeeper> section"
        );
    }
    format!(
        "server {server} closed the claim of version {version} without an answer: it does not support that version \
         (Keeper: coordination_settings.use_xid_64), or the password in the client's configuration is wrong; without \
         {on} the version is 0"
    )
}

/// `setData /a (xid 7), sent 12 ms before`.
pub(super) fn request(request: &UnansweredRequest, end: Timestamp) -> String {
    let Xid(xid) = request.xid;
    let mut text = request.op.name().map_or_else(|| format!("operation {}", request.op.0), str::to_owned);
    if !request.path.is_empty() {
        let _ = write!(text, " {}", request.path);
    }
    let _ = write!(text, " (xid {xid}), sent {} before", ms(end.since(request.sent_at)));
    text
}

/// The oldest unanswered request, or pings.
pub(super) fn in_flight(head: Option<String>, requests: u32, pings: u32) -> String {
    match (head, requests, pings) {
        (Some(head), 0 | 1, _) => format!("{head} was unanswered"),
        (Some(head), all, _) => format!("{head} and {} more were unanswered", all - 1),
        (None, 0, 0) => "nothing was unanswered".to_owned(),
        (None, 0, 1) => "a ping was unanswered".to_owned(),
        (None, 0, pings) => format!("{pings} pings were unanswered"),
        (None, all, _) => format!("{all} requests were unanswered"),
    }
}
