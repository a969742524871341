//! What the API shows, as JSON. Field names are a promise: they are added to, never renamed.
//!
//! Views are made from rows that were copied out; nothing here holds a lock while it formats.

mod connections;
mod fact;
mod moves;
mod request;
mod servers;
mod session_detail;
mod sessions;

use std::net::SocketAddr;

use serde::{Serialize, Serializer};

use crate::ids::ServerId;
use crate::observe::Observatory;
use crate::session::identity::HolderIdentity;

pub(super) use connections::{CONNECTION_FILTERS, connections};
pub(super) use moves::{MOVE_FILTERS, REFUSAL_FILTERS, moves, session_moved};
pub(super) use servers::{SERVER_FILTERS, servers};
pub(super) use session_detail::session_detail;
pub(super) use sessions::{SESSION_FILTERS, sessions};

/// Who holds a session: by what it did, otherwise by its peer address.
pub(super) fn holder(identity: Option<HolderIdentity>, client: Option<SocketAddr>) -> Option<String> {
    identity.map(|identity| identity.to_string()).or_else(|| client.map(|client| client.to_string()))
}

/// A server as lists show it: its address and, beside it, its number.
#[derive(Debug, Serialize)]
struct ServerView {
    server: Option<String>,
    server_id: Option<u16>,
}

impl ServerView {
    fn new(observatory: &Observatory, server: impl Into<Option<ServerId>>) -> Self {
        let server = server.into();
        Self {
            server: server.map(|server| observatory.server_name(server).to_owned()),
            server_id: server.map(|server| server.0),
        }
    }
}

/// Shows a number as hexadecimal text: zxids and session ids do not fit into JSON's numbers.
fn text<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}
