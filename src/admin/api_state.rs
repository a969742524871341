//! Where answers are made: a bounded number at a time, and of each no more than is read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::allowed_hosts::AllowedHosts;
use super::answer_body::{PieceBody, WholeBody};
use super::connections::AdminConnections;
use super::cpu_throttle::CpuThrottle;
use super::error::ApiError;
use super::query::ListFilter;
use super::streamed_list::StreamedList;
use crate::api::ListParameters;
use crate::control::ConnectionControl;
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
    clients: Arc<AdminConnections>,
    throttle: Arc<CpuThrottle>,
    answer_permits: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl ApiState {
    pub(super) fn new(
        (telemetry, control): (Arc<ProxyTelemetry>, Arc<ConnectionControl>),
        names: AllowedHosts,
        clients: Arc<AdminConnections>,
    ) -> Self {
        let (answer_permits, queue) =
            (Arc::new(Semaphore::new(ANSWERS_AT_ONCE)), Arc::new(Semaphore::new(REQUESTS_WAITING)));
        Self { telemetry, control, names, clients, throttle: Arc::new(CpuThrottle::new()), answer_permits, queue }
    }

    /// Makes a whole answer at its turn.
    pub(super) async fn whole(
        &self,
        kind: &'static str,
        make: impl FnOnce(&ProxyTelemetry) -> Result<String, ApiError>,
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
        filters: &[&str],
        choose: impl FnOnce(&ProxyTelemetry, &ListFilter) -> StreamedList,
    ) -> Result<Response, ApiError> {
        let filter = ListFilter::resolve(asked, &self.telemetry, filters)?;
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
        let stopping = |_| {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "zoogate is shutting down", "it answers no more requests")
        };
        loop {
            match timeout(PATIENCE, Arc::clone(&self.answer_permits).acquire_owned()).await {
                Ok(answer_permit) => return answer_permit.map_err(stopping),
                Err(_) => self.clients.clear_the_way(Instant::now()),
            }
        }
    }
}

/// An answer that is there, on its way.
fn whole(kind: &'static str, answer: String, answer_permit: OwnedSemaphorePermit) -> Response {
    let body = WholeBody { bytes: Some(Bytes::from(answer)), _answer_permit: answer_permit };
    ([(header::CONTENT_TYPE, kind)], Body::new(body)).into_response()
}
