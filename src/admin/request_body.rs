//! The body of a request, which notes when all of it has come.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::connections::AdminConnection;

/// A body that reports its end. Until then its connection has not asked for anything yet, and may have to make room.
pub(super) struct RequestBody {
    body: Incoming,
    client: Arc<AdminConnection>,
    /// Whether its end was reported.
    told: bool,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, client: Arc<AdminConnection>) -> Self {
        let mut body = Self { body, client, told: false };
        if body.body.is_end_stream() {
            body.tell();
        }
        body
    }

    fn tell(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            self.client.asked(Instant::now());
        }
    }
}

impl Drop for RequestBody {
    /// Whoever answers does not wait for the rest of it.
    fn drop(&mut self) {
        self.tell();
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.tell();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
