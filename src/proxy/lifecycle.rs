//! The proxy from start to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::accept::host_monitor;
use super::clock::Clock;
use super::network::socket::Reservation;
use super::probe::client_leg_sampler::ClientLegSampler;
use super::probe::client_path_sampler::ClientPathSampler;
use super::probe::details_prober::DetailsProber;
use super::probe::loop_suspect::LoopSuspect;
use super::probe::path_sampler::PathSampler;
use super::probe::prober::Prober;
use super::probe::risk_watcher::watch_risks;
use super::shared::proxy_state::ProxyState;
use super::worker::Worker;
use crate::config::{ServerAddress, Settings};
use crate::control::ConnectionControl;
use crate::ids::ServerId;
use crate::observe::ProxyTelemetry;
use crate::state::ChangeSink;

/// How often the deadlines of undecided closes are checked.
const TICK: Duration = Duration::from_millis(25);
/// How often connections to an unresponsive server are woken: a small part of the shortest session timeouts.
const CHECK: Duration = Duration::from_millis(200);
/// How long the start waits for a first probe of every server before it reports ready all the same.
const FIRST_PROBE: Duration = Duration::from_millis(1500);

/// Why the proxy did not start, or how it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address could not be taken.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// A server's name stands for an address that this proxy listens on.
    #[error("server {server} is this zoogate's own listener {listener}")]
    OwnListener {
        /// The server.
        server: ServerAddress,
        /// The listener.
        listener: SocketAddr,
    },
    /// The operating system refused something that every start needs.
    #[error("cannot {operation}: {error}")]
    System {
        /// What was refused.
        operation: &'static str,
        /// Why.
        error: io::Error,
    },
    /// A second signal came while connections were still being ended.
    #[error("stopped at once by a second signal with {open} connections open")]
    Forced {
        /// Client connections that were cut.
        open: usize,
    },
}

/// Turns the refusal of an operation into an error.
fn refused(operation: &'static str) -> impl Fn(io::Error) -> ServeError {
    move |error| ServeError::System { operation, error }
}

/// A proxy that has taken its addresses and carries nothing yet.
pub struct Proxy {
    proxy: Arc<ProxyState>,
    reservations: Vec<Arc<Reservation>>,
}

impl Proxy {
    /// Takes the listening addresses.
    ///
    /// # Errors
    /// [`ServeError::Listen`] names the address that could not be had.
    pub fn bind(settings: Settings) -> Result<Self, ServeError> {
        Self::bind_with(settings, Vec::new())
    }

    /// The same, with further sinks for what changes or is found out.
    ///
    /// # Errors
    /// As [`Proxy::bind`].
    pub fn bind_with(settings: Settings, sinks: Vec<Box<dyn ChangeSink>>) -> Result<Self, ServeError> {
        let mut reservations = Vec::new();
        for listener in &settings.listeners {
            let address = listener.address;
            let taken = Reservation::take(address).map_err(|error| ServeError::Listen { address, error })?;
            reservations.push(Arc::new(taken));
        }
        let clock = Clock::start();
        let telemetry = Arc::new(ProxyTelemetry::with_sinks(&settings, clock.now(), sinks));
        Ok(Self { proxy: Arc::new(ProxyState::new(settings, telemetry, clock)), reservations })
    }

    /// The listening addresses, in the order of the settings.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.reservations.iter().map(|reservation| reservation.address()).collect()
    }

    /// What the proxy will have seen.
    pub fn telemetry(&self) -> Arc<ProxyTelemetry> {
        Arc::clone(&self.proxy.telemetry)
    }

    /// The way to the connections that it will carry.
    pub fn control(&self) -> Arc<ConnectionControl> {
        Arc::clone(&self.proxy.control)
    }

    /// Carries traffic until SIGTERM or SIGINT, then ends connections within the grace.
    ///
    /// # Errors
    /// [`ServeError::System`] when a thread or a runtime cannot be had, [`ServeError::OwnListener`] when a server is
    /// found to be this very proxy, [`ServeError::Forced`] when a second signal cut the grace short.
    pub fn run(self) -> Result<(), ServeError> {
        let runtime = runtime().map_err(refused("start a runtime"))?;
        let (stop, others) = {
            let _inside = runtime.enter();
            // Before anything can take long: a signal that is not awaited ends the process.
            let signals = StopSignals::new().and_then(|stop| Ok((stop, OtherSignals::new()?)));
            signals.map_err(refused("listen for signals"))?
        };
        runtime.spawn(others.survive(self.telemetry()));
        let workers = self.start_workers()?;
        let outcome = runtime.block_on(self.oversee(stop));
        // A look-up that hangs is not waited for.
        runtime.shutdown_background();
        if outcome.is_ok() {
            for worker in workers {
                if worker.join().is_err() {
                    tracing::error!("a worker thread panicked");
                }
            }
        }
        outcome
    }

    fn start_workers(&self) -> Result<Vec<thread::JoinHandle<()>>, ServeError> {
        let start = |number| {
            let runtime = worker_runtime(&self.proxy, number)?;
            let (proxy, reservations) = (Arc::clone(&self.proxy), self.reservations.clone());
            let worker = Worker { proxy, number, reservations };
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                runtime.block_on(worker.run());
                // Connections that the grace did not end are cut here; nothing is waited for.
                runtime.shutdown_background();
            })
        };
        let workers: io::Result<Vec<_>> = (0..self.proxy.settings.workers.get()).map(start).collect();
        workers.map_err(refused("start a worker thread"))
    }

    /// What happens beside the traffic: probes, verdicts that wait for their time, signals.
    async fn oversee(&self, mut stop: StopSignals) -> Result<(), ServeError> {
        let proxy = &self.proxy;
        proxy.begin_heartbeat(None);
        for place in 0..proxy.settings.servers.len() {
            let prober = Prober { proxy: Arc::clone(proxy), server: ServerId(place as u16) };
            tokio::spawn(prober.run());
            let suspect = LoopSuspect { proxy: Arc::clone(proxy), server: ServerId(place as u16) };
            tokio::spawn(suspect.run());
            if proxy.settings.probe.details {
                let details = DetailsProber { proxy: Arc::clone(proxy), server: ServerId(place as u16) };
                tokio::spawn(details.run());
            }
        }
        let ticking = tokio::spawn(every(TICK, Arc::clone(proxy), ProxyState::tick));
        tokio::spawn(PathSampler::new(Arc::clone(proxy)).run());
        tokio::spawn(watch_risks(Arc::clone(proxy)));
        tokio::spawn(ClientLegSampler::new(Arc::clone(proxy), &self.addresses()).run());
        tokio::spawn(ClientPathSampler::new(Arc::clone(proxy), &self.addresses()).run());
        tokio::spawn(host_monitor::monitor_host(Arc::clone(proxy), self.addresses()));
        // A relay sleeps while nothing moves, so a server that is silent would never wake it: it has to be woken from
        // here.
        tokio::spawn(every(CHECK, Arc::clone(proxy), ProxyState::check_silence));
        tokio::select! {
            () = first_probe(proxy) => {
                // Only now, because a name may resolve to one of the listeners that have just been opened.
                not_itself(proxy)?;
                proxy.state.set_ready(true);
                tracing::info!(listening = ?self.addresses(), "ready");
                stop.recv().await;
            }
            () = stop.recv() => {}
        }
        // First of all, so that load balancers send no new clients during the grace.
        proxy.state.set_ready(false);
        tracing::info!(open = proxy.open(), grace = ?proxy.settings.shutdown_grace, "stopping");
        proxy.stopping.cancel();
        let drained = async {
            let deadline = tokio::time::Instant::now() + proxy.settings.shutdown_grace;
            while proxy.is_busy() && tokio::time::Instant::now() < deadline {
                tokio::time::sleep(TICK).await;
            }
        };
        let outcome = tokio::select! {
            // Where all have ended there is nothing to force.
            biased;
            () = drained => Ok(()),
            () = stop.recv() => Err(ServeError::Forced { open: proxy.open() }),
        };
        ticking.abort();
        proxy.tick();
        // What was waited for is decided with what is known, so that no end goes unsaid.
        proxy.state.conclude(proxy.clock.now());
        proxy.telemetry.write_all_suppressed();
        outcome
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// The runtime of a worker, which says when it sleeps.
fn worker_runtime(proxy: &Arc<ProxyState>, worker: usize) -> io::Result<Runtime> {
    let proxy = Arc::clone(proxy);
    Builder::new_current_thread().on_thread_park(move || proxy.turns.sleeps(worker)).enable_all().build()
}

async fn every(period: Duration, proxy: Arc<ProxyState>, act: fn(&ProxyState)) {
    let mut ticks = interval(period);
    // After a pause of the process one tick is enough: a burst of missed ones would decide nothing more.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        act(&proxy);
    }
}

/// Waits until every server was probed once and the listeners that this opens are open, or for [`FIRST_PROBE`].
async fn first_probe(proxy: &ProxyState) {
    let deadline = tokio::time::Instant::now() + FIRST_PROBE;
    let unseen = || proxy.state.roster().servers.iter().any(|server| server.seen_at.is_none());
    while (unseen() || !proxy.all_listen()) && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server that is this very proxy is a mistake in the configuration.
fn not_itself(proxy: &ProxyState) -> Result<(), ServeError> {
    let own = proxy.names.iter().find_map(|name| Some((name.server().clone(), name.own_listener()?)));
    own.map_or(Ok(()), |(server, listener)| Err(ServeError::OwnListener { server, listener }))
}

/// The signals that ask for a stop.
struct StopSignals {
    term: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Signals that end a process which does not await them, and that others send for reasons of their own.
struct OtherSignals {
    hang_up: Signal,
    first: Signal,
    second: Signal,
}

impl OtherSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            first: signal(SignalKind::user_defined1())?,
            second: signal(SignalKind::user_defined2())?,
        })
    }

    /// Says that they came, and does nothing else.
    async fn survive(mut self, telemetry: Arc<ProxyTelemetry>) {
        loop {
            let name = tokio::select! {
                _ = self.hang_up.recv() => "SIGHUP",
                _ = self.first.recv() => "SIGUSR1",
                _ = self.second.recv() => "SIGUSR2",
            };
            telemetry.note_signal(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::shared::proxy_state::tests::proxy;

    #[test]
    fn a_worker_that_sleeps_waits_for_no_processor() {
        let proxy = Arc::new(proxy("servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]\nworkers = 2"));
        proxy.turns.work(1, proxy.clock.now());
        assert!(proxy.turns.is_at_work(1));
        let runtime = worker_runtime(&proxy, 1).unwrap();
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        assert!(!proxy.turns.is_at_work(1));
    }
}
