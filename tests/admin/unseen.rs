//! Letters that are not seen never leave the admin address as they are.

use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid};
use zoogate::session::connection_end::UnansweredRequest;
use zoogate::session::event::MovedCodeLocation;
use zoogate::session::identity::HolderIdentity;
use zoogate::session::transition::SessionTransition;
use zoogate::wire::OpCode;

use crate::stage::{Stage, at};

/// What an API must not say as it is, a line break included.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || ('\u{200b}'..='\u{200f}').contains(&letter)
        || ('\u{2028}'..='\u{202e}').contains(&letter)
        || ('\u{2066}'..='\u{2069}').contains(&letter)
        || "\u{34f}\u{61c}\u{115f}\u{17b4}\u{180b}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{e0001}\u{e0100}"
            .contains(letter)
}

#[test]
fn lists_stories_and_the_page_of_metrics_show_every_letter() {
    let letters: Vec<char> = (0..=0x0010_ffff).filter_map(char::from_u32).filter(|letter| is_unseen(*letter)).collect();
    let stage = Stage::empty();
    // As many letters as an identity has room for in each session.
    for (number, some) in letters.chunks(24).enumerate() {
        let evil: String = some.iter().collect();
        let (session, connection) = (SessionId(0x0100_0000_0000_0001 + number as i64), ConnectionId(number as u64 + 1));
        let mut recorder = stage.attach(session, connection.0, 0, 4000, 1);
        crate::stage::reply(&mut recorder, 10, OpCode::GET_DATA, 3);
        let identity = HolderIdentity::of_ephemeral(format!("/{evil}").as_bytes()).expect("a node that stays");
        stage.telemetry.state().apply(at(2), SessionTransition::Identified { connection, identity });
        let refused = Some(UnansweredRequest {
            xid: Xid(9),
            op: OpCode::MULTI,
            path: evil.clone(),
            ephemeral: false,
            sent_at: at(1),
        });
        let form = MovedCodeLocation::Multi;
        stage.telemetry.state().apply(at(3), SessionTransition::MoveRefused { connection, form, refused });
        let story = stage.json(&format!("/api/sessions/{session}"));
        assert_eq!(story["identity"], format!("/{evil}"), "JSON means what the client sent");
    }
    stage.serving(ServerId(0).0);
    let first = SessionId(0x0100_0000_0000_0001);
    for path in
        ["/api/sessions", &format!("/api/sessions/{first}"), "/api/session-moved", "/api/connections", "/metrics"]
    {
        let (status, text) = stage.ask(path);
        assert_eq!(status, 200, "{path}");
        let out = text.chars().find(|letter| is_unseen(*letter) && !(path == "/metrics" && *letter == '\n'));
        assert_eq!(out, None, "{path}");
    }
    let (_, page) = stage.ask("/metrics");
    let shown = page.lines().filter(|line| line.starts_with("zoogate_session_info{")).count();
    assert_eq!(shown, letters.len().div_ceil(24), "each session has its line, and no identity made another");
}

#[test]
fn a_refusal_shows_what_it_quotes() {
    let stage = Stage::empty();
    for path in ["/api/sessions?server=a%1B%C2%9B%E2%80%AEb", "/api/sessions?client=%00%0A", "/api/sessions/0x%7F"] {
        let (status, text) = stage.ask(path);
        assert_eq!((status, text.chars().find(|letter| is_unseen(*letter))), (400, None), "{path}: {text}");
    }
}
