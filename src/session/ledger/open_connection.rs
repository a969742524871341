//! A connection that has claimed a session and is open.

use super::attachment::Claim;
use super::claim_dialect::ClaimDialect;
use crate::ids::{SessionId, Zxid};
use crate::session::own_pause::ThreadPlace;

/// An open connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenConnection {
    /// Its session; [`SessionId::NEW`] until a new one is given.
    pub session: SessionId,
    /// Its claim.
    pub claim: Claim,
    /// The zxid that the client had seen when it claimed.
    pub last_zxid: Zxid,
    /// The zxid that the server had shown last by then; None when it had shown none.
    pub server_zxid: Option<Zxid>,
    /// Whether a read-only server is good enough; None when the client did not say.
    pub read_only: Option<bool>,
    /// How both sides wish to speak.
    pub speech: ClaimDialect,
    /// The thread that carries it.
    pub thread: ThreadPlace,
}
