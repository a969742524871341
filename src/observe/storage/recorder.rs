//! Counts the events of a connection's inspector as they come.
//!
//! A reply costs a few additions and a [`ReplyBatch`] of them two histogram records; nothing is formatted, locked or
//! looked up, and nothing is allocated once an operation and its latency have been seen before. Readers see a wake-up's
//! replies when it is settled.

use std::sync::Arc;

use super::counters::{Direction, OpCounters, ServerCounters};
use super::meter::{ConnectionMeter, LatencyClass};
use super::reply_batch::ReplyBatch;
use crate::session::event::{Event, InspectedTurn, Reply, WatchEvent};
use crate::session::watches::WatchTable;
use crate::time::Timestamp;
use crate::wire::{ErrorCode, OpCode};

/// The counting end of one connection. Belongs to its relay task.
#[derive(Debug)]
pub struct Recorder {
    meter: Arc<ConnectionMeter>,
    counters: Arc<ServerCounters>,
    watches: WatchTable,
    now: Timestamp,
    /// Replies of this wake-up that are not written down yet.
    run: ReplyBatch,
    /// Nanoseconds of latency from which on a reply is worth a look.
    look_from: u64,
    /// Whether the replies of this run are: all of it has one latency.
    is_looked_at: bool,
    /// The multi or multiRead whose results are being read.
    results_of: OpCode,
}

impl Recorder {
    /// Counts on the given meter, and on the counters that this worker keeps of the connection's server.
    pub fn new(meter: Arc<ConnectionMeter>, counters: Arc<ServerCounters>) -> Self {
        let (watches, now, run) = (WatchTable::default(), Timestamp::ZERO, ReplyBatch::EMPTY);
        let (look_from, is_looked_at) = (u64::MAX, false);
        Self { meter, counters, watches, now, run, look_from, is_looked_at, results_of: OpCode::MULTI }
    }

    /// The connection's meter.
    pub fn meter(&self) -> &Arc<ConnectionMeter> {
        &self.meter
    }

    /// From this latency in nanoseconds on, [`Recorder::record`] says of a reply that it is worth a look.
    pub fn look_from(&mut self, nanos: u64) {
        // What comes now begins a run of its own, so that it is judged by this.
        self.write_run();
        self.look_from = nanos;
    }

    /// The rest of this run is not worth a look after all.
    pub fn pass_run(&mut self) {
        self.is_looked_at = false;
    }

    /// The longest latency of an operation that this worker has written down for the server, in nanoseconds.
    pub fn slowest(&self, op: OpCode) -> u64 {
        self.counters.op(op).slowest()
    }

    /// Says what time it is for the events that follow: once for each wake-up of the relay.
    #[inline]
    pub fn set_time(&mut self, now: Timestamp) {
        if now != self.now {
            self.write_run();
            self.now = now;
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Ends a wake-up, of which this has come.
    #[inline]
    pub fn write_turn(&mut self, turn: InspectedTurn) {
        self.write_run();
        self.meter.add_turn(self.now, turn.client_bytes, turn.server_bytes, turn.in_flight);
    }

    /// Counts that a side was not read on because the other one took no more.
    #[cold]
    pub fn count_pause(&self, direction: Direction) {
        self.counters.count_pause(direction);
        self.meter.hold(direction);
    }

    /// Ends the connection, which leaves this many requests unanswered.
    pub fn write_end(&mut self, unanswered: u32) {
        self.write_run();
        self.meter.leave_unanswered(unanswered);
    }

    /// Counts one event, where it is counted by connection or by server, and says whether it is a reply that is worth a
    /// look. By reference: copying an event reads in wide
    /// pieces what was just written in narrow ones, and stalls.
    #[expect(
        clippy::inline_always,
        reason = "where an event is made its kind is known: inlined, nothing of it is built"
    )]
    #[inline(always)]
    pub fn record(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Reply(reply) => return self.reply(reply),
            Event::Request(request) => {
                if request.op == request.part {
                    self.watches.on_request(request);
                }
            }
            Event::Watch(event) => self.watch_event(event),
            Event::Result { error, .. } => self.result(*error),
            Event::Untracked => self.counters.count_untracked(),
            Event::Blocks { requests, replies } => {
                self.counters.count_blocks(Direction::Request, *requests);
                self.counters.count_blocks(Direction::Reply, *replies);
            }
            Event::ConnectRequested(..)
            | Event::Unread(_)
            | Event::ConnectResponded(..)
            | Event::Gap { .. }
            | Event::MoveRefused { .. }
            | Event::Identified(_)
            | Event::Recognised(_)
            | Event::NodeExists(_)
            | Event::NodeOwned { .. }
            | Event::ControllerGone { .. }
            | Event::UnknownPart(_)
            | Event::Compressed
            | Event::Opaque(_) => {}
        }
        false
    }

    #[expect(
        clippy::inline_always,
        reason = "as [`Recorder::record`]: a reply that is not handed on in memory need not be put there"
    )]
    #[inline(always)]
    fn reply(&mut self, reply: &Reply<'_>) -> bool {
        if !self.run.take_in(reply) {
            self.write_run();
            self.run = ReplyBatch::of(reply);
            self.is_looked_at = self.now.0.wrapping_sub(reply.sent_at.0) >= self.look_from;
        }
        if !reply.error.is_ok() {
            self.meter.count_error();
            self.counters.op(self.run.op).count_error(reply.error);
        }
        self.counters.note_frame(Direction::Request, reply.request_len);
        self.counters.note_frame(Direction::Reply, reply.reply_len);
        if let Some(op @ (OpCode::MULTI | OpCode::MULTI_READ)) = reply.op {
            self.results_of = op;
        }
        if self.watches.on_reply(reply.xid, reply.op, reply.error) {
            self.meter.set_watches(self.watches.counts());
        }
        self.is_looked_at
    }

    /// Writes down the run so far, and lets the next reply begin a new one.
    #[inline]
    pub fn write_run(&mut self) {
        let ReplyBatch { op, sent_at, replies, request_bytes, reply_bytes, zxid } = self.run;
        if replies == 0 {
            return;
        }
        let counters = self.counters.op(op);
        counters.count(replies, request_bytes, reply_bytes);
        let class = op.class();
        self.counters.note_work(class);
        self.meter.count_replies(replies, zxid);
        if sent_at > Timestamp::ZERO {
            let nanos = self.now.0.saturating_sub(sent_at.0);
            counters.record_latency(nanos, replies);
            if let Some(class) = LatencyClass::of(class) {
                self.meter.record_latency(class, nanos, replies);
            }
        }
        self.run = ReplyBatch::EMPTY;
    }

    /// A failed multi says so in its results only; the operations that failed with it carry -2.
    fn result(&mut self, error: ErrorCode) {
        if !error.is_ok() && error != ErrorCode::RUNTIME_INCONSISTENCY {
            let counters: &OpCounters = self.counters.op(self.results_of);
            counters.count_error(error);
        }
    }

    fn watch_event(&mut self, event: &WatchEvent<'_>) {
        self.counters.count_event(event.kind);
        if self.watches.on_event(event) {
            self.meter.set_watches(self.watches.counts());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Xid, Zxid};
    use crate::observe::storage::reply_batch::UNKNOWN;
    use crate::session::RequestPath;
    use crate::session::event::Request;

    fn recorder() -> Recorder {
        Recorder::new(Arc::default(), Arc::default())
    }

    fn reply(op: OpCode, xid: i32, error: ErrorCode, sent_at: u64) -> Event<'static> {
        let (op, sent_at) = (Some(op), Timestamp(sent_at));
        Event::Reply(Reply {
            xid: Xid(xid.into()),
            op,
            zxid: Zxid(3),
            error,
            sent_at,
            path: RequestPath::NONE,
            flags: 0,
            request_len: 20,
            reply_len: 96,
        })
    }

    #[test]
    fn a_reply_is_counted_for_its_connection_and_for_its_server() {
        let mut recorder = recorder();
        recorder.set_time(Timestamp(1_060_000));
        recorder.record(&reply(OpCode::GET_DATA, 1, ErrorCode::OK, 1_000_000));
        recorder.record(&reply(OpCode::SET_DATA, 2, ErrorCode(-103), 60_000));
        recorder.record(&reply(OpCode::PING, -2, ErrorCode::OK, 1_000_000));
        recorder.write_turn(InspectedTurn { client_bytes: 60, server_bytes: 300, in_flight: 4, inside_reply: false });

        let reading = recorder.meter.read();
        assert_eq!((reading.operations, reading.errors, reading.in_flight), (3, 1, 4));
        assert_eq!((reading.client_bytes, reading.server_bytes), (60, 300));
        assert_eq!(reading.active_at, Timestamp(1_060_000));
        for (class, nanos) in [(LatencyClass::Read, 60_000), (LatencyClass::Write, 1_000_000)] {
            assert_eq!(recorder.meter.latency(class).max(), nanos, "{class:?}");
            assert_eq!(recorder.meter.latency(class).count(), 1, "{class:?}");
        }
        let get = recorder.counters.op(OpCode::GET_DATA);
        assert_eq!((get.operations(), get.bytes(Direction::Request), get.bytes(Direction::Reply)), (1, 24, 100));
        assert_eq!(get.latency().max(), 60_000);
        assert_eq!(recorder.counters.op(OpCode::SET_DATA).errors().count(), 1);
    }

    #[test]
    fn a_reply_to_an_unknown_request_has_no_latency() {
        let mut recorder = recorder();
        recorder.set_time(Timestamp(1_000));
        recorder.record(&Event::Reply(Reply {
            xid: Xid(1),
            op: None,
            zxid: Zxid(3),
            error: ErrorCode::OK,
            sent_at: Timestamp::ZERO,
            path: RequestPath::NONE,
            flags: 0,
            request_len: 0,
            reply_len: 16,
        }));
        recorder.write_turn(InspectedTurn { client_bytes: 0, server_bytes: 20, in_flight: 0, inside_reply: false });
        let unknown = recorder.counters.op(UNKNOWN);
        assert_eq!((unknown.operations(), unknown.bytes(Direction::Request)), (1, 0));
        assert!(unknown.latency().is_empty());
        assert_eq!(recorder.meter.read().operations, 1);
    }

    #[test]
    fn a_run_of_replies_is_recorded_as_so_many() {
        let mut recorder = recorder();
        recorder.set_time(Timestamp(2_000_000));
        for (op, sent_at) in [
            (OpCode::GET_DATA, 1_000_000),
            (OpCode::GET_DATA, 1_000_000),
            (OpCode::GET_DATA, 1_500_000),
            (OpCode::EXISTS, 1_500_000),
            (OpCode::GET_DATA, 1_000_000),
        ] {
            recorder.record(&reply(op, 1, ErrorCode::OK, sent_at));
        }
        // A wake-up that was not settled is written down with the next one, by its own time.
        recorder.set_time(Timestamp(9_000_000));
        recorder.write_turn(InspectedTurn::default());

        let get = recorder.counters.op(OpCode::GET_DATA);
        assert_eq!((get.operations(), get.bytes(Direction::Request), get.bytes(Direction::Reply)), (4, 96, 400));
        assert_eq!((get.latency().count(), get.latency().sum()), (4, 3_500_000));
        assert_eq!(recorder.counters.op(OpCode::EXISTS).latency().sum(), 500_000);
        let reads = recorder.meter.latency(LatencyClass::Read);
        assert_eq!((reads.count(), reads.sum(), reads.max()), (5, 4_000_000, 1_000_000));
        assert_eq!((recorder.meter.read().operations, recorder.meter.read().last_zxid), (5, Zxid(3)));
    }

    #[test]
    fn the_culprit_of_a_failed_multi_is_counted_once() {
        let mut recorder = recorder();
        recorder.record(&reply(OpCode::MULTI, 1, ErrorCode::OK, 1));
        for error in [ErrorCode::OK, ErrorCode(-110), ErrorCode::RUNTIME_INCONSISTENCY] {
            recorder.record(&Event::Result { op: OpCode::ERROR, error });
        }
        recorder.record(&reply(OpCode::MULTI_READ, 2, ErrorCode::OK, 1));
        recorder.record(&Event::Result { op: OpCode::ERROR, error: ErrorCode(-101) });
        let errors = |op| recorder.counters.op(op).errors().collect::<Vec<_>>();
        assert_eq!(errors(OpCode::MULTI), [(ErrorCode(-110).slot(), 1)]);
        assert_eq!(errors(OpCode::MULTI_READ), [(ErrorCode(-101).slot(), 1)]);
    }

    #[test]
    fn the_longest_frames_of_either_direction_and_the_highest_zxid_are_kept() {
        let mut recorder = recorder();
        recorder.set_time(Timestamp(2));
        for (zxid, request_len, reply_len) in [(7, 600_000, 20), (9, 20, 700_000), (8, 20, 20)] {
            let Event::Reply(reply) = reply(OpCode::GET_DATA, 1, ErrorCode::OK, 1) else { unreachable!() };
            recorder.record(&Event::Reply(Reply { zxid: Zxid(zxid), request_len, reply_len, ..reply }));
        }
        recorder.write_turn(InspectedTurn::default());
        let largest =
            [Direction::Request, Direction::Reply].map(|direction| recorder.counters.largest_frame(direction));
        assert_eq!(largest, [600_000, 700_000]);
        assert_eq!(recorder.meter.read().last_zxid, Zxid(9));
    }

    #[test]
    fn watches_show_on_the_meter() {
        let mut recorder = recorder();
        let op = OpCode::GET_DATA;
        let path = b"/a".as_slice();
        recorder.record(&Event::Request(Request {
            xid: Xid(1),
            op,
            part: op,
            path,
            flags: 1,
            data_len: 0,
            frame_len: 20,
        }));
        recorder.record(&reply(op, 1, ErrorCode::OK, 1));
        assert_eq!(recorder.meter.read().watches, [1, 0, 0, 0, 0, 0]);
        recorder.record(&Event::Watch(WatchEvent { kind: 3, state: 3, path }));
        assert_eq!(recorder.meter.read().watches, [0; 6]);
        assert_eq!(recorder.counters.events(), [0, 0, 0, 1, 0]);
    }

    #[test]
    fn the_steady_path_does_not_allocate() {
        let mut recorder = recorder();
        let round = |recorder: &mut Recorder| {
            for op in [OpCode::GET_DATA, OpCode::SET_DATA, OpCode::EXISTS, OpCode::PING] {
                recorder.set_time(Timestamp(1_050_000));
                let error = if op == OpCode::EXISTS { ErrorCode::NO_NODE } else { ErrorCode::OK };
                recorder.record(&reply(op, 1, error, 1_000_000));
                recorder.write_turn(InspectedTurn {
                    client_bytes: 24,
                    server_bytes: 100,
                    in_flight: 0,
                    inside_reply: false,
                });
            }
        };
        round(&mut recorder);
        let steady = allocation_counter::measure(|| (0..1_000).for_each(|_| round(&mut recorder)));
        assert_eq!(steady.count_total, 0);
    }
}
