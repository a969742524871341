//! Answers and their latencies over all workers.

use super::ProxyTelemetry;
use crate::ids::ServerId;
use crate::observe::{HistogramSnapshot, LatencyClass};
use crate::wire::OpCode;

impl ProxyTelemetry {
    /// How many operations a server has answered since the start, and how many of the answers carried an error.
    pub fn server_answers(&self, server: ServerId) -> (u64, u64) {
        let workers = self.counters.iter().filter_map(|servers| servers.get(server.index()));
        workers.flat_map(|counters| counters.ops()).fold((0, 0), |(operations, errors), op| {
            (operations + op.operations(), errors + op.errors().map(|(_, count)| count).sum::<u64>())
        })
    }

    /// The latencies of a server's operations of one class since the start.
    pub fn server_latency(&self, server: ServerId, class: LatencyClass) -> HistogramSnapshot {
        let mut sum = HistogramSnapshot::default();
        for counters in self.counters.iter().filter_map(|servers| servers.get(server.index())) {
            let ops = counters.ops().iter().enumerate();
            ops.filter(|(slot, _)| LatencyClass::of(OpCode::slot_class(*slot)) == Some(class))
                .for_each(|(_, op)| sum.merge(op.latency()));
        }
        sum
    }
}
