//! Causes against the truth: none may accuse a server of what it did not do, and each end has a first cause in time.

use std::time::Duration;

use super::OracleComplaint;
use crate::harness::played::{KnownConnection, PlayedStory};
use zoogate::diagnose::CauseCode;
use zoogate::ids::ServerId;
use zoogate::session::verdict::Confidence;
use zoogate::time::Timestamp;

/// How long after an end its first cause is there at the latest.
const FIRST_CAUSE: Duration = Duration::from_secs(2);
/// How long before an end a server's trouble may lie that explains it, and how long after it.
const BEFORE: Duration = Duration::from_secs(25);
const AFTER: Duration = Duration::from_secs(6);
/// How far an election and what is explained by it may be apart.
const SEEN_AS_ONE: Duration = Duration::from_secs(3);

/// What causes the truth contradicts.
pub(super) fn cause_complaints(played: &PlayedStory, told: &KnownConnection) -> Vec<OracleComplaint> {
    let Some((ended_at, _)) = told.ended.filter(|_| told.seen.is_some()) else {
        return Vec::new();
    };
    let complain = |what: String| vec![OracleComplaint { connection: told.connection, what }];
    let paused = played.own_pauses.iter().any(|pause| pause.to >= ended_at && pause.from <= ended_at.after(AFTER));
    let Some((first_at, cause)) = told.cause else {
        let late = paused || ended_at.after(FIRST_CAUSE) >= played.curtain;
        return if late { Vec::new() } else { complain("its end has no cause".to_owned()) };
    };
    if first_at > ended_at.after(FIRST_CAUSE) && !paused {
        return complain(format!("its first cause came after {:?}", first_at.since(ended_at)));
    }
    // What is only a guess says so.
    if cause.cause.confidence == Confidence::Weak {
        return Vec::new();
    }
    let code = cause.cause.code;
    let is_true = match code {
        CauseCode::LeaderStopped => servers(played).any(|server| closed_its_port(played, server, ended_at)),
        CauseCode::ServerStopped | CauseCode::ServerRestarted => closed_its_port(played, told.server, ended_at),
        CauseCode::LeaderFrozen => servers(played).any(|server| was_away(played, server, ended_at)),
        CauseCode::ServerFrozen | CauseCode::ServerParted => was_away(played, told.server, ended_at),
        CauseCode::QuorumLost => servers(played).filter(|server| was_away(played, *server, ended_at)).count() >= 2,
        CauseCode::ElectionRunning => nobody_led(played, told.opened_at.min(ended_at), ended_at),
        CauseCode::SessionClosed => told.asked_to_close,
        _ => true,
    };
    if is_true {
        Vec::new()
    } else {
        complain(format!(
            "on server {} it ended at {} ms; its cause is {}, and that is not true",
            told.server.0,
            ended_at.as_millis(),
            code.label()
        ))
    }
}

/// Whether no leader served at some moment of that time, or so shortly before or after it that it is seen as one. What the
/// proxy saw before it stood still is all that it knows until it has looked again.
fn nobody_led(played: &PlayedStory, from: Timestamp, until: Timestamp) -> bool {
    let from = Timestamp(from.0.saturating_sub(SEEN_AS_ONE.as_nanos() as u64));
    let unseen = played.own_pauses.iter().filter(|pause| pause.to >= from && pause.from <= until);
    let from = unseen.map(|pause| pause.from).min().map_or(from, |began| began.min(from));
    let until = until.after(SEEN_AS_ONE);
    let before = played.led.iter().rfind(|(at, _)| *at <= from).is_none_or(|(_, led)| !led);
    before || played.led.iter().any(|(at, led)| !led && *at > from && *at <= until)
}

fn servers(played: &PlayedStory) -> impl Iterator<Item = ServerId> {
    let most = played.shifts.iter().map(|shift| shift.server).max();
    (0..=most.map_or(0, |server| server.0)).map(ServerId)
}

/// Whether a server's port was closed at some time around that moment.
fn closed_its_port(played: &PlayedStory, server: ServerId, moment: Timestamp) -> bool {
    in_a_state(played, server, moment, |_, open| !open)
}

/// Whether a server did not run, or took no part, at some time around that moment.
fn was_away(played: &PlayedStory, server: ServerId, moment: Timestamp) -> bool {
    let from = Timestamp(moment.0.saturating_sub(BEFORE.as_nanos() as u64));
    let stood_still = |frozen: &(ServerId, Timestamp, Timestamp)| {
        frozen.0 == server && frozen.1 <= moment.after(AFTER) && frozen.2 >= from
    };
    played.frozen.iter().any(stood_still) || in_a_state(played, server, moment, |up, _| !up)
}

fn in_a_state(played: &PlayedStory, server: ServerId, moment: Timestamp, state: impl Fn(bool, bool) -> bool) -> bool {
    let own = || played.shifts.iter().filter(|shift| shift.server == server);
    let from = Timestamp(moment.0.saturating_sub(BEFORE.as_nanos() as u64));
    let before = own().rev().find(|shift| shift.at <= from).is_some_and(|shift| state(shift.up, shift.open));
    before || own().any(|shift| shift.at > from && shift.at <= moment.after(AFTER) && state(shift.up, shift.open))
}
