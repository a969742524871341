//! Probes one server again and again: does it accept, answer, serve, lead?
//!
//! Between two questions a connection is held open, so that the end of the server's process is seen at once
//! (its kernel closes the connection) and not at the next question. At most one connection is open at a time.
//!
//! A question that a frozen server does not answer stays on its connection: each new one would take a place in the
//! queue of a process that accepts nothing, until there is none left for clients.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::diagnose::ServerDetails;
use crate::ids::{ServerId, Zxid};
use crate::proxy::network::socket::{self, ConnectError};
use crate::proxy::shared::proxy_state::ProxyState;
use crate::session::probe_question::{ProbeQuestion, ProbeReply};
use crate::session::probe_result::{ProbeResult, ProbeTiming, ServerHealth, ServerRole};
use crate::session::transition::SessionTransition;
use crate::time::Timestamp;

/// Pause before a server that refuses is tried again: a mirror port has to open within 100 ms of its server's.
pub(crate) const AFTER_REFUSAL: Duration = Duration::from_millis(40);
/// Pause before a server that cannot be reached at all is tried again.
const AFTER_UNREACHABLE: Duration = Duration::from_millis(500);
/// Pause before a server that answers and does not serve is asked again.
const WHILE_NOT_SERVING: Duration = Duration::from_millis(200);
/// How long at most an answer is awaited before the server is asked on a new connection: the old one may have been
/// forgotten on the other side. The wait doubles from question to question.
pub(crate) const LONGEST_PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of an answer that are read; `srvr` answers with some 200.
const ANSWER_CAP: u64 = 4096;

/// The connection of a probe.
#[derive(Clone, Copy, Debug)]
struct ProbeConnection {
    /// Since when the server has been held by such connections without a break.
    held_since: Timestamp,
    /// How long its connect took; None when there was none.
    connect: Option<Duration>,
}

impl ProbeConnection {
    /// None was made.
    fn none(asked_at: Timestamp) -> Self {
        Self { held_since: asked_at, connect: None }
    }
}

/// The prober of one server.
pub(in crate::proxy) struct Prober {
    /// The proxy.
    pub(in crate::proxy) proxy: Arc<ProxyState>,
    /// The server.
    pub(in crate::proxy) server: ServerId,
}

impl Prober {
    /// Looks at the server for as long as the proxy runs: while it stops, claims that wait are still to be judged by
    /// what their servers do.
    pub(in crate::proxy) async fn run(self) {
        loop {
            self.probe_on().await;
        }
    }

    async fn probe_on(&self) {
        let mut health = ServerHealth::Unknown;
        let mut patience = self.proxy.settings.probe.timeout;
        let mut question = ProbeQuestion::First;
        let mut held_since = None;
        loop {
            let before = question;
            let asked_at = self.proxy.clock.now();
            let began = Instant::now();
            let settings = self.proxy.settings.probe;
            let name = &self.proxy.names[self.server.index()];
            let activity = self.proxy.activity(self.server);
            activity.probe_begins(asked_at);
            let connected = socket::connect(name, began + settings.timeout).await;
            if connected.is_ok() {
                activity.probe_rests();
            }
            health = match connected {
                Err(error) => {
                    question = question.afresh();
                    held_since = None;
                    self.not_reached(asked_at, health, &error).await
                }
                Ok(stream) => {
                    if matches!(health, ServerHealth::Refusing | ServerHealth::Unreachable) {
                        // The port is open again; whether the server serves is asked next. Where nothing was known
                        // before this would be a rumour: it takes the server for one that is just starting.
                        self.seen(
                            ProbeConnection::none(asked_at),
                            asked_at,
                            None,
                            ProbeResult::of(ServerHealth::NotServing),
                        );
                    }
                    self.ask_in_time(stream, health, began, patience, &mut question, &mut held_since).await
                }
            };
            if health != ServerHealth::Serving {
                held_since = None;
            }
            patience = match health {
                ServerHealth::Unresponsive => (patience * 2).min(LONGEST_PATIENCE),
                _ => settings.timeout,
            };
            // One that has shown what it is to be asked is asked that at once. A server that takes connections only to
            // close them is not to be hammered.
            if question == before || health != ServerHealth::Unknown {
                sleep_until(began + AFTER_REFUSAL).await;
            }
        }
    }

    /// Records a failed connect and pauses after it.
    async fn not_reached(&self, asked_at: Timestamp, health: ServerHealth, error: &ConnectError) -> ServerHealth {
        tracing::trace!(%error, "probe");
        let Some(seen) = error.health() else {
            // The fault is on this side: it says nothing about the server.
            self.proxy.activity(self.server).probe_rests();
            self.proxy.telemetry.note_connect_failure(self.server, error.label());
            sleep(AFTER_UNREACHABLE).await;
            return health;
        };
        if seen == ServerHealth::Unreachable {
            self.proxy.activity(self.server).not_reached();
        } else {
            self.answered(asked_at, None);
        }
        self.seen(ProbeConnection::none(asked_at), asked_at, None, ProbeResult::of(seen));
        sleep(if seen == ServerHealth::Refusing { AFTER_REFUSAL } else { AFTER_UNREACHABLE }).await;
        seen
    }

    /// Holds the connection until it is time to ask, then asks.
    async fn ask_in_time(
        &self,
        mut stream: TcpStream,
        health: ServerHealth,
        began: Instant,
        patience: Duration,
        question: &mut ProbeQuestion,
        held_since: &mut Option<Timestamp>,
    ) -> ServerHealth {
        let settings = self.proxy.settings.probe;
        let now = self.proxy.clock.now();
        let connect = self.net_time(Timestamp(now.0.saturating_sub(began.elapsed().as_nanos() as u64)), now);
        let connection = ProbeConnection { held_since: *held_since.get_or_insert(now), connect: Some(connect) };
        let pause = match health {
            ServerHealth::Serving => settings.interval,
            ServerHealth::NotServing | ServerHealth::HangingUp | ServerHealth::Unresponsive => {
                WHILE_NOT_SERVING.min(settings.interval)
            }
            ServerHealth::Unknown | ServerHealth::Refusing | ServerHealth::Unreachable => Duration::ZERO,
        };
        let mut early = [0; 1];
        tokio::select! {
            () = sleep_until(began + pause) => {}
            () = self.proxy.probe_wanted(self.server) => {}
            // Nothing is expected before the question: this is the connection's end. The next connect shows
            // what it means.
            _ = stream.read(&mut early) => return if health == ServerHealth::Serving { ServerHealth::Unknown } else { health },
        }
        let word = question.word();
        let asked = self.proxy.loops.ask(self.server, word, self.proxy.clock.now());
        let health = self.await_answer(connection, &mut pin!(ask(stream, word)), patience, question).await;
        drop(asked);
        health
    }

    /// Waits for an answer, and where none comes in time goes on to wait on the same connection for as long as
    /// `patience` says, however often it is reported unresponsive meanwhile.
    async fn await_answer(
        &self,
        connection: ProbeConnection,
        asking: &mut (impl Future<Output = Vec<u8>> + Unpin),
        patience: Duration,
        question: &mut ProbeQuestion,
    ) -> ServerHealth {
        let began = Instant::now();
        let (mut in_time, first_asked_at) = (true, self.proxy.clock.now());
        loop {
            let asked_at = self.proxy.clock.now();
            self.proxy.activity(self.server).question_sent(asked_at);
            match timeout(self.proxy.settings.probe.timeout, &mut *asking).await {
                Ok(answer) if in_time => return self.heard(connection, asked_at, &answer, question),
                // An answer from long ago shows that the server is awake, and nothing of what it is now.
                Ok(_late) => {
                    let now = self.proxy.clock.now();
                    self.proxy.state.note_late_answer(self.server, now, self.net_time(first_asked_at, now));
                    self.proxy.activity(self.server).awakes();
                    return ServerHealth::Unresponsive;
                }
                // zoogate itself stood still: the server had less time than it seems, and is given that.
                Err(_) if self.paused_since(asked_at) => continue,
                Err(_) if in_time && *question == ProbeQuestion::Second && self.is_well().await => {
                    *question = ProbeQuestion::Only;
                    self.answered(asked_at, None);
                    return self.seen(connection, asked_at, None, ProbeResult::of(ServerHealth::Serving));
                }
                Err(_) => self.seen(connection, asked_at, None, ProbeResult::of(ServerHealth::Unresponsive)),
            };
            in_time = false;
            if began.elapsed() >= patience {
                return ServerHealth::Unresponsive;
            }
        }
    }

    /// What a server said that answered in time.
    fn heard(
        &self,
        connection: ProbeConnection,
        asked_at: Timestamp,
        answer: &[u8],
        question: &mut ProbeQuestion,
    ) -> ServerHealth {
        match question.read(answer) {
            ProbeReply::Seen(probe_result, next) => {
                *question = next;
                self.answered(asked_at, probe_result.zxid);
                if probe_result.role != ServerRole::Unknown {
                    self.note_details(answer);
                }
                let took = self.net_time(asked_at, self.proxy.clock.now());
                self.seen(connection, asked_at, Some(took), probe_result)
            }
            ProbeReply::Next(next) => {
                *question = next;
                self.proxy.activity(self.server).awakes();
                ServerHealth::Unknown
            }
        }
    }

    /// Whether a server that does not answer `srvr` answers `ruok` still.
    async fn is_well(&self) -> bool {
        let patience = self.proxy.settings.probe.timeout;
        let name = &self.proxy.names[self.server.index()];
        let Ok(stream) = socket::connect(name, Instant::now() + patience).await else { return false };
        let answer = timeout(patience, ask(stream, ProbeQuestion::Only.word())).await.unwrap_or_default();
        matches!(
            ProbeQuestion::Only.read(&answer),
            ProbeReply::Seen(ProbeResult { health: ServerHealth::Serving, .. }, _)
        )
    }

    fn paused_since(&self, asked_at: Timestamp) -> bool {
        !self.proxy.paused_within(asked_at, self.proxy.clock.now()).is_zero()
    }

    /// The server has answered a probe, be it by refusing it.
    fn answered(&self, asked_at: Timestamp, zxid: Option<Zxid>) {
        self.proxy.activity(self.server).probe_answered(asked_at, self.proxy.clock.now(), zxid);
    }

    /// What an answer to `srvr` tells beside the state: among it the server's own count of its connections, of which this
    /// probe's is one.
    fn note_details(&self, answer: &[u8]) {
        let (state, details) = (&self.proxy.state, ServerDetails::read_srvr(answer));
        if let Some(theirs) = details.connections {
            let own = u64::from(state.load(self.server).load(Ordering::Relaxed)) + 1;
            state.note_connections(self.server, theirs, own);
        }
        state.note_details(self.server, self.proxy.clock.now(), details);
    }

    /// The time between two moments, less zoogate's own pauses.
    fn net_time(&self, from: Timestamp, to: Timestamp) -> Duration {
        to.since(from).saturating_sub(self.proxy.paused_within(from, to))
    }

    fn seen(
        &self,
        connection: ProbeConnection,
        asked_at: Timestamp,
        answer: Option<Duration>,
        probe_result: ProbeResult,
    ) -> ServerHealth {
        let (server, connected_at) = (self.server, connection.held_since);
        let timing = ProbeTiming { connect: connection.connect, answer };
        let seen = SessionTransition::ServerSeen { server, asked_at, connected_at, timing, probe_result };
        self.proxy.server_seen(seen);
        self.proxy.probed();
        probe_result.health
    }
}

/// Asks a word; what the server says until it closes.
async fn ask(mut stream: TcpStream, word: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(word.as_bytes()).await?;
        stream.take(ANSWER_CAP).read_to_end(&mut answer).await
    };
    // However it ended: what was said by then counts.
    let _ = exchange.await;
    answer
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::proxy::shared::proxy_state::tests::proxy;
    use crate::route::{ServerSnapshot, UNREACHED_COUNTS};

    /// An address whose kernel does not answer, because the queue of its listener is full.
    async fn unreachable() -> (SocketAddr, Socket, Vec<TcpStream>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queue = Vec::new();
        while let Ok(queued) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            queue.push(queued.unwrap());
        }
        (address, listener, queue)
    }

    #[tokio::test]
    async fn one_look_that_does_not_connect_leaves_no_question_unanswered_and_shows_no_unresponsive_server() {
        let (address, _listener, _queue) = unreachable().await;
        let settings = format!("servers = \"{address}\"\nlisten = [\"127.0.0.1:1\"]\n[probe]\ntimeout = \"300ms\"");
        let proxy = Arc::new(proxy(&settings));
        let prober = tokio::spawn(Prober { proxy: Arc::clone(&proxy), server: ServerId(0) }.run());
        let snapshot = || proxy.snapshots()[0];
        let is_unresponsive =
            |snapshot: ServerSnapshot| snapshot.is_unresponsive(|since| proxy.clock.now().since(since));
        let mut counted = Vec::new();
        while snapshot().unreached < UNREACHED_COUNTS {
            let seen = snapshot();
            assert!(!is_unresponsive(seen), "{seen:?}");
            counted.push(seen.unreached);
            sleep(Duration::from_millis(5)).await;
        }
        assert!(counted.contains(&1), "{counted:?}");
        assert_eq!((is_unresponsive(snapshot()), snapshot().unanswered_since), (true, None));
        prober.abort();
    }
}
