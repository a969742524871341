//! Settings of a real Kafka broker that are wrong: what the doctor finds is what the broker then does, and with what the
//! doctor advises both are over.

use super::DoctorRun;
use crate::support::client::ephemeral_owner;
use crate::support::ensemble::{Ensemble, Version};
use crate::support::kafka::Broker;

/// What a real broker does with its settings.
#[derive(Clone, Copy, Debug)]
enum BrokerConduct {
    /// It ends, and has logged this.
    Ends(&'static str),
    /// It starts, and has logged this.
    Starts(&'static str),
    /// It starts, and registers at this path in front of the usual one; `{}` stands for the second and third server.
    Registers(&'static str),
}

use BrokerConduct::{Ends, Registers, Starts};

/// What is replaced in settings that are in order, or added where the first is empty.
type SettingChange = (&'static str, &'static str);

/// A finding, the change that brings it about, what the broker does, the change as advised, and what it does then.
type BrokerCase = (&'static str, SettingChange, BrokerConduct, SettingChange, BrokerConduct);

const SESSION: &str = "session.timeout.ms=6000";
const REGISTERED: BrokerConduct = Registers("/kafka");

const CASES: &[BrokerCase] = &[
    ("connect_string_invalid", ("connect=", "connect=zk1:port,"), Ends("port"), ("", ""), REGISTERED),
    (
        "connect_string_missing",
        ("zookeeper.connect", "zookeeper.conect"),
        Ends("`zookeeper.connect`"),
        ("", ""),
        REGISTERED,
    ),
    ("chroot_missing", ("/kafka", ""), Registers(""), ("", ""), REGISTERED),
    ("chroot_repeated", (",", "/kafka,"), Registers("/kafka,{}/kafka"), ("", ""), REGISTERED),
    ("setting_unreadable", (SESSION, "session.timeout.ms=6s"), Ends("Invalid value 6s"), ("", ""), REGISTERED),
    (
        "setting_unknown",
        ("zookeeper.session.timeout.ms=6000", "zookeeper.session.timeout=6000"),
        Starts("negotiated timeout = 18000"),
        ("", ""),
        Starts("negotiated timeout = 6000"),
    ),
    (
        "setting_repeated",
        ("", "zookeeper.session.timeout.ms=9000\n"),
        Starts("negotiated timeout = 9000"),
        ("", ""),
        Starts("negotiated timeout = 6000"),
    ),
    (
        "session_timeout_raised",
        (SESSION, "session.timeout.ms=1500"),
        Starts("negotiated timeout = 2000"),
        (SESSION, "session.timeout.ms=2000"),
        Starts("negotiated timeout = 2000"),
    ),
    (
        "session_timeout_cut",
        (SESSION, "session.timeout.ms=90000"),
        Starts("negotiated timeout = 60000"),
        (SESSION, "session.timeout.ms=60000"),
        Starts("negotiated timeout = 60000"),
    ),
    (
        "connection_timeout_short",
        ("", "zookeeper.connection.timeout.ms=1\n"),
        Ends("Timed out waiting for connection"),
        ("", "zookeeper.connection.timeout.ms=18000\n"),
        REGISTERED,
    ),
    (
        "acl_without_login",
        ("", "zookeeper.set.acl=true\n"),
        Ends("zookeeper.set.acl is true, but"),
        ("", "zookeeper.set.acl=false\n"),
        REGISTERED,
    ),
    (
        "tls_to_plain_port",
        (
            "",
            "zookeeper.ssl.client.enable=true\nzookeeper.connection.timeout.ms=20000\n\
             zookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty\n",
        ),
        Ends("Timed out waiting for connection"),
        ("", "zookeeper.ssl.client.enable=false\n"),
        REGISTERED,
    ),
    (
        "in_flight_unusual",
        ("", "zookeeper.max.in.flight.requests=1\n"),
        Starts("zookeeper.max.in.flight.requests = 1"),
        ("", "zookeeper.max.in.flight.requests=10\n"),
        Starts("zookeeper.max.in.flight.requests = 10"),
    ),
    (
        "migration_incomplete",
        ("", "zookeeper.metadata.migration.enable=true\n"),
        Ends("controller.quorum.voters"),
        ("", ""),
        REGISTERED,
    ),
    (
        "kraft_only",
        ("zookeeper.connect=", "process.roles=broker\nnode.id=1\n#"),
        Ends("process.roles"),
        ("", ""),
        REGISTERED,
    ),
];

fn changed(good: &str, (from, to): SettingChange) -> String {
    if from.is_empty() {
        return format!("{good}{to}");
    }
    assert!(good.contains(from), "{from} is not in {good}");
    good.replacen(from, to, 1)
}

/// Lets the doctor look at the settings, and a broker start on them.
fn plays(ensemble: &Ensemble, change: SettingChange, conduct: BrokerConduct) -> DoctorRun {
    let servers = ensemble.connect_string();
    let mut broker = Broker::with_settings(1, &format!("{servers}/kafka"), |settings| changed(&settings, change));
    let run = DoctorRun::of(&["--servers", &servers, "--for", "10ms"], Some(&broker.settings()));
    match conduct {
        Ends(words) => {
            let log = broker.wait_ended();
            assert!(log.contains(words) && !log.contains("started (kafka.server.KafkaServer)"), "{words}: {log}");
        }
        Starts(words) => {
            broker.wait_started();
            broker.wait_logged(words);
        }
        Registers(root) => {
            broker.wait_started();
            let (_, others) = servers.split_once(',').expect("three servers");
            let path = format!("{}/brokers/ids/1", root.replace("{}", others));
            let owner = ephemeral_owner(ensemble.address(ensemble.leader()), &path);
            assert!(owner.is_some(), "{path}: {}", broker.session_log());
        }
    }
    // Its session goes with it: the next one has the same number.
    if matches!(conduct, Starts(_) | Registers(_)) {
        broker.sigterm();
    }
    run
}

fn play(ensemble: &Ensemble, (code, broken, does, mended, does_then): BrokerCase) {
    println!("{code}: {does:?}");
    let run = plays(ensemble, broken, does);
    assert!(run.has(code), "{code}: {}", run.text);
    let run = plays(ensemble, mended, does_then);
    assert!(!run.has(code), "{code}: {}", run.text);
}

#[test]
fn a_broker_with_a_wrong_chroot_ends_and_starts_with_the_one_that_is_advised() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    play(
        &ensemble,
        ("chroot_invalid", ("/kafka", "/kafka/"), Ends("must not end with / character"), ("", ""), REGISTERED),
    );
}

#[test]
#[ignore = "starts some thirty brokers"]
fn brokers_do_what_the_doctor_says_of_their_settings() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let only = std::env::var("ZOOGATE_ONLY").ok();
    for case in CASES.iter().filter(|case| only.as_deref().is_none_or(|only| case.0 == only)) {
        play(&ensemble, *case);
    }
}
