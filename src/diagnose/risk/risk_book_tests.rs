use super::*;
use crate::session::client_profile::ClientProfile;
use crate::session::identity::HolderIdentity;
use crate::session::short_path::ShortPath;

const SESSION: SessionId = SessionId(7);
const CONNECTION: ConnectionId = ConnectionId(3);

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO.after(Duration::from_secs(seconds))
}

fn subject(session: SessionId) -> RiskSubject {
    RiskSubject { identity: Some(Box::new(HolderIdentity::broker(7))), ..stranger(session) }
}

/// The same where the holder is not known.
fn stranger(session: SessionId) -> RiskSubject {
    RiskSubject { session, server: None, client: None, identity: None }
}

fn budget(client: u64) -> HeartbeatBudget {
    let [client_silent, timeout] = [client, 6].map(Duration::from_secs);
    HeartbeatBudget {
        client_silent,
        server_silent: client_silent,
        is_owed: false,
        client_held: false,
        timeout,
        profile: ClientProfile::Unknown,
    }
}

fn late(book: &mut RiskBook, now: u64, session: SessionId, silent: u64) -> bool {
    book.late(at(now), RiskCode::ClientSilent, CONNECTION, budget(silent), || subject(session), session)
}

fn never(_: Timestamp) -> Duration {
    Duration::ZERO
}

fn look(book: &mut RiskBook, now: u64, state: AwayState) {
    book.look_at_away(at(now), |_| state, subject, never);
}

fn outcomes(book: &RiskBook) -> Vec<(RiskCode, RiskOutcome)> {
    book.risks().iter().map(|risk| (risk.code, risk.outcome)).collect()
}

#[test]
fn a_late_client_is_told_once_and_its_silence_is_kept_when_it_is_back() {
    let mut book = RiskBook::default();
    assert!(late(&mut book, 10, SESSION, 3));
    assert!(!late(&mut book, 11, SESSION, 4), "it stands already");
    assert_eq!(book.standing()[RiskCode::ClientSilent as usize], 1);
    assert_eq!(book.risks()[0].detail, RiskDetail::Heartbeat(budget(4)), "the numbers are the newest");
    assert_eq!(book.late_connections(), [(RiskKey::of(RiskCode::ClientSilent, SESSION), CONNECTION)]);
    book.settle_late(at(12), RiskKey::of(RiskCode::ClientSilent, SESSION), AwayState::Back, never);
    assert_eq!(outcomes(&book), [(RiskCode::ClientSilent, RiskOutcome::Passed)]);
    assert_eq!(book.outages(SESSION).collect::<Vec<_>>(), [Duration::from_secs(5)]);
    assert_eq!(book.outages(SessionId(8)).count(), 0);

    assert!(late(&mut book, 20, SESSION, 3), "it is late again");
    book.settle_late(at(23), RiskKey::of(RiskCode::ClientSilent, SESSION), AwayState::Away, never);
    assert_eq!(outcomes(&book)[0], (RiskCode::ClientSilent, RiskOutcome::Lost));
    let told: Vec<RiskOutcome> = book.take_changes().iter().map(|risk| risk.outcome).collect();
    assert_eq!(told, [RiskOutcome::Open, RiskOutcome::Passed, RiskOutcome::Open, RiskOutcome::Lost]);
    assert_eq!((book.take_changes().len(), book.told()[RiskCode::ClientSilent as usize]), (0, 2));
}

#[test]
fn a_session_that_is_away_is_at_risk_behind_half_of_its_timeout() {
    for (became, outcome, outages) in [
        (AwayState::Back, RiskOutcome::Passed, 1),
        (AwayState::Expired, RiskOutcome::Lost, 0),
        (AwayState::Left, RiskOutcome::Passed, 0),
        (AwayState::Unknown, RiskOutcome::Unknown, 0),
    ] {
        let mut book = RiskBook::default();
        let timeout = Duration::from_secs(6);
        book.lost_connection(AwaySession { session: SESSION, since: at(10), heard_at: at(9), timeout, is_named: true });
        look(&mut book, 11, AwayState::Away);
        assert_eq!(outcomes(&book), []);
        for now in [12, 14] {
            look(&mut book, now, AwayState::Away);
            assert_eq!(outcomes(&book), [(RiskCode::SessionAway, RiskOutcome::Open)]);
        }
        assert_eq!(book.risks()[0].detail, RiskDetail::Away { since: at(10), expires_at: at(15) });
        look(&mut book, 15, became);
        assert_eq!((outcomes(&book), book.is_waiting()), (vec![(RiskCode::SessionAway, outcome)], false));
        assert_eq!(book.outages(SESSION).count(), outages);
    }
}

#[test]
fn a_silence_that_goes_on_as_an_absence_is_one_outage() {
    for is_told in [false, true] {
        let mut book = RiskBook::default();
        let timeout = Duration::from_secs(6);
        assert!(late(&mut book, 13, SESSION, 3));
        let (since, heard_at) = (at(15), at(10));
        book.lost_connection(AwaySession { session: SESSION, since, heard_at, timeout, is_named: true });
        book.settle_late(at(15), RiskKey::of(RiskCode::ClientSilent, SESSION), AwayState::Away, never);
        assert_eq!(book.outages(SESSION).count(), 0);
        if is_told {
            look(&mut book, 15, AwayState::Away);
        }
        look(&mut book, 16, AwayState::Back);
        assert_eq!(book.outages(SESSION).collect::<Vec<_>>(), [Duration::from_secs(6)]);
    }
}

#[test]
fn a_session_that_came_back_and_went_again_between_two_looks_is_at_risk_anew() {
    let mut book = RiskBook::default();
    let timeout = Duration::from_secs(6);
    let lost = |since| AwaySession { session: SESSION, since: at(since), heard_at: at(since), timeout, is_named: true };
    book.lost_connection(lost(10));
    look(&mut book, 13, AwayState::Away);
    book.lost_connection(lost(14));
    book.lost_connection(lost(12));
    look(&mut book, 17, AwayState::Away);
    let told: Vec<RiskOutcome> = book.take_changes().iter().map(|risk| risk.outcome).collect();
    assert_eq!(told, [RiskOutcome::Open, RiskOutcome::Passed, RiskOutcome::Open]);
    assert_eq!(book.risks()[0].detail, RiskDetail::Away { since: at(14), expires_at: at(20) });
}

#[test]
fn each_session_that_is_away_is_at_risk_at_its_own_time() {
    let mut book = RiskBook::default();
    for (session, since, timeout) in [(1, 10, 30), (2, 11, 6), (3, 12, 20)] {
        let (session, timeout) = (SessionId(session), Duration::from_secs(timeout));
        book.lost_connection(AwaySession { session, since: at(since), heard_at: at(since), timeout, is_named: true });
    }
    let at_risk = |book: &mut RiskBook, now| {
        look(book, now, AwayState::Away);
        book.risks().iter().map(|risk| risk.subject.session.0).collect::<Vec<_>>()
    };
    let seen = [13, 14, 21, 22, 24, 25].map(|now| at_risk(&mut book, now));
    assert_eq!(seen, [vec![], vec![2], vec![2], vec![3, 2], vec![3, 2], vec![1, 3, 2]]);
}

#[test]
fn of_those_that_are_away_only_the_shown_ones_are_looked_up_each_time() {
    let mut book = RiskBook::default();
    let all = RISKS_OPEN + 100;
    for id in 1..=all as i64 {
        let (session, timeout) = (SessionId(id), Duration::from_secs(32));
        book.lost_connection(AwaySession { session, since: at(10), heard_at: at(10), timeout, is_named: true });
    }
    let looked_up = std::cell::Cell::new(0);
    let looks = [26, 27, 29, 30, 31].map(|now| {
        looked_up.set(0);
        book.look_at_away(
            at(now),
            |_| {
                looked_up.set(looked_up.get() + 1);
                AwayState::Away
            },
            subject,
            never,
        );
        looked_up.get()
    });
    assert_eq!(looks, [all, RISKS_OPEN, RISKS_OPEN, all, RISKS_OPEN]);
    look(&mut book, 34, AwayState::Expired);
    assert!(!book.is_waiting(), "what became of all of them is known");
}

#[test]
fn how_long_one_was_away_that_was_not_shown_is_not_known() {
    let mut book = RiskBook::default();
    let all = RISKS_OPEN as i64 + 100;
    for id in 1..=all {
        let (session, timeout) = (SessionId(id), Duration::from_secs(32));
        book.lost_connection(AwaySession { session, since: at(10), heard_at: at(10), timeout, is_named: true });
    }
    look(&mut book, 26, AwayState::Away);
    let shown: Vec<SessionId> = book.risks().iter().map(|risk| risk.subject.session).collect();
    assert_eq!(shown.len(), RISKS_OPEN);
    // Some time before this look: nobody has looked for four seconds.
    let hidden = (1..=all).map(SessionId).find(|session| !shown.contains(session)).expect("there was no room for all");
    let back = [hidden, shown[0]];
    book.look_at_away(
        at(30),
        |one| if back.contains(&one) { AwayState::Back } else { AwayState::Away },
        subject,
        never,
    );
    assert_eq!(book.outages(shown[0]).collect::<Vec<_>>(), [Duration::from_secs(20)]);
    assert_eq!(book.outages(hidden).count(), 0);
}

#[test]
fn who_is_back_in_time_was_at_no_risk() {
    let mut book = RiskBook::default();
    let timeout = Duration::from_secs(6);
    book.lost_connection(AwaySession { session: SESSION, since: at(10), heard_at: at(9), timeout, is_named: true });
    look(&mut book, 13, AwayState::Back);
    assert_eq!((outcomes(&book), book.is_waiting()), (vec![], false));
    assert_eq!(book.outages(SESSION).count(), 0, "how long it was away is not known");
}

#[test]
fn the_newest_absence_of_a_session_counts() {
    let mut book = RiskBook::default();
    for since in [at(10), at(12)] {
        let timeout = Duration::from_secs(6);
        book.lost_connection(AwaySession { session: SESSION, since, heard_at: since, timeout, is_named: true });
    }
    look(&mut book, 13, AwayState::Away);
    assert_eq!(outcomes(&book), [], "it was back within the first one");
    look(&mut book, 15, AwayState::Away);
    assert_eq!(book.risks()[0].detail, RiskDetail::Away { since: at(12), expires_at: at(18) });
}

#[test]
fn sides_that_stay_late_without_room_are_counted_once() {
    let mut book = RiskBook::default();
    let all = RISKS_OPEN as i64 + 10;
    for now in 10..14 {
        for id in 1..=all {
            late(&mut book, now, SessionId(id), 3);
        }
        book.end_look(all as u64);
    }
    assert_eq!((book.losses().risks, book.room(true)), (10, 0));
    book.end_look(RISKS_OPEN as u64);
    book.end_look(all as u64);
    assert_eq!(book.losses().risks, 20, "they were in time in between");
}

#[test]
fn a_node_is_at_risk_until_its_owner_must_be_gone() {
    let detail =
        |expires_at| RiskDetail::Node { path: Box::new(ShortPath::new(b"/a")), owner: Some(SessionId(1)), expires_at };
    let code = RiskCode::OrphanEphemeral;
    let mut book = RiskBook::default();
    assert!(book.met(at(1), code, SESSION, detail(Some(at(10))), || subject(SESSION)));
    assert!(!book.met(at(2), code, SESSION, detail(Some(at(10))), || subject(SESSION)));
    book.look_at_nodes(at(13), |_| false);
    assert_eq!(outcomes(&book), [(code, RiskOutcome::Open)]);
    book.look_at_nodes(at(14), |_| false);
    assert_eq!(outcomes(&book), [(code, RiskOutcome::Passed)]);

    assert!(book.met(at(20), code, SESSION, detail(None), || subject(SESSION)));
    book.look_at_nodes(at(100), |_| false);
    assert_eq!(book.standing()[code as usize], 1, "nobody knows when");
    book.look_at_nodes(at(101), |session| session == SessionId(1));
    assert_eq!(book.standing()[code as usize], 0);
}

#[test]
fn a_storm_stays_within_bounds_and_is_counted() {
    let mut book = RiskBook::default();
    let all = 3 * AWAY_WATCHED as i64;
    for id in 1..=all {
        let (since, timeout) = (at(10), Duration::from_secs(6));
        book.lost_connection(AwaySession { session: SessionId(id), since, heard_at: since, timeout, is_named: true });
    }
    for now in 13..18 {
        look(&mut book, now, AwayState::Away);
        book.take_changes();
    }
    assert_eq!((book.risks().len(), book.away.len()), (RISKS_OPEN, AWAY_WATCHED));
    let losses = book.losses();
    assert_eq!(losses, RiskLosses { risks: (AWAY_WATCHED - RISKS_OPEN) as u64, away: 2 * AWAY_WATCHED as u64 });
    look(&mut book, 20, AwayState::Back);
    assert_eq!((book.risks().len(), book.outages.len(), book.is_waiting()), (RISKS_PAST, OUTAGES_KEPT, false));
    assert!(book.take_changes().len() <= CHANGES);
}

#[test]
fn what_is_left_of_a_timeout_counts_from_the_last_that_was_heard() {
    for (since, heard_at, due) in [(10, 10, 13), (10, 9, 12), (10, 5, 10)] {
        let mut book = RiskBook::default();
        let (since, heard_at, timeout) = (at(since), at(heard_at), Duration::from_secs(6));
        book.lost_connection(AwaySession { session: SESSION, since, heard_at, timeout, is_named: true });
        assert_eq!(book.heard_at(SESSION), Some(heard_at));
        look(&mut book, due - 1, AwayState::Away);
        assert_eq!(outcomes(&book), []);
        look(&mut book, due, AwayState::Away);
        assert_eq!(outcomes(&book), [(RiskCode::SessionAway, RiskOutcome::Open)], "{heard_at:?}");
        look(&mut book, due + 1, AwayState::Back);
        let lasted = at(due + 1).since(heard_at);
        assert_eq!(book.outages(SESSION).collect::<Vec<_>>(), [lasted], "as the servers count it");
        assert_eq!(book.heard_at(SESSION), None);
    }
}

#[test]
fn what_zoogate_stood_still_is_no_absence_and_no_silence() {
    let mut book = RiskBook::default();
    let timeout = Duration::from_secs(6);
    book.lost_connection(AwaySession { session: SESSION, since: at(10), heard_at: at(10), timeout, is_named: true });
    look(&mut book, 13, AwayState::Away);
    let two = |since: Timestamp| if since == at(10) { Duration::from_secs(2) } else { Duration::ZERO };
    book.look_at_away(at(15), |_| AwayState::Back, subject, two);
    assert!(late(&mut book, 20, SESSION, 3));
    let one = |since: Timestamp| if since == at(20) { Duration::from_secs(1) } else { Duration::ZERO };
    book.settle_late(at(22), RiskKey::of(RiskCode::ClientSilent, SESSION), AwayState::Back, one);
    assert_eq!(book.outages(SESSION).collect::<Vec<_>>(), [3, 4].map(Duration::from_secs));
}

#[test]
fn every_node_that_a_session_met_is_told() {
    let code = RiskCode::OrphanEphemeral;
    let mut book = RiskBook::default();
    let met = |book: &mut RiskBook, session: SessionId, number: usize| {
        let path = Box::new(ShortPath::new(format!("/a/{number}").as_bytes()));
        let detail = RiskDetail::Node { path, owner: Some(SessionId(1)), expires_at: Some(at(10)) };
        book.met(at(1), code, session, detail, || subject(session))
    };
    assert!(met(&mut book, SESSION, 1) && met(&mut book, SESSION, 2) && !met(&mut book, SESSION, 1));
    assert_eq!((book.standing()[code as usize], book.losses().risks), (2, 0));
    let told = (0..2 * RISKS_OPEN).filter(|number| met(&mut book, SESSION, *number)).count();
    assert_eq!((told, book.standing()[code as usize]), (NODES_OF_ONE - 2, NODES_OF_ONE as u64));
    assert_eq!(book.losses().risks, (2 * RISKS_OPEN - NODES_OF_ONE) as u64);
    assert!(met(&mut book, SessionId(8), 1), "there is room for others");
    book.look_at_nodes(at(2), |session| session == SESSION);
    assert_eq!(book.standing()[code as usize], 1, "those of a session that is over are over");
}

#[test]
fn strangers_leave_half_of_the_room_to_sessions_whose_holder_is_known() {
    let mut book = RiskBook::default();
    let most = AWAY_WATCHED as i64;
    for id in 1..=2 * most + 10 {
        let (since, timeout, is_named) = (at(10), Duration::from_secs(6), id > 2 * most);
        book.lost_connection(AwaySession { session: SessionId(id), since, heard_at: since, timeout, is_named });
    }
    assert_eq!((book.away.len(), book.losses().away), (AWAY_WATCHED / 2 + 10, 3 * AWAY_WATCHED as u64 / 2));
    let whose = |session: SessionId| if session.0 > 2 * most { subject(session) } else { stranger(session) };
    book.look_at_away(at(13), |_| AwayState::Away, whose, never);
    let named = book.risks().iter().filter(|risk| risk.subject.identity.is_some()).count();
    assert_eq!((book.risks().len(), named), (RISKS_OPEN / 2 + 10, 10));
    assert_eq!([true, false].map(|is_named| book.room(is_named)), [RISKS_OPEN / 2 - 10, 0]);
    // Each place is free again when it is over.
    look(&mut book, 14, AwayState::Back);
    assert_eq!((book.away.len(), book.away_strangers), (0, 0));
    assert_eq!([true, false].map(|is_named| book.room(is_named)), [RISKS_OPEN, RISKS_OPEN / 2]);
}

#[test]
fn a_session_whose_holder_is_found_out_while_it_is_away_is_no_stranger_any_more() {
    let mut book = RiskBook::default();
    for (since, is_named, strangers) in [(10, false, 1), (11, true, 0), (12, false, 1), (9, true, 1)] {
        let (since, timeout) = (at(since), Duration::from_secs(6));
        book.lost_connection(AwaySession { session: SESSION, since, heard_at: since, timeout, is_named });
        assert_eq!((book.away.len(), book.away_strangers), (1, strangers));
    }
}

#[test]
fn one_session_pushes_out_what_is_kept_of_itself_alone() {
    let mut book = RiskBook::default();
    let other = SessionId(8);
    let mut silent = |session: SessionId, now: u64| {
        assert!(late(&mut book, now, session, 3));
        book.settle_late(at(now + 1), RiskKey::of(RiskCode::ClientSilent, session), AwayState::Back, never);
    };
    silent(other, 10);
    let times = 2 * RISKS_PAST as u64;
    for time in 0..times {
        silent(SESSION, 20 + 2 * time);
    }
    let kept = |session: SessionId| {
        let risks = book.risks();
        let own: Vec<_> = risks.iter().filter(|risk| risk.subject.session == session).collect();
        (book.outages(session).count(), own.len(), own.first().map(|risk| risk.since))
    };
    assert_eq!(kept(other), (1, 1, Some(at(10))));
    assert_eq!(kept(SESSION), (KEPT_OF_ONE, KEPT_OF_ONE, Some(at(18 + 2 * times))), "the newest");
}
