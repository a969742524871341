//! A thread with a runtime and listeners of its own. A connection pair never leaves it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::accept::client_listener::{self, ClientListener};
use super::network::socket::Reservation;
use super::relay::busy_poll;
use super::shared::own_pause::BEAT;
use super::shared::proxy_state::ProxyState;
use crate::control::{RelayCommand, RelayRegistry};

/// Between two rounds of ending connections.
const ROUND: Duration = Duration::from_millis(20);
/// The part of the grace over which idle connections are ended one after the other, so that their clients do
/// not all come to the next proxy at once; what is busy has the rest.
const GRADUAL: f64 = 0.5;

/// One worker.
pub(super) struct Worker {
    /// The proxy.
    pub(super) proxy: Arc<ProxyState>,
    /// Its number, from 0.
    pub(super) number: usize,
    /// The addresses of the settings' listeners, in their order.
    pub(super) reservations: Vec<Arc<Reservation>>,
}

impl Worker {
    /// Carries connections until the proxy stops and they have ended, or the grace is over.
    pub(super) async fn run(self) {
        let Self { proxy, number, reservations } = self;
        let registry = Arc::clone(&proxy.control.registries()[number]);
        for (place, reservation) in reservations.into_iter().enumerate() {
            let (kind, open) = (proxy.settings.listeners[place].kind, proxy.open_listener(place));
            let proxy = Arc::clone(&proxy);
            tokio::spawn(ClientListener { proxy, worker: number, reservation, kind, open }.attend());
        }
        tokio::spawn(client_listener::take_over(Arc::clone(&proxy), number));
        tokio::spawn(stay_alive(Arc::clone(&proxy), number));
        if proxy.settings.busy_poll {
            tokio::spawn(busy_poll::keep(proxy.clock));
        }
        proxy.stopping.cancelled().await;
        drain(&proxy, &registry).await;
    }
}

/// Gives the worker's signs of life.
async fn stay_alive(proxy: Arc<ProxyState>, number: usize) {
    proxy.begin_heartbeat(Some(number));
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        proxy.show_alive();
    }
}

/// Ends the worker's connections: idle ones gradually, then whatever stands at a frame boundary.
async fn drain(proxy: &ProxyState, registry: &RelayRegistry) {
    let grace = proxy.settings.shutdown_grace;
    let began = Instant::now();
    let rounds = (grace.mul_f64(GRADUAL).as_millis() / ROUND.as_millis()).max(1) as usize;
    let batch = registry.len().div_ceil(rounds).max(1);
    while proxy.is_busy() && began.elapsed() < grace {
        if began.elapsed() < grace.mul_f64(GRADUAL) {
            registry.end(RelayCommand::EndWhenIdle, batch);
        } else {
            registry.end(RelayCommand::EndAtBoundary, usize::MAX);
        }
        sleep(ROUND).await;
    }
}
