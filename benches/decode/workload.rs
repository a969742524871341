//! A conversation that the bench and the cost tests look at: `getData` of a Kafka partition state, over and over.
//!
//! Its bytes arrive as a relay sees them: one chunk with all requests that are in flight, one with all their
//! replies. What is measured is decoding, matching and recording, all that an operation costs beside its sockets.

use std::sync::Arc;
use zoogate::observe::Recorder;
use zoogate::session::Inspector;
use zoogate::session::event::{Event, EventSink, InspectedTurn};
use zoogate::time::Timestamp;
use zoogate::wire::{ErrorCode, JuteWriter, OpCode};

/// `jute.maxbuffer` of servers unless it is configured.
const MAX_BUFFER: u32 = 0xf_ffff;
/// As long as Kafka's paths are.
const PATH: &str = "/kafka/brokers/topics/orders/partitions/17/state";
/// As long as Kafka's partition states are.
const STATE_BYTES: usize = 120;
/// Nanoseconds between two rounds.
const PAUSE: u64 = 100_000;

/// Counts as the live program does, without a ledger behind.
struct Counting(Recorder);

impl EventSink for Counting {
    #[inline]
    fn on_time(&mut self, now: Timestamp) {
        self.0.set_time(now);
    }

    #[expect(clippy::inline_always, reason = "as the live program's")]
    #[inline(always)]
    fn on_event(&mut self, event: Event<'_>) {
        self.0.record(&event);
    }

    #[inline]
    fn on_turn(&mut self, turn: InspectedTurn) {
        self.0.write_turn(turn);
    }
}

/// One connection with `depth` requests in flight in every round.
pub(crate) struct Workload {
    inspector: Inspector<Counting>,
    requests: Vec<u8>,
    replies: Vec<u8>,
    now: Timestamp,
}

impl Workload {
    /// A connection whose handshake is over.
    pub(crate) fn new(depth: i32) -> Self {
        let hello = JuteWriter::new().begin().int(0).long(0).int(18_000).long(0).buffer(&[0; 16]).bool(false).end();
        let welcome = JuteWriter::new().begin().int(0).int(18_000).long(1 << 56).buffer(&[7; 16]).bool(false).end();
        let (mut requests, mut replies) = (JuteWriter::new(), JuteWriter::new());
        for xid in 1..=depth {
            requests = requests.request(xid, OpCode::GET_DATA).buffer(PATH.as_bytes()).bool(false).end();
            replies = replies.reply(xid, 4711, ErrorCode::OK).buffer(&[b'z'; STATE_BYTES]);
            replies = replies.stat(17, 3, 0, STATE_BYTES as i32).end();
        }
        let mut workload = Self {
            inspector: Inspector::new(MAX_BUFFER, Counting(Recorder::new(Arc::default(), Arc::default()))),
            requests: hello.into_bytes(),
            replies: welcome.into_bytes(),
            now: Timestamp(PAUSE),
        };
        workload.round();
        (workload.requests, workload.replies) = (requests.into_bytes(), replies.into_bytes());
        workload
    }

    /// All requests up, all replies down.
    #[inline]
    pub(crate) fn round(&mut self) {
        self.now.0 += PAUSE;
        self.inspector.read_client(self.now, &self.requests);
        self.inspector.finish_turn();
        // Latencies that differ, as they do: over an octave and a half.
        self.now.0 += 40_000 + (self.now.0 >> 8) % 80_000;
        self.inspector.read_server(self.now, &self.replies);
        self.inspector.finish_turn();
    }

    /// Replies that were recorded so far.
    pub(crate) fn recorded(&self) -> u64 {
        self.inspector.sink().0.meter().read().operations
    }
}
