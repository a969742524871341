//! A conversation that the bench and the cost tests look at: `getData` of a Kafka partition state, over and over.
//!
//! Its bytes arrive as a relay sees them: one chunk with all requests that are in flight, one with all their
//! replies. What is measured is decoding, matching and recording, all that an operation costs beside its sockets.

use std::sync::Arc;
use zoogate::observe::Recorder;
use zoogate::session::ConnectionTracker;
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

/// One connection with `depth` requests in flight in every round.
pub(crate) struct Workload {
    tracker: ConnectionTracker,
    recorder: Recorder,
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
            tracker: ConnectionTracker::new(MAX_BUFFER),
            recorder: Recorder::new(Arc::default(), Arc::default()),
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
        self.recorder.begin(self.now);
        self.tracker.on_client_bytes(self.now, &self.requests, &mut self.recorder);
        self.recorder.settle(self.requests.len() as u64, 0, self.tracker.in_flight() as u32);
        // Latencies that differ, as they do: over an octave and a half.
        self.now.0 += 40_000 + (self.now.0 >> 8) % 80_000;
        self.recorder.begin(self.now);
        self.tracker.on_server_bytes(self.now, &self.replies, &mut self.recorder);
        self.recorder.settle(0, self.replies.len() as u64, self.tracker.in_flight() as u32);
    }

    /// Replies that were recorded so far.
    pub(crate) fn recorded(&self) -> u64 {
        self.recorder.meter().read().operations
    }
}
