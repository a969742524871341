//! The ensemble's metrics: what is usual, who leads, what bypasses zoogate.

use std::time::Duration;

use super::catalog;
use super::metrics_page::MetricsExporter;
use crate::diagnose::LatencyBaseline;
use crate::state::TrafficState;

impl MetricsExporter {
    /// Sets them as they are now.
    pub(super) fn ensemble(&self, state: &TrafficState) {
        let watch = state.with_watch(Clone::clone);
        for (entry, (_, server)) in state.roster().servers.iter().zip(watch.servers()) {
            let name = entry.address.as_str();
            let baselines =
                [("probe", server.answer_time()), ("connect", server.connect_time()), ("ping", server.ping_time())];
            for (of, baseline) in baselines {
                self.baseline(name, of, baseline);
            }
            if let Some(bypassing) = server.bypassing() {
                self.gauge(&catalog::BYPASSING, &[name], bypassing as f64);
            }
            self.gauge(&catalog::BEHIND, &[name], server.behind().unwrap_or(0) as f64);
            self.counter(&catalog::SERVER_RESTARTS, &[name], server.restarts());
            self.counter(&catalog::RETRANSMISSIONS, &[name], server.retransmissions());
        }
        self.counter(&catalog::LEADER_CHANGES, &[], watch.leader_changes());
        self.gauge(&catalog::EPOCH, &[], watch.epoch().unwrap_or(0) as f64);
    }

    fn baseline(&self, server: &str, of: &str, baseline: LatencyBaseline) {
        let LatencyBaseline { usual, last, worst_recent, .. } = baseline;
        for (which, time) in [("usual", usual), ("last", last), ("worst", worst_recent)] {
            // Nothing is shown that was not measured: 0 would be a very good one.
            if let Some(time) = time {
                self.gauge(&catalog::SERVER_LATENCY, &[server, of, which], millis(time));
            }
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
