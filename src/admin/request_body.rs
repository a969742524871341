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
}

impl RequestBody {
    pub(super) fn new(body: Incoming, client: Arc<AdminConnection>) -> Self {
        let body = Self { body, client };
        if body.body.is_end_stream() {
            body.client.asked(Instant::now());
        }
        body
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.client.asked(Instant::now());
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
