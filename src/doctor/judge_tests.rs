//! Every code comes of evidence that is broken in one way, and none that is not in order of evidence that is whole.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{
    AddressMeasurement, ClientSettings, ConnectReading, DoctorCode, DoctorEvidence, DoctorMark, KafkaSettings,
    MemberCount, NameLookup, RoleSighting, RunningAdvice, RunningIncident, RunningLatency, RunningMeasurement,
    RunningRisk, RunningServer, RunningSession, RunningSilence, ServerMeasurement, judge, of_properties,
};
use crate::ids::Zxid;
use crate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};

const ZXID: i64 = 0x5_0000_0009;
/// What the leader of the next epoch shows until something is written.
const NEXT_EPOCH: i64 = 0x6_0000_0000;
const FOLLOWS: (ServerRole, i64) = (ServerRole::Follower, ZXID);
const LEADS: (ServerRole, i64) = (ServerRole::Leader, ZXID);

pub(super) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn sighting(second: u64, role: ServerRole, zxid: i64) -> RoleSighting {
    let asked = Duration::from_secs(second);
    RoleSighting { asked, answered: asked + millis(1), role, zxid: Some(Zxid(zxid)) }
}

/// Server `index` of three, whole; the second one leads.
fn server(index: usize) -> ServerMeasurement {
    let name = format!("zk{}:2181", index + 1);
    let role = if index == 1 { ServerRole::Leader } else { ServerRole::Follower };
    let mut address = AddressMeasurement::new(format!("10.0.0.{}:2181", index + 1).parse().unwrap());
    address.connects.times = vec![millis(1); 5];
    address.answers.times = vec![millis(2); 5];
    address.last = ProbeResult { health: ServerHealth::Serving, role, zxid: Some(Zxid(ZXID)) };
    address.sightings = (0..3).map(|second| sighting(second, role, ZXID)).collect();
    address.myids.insert(index as u64 + 1);
    address.members = Some(MemberCount { voters: 3, observers: 0 });
    address.most_of_one = Some(2);
    let details = &mut address.details;
    details.version = Some("3.9.3".to_owned());
    (details.tick_ms, details.min_session_timeout_ms, details.max_session_timeout_ms) =
        (Some(2_000), Some(4_000), Some(40_000));
    (details.max_client_connections, details.connections, details.outstanding_requests) = (Some(60), Some(3), Some(0));
    if index == 1 {
        (details.followers, details.synced_followers) = (Some(2), Some(2));
    }
    let lookup = NameLookup { took: millis(1), failure: None };
    ServerMeasurement { server: name.parse().unwrap(), lookup, addresses: vec![address] }
}

pub(super) fn kafka(text: &str, options: &str) -> DoctorEvidence {
    let entries = of_properties(text.as_bytes()).unwrap();
    let (client, read_findings) = KafkaSettings::read(&entries, Some(options));
    let servers = (0..3).map(server).collect();
    DoctorEvidence {
        servers,
        client: Some(client),
        read_findings,
        running: Some(running()),
        ..DoctorEvidence::default()
    }
}

fn running() -> RunningMeasurement {
    let servers = (1..4).map(|number| RunningServer {
        server: format!("zk{number}:2181"),
        addresses: Vec::new(),
        state: "serving".to_owned(),
        bypassing: Some(0),
        sent_again: 0,
    });
    let session = RunningSession { is_attached: true, asked_ms: Some(18_000), granted_ms: Some(18_000) };
    RunningMeasurement { servers: servers.collect(), sessions: vec![session; 4], ..RunningMeasurement::default() }
}

pub(super) const GOOD: &str = "zookeeper.connect=zk1,zk2,zk3/kafka\n";

pub(super) fn whole() -> DoctorEvidence {
    kafka(GOOD, "")
}

/// Evidence of servers that a client speaks TLS to: their ports for TLS answer no word.
pub(super) fn secure(says_so: bool) -> DoctorEvidence {
    const TLS: &str = "zookeeper.ssl.client.enable=true\nzookeeper.clientCnxnSocket=x.ClientCnxnSocketNetty\n";
    let mut evidence = kafka(&format!("{GOOD}{TLS}"), "");
    evidence.running = None;
    for server in &mut evidence.servers {
        let mut address = AddressMeasurement::new(server.addresses[0].address);
        address.connects.times = vec![millis(1); 5];
        (address.answers.failures, address.is_tls) = (5, says_so);
        address.last = ProbeResult::of(ServerHealth::HangingUp);
        server.addresses = vec![address];
    }
    evidence
}

fn codes(evidence: &DoctorEvidence) -> BTreeSet<&'static str> {
    judge(evidence).iter().map(|finding| finding.code.label()).collect()
}

/// Evidence in which one address fails in this state.
fn failing(health: ServerHealth) -> DoctorEvidence {
    let mut evidence = whole();
    let address = &mut evidence.servers[2].addresses[0];
    address.last = ProbeResult::of(health);
    let fails_early = matches!(health, ServerHealth::Refusing | ServerHealth::Unreachable);
    let failed = if fails_early { &mut address.connects } else { &mut address.answers };
    (failed.failures, failed.times) = (5, Vec::new());
    address.answers.times.clear();
    evidence
}

/// What breaks whole evidence so that a code comes of it.
type Breakage = fn(&mut DoctorEvidence);

pub(super) fn details(evidence: &mut DoctorEvidence, index: usize) -> &mut AddressMeasurement {
    &mut evidence.servers[index].addresses[0]
}

fn role(evidence: &mut DoctorEvidence, index: usize, role: ServerRole) {
    let address = details(evidence, index);
    address.last.role = role;
    address.sightings.iter_mut().for_each(|sighting| sighting.role = role);
}

pub(super) fn client(evidence: &mut DoctorEvidence) -> &mut ClientSettings {
    evidence.client.as_mut().expect("a client")
}

pub(super) fn connect(evidence: &mut DoctorEvidence, text: &str) {
    client(evidence).connect = Some(ConnectReading::of(text));
}

fn incident(evidence: &mut DoctorEvidence, over_for_secs: Option<u64>) {
    let incident = RunningIncident { cause: "unknown".to_owned(), over_for: over_for_secs.map(Duration::from_secs) };
    evidence.running.as_mut().expect("a zoogate").incidents.push(incident);
}

fn measured(evidence: &mut DoctorEvidence) -> &mut RunningMeasurement {
    evidence.running.as_mut().expect("a zoogate")
}

fn risk(evidence: &mut DoctorEvidence, code: &str, silent_s: Option<u64>) {
    let seconds = Duration::from_secs;
    let silence = silent_s.map(|silent| RunningSilence {
        side: "client".to_owned(),
        silent: seconds(silent),
        borne: seconds(18),
    });
    let (holder, summary) = ("broker-1".to_owned(), "it says nothing".to_owned());
    measured(evidence).risks.push(RunningRisk { code: code.to_owned(), holder, summary, silence });
}

fn advice(evidence: &mut DoctorEvidence, fit: &str) {
    let (timeout, longest) = (Duration::from_secs(18), Duration::from_secs(14));
    let advice = RunningAdvice { fit: fit.to_owned(), timeout, longest, outages: 2, exceeded: 1, ..Default::default() };
    measured(evidence).advice.push(advice);
}

fn latency(evidence: &mut DoctorEvidence, class: &str, ago_s: u64, p99_ms: u64) {
    let (ago, p99) = (Duration::from_secs(ago_s), Duration::from_millis(p99_ms));
    let (server, class) = ("zk1:2181".to_owned(), class.to_owned());
    measured(evidence).latency.push(RunningLatency { server, class, ago, p99 });
}

/// A server told this, once a second, and tells the last of it.
fn sightings(evidence: &mut DoctorEvidence, index: usize, told: [(ServerRole, i64); 3]) {
    let address = details(evidence, index);
    address.sightings = (0..).zip(told).map(|(second, (role, zxid))| sighting(second, role, zxid)).collect();
    let (role, zxid) = told[2];
    (address.last.role, address.last.zxid) = (role, Some(Zxid(zxid)));
}

const ENSEMBLE: &[(DoctorCode, Breakage)] = &[
    (DoctorCode::NameUnresolved, |all| {
        all.servers[0].lookup.failure = Some("no such name".to_owned());
        all.servers[0].addresses.clear();
    }),
    (DoctorCode::NameSlow, |all| all.servers[0].lookup.took = millis(1_000)),
    (DoctorCode::ServerRefuses, |all| *all = failing(ServerHealth::Refusing)),
    (DoctorCode::ServerOutOfReach, |all| *all = failing(ServerHealth::Unreachable)),
    (DoctorCode::ServerUnanswering, |all| *all = failing(ServerHealth::Unresponsive)),
    (DoctorCode::ServerHangsUp, |all| *all = failing(ServerHealth::HangingUp)),
    (DoctorCode::AnswerStrange, |all| details(all, 0).is_strange = true),
    (DoctorCode::AnswerTls, |all| details(all, 0).is_tls = true),
    (DoctorCode::ServerUnsteady, |all| details(all, 0).connects.failures = 1),
    (DoctorCode::AddressFailing, |all| {
        let mut other = AddressMeasurement::new("[::1]:2181".parse().unwrap());
        other.last = ProbeResult::of(ServerHealth::Refusing);
        all.servers[0].addresses.insert(0, other);
    }),
    (DoctorCode::ConnectSlow, |all| details(all, 0).connects.times[3] = millis(1_001)),
    (DoctorCode::AnswerSlow, |all| details(all, 0).answers.times = vec![millis(200); 3]),
    (DoctorCode::NoQuorum, |all| (0..3).for_each(|index| details(all, index).last.health = ServerHealth::NotServing)),
    (DoctorCode::QuorumAtEdge, |all| *all = failing(ServerHealth::Refusing)),
    (DoctorCode::ServerNotServing, |all| details(all, 0).last.health = ServerHealth::NotServing),
    (DoctorCode::ServerReadOnly, |all| role(all, 0, ServerRole::ReadOnly)),
    (DoctorCode::NoLeader, |all| role(all, 1, ServerRole::Follower)),
    (DoctorCode::SeveralLeaders, |all| role(all, 0, ServerRole::Standalone)),
    (DoctorCode::ServerListedTwice, |all| details(all, 2).myids = BTreeSet::from([1])),
    (DoctorCode::NameOfManyServers, |all| details(all, 2).sightings[1].zxid = Some(Zxid(ZXID + 1))),
    (DoctorCode::NameOfManyServers, |all| sightings(all, 2, [FOLLOWS, LEADS, FOLLOWS])),
    (DoctorCode::NameOfManyServers, |all| sightings(all, 1, [LEADS, FOLLOWS, LEADS])),
    (DoctorCode::ServersUnlisted, |all| details(all, 0).members = Some(MemberCount { voters: 3, observers: 2 })),
    (DoctorCode::MembersEven, |all| {
        (0..3).for_each(|index| details(all, index).members = Some(MemberCount { voters: 2, observers: 1 }));
    }),
    (DoctorCode::SingleServer, |all| {
        all.servers.truncate(1);
        role(all, 0, ServerRole::Standalone);
    }),
    (DoctorCode::VersionsMixed, |all| details(all, 0).details.version = Some("3.8.4".to_owned())),
    (DoctorCode::ServerBehind, |all| {
        details(all, 0).sightings[2].zxid = Some(Zxid(ZXID - 1));
        details(all, 0).sightings.truncate(3);
        details(all, 0).sightings[..2].iter_mut().for_each(|one| one.zxid = Some(Zxid(ZXID - 1)));
    }),
    (DoctorCode::FollowersOutOfStep, |all| details(all, 1).details.synced_followers = Some(1)),
    (DoctorCode::RequestsWaiting, |all| details(all, 0).details.outstanding_requests = Some(100)),
    (DoctorCode::WordsRefused, |all| details(all, 0).refused = BTreeSet::from(["cons"])),
    (DoctorCode::SrvrRefused, |all| details(all, 0).refused = BTreeSet::from(["srvr"])),
    (DoctorCode::ConnectionLimitLow, |all| all.clients = Some(61)),
    (DoctorCode::ConnectionLimitNear, |all| details(all, 0).most_of_one = Some(48)),
    (DoctorCode::TimeoutBoundsDiffer, |all| details(all, 0).details.tick_ms = Some(3_000)),
    (DoctorCode::ZoogateServersDiffer, |all| drop(all.servers.pop())),
    (DoctorCode::ZoogateServerDown, |all| all.running.as_mut().unwrap().servers[0].state = "refusing".to_owned()),
    (DoctorCode::ClientsBypass, |all| all.running.as_mut().unwrap().servers[0].bypassing = Some(1)),
    (DoctorCode::PathLossy, |all| all.running.as_mut().unwrap().servers[0].sent_again = 3),
    (DoctorCode::SessionsCut, |all| all.running.as_mut().unwrap().sessions[0].granted_ms = Some(17_999)),
    (DoctorCode::IncidentsSeen, |all| incident(all, None)),
    (DoctorCode::IncidentsSeen, |all| incident(all, Some(3_600))),
    (DoctorCode::RisksStand, |all| risk(all, "orphan_ephemeral", None)),
    (DoctorCode::HeartbeatExceeded, |all| risk(all, "client_silent", Some(9))),
    (DoctorCode::TimeoutTooShortHere, |all| advice(all, "too_short")),
    (DoctorCode::TimeoutNeedlesslyLong, |all| advice(all, "needlessly_long")),
    (DoctorCode::RequestsSlow, |all| latency(all, "write", 600, 1_000)),
];

const CLIENT: &[(DoctorCode, Breakage)] = &[
    (DoctorCode::ConnectStringMissing, |all| client(all).connect = None),
    (DoctorCode::ConnectStringInvalid, |all| connect(all, "zk1,zk2:0/kafka")),
    (DoctorCode::ChrootRepeated, |all| connect(all, "zk1/kafka,zk2/kafka")),
    (DoctorCode::ChrootInvalid, |all| connect(all, "zk1,zk2/kafka/")),
    (DoctorCode::ChrootMissing, |all| connect(all, "zk1,zk2")),
    (DoctorCode::AddressRepeated, |all| connect(all, "zk1,zk2,ZK1:2181/kafka")),
    (DoctorCode::SingleAddress, |all| connect(all, "zk1/kafka")),
    (DoctorCode::SessionTimeoutRaised, |all| client(all).session_timeout_ms = Some(3_999)),
    (DoctorCode::SessionTimeoutCut, |all| client(all).session_timeout_ms = Some(40_001)),
    (DoctorCode::SessionTimeoutTooShort, |all| details(all, 0).answers.times[0] = millis(6_000)),
    (DoctorCode::SessionTimeoutTight, |all| client(all).session_timeout_ms = Some(5_999)),
    (DoctorCode::SessionTimeoutLong, |all| client(all).session_timeout_ms = Some(60_001)),
    (DoctorCode::ConnectionTimeoutShort, |all| client(all).connection_timeout_ms = Some(6_999)),
    (DoctorCode::ConnectShareShort, |all| details(all, 0).connects.times[0] = millis(2_000)),
    (DoctorCode::TlsToPlainPort, |all| *all = kafka(&format!("{GOOD}zookeeper.ssl.client.enable=true"), "")),
    (DoctorCode::TlsHidesTraffic, |all| *all = kafka(&format!("{GOOD}zookeeper.ssl.client.enable=true"), "")),
    (DoctorCode::TlsWithoutNetty, |all| *all = kafka(&format!("{GOOD}zookeeper.ssl.client.enable=true"), "")),
    (DoctorCode::TlsSettingsUnused, |all| *all = kafka(&format!("{GOOD}zookeeper.ssl.protocol=TLSv1.3"), "")),
    (DoctorCode::AclWithoutLogin, |all| *all = kafka(&format!("{GOOD}zookeeper.set.acl=true"), "")),
    (DoctorCode::InFlightUnusual, |all| client(all).kafka.as_mut().unwrap().max_in_flight = Some(1_001)),
    (DoctorCode::BufferSmall, |all| *all = kafka(GOOD, "-Djute.maxbuffer=1048574")),
    (DoctorCode::BufferLarge, |all| *all = kafka(GOOD, "-Djute.maxbuffer=4194305")),
    (DoctorCode::MigrationOn, |all| client(all).kafka.as_mut().unwrap().migration = true),
    (DoctorCode::MigrationIncomplete, |all| client(all).kafka.as_mut().unwrap().migration = true),
    (DoctorCode::KraftOnly, |all| *all = kafka("process.roles=broker\n", "")),
    (DoctorCode::SettingUnreadable, |all| *all = kafka(&format!("{GOOD}zookeeper.set.acl=1"), "")),
    (DoctorCode::SettingUnknown, |all| *all = kafka(&format!("{GOOD}zookeeper.acl=true"), "")),
    (DoctorCode::SettingRepeated, |all| *all = kafka(&format!("{GOOD}{GOOD}"), "")),
];

#[test]
fn every_code_comes_of_what_it_is_about() {
    let fine = judge(&whole());
    let odd: Vec<_> = fine.iter().filter(|finding| finding.mark() != DoctorMark::Ok).collect();
    assert!(odd.is_empty(), "{odd:?}");
    let mut seen = codes(&whole());
    for (code, breaks) in ENSEMBLE.iter().chain(CLIENT) {
        let mut evidence = whole();
        breaks(&mut evidence);
        let found = codes(&evidence);
        assert!(found.contains(code.label()), "{} is not in {found:?}", code.label());
        seen.insert(code.label());
    }
    let missing: Vec<_> = DoctorCode::ALL.iter().filter(|code| !seen.contains(code.label())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What is close to a bound and inside of it is in order.
#[test]
fn what_is_just_inside_of_a_bound_is_in_order() {
    const INSIDE: &[Breakage] = &[
        |all| all.clients = Some(60),
        |all| advice(all, "fits"),
        |all| latency(all, "write", 601, 1_000),
        |all| latency(all, "write", 600, 999),
        |all| latency(all, "ping", 1, 5_000),
        |all| details(all, 0).most_of_one = Some(47),
        |all| details(all, 0).details.outstanding_requests = Some(99),
        |all| details(all, 0).connects.times = vec![millis(99); 5],
        |all| details(all, 0).answers.times = vec![millis(199); 5],
        |all| all.servers[0].lookup.took = millis(999),
        |all| client(all).session_timeout_ms = Some(6_000),
        |all| client(all).session_timeout_ms = Some(40_000),
        |all| client(all).connection_timeout_ms = Some(7_000),
        |all| *all = kafka(GOOD, "-Djute.maxbuffer=1048575"),
        |all| *all = kafka(GOOD, "-Djute.maxbuffer=4194304"),
        |all| client(all).kafka.as_mut().unwrap().max_in_flight = Some(5),
        |all| client(all).kafka.as_mut().unwrap().max_in_flight = Some(1_000),
        |all| *all = kafka(&format!("{GOOD}zookeeper.set.acl=true"), "-Djava.security.auth.login.config=j"),
        // Observers follow and are no voters.
        |all| {
            details(all, 1).details.followers = Some(2);
            details(all, 1).details.synced_followers = Some(1);
            (0..3).for_each(|index| details(all, index).members = Some(MemberCount { voters: 1, observers: 2 }));
        },
        // Another one was elected, and nothing was written since.
        |all| {
            sightings(all, 1, [LEADS, FOLLOWS, FOLLOWS]);
            sightings(all, 0, [FOLLOWS, (ServerRole::Leader, NEXT_EPOCH), (ServerRole::Leader, NEXT_EPOCH)]);
        },
        // The same one was, and for a moment it showed the old epoch.
        |all| sightings(all, 1, [FOLLOWS, LEADS, (ServerRole::Leader, NEXT_EPOCH)]),
        // Nothing was ever written.
        |all| {
            (0..3).for_each(|index| sightings(all, index, [(ServerRole::Follower, 0); 3]));
            sightings(all, 1, [(ServerRole::Leader, 0x1_0000_0000); 3]);
        },
        |all| all.running.as_mut().unwrap().servers[0].sent_again = 2,
        |all| incident(all, Some(3_601)),
        // A name here and an address there.
        |all| {
            let running = &mut all.running.as_mut().unwrap().servers[0];
            (running.server, running.addresses) =
                ("10.0.0.1:2181".to_owned(), vec![all.servers[0].addresses[0].address]);
        },
        // A moment behind is no lag.
        |all| details(all, 0).sightings.iter_mut().for_each(|one| one.asked = millis(900)),
    ];
    for (place, changes) in INSIDE.iter().enumerate() {
        let mut evidence = whole();
        changes(&mut evidence);
        let odd: Vec<_> = judge(&evidence).into_iter().filter(|finding| finding.mark() != DoctorMark::Ok).collect();
        assert!(odd.is_empty(), "{place}: {odd:?}");
    }
}

/// What is good to know counts for nothing.
#[test]
fn hints_do_not_count() {
    const HINTS: &[(DoctorCode, Breakage)] = &[
        (DoctorCode::WordsRefused, |all| details(all, 0).refused = BTreeSet::from(["mntr", "conf", "cons"])),
        (DoctorCode::ChrootMissing, |all| connect(all, "zk1,zk2")),
        (DoctorCode::SingleAddress, |all| connect(all, "zk1/kafka")),
        (DoctorCode::TlsHidesTraffic, |all| {
            // To secure ports: nobody answers a word there, so nothing else is known.
            *all = kafka(&format!("{GOOD}zookeeper.ssl.client.enable=true\nzookeeper.clientCnxnSocket=x.Netty"), "");
            (all.servers, all.running) = (Vec::new(), None);
        }),
        (DoctorCode::MigrationOn, |all| {
            let kafka = client(all).kafka.as_mut().unwrap();
            (kafka.migration, kafka.has_quorum, kafka.has_controller_listeners) = (true, true, true);
        }),
        (DoctorCode::MembersEven, |all| {
            (0..3).for_each(|index| details(all, index).members = Some(MemberCount { voters: 2, observers: 1 }));
        }),
        (DoctorCode::SingleServer, |all| {
            all.servers.truncate(1);
            all.running = None;
            role(all, 0, ServerRole::Standalone);
            details(all, 0).members = None;
        }),
        (DoctorCode::ServersUnlisted, |all| {
            // Two addresses behind which servers tell nothing that would tell them apart.
            let other = all.servers.swap_remove(2).addresses.remove(0);
            all.servers.truncate(1);
            all.servers[0].addresses.push(other);
            all.servers[0].addresses.iter_mut().for_each(|address| address.myids.clear());
            all.running = None;
        }),
        (DoctorCode::AddressFailing, |all| {
            let mut other = AddressMeasurement::new("[::1]:2181".parse().unwrap());
            other.last = ProbeResult::of(ServerHealth::Refusing);
            all.servers[0].addresses.insert(0, other);
        }),
        (DoctorCode::ConnectionLimitLow, |all| details(all, 0).details.connections = Some(62)),
        (DoctorCode::ClientsBypass, |all| all.running.as_mut().unwrap().servers[0].bypassing = Some(1)),
        (DoctorCode::TimeoutNeedlesslyLong, |all| advice(all, "needlessly_long")),
        (DoctorCode::AnswerTls, |all| *all = secure(true)),
        (DoctorCode::ServerHangsUp, |all| *all = secure(false)),
        (DoctorCode::AclWithoutLogin, |all| {
            client(all).kafka.as_mut().unwrap().set_acl = true;
            client(all).kafka.as_mut().unwrap().options_untold = true;
        }),
        (DoctorCode::ConnectShareShort, |all| {
            connect(all, "zk1,zk2,zk3,zk4,zk5,zk6,zk7/kafka");
            client(all).session_timeout_ms = Some(6_000);
        }),
        (DoctorCode::BufferLarge, |all| *all = kafka(GOOD, "-Djute.maxbuffer=4194305")),
    ];
    for (code, changes) in HINTS {
        let mut evidence = whole();
        changes(&mut evidence);
        let odd: Vec<_> = judge(&evidence).into_iter().filter(|finding| finding.mark() != DoctorMark::Ok).collect();
        assert!(odd.iter().any(|finding| finding.code == *code), "{code:?}: {odd:?}");
        assert!(odd.iter().all(|finding| finding.mark() == DoctorMark::Hint), "{code:?}: {odd:?}");
    }
    let always = DoctorCode::ALL.iter().filter(|code| code.mark() == DoctorMark::Hint || code.hint_where().is_some());
    let always: BTreeSet<DoctorCode> = always.copied().collect();
    let shown: BTreeSet<DoctorCode> = HINTS.iter().map(|(code, _)| *code).collect();
    assert_eq!(always, shown);
}

/// The same where it may cost something.
#[test]
fn what_may_cost_something_is_no_hint() {
    const COUNTING: &[(DoctorCode, Breakage)] = &[
        (DoctorCode::ConnectionLimitLow, |all| all.clients = Some(61)),
        (DoctorCode::ConnectionLimitLow, |all| {
            let sessions = &mut all.running.as_mut().unwrap().sessions;
            *sessions = vec![sessions[0]; 61];
        }),
        (DoctorCode::ServersUnlisted, |all| drop(all.servers.pop())),
        (DoctorCode::AddressFailing, |all| {
            let mut other = AddressMeasurement::new("[::1]:2181".parse().unwrap());
            other.last = ProbeResult::of(ServerHealth::Unresponsive);
            all.servers[0].addresses.push(other);
        }),
        (DoctorCode::SrvrRefused, |all| details(all, 0).refused = BTreeSet::from(["srvr"])),
    ];
    for (code, changes) in COUNTING {
        let mut evidence = whole();
        changes(&mut evidence);
        let found = judge(&evidence);
        assert!(found.iter().any(|finding| finding.code == *code && finding.mark().counts()), "{code:?}: {found:?}");
    }
}

#[test]
fn addresses_of_the_client_are_looked_at_beside_the_servers() {
    let mut evidence = whole();
    connect(&mut evidence, "gate1,gate2/kafka");
    let mut entry = server(0);
    (entry.server.host, entry.addresses[0].last) = ("gate1".to_owned(), ProbeResult::of(ServerHealth::Refusing));
    entry.addresses[0].answers.times.clear();
    evidence.entries = vec![entry];
    let found = judge(&evidence);
    let odd: Vec<_> = found.iter().filter(|finding| finding.mark() != DoctorMark::Ok).collect();
    assert_eq!(odd.len(), 1, "{odd:?}");
    assert_eq!((odd[0].code, odd[0].subject.as_str()), (DoctorCode::ServerRefuses, "gate1:2181"));
}
