//! One direction of a relayed connection: read, forward at once, look afterwards.
//!
//! All connections of a thread read into one buffer; a direction owns bytes only while its peer does not take
//! them, and does not read on before they are gone. So an idle connection holds none, and a stuck one holds at
//! most one read.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;

/// Bytes of the read buffer that the connections of a thread share, and so the most that one read brings.
pub(crate) const READ_BUFFER: usize = 64 * 1024;
/// Reads that one direction may do before other connections get their turn.
const READS_PER_TURN: usize = 16;
/// Bytes that one direction may move before other connections get their turn: some tens of microseconds.
pub(crate) const BYTES_PER_TURN: usize = 64 * 1024;
/// The same while more than [`MANY_IN_FLIGHT`] requests are under way: what comes then is small frames, each of which is
/// looked at.
pub(crate) const BYTES_PER_SHORT_TURN: usize = 16 * 1024;
/// Requests in flight on a connection whose turns are shorter.
pub(crate) const MANY_IN_FLIGHT: usize = 256;
/// Bytes by which each turn may be longer than the one before, once there are no longer so many.
const TURN_GROWS_BY: u32 = 512;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into_boxed_slice());
}

/// Where a direction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PipeStage {
    /// Bytes may come.
    Open,
    /// The source has ended. Its end is read behind everything else, so nothing is held any more.
    Ending,
    /// The end was passed on.
    Ended,
}

/// Which of the two sockets failed.
#[derive(Debug)]
pub(in crate::proxy) enum PipeError {
    /// Reading from the source failed.
    Source(io::Error),
    /// Writing to the sink failed.
    Sink(io::Error),
}

/// One direction.
#[derive(Debug)]
pub(in crate::proxy) struct HalfPipe {
    stage: PipeStage,
    /// Bytes that the sink did not take yet, from `start` on; empty (and without memory) otherwise.
    held: Vec<u8>,
    /// 0 <= start <= held.len(), which is what one read brings at most, or what was put in front.
    start: u32,
    /// Most bytes that one read may bring: 1 <= limit <= READ_BUFFER.
    limit: u32,
    /// Bytes that it may move before other connections get their turn.
    turn: u32,
    /// Whether bytes had to be held since that was asked last.
    paused: bool,
}

/// What a turn of a direction came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) enum PipeProgress {
    /// The source has ended and so, by now, has the sink.
    Ended,
    /// The source has ended just now; what it had sent is forwarded or held.
    SourceEnded,
}

impl HalfPipe {
    /// A direction of which a read brings at most `limit` bytes: beside what is put in front, it holds no more for a
    /// sink that takes none.
    pub(in crate::proxy) fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, READ_BUFFER);
        Self {
            stage: PipeStage::Open,
            held: Vec::new(),
            start: 0,
            limit: limit as u32,
            turn: BYTES_PER_TURN as u32,
            paused: false,
        }
    }

    /// Makes its turns as long as others can wait for with so many requests in flight. Where they were many they come in
    /// bursts, so that turns grow again little by little: the next burst begins with none in flight.
    #[inline]
    pub(in crate::proxy) fn set_in_flight(&mut self, requests: usize) {
        self.turn = if requests > MANY_IN_FLIGHT {
            BYTES_PER_SHORT_TURN as u32
        } else {
            (self.turn + TURN_GROWS_BY).min(BYTES_PER_TURN as u32)
        };
    }

    /// Puts bytes in front of what will be read; before the first turn.
    pub(in crate::proxy) fn preload(&mut self, bytes: Vec<u8>) {
        self.held = bytes;
    }

    /// Whether nothing waits for the sink.
    pub(in crate::proxy) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether the sink did not take what was read since this was asked last.
    #[inline]
    pub(in crate::proxy) fn take_pause(&mut self) -> bool {
        mem::take(&mut self.paused)
    }

    /// Whether the source may still send.
    pub(in crate::proxy) fn is_open(&self) -> bool {
        self.stage == PipeStage::Open
    }

    /// Stops for good and drops what is held: the sink is gone.
    pub(in crate::proxy) fn give_up(&mut self) {
        self.stage = PipeStage::Ended;
        self.held = Vec::new();
        self.start = 0;
    }

    /// Moves what can be moved. `look` sees every byte once, after it was offered to the sink.
    ///
    /// # Errors
    /// [`PipeError`], by which the caller learns which side broke; nothing more can be moved then.
    #[inline]
    pub(in crate::proxy) fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut (impl AsyncRead + Unpin),
        sink: &mut (impl AsyncWrite + Unpin),
        look: impl FnMut(&[u8]),
    ) -> Poll<Result<PipeProgress, PipeError>> {
        // What is held comes first, or bytes would change their order. Nothing more is read meanwhile: that is the
        // back-pressure which the source feels.
        if !self.held.is_empty() {
            ready!(self.poll_flush(cx, sink)).map_err(PipeError::Sink)?;
        }
        match self.stage {
            PipeStage::Open => self.poll_move(cx, source, sink, look),
            PipeStage::Ending => {
                // An error here means that the sink is gone already, which is as good as ended.
                let _gone = ready!(Pin::new(sink).poll_shutdown(cx));
                self.stage = PipeStage::Ended;
                Poll::Ready(Ok(PipeProgress::Ended))
            }
            PipeStage::Ended => Poll::Ready(Ok(PipeProgress::Ended)),
        }
    }

    #[inline]
    fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut (impl AsyncRead + Unpin),
        sink: &mut (impl AsyncWrite + Unpin),
        mut look: impl FnMut(&[u8]),
    ) -> Poll<Result<PipeProgress, PipeError>> {
        // One buffer for all connections of a thread, so that an idle one has none. Nothing is awaited while it is
        // borrowed.
        BUFFER.with_borrow_mut(|buffer| {
            let mut moved = 0;
            for _ in 0..READS_PER_TURN {
                let mut space = ReadBuf::new(&mut buffer[..self.limit.min(self.turn) as usize]);
                ready!(Pin::new(&mut *source).poll_read(cx, &mut space)).map_err(PipeError::Source)?;
                let bytes = space.filled();
                if bytes.is_empty() {
                    // Only the source has ended. The sink learns of it at the next turn, after everything that was
                    // sent before.
                    self.stage = PipeStage::Ending;
                    return Poll::Ready(Ok(PipeProgress::SourceEnded));
                }
                let sent = match Pin::new(&mut *sink).poll_write(cx, bytes) {
                    Poll::Ready(Ok(sent)) => sent,
                    Poll::Ready(Err(error)) => {
                        // Looked at all the same: what the source sent is part of the evidence, although the sink did
                        // not take it.
                        look(bytes);
                        return Poll::Ready(Err(PipeError::Sink(error)));
                    }
                    Poll::Pending => 0,
                };
                look(bytes);
                if sent < bytes.len() {
                    // The only copy on the way, and only for a sink that is slower than its source.
                    self.held.extend_from_slice(&bytes[sent..]);
                    self.paused = true;
                    ready!(self.poll_flush(cx, sink)).map_err(PipeError::Sink)?;
                }
                moved += bytes.len();
                if moved >= self.turn as usize {
                    break;
                }
            }
            // This connection has more to move. It goes on behind the others, so that a flood on one delays none of
            // them for long.
            let_others_go_first(cx);
            Poll::Pending
        })
    }

    /// Writes what is held and gives its memory back when all is gone.
    fn poll_flush(&mut self, cx: &mut Context<'_>, sink: &mut (impl AsyncWrite + Unpin)) -> Poll<io::Result<()>> {
        while (self.start as usize) < self.held.len() {
            self.start += ready!(Pin::new(&mut *sink).poll_write(cx, &self.held[self.start as usize..]))? as u32;
        }
        self.held = Vec::new();
        self.start = 0;
        Poll::Ready(Ok(()))
    }
}

/// Has the task polled again behind everything that can run now, and behind what the sockets report by then:
/// a task that merely woke itself would be polled again before the sockets are polled.
#[cold]
fn let_others_go_first(cx: &mut Context<'_>) {
    // Asked once, it has the task woken when the sockets were looked at.
    let _later = pin!(yield_now()).poll(cx);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::proxy::relay::relay_stream::RelayStream;
    use crate::proxy::relay::relay_stream::tests::{OverTcp, StreamKind, over_both_kinds};

    over_both_kinds! {
        a_turn_is_as_many_reads_as_others_can_wait_for_and_each_as_long_as_allowed
        a_turn_moves_as_many_bytes_as_others_can_wait_for
        what_was_held_goes_out_first_and_leaves_no_memory_behind
        a_sink_that_takes_no_more_is_a_pause_once_and_its_source_is_not_read_on
        what_a_broken_sink_did_not_take_is_looked_at_too
    }

    /// A turn of a direction, and the pieces that were looked at.
    async fn turn(
        pipe: &mut HalfPipe,
        source: &mut impl RelayStream,
        sink: &mut impl RelayStream,
    ) -> (Poll<Result<PipeProgress, PipeError>>, Vec<Vec<u8>>) {
        // Others have their turn first, the kernel's news among them.
        yield_now().await;
        let mut pieces = Vec::new();
        let came_to =
            poll_fn(|cx| Poll::Ready(pipe.poll_turn(cx, source, sink, |bytes| pieces.push(bytes.to_vec())))).await;
        (came_to, pieces)
    }

    async fn a_turn_is_as_many_reads_as_others_can_wait_for_and_each_as_long_as_allowed<K: StreamKind>() {
        const LIMIT: usize = 7;
        let ((mut client, mut source), (mut sink, mut server)) = (K::pair().await, K::pair().await);
        let mut pipe = HalfPipe::new(LIMIT);
        let said: Vec<u8> = (0..=255).collect();
        client.write_all(&said).await.unwrap();
        let mut looked_at = Vec::new();
        while looked_at.len() < said.len() {
            let (_, pieces) = turn(&mut pipe, &mut source, &mut sink).await;
            assert!(pieces.len() <= READS_PER_TURN, "{} reads", pieces.len());
            assert!(pieces.iter().all(|piece| piece.len() <= LIMIT), "{pieces:?}");
            looked_at.extend(pieces.concat());
        }
        let mut heard = vec![0; said.len()];
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!((&looked_at, &heard), (&said, &said));
    }

    async fn a_turn_moves_as_many_bytes_as_others_can_wait_for<K: StreamKind>() {
        const SAID: usize = 4 * BYTES_PER_TURN;
        for (in_flight, most) in [(MANY_IN_FLIGHT, BYTES_PER_TURN), (MANY_IN_FLIGHT + 1, BYTES_PER_SHORT_TURN)] {
            let ((mut client, mut source), (mut sink, mut server)) = (K::pair().await, K::pair().await);
            let saying = tokio::spawn(async move { client.write_all(&vec![5; SAID]).await });
            let reading = tokio::spawn(async move { server.read_exact(&mut vec![0; SAID]).await.map(drop) });
            let mut pipe = HalfPipe::new(READ_BUFFER);
            pipe.set_in_flight(in_flight);
            let mut looked_at = 0;
            while looked_at < SAID {
                let (_, pieces) = turn(&mut pipe, &mut source, &mut sink).await;
                let moved: usize = pieces.iter().map(Vec::len).sum();
                assert!(pieces.iter().all(|piece| piece.len() <= most), "a read of more than {most} bytes");
                assert!(moved < 2 * most, "{moved} bytes in one turn with {in_flight} requests in flight");
                looked_at += moved;
            }
            saying.await.unwrap().unwrap();
            reading.await.unwrap().unwrap();
        }
    }

    #[test]
    fn turns_grow_little_by_little_behind_a_burst() {
        let mut pipe = HalfPipe::new(READ_BUFFER);
        pipe.set_in_flight(MANY_IN_FLIGHT + 1);
        // The burst is answered, and the next one comes a few turns later.
        (0..8).for_each(|_| pipe.set_in_flight(0));
        assert!(pipe.turn as usize <= BYTES_PER_SHORT_TURN + BYTES_PER_SHORT_TURN / 4);
        (0..100).for_each(|_| pipe.set_in_flight(0));
        assert_eq!(pipe.turn as usize, BYTES_PER_TURN, "what moves much data is given room again");
    }

    /// A relay that has much to move is not polled again before the sockets are looked at: whoever waits for news
    /// from there waits for one round of those, however many rounds they still have to go.
    #[tokio::test]
    async fn who_has_much_to_move_goes_behind_the_news_of_the_sockets() {
        let (mut told, mut listening) = OverTcp::pair().await;
        let turns = Cell::new(0);
        let busy = async {
            poll_fn(|cx| {
                turns.set(turns.get() + 1);
                if turns.get() == 1 {
                    // The news is there from now on.
                    socket2::SockRef::from(&told).send(&[1]).unwrap();
                }
                let_others_go_first(cx);
                if turns.get() < 10_000 { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            told.shutdown().await.unwrap();
        };
        let heard = async {
            listening.read_exact(&mut [0]).await.unwrap();
            turns.get()
        };
        let ((), heard_after) = tokio::join!(busy, heard);
        assert!(heard_after < 10, "the news was heard after {heard_after} turns of others");
    }

    async fn what_was_held_goes_out_first_and_leaves_no_memory_behind<K: StreamKind>() {
        let ((mut client, mut source), (mut sink, mut server)) = (K::pair().await, K::pair().await);
        let mut pipe = HalfPipe::new(READ_BUFFER);
        pipe.preload(vec![1; 1000]);
        client.write_all(&[2; 1000]).await.unwrap();
        client.shutdown().await.unwrap();
        while !matches!(turn(&mut pipe, &mut source, &mut sink).await.0, Poll::Ready(Ok(PipeProgress::Ended))) {}
        assert_eq!(pipe.held.capacity(), 0);
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, [[1; 1000], [2; 1000]].concat());
    }

    async fn a_sink_that_takes_no_more_is_a_pause_once_and_its_source_is_not_read_on<K: StreamKind>() {
        let ((mut client, mut source), (mut sink, _server)) = (K::pair().await, K::pair().await);
        let mut pipe = HalfPipe::new(READ_BUFFER);
        while pipe.is_empty() {
            assert!(!pipe.take_pause());
            client.write_all(&[3; 4096]).await.unwrap();
            let (came_to, _) = turn(&mut pipe, &mut source, &mut sink).await;
            assert!(came_to.is_pending());
        }
        assert!(pipe.take_pause());
        client.write_all(&[3; 4096]).await.unwrap();
        for _ in 0..10 {
            let (came_to, pieces) = turn(&mut pipe, &mut source, &mut sink).await;
            assert!(came_to.is_pending() && pieces.is_empty(), "{pieces:?}");
            assert!(!pipe.take_pause(), "what still waits is counted as if it had come anew");
        }
    }

    async fn what_a_broken_sink_did_not_take_is_looked_at_too<K: StreamKind>() {
        let ((mut client, mut source), (mut sink, server)) = (K::pair().await, K::pair().await);
        server.abort();
        let mut pipe = HalfPipe::new(READ_BUFFER);
        let (mut said, mut looked_at) = (Vec::new(), Vec::new());
        loop {
            client.write_all(&[7]).await.unwrap();
            said.push(7);
            let (came_to, pieces) = turn(&mut pipe, &mut source, &mut sink).await;
            looked_at.extend(pieces.concat());
            if let Poll::Ready(Err(error)) = came_to {
                assert!(matches!(error, PipeError::Sink(_)), "{error:?}");
                break;
            }
        }
        assert!(!looked_at.is_empty());
        // What the kernel has not handed over yet cannot be seen.
        let mut unread = Vec::new();
        drop(client);
        source.read_to_end(&mut unread).await.unwrap();
        assert_eq!(looked_at.len() + unread.len(), said.len());
    }
}
