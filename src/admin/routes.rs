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
use super::route_book::RouteVerb::{Get, Post, Put};
use super::route_book::{RouteBook, ServedRoutes};
use super::tap::tap;
use crate::api::{
    ApiList, CHANGES, ConnectionList, DisconnectAnswer, DisconnectRequest, EnsembleView, HistoryAnswer, IncidentList,
    IncidentView, LIVE, LatencyList, LivenessAnswer, LoadAnswer, LogLevelRequest, METRICS, MoveList, OPENAPI, READY,
    ReadinessAnswer, RefusalList, RiskList, ServerList, SessionDetail, SessionList, SlowList, TAP,
};

/// Longest body of a request, in bytes; a level of the log is all that is ever sent.
pub(crate) const BODY: usize = 1024;

/// The description as it was made from the routes; a test compares the two.
const DESCRIPTION: &[u8] = include_bytes!("../../config/openapi.json");

/// What anybody may see: nothing of the traffic. Metrics are here because they leave out sessions by themselves.
fn open_routes<B: RouteBook>(book: B) -> B {
    book.route(Get, LIVE, api::livez, answers::<LivenessAnswer>)
        .route(Get, READY, api::readyz, |op| {
            answers::<ReadinessAnswer>(op).response::<503, axum::Json<ReadinessAnswer>>()
        })
        .route(Get, METRICS, api::metrics, |op| answers_text(op, "text/plain", "Metrics for Prometheus."))
        .route(Get, OPENAPI, serve_openapi, |op| answers_text(op, "application/json", "This description."))
}

/// What shows something of the traffic, or changes something.
fn data_routes<B: RouteBook>(book: B) -> B {
    book.route(Get, SessionList::PATH, api::sessions, lists::<SessionList>)
        .route(Get, &SessionDetail::path("{session}"), api::session, answers::<SessionDetail>)
        .route(Get, MoveList::PATH, api::moves, lists::<MoveList>)
        .route(Get, RefusalList::PATH, api::session_moved, lists::<RefusalList>)
        .route(Get, ServerList::PATH, api::servers, lists::<ServerList>)
        .route(Get, EnsembleView::PATH, api::ensemble, answers::<EnsembleView>)
        .route(Get, ConnectionList::PATH, api::connections, lists::<ConnectionList>)
        .route(Get, IncidentList::PATH, api::incidents, lists::<IncidentList>)
        .route(Get, LatencyList::PATH, api::latency, lists::<LatencyList>)
        .route(Get, LoadAnswer::PATH, api::load, answers::<LoadAnswer>)
        .route(Get, RiskList::PATH, api::risks, lists::<RiskList>)
        .route(Get, &IncidentView::path("{incident}"), api::incident, answers::<IncidentView>)
        .route(Get, SlowList::PATH, api::slow, lists::<SlowList>)
        .route(Get, CHANGES, page::follow, |op| {
            answers_text(op, "text/event-stream", "Rows of the lists that changed.")
        })
        .route(Get, TAP, tap, |op| answers_text(op, "text/event-stream", "Events as they happen, one object each."))
        .route(Get, HistoryAnswer::PATH, history, answers::<HistoryAnswer>)
        .route(Post, &DisconnectRequest::path("{connection}"), disconnect, answers::<DisconnectAnswer>)
        .route(Get, LogLevelRequest::PATH, api::log_level, answers::<LogLevelRequest>)
        .route(Put, LogLevelRequest::PATH, api::set_log_level, answers::<LogLevelRequest>)
}

/// The description of all paths, in JSON over several lines: what config/openapi.json has to be.
pub fn openapi_json() -> String {
    let mut whole = openapi::frame();
    openapi::begin();
    let _ = open_routes(ApiRouter::new()).finish_api(&mut whole);
    openapi::begin();
    let _ = data_routes(ApiRouter::new()).with_path_items(openapi::needs_token).finish_api(&mut whole);
    openapi::written(&whole)
}

async fn serve_openapi(State(api): State<ApiState>) -> Result<Response, ApiError> {
    api.whole("application/json", |_| Ok(Bytes::from_static(DESCRIPTION))).await
}

/// What answers every request.
pub(super) fn routes(state: impl FnOnce(Arc<RouteList>) -> ApiState) -> Router {
    let (open, data) = (open_routes(ServedRoutes::default()), data_routes(ServedRoutes::default()));
    let listed = RouteList::of(&[open.paths, data.paths].concat(), &[open.changes, data.changes].concat());
    let state = state(Arc::new(listed));
    open.router
        .merge(page::routes())
        .merge(data.router.route_layer(from_fn_with_state(state.clone(), data_guard)))
        .fallback(api::no_such_path)
        .method_not_allowed_fallback(api::no_such_method)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(state.clone(), guard))
        .with_state(state)
}
