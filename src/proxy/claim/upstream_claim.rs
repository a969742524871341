//! One claim at one server: the connection that carries it, from its first byte to the server's answer.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::control::RegisteredConnection;
use crate::ids::{ConnectionId, ServerId};
use crate::proxy::network::socket;
use crate::proxy::relay::live_sink::LiveInspector;
use crate::session::connection_end::CloseKind;
use crate::time::Timestamp;
use crate::wire::handshake::{ConnectResponse, FirstAnswer, may_pass_on, read_answer};

/// Bytes of an answer that are read at once; a ConnectResponse has 41.
const ANSWER: usize = 512;

/// Most bytes that are read of a server before it counts as having answered.
const MOST_ANSWER: usize = 4096;
/// The length of an answer to credentials: a reply's header and nothing else.
const CREDENTIALS: [u8; 4] = 16_u32.to_be_bytes();

/// A claim that waits for its answer.
pub(in crate::proxy) struct UpstreamClaim {
    /// The server.
    pub(in crate::proxy) server: ServerId,
    /// When it was sent.
    pub(in crate::proxy) sent_at: Timestamp,
    /// Its place in the registry, while its client waits for it.
    pub(in crate::proxy) registered: Option<RegisteredConnection>,
    /// The connection to the server.
    pub(in crate::proxy) stream: TcpStream,
    /// What was understood of it so far.
    pub(in crate::proxy) inspector: Box<LiveInspector>,
    /// What the server said so far; the client has seen none of it yet.
    pub(in crate::proxy) answer: Vec<u8>,
    /// How many of the bytes to send are sent.
    pub(in crate::proxy) sent: usize,
}

/// The outcome of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClaimEvent {
    /// The server has answered: what it said so far is for the client.
    Answered,
    /// It has answered as that says; only those who wait for more than the first bytes are told.
    AnsweredWith(ConnectResponse),
    /// The connection has ended without an answer.
    Ended(CloseKind),
}

impl ClaimEvent {
    fn of(answer: FirstAnswer) -> Self {
        match answer {
            FirstAnswer::Handshake(response) => Self::AnsweredWith(response),
            FirstAnswer::SomethingElse => Self::Answered,
        }
    }
}

impl UpstreamClaim {
    /// A claim on a connection that was just made.
    pub(in crate::proxy) fn new(
        server: ServerId,
        now: Timestamp,
        stream: TcpStream,
        inspector: Box<LiveInspector>,
        registered: RegisteredConnection,
    ) -> Self {
        let registered = Some(registered);
        Self { server, sent_at: now, registered, stream, inspector, answer: Vec::with_capacity(ANSWER), sent: 0 }
    }

    /// Its connection's number.
    pub(in crate::proxy) fn connection(&self) -> ConnectionId {
        self.inspector.sink().connection()
    }

    /// Sends what can be sent of `outgoing` (all that the client has sent so far) and reads until it is clear whether
    /// the answer is for the client, without waiting for more of it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, outgoing: &[u8]) -> Poll<ClaimEvent> {
        self.poll_until(cx, outgoing, |answer| {
            if may_pass_on(answer)? { Some(ClaimEvent::Answered) } else { read_answer(answer).map(ClaimEvent::of) }
        })
    }

    /// As [`poll`](Self::poll), until the whole answer is there. A Netty server may answer credentials first.
    pub(super) fn poll_whole(&mut self, cx: &mut Context<'_>, outgoing: &[u8]) -> Poll<ClaimEvent> {
        self.poll_until(cx, outgoing, |mut answer| {
            while let Some((length, _)) = answer.split_first_chunk::<4>().filter(|(length, _)| **length == CREDENTIALS)
            {
                answer = answer.get(4 + u32::from_be_bytes(*length) as usize..)?;
            }
            read_answer(answer).map(ClaimEvent::of)
        })
    }

    fn poll_until(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &[u8],
        told: impl Fn(&[u8]) -> Option<ClaimEvent>,
    ) -> Poll<ClaimEvent> {
        if let Poll::Ready(Err(error)) = self.poll_send(cx, outgoing) {
            return Poll::Ready(ClaimEvent::Ended(socket::how(&error)));
        }
        loop {
            let mut piece = [MaybeUninit::uninit(); ANSWER];
            let mut piece = ReadBuf::uninit(&mut piece);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece)) {
                Ok(()) if piece.filled().is_empty() => return Poll::Ready(ClaimEvent::Ended(CloseKind::Fin)),
                Ok(()) => self.answer.extend_from_slice(piece.filled()),
                Err(error) => return Poll::Ready(ClaimEvent::Ended(socket::how(&error))),
            }
            if self.answer.len() > MOST_ANSWER {
                return Poll::Ready(ClaimEvent::Answered);
            }
            if let Some(event) = told(&self.answer) {
                return Poll::Ready(event);
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, outgoing: &[u8]) -> Poll<io::Result<()>> {
        while self.sent < outgoing.len() {
            self.sent += ready!(Pin::new(&mut self.stream).poll_write(cx, &outgoing[self.sent..]))?;
        }
        Poll::Ready(Ok(()))
    }
}
