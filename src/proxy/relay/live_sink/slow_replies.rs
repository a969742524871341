//! Replies that are worth a look: all of them while somebody looks, and those that took long.

use super::LiveSink;
use crate::observe::SLOWEST_FROM;
use crate::proxy::relay::tapped_connection::{HeldSlowMulti, TappedConnection, tapped_operation};
use crate::session::event::Reply;
use crate::time::Timestamp;
use crate::wire::OpCode;

impl LiveSink {
    /// A reply is worth a look.
    #[cold]
    pub(super) fn look_at(&mut self, reply: Reply<'_>) {
        // What is held had its last result before this reply.
        if self.tap.as_ref().is_some_and(|tap| tap.is_holding()) {
            self.settle_tap();
        }
        let now = self.recorder.now();
        if self.keep_slow(now, &reply) {
            // The next one is compared with this one.
            self.recorder.write_run();
        } else if self.tap.is_none() {
            // All of it has the same operation and latency.
            self.recorder.pass_run();
        }
        if let Some(tap) = &mut self.tap {
            tap.reply(self.proxy.telemetry.tap(), now, &reply);
        }
    }

    /// Keeps an operation that took long; whether it was one.
    fn keep_slow(&mut self, now: Timestamp, reply: &Reply<'_>) -> bool {
        let (Some(op), slow_log) = (reply.op, self.proxy.telemetry.slow_log()) else { return false };
        // Of the many pings of a client that sends many the times are not kept.
        if reply.sent_at == Timestamp::ZERO {
            return false;
        }
        let nanos = now.0.saturating_sub(reply.sent_at.0);
        let is_slow = slow_log.is_slow(op, nanos);
        let is_slowest = nanos >= SLOWEST_FROM.as_nanos() as u64 && nanos > self.recorder.slowest(op);
        if !is_slow && !is_slowest {
            return false;
        }
        let event = || tapped_operation(&self.link, self.session, now, reply);
        let in_flight = self.recorder.meter().read().in_flight;
        if matches!(op, OpCode::MULTI | OpCode::MULTI_READ) {
            let held = HeldSlowMulti { at: now, op, nanos, is_slow, is_slowest, in_flight, event: event() };
            let tap = self.tap.get_or_insert_with(|| Box::new(TappedConnection::unwatched(&held)));
            tap.hold_slow(held);
            // The next reply shows that there are no more results of this one.
            self.recorder.look_from(0);
            return true;
        }
        if is_slow {
            slow_log.keep(now, op, event, in_flight);
        }
        if is_slowest {
            slow_log.keep_slowest((self.link.server, op), nanos, event, in_flight);
        }
        true
    }

    /// A turn is over while somebody looks.
    #[cold]
    pub(super) fn end_tapped_turn(&mut self, inside_reply: bool) {
        // The results of a multi whose reply was cut are still to come.
        if !inside_reply {
            self.settle_tap();
        }
        if let Some(tap) = &mut self.tap {
            tap.end_turn();
        }
    }

    /// What was held has all of its results.
    #[cold]
    pub(super) fn settle_tap(&mut self) {
        let (Some(tap), slow_log) = (&mut self.tap, self.proxy.telemetry.slow_log()) else { return };
        tap.flush(self.proxy.telemetry.tap());
        if let Some(HeldSlowMulti { at, op, nanos, is_slow, is_slowest, in_flight, event }) = tap.take_slow() {
            if is_slow {
                slow_log.keep(at, op, || event.clone(), in_flight);
            }
            if is_slowest {
                slow_log.keep_slowest((self.link.server, op), nanos, || event.clone(), in_flight);
            }
        }
        if !tap.is_watched() {
            self.tap = None;
            self.recorder.look_from(slow_log.from());
        }
    }
}
