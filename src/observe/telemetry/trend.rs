//! Latency over time.

use super::ProxyTelemetry;
use crate::ids::ServerId;
use crate::lock::lock;
use crate::observe::storage::latency_trend::LatencySlot;
use crate::observe::storage::meter::LatencyClass;
use crate::time::Timestamp;

impl ProxyTelemetry {
    /// Ends a slot of the trend where one is over.
    pub(super) fn note_latency(&self, now: Timestamp) {
        let mut trend = lock(&self.trend);
        if trend.is_due(now) {
            // Under its lock, so that two ticks never end one slot; readers wait for a millisecond at most.
            let of_server = |place| LatencyClass::ALL.iter().map(move |class| (ServerId(place as u16), *class));
            let all = (0..self.server_names().len()).map(|place| {
                let mut classes = of_server(place).map(|(server, class)| self.server_latency(server, class));
                std::array::from_fn(|_| classes.next().unwrap_or_default())
            });
            trend.end_slot(now, all.collect());
        }
    }

    /// Latency by server and class in slots of ten seconds, oldest first.
    pub fn latency_trend(&self) -> Vec<LatencySlot> {
        lock(&self.trend).slots()
    }
}
