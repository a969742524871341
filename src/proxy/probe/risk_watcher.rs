//! Looks for sessions that are near their timeout.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::diagnose::risk::{HeartbeatBudget, HeartbeatSample};
use crate::proxy::shared::proxy_state::ProxyState;
use crate::state::LateConnection;

/// Between two looks: every session is looked at, and half of the shortest timeout that servers give by default is 2 s.
const EVERY: Duration = Duration::from_millis(500);

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
    // First, so that a pause of this thread is known before anybody's silence is judged.
    proxy.show_alive();
    let (now, meters) = (proxy.clock.now(), proxy.telemetry.meters());
    let late = meters.late_heartbeats(now).into_iter().filter_map(|sample| {
        let HeartbeatSample { session, connection, thread, .. } = sample;
        let budget = HeartbeatBudget::of(&sample, now, |since| proxy.paused_on(thread, since, now));
        budget.risk().map(|code| LateConnection { session, connection, code, budget })
    });
    let late: Vec<LateConnection> = late.collect();
    let paused = |since| proxy.known_pauses(since, now);
    proxy.state.look_at_risks(now, &late, |session| meters.client_heard_at(session), paused);
}
