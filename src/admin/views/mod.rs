//! What the API shows, made of what is known.
//!
//! Views are made from rows that were copied out; nothing here holds a lock while it formats.

mod connections;
mod ensemble;
mod fact;
mod incidents;
mod latency;
mod load;
mod moment;
mod moves;
mod request;
mod risks;
mod servers;
mod session_detail;
mod sessions;
mod tap;

use crate::api::NamedServer;
use crate::history::HistoryViews;
use crate::ids::ServerId;
use crate::observe::ProxyTelemetry;

pub(super) use connections::connections;
pub(super) use ensemble::ensemble;
pub(super) use incidents::{incident_detail, incidents};
pub(super) use latency::latency;
pub(super) use load::load;
pub(super) use moves::{moves, session_moved};
pub(super) use risks::risks;
pub(super) use servers::servers;
pub(super) use session_detail::session_detail;
pub(super) use sessions::sessions;
pub(super) use tap::{slow, tap_event};

/// How the history keeps incidents and risks: as the API shows them.
pub const HISTORY_VIEWS: HistoryViews = HistoryViews { incident: incidents::incident, risk: risks::risk };

/// A server as lists show it.
fn named_server(telemetry: &ProxyTelemetry, server: impl Into<Option<ServerId>>) -> NamedServer {
    let server = server.into();
    NamedServer {
        server: server.map(|server| telemetry.server_name(server).to_owned()),
        server_id: server.map(|server| server.0),
    }
}
