//! Latencies over all workers, as the history sums them up.

use super::ProxyTelemetry;
use crate::ids::ServerId;
use crate::observe::{HistogramSnapshot, LatencyClass};
use crate::wire::OpCode;

impl ProxyTelemetry {
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
