//! The oracle: what the ledger should have said, held against what it did say.
//!
//! For every connection the truth is the server's own reason (or the client's, when it closed first) and whether
//! a request on it was refused because its session had moved. A verdict must be there exactly when such a refusal
//! reached the proxy. Where the proxy cannot know, more than one answer is right; each such freedom is a line here
//! with its reason, and there are no others.

use std::fmt;
use std::time::Duration;

use super::actor::Farewell;
use super::played::{Played, Told};
use super::truth::{Cause, Truth, What};
use crate::ids::{ConnectionId, ServerId};
use crate::session::ending::{Closer, How, ProxyClose};
use crate::session::transition::Finding;
use crate::session::verdict::EndReason::{
    self, AuthFailed, ClientGone, ClientReadTimeout, ClientSilent, Closed, ClosedElsewhere, ConnectionCap,
    LaggingServer, LeaderLost, NotServing, OversizedFrame, ProxyShutdown, ReattachedSameServer, ServerGone,
    ServerLeaving, SessionExpired, SessionMoved, Unknown, WrongPassword,
};
use crate::session::verdict::{Evidence, MoveVerdict};
use crate::time::Timestamp;

/// A judgement that the truth contradicts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// The connection judged.
    pub connection: u64,
    /// What is wrong, with the truth behind it.
    pub what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}: {}", self.connection, self.what)
    }
}

/// How a verdict on a connection would be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    Required,
    Allowed,
    Forbidden,
}

/// How much a story put to the test.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Connections whose end had to be given a reason.
    pub ends: u64,
    /// Ends at a refusal that had to be flagged.
    pub required: u64,
    /// Ends at which a flag is neither right nor wrong.
    pub open: u64,
    /// Refusals in words that had to be flagged.
    pub in_words: u64,
}

/// Counts what [`complaints`] has looked at.
pub fn tally(played: &Played) -> Tally {
    let mut tally = Tally::default();
    for told in &played.connections {
        tally.ends += u64::from(told.ended.is_some());
        tally.in_words +=
            told.truths.iter().filter(|truth| matches!(truth.what, What::Refused { told: true, .. })).count() as u64;
        match due(played, told) {
            Due::Required => tally.required += 1,
            Due::Allowed => tally.open += 1,
            Due::Forbidden => {}
        }
    }
    tally
}

/// Everything that the ledger said wrongly, or did not say.
pub fn complaints(played: &Played) -> Vec<Complaint> {
    let mut found = Vec::new();
    for told in &played.connections {
        let mut complain = |what: String| found.push(Complaint { connection: told.connection, what });
        let verdicts: Vec<&MoveVerdict> = verdicts_on(played, told).collect();
        let facts = facts(told);
        judge_flags(played, told, &verdicts, &mut |what| complain(format!("{what}; {facts}")));
        judge_reason(played, told, &verdicts, &mut |what| complain(format!("{what}; {facts}")));
    }
    found
}

fn verdicts_on<'a>(played: &'a Played, told: &Told) -> impl Iterator<Item = &'a MoveVerdict> {
    let connection = ConnectionId(told.connection);
    played.findings.iter().filter_map(move |(_, finding)| match finding {
        Finding::SessionMoved(verdict) if verdict.connection == connection => Some(verdict),
        _ => None,
    })
}

fn closed(told: &Told) -> Option<(Timestamp, Cause)> {
    told.truths
        .iter()
        .find_map(|truth| if let What::Closed(cause) = truth.what { Some((truth.at, cause)) } else { None })
}

fn facts(told: &Told) -> String {
    let truths: Vec<String> =
        told.truths.iter().map(|truth| format!("{} ms {:?}", truth.at.as_millis(), truth.what)).collect();
    let ended = told.ended.map(|(at, closer)| format!("{} ms {closer:?}", at.as_millis()));
    format!(
        "c{} on s{}, seen to end: {}, farewell {:?}, truth: [{}]",
        told.client,
        told.server.0,
        ended.unwrap_or_else(|| "never".to_owned()),
        told.farewell,
        truths.join(", ")
    )
}

fn judge_flags(played: &Played, told: &Told, verdicts: &[&MoveVerdict], complain: &mut dyn FnMut(String)) {
    let in_words = |verdict: &&&MoveVerdict| matches!(verdict.evidence, Evidence::Reply | Evidence::Multi);
    let said = verdicts.iter().filter(in_words).count();
    let refused = told.truths.iter().filter(|truth| matches!(truth.what, What::Refused { told: true, .. })).count();
    let reached = told.ended.is_none_or(|(_, closer)| matches!(closer, Closer::Server(_)));
    if said > refused || (said < refused && reached) {
        complain(format!("{refused} refusals in words, {said} flagged"));
    }
    let at_end = verdicts.iter().find(|verdict| !in_words(verdict));
    match (due(played, told), at_end) {
        (Due::Required, None) => complain(format!("SESSION_MOVED missed, called {}", reasons(played, told))),
        (Due::Forbidden, Some(verdict)) => {
            complain(format!(
                "flagged {:?} {:?} and was not moved: {:?}",
                verdict.evidence, verdict.confidence, verdict.why
            ));
        }
        _ => {}
    }
}

/// Whether the end of this connection must be flagged.
fn due(played: &Played, told: &Told) -> Due {
    let Some((ended_at, closer)) = told.ended else { return Due::Forbidden };
    let Some((closed_at, cause)) = closed(told) else { return Due::Forbidden };
    if matches!(cause, Cause::Reattached | Cause::ClosedElsewhere) && touched_unseen(played, told, ended_at) {
        // With a request in flight this is what a refusal looks like.
        return Due::Allowed;
    }
    if cause == Cause::Reattached && given_up_before(played, told, ended_at) {
        // It had moved as well, and what was in flight would have been refused.
        return Due::Allowed;
    }
    if cause != Cause::Moved {
        return Due::Forbidden;
    }
    match closer {
        Closer::Server(How::Fin) => {}
        // The refusal was under way when the client left; a gap in the replies may already have shown it.
        Closer::Client(_) if ended_at >= closed_at => return Due::Allowed,
        _ => return Due::Allowed,
    }
    if told.asked_to_close || closing_elsewhere(played, told, ended_at) {
        // The wish to close it may have been carried out, and then explains the end just as well.
        return Due::Allowed;
    }
    if over_at_once(played, told, ended_at) {
        // Its rival was dropped at the same time: only the next attach tells, and it finds the session gone.
        return Due::Allowed;
    }
    if masked(played, told, ended_at) || claimed_again(played, told, ended_at) || unseen_claim(played, told, ended_at) {
        return Due::Allowed;
    }
    Due::Required
}

/// The session expired, or was closed past the proxy, at the time of this end.
fn over_at_once(played: &Played, told: &Told, ended_at: Timestamp) -> bool {
    let session = session(told);
    let right_after =
        |at: Timestamp| at <= ended_at.after(Duration::from_millis(200)) && ended_at.since(at).as_secs() < 1;
    let expired = |truth: &Truth| truth.what == What::Closed(Cause::Expired) && truth.session == session;
    let mut truths = played.connections.iter().flat_map(|other| &other.truths);
    truths.any(|truth| expired(truth) && right_after(truth.at))
        || played.unseen_claims.iter().any(|(at, claimed)| *claimed == session && right_after(*at))
}

/// The server dropped everybody at about the same time: nothing tells this end from the others.
fn masked(played: &Played, told: &Told, ended_at: Timestamp) -> bool {
    let near = |at: Timestamp| at.since(ended_at).max(ended_at.since(at)).as_millis() < 2500;
    played.connections.iter().any(|other| {
        closed(other).is_some_and(|(at, cause)| {
            near(at) && (cause == Cause::LeaderLost || (cause == Cause::ServerLeft && other.server == told.server))
        })
    })
}

/// The claim that took the session away was not seen, so that only its next attach could show that it lives.
fn unseen_claim(played: &Played, told: &Told, ended_at: Timestamp) -> bool {
    let session = session(told);
    let granted =
        |truth: &&Truth| matches!(truth.what, What::Granted) && truth.session == session && truth.at <= ended_at;
    let seen = played.connections.iter().flat_map(|other| &other.truths).filter(granted).map(|truth| truth.at).max();
    let unseen = played.unseen.iter().filter(granted).map(|truth| truth.at).max();
    unseen > seen
}

fn session(told: &Told) -> i64 {
    told.truths.iter().map(|truth| truth.session).find(|session| *session != 0).unwrap_or(told.claimed)
}

fn reasons(played: &Played, told: &Told) -> String {
    let all: Vec<String> = ends(played, told).map(|(reason, why)| format!("{} ({why})", reason.label())).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

fn ends<'a>(played: &'a Played, told: &Told) -> impl Iterator<Item = (EndReason, &'a str)> {
    let connection = ConnectionId(told.connection);
    played.findings.iter().filter_map(move |(_, finding)| match finding {
        Finding::Ended(ended) if ended.connection == connection => Some((ended.reason, ended.why.as_str())),
        _ => None,
    })
}

fn judge_reason(played: &Played, told: &Told, verdicts: &[&MoveVerdict], complain: &mut dyn FnMut(String)) {
    let said: Vec<(EndReason, &str)> = ends(played, told).collect();
    // A client whose server could not be reached never claimed anything.
    let Some((ended_at, closer)) = told.ended.filter(|_| !told.truths.is_empty() || told.answered) else { return };
    let [(reason, why)] = said.as_slice() else {
        return complain(format!("{} reasons instead of one: {}", said.len(), reasons(played, told)));
    };
    let right = right_reasons(played, told, ended_at, closer);
    if !right.contains(reason) {
        complain(format!("called {} ({why}), right would be {right:?}", reason.label()));
    }
    let flagged = verdicts.iter().any(|verdict| !matches!(verdict.evidence, Evidence::Reply | Evidence::Multi));
    if flagged != (*reason == SessionMoved) {
        complain(format!("called {} ({why}) with a verdict: {flagged}", reason.label()));
    }
}

/// The reasons that are right for this end, the plain one first.
fn right_reasons(played: &Played, told: &Told, ended_at: Timestamp, closer: Closer) -> Vec<EndReason> {
    if told.cut {
        // Where an election was just seen, nothing tells a reset of the path from the server's own.
        let mut right = vec![ServerGone];
        if masked(played, told, ended_at) || troubled(played, ended_at) {
            right.extend([ServerLeaving, LeaderLost, OversizedFrame]);
        }
        // Before an answer a reset is also what a server does that takes no more connections.
        if !told.answered {
            right.extend([ConnectionCap, NotServing]);
        }
        return right;
    }
    let cause = closed(told).map(|(_, cause)| cause);
    match closer {
        Closer::Proxy(ProxyClose::HandshakeDeadline) => vec![NotServing],
        Closer::Proxy(ProxyClose::MuteServer) => vec![ServerGone],
        Closer::Proxy(ProxyClose::Shutdown) => vec![ProxyShutdown],
        Closer::Client(_) => by_client(played, told, ended_at),
        Closer::Server(_) => cause.map_or_else(Vec::new, |cause| by_server(played, told, ended_at, cause)),
    }
}

fn by_client(played: &Played, told: &Told, ended_at: Timestamp) -> Vec<EndReason> {
    let mut right = match told.farewell {
        Some(Farewell::ReadTimeout | Farewell::ConnectTimeout) => vec![ClientReadTimeout, ClientSilent],
        Some(Farewell::SessionOver) => vec![SessionExpired, WrongPassword],
        Some(Farewell::Whim) | None => vec![ClientGone, ClientSilent, ClientReadTimeout],
    };
    if told.asked_to_close {
        right.push(Closed);
    }
    // The claim was never answered: what the server was doing at the time is the better word.
    if !told.answered {
        right.push(NotServing);
    }
    // The server's own close was under way at the same time.
    if let Some((_, cause)) = closed(told).filter(|(at, cause)| *cause != Cause::HungUp && *at <= ended_at) {
        right.extend(by_server(played, told, ended_at, cause));
    }
    right
}

/// The reason that names a server's own.
fn plain(cause: Cause) -> Vec<EndReason> {
    match cause {
        Cause::Moved => vec![SessionMoved],
        Cause::Expired | Cause::SessionGone => vec![SessionExpired],
        Cause::Closed => vec![Closed],
        Cause::ClosedElsewhere => vec![ClosedElsewhere],
        Cause::Reattached => vec![ReattachedSameServer],
        Cause::ServerLeft => vec![ServerLeaving],
        Cause::LeaderLost => vec![LeaderLost],
        Cause::NotServing => vec![NotServing],
        Cause::Lagging => vec![LaggingServer],
        Cause::Cap => vec![ConnectionCap],
        Cause::Oversized => vec![OversizedFrame],
        Cause::AuthFailed => vec![AuthFailed],
        Cause::WrongPassword => vec![WrongPassword],
        Cause::Idle => vec![ClientSilent],
        Cause::UnknownOperation | Cause::Broken | Cause::Word | Cause::HungUp => vec![Unknown],
    }
}

fn by_server(played: &Played, told: &Told, ended_at: Timestamp, cause: Cause) -> Vec<EndReason> {
    let mut right = plain(cause);
    if cause == Cause::Moved && due(played, told) == Due::Allowed {
        right.extend([ServerLeaving, LeaderLost, Unknown, SessionExpired]);
    }
    // Who claimed or closed the session was not seen: only that it lives on, or does not.
    if matches!(cause, Cause::ClosedElsewhere | Cause::Reattached) && touched_unseen(played, told, ended_at) {
        right.extend([SessionExpired, Unknown, SessionMoved]);
        if troubled(played, ended_at) {
            right.extend([ServerLeaving, LeaderLost]);
        }
        if !told.answered {
            right.push(ConnectionCap);
        }
    }
    // The server went, or the session did, before it answered the claim: all that shows is a close unanswered.
    if !told.answered {
        match cause {
            Cause::ServerLeft | Cause::LeaderLost => right.extend([NotServing, ConnectionCap]),
            Cause::Reattached => right.push(NotServing),
            Cause::Idle => right.extend([NotServing, ConnectionCap, ClientReadTimeout]),
            Cause::ClosedElsewhere | Cause::Expired => right.extend([ConnectionCap, NotServing]),
            Cause::Lagging if troubled(played, ended_at) => right.push(NotServing),
            Cause::NotServing if troubled(played, ended_at) => right.push(ConnectionCap),
            _ => {}
        }
    }
    // After so long a silence its session is over, or lives elsewhere, and NIO drops it in any case.
    let silent = ended_at.since(told.heard_at) >= told.timeout;
    if silent && cause != Cause::Moved {
        right.push(ClientSilent);
        if !lives_elsewhere(played, told, ended_at) {
            right.push(SessionExpired);
        }
    }
    if told.asked_to_close {
        right.push(Closed);
    }
    // The session's end was asked for elsewhere while this server lagged or slept; whether it came about, the
    // server that drops everybody does not say.
    if matches!(cause, Cause::ServerLeft | Cause::LeaderLost | Cause::Moved)
        && closing_elsewhere(played, told, ended_at)
    {
        right.push(ClosedElsewhere);
    }
    // The claim that pushed this connection aside had been given up long before: its server slept over it.
    if cause == Cause::Reattached && given_up_before(played, told, ended_at) {
        right.extend([Unknown, SessionMoved]);
    }
    // A server that slept, or whose leader did, passed neither the session's pings nor its close on in time.
    if matches!(cause, Cause::Expired | Cause::ClosedElsewhere) && troubled(played, ended_at) {
        right.extend([Unknown, SessionExpired]);
    }
    // The frame waited in front of a server that never woke up to read it.
    if cause == Cause::ServerLeft && troubled(played, ended_at) {
        right.push(OversizedFrame);
    }
    // The close was asked for on another connection, which has not got its answer yet.
    if cause == Cause::ClosedElsewhere && close_unanswered(played, told, ended_at) {
        right.extend([Unknown, SessionExpired]);
    }
    // A younger claim at the same server, not answered yet, closes the older connection too.
    if claimed_again(played, told, ended_at) {
        right.push(ReattachedSameServer);
    }
    if masked(played, told, ended_at) {
        right.extend([ServerLeaving, LeaderLost]);
    }
    right
}

/// Whether another connection of the session was asked to close it not long before.
fn closing_elsewhere(played: &Played, told: &Told, ended_at: Timestamp) -> bool {
    played.connections.iter().any(|other| {
        let recent = other.heard_at <= ended_at && ended_at.since(other.heard_at) <= Duration::from_secs(10);
        other.connection != told.connection && other.asked_to_close && recent && session(other) == session(told)
    })
}

/// Whether a claim of the session at the same server had been given up long before this end.
fn given_up_before(played: &Played, told: &Told, ended_at: Timestamp) -> bool {
    played.connections.iter().any(|other| {
        let long_gone = other.ended.is_some_and(|(at, _)| ended_at.since(at) >= Duration::from_millis(900));
        let claims = other.server == told.server && other.claimed == session(told);
        other.connection > told.connection && claims && !other.answered && long_gone
    })
}

/// Whether the connection on which the close was asked for stood for some time after this one's end.
fn close_unanswered(played: &Played, told: &Told, ended_at: Timestamp) -> bool {
    let later = |at: Timestamp| at >= ended_at.after(Duration::from_millis(200));
    let asked = |other: &&Told| other.asked_to_close && session(other) == session(told);
    played.connections.iter().filter(asked).any(|other| other.ended.is_none_or(|(at, _)| later(at)))
}

/// Whether a server was not running at that moment, had only just come back or was about to go: ends of other causes
/// may be put down to it.
fn troubled(played: &Played, moment: Timestamp) -> bool {
    let servers = played.connections.iter().map(|told| told.server).chain(played.faults.iter().map(|fault| fault.1));
    let soon = moment.after(Duration::from_secs(1));
    let last = |server: ServerId| played.faults.iter().rfind(|fault| fault.1 == server && fault.0 <= soon);
    let mut last = servers.filter_map(last);
    last.any(|(at, _, up)| !up || moment.since(*at) < Duration::from_secs(4))
}

/// Whether the session was claimed again at the same server while this connection stood, and that claim was not
/// answered before its end.
fn claimed_again(played: &Played, told: &Told, ended_at: Timestamp) -> bool {
    played.connections.iter().any(|other| {
        let standing = other.ended.is_none_or(|(at, _)| at.after(Duration::from_secs(2)) >= ended_at);
        other.connection > told.connection
            && other.server == told.server
            && other.claimed == session(told)
            && other.opened_at <= ended_at
            && (standing || !other.answered)
    })
}

/// Whether the session was carried by a younger connection at that moment.
fn lives_elsewhere(played: &Played, told: &Told, moment: Timestamp) -> bool {
    let session = session(told);
    let carries = |other: &&Told| {
        // The answer may be on its way for as long as a server lags.
        let known = |truth: &Truth| truth.at.after(Duration::from_secs(2)) <= moment;
        let granted = |truth: &Truth| truth.what == What::Granted && truth.session == session && known(truth);
        other.connection > told.connection
            && other.answered
            && other.truths.iter().any(granted)
            && other.ended.is_none_or(|(at, _)| at > moment)
    };
    played.connections.iter().any(|other| carries(&other))
}

/// Somebody did something to the session past the proxy shortly before.
fn touched_unseen(played: &Played, told: &Told, ended_at: Timestamp) -> bool {
    let session = session(told);
    // A server that slept carries it out when it wakes.
    let reach = if troubled(played, ended_at) { 20 } else { 2 };
    let near = |at: Timestamp| at.since(ended_at).max(ended_at.since(at)).as_secs() < reach;
    let claimed = played.unseen_claims.iter().any(|(at, claimed)| *claimed == session && near(*at));
    claimed || played.unseen.iter().any(|truth| truth.session == session && near(truth.at))
}

#[cfg(test)]
mod tests {
    use super::super::stage::play;
    use super::super::story::{Deed, Errand, Leave, Step, Story};
    use super::*;

    /// A session moves from one follower to the other and its old connection writes once more.
    fn late_write() -> Played {
        let mut story = Story::from_seed(0);
        story.settings.servers = vec![(super::super::Release::V3_9, super::super::Factory::Netty); 3];
        story.settings.leader = 2;
        let step = |millis: u64, deed| Step { at: Timestamp(millis * 1_000_000), deed };
        play(&story.with_steps(vec![
            step(1000, Deed::Arrive(0, ServerId(0))),
            step(3000, Deed::Move(0, ServerId(1), Leave::Open)),
            step(3500, Deed::AskStale(0, Errand::Write)),
        ]))
    }

    #[test]
    fn a_late_write_must_be_flagged() {
        let played = late_write();
        assert_eq!(complaints(&played), []);
        assert_eq!(tally(&played), Tally { ends: 1, required: 1, open: 0, in_words: 0 });
    }

    #[test]
    fn what_is_not_said_is_complained_of() {
        let mut played = late_write();
        played.findings.retain(|(_, finding)| !matches!(finding, Finding::SessionMoved(_)));
        assert!(complaints(&played).iter().any(|complaint| complaint.what.contains("SESSION_MOVED missed")));
        played.findings.clear();
        assert!(complaints(&played).iter().any(|complaint| complaint.what.contains("0 reasons instead of one")));
    }

    #[test]
    fn what_is_said_wrongly_is_complained_of() {
        let mut played = late_write();
        for told in &mut played.connections {
            for truth in &mut told.truths {
                if truth.what == What::Closed(Cause::Moved) {
                    truth.what = What::Closed(Cause::Expired);
                }
            }
        }
        let complaints = complaints(&played);
        assert!(complaints.iter().any(|complaint| complaint.what.contains("and was not moved")), "{complaints:?}");
        assert!(complaints.iter().any(|complaint| complaint.what.contains("right would be")), "{complaints:?}");
    }
}
