//! One direction of a relayed connection: read, forward at once, look afterwards.
//!
//! All connections of a thread read into one buffer; a direction owns bytes only while its peer does not take
//! them, and does not read on before they are gone. So an idle connection holds none, and a stuck one holds at
//! most one read.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes of the read buffer that the connections of a thread share, and so the most that one read brings.
pub(super) const READ_BUFFER: usize = 64 * 1024;
/// Reads that one direction may do before other connections get their turn.
const READS_PER_TURN: usize = 16;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into_boxed_slice());
}

/// Where a direction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Bytes may come.
    Open,
    /// The source has ended; what is held goes out first.
    Ending,
    /// The end was passed on.
    Ended,
}

/// Which of the two sockets failed.
#[derive(Debug)]
pub(super) enum PipeError {
    /// Reading from the source failed.
    Source(io::Error),
    /// Writing to the sink failed.
    Sink(io::Error),
}

/// One direction.
#[derive(Debug)]
pub(super) struct HalfPipe {
    stage: Stage,
    /// Bytes that the sink did not take yet, from `start` on; empty (and without memory) otherwise.
    held: Vec<u8>,
    /// 0 <= start <= held.len()
    start: usize,
    /// Most bytes that one read may bring: 1 <= limit <= READ_BUFFER.
    limit: usize,
    /// Whether bytes had to be held since that was asked last.
    paused: bool,
}

/// What a turn of a direction came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// The source has ended and so, by now, has the sink.
    Ended,
    /// The source has ended just now; what it had sent is forwarded or held.
    SourceEnded,
}

impl HalfPipe {
    /// A direction of which a read brings at most `limit` bytes: beside what is put in front, it holds no more for a
    /// sink that takes none.
    pub(super) fn new(limit: usize) -> Self {
        Self { stage: Stage::Open, held: Vec::new(), start: 0, limit: limit.clamp(1, READ_BUFFER), paused: false }
    }

    /// Puts bytes in front of what will be read.
    pub(super) fn preload(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Whether nothing waits for the sink.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether the sink did not take what was read since this was asked last.
    #[inline]
    pub(super) fn take_pause(&mut self) -> bool {
        mem::take(&mut self.paused)
    }

    /// Whether the source may still send.
    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether the source has ended and nothing waits for the sink: to close the sink is all that is left.
    pub(super) fn is_spent(&self) -> bool {
        self.stage != Stage::Open && self.held.is_empty()
    }

    /// Stops for good and drops what is held: the sink is gone.
    pub(super) fn give_up(&mut self) {
        self.stage = Stage::Ended;
        self.held = Vec::new();
        self.start = 0;
    }

    /// Moves what can be moved. `look` sees every byte once, after it was offered to the sink.
    ///
    /// # Errors
    /// [`PipeError`], by which the caller learns which side broke; nothing more can be moved then.
    #[inline]
    pub(super) fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        look: impl FnMut(&[u8]),
    ) -> Poll<Result<Turn, PipeError>> {
        if !self.held.is_empty() {
            ready!(self.poll_flush(cx, sink)).map_err(PipeError::Sink)?;
        }
        match self.stage {
            Stage::Open => self.poll_move(cx, source, sink, look),
            Stage::Ending => {
                // An error here means that the sink is gone already, which is as good as ended.
                let _gone = ready!(Pin::new(sink).poll_shutdown(cx));
                self.stage = Stage::Ended;
                Poll::Ready(Ok(Turn::Ended))
            }
            Stage::Ended => Poll::Ready(Ok(Turn::Ended)),
        }
    }

    #[inline]
    fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        mut look: impl FnMut(&[u8]),
    ) -> Poll<Result<Turn, PipeError>> {
        BUFFER.with_borrow_mut(|buffer| {
            for _ in 0..READS_PER_TURN {
                let mut space = ReadBuf::new(&mut buffer[..self.limit]);
                ready!(Pin::new(&mut *source).poll_read(cx, &mut space)).map_err(PipeError::Source)?;
                let bytes = space.filled();
                if bytes.is_empty() {
                    self.stage = Stage::Ending;
                    return Poll::Ready(Ok(Turn::SourceEnded));
                }
                let sent = match Pin::new(&mut *sink).poll_write(cx, bytes) {
                    Poll::Ready(Ok(sent)) => sent,
                    Poll::Ready(Err(error)) => {
                        look(bytes);
                        return Poll::Ready(Err(PipeError::Sink(error)));
                    }
                    Poll::Pending => 0,
                };
                look(bytes);
                if sent < bytes.len() {
                    self.held.extend_from_slice(&bytes[sent..]);
                    self.paused = true;
                    ready!(self.poll_flush(cx, sink)).map_err(PipeError::Sink)?;
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// Writes what is held and gives its memory back when all is gone.
    fn poll_flush(&mut self, cx: &mut Context<'_>, sink: &mut TcpStream) -> Poll<io::Result<()>> {
        while self.start < self.held.len() {
            self.start += ready!(Pin::new(&mut *sink).poll_write(cx, &self.held[self.start..]))?;
        }
        self.held = Vec::new();
        self.start = 0;
        Poll::Ready(Ok(()))
    }
}
