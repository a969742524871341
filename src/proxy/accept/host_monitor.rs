//! What happens on the machine beside the traffic and would otherwise stay unnoticed: connection attempts that the
//! kernel drops, and steps of the wall clock.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::accept_queue::{AcceptQueues, QueueOverflow};
use crate::proxy::network::sample_failures::SampleFailures;
use crate::proxy::shared::proxy_state::ProxyState;

/// Between two checks.
const EVERY: Duration = Duration::from_secs(1);

/// Checks both until it is dropped.
pub(in crate::proxy) async fn monitor_host(proxy: Arc<ProxyState>, addresses: Vec<SocketAddr>) {
    let mut failures = SampleFailures::new("full accept queues");
    let mut queues = None;
    // The date is checked all the same where the kernel will never tell of queues.
    let mut ends = false;
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        proxy.telemetry.check_date(proxy.clock.now());
        if ends {
            continue;
        }
        let looked = match &mut queues {
            Some(queues) => look(queues),
            none => AcceptQueues::of(addresses.clone()).and_then(|queues| look(none.insert(queues))),
        };
        match failures.note(looked) {
            ControlFlow::Continue(overflows) => {
                for overflow in overflows.into_iter().flatten() {
                    proxy.telemetry.note_put_off(overflow.address, overflow.times, overflow.waiting);
                }
            }
            ControlFlow::Break(()) => ends = true,
        }
    }
}

/// Looks at the queues; one that fails begins anew with the next.
fn look(queues: &mut AcceptQueues) -> io::Result<Vec<QueueOverflow>> {
    let looked = queues.look();
    if looked.is_err() {
        queues.renew();
    }
    looked
}
