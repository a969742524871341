//! What is asked of every request before it is answered, and said with every answer.

use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::admin_access::AdminRight;
use super::admin_peer::AdminPeer;
use super::allowed_hosts::AllowedHosts;
use super::api_state::ApiState;
use super::error::ApiError;
use super::page::PAGE;
use crate::api::{LIVE, READY};

/// By this who asks knows that it is zoogate that answers.
const SERVER: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Turns away requests that nobody on this machine means, finds out what the others may do, and keeps answers out of
/// caches and other sites' pages.
pub(super) async fn guard(State(api): State<ApiState>, mut request: Request, next: Next) -> Response {
    // A request without one was not taken in by the listeners; nothing is known for it.
    let peer = request.extensions().get::<AdminPeer>().copied();
    let admitted = admit(&api, peer, request.uri().path(), request.headers());
    let mut response = match admitted {
        Ok(right) => {
            request.extensions_mut().insert(right);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What a request may do, or why it is not answered.
fn admit(api: &ApiState, peer: Option<AdminPeer>, path: &str, headers: &HeaderMap) -> Result<AdminRight, ApiError> {
    if peer != Some(AdminPeer::Socket) {
        admit_host(api.names, headers)?;
    }
    // Whether it lives and serves is told to everybody at any rate: who asks that restarts it.
    if [LIVE, READY].contains(&path) {
        return Ok(AdminRight::Nothing);
    }
    let far = peer.and_then(AdminPeer::ip);
    if api.access.asks() {
        api.access.refresh();
    }
    let presented = api.access.right(headers);
    let is_wrong = api.access.asks() && peer != Some(AdminPeer::Socket) && presented.is_err();
    if is_wrong {
        // Counted as what it is, whatever it is answered: guesses beyond the allowance are guesses too.
        note_wrong_token(api, peer);
    }
    let note = |reason| {
        if !is_wrong {
            api.telemetry.note_admin_refused(reason);
        }
    };
    if let Some(ip) = far {
        // The token first: who guesses at a shared address locks nobody out who has it.
        let proven = api.access.asks() && presented.is_ok_and(|right| right >= AdminRight::Read);
        api.peers.admit(ip, proven, Instant::now()).map_err(|refused| {
            note("rate");
            too_many(refused.after)
        })?;
        if is_wrong {
            api.peers.presented_wrong_token(ip, Instant::now());
        }
    }
    // A link on another page may lead to this one, which holds no data.
    if path != PAGE && !is_own_page(headers) {
        note("foreign_page");
        let reason = "send the request without Origin, or from the page at this address";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "pages of other sites are not answered", reason));
    }
    if peer == Some(AdminPeer::Socket) {
        return Ok(AdminRight::Change);
    }
    if !api.access.asks() {
        // Without a token it matters where the request comes from.
        let is_here = peer.is_some_and(AdminPeer::is_here) && api.names == AllowedHosts::Local;
        return Ok(if is_here { AdminRight::Change } else { AdminRight::Read });
    }
    presented.map_err(|_| {
        let reason = "send `Authorization: Bearer` and the text of admin.token_file";
        unauthorized("the token is wrong", reason, "Bearer realm=\"zoogate\", error=\"invalid_token\"")
    })
}

fn note_wrong_token(api: &ApiState, peer: Option<AdminPeer>) {
    api.telemetry.note_admin_refused("wrong_token");
    if let Some(suppressed) = api.telemetry.log_throttle().pass("wrong_token") {
        let peer = peer.map(tracing::field::display);
        tracing::warn!(peer, suppressed, "a wrong token was presented at the admin address");
    }
}

/// Turns away who may not see the traffic.
pub(super) async fn data_guard(
    State(api): State<ApiState>,
    Extension(right): Extension<AdminRight>,
    request: Request,
    next: Next,
) -> Response {
    if right >= AdminRight::Read {
        return next.run(request).await;
    }
    api.telemetry.note_admin_refused("no_token");
    let reason = "send `Authorization: Bearer` and the text of admin.token_file; commands take it by --token-file";
    unauthorized("a token is needed", reason, "Bearer realm=\"zoogate\"").into_response()
}

fn unauthorized(error: &str, reason: &str, challenge: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, error, reason)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

fn too_many(after: Duration) -> ApiError {
    let seconds = after.as_secs() + 1;
    let reason = format!("this address has asked for more than it may; try again after {seconds} s");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too many requests from one address", reason)
        .with_header(header::RETRY_AFTER, seconds)
}

fn admit_host(names: AllowedHosts, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    if names.admit(host) {
        return Ok(());
    }
    let host = host.unwrap_or_default();
    let reason = format!("this address does not answer for host {host:?}, only for its own address or localhost");
    Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "wrong host", reason))
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;
    use crate::admin::admin_access::AdminAccess;
    use crate::admin::api_state::tests::api;
    use crate::config::{LogFormat, LogLevel};
    use crate::observe::logs::logging::tests::written;

    fn is_own(headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        is_own_page(&map)
    }

    #[test]
    fn wrong_tokens_are_a_line_in_a_while_and_counted_with_all_others() {
        let api = api(AdminAccess::default());
        let text = written(LogFormat::Text, LogLevel::Info, |_| {
            for _ in 0..100 {
                note_wrong_token(&api, Some(AdminPeer::Socket));
            }
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(api.telemetry.log_throttle().pass("wrong_token"), None, "it was not asked");
    }

    #[test]
    fn only_its_own_pages_are_answered() {
        let host = ("host", "localhost:9180");
        for own in ["http://localhost:9180", "http://LOCALHOST:9180"] {
            assert!(is_own(&[host, ("origin", own)]), "{own}");
        }
        for foreign in
            ["http://evil.example", "http://localhost", "http://127.0.0.1:9180", "https://localhost:9180", "null", ""]
        {
            assert!(!is_own(&[host, ("origin", foreign)]), "{foreign}");
        }
        assert!(!is_own(&[host, ("origin", "http://localhost:9180"), ("origin", "http://evil.example")]));
        assert!(!is_own(&[host, ("host", "localhost:1")]), "two names for one address");
        assert!(!is_own(&[("origin", "http://localhost:9180")]), "whose page is it?");
        for (site, fits) in [("same-origin", true), ("none", true), ("cross-site", false), ("same-site", false)] {
            assert_eq!(is_own(&[host, ("sec-fetch-site", site)]), fits, "{site}");
        }
    }
}
