//! What the paths of the admin address answer.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};

use super::admin_access::AdminRight;
use super::api_state::ApiState;
use super::change::ChangeRequest;
use super::error::ApiError;
use super::query::{PathParams, QueryParams};
use super::streamed_list::row_text;
use super::views;
use crate::api::{
    ApiList, ApiWord, ConnectionList, IncidentList, IncidentPath, LatencyList, ListParameters, LivenessAnswer,
    LoadParameters, LogLevelRequest, MoveList, ReadinessAnswer, RefusalList, RiskList, ServerList, SessionList,
    SessionPath, SlowList,
};
use crate::ids::SessionId;
use crate::observe::{LoadKind, ProxyTelemetry};
use crate::text;

pub(super) async fn livez() -> Json<LivenessAnswer> {
    Json(LivenessAnswer { alive: true })
}

pub(super) async fn readyz(State(api): State<ApiState>) -> (StatusCode, Json<ReadinessAnswer>) {
    let reason = api.telemetry.state().unready();
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadinessAnswer { ready: reason.is_none(), reason: reason.map(ApiWord::from) }))
}

pub(super) async fn metrics(
    State(api): State<ApiState>,
    Extension(right): Extension<AdminRight>,
) -> Result<Response, ApiError> {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let page = match right {
        AdminRight::Nothing => ProxyTelemetry::metrics_without_sessions,
        AdminRight::Read | AdminRight::Change => ProxyTelemetry::metrics,
    };
    api.whole(kind, |telemetry| Ok(page(telemetry))).await
}

pub(super) async fn sessions(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, SessionList::FILTERS, views::sessions).await
}

pub(super) async fn session(
    State(api): State<ApiState>,
    PathParams(SessionPath { session }): PathParams<SessionPath>,
) -> Result<Response, ApiError> {
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

pub(super) async fn moves(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, MoveList::FILTERS, views::moves).await
}

pub(super) async fn session_moved(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, RefusalList::FILTERS, views::session_moved).await
}

pub(super) async fn servers(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, ServerList::FILTERS, views::servers).await
}

pub(super) async fn ensemble(State(api): State<ApiState>) -> Result<Response, ApiError> {
    let make = |telemetry: &ProxyTelemetry| Ok(text::json(&row_text(&views::ensemble(telemetry))).into_owned());
    api.whole("application/json", make).await
}

pub(super) async fn connections(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, ConnectionList::FILTERS, views::connections).await
}

pub(super) async fn incidents(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, IncidentList::FILTERS, views::incidents).await
}

pub(super) async fn latency(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, LatencyList::FILTERS, views::latency).await
}

pub(super) async fn load(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<LoadParameters>,
) -> Result<Response, ApiError> {
    let name = query.by.as_deref().unwrap_or(LoadKind::Path.label());
    let kinds = || LoadKind::ALL.iter().map(|kind| kind.label()).collect::<Vec<_>>().join(", ");
    let by = LoadKind::named(name).ok_or_else(|| {
        ApiError::bad_request(format!("load is not counted by {name:?}"), format!("by is one of {}", kinds()))
    })?;
    api.whole("application/json", |telemetry| Ok(text::json(&row_text(&views::load(telemetry, by))).into_owned())).await
}

pub(super) async fn risks(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, RiskList::FILTERS, views::risks).await
}

pub(super) async fn slow(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<ListParameters>,
) -> Result<Response, ApiError> {
    api.list(query, SlowList::FILTERS, views::slow).await
}

pub(super) async fn incident(
    State(api): State<ApiState>,
    PathParams(IncidentPath { incident: id }): PathParams<IncidentPath>,
) -> Result<Response, ApiError> {
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

pub(super) async fn log_level(State(api): State<ApiState>) -> Result<Json<LogLevelRequest>, ApiError> {
    Ok(Json(LogLevelRequest { level: api.telemetry.log().ok_or_else(no_log)?.level() }))
}

pub(super) async fn set_log_level(
    State(api): State<ApiState>,
    change: ChangeRequest<LogLevelRequest>,
) -> Result<Json<LogLevelRequest>, ApiError> {
    let ChangeRequest { body: LogLevelRequest { level }, peer } = change;
    let log = api.telemetry.log().ok_or_else(no_log)?;
    let before = log.level();
    // Under the level that writes more: a change would hide its own line otherwise.
    let say_first = (level as u8) < before as u8;
    if say_first {
        tracing::info!(%level, %peer, "log level changed");
    }
    log.set_level(level)
        .map_err(|error| ApiError::new(StatusCode::CONFLICT, "the level was not changed", error.to_string()))?;
    // What changes nothing can be asked for again and again.
    if level == before {
        tracing::debug!(%level, %peer, "log level stays as it was");
    } else if !say_first {
        tracing::info!(%level, %peer, "log level changed");
    }
    Ok(Json(LogLevelRequest { level }))
}

pub(super) async fn no_such_path(State(api): State<ApiState>) -> ApiError {
    ApiError::not_found("there is no such path", format!("there are /, {}", api.listed.paths))
}

pub(super) async fn no_such_method(State(api): State<ApiState>) -> ApiError {
    let reason = format!("use GET, or {}", api.listed.changes);
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed for this path", reason)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;
    use crate::admin::admin_access::AdminAccess;
    use crate::admin::admin_peer::AdminPeer;
    use crate::admin::api_state::tests::api;
    use crate::config::{LogFormat, LogLevel};
    use crate::observe::logs::logging::tests::written;

    #[test]
    fn each_change_of_the_log_level_is_written_and_no_request_that_changes_nothing() {
        let api = api(AdminAccess::default());
        let runtime = Builder::new_current_thread().build().unwrap();
        let text = written(LogFormat::Text, LogLevel::Info, |control| {
            api.telemetry.set_log(control.clone());
            for level in [LogLevel::Info, LogLevel::Info, LogLevel::Debug, LogLevel::Info, LogLevel::Info] {
                let change = ChangeRequest { body: LogLevelRequest { level }, peer: AdminPeer::Socket };
                let Json(_) = runtime.block_on(set_log_level(State(api.clone()), change)).unwrap();
            }
        });
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn a_change_to_a_level_that_hides_its_line_is_written_all_the_same() {
        let api = api(AdminAccess::default());
        let runtime = Builder::new_current_thread().build().unwrap();
        let text = written(LogFormat::Text, LogLevel::Info, |control| {
            api.telemetry.set_log(control.clone());
            for level in [LogLevel::Warn, LogLevel::Info] {
                let change = ChangeRequest { body: LogLevelRequest { level }, peer: AdminPeer::Socket };
                let Json(_) = runtime.block_on(set_log_level(State(api.clone()), change)).unwrap();
            }
        });
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().next().is_some_and(|line| line.contains("level=warn")), "{text}");
    }
}
