//! The task of a client: what finds a server for it, and then its relay.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::net::TcpStream;

use super::relay::Relay;

/// A client from its acceptance to its end, in one task.
#[expect(clippy::large_enum_variant, reason = "every client comes to be relayed")]
pub(super) enum CarriedClient<F> {
    /// It has no server yet. Boxed, so that what the handshake needs is given back once it has: a task keeps the room
    /// of the largest thing that it ever was.
    Receiving(Pin<Box<F>>),
    /// It is joined to its server.
    Relaying(Relay<TcpStream, TcpStream>),
}

impl<F: Future<Output = Option<Relay<TcpStream, TcpStream>>>> Future for CarriedClient<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Relaying(relay) => return Pin::new(relay).poll(cx),
                Self::Receiving(receiving) => match ready!(receiving.as_mut().poll(cx)) {
                    Some(relay) => *this = Self::Relaying(relay),
                    None => return Poll::Ready(()),
                },
            }
        }
    }
}
