//! What happens on the machine beside the traffic and would otherwise stay unnoticed: connection attempts that the
//! kernel drops, and steps of the wall clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::accept_queue::AcceptQueues;
use crate::proxy::shared::proxy_state::ProxyState;

/// Between two checks.
const EVERY: Duration = Duration::from_secs(1);

/// Checks both until it is dropped.
pub(in crate::proxy) async fn monitor_host(proxy: Arc<ProxyState>, addresses: Vec<SocketAddr>) {
    let mut queues = AcceptQueues::of(addresses)
        .inspect_err(|error| tracing::info!(%error, "the kernel does not report full accept queues"))
        .ok();
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        proxy.telemetry.check_date(proxy.clock.now());
        match queues.as_mut().map(AcceptQueues::look) {
            None => {}
            Some(Ok(overflows)) => {
                for overflow in overflows {
                    proxy.telemetry.note_put_off(overflow.address, overflow.times, overflow.waiting);
                }
            }
            Some(Err(error)) => {
                tracing::info!(%error, "the kernel does not report full accept queues");
                queues = None;
            }
        }
    }
}
