//! Every path of the admin address, in one list: what is served, who may ask for it, and how it is described.
//!
//! To add a route:
//!
//! 1. Write its handler, with [`QueryParams`](super::query::QueryParams) and [`PathParams`](super::query::PathParams)
//!    for what it is asked for, and [`ChangeRequest`](super::change::ChangeRequest) for its body where it changes
//!    something: these answer what they do not understand in JSON, and the last one asks for the right to change.
//! 2. Name its path in `crate::api`, beside the type of its answer, which derives `JsonSchema`.
//! 3. Add one line here: to [`data_routes`] whatever shows anything of the traffic, to [`open_routes`] only what anybody
//!    may see. Functions of [`super::openapi`] say what is answered: `lists` a list and its filters, `answers` anything
//!    else in JSON, `answers_text` another kind such as a stream. The page and its files are not
//!    described.
//! 4. `UPDATE_GENERATED=1 cargo test --test generated` writes `config/openapi.json` anew. The sentences of the answers
//!    404 and 405 follow from the same list; the README's table has a line for each path.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::openapi::OpenApi;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use hyper::body::Bytes;

use super::api;
use super::api_state::ApiState;
use super::disconnect::disconnect;
use super::error::ApiError;
use super::guard::{data_guard, guard};
use super::history::history;
use super::openapi::{self, RouteList, answers, answers_text, lists};
use super::page;
use super::tap::tap;
use super::views;
use crate::api::{
    ApiList, CHANGES, ConnectionList, DisconnectAnswer, DisconnectRequest, EnsembleView, HistoryAnswer, IncidentList,
    IncidentView, LIVE, LatencyList, LivenessAnswer, LoadAnswer, LogLevelRequest, METRICS, MoveList, OPENAPI, READY,
    ReadinessAnswer, RefusalList, RiskList, ServerList, SessionDetail, SessionList, SlowList, TAP,
};

/// Longest body of a request, in bytes; a level of the log is all that is ever sent.
pub(crate) const BODY: usize = 1024;

/// What anybody may see: nothing of the traffic. Metrics are here because they leave out sessions by themselves.
fn open_routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(LIVE, get_with(api::livez, answers::<LivenessAnswer>))
        .api_route(
            READY,
            get_with(api::readyz, |op| answers::<ReadinessAnswer>(op).response::<503, axum::Json<ReadinessAnswer>>()),
        )
        .api_route(METRICS, get_with(api::metrics, |op| answers_text(op, "text/plain", "Metrics for Prometheus.")))
        .api_route(OPENAPI, get_with(serve_openapi, |op| answers_text(op, "application/json", "This description.")))
}

/// What shows something of the traffic, or changes something.
fn data_routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(SessionList::PATH, get_with(api::sessions, lists::<SessionList>(views::SESSION_FILTERS)))
        .api_route(&SessionDetail::path("{session}"), get_with(api::session, answers::<SessionDetail>))
        .api_route(MoveList::PATH, get_with(api::moves, lists::<MoveList>(views::MOVE_FILTERS)))
        .api_route(RefusalList::PATH, get_with(api::session_moved, lists::<RefusalList>(views::REFUSAL_FILTERS)))
        .api_route(ServerList::PATH, get_with(api::servers, lists::<ServerList>(views::SERVER_FILTERS)))
        .api_route(EnsembleView::PATH, get_with(api::ensemble, answers::<EnsembleView>))
        .api_route(ConnectionList::PATH, get_with(api::connections, lists::<ConnectionList>(views::CONNECTION_FILTERS)))
        .api_route(IncidentList::PATH, get_with(api::incidents, lists::<IncidentList>(views::INCIDENT_FILTERS)))
        .api_route(LatencyList::PATH, get_with(api::latency, lists::<LatencyList>(views::LATENCY_FILTERS)))
        .api_route(LoadAnswer::PATH, get_with(api::load, answers::<LoadAnswer>))
        .api_route(RiskList::PATH, get_with(api::risks, lists::<RiskList>(views::RISK_FILTERS)))
        .api_route(&IncidentView::path("{incident}"), get_with(api::incident, answers::<IncidentView>))
        .api_route(SlowList::PATH, get_with(api::slow, lists::<SlowList>(views::SLOW_FILTERS)))
        .api_route(
            CHANGES,
            get_with(page::follow, |op| answers_text(op, "text/event-stream", "Rows of the lists that changed.")),
        )
        .api_route(
            TAP,
            get_with(tap, |op| answers_text(op, "text/event-stream", "Events as they happen, one object each.")),
        )
        .api_route(HistoryAnswer::PATH, get_with(history, answers::<HistoryAnswer>))
        .api_route(&DisconnectRequest::path("{connection}"), post_with(disconnect, answers::<DisconnectAnswer>))
        .api_route(
            LogLevelRequest::PATH,
            get_with(api::log_level, answers::<LogLevelRequest>)
                .put_with(api::set_log_level, answers::<LogLevelRequest>),
        )
}

/// Both, and the description of both.
fn described() -> (Router<ApiState>, Router<ApiState>, OpenApi) {
    let mut whole = openapi::frame();
    openapi::begin();
    let open = open_routes().finish_api(&mut whole);
    openapi::begin();
    let data = data_routes().with_path_items(openapi::needs_token).finish_api(&mut whole);
    (open, data, whole)
}

/// The description of all paths, in JSON over several lines.
pub fn openapi_json() -> String {
    openapi::written(&described().2)
}

async fn serve_openapi(State(api): State<ApiState>) -> Result<Response, ApiError> {
    api.whole("application/json", |_| Ok(Bytes::clone(&api.listed.description))).await
}

/// What answers every request.
pub(super) fn routes(state: impl FnOnce(Arc<RouteList>) -> ApiState) -> Router {
    let (open, data, whole) = described();
    let state = state(Arc::new(RouteList::of(&whole)));
    open.merge(page::routes())
        .merge(data.route_layer(from_fn_with_state(state.clone(), data_guard)))
        .fallback(api::no_such_path)
        .method_not_allowed_fallback(api::no_such_method)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(state.clone(), guard))
        .with_state(state)
}
