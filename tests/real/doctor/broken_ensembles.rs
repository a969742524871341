//! Ensembles that are broken, and mended as the doctor says.

use super::{DoctorRun, alternating, found_only, found_whole};
use crate::support::client::{Client, Kind};
use crate::support::ensemble::{Ensemble, Version};

/// One ensemble is broken in one way after the other: it starts in two versions.
#[test]
fn a_broken_ensemble_is_found_and_a_mended_one_is_not() {
    let versions = [Version::V3_8_4, Version::V3_9_3, Version::V3_9_3];
    let mut ensemble = Ensemble::of(versions).relayed_quorum().setting("syncLimit=120").start();
    let connect = ensemble.connect_string();

    let run = found_only(&connect, &["versions_mixed"], "1s");
    assert!(run.text.contains("3.8.4") && run.text.contains("3.9.3"), "{}", run.text);
    ensemble.sigterm(0);
    ensemble.change_version(0, Version::V3_9_3);
    ensemble.restart(0);
    found_whole(&ensemble);

    names_are_wrong(&ensemble);
    a_follower_lags(&mut ensemble);

    let follower = ensemble.followers()[0];
    let subject = ensemble.address(follower).to_string();
    ensemble.freeze(follower);
    let run = found_only(&connect, &["server_unanswering", "quorum_at_edge"], "500ms");
    assert!(run.findings.contains(&("server_unanswering".into(), subject.clone())), "{:?}", run.findings);
    ensemble.thaw(follower);
    found_whole(&ensemble);

    ensemble.sigterm(follower);
    let run = found_only(&connect, &["server_refuses", "quorum_at_edge"], "500ms");
    assert!(run.findings.contains(&("server_refuses".into(), subject)), "{:?}", run.findings);
    ensemble.restart(follower);
    found_whole(&ensemble);
}

/// Servers as they come allow `srvr` alone; a leader shows its new epoch, and the others theirs from the next write on.
#[test]
fn an_ensemble_in_which_nothing_was_written_is_in_order() {
    let mut ensemble = Ensemble::of([Version::V3_9_3; 3]).setting("4lw.commands.whitelist=srvr").start();
    let connect = ensemble.connect_string();
    let look = || {
        let first = DoctorRun::of(&["--servers", &connect, "--for", "3s"], None);
        assert!(!first.has("server_behind") && !first.has("name_of_many_servers"), "{}", first.text);
        let run = found_only(&connect, &["words_refused"], "3s");
        assert_eq!(run.code, 0, "{}", run.text);
    };
    look();
    // Another one is elected.
    let leader = ensemble.leader();
    ensemble.sigterm(leader);
    ensemble.restart(leader);
    look();
}

fn names_are_wrong(ensemble: &Ensemble) {
    let connect = ensemble.connect_string();
    let addresses = ensemble.addresses();
    let wrong = connect.replace(&addresses[1].to_string(), "no-such-host.invalid:2181");
    found_only(&wrong, &["name_unresolved"], "500ms");
    let twice = connect.replace(&addresses[1].to_string(), &format!("localhost:{}", addresses[0].port()));
    let run = DoctorRun::of(&["--servers", &twice, "--for", "500ms"], None);
    assert!(run.has("server_listed_twice") && run.code == 1, "{}", run.text);
    found_only(&format!("{},{}", addresses[0], addresses[1]), &["servers_unlisted"], "500ms");
    let balanced = alternating::start(addresses).to_string();
    let run = DoctorRun::of(&["--servers", &balanced, "--for", "2s"], None);
    assert!(run.has("name_of_many_servers") && run.code == 1, "{}", run.text);
    found_whole(ensemble);
}

fn a_follower_lags(ensemble: &mut Ensemble) {
    let (leader, follower) = (ensemble.leader(), ensemble.followers()[0]);
    ensemble.quorum_path(follower, leader).silence();
    let mut client = Client::create_session(ensemble.address(leader));
    for number in 0..3 {
        client.create(&format!("/lag{number}"), b"x", Kind::Persistent);
    }
    let run = found_only(&ensemble.connect_string(), &["server_behind"], "2500ms");
    let expected = ("server_behind".to_owned(), ensemble.address(follower).to_string());
    assert_eq!(run.findings, [expected], "{}", run.text);
    assert!(run.text.contains("4 transactions behind"), "a session and three nodes: {}", run.text);
    ensemble.quorum_path(follower, leader).heal();
    found_only(&ensemble.connect_string(), &[], "2500ms");
}
