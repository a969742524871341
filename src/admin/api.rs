//! The paths of the admin address and what they answer.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::allowed_hosts::AllowedHosts;
use super::api_state::ApiState;
use super::change::ChangeRequest;
use super::connections::AdminConnections;
use super::disconnect::disconnect;
use super::error::ApiError;
use super::history::history;
use super::page;
use super::query::QueryParams;
use super::streamed_list::row_text;
use super::views;
use crate::api::{
    ApiList, ApiWord, ConnectionList, DisconnectRequest, EnsembleView, HistoryAnswer, IncidentList, IncidentView,
    LatencyList, ListParameters, LivenessAnswer, LogLevelRequest, MoveList, READY, ReadinessAnswer, RefusalList,
    RiskList, ServerList, SessionDetail, SessionList,
};
use crate::control::ConnectionControl;
use crate::history::HistoryReader;
use crate::ids::SessionId;
use crate::observe::ProxyTelemetry;
use crate::text;

/// Longest body of a request, in bytes; a level of the log is all that is ever sent.
const BODY: usize = 1024;

/// All paths.
pub(super) fn routes(
    proxy: (Arc<ProxyTelemetry>, Arc<ConnectionControl>),
    kept: Option<HistoryReader>,
    names: AllowedHosts,
    clients: Arc<AdminConnections>,
) -> Router {
    let api = ApiState::new(proxy, kept, names, clients);
    Router::new()
        .route("/livez", get(livez))
        .route(READY, get(readyz))
        .route("/metrics", get(metrics))
        .route(SessionList::PATH, get(sessions))
        .route(&SessionDetail::path("{session}"), get(session))
        .route(MoveList::PATH, get(moves))
        .route(RefusalList::PATH, get(session_moved))
        .route(ServerList::PATH, get(servers))
        .route(EnsembleView::PATH, get(ensemble))
        .route(ConnectionList::PATH, get(connections))
        .route(IncidentList::PATH, get(incidents))
        .route(LatencyList::PATH, get(latency))
        .route(RiskList::PATH, get(risks))
        .route(&IncidentView::path("{id}"), get(incident))
        .route(HistoryAnswer::PATH, get(history))
        .route(&DisconnectRequest::path("{connection}"), post(disconnect))
        .route(LogLevelRequest::PATH, get(log_level).put(set_log_level))
        .merge(page::routes())
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(api.clone(), guard))
        .with_state(api)
}

/// By this who asks knows that it is zoogate that answers.
const SERVER: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Turns away requests for other hosts, and keeps answers out of caches and other sites' pages.
async fn guard(State(api): State<ApiState>, request: Request, next: Next) -> Response {
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

async fn livez() -> Json<LivenessAnswer> {
    Json(LivenessAnswer { alive: true })
}

async fn readyz(State(api): State<ApiState>) -> (StatusCode, Json<ReadinessAnswer>) {
    let reason = api.telemetry.state().unready();
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadinessAnswer { ready: reason.is_none(), reason: reason.map(ApiWord::from) }))
}

async fn metrics(State(api): State<ApiState>) -> Result<Response, ApiError> {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    api.whole(kind, |telemetry| Ok(telemetry.metrics())).await
}

async fn sessions(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, views::SESSION_FILTERS, views::sessions).await
}

async fn session(State(api): State<ApiState>, Path(session): Path<String>) -> Result<Response, ApiError> {
    let wrong = |reason| ApiError::bad_request("the path names no session", reason);
    let session = SessionId::parse(&session).map_err(wrong)?;
    api.whole("application/json", |telemetry| {
        let session_detail = views::session_detail(telemetry, session).ok_or_else(|| {
            let reason = "no server gave this session through zoogate, or it ended and was forgotten";
            ApiError::not_found(format!("session {session} is not known"), reason)
        })?;
        Ok(text::json(&row_text(&session_detail)).into_owned())
    })
    .await
}

async fn moves(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, views::MOVE_FILTERS, views::moves).await
}

async fn session_moved(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, views::REFUSAL_FILTERS, views::session_moved).await
}

async fn servers(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, views::SERVER_FILTERS, views::servers).await
}

async fn ensemble(State(api): State<ApiState>) -> Result<Response, ApiError> {
    let make = |telemetry: &ProxyTelemetry| Ok(text::json(&row_text(&views::ensemble(telemetry))).into_owned());
    api.whole("application/json", make).await
}

async fn connections(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, views::CONNECTION_FILTERS, views::connections).await
}

async fn incidents(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, views::INCIDENT_FILTERS, views::incidents).await
}

async fn latency(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, views::LATENCY_FILTERS, views::latency).await
}

async fn risks(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, views::RISK_FILTERS, views::risks).await
}

async fn incident(State(api): State<ApiState>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let wrong = |_| ApiError::bad_request("the path names no incident", format!("{id:?} is not a number"));
    let id: u64 = id.parse().map_err(wrong)?;
    api.whole("application/json", |telemetry| {
        let detail = views::incident_detail(telemetry, id).ok_or_else(|| {
            let reason = "there was none with this number, or it was forgotten";
            ApiError::not_found(format!("incident {id} is not known"), reason)
        })?;
        Ok(text::json(&row_text(&detail)).into_owned())
    })
    .await
}

fn no_log() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "there is no log whose level can be changed", "zoogate was started without one")
}

async fn log_level(State(api): State<ApiState>) -> Result<Json<LogLevelRequest>, ApiError> {
    Ok(Json(LogLevelRequest { level: api.telemetry.log().ok_or_else(no_log)?.level() }))
}

async fn set_log_level(
    State(api): State<ApiState>,
    change: ChangeRequest<LogLevelRequest>,
) -> Result<Json<LogLevelRequest>, ApiError> {
    let ChangeRequest { body: LogLevelRequest { level }, peer } = change;
    let log = api.telemetry.log().ok_or_else(no_log)?;
    log.set_level(level)
        .map_err(|error| ApiError::new(StatusCode::CONFLICT, "the level was not changed", error.to_string()))?;
    tracing::info!(%level, %peer, "log level changed");
    Ok(Json(LogLevelRequest { level }))
}

async fn no_such_path() -> ApiError {
    let reason = "there are /, /livez, /readyz, /metrics, /api/sessions, /api/sessions/ID, /api/moves, \
                  /api/session-moved, /api/servers, /api/ensemble, /api/connections, /api/connections/N/disconnect, \
                  /api/incidents, /api/incidents/N, /api/history, /api/risks, /api/latency and /api/log-level";
    ApiError::not_found("there is no such path", reason)
}

async fn no_such_method() -> ApiError {
    let reason = "use GET; /api/log-level also takes PUT, and /api/connections/N/disconnect only POST";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed for this path", reason)
}
