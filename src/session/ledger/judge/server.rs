//! Ends that the server made on a connection that it had given a session.

use std::time::Duration;

use super::{Ruling, Scene, moved, pause, sentence, testimony};
use crate::session::ending::Pause;
use crate::session::ledger::attachment::{Attachment, Outcome};
use crate::session::ledger::case::Case;
use crate::session::ledger::exodus::{Fate, Testimony};
use crate::session::ledger::record::SessionRecord;
use crate::session::verdict::EndReason;
use crate::time::Timestamp;

/// How far apart the end of one connection and its cause on another may be seen: the server acts on both within
/// milliseconds, the rest is room for a loaded proxy and for a quorum round.
pub(super) const TOGETHER: Duration = Duration::from_secs(1);

/// How much later than one server another one carries out the same transaction, usually: some hops.
const SKEW: Duration = Duration::from_millis(100);

/// How long after a session was closed a server that lags may still carry one of its connections: one that lags
/// by more than `syncLimit` ticks (10 s in the sample configuration) is thrown out of the ensemble.
pub(super) const CLOSE_REACHES: Duration = Duration::from_secs(10);

/// How long before its clients are dropped a thawing server may have been asked last without an answer: a question
/// is given up after about a second, and the next one may still wait for its answer when the server thaws.
const THAW: Duration = Duration::from_secs(3);

/// What the connection, or another one of its session, explains by itself.
pub(super) fn at_once(scene: Scene<'_>) -> Option<Ruling> {
    let case = scene.case;
    if let Some(len) = case.end.oversized {
        let why = format!("server {} closed at a frame of {len} bytes, above its limit", scene.server());
        return Some(Ruling::of(EndReason::OversizedFrame, why));
    }
    explained_by_sibling(scene).or_else(|| pause::server_gave_up(scene))
}

/// Whether the end has a likely reason of its own, unless its server turns out to have left: it is no sign that the
/// server did.
pub(in crate::session::ledger) fn has_own_reason(scene: Scene<'_>) -> bool {
    by_reattach(scene).is_some() || silent(scene).is_some()
}

/// Another connection of the session is the reason: it was given the session by the same server, or it closed it.
pub(in crate::session::ledger) fn explained_by_sibling(scene: Scene<'_>) -> Option<Ruling> {
    by_answered_reattach(scene).or_else(|| by_close(scene))
}

/// As [`by_reattach`], by a claim that the server has answered, and so has dealt with.
pub(super) fn by_answered_reattach(scene: Scene<'_>) -> Option<Ruling> {
    let answered = |other: &&Attachment| other.claim.outcome != Outcome::Unanswered;
    others(scene).rev().filter(answered).find(|other| reattached(other, scene)).map(|other| pushed_aside(other, scene))
}

/// The session was claimed again at the same server, which then closes the older connection, answered or not, before
/// it looks at the password (`ZooKeeperServer.processConnectRequest`).
pub(super) fn by_reattach(scene: Scene<'_>) -> Option<Ruling> {
    others(scene).rev().find(|other| reattached(other, scene)).map(|other| pushed_aside(other, scene))
}

fn pushed_aside(other: &Attachment, scene: Scene<'_>) -> Ruling {
    let given = match other.claim.outcome {
        Outcome::Accepted { .. } => "",
        Outcome::Refused { .. } => " (and was refused)",
        Outcome::Unanswered => " (not answered yet)",
    };
    Ruling::of(
        EndReason::ReattachedSameServer,
        format!(
            "{} claimed the same session at the same server {} {}{given}: the server closes the older connection",
            other.claim.client,
            scene.ensemble.name(other.claim.server),
            sentence::relative(other.claim.claimed_at, scene.case.ended_at)
        ),
    )
}

/// The session was closed through another connection.
fn by_close(scene: Scene<'_>) -> Option<Ruling> {
    let (case, ended_at) = (scene.case, scene.case.ended_at);
    // Where this connection was asked to close it too, another one may have carried it out before.
    let carried_out = |other: &Attachment| {
        let end = other.end.filter(|end| end.reason == Some(EndReason::Closed) && other.ended_by_server())?;
        Some(end.at)
    };
    let closed_at = if case.end.closing {
        others(scene).filter_map(carried_out).find(|at| close_reaches(case, *at))?
    } else {
        scene.session?.closed_at().filter(|at| close_reaches(case, *at))?
    };
    Some(Ruling::of(
        EndReason::ClosedElsewhere,
        format!("the session was closed through another connection {}", sentence::relative(closed_at, ended_at)),
    ))
}

/// Whether a close of the session that was asked for at that moment explains the end of the case's connection.
fn close_reaches(case: &Case, asked_at: Timestamp) -> bool {
    // One that was claimed later and given the session shows that the close did not happen: its leader was lost.
    case.claim.claimed_at <= asked_at && asked_at <= case.ended_at && case.ended_at.since(asked_at) <= CLOSE_REACHES
}

/// Whether this younger claim at the same server was at work when the case's connection ended.
fn reattached(other: &Attachment, scene: Scene<'_>) -> bool {
    let case = scene.case;
    let in_time = match other.claim.outcome {
        Outcome::Unanswered => {
            // Given up or not, the server carries it out when it can; until then it says nothing here either.
            let mute_since = mute_since(case) <= other.claim.claimed_at.after(TOGETHER);
            other.open_at(Timestamp(case.ended_at.0.saturating_sub(TOGETHER.as_nanos() as u64)))
                || (mute_since && !other.ended_by_server())
        }
        Outcome::Accepted { at, .. } | Outcome::Refused { at } => at.after(TOGETHER) >= case.ended_at,
    };
    other.claim.server == case.claim.server
        && other.claim.claimed_at >= case.claim.claimed_at
        && other.claim.claimed_at < case.ended_at
        && in_time
}

/// Since when the server had said nothing on the case's connection. What it says in the last moment does not count: a
/// frozen one that thaws answers what it finds in front of a claim before it carries that out.
fn mute_since(case: &Case) -> Timestamp {
    let last_moment = |at: Timestamp| at.after(TOGETHER) >= case.ended_at;
    match (case.attached_at(), case.end.server_pause) {
        (Some(at), _) if last_moment(at) => case.claim.claimed_at,
        (_, Some(Pause { lasted, over_at })) if last_moment(over_at) => {
            Timestamp(over_at.0.saturating_sub(lasted.as_nanos() as u64))
        }
        _ => case.end.server_heard_at,
    }
}

/// The client had been silent for its whole timeout, and not because it waited for an answer. Servers end such a
/// connection in order.
fn silent(scene: Scene<'_>) -> Option<Ruling> {
    let case = scene.case;
    let (silence, timeout) = (scene.silence(case.end.client_heard_at), case.claim.timeout());
    if silence < timeout || case.owed() || case.was_reset() {
        return None;
    }
    let facts = format!(
        "server {} closed after the client had sent nothing for {} ms, with a timeout of {} ms",
        scene.server(),
        silence.as_millis(),
        timeout.as_millis()
    );
    Some(match living_elsewhere(scene) {
        Some(other) => Ruling::of(
            EndReason::ClientSilent,
            format!(
                "{facts}; the session lives on at server {} (connection {})",
                scene.ensemble.name(other.claim.server),
                other.connection
            ),
        ),
        None => Ruling::of(EndReason::SessionExpired, facts),
    })
}

/// As [`silent`], while an answer was owed: a client that waits for one pings all the same, and gives the server up
/// after two thirds of its timeout. A session that had moved would have been refused long before.
fn silent_in_flight(scene: Scene<'_>) -> Option<Ruling> {
    let case = scene.case;
    let (silence, timeout) = (scene.silence(case.end.client_heard_at), case.claim.timeout());
    (silence >= timeout && case.owed() && !case.was_reset()).then(|| {
        let why = format!(
            "server {} closed after the client had sent nothing for {} ms, with a timeout of {} ms, though {}",
            scene.server(),
            silence.as_millis(),
            timeout.as_millis(),
            sentence::in_flight(case)
        );
        Ruling::of(EndReason::ClientSilent, why)
    })
}

/// The reason once it is known what became of the server; None when the session's next attach has to decide.
pub(in crate::session::ledger) fn after_exodus(scene: Scene<'_>, fate: &Fate) -> Option<Ruling> {
    if let Some(ruling) = explained_by_sibling(scene) {
        return Some(ruling);
    }
    let said_by = match fate {
        Fate::Leaving(why) => return Some(Ruling::of(EndReason::ServerLeaving, why.as_str())),
        Fate::LeaderLost(why) => return Some(Ruling::of(EndReason::LeaderLost, why.as_str())),
        Fate::Stays(said_by) => *said_by,
    };
    if let Some(ruling) = by_reattach(scene).or_else(|| silent(scene)) {
        return Some(ruling);
    }
    if let Some(ruling) = moved::by_gap(scene, said_by).or_else(|| returned(scene, said_by)) {
        return Some(ruling);
    }
    if let Some(ruling) = over_before(scene) {
        return Some(ruling);
    }
    if rival_ended_too(scene) {
        return None;
    }
    if let Some(ruling) = moved::by_other_claim(scene, said_by) {
        return Some(ruling);
    }
    living_elsewhere(scene).map(|other| {
        if scene.case.was_reset() {
            return unexplained(scene, said_by);
        }
        let why = format!(
            "server {} closed this connection alone; the session lives on at server {} (connection {}), and {}",
            scene.server(),
            scene.ensemble.name(other.claim.server),
            other.connection,
            sentence::in_flight(scene.case)
        );
        Ruling::of(EndReason::Unknown, why)
    })
}

/// The reason once the session was claimed again; None while it was not.
pub(in crate::session::ledger) fn after_return(scene: Scene<'_>, said_by: Testimony) -> Option<Ruling> {
    by_reattach(scene).or_else(|| by_close(scene)).or_else(|| returned(scene, said_by))
}

fn returned(scene: Scene<'_>, said_by: Testimony) -> Option<Ruling> {
    let case = scene.case;
    let answer = |other: &&Attachment| match other.claim.outcome {
        Outcome::Accepted { at, .. } => at > case.ended_at,
        Outcome::Refused { at } => at > case.ended_at && other.claim.password.may_be_right(),
        Outcome::Unanswered => false,
    };
    let next = others(scene).find(answer)?;
    let after = sentence::relative(next.claim.claimed_at, case.ended_at);
    if next.claim.attached_at().is_none() {
        return Some(match scene.session.and_then(SessionRecord::closed_at) {
            // A close through another connection that was not asked in vain would have explained it already.
            Some(at) => moved::by_other_claim(scene, said_by).unwrap_or_else(|| closed_late(scene, at, said_by)),
            None if case.was_reset() && !case.owed() => unexplained(scene, said_by),
            None => Ruling::of(
                EndReason::SessionExpired,
                format!(
                    "server {} refused the session with timeout 0 when it was claimed {after}",
                    scene.ensemble.name(next.claim.server)
                ),
            ),
        });
    }
    let moved = moved::by_other_claim(scene, said_by)
        .or_else(|| silent_in_flight(scene))
        .or_else(|| moved::inferred(scene, next, said_by));
    Some(moved.or_else(|| thawed(scene)).unwrap_or_else(|| unexplained(scene, said_by)))
}

/// The session was refused somewhere while this connection stood: it was over, and a server that lagged or was frozen
/// carried its end out only now.
fn over_before(scene: Scene<'_>) -> Option<Ruling> {
    let (case, attached_at) = (scene.case, scene.case.attached_at()?);
    let (at, server) = others(scene).rev().find_map(|other| match other.claim.outcome {
        Outcome::Refused { at } if other.claim.password.may_be_right() => Some((at, other.claim.server)),
        _ => None,
    })?;
    // Whoever was given the session since shows that it lived on.
    let given_since = others(scene).any(|other| other.claim.attached_at() > Some(at));
    (at > attached_at && at <= case.ended_at && !given_since).then(|| {
        let before = sentence::relative(at, case.ended_at);
        let why = format!("server {} had refused the session with timeout 0 {before}", scene.ensemble.name(server));
        Ruling::of(EndReason::SessionExpired, why)
    })
}

/// The session is over, and its client had asked to close it at that moment.
fn closed_late(scene: Scene<'_>, asked_at: Timestamp, said_by: Testimony) -> Ruling {
    let case = scene.case;
    if case.end.closing {
        return Ruling::of(EndReason::Closed, "the client had asked to close its session, and it is over");
    }
    // A frozen server carries the close out when it thaws, and the session has come elsewhere meanwhile.
    if asked_at <= case.ended_at && !case.was_reset() {
        let asked = sentence::relative(asked_at, case.ended_at);
        let why = format!("the session is over: it was asked to close through another connection {asked}");
        return Ruling::of(EndReason::ClosedElsewhere, why);
    }
    unexplained(scene, said_by)
}

/// The reason when the session was not claimed again in time.
pub(in crate::session::ledger) fn without_return(scene: Scene<'_>, said_by: Testimony) -> Ruling {
    let ruling = unexplained(scene, said_by);
    let why =
        format!("{}; the session was not seen again within {} ms", ruling.why, scene.case.return_bound().as_millis());
    Ruling { why, ..ruling }
}

fn unexplained(scene: Scene<'_>, said_by: Testimony) -> Ruling {
    let case = scene.case;
    let (server, in_flight) = (scene.server(), sentence::in_flight(case));
    let seen = testimony(scene, said_by).unwrap_or_else(|| "nobody could say whether it went on serving".to_owned());
    if case.was_reset() {
        return Ruling::of(
            EndReason::ServerGone,
            format!("the path to server {server} was reset; {in_flight}; {seen}"),
        );
    }
    Ruling::of(EndReason::Unknown, format!("server {server} closed this connection alone; {in_flight}; {seen}"))
}

/// The server was mute not long before the end, and the session outlived it. One that was frozen for longer than
/// its leader waits drops its clients when it thaws, and may serve again before anybody can look
/// (protocol.md §11, 9).
fn thawed(scene: Scene<'_>) -> Option<Ruling> {
    let (case, view) = (scene.case, scene.ensemble.get(scene.case.claim.server)?);
    // What such a server finds waiting when it thaws may be a younger claim, which closes the older connection.
    let pushed_aside = others(scene)
        .any(|other| other.claim.server == case.claim.server && other.claim.claimed_at >= case.claim.claimed_at);
    let look = view.mute.filter(|look| {
        !pushed_aside
            && Some(look.asked_at) >= case.attached_at()
            && look.asked_at <= case.ended_at
            && look.asked_at.after(THAW) >= case.ended_at
    })?;
    let why = format!(
        "server {} said nothing when asked {}, and closed this connection as it came back; {}",
        scene.server(),
        sentence::relative(look.asked_at, case.ended_at),
        sentence::in_flight(case)
    );
    Some(Ruling::of(EndReason::ServerLeaving, why))
}

/// Whether a connection that carried the session elsewhere had been closed by its server by then, and no other
/// carries it: then the session may be over, and its next attach has to tell.
fn rival_ended_too(scene: Scene<'_>) -> bool {
    let case = scene.case;
    // A close that was asked for only later, or on this connection behind what was refused, ended the rival and
    // cannot have ended this one.
    let closed_later =
        case.end.closing || scene.session.and_then(SessionRecord::closed_at).is_some_and(|at| at > case.ended_at);
    living_elsewhere(scene).is_none()
        && !closed_later
        && others(scene).any(|other| {
            other.claim.server != case.claim.server
                && other.claim.attached_at().is_some()
                && other.ended_by_server()
                && other.end.is_some_and(|end| {
                    // One that is explained, say by its server's leaving, tells nothing about the session.
                    let open = end.reason.is_none_or(|reason| {
                        matches!(reason, EndReason::Unknown | EndReason::SessionExpired | EndReason::ClosedElsewhere)
                    });
                    open && end.at <= case.ended_at.after(SKEW) && case.ended_at.since(end.at) <= TOGETHER
                })
        })
}

/// A younger connection that carries the session at another server.
fn living_elsewhere(scene: Scene<'_>) -> Option<&Attachment> {
    let attached_at = scene.case.attached_at()?;
    let younger = |other: &&Attachment| other.is_attached() && other.claim.attached_at() > Some(attached_at);
    others(scene).rev().find(younger)
}

/// The other claims of the session that are remembered.
pub(super) fn others(scene: Scene<'_>) -> impl DoubleEndedIterator<Item = &Attachment> {
    let own = scene.case.connection;
    scene.session.into_iter().flat_map(SessionRecord::attachments).filter(move |other| other.connection != own)
}
