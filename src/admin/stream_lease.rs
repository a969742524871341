//! How long a stream may go on: as long as the token fits that it was opened with.

use aide::OperationInput;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::admin_access::{AdminAccess, HeldToken};
use super::admin_peer::AdminPeer;
use super::api_state::ApiState;
use super::error::ApiError;

/// What a stream was opened with.
#[derive(Debug)]
pub(super) struct StreamLease {
    access: AdminAccess,
    /// None where no token is asked for: the stream has no end then.
    asked: Option<Option<HeldToken>>,
}

impl StreamLease {
    /// Whether its token fits no longer. The files are read again for that, as for a request.
    pub(super) fn is_over(&self) -> bool {
        let Some(held) = &self.asked else { return false };
        self.access.refresh();
        !held.as_ref().is_some_and(HeldToken::still_fits)
    }
}

impl FromRequestParts<ApiState> for StreamLease {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, ApiError> {
        let is_socket = parts.extensions.get::<AdminPeer>() == Some(&AdminPeer::Socket);
        let asked = (api.access.asks() && !is_socket).then(|| api.access.held(&parts.headers));
        Ok(Self { access: api.access.clone(), asked })
    }
}

impl OperationInput for StreamLease {}
