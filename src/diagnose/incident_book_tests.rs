use std::net::IpAddr;

use super::*;
use crate::diagnose::end_case::SessionReturn;
use crate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionTraffic};
use crate::session::transition::{CloseDetails, EndedConnection};
use crate::session::verdict::{Confidence, EndReason, RouteReason};

/// Where the leader is.
const LEADER: u16 = 0;
/// Another server.
const OTHER: u16 = 1;

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO.after(Duration::from_secs(seconds))
}

/// A connection that a server closed in that second.
fn end(seconds: u64, client: IpAddr, session: Option<i64>, server: u16) -> JudgedEnd {
    let session = session.map(SessionId);
    let ended = EndedConnection {
        connection: ConnectionId(seconds),
        session,
        server: ServerId(server),
        client: (client, 4_000).into(),
        claimed_at: at(0),
        attached_at: session.map(|_| at(0)),
        ended_at: at(seconds),
        reason: EndReason::Unknown,
        confidence: Confidence::Likely,
        facts: Vec::new().into(),
        unanswered_count: 0,
        traffic: ConnectionTraffic::default(),
    };
    let close = CloseDetails {
        closer: ConnectionCloser::Server(CloseKind::Fin),
        timeout: Duration::from_secs(6),
        client_heard_at: at(seconds),
        client_silence: Duration::ZERO,
        server_silence: Duration::ZERO,
        unanswered: Vec::new(),
        unanswered_pings: 0,
        throttled: 0,
        closing: false,
        identity: None,
        client_sign: None,
        lives_at: None,
        unheard: None,
        closed_before: None,
    };
    JudgedEnd { ended, close, later: LaterSigns::default(), undecided: false, stays_open: false }
}

/// A session loses its connection to a server, for this cause; the incident that this belongs to.
fn lose(book: &mut IncidentBook, seconds: u64, code: CauseCode, session: i64, server: u16) -> u64 {
    lose_late(book, seconds, seconds, code, session, server)
}

/// The same, where the cause is given only in the second `now`.
fn lose_late(book: &mut IncidentBook, now: u64, seconds: u64, code: CauseCode, session: i64, server: u16) -> u64 {
    enter(book, now, code, end(seconds, [10, 0, 0, 1].into(), Some(session), server))
}

/// Somebody claims a session with a wrong password.
fn forge(book: &mut IncidentBook, seconds: u64, client: IpAddr) -> u64 {
    enter(book, seconds, CauseCode::WrongPassword, end(seconds, client, None, LEADER))
}

fn enter(book: &mut IncidentBook, now: u64, code: CauseCode, event: JudgedEnd) -> u64 {
    let diagnosed = Diagnosed::new(code, event.ended.ended_at, Confidence::Likely, Vec::new());
    book.enter(at(now), event, diagnosed, ConnectionPhase::Idle).expect("an incident")
}

/// A session comes back where it was.
fn come_back(book: &mut IncidentBook, seconds: u64, session: i64) {
    let back =
        SessionReturn { at: at(seconds), server: ServerId(LEADER), same_client: true, routed: RouteReason::Mirror };
    book.came_back(SessionId(session), back);
}

/// The address of a client by its number.
fn address(number: usize) -> IpAddr {
    let [.., a, b] = number.to_be_bytes();
    [10, 1, a, b].into()
}

#[test]
fn what_strangers_bring_about_makes_room_before_what_befell_the_ensemble() {
    let mut book = IncidentBook::default();
    let quorum = lose(&mut book, 1, CauseCode::QuorumLost, 1, LEADER);
    let forged = 3 * (OPEN_INCIDENTS + CLOSED_INCIDENTS);
    for number in 0..forged {
        forge(&mut book, 2, address(number));
    }
    assert_eq!(book.get(quorum).map(|incident| incident.until), Some(None), "it goes on");
    let early = forged + 1 - OPEN_INCIDENTS;
    let losses = book.losses();
    assert_eq!((book.open.len(), losses.closed_early), (OPEN_INCIDENTS, early as u64));
    assert_eq!((book.closed.len(), losses.incidents), (CLOSED_INCIDENTS, (early - CLOSED_INCIDENTS) as u64));
    book.close_over(at(90), |incident| incident.id == quorum);
    assert_eq!(book.get(quorum).map(|incident| incident.until), Some(Some(at(90))));
    for number in forged..2 * forged {
        forge(&mut book, 91, address(number));
    }
    assert!(book.get(quorum).is_some(), "it is kept");
}

#[test]
fn each_end_is_told_and_clients_keep_half_of_the_room() {
    let mut book = IncidentBook::default();
    let many = 2 * CLOSED_INCIDENTS as u16;
    for server in 0..many {
        lose(&mut book, 1, CauseCode::ServerStopped, i64::from(server), server);
        book.close_all(at(2));
        while book.poll_change().is_some() {}
    }
    for number in 0..OPEN_INCIDENTS {
        forge(&mut book, 3, address(number));
    }
    while book.poll_change().is_some() {}
    book.close_all(at(4));
    let told = std::iter::from_fn(|| book.poll_change()).filter(|(change, _)| *change == IncidentChange::Closed);
    assert_eq!(told.count(), OPEN_INCIDENTS);
    let kept = book.closed.iter().filter(|incident| incident.key.is_of_one_client()).count();
    assert_eq!((kept, book.closed.len()), (CLOSED_INCIDENTS / 2, CLOSED_INCIDENTS));
}

#[test]
fn each_part_is_told_to_be_one_before_it_makes_room() {
    let mut book = IncidentBook::default();
    for server in 0..CLOSED_INCIDENTS as u16 {
        lose(&mut book, 1, CauseCode::ServerStopped, i64::from(server), server);
        book.close_all(at(2));
        while book.poll_change().is_some() {}
    }
    let parts = [1, 2, 3].map(|server| lose(&mut book, 10, CauseCode::ServerFrozen, i64::from(server), 500 + server));
    lose(&mut book, 11, CauseCode::QuorumLost, 9, LEADER);
    let told = std::iter::from_fn(|| book.poll_change()).filter(|(change, _)| *change == IncidentChange::Absorbed);
    let mut told: Vec<u64> = told.map(|(_, incident)| incident.id).collect();
    told.sort_unstable();
    assert_eq!(told, parts);
}

#[test]
fn what_was_closed_for_want_of_room_has_not_come_again() {
    let mut book = IncidentBook::default();
    let first = forge(&mut book, 1, address(0));
    for number in 1..=OPEN_INCIDENTS {
        forge(&mut book, 1, address(number));
    }
    assert_eq!(forge(&mut book, 2, address(0)), first);
    assert_eq!(book.get(first).map(|incident| (incident.until, incident.times)), Some((None, 1)));
    book.close_all(at(3));
    assert_eq!(forge(&mut book, 4, address(0)), first);
    assert_eq!(book.get(first).map(|incident| incident.times), Some(2), "that was an end");
}

#[test]
fn among_servers_the_oldest_incident_makes_room() {
    let mut book = IncidentBook::default();
    let all = OPEN_INCIDENTS as u16 + 1;
    let ids: Vec<u64> =
        (0..all).map(|server| lose(&mut book, 1, CauseCode::ServerStopped, i64::from(server), server)).collect();
    let closed: Vec<u64> = book.closed.iter().map(|incident| incident.id).collect();
    assert_eq!((closed, book.losses().closed_early), (vec![ids[0]], 1));
}

#[test]
fn incidents_that_come_again_find_no_more_room_than_new_ones() {
    let mut book = IncidentBook::default();
    let all = OPEN_INCIDENTS + 36;
    let ids: Vec<u64> = (0..all).map(|number| forge(&mut book, 1, address(number))).collect();
    book.close_all(at(2));
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(forge(&mut book, 3, address(number)), *id);
    }
    assert_eq!((book.open.len(), book.closed.len()), (OPEN_INCIDENTS, all - OPEN_INCIDENTS));
}

#[test]
fn what_was_before_an_incident_stays_so_when_it_comes_again() {
    let mut book = IncidentBook::default();
    let code = CauseCode::QuorumLost;
    lose(&mut book, 1, code, 1, LEADER);
    book.close_all(at(2));
    let incident = lose(&mut book, 200, code, 2, LEADER);
    let before = |book: &IncidentBook, id| book.seen_before(book.get(id).expect("an incident that is kept"));
    let once = Some(SeenBefore { count: 1, last: LastSeen::Here(at(1)) });
    assert_eq!(before(&book, incident), once);
    book.close_all(at(201));
    assert_eq!(before(&book, incident), once);
    assert_eq!(lose(&mut book, 230, code, 3, LEADER), incident);
    assert_eq!(before(&book, incident), once, "it is none of those before itself");
    book.close_all(at(231));
    assert_eq!(before(&book, incident), once);
    let later = lose(&mut book, 500, code, 4, LEADER);
    assert_eq!(before(&book, later), Some(SeenBefore { count: 2, last: LastSeen::Here(at(200)) }), "and counts once");
}

#[test]
fn an_incident_that_comes_again_takes_what_opened_beside_it() {
    for (is_over, opened, is_part) in [(true, 50, true), (false, 50, true), (true, 30, false), (false, 30, false)] {
        let mut book = IncidentBook::default();
        let whole = lose(&mut book, 10, CauseCode::LeaderStopped, 1, LEADER);
        if is_over {
            book.close_all(at(12));
        } else {
            book.close_over(at(12), |_| true);
        }
        let part = lose(&mut book, opened, CauseCode::ServerStopped, 2, OTHER);
        assert_ne!(part, whole);
        assert_eq!(lose(&mut book, 55, CauseCode::LeaderStopped, 3, LEADER), whole);
        let told: Vec<(IncidentChange, u64)> =
            std::iter::from_fn(|| book.poll_change()).map(|(change, incident)| (change, incident.id)).collect();
        assert_eq!(told.contains(&(IncidentChange::Absorbed, part)), is_part, "{is_over} {opened}");
        assert_eq!(book.get(part).and_then(|incident| incident.part_of), is_part.then_some(whole));
        let incident = book.get(whole).expect("it is open");
        assert_eq!((incident.times, incident.until), (2, None));
        let all = if is_part { 3 } else { 2 };
        assert_eq!((incident.impact.connections, incident.impact.sessions), (all, all));
    }
}

#[test]
fn a_session_counts_once_in_an_incident_that_comes_again_and_those_of_its_first_round_stay_counted() {
    let mut book = IncidentBook::default();
    let figures = |book: &IncidentBook, id| {
        let incident = book.get(id).expect("an incident that is kept");
        let impact = &incident.impact;
        (impact.connections, impact.sessions, impact.back, incident.away)
    };
    let whole = lose(&mut book, 10, CauseCode::LeaderStopped, 1, LEADER);
    lose(&mut book, 10, CauseCode::LeaderStopped, 2, LEADER);
    for session in [1, 2] {
        come_back(&mut book, 11, session);
    }
    book.close_all(at(20));
    assert_eq!((figures(&book, whole), book.is_anyone_away()), ((2, 2, 2, 0), false));
    // Beside it, and part of it when it comes again: then its sessions are counted anew.
    lose(&mut book, 50, CauseCode::ServerStopped, 3, OTHER);
    assert_eq!(lose(&mut book, 55, CauseCode::LeaderStopped, 1, LEADER), whole);
    assert_eq!(figures(&book, whole), (4, 3, 1, 2));
    book.close_all(at(60));
    // Of those that are forgotten by then nothing more is known than that they were counted.
    lose(&mut book, 115, CauseCode::ServerStopped, 4, OTHER);
    book.close_over(at(125), |_| false);
    assert_eq!(lose_late(&mut book, 125, 119, CauseCode::LeaderStopped, 5, LEADER), whole);
    assert_eq!(figures(&book, whole), (6, 5, 1, 2), "whether those of before are still away nobody knows");
}
