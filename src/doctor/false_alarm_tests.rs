//! What is legal, and what is not known, is called neither wrong nor right.

use super::judge_tests::{GOOD, client, connect, details, kafka, millis, secure, whole};
use super::{DoctorCode, DoctorEvidence, DoctorFinding, DoctorMark, MemberCount, judge};
use crate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};

fn found(evidence: &DoctorEvidence, code: DoctorCode) -> Vec<DoctorFinding> {
    judge(evidence).into_iter().filter(|finding| finding.code == code).collect()
}

fn counting(evidence: &DoctorEvidence) -> Vec<DoctorFinding> {
    judge(evidence).into_iter().filter(|finding| finding.mark().counts()).collect()
}

/// Server `index` allows no word but says so.
fn untold(evidence: &mut DoctorEvidence, index: usize) {
    let address = details(evidence, index);
    address.last = ProbeResult { health: ServerHealth::Serving, role: ServerRole::Unknown, zxid: None };
    address.sightings.clear();
    address.members = None;
    address.details = crate::diagnose::ServerDetails::default();
}

#[test]
fn a_timeout_is_within_bounds_only_where_they_are_known() {
    let text = |evidence: &DoctorEvidence| found(evidence, DoctorCode::SessionTimeoutFits)[0].text();
    let measured = "a connect with its answer took 3 ms at most";
    assert_eq!(text(&whole()), format!("18000 ms, within what the servers give; {measured}"));

    let mut ticks = whole();
    for index in 0..3 {
        let told = &mut details(&mut ticks, index).details;
        (told.min_session_timeout_ms, told.max_session_timeout_ms) = (None, None);
    }
    let by_ticks = "within 2 and 20 ticks, which servers give unless they are told otherwise";
    assert_eq!(text(&ticks), format!("18000 ms, {by_ticks}; {measured}"));
    client(&mut ticks).session_timeout_ms = Some(40_001);
    assert_eq!(found(&ticks, DoctorCode::SessionTimeoutCut).len(), 1, "20 ticks of 2 s");
    client(&mut ticks).session_timeout_ms = Some(3_999);
    assert_eq!(found(&ticks, DoctorCode::SessionTimeoutRaised).len(), 1, "2 ticks of 2 s");

    let allow = "allow conf (4lw.commands.whitelist)";
    let mut some = whole();
    details(&mut some, 1).details = crate::diagnose::ServerDetails::default();
    let said = format!("18000 ms, within what 2 of 3 servers give; the others do not tell: {allow}; {measured}");
    assert_eq!(text(&some), said);

    let mut none = whole();
    (0..3).for_each(|index| details(&mut none, index).details = crate::diagnose::ServerDetails::default());
    let unknown = format!("18000 ms, and what the servers give is not known: {allow}");
    assert_eq!(text(&none), format!("{unknown}; {measured}"));
    none.servers.clear();
    assert_eq!(text(&none), format!("{unknown}; nothing was measured that it could be compared with"));
}

#[test]
fn a_client_that_speaks_tls_to_ports_for_tls_has_nothing_wrong() {
    for says_so in [true, false] {
        assert_eq!(counting(&secure(says_so)), [], "{says_so}");
        // The same servers, asked at their plain ports.
        let mut beside = secure(says_so);
        beside.entries = std::mem::replace(&mut beside.servers, whole().servers);
        for (place, entry) in beside.entries.iter_mut().enumerate() {
            entry.server = format!("zk{}:2281", place + 1).parse().unwrap();
        }
        connect(&mut beside, "zk1:2281,zk2:2281,zk3:2281/kafka");
        assert_eq!(counting(&beside), [], "{says_so}");
        // Where its settings say nothing of TLS it cannot connect there.
        client(&mut beside).kafka.as_mut().unwrap().tls = false;
        assert!(counting(&beside).iter().any(|one| one.mark() == DoctorMark::Problem));
    }
    // Another port that hangs up is none of its own.
    let mut other = secure(false);
    connect(&mut other, "zk1,zk2/kafka");
    let odd = counting(&other);
    assert_eq!(odd.iter().map(|one| one.code).collect::<Vec<_>>(), [DoctorCode::ServerHangsUp], "{odd:?}");
}

#[test]
fn only_its_own_addresses_tell_whether_a_client_meets_a_port_without_tls() {
    let tls = format!("{GOOD}zookeeper.ssl.client.enable=true\nzookeeper.clientCnxnSocket=x.Netty\n");
    let mut evidence = kafka(&tls, "");
    // A server may take both at one port.
    let plain = found(&evidence, DoctorCode::TlsToPlainPort);
    assert_eq!(plain.iter().map(DoctorFinding::mark).collect::<Vec<_>>(), [DoctorMark::Warning]);
    connect(&mut evidence, "zk1:2281,zk2:2281/kafka");
    assert_eq!(found(&evidence, DoctorCode::TlsToPlainPort), []);
}

#[test]
fn a_login_that_nobody_told_of_is_not_missing() {
    let marks = |options: Option<&str>| {
        let entries = super::of_properties(format!("{GOOD}zookeeper.set.acl=true").as_bytes()).unwrap();
        let (settings, _) = super::KafkaSettings::read(&entries, options);
        let evidence = DoctorEvidence { client: Some(settings), ..whole() };
        found(&evidence, DoctorCode::AclWithoutLogin).iter().map(|one| (one.mark(), one.text())).collect::<Vec<_>>()
    };
    let missing = "ACLs are wanted, and no login to ZooKeeper is configured";
    assert_eq!(marks(Some("")), [(DoctorMark::Problem, missing.to_owned())]);
    assert_eq!(marks(Some("-Djava.security.auth.login.config=j")), []);
    let asks = "ACLs are wanted, and whether a login to ZooKeeper is configured is not known: give --kafka-opts";
    assert_eq!(marks(None), [(DoctorMark::Hint, asks.to_owned())]);
}

#[test]
fn a_server_that_does_not_tell_its_role_may_serve() {
    let mut evidence = whole();
    untold(&mut evidence, 2);
    let stands = found(&evidence, DoctorCode::QuorumStands);
    assert_eq!(stands.iter().map(DoctorFinding::text).collect::<Vec<_>>(), ["2 to 3 of 3 servers in service"]);
    assert_eq!(found(&evidence, DoctorCode::QuorumAtEdge), []);
    // Of five, one is down and one does not tell: three are needed, and four may serve; with two down three may.
    for (down, code) in [(1, DoctorCode::QuorumStands), (2, DoctorCode::QuorumAtEdge)] {
        let mut evidence = whole();
        for index in 0..2 {
            let mut more = evidence.servers[2].clone();
            more.server = format!("zk{}:2181", index + 4).parse().unwrap();
            more.addresses[0].address = format!("10.0.0.{}:2181", index + 4).parse().unwrap();
            more.addresses[0].myids = [index + 4].into();
            evidence.servers.push(more);
        }
        (0..5).for_each(|index| {
            details(&mut evidence, index).members = Some(MemberCount { voters: 5, observers: 0 });
        });
        untold(&mut evidence, 0);
        for index in 5 - down..5 {
            let address = details(&mut evidence, index);
            address.last = ProbeResult::of(ServerHealth::Refusing);
            address.answers.times.clear();
        }
        assert_eq!(found(&evidence, code).len(), 1, "{down} down: {:?}", counting(&evidence));
    }
}

#[test]
fn a_share_that_is_long_enough_for_what_was_measured_is_no_warning() {
    let share = |evidence: &DoctorEvidence| {
        let found = found(evidence, DoctorCode::ConnectShareShort);
        found.iter().map(|one| (one.mark(), one.text())).collect::<Vec<_>>()
    };
    let mut evidence = whole();
    connect(&mut evidence, "zk1,zk2,zk3,zk4,zk5,zk6,zk7/kafka");
    client(&mut evidence).session_timeout_ms = Some(6_000);
    let quick = "857 ms per address, with 7 addresses; a connect with its answer took 3 ms at most";
    assert_eq!(share(&evidence), [(DoctorMark::Hint, quick.to_owned())]);
    details(&mut evidence, 0).answers.times[0] = millis(285);
    let slow = "857 ms per address, with 7 addresses; a connect with its answer took 286 ms at most";
    assert_eq!(share(&evidence), [(DoctorMark::Warning, slow.to_owned())]);
    evidence.servers.clear();
    let nothing = "857 ms per address, with 7 addresses; nothing was measured that it could be compared with";
    assert_eq!(share(&evidence), [(DoctorMark::Hint, nothing.to_owned())]);
}
