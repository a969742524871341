//! What one worker thread counts about one server, by operation.
//!
//! Written by the worker that owns it and by no other, hence without locked instructions; a reader adds the
//! workers up. Tables are indexed by [`OpCode::slot`] and [`ErrorCode::slot`]; what is rare is allocated when it
//! is first seen.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::histogram::LatencyHistogram;
use super::histogram_snapshot::HistogramSnapshot;
use super::single_writer_counter::SingleWriterCounter;
use crate::state::AnsweredWork;
use crate::wire::{ErrorCode, OpClass, OpCode};

/// Names of the sizes from which on frames are counted as large: half of the servers' limit, nine tenths of it,
/// the limit itself, and the limit of older clients and of Kafka's.
pub const LARGE_SIZES: [&str; 4] = ["half", "nine_tenths", "limit", "4_mib"];

/// Watch events by type on the wire; the first place is for types that we do not know.
pub const EVENT_TYPES: [&str; 5] = ["unknown", "created", "deleted", "data_changed", "children_changed"];

/// Which way a frame went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Direction {
    /// From client to server.
    Request,
    /// From server to client.
    Reply,
}

impl Direction {
    /// Both.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in labels.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// Counts of one operation. One cache line, so that counting a reply touches one beside the histogram's.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct OpCounters {
    operations: SingleWriterCounter,
    request_bytes: SingleWriterCounter,
    reply_bytes: SingleWriterCounter,
    latency: LatencyHistogram,
    errors: OnceLock<Box<[SingleWriterCounter; ErrorCode::SLOTS]>>,
}

impl OpCounters {
    /// Counts replies and the requests that they answer; sizes are of whole frames in bytes.
    #[inline]
    pub fn count(&self, replies: u64, request_bytes: u64, reply_bytes: u64) {
        self.operations.add(replies);
        self.request_bytes.add(request_bytes);
        self.reply_bytes.add(reply_bytes);
    }

    /// Records how long this many replies took, in nanoseconds.
    #[inline]
    pub fn record_latency(&self, nanos: u64, replies: u64) {
        self.latency.record_many(nanos, replies);
    }

    /// Counts an error code.
    pub fn count_error(&self, error: ErrorCode) {
        let errors = self.errors.get_or_init(|| Box::new([const { SingleWriterCounter::new() }; ErrorCode::SLOTS]));
        errors[error.slot()].add(1);
    }

    /// Replies.
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// Bytes of frames in a direction, their lengths included.
    pub fn bytes(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Request => self.request_bytes.get(),
            Direction::Reply => self.reply_bytes.get(),
        }
    }

    /// A copy of the latencies.
    pub fn latency(&self) -> HistogramSnapshot {
        self.latency.snapshot()
    }

    /// Their longest latency, in nanoseconds.
    pub fn slowest(&self) -> u64 {
        self.latency.max()
    }

    /// The codes that were seen, as [`ErrorCode::slot`], with how often.
    pub fn errors(&self) -> impl Iterator<Item = (usize, u64)> {
        let errors = self.errors.get().map(|errors| errors.iter()).into_iter().flatten();
        errors.map(SingleWriterCounter::get).enumerate().filter(|(_, count)| *count > 0)
    }
}

/// Everything that one worker counts about one server.
#[derive(Debug)]
pub struct ServerCounters {
    ops: [OpCounters; OpCode::SLOTS],
    events: [SingleWriterCounter; EVENT_TYPES.len()],
    /// In bytes, in the order of [`LARGE_SIZES`].
    large_from: [u32; LARGE_SIZES.len()],
    large: [[SingleWriterCounter; LARGE_SIZES.len()]; 2],
    largest: [SingleWriterCounter; 2],
    untracked: SingleWriterCounter,
    pauses: [SingleWriterCounter; 2],
    claim_waits: LatencyHistogram,
    blocks: [SingleWriterCounter; 2],
    /// Decisions are made by that, and not by what is counted here.
    work: Arc<AnsweredWork>,
}

impl Default for ServerCounters {
    /// For servers with the limit that they have when it is not configured: 0xfffff bytes (protocol.md §1.5).
    fn default() -> Self {
        Self::new(0xf_ffff, Arc::default())
    }
}

impl ServerCounters {
    /// Nothing counted yet. `jute_maxbuffer` is the servers' limit for a frame, in bytes; `work` is where it is noted that
    /// this server answers.
    pub fn new(jute_maxbuffer: u32, work: Arc<AnsweredWork>) -> Self {
        Self {
            ops: std::array::from_fn(|_| OpCounters::default()),
            events: Default::default(),
            large_from: [jute_maxbuffer / 2, jute_maxbuffer / 10 * 9, jute_maxbuffer, 4 << 20],
            large: Default::default(),
            largest: Default::default(),
            untracked: SingleWriterCounter::new(),
            pauses: Default::default(),
            claim_waits: LatencyHistogram::default(),
            blocks: Default::default(),
            work,
        }
    }

    /// Notes that the server has answered operations of this class.
    #[inline]
    pub fn note_work(&self, class: OpClass) {
        self.work.note(class);
    }

    /// The counts of an operation; those that we do not know share one place.
    #[inline]
    pub fn op(&self, op: OpCode) -> &OpCounters {
        &self.ops[op.slot()]
    }

    /// The counts of all operations, by [`OpCode::slot`].
    pub fn ops(&self) -> &[OpCounters; OpCode::SLOTS] {
        &self.ops
    }

    /// Looks at a frame's length in bytes and counts it when it is near a limit.
    #[inline]
    pub fn note_frame(&self, direction: Direction, len: u32) {
        if len >= self.large_from[0] {
            self.count_large(direction, len);
        }
    }

    #[cold]
    fn count_large(&self, direction: Direction, len: u32) {
        for (count, from) in self.large[direction as usize].iter().zip(self.large_from) {
            count.add(u64::from(len >= from));
        }
        self.largest[direction as usize].raise(u64::from(len));
    }

    /// How many frames in a direction were at least as long as each of [`LARGE_SIZES`].
    pub fn large_frames(&self, direction: Direction) -> [u64; LARGE_SIZES.len()] {
        self.large[direction as usize].each_ref().map(SingleWriterCounter::get)
    }

    /// Length in bytes of the longest of the large frames in a direction; 0 when there was none.
    pub fn largest_frame(&self, direction: Direction) -> u64 {
        self.largest[direction as usize].get()
    }

    /// Counts a watch event of the given type.
    pub fn count_event(&self, kind: i32) {
        let place = usize::try_from(kind).ok().filter(|place| *place < EVENT_TYPES.len()).unwrap_or(0);
        self.events[place].add(1);
    }

    /// Counts a request that found no room among those in flight.
    pub fn count_untracked(&self) {
        self.untracked.add(1);
    }

    /// Requests that were not followed because too many were in flight.
    pub fn untracked(&self) -> u64 {
        self.untracked.get()
    }

    /// Counts that a direction's source was not read on because its sink took no more.
    pub fn count_pause(&self, direction: Direction) {
        self.pauses[direction as usize].add(1);
    }

    /// How often a direction's source was not read on.
    pub fn pauses(&self, direction: Direction) -> u64 {
        self.pauses[direction as usize].get()
    }

    /// Counts blocks of a compressed conversation.
    pub fn count_blocks(&self, direction: Direction, blocks: u32) {
        self.blocks[direction as usize].add(u64::from(blocks));
    }

    /// Blocks of compressed conversations in a direction.
    pub fn blocks(&self, direction: Direction) -> u64 {
        self.blocks[direction as usize].get()
    }

    /// Records how long a client waited for its claim to be taken by this server.
    pub fn record_claim_wait(&self, waited: Duration) {
        self.claim_waits.record_many(waited.as_nanos() as u64, 1);
    }

    /// A copy of how long clients waited, in nanoseconds.
    pub fn claim_waits(&self) -> HistogramSnapshot {
        self.claim_waits.snapshot()
    }

    /// Watch events, in the order of [`EVENT_TYPES`].
    pub fn events(&self) -> [u64; EVENT_TYPES.len()] {
        self.events.each_ref().map(SingleWriterCounter::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_fits_into_a_cache_line() {
        assert_eq!(size_of::<OpCounters>(), 64);
    }

    #[test]
    fn errors_are_counted_by_operation_and_code() {
        let counters = ServerCounters::default();
        counters.op(OpCode::EXISTS).count_error(ErrorCode::NO_NODE);
        counters.op(OpCode::EXISTS).count_error(ErrorCode::NO_NODE);
        counters.op(OpCode::CREATE).count_error(ErrorCode(-4711));
        let named = |op: OpCode| -> Vec<_> {
            counters.op(op).errors().map(|(slot, count)| (ErrorCode::slot_name(slot), count)).collect()
        };
        assert_eq!(named(OpCode::EXISTS), [("NONODE", 2)]);
        assert_eq!(named(OpCode::CREATE), [("unknown", 1)]);
        assert_eq!(named(OpCode::GET_DATA), []);
    }

    #[test]
    fn large_frames_are_counted_from_each_limit_on() {
        let counters = ServerCounters::new(1000, Arc::default());
        for len in [100, 499, 500, 1001, 1000] {
            counters.note_frame(Direction::Reply, len);
        }
        assert_eq!(counters.large_frames(Direction::Reply), [3, 2, 2, 0]);
        assert_eq!(counters.largest_frame(Direction::Reply), 1001);
        assert_eq!(counters.large_frames(Direction::Request), [0; 4]);
    }

    #[test]
    fn event_types_that_are_unknown_share_a_place() {
        let counters = ServerCounters::default();
        for kind in [1, 3, 3, 4, 0, -1, 99] {
            counters.count_event(kind);
        }
        assert_eq!(counters.events(), [3, 1, 0, 2, 1]);
    }
}
