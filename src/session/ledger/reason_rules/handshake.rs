//! Ends of connections whose claim was never answered.

use std::time::Duration;

use super::server::{by_answered_reattach, by_reattach, others};
use super::spans::{CLOSE_REACHES, TOGETHER, is_late};
use super::{RuleInput, client, dialect, pause};
use crate::ids::Zxid;
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::fact::{ClaimFact, Fact, FullSign, ProxyFact, ServerFact, SessionFact};
use crate::session::ledger::attachment::Attachment;
use crate::session::ledger::ensemble_state::{DOWN_BEFORE_END, ProbeRecord, ServerRecord};
use crate::session::ledger::unexplained_close::UnexplainedClose;
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::session::verdict::{EndReason, Explanation};

/// How long after it was seen down a server may still be starting: it accepts connections before it serves
/// (protocol.md §10).
const STARTING: Duration = Duration::from_secs(5);

/// A server that takes no more connections closes within milliseconds; one that held a claim for longer was waiting
/// for its leader.
const FULL_CLOSES: Duration = Duration::from_millis(150);

/// The proxy gave the claim up.
pub(super) fn given_up(input: RuleInput<'_>) -> Explanation {
    let waited = input.silence(input.close.claim.claimed_at);
    Explanation::likely(EndReason::NotServing, [ProxyFact::GaveUpClaim { waited }])
}

/// What needs no probe of the server.
pub(super) fn at_once(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    if close.end.closer == ConnectionCloser::Server(CloseKind::Timeout) {
        return Some(Explanation::likely(EndReason::ServerGone, [ServerFact::PathTimedOut { claim: true }]));
    }
    // A younger claim at the same server closes this one, whatever state the server is in: so it is asked first.
    if let Some(explanation) = pushed_aside_unanswered(input) {
        return Some(explanation);
    }
    // The last probe is good enough where it already shows the server down: another one would only cost time.
    let probe = input.view().and_then(|view| view.last)?;
    // A server that closed may just have come back, which a new probe will show; a client cannot have waited for
    // nothing.
    let reach = if matches!(close.end.closer, ConnectionCloser::Client(_)) { DOWN_BEFORE_END } else { Duration::ZERO };
    if probe.asked_at.after(reach) >= close.claim.claimed_at && probe.is_down() {
        return Some(not_serving(input, probe));
    }
    let accepted = close.read_only == Some(true);
    // It closes at a session that it does not have, whether the client would have taken a read-only server or not.
    let turned_away = !accepted || (!close.session.is_new() && matches!(close.end.closer, ConnectionCloser::Server(_)));
    (probe.probe_result.role == ServerRole::ReadOnly && turned_away)
        .then(|| Explanation::likely(EndReason::NotServing, [ClaimFact::ReadOnlyServer { accepted }]))
}

/// The server has given the session to a younger claim, or refused it that.
pub(in crate::session::ledger) fn pushed_aside_unanswered(input: RuleInput<'_>) -> Option<Explanation> {
    by_answered_reattach(input).filter(|_| matches!(input.close.end.closer, ConnectionCloser::Server(_)))
}

/// The reason once the server has been probed, or was not in time.
pub(in crate::session::ledger) fn after_probe(input: RuleInput<'_>) -> Explanation {
    let close = input.close;
    let view = input.view();
    let last = view.and_then(|view| view.last);
    // A probe from just before the claim counts when it showed the server down, for nothing comes up that quickly.
    let outdated =
        |probe: &ProbeRecord| probe.is_down() && probe.asked_at.after(DOWN_BEFORE_END) >= close.claim.claimed_at;
    let probe = last.filter(|probe| probe.asked_at >= close.claim.claimed_at || outdated(probe));
    let down = probe.is_some_and(|probe| probe.is_down());
    // Only when the server is not down: a server that is stopping closes the claims that it has not looked at, too.
    if let (ConnectionCloser::Server(_), false, Some(explanation)) = (close.end.closer, down, by_reattach(input)) {
        return explanation;
    }
    match (close.end.closer, probe, view) {
        (_, Some(probe), _) if probe.is_down() => not_serving(input, probe),
        // A client that left needs no explanation from the server, unless the server was down, which stands above.
        (ConnectionCloser::Client(_), ..) => client_left(input),
        (_, Some(probe), Some(view)) if probe.probe_result.health == ServerHealth::HangingUp => closing(input, view),
        (_, Some(probe), Some(view)) if probe.is_serving() => serving(input, probe, view),
        // No probe came in time. A reset before the answer is how a server at its limit of connections closes.
        (ConnectionCloser::Server(CloseKind::Reset), ..) => full(input, FullSign::NobodyLooked),
        _ => Explanation::weak(EndReason::Unknown, [ClaimFact::Unexplained {}]),
    }
}

fn not_serving(input: RuleInput<'_>, probe: ProbeRecord) -> Explanation {
    let (waited, health) = (input.close.ended_at.since(input.close.claim.claimed_at), probe.probe_result.health);
    Explanation::likely(EndReason::NotServing, [ClaimFact::ServerSeen { waited, health }])
}

/// The client gave its claim up; which client it is, where that is known.
fn gave_up_claim(input: RuleInput<'_>, waited: Duration) -> Vec<Fact> {
    let sign = input.client_sign().filter(|sign| !sign.is_shared());
    let known = sign.map(|_| client::recognised(input).into());
    [ClaimFact::ClientGaveUp { waited }.into()].into_iter().chain(known).collect()
}

fn client_left(input: RuleInput<'_>) -> Explanation {
    let close = input.close;
    let waited = close.ended_at.since(close.claim.claimed_at);
    // It left before its own patience was over, so it was not the server that drove it away.
    if !is_late(input, waited) {
        let left = || Explanation::likely(EndReason::ClientGone, [ClaimFact::ClientLeft { waited }]);
        return pause::claim_found_late(input).unwrap_or_else(left);
    }
    // Time in which zoogate stood still is not the server's: without it the wait may turn out to be short.
    let without = input.silence(close.claim.claimed_at);
    if is_late(input, without) {
        return Explanation::likely(EndReason::ClientReadTimeout, gave_up_claim(input, without));
    }
    pause::client_gave_up(input, waited, without)
}

/// The server closes probes unanswered too.
fn closing(input: RuleInput<'_>, view: &ServerRecord) -> Explanation {
    // A server that is starting closes probes and claims alike. Open sessions would show that it had started long
    // ago.
    if view.attached == 0 && recently_down(input.close, view) {
        return Explanation::likely(EndReason::NotServing, [ClaimFact::Starting { probe_closed: true }]);
    }
    full(input, FullSign::ClosesProbes)
}

/// The server serves others.
fn serving(input: RuleInput<'_>, probe: ProbeRecord, view: &ServerRecord) -> Explanation {
    let close = input.close;
    // What the server itself gave the client it cannot lag behind; but a zxid that it has not reached even now it
    // cannot have given.
    let behind = |zxid: &Zxid| *zxid < close.last_zxid && !had_the_session(input);
    let not_reached = |zxid: &Zxid| *zxid < close.last_zxid && probe.asked_at >= close.ended_at;
    // A zxid ahead of the server is the one reason that can be read off numbers alone, so it comes before the
    // guesses.
    if let Some(shown) = probe.probe_result.zxid.filter(|zxid| behind(zxid) || not_reached(zxid)) {
        return lagging(close, shown, false);
    }
    if close.end.closer == ConnectionCloser::Server(CloseKind::Reset) {
        return full(input, FullSign::ResetAtOnce);
    }
    if recently_down(close, view) {
        return Explanation::likely(EndReason::NotServing, [ClaimFact::Starting { probe_closed: false }]);
    }
    // By now the server may have caught up. What it had shown before the claim is how far it was then.
    let shown_before = view.previous.and_then(|probe| probe.probe_result.zxid).filter(behind);
    if let Some(shown) = shown_before.or(close.server_zxid.filter(behind)) {
        return lagging(close, shown, true);
    }
    over_as_claimed(input).or_else(|| dialect::turned_away(input)).unwrap_or_else(|| full(input, FullSign::HasTheZxid))
}

fn lagging(close: &UnexplainedClose, shown: Zxid, before: bool) -> Explanation {
    let fact = ClaimFact::Behind { seen: close.last_zxid, shown, before };
    Explanation::likely(EndReason::LaggingServer, [fact])
}

/// Whether the same server gave the session last, and no other one carried it since: whatever the client has seen, this
/// server has shown it, or had reached it by then.
fn had_the_session(input: RuleInput<'_>) -> bool {
    let close = input.close;
    // The client's zxid comes from the connections that it had before this claim, so only those matter.
    let before = |other: &&Attachment| other.claim.attached_at().is_some_and(|at| at <= close.claim.claimed_at);
    let last = others(input).filter(before).max_by_key(|other| other.claim.attached_at());
    let Some(since) =
        last.filter(|last| last.claim.server == close.claim.server).and_then(|last| last.claim.attached_at())
    else {
        return false;
    };
    let carried_elsewhere = |other: &Attachment| {
        other.claim.server != close.claim.server
            && other.claim.attached_at().is_some()
            && other.end.is_none_or(|end| end.at > since)
    };
    !input.is_many() && !others(input).any(carried_elsewhere)
}

/// The session ended at about that time: a server that carries that out closes a claim on its way too, unanswered
/// (protocol.md §13).
fn over_as_claimed(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    // A session that is attached somewhere is not over.
    let session = input.session.filter(|session| !session.is_attached())?;
    let dropped = others(input).find(|other| dropped_as_claimed(other, close));
    // A server or leader that was frozen carries out late what it was asked.
    let reach = if dropped.is_some() { CLOSE_REACHES } else { TOGETHER };
    let asked_at = session.closed_at().filter(|at| *at <= close.ended_at && close.ended_at.since(*at) <= reach);
    if let Some(at) = asked_at {
        let fact = SessionFact::SessionClosing { at: input.offset(at) };
        return Some(Explanation::likely(EndReason::ClosedElsewhere, [fact]));
    }
    let (server, end) = dropped.and_then(|other| Some((other.claim.server, other.end?)))?;
    let fact = SessionFact::SessionExpiring { server, at: input.offset(end.at) };
    Some(Explanation::likely(EndReason::SessionExpired, [fact]))
}

/// Whether a server closed this silent connection of the session at about the time when the claim ended, and not to
/// make room for the claim.
fn dropped_as_claimed(other: &Attachment, close: &UnexplainedClose) -> bool {
    let timeout = other.claim.timeout();
    let Some(end) = other.end.filter(|end| end.client_silence() >= timeout) else { return false };
    // That server closed the older connection because of this very claim, which says nothing about the session's end.
    let pushed_aside = other.claim.server == close.claim.server && end.at >= close.claim.claimed_at;
    let apart = end.at.since(close.ended_at).max(close.ended_at.since(end.at));
    other.claim.attached_at().is_some() && other.ended_by_server() && !pushed_aside && apart <= TOGETHER
}

/// The server takes no more connections, when it closed as quickly as one that is full does.
fn full(input: RuleInput<'_>, sign: FullSign) -> Explanation {
    let close = input.close;
    let waited = input.silence(close.claim.claimed_at);
    // The limit is checked when the connection is accepted, before a byte is read: it closes at once or not at all.
    if waited <= FULL_CLOSES {
        return Explanation::likely(EndReason::ConnectionCap, [ClaimFact::Full { sign, waited }]);
    }
    let reset = close.end.closer == ConnectionCloser::Server(CloseKind::Reset);
    let held = [ClaimFact::Held { waited, reset }];
    match (reset, sign) {
        // A reset after a wait is no server at its limit. It may be the path as well as the server, hence weak.
        (true, FullSign::NobodyLooked | FullSign::ResetAtOnce) => Explanation::weak(EndReason::ServerGone, held),
        _ => Explanation::likely(EndReason::NotServing, held),
    }
}

fn recently_down(close: &UnexplainedClose, view: &ServerRecord) -> bool {
    view.down.is_some_and(|probe| probe.asked_at.after(STARTING) >= close.claim.claimed_at)
}
