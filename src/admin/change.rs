//! What a request that changes something has to be: JSON, from this machine, and from no page of another site.
//!
//! A web page can make a browser send requests to loopback. It cannot choose their `Origin`, nor send JSON to another
//! site without being allowed to: either of the two is enough to turn it away, and both are asked.

use std::net::SocketAddr;
use std::time::Duration;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::allowed_hosts::AllowedHosts;
use super::api_state::ApiState;
use super::error::ApiError;

/// How long the body of a request may take.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Where a request came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PeerAddress(pub(super) SocketAddr);

/// A request to change something that may be followed.
#[derive(Debug)]
pub(super) struct ChangeRequest<T> {
    /// What is wanted.
    pub(super) body: T,
    /// Who wants it.
    pub(super) peer: SocketAddr,
}

impl<T: DeserializeOwned> FromRequest<ApiState> for ChangeRequest<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &ApiState) -> Result<Self, ApiError> {
        let peer = request.extensions().get::<PeerAddress>().copied();
        let peer = permit(peer, request.headers(), api.names)?;
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

/// Whether a request may change something; the address of its sender when it may.
fn permit(peer: Option<PeerAddress>, headers: &HeaderMap, names: AllowedHosts) -> Result<SocketAddr, ApiError> {
    let forbidden = |error: &str, reason: &str| Err(ApiError::new(StatusCode::FORBIDDEN, error, reason));
    if names != AllowedHosts::Local {
        let reason =
            "the admin address is open to other machines; serve it on 127.0.0.1 (admin.address) to make changes";
        return forbidden("changes are made on loopback only", reason);
    }
    let Some(PeerAddress(peer)) = peer.filter(|PeerAddress(peer)| peer.ip().to_canonical().is_loopback()) else {
        return forbidden("changes are made from loopback only", "send the request from the machine of zoogate");
    };
    if !is_own_page(headers) {
        return forbidden("pages of other sites change nothing here", "send the request without Origin");
    }
    if !is_json(headers) {
        let reason = "send the body as Content-Type: application/json";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the request is not JSON", reason));
    }
    Ok(peer)
}

/// Whether no browser sent the request, or a page of this very address had it sent.
fn is_own_page(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, other) = (hosts.next(), hosts.next());
    let own = |origin: &[u8]| {
        let host = host.filter(|_| other.is_none()).map(HeaderValue::as_bytes);
        origin.strip_prefix(b"http://").is_some_and(|name| host.is_some_and(|host| name.eq_ignore_ascii_case(host)))
    };
    let from_here = |site: &[u8]| matches!(site, b"same-origin" | b"none");
    other.is_none()
        && headers.get_all(header::ORIGIN).iter().all(|origin| own(origin.as_bytes()))
        && headers.get_all("sec-fetch-site").iter().all(|site| from_here(site.as_bytes()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return false };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn asked(peer: &str, headers: &[(&str, &str)], names: AllowedHosts) -> Result<SocketAddr, ApiError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        permit(Some(PeerAddress(peer.parse().unwrap())), &map, names)
    }

    const HERE: &str = "127.0.0.1:4000";
    const JSON: (&str, &str) = ("content-type", "application/json");

    #[test]
    fn only_loopback_changes_anything() {
        for peer in [HERE, "[::1]:4000", "[::ffff:127.0.0.1]:4000", "127.9.9.9:1"] {
            assert_eq!(asked(peer, &[JSON], AllowedHosts::Local).unwrap(), peer.parse().unwrap());
            assert!(asked(peer, &[JSON], AllowedHosts::Any).is_err(), "{peer} at an address that is open to others");
        }
        for peer in ["10.0.0.1:4000", "[::ffff:10.0.0.1]:4000", "[fe80::1]:4000"] {
            assert!(asked(peer, &[JSON], AllowedHosts::Local).is_err(), "{peer}");
        }
        let nobody =
            permit(None, &HeaderMap::from_iter([(header::CONTENT_TYPE, JSON.1.parse().unwrap())]), AllowedHosts::Local);
        assert!(nobody.is_err(), "where it comes from is not known");
    }

    #[test]
    fn only_its_own_pages_change_anything() {
        let host = ("host", "localhost:9180");
        for own in ["http://localhost:9180", "http://LOCALHOST:9180"] {
            assert!(asked(HERE, &[JSON, host, ("origin", own)], AllowedHosts::Local).is_ok(), "{own}");
        }
        for foreign in
            ["http://evil.example", "http://localhost", "http://127.0.0.1:9180", "https://localhost:9180", "null", ""]
        {
            assert!(asked(HERE, &[JSON, host, ("origin", foreign)], AllowedHosts::Local).is_err(), "{foreign}");
        }
        let both = [JSON, host, ("origin", "http://localhost:9180"), ("origin", "http://evil.example")];
        assert!(asked(HERE, &both, AllowedHosts::Local).is_err());
        assert!(
            asked(HERE, &[JSON, host, ("host", "localhost:1")], AllowedHosts::Local).is_err(),
            "two names for one address"
        );
        assert!(
            asked(HERE, &[JSON, ("origin", "http://localhost:9180")], AllowedHosts::Local).is_err(),
            "whose page is it?"
        );
        for (site, fits) in [("same-origin", true), ("none", true), ("cross-site", false), ("same-site", false)] {
            assert_eq!(
                asked(HERE, &[JSON, host, ("sec-fetch-site", site)], AllowedHosts::Local).is_ok(),
                fits,
                "{site}"
            );
        }
    }

    #[test]
    fn only_json_changes_anything() {
        for kind in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(asked(HERE, &[("content-type", kind)], AllowedHosts::Local).is_ok(), "{kind}");
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "text/plain;application/json", ""] {
            assert!(asked(HERE, &[("content-type", kind)], AllowedHosts::Local).is_err(), "{kind}");
        }
        assert!(asked(HERE, &[], AllowedHosts::Local).is_err());
        assert!(asked(HERE, &[JSON, ("content-type", "text/plain")], AllowedHosts::Local).is_err());
    }
}
