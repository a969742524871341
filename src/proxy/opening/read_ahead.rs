//! What a client sends while a server for its claim is looked for, and how it ends.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use super::client_end::{ClientEnd, take_ready, unread_end};
use super::first_frame::READ_AHEAD;
use crate::proxy::network::socket;
use crate::session::connection_end::CloseKind;
use crate::wire::first_frame::ConnectionOpening;
use crate::wire::handshake::ConnectRequest;
use crate::wire::pipelined::PipelinedFrames;

/// Most bytes that are read behind the claim of a client that has ended its side, to see whether it asks for the end of
/// its session: it is waited for then.
pub(crate) const READ_OF_ENDED: usize = 2 * READ_AHEAD;

/// What a client has sent ahead of its server's answer: its claim, and up to [`READ_AHEAD`] bytes behind it.
#[derive(Debug)]
pub(in crate::proxy) struct ReadAhead {
    request: ConnectRequest,
    bytes: Vec<u8>,
    claim_len: usize,
    behind: PipelinedFrames,
    /// Whether the client's end has come, be it behind bytes that are still unread.
    ended: bool,
    /// Whether the client will send nothing more and still waits for what it has asked.
    half_closed: bool,
}

impl ReadAhead {
    /// A claim, which is this many of the bytes that the client has sent so far.
    pub(in crate::proxy) fn new(request: ConnectRequest, (bytes, claim_len): (Vec<u8>, usize)) -> Self {
        let behind = PipelinedFrames::NOTHING;
        let mut this = Self { request, bytes, claim_len, behind, ended: false, half_closed: false };
        this.look_behind();
        this
    }

    /// What the client began with.
    pub(in crate::proxy) fn opening(&self) -> ConnectionOpening {
        ConnectionOpening::Handshake { request: self.request, len: self.claim_len - 4 }
    }

    /// All that the client has sent.
    pub(in crate::proxy) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether what stands behind the claim may be sent to a second server as well.
    pub(in crate::proxy) fn is_repeatable(&self) -> bool {
        self.behind.repeatable
    }

    /// How many bytes, from the claim on, may be sent to a second server as well.
    pub(in crate::proxy) fn repeatable_len(&self) -> usize {
        self.claim_len + self.behind.repeatable_len()
    }

    /// Whether a frame ends behind this many of its bytes, as far as that is known.
    pub(in crate::proxy) fn is_boundary(&self, len: usize) -> bool {
        len == self.repeatable_len() || len == self.claim_len + self.behind.whole_len()
    }

    /// Takes what the client has sent by now, without waiting.
    ///
    /// # Errors
    /// How the client ended, when it is gone by that.
    pub(in crate::proxy) fn catch_up(&mut self, client: &TcpStream) -> Result<(), ClientEnd> {
        self.check_unread(client)?;
        if self.half_closed {
            return Ok(());
        }
        let most = self.bytes.len() + self.room();
        let end = take_ready(client, &mut self.bytes, most);
        self.look_behind();
        match end {
            Some(end) => self.ended_by(end),
            None => self.check_unread(client),
        }
    }

    /// Looks for the end of a client that is not read just now: its side has ended, or it has sent too much.
    ///
    /// # Errors
    /// How the client ended, when it is gone by that.
    pub(in crate::proxy) fn check_unread(&mut self, client: &TcpStream) -> Result<(), ClientEnd> {
        if !self.half_closed && self.room() > 0 {
            return Ok(());
        }
        match unread_end(client) {
            Some(ClientEnd::Broken) => Err(ClientEnd::Broken),
            Some(ClientEnd::Fin) if self.ended && !self.half_closed => self.ended_by(ClientEnd::Fin),
            Some(ClientEnd::Fin) => {
                self.ended = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Waits until the client says more, or ends its side.
    pub(in crate::proxy) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut TcpStream,
    ) -> Poll<Result<(), ClientEnd>> {
        let room = self.room();
        if self.half_closed || room == 0 {
            return Poll::Pending;
        }
        let mut piece = [MaybeUninit::uninit(); 2048];
        let most = room.min(piece.len());
        let mut piece = ReadBuf::uninit(&mut piece[..most]);
        match Pin::new(client).poll_read(cx, &mut piece) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(self.ended_by(match socket::how(&error) {
                CloseKind::Fin => ClientEnd::Fin,
                CloseKind::Reset | CloseKind::Timeout => ClientEnd::Broken,
            })),
            Poll::Ready(Ok(())) if piece.filled().is_empty() => Poll::Ready(self.ended_by(ClientEnd::Fin)),
            Poll::Ready(Ok(())) => {
                self.bytes.extend_from_slice(piece.filled());
                self.look_behind();
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Bytes that may still be read.
    fn room(&self) -> usize {
        let most = if self.ended { READ_OF_ENDED } else { READ_AHEAD };
        (self.claim_len + most).saturating_sub(self.bytes.len())
    }

    fn look_behind(&mut self) {
        self.behind.read_on(&self.bytes[self.claim_len..], self.request.dialect);
    }

    /// The client has ended its side: it is gone, or it waits for what it asked before that.
    fn ended_by(&mut self, end: ClientEnd) -> Result<(), ClientEnd> {
        let asked_behind = self.bytes.len() > self.claim_len;
        let waits = asked_behind && (self.request.session.is_new() || self.behind.closes);
        if end == ClientEnd::Fin && waits {
            self.half_closed = true;
            return Ok(());
        }
        Err(end)
    }
}
