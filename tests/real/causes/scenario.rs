//! Every scenario.

use super::fault_scenario::{FaultScenario, brief_event, event, single};
use super::truth::{FaultTruth, IncidentCount};
use super::{
    client_faults, leader_faults, path_faults, proxy_faults, quorum_faults, request_faults, server_faults,
    session_faults,
};

/// What clients meet that come back while there is no leader, and what becomes of their sessions.
const ELECTION: &[&str] = &["election_running", "session_expired", "client_left", "client_moved", "late_claim"];
/// The same at a server that does not serve.
const ELSEWHERE: &[&str] = &["client_moved", "client_left", "session_expired", "late_claim", "stale_connection"];

pub(super) const SCENARIOS: &[FaultScenario] = &[
    FaultScenario::new(
        "follower_frozen_short",
        "a follower stands still for 2 to 3 s",
        server_faults::follower_frozen_short,
        brief_event(&["server"], &["server_frozen"], &["slow_server"], ELSEWHERE),
    ),
    FaultScenario::new(
        "follower_frozen_long",
        "a follower stands still for longer than the leader waits",
        server_faults::follower_frozen_long,
        event(&["server"], &["server_frozen"], &[], ELSEWHERE),
    ),
    FaultScenario::new(
        "leader_frozen_short",
        "the leader stands still for 2 to 3 s",
        leader_faults::leader_frozen_short,
        brief_event(&["server"], &["leader_frozen"], &["leader_lost"], ELECTION),
    ),
    FaultScenario::new(
        "leader_frozen_long",
        "the leader stands still until another one leads",
        leader_faults::leader_frozen_long,
        event(&["server"], &["leader_frozen"], &["leader_lost", "election_running"], ELECTION),
    ),
    FaultScenario::new(
        "leader_killed",
        "the leader's process is killed",
        leader_faults::leader_killed,
        event(&["server"], &["leader_stopped"], &["leader_lost", "election_running"], ELECTION),
    ),
    FaultScenario::new(
        "leader_terminated",
        "the leader is asked to end",
        leader_faults::leader_terminated,
        event(&["server"], &["leader_stopped"], &["leader_lost", "election_running"], ELECTION),
    ),
    FaultScenario::new(
        "leader_flapping",
        "the leader is killed and started again, three times",
        leader_faults::leader_flapping,
        event(
            &["server"],
            &["leader_stopped"],
            &["leader_lost", "election_running"],
            &["server_stopped", "server_restarted", "session_expired", "client_left", "client_moved", "late_claim"],
        ),
    ),
    FaultScenario::new(
        "leader_parted",
        "the leader is parted from both followers without a word",
        quorum_faults::leader_parted,
        event(&["ensemble", "server"], &["leader_parted"], &["leader_lost", "election_running"], ELECTION),
    )
    .parting(),
    FaultScenario::new(
        "follower_killed",
        "a follower's process is killed",
        server_faults::follower_killed,
        event(&["server"], &["server_stopped", "server_restarted"], &[], ELSEWHERE),
    ),
    FaultScenario::new(
        "follower_terminated",
        "a follower is asked to end",
        server_faults::follower_terminated,
        event(&["server"], &["server_stopped", "server_restarted"], &[], ELSEWHERE),
    ),
    FaultScenario::new(
        "follower_restarted",
        "a follower ends and is started again at once",
        server_faults::follower_restarted,
        event(&["server"], &["server_restarted"], &["server_stopped"], ELSEWHERE),
    ),
    FaultScenario::new(
        "rolling_restart",
        "one server after the other is restarted, the leader last",
        server_faults::rolling_restart,
        FaultTruth {
            right: &["server_restarted", "leader_stopped"],
            vague: &["server_stopped", "leader_lost", "election_running"],
            train: ELECTION,
            first: &["server"],
            incidents: IncidentCount::UpTo(3),
        },
    ),
    FaultScenario::new(
        "server_slow",
        "a follower runs in short spells only",
        server_faults::server_slow,
        single(
            &["server"],
            &["slow_server", "server_overloaded"],
            &["client_left", "client_moved", "server_frozen"],
            ELSEWHERE,
        ),
    ),
    FaultScenario::new(
        "follower_parted",
        "a follower is parted from the other servers without a word",
        quorum_faults::follower_parted,
        event(&["server", "ensemble"], &["server_parted"], &["server_unreachable"], ELSEWHERE),
    )
    .parting(),
    FaultScenario::new(
        "quorum_lost",
        "both followers are killed",
        quorum_faults::quorum_lost,
        event(
            &["server", "ensemble"],
            &["quorum_lost"],
            &["server_stopped", "leader_lost", "election_running"],
            ELECTION,
        ),
    ),
    FaultScenario::new(
        "quorum_slow",
        "the paths between followers and leader are slow",
        quorum_faults::quorum_slow,
        single(&["ensemble"], &["slow_quorum"], &["client_left", "client_moved", "slow_server"], ELSEWHERE),
    ),
    FaultScenario::new(
        "server_lagging",
        "a client has seen more than the follower that it comes to",
        quorum_faults::server_lagging,
        single(&["server", "ensemble"], &["server_lagging"], &[], &["client_moved", "client_left"]),
    ),
    FaultScenario::new(
        "path_server_silent",
        "connects to a server are answered on the way, and nothing passes",
        path_faults::path_server_silent,
        event(&["path_server"], &["path_server_cut"], &["server_unreachable"], ELSEWHERE),
    )
    .on_server_path(),
    FaultScenario::new(
        "path_server_cut",
        "every packet between zoogate and a follower is dropped",
        path_faults::path_server_cut,
        event(&["path_server"], &["path_server_cut", "server_unreachable"], &[], ELSEWHERE),
    )
    .on_server_path(),
    FaultScenario::new(
        "path_leader_cut",
        "every packet between zoogate and the leader is dropped",
        path_faults::path_leader_cut,
        event(&["path_server"], &["path_server_cut", "leader_unreachable"], &["server_unreachable"], ELSEWHERE),
    )
    .on_server_path(),
    FaultScenario::new(
        "path_all_cut",
        "every packet between zoogate and all servers is dropped",
        path_faults::path_all_cut,
        FaultTruth {
            right: &["path_server_cut"],
            vague: &["unknown", "server_unreachable", "leader_unreachable"],
            train: ELSEWHERE,
            first: &["path_server"],
            incidents: IncidentCount::UpTo(3),
        },
    )
    .on_server_path(),
    FaultScenario::new(
        "path_server_forgets",
        "packets of the connections to a server are dropped, new connections get through",
        path_faults::path_server_forgets,
        event(&["path_server"], &["path_server_cut"], &[], ELSEWHERE),
    )
    .on_server_path(),
    FaultScenario::new(
        "path_server_reset",
        "the path from zoogate to a server resets every connection",
        path_faults::path_server_reset,
        event(&["path_server"], &["path_server_reset"], &[], ELSEWHERE),
    )
    .on_server_path(),
    FaultScenario::new(
        "path_server_slow",
        "the path from zoogate to a server is slow",
        path_faults::path_server_slow,
        single(&["path_server", "server"], &["slow_path", "slow_server"], &["client_left", "client_moved"], ELSEWHERE),
    )
    .on_server_path(),
    FaultScenario::new(
        "path_client_cut",
        "every packet between two clients and zoogate is dropped",
        path_faults::path_client_cut,
        event(&["path_client", "client"], &["path_client_cut"], &["client_paused", "session_expired"], ELSEWHERE),
    ),
    FaultScenario::new(
        "path_client_reset",
        "the path from three clients to zoogate resets every connection",
        path_faults::path_client_reset,
        event(&["path_client"], &["path_client_reset"], &["client_crashed", "client_left"], ELSEWHERE),
    ),
    FaultScenario::new(
        "path_client_lossy",
        "what is sent to a client is lost on the way, and the client gives up",
        path_faults::path_client_lossy,
        single(&["path_client", "client"], &["path_client_cut"], &["client_left", "client_moved"], ELSEWHERE),
    ),
    FaultScenario::new(
        "client_paused",
        "a client's process stands still for longer than its session's timeout",
        client_faults::client_paused,
        single(&["client"], &["client_paused"], &["session_expired", "timeout_too_short"], ELSEWHERE),
    ),
    FaultScenario::new(
        "client_crashed",
        "a client's process is killed",
        client_faults::client_crashed,
        single(&["client"], &["client_crashed"], &["client_left"], ELSEWHERE),
    ),
    FaultScenario::new(
        "client_crashed_with_reset",
        "a client's process is killed with something unread, so that its connection is reset",
        client_faults::client_crashed_with_reset,
        single(&["client"], &["client_crashed"], &["client_left", "path_client_reset"], ELSEWHERE),
    ),
    FaultScenario::new(
        "three_clients_killed",
        "three clients' processes are killed in the same moment",
        client_faults::three_clients_killed,
        event(&["client"], &["client_crashed"], &["client_left"], ELSEWHERE),
    ),
    FaultScenario::new(
        "client_moves",
        "a client leaves its server for another one, with nothing wrong",
        client_faults::client_moves,
        single(&["client"], &["client_moved"], &["client_left"], &[]),
    ),
    FaultScenario::new(
        "client_pauses_too_long",
        "a client with a timeout of 2 s stands still for 2.5 s again and again",
        client_faults::client_pauses_too_long,
        FaultTruth {
            right: &["timeout_too_short", "client_paused"],
            vague: &["session_expired"],
            train: ELSEWHERE,
            first: &["client"],
            incidents: IncidentCount::UpTo(1),
        },
    ),
    FaultScenario::new(
        "server_pauses_too_long",
        "a follower stands still again and again for longer than sessions of 4 s bear",
        server_faults::server_pauses_too_long,
        FaultTruth {
            right: &["timeout_too_short"],
            vague: &["server_frozen"],
            train: ELSEWHERE,
            first: &["server", "client"],
            incidents: IncidentCount::UpTo(2),
        },
    ),
    FaultScenario::new(
        "connection_cap",
        "a server takes no more connections from one address",
        client_faults::connection_cap,
        single(&["server"], &["connection_cap"], &[], &["client_left", "session_closed"]),
    ),
    FaultScenario::new(
        "session_shared",
        "two clients on two machines use one session",
        session_faults::session_shared,
        single(&["client"], &["shared_session"], &["stale_connection", "client_moved"], &["client_left"]),
    ),
    FaultScenario::new(
        "stale_connection",
        "a client has moved, and its old connection still writes",
        session_faults::stale_connection,
        single(&["client"], &["stale_connection"], &[], &["client_moved", "client_left"]),
    ),
    FaultScenario::new(
        "late_claim",
        "a frozen server carries a claim out when the client has gone on to another one",
        session_faults::late_claim,
        FaultTruth {
            right: &["late_claim"],
            vague: &["server_frozen"],
            train: &["client_moved", "client_left", "server_frozen"],
            first: &["server"],
            incidents: IncidentCount::Beside(2),
        },
    ),
    FaultScenario::new(
        "session_closed",
        "a client closes its session in order",
        session_faults::session_closed,
        FaultTruth {
            right: &["session_closed"],
            vague: &[],
            train: &[],
            first: &["client"],
            incidents: IncidentCount::None,
        },
    ),
    FaultScenario::new(
        "closed_elsewhere",
        "a session is closed on a connection that it has left",
        session_faults::closed_elsewhere,
        single(&["client"], &["closed_elsewhere"], &["session_closed"], &["client_moved"]),
    ),
    FaultScenario::new(
        "wrong_password",
        "a client claims a session with a wrong password",
        session_faults::wrong_password,
        single(&["client"], &["wrong_password"], &[], &["stale_connection", "client_moved"]),
    ),
    FaultScenario::new(
        "auth_failed",
        "a client's credentials are not accepted",
        request_faults::auth_failed,
        single(&["client"], &["auth_failed"], &[], &[]),
    ),
    FaultScenario::new(
        "oversized_request",
        "a client sends more than the server takes",
        request_faults::oversized_request,
        single(&["client"], &["oversized_request"], &[], &["client_moved", "client_left"]),
    ),
    FaultScenario::new(
        "oversized_reply",
        "a client is told more than it takes",
        request_faults::oversized_reply,
        single(&["client"], &["oversized_reply"], &["client_left"], &["client_moved"]),
    ),
    FaultScenario::new(
        "operator_disconnect",
        "an operator disconnects a session",
        proxy_faults::operator_disconnect,
        single(&["operator"], &["operator_disconnect"], &[], &[]),
    ),
    FaultScenario::new(
        "zoogate_paused",
        "zoogate's process stands still for longer than sessions last",
        proxy_faults::zoogate_paused,
        event(&["zoogate"], &["zoogate_paused"], &["session_expired"], ELSEWHERE),
    ),
    FaultScenario::new(
        "zoogate_stopped",
        "zoogate is asked to end; what it has to say stands in its log",
        proxy_faults::zoogate_stopped,
        FaultTruth {
            right: &["zoogate_stopped"],
            vague: &[],
            train: &[],
            first: &["zoogate"],
            incidents: IncidentCount::UpTo(1),
        },
    ),
    FaultScenario::new(
        "zoogate_restarted",
        "zoogate is asked to end and started anew: what its clients did meanwhile is nobody's fault",
        proxy_faults::zoogate_restarted,
        event(&["zoogate"], &["zoogate_stopped"], &[], &["client_left", "client_moved"]),
    ),
];

#[test]
fn scenarios_are_enough_and_have_names_of_their_own() {
    let names: std::collections::BTreeSet<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), SCENARIOS.len());
    assert!(SCENARIOS.len() >= 24);
    assert!(SCENARIOS.iter().all(|scenario| !scenario.truth.right.is_empty() && !scenario.truth.first.is_empty()));
}
