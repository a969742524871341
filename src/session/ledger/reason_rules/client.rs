//! Ends that the client made.

use std::time::Duration;

use super::spans::{ADDRESSES, ROUNDING, TOGETHER, is_late};
use super::{RuleInput, moved, pause};
use crate::session::HELD_UP;
use crate::session::connection_end::{CloseKind, ServerSilence};
use crate::session::fact::{ClientFact, Fact};
use crate::session::ledger::unexplained_close::UnexplainedClose;
use crate::session::verdict::{Confidence, EndReason, Explanation};

/// How long a client's end and an answer that crossed it may be apart: there and back again between it and the proxy,
/// which is near.
const CROSSING: Duration = Duration::from_millis(5);

/// Why a client that was attached went away first.
pub(super) fn gone(input: RuleInput<'_>, how: CloseKind) -> Explanation {
    let close = input.close;
    // Both are closes that a client makes at a reply that it has just read, so they come before everything that is
    // reckoned from silences.
    if let Some(explanation) = at_long_reply(input).or_else(|| moved::client_met_gap(input)) {
        return explanation;
    }
    if let Some(explanation) = gave_up(input) {
        return explanation;
    }
    if is_silent(input) {
        let (silence, timeout) = (input.silence(close.end.client_heard_at), close.claim.timeout());
        return Explanation::likely(EndReason::ClientSilent, [ClientFact::Silent { silence, timeout }]);
    }
    Explanation::as_ever(
        EndReason::ClientGone,
        Confidence::Likely,
        match how {
            CloseKind::Fin => const { &[Fact::Client(ClientFact::Ended { how: CloseKind::Fin })] },
            CloseKind::Reset => const { &[Fact::Client(ClientFact::Ended { how: CloseKind::Reset })] },
            CloseKind::Timeout => const { &[Fact::Client(ClientFact::Ended { how: CloseKind::Timeout })] },
        },
    )
}

/// The client hung up at a reply that is longer than clients take by default: it closes at the reply's length, before
/// it reads on (`ClientCnxnSocket.readLength`). One that takes longer replies goes on instead.
fn at_long_reply(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    let reply = close.end.long_reply.as_ref()?;
    let after = close.ended_at.since(reply.began_at);
    let at_once = input.silence(reply.began_at) <= TOGETHER || !reply.whole;
    // A client that has read such a reply before does not mind its length.
    if reply.earlier > 0 || !at_once {
        return None;
    }
    let fact = ClientFact::LongReply {
        length: reply.length,
        limit: reply.limit,
        request: reply.request.clone(),
        whole: reply.whole,
        after,
    };
    Some(Explanation::likely(EndReason::ReplyTooLarge, [fact]))
}

/// The client gave up a server that kept it waiting, or so it seemed to it.
pub(super) fn gave_up(input: RuleInput<'_>) -> Option<Explanation> {
    let (close, timeout, profile) = (input.close, input.close.claim.timeout(), input.profile());
    let patience = profile.gives_up_after(timeout);
    let is_enough = |silence: Duration| patience.is_some_and(|patience| silence + ROUNDING >= patience);
    // A peer that speaks is answered, if only by an authentication's outcome.
    let owed = close.owed() || close.end.client_heard_at > close.end.server_heard_at;
    let silence = close.server_silence();
    let without = input.silence(close.end.server_heard_at);
    // What came in together with the client's end had been held up before it came here, if not by zoogate itself.
    let came_together = close.end.owed_since().is_some_and(|since| close.ended_at.since(since) < HELD_UP);
    let was_held_up = came_together && without == silence;
    if owed && is_enough(silence) && !was_held_up {
        let fact = ClientFact::GaveUp { silence: without, timeout };
        return Some(blame(input, silence, without, is_enough(without), fact));
    }
    // The answer that ended the silence and the client's close crossed on the wire: the client closed because of the
    // silence, although the proxy saw it broken.
    if let Some(pause) = just_over(close).filter(|pause| is_enough(pause.lasted)) {
        let without = pause.lasted.saturating_sub(input.own_pauses.within(pause.from(), pause.over_at));
        let fact = ClientFact::CrossedAnswer { silence: without, timeout, claim: false };
        return Some(blame(input, pause.lasted, without, is_enough(without), fact));
    }
    // The same crossing, for the answer to the claim.
    let waited = answered_late(input)?;
    let without = waited.saturating_sub(input.own_pauses.within(close.claim.claimed_at, close.ended_at));
    let fact = ClientFact::CrossedAnswer { silence: without, timeout, claim: true };
    Some(blame(input, waited, without, is_late(input, without), fact))
}

/// The server's silence is the reason when it was long enough without zoogate's own pauses.
fn blame(input: RuleInput<'_>, silence: Duration, without: Duration, enough: bool, fact: ClientFact) -> Explanation {
    if enough {
        // Of its patience with a silent server an answer to its claim says nothing.
        let known = (!matches!(fact, ClientFact::CrossedAnswer { claim: true, .. })).then(|| recognised(input));
        return Explanation::likely::<Fact>(
            EndReason::ClientReadTimeout,
            [fact.into()].into_iter().chain(known.map(Fact::from)).collect::<Vec<_>>(),
        );
    }
    pause::client_gave_up(input, silence, without)
}

/// Which client library it is, by what, and for how long such a one bears a silent server.
pub(super) fn recognised(input: RuleInput<'_>) -> ClientFact {
    let (profile, sign, timeout) = (input.profile(), input.client_sign(), input.close.claim.timeout());
    let (patience, wait) = (profile.gives_up_after(timeout), profile.waits_for_session(timeout, ADDRESSES));
    let patience = if input.close.attached_at().is_some() { patience } else { wait }.unwrap_or(timeout);
    ClientFact::Recognised { profile, sign, patience, claim: input.close.attached_at().is_none() }
}

/// A silence of the server that it broke so late that the client, on its way, cannot have heard of it.
fn just_over(close: &UnexplainedClose) -> Option<ServerSilence> {
    close.end.server_pause.filter(|pause| close.ended_at.since(pause.over_at) <= ROUNDING)
}

/// How long the client waited for the answer to its claim, when that came so late that the client, on its way, cannot
/// have heard of it.
fn answered_late(input: RuleInput<'_>) -> Option<Duration> {
    let close = input.close;
    let attached_at = close.attached_at().filter(|at| close.ended_at.since(*at) <= CROSSING)?;
    let waited = attached_at.since(close.claim.claimed_at);
    is_late(input, waited).then_some(waited)
}

/// Whether the client itself had been silent for longer than it pings (a third of the timeout), with half as much
/// again for slack, while the server owed it nothing.
fn is_silent(input: RuleInput<'_>) -> bool {
    let close = input.close;
    input.silence(close.end.client_heard_at) > close.claim.timeout() / 2 && !close.owed()
}
