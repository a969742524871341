//! What is asked of every request before it is answered, and said with every answer.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api_state::ApiState;
use super::error::ApiError;

/// By this who asks knows that it is zoogate that answers.
const SERVER: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Turns away requests for other hosts, and keeps answers out of caches and other sites' pages.
pub(super) async fn guard(State(api): State<ApiState>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    let mut response = if api.names.admit(host) {
        next.run(request).await
    } else {
        let reason = format!(
            "this address does not answer for host {:?}, only for its own address or localhost",
            host.unwrap_or_default()
        );
        ApiError::new(StatusCode::MISDIRECTED_REQUEST, "wrong host", reason).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Turns away who may not see the traffic.
pub(super) async fn data_guard(State(_api): State<ApiState>, request: Request, next: Next) -> Response {
    next.run(request).await
}
