//! What a running zoogate measured is added.

use std::thread;
use std::time::Duration;

use super::{DoctorRun, found_only, found_whole};
use crate::support::client::Client;
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait;

#[test]
fn what_a_running_zoogate_measured_is_added() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let admin = gate.admin().to_string();
    let look = || DoctorRun::of(&["--admin", &admin, "--for", "10ms"], None);
    let until = |what: &str, is_so: &dyn Fn(&DoctorRun) -> bool| {
        wait::until(what, wait::PATIENCE, || Some(look()).filter(|run| is_so(run)))
    };
    let run = until("nothing but order", &|run| run.code == 0);
    for code in ["zoogate_serves", "no_incidents", "no_risks"] {
        assert!(run.text.contains(code), "{code}: {}", run.text);
    }

    // A session that got less than it asked for, until its client closes it.
    let mut greedy = Client::create_session_with_timeout(gate.mirror(0), 90_000);
    let run = until("a session that was cut", &|run| run.has("sessions_cut"));
    assert_eq!(run.code, 1, "{}", run.text);
    // Left without its end it would be at risk for most of a minute, at a time that depends on the machine.
    greedy.close_session();
    until("the session to be over", &|run| !run.has("sessions_cut"));

    let follower = ensemble.followers()[0];
    ensemble.sigterm(follower);
    until("a server that is down", &|run| run.has("zoogate_server_down") && run.has("server_refuses"));
    ensemble.restart(follower);
    until("the server to be back", &|run| !run.has("zoogate_server_down") && !run.has("server_refuses"));
    // It freezes for longer than a short timeout bears, and then all of them do: while one serves nobody needs to wait.
    for frozen in [vec![follower], vec![0, 1, 2]] {
        for server in &frozen {
            ensemble.freeze(*server);
        }
        let down = |run: &DoctorRun| {
            run.findings.iter().filter(|(code, _)| code == "zoogate_server_down").count() == frozen.len()
        };
        until("servers that say nothing", &down);
        thread::sleep(Duration::from_secs(2));
        for server in &frozen {
            ensemble.thaw(*server);
        }
        until("the servers to say something", &|run| !run.has("zoogate_server_down"));
        let is_short = || {
            let short = Client::create_session_with_timeout(gate.pooled(), 2_000);
            let run = look();
            short.abandon();
            run.has("timeout_too_short_here")
        };
        if frozen.len() > 1 {
            wait::until("a timeout that is too short", wait::PATIENCE, || is_short().then_some(()));
        } else {
            assert!(!is_short(), "one server's trouble is no outage");
        }
    }
    until("sessions with short timeouts to be over", &|run| !run.has("timeout_too_short_here"));

    // A client that says nothing, until it does.
    let mut silent = Client::create_session_with_timeout(gate.pooled(), 16_000);
    let run = until("a client that is silent", &|run| run.has("heartbeat_exceeded"));
    assert_eq!(run.code, 1, "{}", run.text);
    silent.ping();
    until("it to be heard", &|run| !run.has("heartbeat_exceeded") && run.text.contains("no_risks"));
    silent.abandon();
    until("its session to be missed", &|run| run.has("risks_stand"));

    let elsewhere = ensemble.connect_string().replace("127.0.0.1", "localhost");
    let same = DoctorRun::of(&["--admin", &admin, "--servers", &elsewhere, "--for", "10ms"], None);
    assert!(!same.has("zoogate_servers_differ"), "{}", same.text);
    let others =
        DoctorRun::of(&["--admin", &admin, "--servers", &ensemble.address(0).to_string(), "--for", "10ms"], None);
    assert!(others.has("zoogate_servers_differ"), "{}", others.text);
    assert!(!look().has("zoogate_servers_differ"));

    // One of three runs on: it says that it does not serve.
    ensemble.sigterm(0);
    ensemble.sigterm(1);
    found_only(&ensemble.connect_string(), &["server_refuses", "server_not_serving", "no_quorum"], "500ms");
    ensemble.restore();
    found_whole(&ensemble);
}
