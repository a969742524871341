//! Ends that the client made.

use std::time::Duration;

use super::handshake::ADDRESSES;
use super::{Ruling, Scene, moved, pause};
use crate::session::ending::{How, Pause};
use crate::session::ledger::case::Case;
use crate::session::verdict::EndReason;

/// Room for the rounding of a client's clock, and for the way from the server to it.
pub(super) const ROUNDING: Duration = Duration::from_millis(50);

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
    let server = scene.server();
    let (silence, heard_at) = (case.server_silence(), case.end.server_heard_at);
    let gives_up = |silence: Duration| (silence + ROUNDING) * 3 >= timeout * 2;
    // Whoever speaks is answered, be it only by an authentication's outcome.
    let owed = case.owed() || case.end.client_heard_at > case.end.server_heard_at;
    if owed && gives_up(silence) {
        if !gives_up(scene.silence(heard_at)) {
            return pause::client_gave_up(scene, silence, scene.silence(heard_at));
        }
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
    if let Some(pause) = just_over(case).filter(|pause| gives_up(pause.lasted)) {
        let without = pause.lasted.saturating_sub(scene.own_pauses.within(pause.from(), pause.over_at));
        if !gives_up(without) {
            return pause::client_gave_up(scene, pause.lasted, without);
        }
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
        let own = scene.own_pauses.within(case.claim.claimed_at, case.ended_at);
        if !is_late(case, waited.saturating_sub(own)) {
            return pause::client_gave_up(scene, waited, waited.saturating_sub(own));
        }
        return Ruling::of(
            EndReason::ClientReadTimeout,
            format!(
                "the client gave up as server {server} answered its claim after {} ms, with a timeout of {} ms",
                waited.as_millis(),
                timeout.as_millis()
            ),
        );
    }
    if is_silent(scene) {
        return Ruling::of(
            EndReason::ClientSilent,
            format!(
                "the client had sent nothing for {} ms before it went, with a timeout of {} ms it pings every {} ms",
                scene.silence(case.end.client_heard_at).as_millis(),
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
    is_late(case, waited).then_some(waited)
}

/// Whether a client gives a claim up that was not answered for so long.
pub(super) fn is_late(case: &Case, waited: Duration) -> bool {
    waited >= case.claim.timeout() / ADDRESSES
}

/// Whether the client itself had been silent for longer than it pings (a third of the timeout), with half as much
/// again for slack, while the server owed it nothing.
fn is_silent(scene: Scene<'_>) -> bool {
    let case = scene.case;
    scene.silence(case.end.client_heard_at) > case.claim.timeout() / 2 && !case.owed()
}
