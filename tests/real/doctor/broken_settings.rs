//! Settings of servers and of clients that are wrong, and set right as the doctor says.

use super::{DoctorRun, found_only, found_whole};
use crate::support::client::Client;
use crate::support::ensemble::{Ensemble, Version};

/// A broker's file that is in order, as the servers' names stand for `{}`.
const GOOD: &str = "broker.id=1\nzookeeper.connect={}/kafka\nzookeeper.session.timeout.ms=18000\n";

/// What is changed in the file, what is found then, and what is changed as advised.
#[derive(Clone, Copy)]
struct SettingCase {
    code: &'static str,
    /// Arguments beside the file.
    arguments: &'static [&'static str],
    /// Replaced in the good file, or added to it where the first is empty.
    broken: (&'static str, &'static str),
    /// Arguments and replacement once it is mended.
    mended: (&'static [&'static str], (&'static str, &'static str)),
}

const fn case(code: &'static str, broken: (&'static str, &'static str)) -> SettingCase {
    SettingCase { code, arguments: &[], broken, mended: (&[], ("", "")) }
}

const fn mended(case: SettingCase, mended: (&'static str, &'static str)) -> SettingCase {
    SettingCase { mended: (&[], mended), ..case }
}

const NETTY: &str = "zookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty\n";

const CASES: &[SettingCase] = &[
    mended(
        case("session_timeout_cut", ("timeout.ms=18000", "timeout.ms=61000")),
        ("timeout.ms=18000", "timeout.ms=60000"),
    ),
    case("session_timeout_raised", ("timeout.ms=18000", "timeout.ms=1500")),
    mended(
        case("session_timeout_tight", ("timeout.ms=18000", "timeout.ms=4000")),
        ("timeout.ms=18000", "timeout.ms=6000"),
    ),
    mended(
        case("session_timeout_long", ("timeout.ms=18000", "timeout.ms=300000")),
        ("timeout.ms=18000", "timeout.ms=60000"),
    ),
    mended(
        case("connection_timeout_short", ("", "zookeeper.connection.timeout.ms=3000\n")),
        ("", "zookeeper.connection.timeout.ms=18000\n"),
    ),
    case("chroot_missing", ("/kafka", "")),
    case("chroot_repeated", (",", "/kafka,")),
    case("chroot_invalid", ("/kafka", "/kafka/")),
    case("connect_string_invalid", ("connect=", "connect=zk1:port,")),
    case("connect_string_missing", ("zookeeper.connect", "zookeeper.conect")),
    case("setting_unknown", ("", "zookeeper.session.timeout=18000\n")),
    case("setting_repeated", ("", "zookeeper.session.timeout.ms=18000\n")),
    case("setting_unreadable", ("timeout.ms=18000", "timeout.ms=18s")),
    mended(
        case("tls_to_plain_port", ("", "zookeeper.ssl.client.enable=true\n")),
        ("", "zookeeper.ssl.client.enable=false\n"),
    ),
    mended(case("tls_without_netty", ("", "zookeeper.ssl.client.enable=true\n")), ("", NETTY)),
    case("tls_hides_traffic", ("", "zookeeper.ssl.client.enable=true\n")),
    case("tls_settings_unused", ("", "zookeeper.ssl.keystore.password=hunter2\n")),
    mended(case("acl_without_login", ("", "zookeeper.set.acl=true\n")), ("", "zookeeper.set.acl=false\n")),
    SettingCase {
        mended: (
            &["--kafka-opts", "-Djava.security.auth.login.config=/etc/kafka/jaas.conf"],
            ("", "zookeeper.set.acl=true\n"),
        ),
        ..case("acl_without_login", ("", "zookeeper.set.acl=true\n"))
    },
    mended(
        case("in_flight_unusual", ("", "zookeeper.max.in.flight.requests=1\n")),
        ("", "zookeeper.max.in.flight.requests=10\n"),
    ),
    SettingCase {
        arguments: &["--kafka-opts", "-Djute.maxbuffer=65536"],
        mended: (&["--kafka-opts", "-Djute.maxbuffer=4194304"], ("", "")),
        ..case("buffer_small", ("", ""))
    },
    SettingCase {
        arguments: &["--kafka-opts", "-Djute.maxbuffer=104857600"],
        mended: (&["--kafka-opts", "-Xmx1g"], ("", "")),
        ..case("buffer_large", ("", ""))
    },
    case("migration_on", ("", "zookeeper.metadata.migration.enable=true\n")),
    case("migration_incomplete", ("", "zookeeper.metadata.migration.enable=true\n")),
    case("kraft_only", ("zookeeper.connect", "process.roles=broker\nnode.id")),
];

fn changed(good: &str, (from, to): (&str, &str)) -> String {
    if from.is_empty() { format!("{good}{to}") } else { good.replacen(from, to, 1) }
}

#[test]
fn wrong_settings_are_found_and_those_set_right_are_not() {
    let mut ensemble = Ensemble::of([Version::V3_9_3; 3]).property("-Dreadonlymode.enabled=true").start();
    let servers = ensemble.connect_string();
    let good = GOOD.replace("{}", &servers);
    let look = |file: &str, arguments: &[&str]| {
        DoctorRun::of(&[&["--servers", &servers, "--for", "10ms"], arguments].concat(), Some(file))
    };
    found_whole(&ensemble);
    for case in CASES {
        let run = look(&changed(&good, case.broken), case.arguments);
        assert!(run.has(case.code), "{}: {}", case.code, run.text);
        assert_eq!(run.code, i32::from(run.counting > 0), "{}: {}", case.code, run.text);
        assert!(!run.text.contains("hunter2"), "{}", run.text);
        let (arguments, change) = case.mended;
        let run = look(&changed(&good, change), arguments);
        assert!(!run.has(case.code), "{}: {}", case.code, run.text);
        assert_eq!(run.code, i32::from(run.counting > 0), "{}", run.text);
    }
    the_file_names_the_servers(&good);
    servers_are_set_wrong(&mut ensemble);
}

/// Without --servers, those of the file are looked at.
fn the_file_names_the_servers(good: &str) {
    let run = DoctorRun::of(&["--for", "10ms"], Some(good));
    assert!(run.text.contains("quorum_stands") && !run.has("no_quorum"), "{}", run.text);
    let one = good.split(',').next().expect("a server").to_owned() + "/kafka\n";
    assert!(DoctorRun::of(&["--for", "10ms"], Some(&one)).has("single_address"));
}

/// Each server is set wrong in its own way, and all are restarted.
fn servers_are_set_wrong(ensemble: &mut Ensemble) {
    let restart = |ensemble: &mut Ensemble, lines: [&str; 3]| {
        for (index, lines) in lines.into_iter().enumerate() {
            ensemble.sigterm(index);
            ensemble.configure(index, lines);
        }
        ensemble.restart_all();
    };
    restart(ensemble, ["4lw.commands.whitelist=srvr", "maxClientCnxns=5", "maxSessionTimeout=9000"]);
    let connect = ensemble.connect_string();
    let run = found_only(&connect, &["words_refused", "timeout_bounds_differ"], "500ms");
    let closed = ("words_refused".to_owned(), ensemble.address(0).to_string());
    assert!(run.findings.contains(&closed), "{:?}", run.findings);
    // More clients than the server allows one address, wherever they are.
    let clients: Vec<Client> = (0..6).map(|_| Client::create_session(ensemble.address(2))).collect();
    found_only(&connect, &["words_refused", "timeout_bounds_differ", "connection_limit_low"], "500ms");
    drop(clients);
    let told = DoctorRun::of(&["--servers", &connect, "--for", "10ms", "--clients", "6"], None);
    assert!(told.has("connection_limit_low") && told.code == 1, "{}", told.text);
    // All places are taken: the server turns everybody away.
    let clients: Vec<Client> = (0..5).map(|_| Client::create_session(ensemble.address(1))).collect();
    let run = DoctorRun::of(&["--servers", &connect, "--for", "500ms"], None);
    assert!(run.has("server_hangs_up"), "{}", run.text);
    drop(clients);
    restart(ensemble, ["4lw.commands.whitelist=*", "maxClientCnxns=0", "maxSessionTimeout=60000"]);
    found_whole(ensemble);
    let told = DoctorRun::of(&["--servers", &connect, "--for", "10ms", "--clients", "6"], None);
    assert!(!told.has("connection_limit_low"), "{}", told.text);
    // One of three runs on, and serves reads as it may.
    ensemble.sigterm(0);
    ensemble.sigterm(1);
    found_only(&connect, &["server_refuses", "server_read_only", "no_quorum"], "500ms");
    ensemble.restore();
    found_whole(ensemble);
}
