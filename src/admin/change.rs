//! What a request that changes something has to be: JSON, and from somebody who may.
//!
//! A web page can make a browser send requests to loopback. It cannot choose their `Origin`, nor send JSON to another
//! site without being allowed to: either of the two is enough to turn it away, and both are asked, the first of every
//! request.

use std::time::Duration;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::admin_access::AdminRight;
use super::admin_peer::AdminPeer;
use super::allowed_hosts::AllowedHosts;
use super::api_state::ApiState;
use super::error::ApiError;

/// How long the body of a request may take.
const BODY_TIME: Duration = Duration::from_secs(5);

/// A request to change something that may be followed.
#[derive(Debug)]
pub(super) struct ChangeRequest<T> {
    /// What is wanted.
    pub(super) body: T,
    /// Who wants it.
    pub(super) peer: AdminPeer,
}

impl<T: DeserializeOwned> FromRequest<ApiState> for ChangeRequest<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &ApiState) -> Result<Self, ApiError> {
        let (peer, right) = (request.extensions().get().copied(), request.extensions().get().copied());
        let peer = permit(api, peer, right, request.headers())?;
        let read = timeout(BODY_TIME, Json::<T>::from_request(request, &())).await.map_err(|_| {
            let reason = format!("send the JSON within {} s", BODY_TIME.as_secs());
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "the request body did not arrive in time", reason)
        })?;
        let Json(body) = read.map_err(|rejection: JsonRejection| {
            ApiError::new(rejection.status(), "the request body is not valid", rejection.body_text())
        })?;
        Ok(Self { body, peer })
    }
}

impl<T: JsonSchema> OperationInput for ChangeRequest<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(ctx, operation);
    }
}

/// Whether a request may change something; its sender when it may.
fn permit(
    api: &ApiState,
    peer: Option<AdminPeer>,
    right: Option<AdminRight>,
    headers: &HeaderMap,
) -> Result<AdminPeer, ApiError> {
    let Some(peer) = peer.filter(|_| right == Some(AdminRight::Change)) else {
        let (error, reason) = if api.access.asks() {
            api.telemetry.note_admin_refused("read_only_token");
            ("this token only reads", "send the token of admin.token_file")
        } else if api.names == AllowedHosts::Local {
            ("changes are made from loopback only", "send the request from the machine of zoogate")
        } else {
            let reason = "the admin address is open to other machines; set admin.token_file to make changes";
            ("changes are made on loopback only", reason)
        };
        return Err(ApiError::new(StatusCode::FORBIDDEN, error, reason));
    };
    if !is_json(headers) {
        let reason = "send the body as Content-Type: application/json";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the request is not JSON", reason));
    }
    Ok(peer)
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return false };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn json_is_known_by_its_name() {
        let is = |kinds: &[&'static str]| {
            let kinds = kinds.iter().map(|kind| (header::CONTENT_TYPE, HeaderValue::from_static(kind)));
            let mut headers = HeaderMap::new();
            kinds.for_each(|(name, kind)| {
                headers.append(name, kind);
            });
            is_json(&headers)
        };
        for kind in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(is(&[kind]), "{kind}");
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "text/plain;application/json", ""] {
            assert!(!is(&[kind]), "{kind}");
        }
        assert!(!is(&[]) && !is(&["application/json", "text/plain"]));
    }
}
