//! How long a stream may go on: as long as the token fits that it was opened with.

use std::convert::Infallible;

use aide::OperationInput;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use super::admin_access::{AdminAccess, HeldToken};
use super::admin_peer::AdminPeer;

/// What a stream was opened with.
#[derive(Debug)]
pub(super) struct StreamLease {
    /// Who opened it.
    pub(super) peer: Option<AdminPeer>,
    access: AdminAccess,
    terms: LeaseTerms,
}

#[derive(Debug)]
enum LeaseTerms {
    /// No token is asked for.
    Open,
    /// As long as this one fits.
    Token(HeldToken),
    /// The token was replaced while the stream was opened.
    Over,
}

impl StreamLease {
    /// Whether its token fits no longer. The files are read again for that, as for a request.
    pub(super) fn is_over(&self) -> bool {
        match &self.terms {
            LeaseTerms::Open => false,
            LeaseTerms::Token(held) => {
                self.access.refresh();
                !held.still_fits()
            }
            LeaseTerms::Over => true,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for StreamLease
where
    AdminAccess: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let access = AdminAccess::from_ref(state);
        let peer = parts.extensions.get::<AdminPeer>().copied();
        let is_socket = peer == Some(AdminPeer::Socket);
        let terms = if access.asks() && !is_socket {
            access.held(&parts.headers).map_or(LeaseTerms::Over, LeaseTerms::Token)
        } else {
            LeaseTerms::Open
        };
        Ok(Self { peer, access, terms })
    }
}

impl OperationInput for StreamLease {}
