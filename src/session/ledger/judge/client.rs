//! Ends that the client made.

use std::time::Duration;

use super::handshake::ADDRESSES;
use super::{Ruling, Scene, moved};
use crate::session::ending::{How, Pause};
use crate::session::ledger::case::Case;
use crate::session::verdict::EndReason;

/// Room for the rounding of a client's clock, and for the way from the server to it.
const ROUNDING: Duration = Duration::from_millis(50);

/// How long a client's end and an answer that crossed it may be apart: there and back again between it and the proxy,
/// which is near.
const CROSSING: Duration = Duration::from_millis(5);

/// Why a client that was attached went away first.
pub(super) fn gone(scene: Scene<'_>, how: How) -> Ruling {
    let case = scene.case;
    if let Some(ruling) = moved::client_met_gap(scene) {
        return ruling;
    }
    let timeout = case.claim.timeout();
    let (server, silence) = (scene.server(), case.server_silence());
    // Whoever speaks is answered, be it only by an authentication's outcome.
    let owed = case.owed() || case.end.client_heard_at > case.end.server_heard_at;
    if owed && (silence + ROUNDING) * 3 >= timeout * 2 {
        return Ruling::of(
            EndReason::ClientReadTimeout,
            format!(
                "the client gave up after server {server} had owed it an answer and said nothing for {} ms, \
                 two thirds of the timeout of {} ms",
                silence.as_millis(),
                timeout.as_millis()
            ),
        );
    }
    if let Some(pause) = just_over(case).filter(|pause| (pause.lasted + ROUNDING) * 3 >= timeout * 2) {
        return Ruling::of(
            EndReason::ClientReadTimeout,
            format!(
                "the client gave up as server {server} answered again after {} ms, two thirds of the timeout of {} ms",
                pause.lasted.as_millis(),
                timeout.as_millis()
            ),
        );
    }
    if let Some(waited) = answered_late(case) {
        return Ruling::of(
            EndReason::ClientReadTimeout,
            format!(
                "the client gave up as server {server} answered its claim after {} ms, with a timeout of {} ms",
                waited.as_millis(),
                timeout.as_millis()
            ),
        );
    }
    if is_silent(case) {
        return Ruling::of(
            EndReason::ClientSilent,
            format!(
                "the client had sent nothing for {} ms before it went, with a timeout of {} ms it pings every {} ms",
                case.client_silence().as_millis(),
                timeout.as_millis(),
                (timeout / 3).as_millis()
            ),
        );
    }
    let way = match how {
        How::Fin => "closed its connection",
        How::Reset => "reset its connection",
        How::Timeout => "could not be reached any longer",
    };
    Ruling::of(EndReason::ClientGone, format!("the client {way} without closing its session"))
}

/// A silence of the server that it broke so late that the client, on its way, cannot have heard of it.
fn just_over(case: &Case) -> Option<Pause> {
    case.end.server_pause.filter(|pause| case.ended_at.since(pause.over_at) <= ROUNDING)
}

/// How long the client waited for the answer to its claim, when that came so late that the client, on its way, cannot
/// have heard of it.
fn answered_late(case: &Case) -> Option<Duration> {
    let attached_at = case.attached_at().filter(|at| case.ended_at.since(*at) <= CROSSING)?;
    let waited = attached_at.since(case.claim.claimed_at);
    (waited >= case.claim.timeout() / ADDRESSES).then_some(waited)
}

/// Whether the client itself had been silent for longer than it pings (a third of the timeout), with half as much
/// again for slack, while the server owed it nothing.
fn is_silent(case: &Case) -> bool {
    case.client_silence() > case.claim.timeout() / 2 && !case.owed()
}
