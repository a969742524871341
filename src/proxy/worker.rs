//! A thread with a runtime and listeners of its own. A connection pair never leaves it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::door::{self, Door};
use super::gateway::Gateway;
use super::own_pause::BEAT;
use super::socket::Reservation;
use super::vigil;
use crate::control::{RelayCommand, RelayRegistry};

/// Between two rounds of ending connections.
const ROUND: Duration = Duration::from_millis(20);
/// The part of the grace over which idle connections are ended one after the other, so that their clients do
/// not all come to the next proxy at once; what is busy has the rest.
const GRADUAL: f64 = 0.5;

/// One worker.
pub(super) struct Worker {
    /// The proxy.
    pub(super) gateway: Arc<Gateway>,
    /// Its number, from 0.
    pub(super) number: usize,
    /// The addresses of the settings' listeners, in their order.
    pub(super) reservations: Vec<Arc<Reservation>>,
}

impl Worker {
    /// Carries connections until the proxy stops and they have ended, or the grace is over.
    pub(super) async fn run(self) {
        let Self { gateway, number, reservations } = self;
        let registry = Arc::clone(&gateway.control.registries()[number]);
        for (place, reservation) in reservations.into_iter().enumerate() {
            let (kind, open) = (gateway.settings.listeners[place].kind, gateway.door(place));
            let gateway = Arc::clone(&gateway);
            tokio::spawn(Door { gateway, worker: number, reservation, kind, open }.attend());
        }
        tokio::spawn(door::take_over(Arc::clone(&gateway), number));
        tokio::spawn(stay_alive(Arc::clone(&gateway), number));
        if gateway.settings.busy_poll {
            tokio::spawn(vigil::keep(gateway.clock));
        }
        gateway.stopping.cancelled().await;
        drain(&gateway, &registry).await;
    }
}

/// Gives the worker's signs of life.
async fn stay_alive(gateway: Arc<Gateway>, number: usize) {
    gateway.begin_heartbeat(Some(number));
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        gateway.show_alive();
    }
}

/// Ends the worker's connections: idle ones gradually, then whatever stands at a frame boundary.
async fn drain(gateway: &Gateway, registry: &RelayRegistry) {
    let grace = gateway.settings.shutdown_grace;
    let began = Instant::now();
    let rounds = (grace.mul_f64(GRADUAL).as_millis() / ROUND.as_millis()).max(1) as usize;
    let batch = registry.len().div_ceil(rounds).max(1);
    while gateway.is_busy() && began.elapsed() < grace {
        if began.elapsed() < grace.mul_f64(GRADUAL) {
            registry.end(RelayCommand::EndWhenIdle, batch);
        } else {
            registry.end(RelayCommand::EndAtBoundary, usize::MAX);
        }
        sleep(ROUND).await;
    }
}
