//! The rules by which a connection's end gets its reason, one file for each kind of end.
//!
//! They look at the case, at the history of its session and at the servers, and change nothing. The order in which
//! they are asked is the order of their strength: what a connection shows by itself, what another connection of the
//! same session explains, what befell the whole server, what the session's next attach shows.

mod client;
mod dialect;
mod handshake;
mod moved;
mod pause;
mod sentence;
mod server;

use std::time::Duration;

use super::case::Case;
use super::ensemble::Ensemble;
use super::exodus::Testimony;
use super::names::ServerName;
use super::record::SessionRecord;
use crate::ids::ServerId;
use crate::session::ending::{Closer, How, ProxyClose};
use crate::session::own_pause::OwnPauseLog;
use crate::session::verdict::{Confidence, EndReason, Evidence};
use crate::time::Timestamp;
use crate::wire::handshake::Password;
use crate::wire::{ErrorCode, OpCode};

pub(super) use handshake::{after_look, pushed_aside_unanswered};
pub(super) use moved::{refused_in_words, rival_servers};
pub(super) use server::{after_exodus, after_return, explained_by_sibling, has_own_reason, without_return};

/// A reason with the sentence behind it, and the verdict that goes with it when the session had moved.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Ruling {
    pub(super) reason: EndReason,
    pub(super) why: String,
    pub(super) flag: Option<Flag>,
}

/// What a verdict adds to the facts of its case.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Flag {
    pub(super) evidence: Evidence,
    pub(super) confidence: Confidence,
    pub(super) claimed_by: Option<ServerId>,
    pub(super) why: Vec<String>,
}

impl Ruling {
    fn of(reason: EndReason, why: impl Into<String>) -> Self {
        Self { reason, why: why.into(), flag: None }
    }

    fn moved(flag: Flag) -> Self {
        Self { reason: EndReason::SessionMoved, why: flag.why.first().cloned().unwrap_or_default(), flag: Some(flag) }
    }
}

/// What the rules may look at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) case: &'a Case,
    /// None when the session is not known, or was forgotten.
    pub(super) session: Option<&'a SessionRecord>,
    pub(super) ensemble: &'a Ensemble,
    pub(super) own_pauses: &'a OwnPauseLog,
}

impl<'a> Scene<'a> {
    /// What the case's server is called.
    fn server(&self) -> ServerName<'a> {
        self.ensemble.name(self.case.claim.server)
    }

    /// How long nothing was heard until the end, the time left out in which zoogate itself stood still.
    fn silence(&self, heard_at: Timestamp) -> Duration {
        let ended_at = self.case.ended_at;
        ended_at.since(heard_at).saturating_sub(self.own_pauses.within(heard_at, ended_at))
    }
}

/// The reason of an end that needs no more evidence.
pub(super) fn at_once(scene: Scene<'_>) -> Option<Ruling> {
    let case = scene.case;
    if let Some(ruling) = dialect::at_once(scene) {
        return Some(ruling);
    }
    if let super::attachment::Outcome::Refused { .. } = case.claim.outcome {
        return Some(refused(scene));
    }
    match case.end.closer {
        Closer::Proxy(ProxyClose::Shutdown) => {
            return Some(Ruling::of(EndReason::ProxyShutdown, "the proxy was stopping"));
        }
        Closer::Proxy(ProxyClose::HandshakeDeadline) => return Some(handshake::given_up(scene)),
        Closer::Proxy(ProxyClose::MuteServer) => return Some(left_mute(scene)),
        Closer::Proxy(ProxyClose::LateClaim) => return Some(moved::late_claim(scene)),
        Closer::Proxy(ProxyClose::Superseded) => return Some(superseded(scene)),
        Closer::Client(_) | Closer::Server(_) => {}
    }
    if case.attached_at().is_none() {
        return handshake::at_once(scene);
    }
    if case.end.closing && !refused_before_close(case) {
        return Some(dialect::closed(scene));
    }
    if let Some(ruling) = fatal(scene) {
        return Some(ruling);
    }
    match case.end.closer {
        Closer::Client(how) => Some(client::gone(scene, how)),
        Closer::Server(How::Timeout) => {
            Some(Ruling::of(EndReason::ServerGone, format!("the path to server {} timed out", scene.server())))
        }
        _ => server::at_once(scene),
    }
}

/// Whether the server ended the connection at a request in front of the one that closes the session.
fn refused_before_close(case: &Case) -> bool {
    let close = case.end.unanswered.iter().position(|request| request.op == OpCode::CLOSE_SESSION);
    let behind = close.map_or(case.end.skipped > 0, |place| place > 0);
    behind && matches!(case.end.closer, Closer::Server(How::Fin))
}

/// A claim that was answered with timeout 0.
fn refused(scene: Scene<'_>) -> Ruling {
    let server = scene.server();
    match scene.case.claim.password {
        Password::Wrong => Ruling::of(
            EndReason::WrongPassword,
            format!("server {server} refused the claim: its password does not belong to the session"),
        ),
        Password::Unjudged => Ruling::of(
            EndReason::SessionExpired,
            format!("server {server} refused the claim; whether its password was right cannot be seen"),
        ),
        Password::Right => {
            let mut others = scene.session.into_iter().flat_map(SessionRecord::attachments);
            let alive = others.find(|other| other.is_attached()).map_or_else(String::new, |other| {
                let at = scene.ensemble.name(other.claim.server);
                format!("; connection {} at server {at} still carries it", other.connection)
            });
            let closed = scene.session.and_then(SessionRecord::closed_at).map_or_else(String::new, |at| {
                format!("; its client had closed it {} ms before", scene.case.ended_at.since(at).as_millis())
            });
            Ruling::of(
                EndReason::SessionExpired,
                format!(
                    "server {server} refused the claim with timeout 0 though the password was right{closed}{alive}"
                ),
            )
        }
        Password::NotNeeded => Ruling::of(
            EndReason::Unknown,
            format!("server {server} answered the wish for a new session with timeout 0"),
        ),
    }
}

/// A server that accepted and no longer answered.
fn left_mute(scene: Scene<'_>) -> Ruling {
    let (case, server) = (scene.case, scene.server());
    let silent = case.ended_at.since(case.end.server_heard_at).as_millis();
    let why = format!("server {server} was mute, {silent} ms after its last byte: the client was sent to find another");
    Ruling::of(EndReason::ServerGone, why)
}

/// The session's client came back on a newer connection.
fn superseded(scene: Scene<'_>) -> Ruling {
    let why = format!(
        "the client came back with the session's password, so zoogate closed this older connection to server {} \
         before the new claim went up",
        scene.server()
    );
    Ruling::of(EndReason::Superseded, why)
}

/// An error after which servers close.
fn fatal(scene: Scene<'_>) -> Option<Ruling> {
    let (case, server) = (scene.case, scene.server());
    let error = case.end.fatal_error?;
    let (reason, words) = match error {
        ErrorCode::AUTH_FAILED => (EndReason::AuthFailed, "the client's authentication failed"),
        ErrorCode::SASL_REQUIRED => (EndReason::AuthFailed, "the server wants authentication first"),
        _ if dialect::is_keepers(scene, error) => (EndReason::ServerLeaving, dialect::KEEPER_STOPS),
        ErrorCode::SESSION_EXPIRED => (EndReason::SessionExpired, "the session was over"),
        _ if matches!(case.end.closer, Closer::Client(_)) => return None,
        ErrorCode::UNIMPLEMENTED => (EndReason::Unknown, "it does not know what the client asked for, and closes"),
        _ => (EndReason::Unknown, "it closes after such a reply"),
    };
    Some(Ruling::of(reason, format!("server {server} answered {error}: {words}")))
}

/// Who says that the server was serving, as a sentence.
fn testimony(scene: Scene<'_>, testimony: Testimony) -> Option<String> {
    let server = scene.server();
    match testimony {
        Testimony::Others(1) => Some(format!("server {server} went on serving: another connection to it stayed open")),
        Testimony::Others(others) => {
            Some(format!("server {server} went on serving: {others} other connections to it stayed open"))
        }
        Testimony::Seen(after) => {
            Some(format!("server {server} went on serving: it said so when asked {} ms later", after.as_millis()))
        }
        Testimony::Nobody => None,
    }
}
