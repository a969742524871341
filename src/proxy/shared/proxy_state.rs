//! What all threads of a running proxy share.

mod claims;
mod mirrors;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::claim_registry::ClaimRegistry;
use super::descriptors;
use super::hand_over::WorkerQueues;
use super::loop_detector::LoopDetector;
use super::mirror_gate::MirrorGate;
use super::own_pause::ThreadHeartbeats;
use super::permit::{ClientPlaces, ConnectionLimit, Permit};
use super::server_activity::ServerActivity;
use super::worker_turns::WorkerTurns;
use crate::config::{ListenerKind, OwnListeners, PinMode, Settings};
use crate::control::ConnectionControl;
use crate::ids::{ConnectionId, ServerId};
use crate::observe::ProxyTelemetry;
use crate::proxy::clock::Clock;
use crate::proxy::network::name_lookup::ServerName;
use crate::route::UnresponsiveToClients;
use crate::session::own_pause::ThreadPlace;
use crate::session::probe_result::ServerHealth;
use crate::session::transition::SessionTransition;
use crate::state::TrafficState;
use crate::time::Timestamp;
use crate::wire::first_frame::ConnectionOpening;

/// The running proxy, as its tasks see it.
#[derive(Debug)]
pub(in crate::proxy) struct ProxyState {
    /// Its configuration.
    pub(in crate::proxy) settings: Settings,
    /// The names of its servers, in the settings' order.
    pub(in crate::proxy) names: Vec<ServerName>,
    /// What may go round.
    pub(in crate::proxy) loops: LoopDetector,
    /// Who waits at mirrored addresses.
    pub(in crate::proxy) mirrors: MirrorGate,
    /// What it has seen.
    pub(in crate::proxy) telemetry: Arc<ProxyTelemetry>,
    /// What it decides by.
    pub(in crate::proxy) state: Arc<TrafficState>,
    /// Its clock.
    pub(in crate::proxy) clock: Clock,
    /// Cancelled when it begins to stop.
    pub(in crate::proxy) stopping: CancellationToken,
    /// The way to the connections that it carries.
    pub(in crate::proxy) control: Arc<ConnectionControl>,
    open_listeners: Vec<watch::Sender<bool>>,
    /// Listeners that listen now, each worker's counted.
    listening: AtomicUsize,
    probe_now: Vec<Notify>,
    activities: Vec<ServerActivity>,
    /// Sent after each probe of a server.
    probes: watch::Sender<()>,
    unresponsive_to_clients: Mutex<UnresponsiveToClients>,
    /// The claims that are out.
    pub(in crate::proxy) claim_registry: Arc<ClaimRegistry>,
    heartbeats: ThreadHeartbeats,
    connections: AtomicU64,
    /// The way from the worker that accepts a client to the one that carries it.
    pub(in crate::proxy) hand_overs: WorkerQueues,
    /// The places of clients.
    places: Arc<ClientPlaces>,
    turn: AtomicUsize,
    /// Which worker goes first where several share a processor.
    pub(in crate::proxy) turns: WorkerTurns,
}

impl ProxyState {
    /// A proxy that has not seen anything yet.
    pub(in crate::proxy) fn new(settings: Settings, telemetry: Arc<ProxyTelemetry>, clock: Clock) -> Self {
        let own = Arc::new(OwnListeners::of(&settings.listeners));
        let servers = settings.servers.iter().enumerate();
        let servers = servers.map(|(place, server)| (ServerId(place as u16), server.clone()));
        let names: Vec<ServerName> =
            servers.map(|server| ServerName::of(server, &own, telemetry.log_throttle())).collect();
        let hand_overs = WorkerQueues::new(settings.workers.get());
        let room = descriptors::room_for(&settings);
        let per_address = settings.connections.per_address;
        let places = ClientPlaces::new(room.clients, per_address, settings.workers.get());
        let control = Arc::new(ConnectionControl::new(settings.workers.get()));
        let open_listeners = settings.listeners.iter().map(|_| watch::Sender::new(false)).collect();
        let probe_now = settings.servers.iter().map(|_| Notify::new()).collect();
        let activities = settings.servers.iter().map(|_| ServerActivity::default()).collect();
        let unresponsive_to_clients = UnresponsiveToClients::new(settings.servers.len());
        // The workers, and the thread beside the traffic.
        let heartbeats = ThreadHeartbeats::new(settings.workers.get() + 1);
        let turns = WorkerTurns::new(settings.workers.get());
        Self {
            settings,
            loops: LoopDetector::new(names.len()),
            mirrors: MirrorGate::new(names.len()),
            names,
            state: Arc::clone(telemetry.state()),
            telemetry,
            clock,
            stopping: CancellationToken::new(),
            control,
            open_listeners,
            listening: AtomicUsize::new(0),
            probe_now,
            activities,
            probes: watch::Sender::new(()),
            unresponsive_to_clients: Mutex::new(unresponsive_to_clients),
            claim_registry: Arc::new(ClaimRegistry::new(room.left_claims)),
            heartbeats,
            connections: AtomicU64::new(1),
            places: Arc::new(places),
            hand_overs,
            turn: AtomicUsize::new(0),
            turns,
        }
    }

    /// A number for a new connection.
    pub(in crate::proxy) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// A number that differs from claim to claim, so that equally loaded servers take turns.
    pub(in crate::proxy) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Applies a transition to the ledger, and requests the probes that the ledger asks for.
    pub(in crate::proxy) fn apply(&self, now: Timestamp, transition: SessionTransition) {
        self.show_alive_at(now);
        for server in self.state.apply_from(ThreadHeartbeats::place(), now, transition) {
            self.probe_soon(server);
        }
    }

    /// Records a probe of a server in the ledger, and opens or closes listeners by it.
    pub(in crate::proxy) fn server_seen(&self, seen: SessionTransition) {
        self.apply(self.clock.now(), seen);
        let roster = self.state.roster();
        for (listener, open_listener) in self.settings.listeners.iter().zip(&self.open_listeners) {
            let open = match listener.kind {
                ListenerKind::Mirror(server) => roster.get(server).is_some_and(|server| server.health.accepts()),
                ListenerKind::Pooled => roster.any_accepts(),
            };
            // Only a change wakes the listeners: probes come many times a second.
            open_listener.send_if_modified(|was| std::mem::replace(was, open) != open);
        }
    }

    /// Follows whether a listener is to be open.
    pub(in crate::proxy) fn open_listener(&self, listener: usize) -> watch::Receiver<bool> {
        self.open_listeners[listener].subscribe()
    }

    /// Says that a listening socket is open, or no longer is.
    pub(in crate::proxy) fn listens(&self, does: bool) {
        if does {
            self.listening.fetch_add(1, Ordering::Relaxed);
        } else {
            self.listening.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether every listener that is to be open is open, at every worker.
    pub(in crate::proxy) fn all_listen(&self) -> bool {
        let open = self.open_listeners.iter().filter(|open_listener| *open_listener.borrow()).count();
        self.listening.load(Ordering::Relaxed) >= open * self.settings.workers.get()
    }

    /// Does what time brings: decides closes whose bound has run out.
    pub(in crate::proxy) fn tick(&self) {
        let now = self.clock.now();
        self.show_alive_at(now);
        for server in self.state.tick(now) {
            self.probe_soon(server);
        }
        self.telemetry.tick(now);
    }

    /// Asks relays of unresponsive servers to check how long they have waited, if another server serves: without one their
    /// clients would leave a server that may go on for none.
    pub(in crate::proxy) fn check_silence(&self) {
        self.judge_servers();
        let roster = self.state.roster();
        for server in &roster.servers {
            let is_silent = matches!(server.health, ServerHealth::Unresponsive | ServerHealth::Unreachable);
            let mut others = roster.servers.iter().filter(|other| other.id != server.id);
            if is_silent && others.any(|other| other.health == ServerHealth::Serving) {
                self.control.registries().iter().for_each(|registry| registry.check(server.id));
            }
        }
    }

    /// Makes the calling thread one whose pauses are noticed: a worker by its number, or the one beside the traffic.
    pub(in crate::proxy) fn begin_heartbeat(&self, worker: Option<usize>) {
        self.heartbeats.begin(worker.unwrap_or(self.settings.workers.get()), self.clock.now());
    }

    /// Gives a sign of life of the calling thread, and reports the pause that it ends, if it does.
    pub(in crate::proxy) fn show_alive(&self) {
        self.show_alive_at(self.clock.now());
    }

    /// As [`show_alive`](Self::show_alive), by a reading of the clock that the caller has just made.
    fn show_alive_at(&self, now: Timestamp) {
        let Some(pause) = self.heartbeats.beat(now) else { return };
        let added = self.heartbeats.note(pause);
        let paused = SessionTransition::ProxyPaused(pause);
        for server in self.state.apply_from(ThreadHeartbeats::place(), now, paused) {
            self.probe_soon(server);
        }
        self.telemetry.note_own_pause(pause, added);
    }

    /// How much of the time between a moment and now the calling thread stood still. It counts in no waiting time.
    pub(in crate::proxy) fn paused_within(&self, from: Timestamp, to: Timestamp) -> Duration {
        self.show_alive_at(to);
        self.heartbeats.paused_within(from, to)
    }

    /// The same by the pauses that are known by now: nothing but those is locked, so that it can be asked by whoever has
    /// locked the sessions.
    pub(in crate::proxy) fn known_pauses(&self, from: Timestamp, to: Timestamp) -> Duration {
        self.heartbeats.paused_within(from, to)
    }

    /// How much of the time between a moment and now another thread stood still, the pause included that it is in.
    pub(in crate::proxy) fn paused_on(&self, thread: ThreadPlace, from: Timestamp, to: Timestamp) -> Duration {
        self.heartbeats.paused_on(thread, from, to)
    }

    /// Whether a client's first bytes are to be forwarded: a question of this proxy's own that went round is not.
    pub(in crate::proxy) async fn lets_pass(&self, opening: ConnectionOpening, said: &[u8]) -> bool {
        match opening {
            ConnectionOpening::Word(word) => self.loops.lets_pass(word, said, self.clock.now()).await,
            _ => true,
        }
    }

    /// Whether returning sessions go back to their servers.
    pub(in crate::proxy) fn pins(&self) -> bool {
        self.settings.pin == PinMode::Soft
    }

    /// Has a server probed without waiting for its turn.
    pub(in crate::proxy) fn probe_soon(&self, server: ServerId) {
        if let Some(notify) = self.probe_now.get(server.index()) {
            notify.notify_one();
        }
    }

    /// Waits until a probe of a server is requested.
    pub(in crate::proxy) async fn probe_wanted(&self, server: ServerId) {
        match self.probe_now.get(server.index()) {
            Some(notify) => notify.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Takes a place for a connection of this client that this worker has accepted.
    ///
    /// # Errors
    /// Which bound it met.
    pub(in crate::proxy) fn admit(&self, client: IpAddr, worker: usize) -> Result<Permit, ConnectionLimit> {
        ClientPlaces::admit(&self.places, client, worker)
    }

    /// Whether a stop has something to wait for: clients, or claims that are watched until they can do no harm.
    pub(in crate::proxy) fn is_busy(&self) -> bool {
        self.open() > 0 || self.claim_registry.taken() > 0
    }

    /// Client connections that are open now.
    pub(in crate::proxy) fn open(&self) -> usize {
        self.places.open()
    }
}

/// A connection as a server's load, for as long as it lives.
#[derive(Debug)]
pub(in crate::proxy) struct LoadGuard {
    state: Arc<TrafficState>,
    server: ServerId,
}

impl LoadGuard {
    /// Counts one more connection at the server.
    pub(in crate::proxy) fn add(state: &Arc<TrafficState>, server: ServerId) -> Self {
        state.load(server).fetch_add(1, Ordering::Relaxed);
        Self { state: Arc::clone(state), server }
    }
}

impl Drop for LoadGuard {
    fn drop(&mut self) {
        self.state.load(self.server).fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a client came from and where its connection arrived.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct ClientOrigin {
    /// The client.
    pub(in crate::proxy) client: SocketAddr,
    /// The worker that carries it.
    pub(in crate::proxy) worker: usize,
}

/// For how long a claim with this timeout can still be carried out after it was sent: a server that is frozen for twice
/// the timeout has lost its leader, and with it the claim.
pub(in crate::proxy) fn claim_lasts(timeout_ms: i32) -> Duration {
    crate::route::claim_lasts(asked_timeout(timeout_ms))
}

/// The session timeout that a client asks for, within reason: it can ask for anything.
pub(in crate::proxy) fn asked_timeout(timeout_ms: i32) -> Duration {
    let asked = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    asked.clamp(SHORTEST_TIMEOUT, LONGEST_TIMEOUT)
}

/// Below this no ZooKeeper goes (two ticks of half a second).
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
/// No client waits longer than this for a session.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_mins(10);

#[cfg(test)]
#[path = "proxy_state_tests.rs"]
pub(in crate::proxy) mod tests;
