//! Finding a server for a pooled client's claim, inside the time that the client can spare.
//!
//! Candidates are tried one after the other. A server that refuses, hangs up before it answers, or lets its
//! share of the time pass is left for the next one, as long as the client has been sent nothing. The bytes that
//! go up are the client's own, unchanged.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::gate::READ_AHEAD;
use super::gateway::{Arrival, Gateway, Load, claim_budget};
use super::socket::{self, ConnectError};
use super::witness::{Conversation, Prospect};
use crate::ids::ServerId;
use crate::route::{Candidate, ConnectIntent, choose};
use crate::session::ending::{Closer, How, ProxyClose};
use crate::wire::handshake::ConnectRequest;

/// Bytes that are read of a server's answer; a ConnectResponse has 41.
const ANSWER: usize = 512;

/// A claim that a server has answered.
pub(super) struct Attached {
    /// The server's connection.
    pub(super) server: TcpStream,
    /// Which server it is.
    pub(super) id: ServerId,
    /// What it said so far; the client has seen none of it yet.
    pub(super) answer: Vec<u8>,
    /// The conversation up to here.
    pub(super) conversation: Box<Conversation>,
}

/// Why no server was found.
#[derive(Debug)]
pub(super) enum ClaimError {
    /// The client went away meanwhile.
    ClientLeft,
    /// Every server refused, hung up or kept silent.
    NoServer,
}

/// How one candidate failed.
enum Miss {
    NextServer,
    ClientLeft,
}

/// A claim on its way.
pub(super) struct Claim<'a> {
    /// The proxy.
    pub(super) gateway: &'a Arc<Gateway>,
    /// The client.
    pub(super) arrival: Arrival,
    /// What it claims.
    pub(super) request: ConnectRequest,
    /// Its first frame as it came.
    pub(super) frame: &'a [u8],
}

/// The servers for an intent in the order in which they are tried.
pub(super) fn candidates(gateway: &Gateway, intent: ConnectIntent) -> Vec<Candidate> {
    let observatory = &gateway.observatory;
    let load = |server| observatory.load(server).load(std::sync::atomic::Ordering::Relaxed);
    choose(intent, &observatory.roster(), load, |_| false, gateway.next_turn())
}

/// Connects to a candidate; a failure is counted and has the server looked at.
///
/// # Errors
/// [`ConnectError`].
pub(super) async fn reach(gateway: &Gateway, id: ServerId, deadline: Instant) -> Result<TcpStream, ConnectError> {
    let name = &gateway.names[id.index()];
    let outcome = socket::connect(name, deadline).await;
    if let Err(error) = &outcome {
        gateway.observatory.note_connect_failure(id, error.label());
        gateway.probe_soon(id);
        tracing::debug!(server = %name.server(), %error, "server not reached");
    }
    outcome
}

impl Claim<'_> {
    /// Finds a server. `client` is only watched for its end; what it sends meanwhile is added to `ahead`.
    ///
    /// # Errors
    /// [`ClaimError`]; the client has been sent nothing.
    pub(super) async fn place(&self, client: &mut TcpStream, ahead: &mut Vec<u8>) -> Result<Attached, ClaimError> {
        let deadline = Instant::now() + claim_budget(self.request.timeout_ms);
        let candidates = candidates(self.gateway, self.intent());
        let count = candidates.len();
        for (place, candidate) in candidates.into_iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = Instant::now() + left / (count - place) as u32;
            match self.attempt(candidate, share, client, ahead).await {
                Ok(attached) => return Ok(attached),
                Err(Miss::ClientLeft) => return Err(ClaimError::ClientLeft),
                Err(Miss::NextServer) => {}
            }
        }
        Err(ClaimError::NoServer)
    }

    fn intent(&self) -> ConnectIntent {
        let pinned = self.gateway.pins() && !self.request.session.is_new();
        let placed_on = pinned.then(|| self.gateway.observatory.placed_on(self.request.session)).flatten();
        let read_only = self.request.read_only.unwrap_or(false);
        ConnectIntent { session: self.request.session, placed_on, avoids: None, read_only }
    }

    async fn attempt(
        &self,
        candidate: Candidate,
        deadline: Instant,
        client: &mut TcpStream,
        ahead: &mut Vec<u8>,
    ) -> Result<Attached, Miss> {
        let id = candidate.server;
        // Counted from the choice on, so that claims of one moment do not all choose the same server.
        let _chosen = Load::add(&self.gateway.observatory, id);
        let Ok(mut server) = reach(self.gateway, id, deadline).await else { return Err(Miss::NextServer) };
        let (gateway, arrival) = (Arc::clone(self.gateway), self.arrival);
        let mut conversation = Prospect { gateway, arrival, server: id, routed: candidate.reason }.conversation();
        conversation.on_client_bytes(self.gateway.clock.now(), self.frame);
        let mut answer = Vec::with_capacity(ANSWER);
        let closer = match server.write_all(self.frame).await {
            Ok(()) => self.answer(&mut server, &mut answer, deadline, client, ahead).await,
            Err(error) => Some(Closer::Server(socket::how(&error))),
        };
        let Some(closer) = closer else {
            conversation.on_server_bytes(self.gateway.clock.now(), &answer);
            return Ok(Attached { server, id, answer, conversation });
        };
        conversation.end(closer);
        self.gateway.probe_soon(id);
        match closer {
            Closer::Client(_) => Err(Miss::ClientLeft),
            Closer::Server(_) | Closer::Proxy(_) => Err(Miss::NextServer),
        }
    }

    /// Waits for the first bytes of the server's answer; Some when there will be none.
    async fn answer(
        &self,
        server: &mut TcpStream,
        answer: &mut Vec<u8>,
        deadline: Instant,
        client: &mut TcpStream,
        ahead: &mut Vec<u8>,
    ) -> Option<Closer> {
        loop {
            let room = ahead.len() < READ_AHEAD;
            tokio::select! {
                biased;
                read = server.read_buf(answer) => return match read {
                    Ok(0) => Some(Closer::Server(How::Fin)),
                    Ok(_) => None,
                    Err(error) => Some(Closer::Server(socket::how(&error))),
                },
                read = client.read_buf(ahead), if room => match read {
                    Ok(0) => return Some(Closer::Client(How::Fin)),
                    Ok(_) => {}
                    Err(error) => return Some(Closer::Client(socket::how(&error))),
                },
                () = sleep_until(deadline) => return Some(Closer::Proxy(ProxyClose::HandshakeDeadline)),
            }
        }
    }
}
