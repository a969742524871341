//! Which server a claim is sent to, and why. Pure: the same inputs give the same order.

use smallvec::SmallVec;

use super::roster::{ServerEntry, ServerRoster};
use crate::ids::{ServerId, SessionId};
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::session::verdict::RouteReason;

/// What is known of a claim before a server is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectIntent {
    /// The session claimed; [`SessionId::NEW`] for a new one.
    pub session: SessionId,
    /// The server that it was last on, as far as is known here; None too when sessions are not pinned.
    pub placed_on: Option<ServerId>,
    /// The server that it is on while its claim cannot prove that it belongs to it: that server would close the good
    /// connection before it looks at the password (protocol.md §5.4).
    pub avoids: Option<ServerId>,
    /// Whether the client takes a read-only server.
    pub read_only: bool,
}

/// A server to try, and why it stands where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerCandidate {
    /// The server.
    pub server: ServerId,
    /// Why it was chosen.
    pub reason: RouteReason,
}

/// Servers in the order in which they are tried; an ensemble of five takes no memory of its own.
pub type CandidateOrder = SmallVec<[ServerCandidate; 5]>;

/// How late a server is tried; lower is earlier.
///
/// A server that refuses costs an instant, one that no longer answers costs the client its session, or steals the
/// session back when it thaws (protocol.md §11, 3): it comes last of all. One that serves reads without a quorum
/// comes after all that have one, for clients that take it too.
fn tier(server: &ServerEntry, read_only: bool, set_aside: bool) -> u8 {
    match server.health {
        ServerHealth::Serving if server.role == ServerRole::ReadOnly => {
            if read_only {
                2
            } else {
                4
            }
        }
        ServerHealth::Serving | ServerHealth::Unknown => u8::from(set_aside),
        ServerHealth::HangingUp => 3,
        ServerHealth::NotServing => 4,
        ServerHealth::Refusing | ServerHealth::Unreachable => 5,
        ServerHealth::Unresponsive => 6,
    }
}

/// All servers in the order in which a claim tries them. `load` is the number of open connections by server,
/// `set_aside` whether what it did to clients speaks against it; `turn` breaks ties, so that equally loaded servers
/// take turns.
pub fn choose(
    intent: ConnectIntent,
    roster: &ServerRoster,
    load: impl Fn(ServerId) -> u32,
    set_aside: impl Fn(ServerId) -> bool,
    turn: usize,
) -> CandidateOrder {
    let servers = &roster.servers;
    let pinned = intent.placed_on;
    let tier = |server: &ServerEntry| tier(server, intent.read_only, set_aside(server.id));
    let pin_holds = pinned.and_then(|server| roster.get(server)).is_some_and(|server| tier(server) == 0);
    let mut order: SmallVec<[&ServerEntry; 5]> = servers.iter().collect();
    order.sort_by_key(|server| {
        let at_pin = pin_holds && Some(server.id) == pinned;
        let avoided = Some(server.id) == intent.avoids;
        let turned = (server.id.index() + turn) % servers.len().max(1);
        (tier(server), avoided, !at_pin, load(server.id), turned)
    });
    let first = match pinned {
        _ if intent.session.is_new() => RouteReason::Spread,
        Some(_) if pin_holds => RouteReason::Pinned,
        Some(_) => RouteReason::PinUnhealthy,
        None => RouteReason::Unpinned,
    };
    let reason = |place: usize| if place == 0 { first } else { RouteReason::Fallback };
    order
        .iter()
        .enumerate()
        .map(|(place, server)| ServerCandidate { server: server.id, reason: reason(place) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::probe_result::ProbeResult;
    use crate::time::Timestamp;

    fn roster(health: [ServerHealth; 3]) -> ServerRoster {
        let mut roster = ServerRoster::new(["a:1", "b:1", "c:1"].map(str::to_owned));
        for (server, health) in health.into_iter().enumerate() {
            let probe_result = ProbeResult { health, role: ServerRole::Follower, zxid: None };
            roster = roster.seen(ServerId(server as u16), probe_result, Timestamp(1));
        }
        roster
    }

    fn order(session: i64, placed_on: Option<u16>, roster: &ServerRoster, load: [u32; 3], turn: usize) -> Vec<u16> {
        let intent = ConnectIntent {
            session: SessionId(session),
            placed_on: placed_on.map(ServerId),
            avoids: None,
            read_only: false,
        };
        let load = |server: ServerId| load[server.index()];
        choose(intent, roster, load, |_| false, turn).iter().map(|candidate| candidate.server.0).collect()
    }

    use ServerHealth::{NotServing, Refusing, Serving, Unresponsive};

    #[test]
    fn new_sessions_go_where_there_are_fewest_and_take_turns() {
        let roster = roster([Serving; 3]);
        assert_eq!(order(0, None, &roster, [5, 2, 9], 0), [1, 0, 2]);
        assert_eq!(order(0, None, &roster, [1; 3], 0)[0], 0);
        assert_eq!(order(0, None, &roster, [1; 3], 1)[0], 2);
        assert_eq!(order(0, None, &roster, [1; 3], 2)[0], 1);
    }

    #[test]
    fn a_returning_session_goes_home_while_home_serves() {
        assert_eq!(order(7, Some(2), &roster([Serving; 3]), [0, 0, 50], 0), [2, 0, 1]);
        assert_eq!(order(7, Some(2), &roster([Serving, Serving, Unresponsive]), [3, 1, 0], 0), [1, 0, 2]);
        assert_eq!(order(7, Some(0), &roster([NotServing, Serving, Serving]), [0, 1, 2], 0), [1, 2, 0]);
    }

    #[test]
    fn an_unresponsive_server_is_the_last_choice_behind_one_that_refuses() {
        assert_eq!(order(0, None, &roster([Unresponsive, Refusing, Serving]), [0, 0, 9], 0), [2, 1, 0]);
    }

    #[test]
    fn a_read_only_server_comes_behind_those_that_serve_writes() {
        let probe_result = ProbeResult { health: Serving, role: ServerRole::ReadOnly, zxid: None };
        let roster = roster([Serving, Serving, NotServing]).seen(ServerId(0), probe_result, Timestamp(2));
        let order = |read_only, placed_on: Option<u16>| -> Vec<u16> {
            let (session, placed_on) = (SessionId(7), placed_on.map(ServerId));
            let intent = ConnectIntent { session, placed_on, avoids: None, read_only };
            let order = choose(intent, &roster, |server| u32::from(server.0), |_| false, 0);
            order.iter().map(|candidate| candidate.server.0).collect()
        };
        assert_eq!(order(true, None), [1, 0, 2]);
        assert_eq!(order(true, Some(0)), [1, 0, 2], "not for its own sessions either");
        assert_eq!(order(false, None), [1, 0, 2], "a server without a quorum refuses as soon");
    }

    #[test]
    fn a_server_that_fails_its_clients_is_no_first_choice_and_no_pin() {
        let roster = roster([Serving; 3]);
        let aside = |server: ServerId| server.0 == 0;
        let intent =
            ConnectIntent { session: SessionId(7), placed_on: Some(ServerId(0)), avoids: None, read_only: false };
        let order = choose(intent, &roster, |server| u32::from(server.0), aside, 0);
        assert_eq!(order.iter().map(|candidate| candidate.server.0).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(order[0].reason, RouteReason::PinUnhealthy);
    }

    #[test]
    fn a_claim_that_proves_nothing_is_kept_away_from_the_good_connection() {
        let roster = roster([Serving; 3]);
        let intent =
            ConnectIntent { session: SessionId(7), placed_on: None, avoids: Some(ServerId(0)), read_only: false };
        let order = choose(intent, &roster, |_| 0, |_| false, 0);
        assert_eq!(order.last().map(|candidate| candidate.server), Some(ServerId(0)));
    }

    #[test]
    fn every_choice_says_why() {
        let intent = |session, placed_on| ConnectIntent {
            session: SessionId(session),
            placed_on,
            avoids: None,
            read_only: false,
        };
        let home = Some(ServerId(1));
        let why = |intent, roster: &ServerRoster| choose(intent, roster, |_| 0, |_| false, 0)[0].reason;
        let all = roster([Serving; 3]);
        assert_eq!(why(intent(0, None), &all), RouteReason::Spread);
        assert_eq!(why(intent(5, home), &all), RouteReason::Pinned);
        assert_eq!(why(intent(5, None), &all), RouteReason::Unpinned);
        assert_eq!(why(intent(5, home), &roster([Serving, Unresponsive, Serving])), RouteReason::PinUnhealthy);
        assert_eq!(choose(intent(5, home), &all, |_| 0, |_| false, 0)[1].reason, RouteReason::Fallback);
    }
}
