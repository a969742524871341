//! Streams of server-sent events: a bounded number, made at the pace of all answers, and cut when nobody reads.
//!
//! A stream asks its source from time to time what there is. It is asked only once everything that it gave before was
//! taken: a reader that is slow gets what its source has kept, and is told how much that dropped. When the token is
//! replaced that it was opened with, a last event `closing` says so.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_core::Stream;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::sleep;

use super::cpu_throttle::CpuThrottle;
use super::stream_lease::StreamLease;
use super::stream_places::StreamPlace;
use super::streamed_list::row_text;
use crate::api::{CLOSING, DroppedEvents, ErrorAnswer};
use crate::observe::ProxyTelemetry;

/// How long a stream says nothing before it says that it is still there.
pub(crate) const STILL_THERE: Duration = Duration::from_secs(10);
/// Events that are handed over and not yet written.
const HANDED_OVER: usize = 16;

/// One event of a stream: its name, and JSON without line breaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct StreamEvent {
    pub(super) name: &'static str,
    pub(super) json: String,
}

/// What a source has to say at one time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct EventBatch {
    /// Oldest first; few enough to be made in a millisecond.
    pub(super) events: Vec<StreamEvent>,
    /// What is missing behind them, because what came before was not read in time.
    pub(super) dropped: u64,
    /// Whether there will be no more.
    pub(super) is_last: bool,
}

/// What a stream tells.
pub(super) trait EventSource: Send + 'static {
    /// How long to wait before it is asked again.
    fn interval(&self) -> Duration;

    /// What there is now. It never waits.
    fn take(&mut self, telemetry: &ProxyTelemetry) -> EventBatch;
}

/// Sends what a source says until it has no more, nobody reads, or who reads may not any longer.
pub(super) fn stream(
    (mut source, lease): (impl EventSource, StreamLease),
    telemetry: Arc<ProxyTelemetry>,
    throttle: Arc<CpuThrottle>,
    place: StreamPlace,
) -> Response {
    let (next, events) = mpsc::channel(HANDED_OVER);
    tokio::spawn(async move {
        loop {
            if lease.is_over() {
                send(&next, closing()).await;
                break;
            }
            let batch = throttle.make(|| source.take(&telemetry)).await;
            let is_last = batch.is_last;
            if !send(&next, batch).await || is_last {
                break;
            }
            tokio::select! {
                () = sleep(source.interval()) => {}
                () = next.closed() => break,
            }
        }
        drop((place, source));
    });
    let keep_alive = KeepAlive::new().interval(STILL_THERE).text("still here");
    Sse::new(EventStream { events }).keep_alive(keep_alive).into_response()
}

/// The end of a stream whose token was replaced.
fn closing() -> EventBatch {
    let answer = ErrorAnswer {
        error: "the token was replaced".into(),
        reason: Some("this stream was opened with one that fits no longer; ask again with the new one".into()),
    };
    let event = StreamEvent { name: CLOSING, json: row_text(&answer) };
    EventBatch { events: vec![event], dropped: 0, is_last: true }
}

/// Hands a batch over; false when nobody takes it.
async fn send(next: &Sender<Event>, batch: EventBatch) -> bool {
    let EventBatch { dropped, events, .. } = batch;
    let told = (dropped > 0).then(|| {
        let json = row_text(&DroppedEvents { dropped });
        StreamEvent { name: "dropped", json }
    });
    for StreamEvent { name, json } in events.into_iter().chain(told) {
        let event = Event::default().event(name).data(json);
        if next.send(event).await.is_err() {
            return false;
        }
    }
    true
}

/// The events of a stream as they are written.
struct EventStream {
    events: Receiver<Event>,
}

impl Stream for EventStream {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(cx).map(|event| event.map(Ok))
    }
}
