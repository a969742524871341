//! A client and a server, joined: both directions in one future that lives until both have ended.
//!
//! Bytes are forwarded first and looked at second. One clock reading serves a whole wake-up. Ends are mirrored:
//! an orderly end closes the other side's direction, a reset resets the other side.

pub(crate) mod awaited_data;
pub(in crate::proxy) mod busy_poll;
pub(crate) mod half_pipe;
pub(crate) mod live_sink;
mod relay_stream;
mod tapped_connection;

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use self::half_pipe::{HalfPipe, PipeError, PipeProgress};
use self::live_sink::LiveInspector;
use self::relay_stream::RelayStream;
use super::clock::Clock;
use super::network::socket;
use super::shared::permit::Permit;
use super::shared::proxy_state::ProxyState;
use crate::control::{RegisteredConnection, RelayCommand, SessionHolder};
use crate::ids::{ServerId, SessionId};
use crate::observe::Direction;
use crate::session::OwedSilence;
use crate::session::client_profile::ClientProfile;
use crate::session::connection_end::{CloseKind, ConnectionCloser, DisconnectPoint, ProxyClose};
use crate::time::Timestamp;

/// How long one direction may stay open without a word after the other has ended. ZooKeeper has nothing to say
/// on half a connection; without this a peer that never closes would hold two sockets for ever.
pub(crate) const LINGER: Duration = Duration::from_mins(1);

/// Part of the session timeout for which a server must have owed an answer before it is given up, however long it has said
/// nothing: a client that asks seldom hears seldom, and most freezes are short.
const OWED_PART: u32 = 4;

/// Whether a server that says nothing is given up. `client` looks up which library the client is: only for a silence that
/// may be long enough, as it takes the ledger's lock. `lasted` is how long ago something was.
fn is_given_up(
    silence: &OwedSilence,
    client: impl FnOnce() -> ClientProfile,
    lasted: impl Fn(Timestamp) -> Duration,
) -> bool {
    let OwedSilence { heard_at, owed_since, timeout } = *silence;
    let silent = lasted(heard_at);
    silent >= ClientProfile::least_pooled_patience(timeout)
        && lasted(owed_since) >= timeout / OWED_PART
        && silent >= client().pooled_patience(timeout)
}

/// Who of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RelaySide {
    Client,
    Server,
}

/// How the relay is found and commanded to end.
pub(super) struct RelayRegistration {
    /// Its place in the registry.
    pub(super) registered: RegisteredConnection,
    /// The server that it is with.
    pub(super) server: ServerId,
    /// Who holds it. A pooled address gives up an unresponsive server, as there is another to go to.
    pub(super) holder: SessionHolder,
    /// When claims of the session were left behind on the way here: looked at once, as the relay begins.
    pub(super) left_behind: Option<LeftClaims>,
}

/// The registration of a relay that has begun.
pub(super) struct BegunRelay {
    registered: RegisteredConnection,
    /// Whether its server is given up when it owes an answer for too long.
    gives_up: bool,
}

impl RelayRegistration {
    /// The connection is relayed by the calling task from now on.
    pub(super) async fn begin(self) -> BegunRelay {
        poll_fn(|cx| {
            self.registered.relayed(self.holder, cx.waker());
            Poll::Ready(())
        })
        .await;
        if let Some(LeftClaims { proxy, session, since }) = self.left_behind
            && proxy.claim_registry.was_answered_late(session, self.server, since)
        {
            self.registered.handle().send(RelayCommand::EndForLateClaim);
        }
        BegunRelay { registered: self.registered, gives_up: self.holder != SessionHolder::Mirrored }
    }
}

/// Claims of a session that were left behind at other servers before this one answered.
pub(super) struct LeftClaims {
    /// The proxy.
    pub(super) proxy: Arc<ProxyState>,
    /// The session.
    pub(super) session: SessionId,
    /// When the claim that was answered had been sent: what is carried out later than that may win.
    pub(super) since: Timestamp,
}

/// A joined pair of connections.
pub(super) struct Relay<C, S> {
    client: Option<C>,
    server: Option<S>,
    up: HalfPipe,
    down: HalfPipe,
    inspector: Box<LiveInspector>,
    clock: Clock,
    /// Whether the first sign of the end was noted.
    ending: bool,
    /// A side that failed to take bytes, and how: it is as good as gone once its own bytes are read.
    broken: Option<(RelaySide, CloseKind)>,
    linger: Option<Pin<Box<Sleep>>>,
    /// Whether bytes have moved since the time was last looked at for lingering.
    stirred: bool,
    begun: BegunRelay,
    _permit: Permit,
}

/// How a joined pair parts.
enum RelayShutdown {
    /// Both directions have ended.
    InOrder,
    /// One side broke: the other is reset.
    Reset,
    /// The server is to get nothing more: its side is reset, with what the kernel holds for it.
    Superseded,
    /// As an operator wants: a side that does not take what is held for it is reset, the other one ends in order.
    Disconnected(DisconnectPoint),
}

impl<C: RelayStream, S: RelayStream> Relay<C, S> {
    /// Joins two connections whose directions may already hold bytes.
    pub(super) fn new(
        (client, up): (C, HalfPipe),
        (server, down): (S, HalfPipe),
        inspector: Box<LiveInspector>,
        clock: Clock,
        begun: BegunRelay,
        permit: Permit,
    ) -> Self {
        Self {
            client: Some(client),
            server: Some(server),
            up,
            down,
            inspector,
            clock,
            ending: false,
            broken: None,
            linger: None,
            stirred: false,
            begun,
            _permit: permit,
        }
    }

    /// Notes the first sign of the end; later ones follow from it.
    #[cold]
    fn sign(&mut self, closer: ConnectionCloser) {
        if !self.ending {
            self.ending = true;
            // A client that does not read cannot have seen an answer: its server is not blamed for the silence.
            if !self.down.is_empty() || matches!(self.broken, Some((RelaySide::Client, _))) {
                self.inspector.sink_mut().client_is_full();
            }
            self.inspector.close(closer);
            self.linger = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
    }

    fn ended_by(&mut self, side: RelaySide, how: CloseKind) {
        // A side that failed to take bytes broke then already; its end, read later, only repeats it.
        let how = self.broken.filter(|(broken, _)| *broken == side).map_or(how, |(_, how)| how);
        self.sign(match side {
            RelaySide::Client => ConnectionCloser::Client(how),
            RelaySide::Server => ConnectionCloser::Server(how),
        });
    }

    /// Moves what can be moved both ways.
    #[inline]
    fn poll_pipes(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Option<RelayShutdown> {
        let (Some(client), Some(server)) = (&mut self.client, &mut self.server) else {
            return Some(RelayShutdown::InOrder);
        };
        let inspector = &mut self.inspector;
        let up = self.up.poll_turn(cx, client, server, |bytes| inspector.read_client(now, bytes));
        let down = self.down.poll_turn(cx, server, client, |bytes| inspector.read_server(now, bytes));
        // Once in a turn and not for each piece: the counters are written as seldom as bytes come in batches.
        if inspector.finish_turn() {
            let in_flight = inspector.in_flight();
            self.up.set_in_flight(in_flight);
            self.down.set_in_flight(in_flight);
            self.stirred = true;
            busy_poll::note_activity(self.begun.registered.number().0);
            inspector.sink().work(now);
        }
        for (pipe, direction) in [(&mut self.up, Direction::Request), (&mut self.down, Direction::Reply)] {
            if pipe.take_pause() {
                self.inspector.sink().count_pause(direction);
            }
        }
        match (up, down) {
            (Poll::Pending, Poll::Pending) => None,
            (up, down) => self.after_turns(cx, now, up, down),
        }
    }

    /// The rare turns: a direction ended or broke.
    #[cold]
    fn after_turns(
        &mut self,
        cx: &mut Context<'_>,
        now: Timestamp,
        up: Poll<Result<PipeProgress, PipeError>>,
        down: Poll<Result<PipeProgress, PipeError>>,
    ) -> Option<RelayShutdown> {
        let mut again = false;
        for (turn, source, sink) in
            [(up, RelaySide::Client, RelaySide::Server), (down, RelaySide::Server, RelaySide::Client)]
        {
            match turn {
                Poll::Pending | Poll::Ready(Ok(PipeProgress::Ended)) => {}
                Poll::Ready(Ok(PipeProgress::SourceEnded)) => {
                    self.ended_by(source, CloseKind::Fin);
                    again = true;
                }
                Poll::Ready(Err(PipeError::Source(error))) => {
                    self.ended_by(source, socket::how(&error));
                    return Some(RelayShutdown::Reset);
                }
                Poll::Ready(Err(PipeError::Sink(error))) => {
                    // What the broken side had sent before is still worth forwarding.
                    self.broken.get_or_insert((sink, socket::how(&error)));
                    self.pipe_from(source).give_up();
                    // Its own bytes are all read, so nothing is left for which the pair would have to stay.
                    if !self.pipe_from(sink).is_open() {
                        self.ended_by(sink, CloseKind::Reset);
                        return Some(RelayShutdown::Reset);
                    }
                    again = true;
                }
            }
        }
        if !self.up.is_open() && !self.down.is_open() {
            return Some(if self.broken.is_some() { RelayShutdown::Reset } else { RelayShutdown::InOrder });
        }
        if again { self.poll_pipes(cx, now) } else { None }
    }

    fn pipe_from(&mut self, side: RelaySide) -> &mut HalfPipe {
        match side {
            RelaySide::Client => &mut self.up,
            RelaySide::Server => &mut self.down,
        }
    }

    /// Follows a command to this relay; Some when it ends by it.
    #[cold]
    fn heed(&mut self, command: RelayCommand, now: Timestamp) -> Option<RelayShutdown> {
        let settled = self.up.is_empty() && self.down.is_empty();
        let close = match command {
            RelayCommand::GoOn => None,
            RelayCommand::CheckServer => {
                // Taken back before it is looked at, so that a check which comes meanwhile is not lost.
                self.begun.registered.handle().checked();
                // Of a server that is not read, as its client takes nothing, it is unknown whether it is silent.
                let may_be = self.begun.gives_up && self.down.is_empty();
                let silence = if may_be { self.inspector.server_silence() } else { None };
                let sink = self.inspector.sink();
                let lasted = |since| sink.lasted(since, now);
                let is_given_up =
                    silence.is_some_and(|silence| is_given_up(&silence, || sink.client_profile(), lasted));
                is_given_up.then_some(ProxyClose::UnresponsiveServer)
            }
            RelayCommand::EndWhenIdle => (settled && self.inspector.is_idle()).then_some(ProxyClose::Shutdown),
            RelayCommand::EndAtBoundary => (settled && self.inspector.at_boundary()).then_some(ProxyClose::Shutdown),
            RelayCommand::EndForLateClaim => (settled && self.inspector.at_boundary()).then_some(ProxyClose::LateClaim),
            RelayCommand::DisconnectAtBoundary | RelayCommand::DisconnectNow => {
                self.disconnect_point(command == RelayCommand::DisconnectNow, settled).map(ProxyClose::Operator)
            }
            RelayCommand::Superseded => Some(ProxyClose::Superseded),
        };
        let close = close?;
        self.sign(ConnectionCloser::Proxy(close));
        Some(match close {
            ProxyClose::Superseded => RelayShutdown::Superseded,
            ProxyClose::Operator(point) => RelayShutdown::Disconnected(point),
            _ => RelayShutdown::InOrder,
        })
    }

    /// Where an operator's wish ends the connection now; None while that waits for the end of a frame.
    fn disconnect_point(&self, now: bool, settled: bool) -> Option<DisconnectPoint> {
        // Without frames there is no boundary to wait for.
        if self.inspector.is_opaque() {
            return Some(DisconnectPoint::Opaque);
        }
        let at_boundary = settled && self.inspector.at_boundary();
        at_boundary.then_some(DisconnectPoint::Boundary).or(now.then_some(DisconnectPoint::Deadline))
    }

    /// Looks whether a pair of which one direction has ended has been silent for too long.
    #[cold]
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<RelayShutdown> {
        let Some(linger) = &mut self.linger else { return Poll::Pending };
        ready!(linger.as_mut().poll(cx));
        // Bytes have moved since the timer was set. It is set anew here and not for each byte, which would cost every
        // turn.
        while mem::take(&mut self.stirred) {
            linger.as_mut().reset(Instant::now() + LINGER);
            ready!(linger.as_mut().poll(cx));
        }
        // What the kernel still holds for a slow peer it may deliver; what is held here cannot be delivered.
        Poll::Ready(if self.up.is_empty() && self.down.is_empty() {
            RelayShutdown::InOrder
        } else {
            RelayShutdown::Reset
        })
    }

    fn part(&mut self, shutdown: &RelayShutdown) {
        let (client_breaks, server_breaks) = match shutdown {
            RelayShutdown::InOrder => (false, false),
            RelayShutdown::Disconnected(_) => (!self.down.is_empty(), !self.up.is_empty()),
            RelayShutdown::Superseded => (false, true),
            RelayShutdown::Reset => (true, true),
        };
        // What does not break ends in order, as it is dropped here.
        if let Some(client) = self.client.take()
            && client_breaks
        {
            client.abort();
        }
        if let Some(server) = self.server.take()
            && server_breaks
        {
            server.abort();
        }
        if let RelayShutdown::Disconnected(point) = shutdown {
            self.begun.registered.disconnected_at(*point);
        }
    }
}

impl<C: RelayStream, S: RelayStream> Future for Relay<C, S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let command = this.begun.registered.handle().command();
        // One reading of the clock for the whole wake-up: all that is seen in it happened at one moment as far as is
        // known.
        let now = this.clock.now();
        // What is still to be sent belongs to a client that has come back and begun anew: nothing of it goes up.
        let mut shutdown = if command == RelayCommand::Superseded { None } else { this.poll_pipes(cx, now) };
        if shutdown.is_none() && command != RelayCommand::GoOn {
            shutdown = this.heed(command, now);
        }
        if shutdown.is_none()
            && this.linger.is_some()
            && let Poll::Ready(late) = this.poll_linger(cx)
        {
            shutdown = Some(late);
        }
        match shutdown {
            Some(shutdown) => {
                this.part(&shutdown);
                Poll::Ready(())
            }
            None => Poll::Pending,
        }
    }
}

impl<C, S> Drop for Relay<C, S> {
    fn drop(&mut self) {
        // Dropped without an end of its own: the runtime is going down, and the ledger must not keep it open for
        // ever.
        if !self.ending {
            self.inspector.close(ConnectionCloser::Proxy(ProxyClose::Shutdown));
        }
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
