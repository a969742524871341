//! Where answers are made: a bounded number at a time, and of each no more than is read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::answer_body::{PieceBody, WholeBody};
use super::error::Refusal;
use super::guests::Guests;
use super::host::Names;
use super::listing::Listing;
use super::pace::Pace;
use super::query::{Filter, ListQuery};
use crate::observe::Observatory;

/// Answers that are made or on their way at one time; whoever asks then waits.
pub(crate) const TRAYS: usize = 8;
/// Requests that wait for their answer; further ones are refused.
pub(crate) const WAITING: usize = 32;
/// How long a request waits before a guest that does not read its answer has to leave.
const PATIENCE: Duration = Duration::from_secs(1);

/// What every answer is made from.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) observatory: Arc<Observatory>,
    pub(super) names: Names,
    guests: Arc<Guests>,
    pace: Arc<Pace>,
    trays: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn new(observatory: Arc<Observatory>, names: Names, guests: Arc<Guests>) -> Self {
        let (trays, queue) = (Arc::new(Semaphore::new(TRAYS)), Arc::new(Semaphore::new(WAITING)));
        Self { observatory, names, guests, pace: Arc::new(Pace::new()), trays, queue }
    }

    /// Makes a whole answer at its turn.
    pub(super) async fn whole(
        &self,
        kind: &'static str,
        make: impl FnOnce(&Observatory) -> Result<String, Refusal>,
    ) -> Result<Response, Refusal> {
        let _queued = self.queued()?;
        let tray = self.tray().await?;
        let answer = self.pace.make(|| make(&self.observatory)).await?;
        Ok(whole(kind, answer, tray))
    }

    /// Chooses what is in a list at its turn; of a long one rows are made while they are read.
    pub(super) async fn list(
        &self,
        query: ListQuery,
        filters: &[&str],
        choose: impl FnOnce(&Observatory, &Filter) -> Listing,
    ) -> Result<Response, Refusal> {
        let filter = query.resolve(&self.observatory, filters)?;
        let _queued = self.queued()?;
        let tray = self.tray().await?;
        let begin = || {
            let mut listing = choose(&self.observatory, &filter);
            let first = listing.piece(&self.observatory).unwrap_or_default();
            (listing, first)
        };
        let (mut listing, first) = self.pace.make(begin).await;
        if listing.is_whole() {
            return Ok(whole("application/json", first, tray));
        }
        let (next, pieces) = mpsc::channel(1);
        next.try_send(first).unwrap_or_default();
        let (observatory, pace) = (Arc::clone(&self.observatory), Arc::clone(&self.pace));
        tokio::spawn(async move {
            while let Ok(room) = next.reserve().await {
                let Some(piece) = pace.make(|| listing.piece(&observatory)).await else { break };
                room.send(piece);
            }
            drop(tray);
        });
        Ok(([(header::CONTENT_TYPE, "application/json")], Body::new(PieceBody { pieces })).into_response())
    }

    /// A place among those that wait.
    fn queued(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        if self.pace.is_busy() || self.trays.available_permits() == 0 {
            self.observatory.note_admin_wait();
        }
        Arc::clone(&self.queue).try_acquire_owned().map_err(|_| {
            let reason = format!("{WAITING} requests are waiting already; try again later");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once", reason)
        })
    }

    /// A place among those whose answers are made or on their way.
    async fn tray(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let stopping = |_| {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "zoogate is shutting down", "it answers no more requests")
        };
        loop {
            match timeout(PATIENCE, Arc::clone(&self.trays).acquire_owned()).await {
                Ok(tray) => return tray.map_err(stopping),
                Err(_) => self.guests.clear_the_way(Instant::now()),
            }
        }
    }
}

/// An answer that is there, on its way.
fn whole(kind: &'static str, answer: String, tray: OwnedSemaphorePermit) -> Response {
    let body = WholeBody { bytes: Some(Bytes::from(answer)), _tray: tray };
    ([(header::CONTENT_TYPE, kind)], Body::new(body)).into_response()
}
