//! Who holds a session, as lists name it and filters compare it.

use std::net::SocketAddr;

use crate::session::identity::HolderIdentity;

/// By what it did, otherwise by its peer address.
pub(super) fn holder(identity: Option<HolderIdentity>, client: Option<SocketAddr>) -> Option<String> {
    identity.map(|identity| identity.to_string()).or_else(|| client.map(|client| client.to_string()))
}
