//! Looks for sessions that are near their timeout.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::diagnose::risk::{HeartbeatBudget, HeartbeatSample};
use crate::proxy::shared::proxy_state::ProxyState;
use crate::state::LateConnection;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);

/// Looks until it is dropped.
pub(in crate::proxy) async fn watch_risks(proxy: Arc<ProxyState>) {
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        look(&proxy);
    }
}

fn look(proxy: &ProxyState) {
    let (now, meters) = (proxy.clock.now(), proxy.telemetry.meters());
    let late = meters.heartbeats(|sample: HeartbeatSample| {
        let budget = HeartbeatBudget::of(&sample, now, |since| proxy.paused_within(since, now));
        let HeartbeatSample { session, connection, .. } = sample;
        budget.risk().map(|code| LateConnection { session, connection, code, budget })
    });
    proxy.state.look_at_risks(now, &late, |session, connection| meters.heartbeat(session, connection).is_some());
}
