//! Where answers are made: a bounded number at a time, and of each no more than is read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRef;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Bytes;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::admin_access::AdminAccess;
use super::allowed_hosts::AllowedHosts;
use super::answer_body::{PieceBody, WholeBody};
use super::change_feed::ChangeFeed;
use super::connections::AdminConnections;
use super::cpu_throttle::CpuThrottle;
use super::error::ApiError;
use super::event_stream::{EventSource, stream};
use super::openapi::RouteList;
use super::peer_limits::PeerLimits;
use super::query::ListFilter;
use super::stream_lease::StreamLease;
use super::stream_places::StreamPlaces;
use super::streamed_list::StreamedList;
use crate::api::ListParameters;
use crate::control::ConnectionControl;
use crate::filter::FilterField;
use crate::history::HistoryReader;
use crate::observe::ProxyTelemetry;

/// Answers that are made or on their way at one time; further requests wait.
pub(crate) const ANSWERS_AT_ONCE: usize = 8;
/// Requests that wait for their answer; further ones are refused.
pub(crate) const REQUESTS_WAITING: usize = 32;
/// How long a request waits before a connection that does not read its answer is closed.
const PATIENCE: Duration = Duration::from_secs(1);

/// What every answer is made from.
#[derive(Clone)]
pub(super) struct ApiState {
    pub(super) telemetry: Arc<ProxyTelemetry>,
    pub(super) control: Arc<ConnectionControl>,
    pub(super) names: AllowedHosts,
    pub(super) access: AdminAccess,
    pub(super) peers: Arc<PeerLimits>,
    pub(super) listed: Arc<RouteList>,
    clients: Arc<AdminConnections>,
    throttle: Arc<CpuThrottle>,
    answer_permits: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// What there is on disk, where something is kept.
    history: Option<HistoryReader>,
    /// One question at a time reads the disk.
    history_turn: Arc<Semaphore>,
    streams: StreamPlaces,
    /// What changes, for the pages that are open.
    pub(super) feed: Arc<ChangeFeed>,
}

impl FromRef<ApiState> for AdminAccess {
    fn from_ref(api: &ApiState) -> Self {
        api.access.clone()
    }
}

impl ApiState {
    pub(super) fn new(
        (telemetry, control): (Arc<ProxyTelemetry>, Arc<ConnectionControl>),
        history: Option<HistoryReader>,
        (names, access): (AllowedHosts, AdminAccess),
        clients: Arc<AdminConnections>,
        listed: Arc<RouteList>,
    ) -> Self {
        let (answer_permits, queue) =
            (Arc::new(Semaphore::new(ANSWERS_AT_ONCE)), Arc::new(Semaphore::new(REQUESTS_WAITING)));
        let (throttle, history_turn) = (Arc::new(CpuThrottle::new()), Arc::new(Semaphore::new(1)));
        let streams = StreamPlaces::default();
        let access = access.with_log_throttle(telemetry.log_throttle());
        Self {
            telemetry,
            control,
            names,
            access,
            peers: Arc::default(),
            listed,
            clients,
            throttle,
            answer_permits,
            queue,
            history,
            history_turn,
            feed: Arc::default(),
            streams,
        }
    }

    /// Makes a whole answer at its turn.
    pub(super) async fn whole<T: Into<Bytes>>(
        &self,
        kind: &'static str,
        make: impl FnOnce(&ProxyTelemetry) -> Result<T, ApiError>,
    ) -> Result<Response, ApiError> {
        let _queued = self.queued()?;
        let answer_permit = self.answer_permit().await?;
        let answer = self.throttle.make(|| make(&self.telemetry)).await?;
        Ok(whole(kind, answer, answer_permit))
    }

    /// Chooses what is in a list at its turn; of a long one rows are made while they are read.
    pub(super) async fn list(
        &self,
        asked: ListParameters,
        fields: &[FilterField],
        choose: impl FnOnce(&ProxyTelemetry, &ListFilter) -> StreamedList,
    ) -> Result<Response, ApiError> {
        let filter = ListFilter::resolve(&asked, &self.telemetry, fields)?;
        let _queued = self.queued()?;
        let answer_permit = self.answer_permit().await?;
        let begin = || {
            let mut listing = choose(&self.telemetry, &filter);
            let first = listing.piece(&self.telemetry).unwrap_or_default();
            (listing, first)
        };
        let (mut listing, first) = self.throttle.make(begin).await;
        if listing.is_whole() {
            return Ok(whole("application/json", first, answer_permit));
        }
        let (next, pieces) = mpsc::channel(1);
        next.try_send(first).unwrap_or_default();
        let (telemetry, throttle) = (Arc::clone(&self.telemetry), Arc::clone(&self.throttle));
        tokio::spawn(async move {
            while let Ok(room) = next.reserve().await {
                let Some(piece) = throttle.make(|| listing.piece(&telemetry)).await else { break };
                room.send(piece);
            }
            drop(answer_permit);
        });
        Ok(([(header::CONTENT_TYPE, "application/json")], Body::new(PieceBody { pieces })).into_response())
    }

    /// Answers with a stream of what a source says, which is begun once there is a place for it.
    pub(super) fn stream<S: EventSource>(
        &self,
        lease: StreamLease,
        begin: impl FnOnce(&Arc<ProxyTelemetry>) -> Result<S, ApiError>,
    ) -> Result<Response, ApiError> {
        let place = self.streams.take(lease.peer).map_err(|none| {
            self.telemetry.note_refused_stream();
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many streams at once", none.reason())
        })?;
        let source = begin(&self.telemetry)?;
        Ok(stream((source, lease), Arc::clone(&self.telemetry), Arc::clone(&self.throttle), place))
    }

    /// Reads the history: first what stands before its entries, then those, with what the first reading found. On a thread of its own, for a disk may take
    /// its time, and one question at a time.
    pub(super) async fn history<T: Send + 'static>(
        &self,
        begin: impl FnOnce(&HistoryReader) -> Result<(String, T), ApiError> + Send + 'static,
        go_on: impl FnOnce(&HistoryReader, T, &mut dyn FnMut(String) -> bool) + Send + 'static,
    ) -> Result<Response, ApiError> {
        let reader = self.history.clone().ok_or_else(|| {
            let reason = "zoogate was started without state.dir";
            ApiError::new(StatusCode::CONFLICT, "no history is kept", reason)
        })?;
        let queued = self.queued()?;
        // First the turn, then the permit: who waits for the disk takes no place from those who do not need it.
        let turn = Arc::clone(&self.history_turn).acquire_owned().await.map_err(stopping)?;
        let answer_permit = self.answer_permit().await?;
        drop(queued);
        let read = tokio::task::spawn_blocking(move || begin(&reader).map(|head| (head, reader)));
        let ((head, found), reader) = read.await.map_err(|error| {
            let reason = error.to_string();
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the history was not read", reason)
        })??;
        let (next, pieces) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            let mut send = |piece| next.blocking_send(piece).is_ok();
            if send(head) {
                go_on(&reader, found, &mut send);
            }
            drop((turn, answer_permit));
        });
        Ok(([(header::CONTENT_TYPE, "application/json")], Body::new(PieceBody { pieces })).into_response())
    }

    /// A place among those that wait.
    fn queued(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        if self.throttle.is_busy() || self.answer_permits.available_permits() == 0 {
            self.telemetry.note_admin_throttled();
        }
        Arc::clone(&self.queue).try_acquire_owned().map_err(|_| {
            let reason = format!("{REQUESTS_WAITING} requests are waiting already; try again later");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once", reason)
        })
    }

    /// A place among those whose answers are made or on their way.
    async fn answer_permit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        loop {
            match timeout(PATIENCE, Arc::clone(&self.answer_permits).acquire_owned()).await {
                Ok(answer_permit) => return answer_permit.map_err(stopping),
                Err(_) => self.clients.clear_the_way(Instant::now()),
            }
        }
    }
}

fn stopping(_: AcquireError) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "zoogate is shutting down", "it answers no more requests")
}

/// An answer that is there, on its way.
fn whole(kind: &'static str, answer: impl Into<Bytes>, answer_permit: OwnedSemaphorePermit) -> Response {
    let body = WholeBody { bytes: Some(answer.into()), _answer_permit: answer_permit };
    ([(header::CONTENT_TYPE, kind)], Body::new(body)).into_response()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::SlowLogSettings;
    use crate::observe::{TelemetryScope, WallClock};
    use crate::session::ledger::LedgerLimits;
    use crate::time::Timestamp;

    /// What answers are made from where nothing has been seen yet.
    pub(in crate::admin) fn api(access: AdminAccess) -> ApiState {
        let scope = TelemetryScope {
            servers: vec!["zk1:2181".to_owned()],
            workers: 1,
            limits: LedgerLimits::default(),
            series: 0,
            jute_maxbuffer: 0xf_ffff,
            slow_log: SlowLogSettings::default(),
        };
        let (now, control) = (Timestamp::ZERO, Arc::new(ConnectionControl::new(1)));
        let telemetry = Arc::new(ProxyTelemetry::of_scope(&scope, WallClock::start(now), now));
        let listed = Arc::new(RouteList::of(&[], &[]));
        ApiState::new((telemetry, control), None, (AllowedHosts::Local, access), Arc::default(), listed)
    }
}
