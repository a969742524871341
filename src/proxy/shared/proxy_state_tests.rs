use super::*;
use crate::config::{self, ConfigKeys, ConfigSources, FileText};
use crate::session::probe_result::ProbeResult;

/// A proxy with these settings.
pub(in crate::proxy) fn proxy(text: &str) -> ProxyState {
    let file = FileText { path: "test.toml".into(), text: text.to_owned() };
    let cores = std::num::NonZeroUsize::MIN;
    let sources = ConfigSources { file: Some(file), variables: Vec::new(), flags: ConfigKeys::default(), cores };
    let settings = config::load(&sources).unwrap().settings;
    let clock = Clock::start();
    let telemetry = Arc::new(ProxyTelemetry::new(&settings, clock.now()));
    ProxyState::new(settings, telemetry, clock)
}

#[test]
fn doors_that_are_to_be_open_listen_at_every_worker() {
    let listeners = r#"["127.0.0.1:1", "127.0.0.1:2=a:1", "127.0.0.1:3=b:1"]"#;
    let proxy = proxy(&format!("servers = \"a:1,b:1\"\nworkers = 2\nlisten = {listeners}"));
    assert!(proxy.all_listen(), "none is to be open");
    let now = proxy.clock.now();
    let probe_result = ProbeResult::of(ServerHealth::NotServing);
    proxy.server_seen(SessionTransition::server_seen(ServerId(0), now, now, probe_result));
    // The pooled address and the mirror of the server that was seen.
    for _ in 0..4 {
        assert!(!proxy.all_listen());
        proxy.listens(true);
    }
    assert!(proxy.all_listen());
    proxy.listens(false);
    assert!(!proxy.all_listen());
}

#[test]
fn as_many_clients_are_let_in_as_there_are_places_and_each_leaves_its_own() {
    let listener = "servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]\n[connections]\nmax = 2";
    let proxy = Arc::new(proxy(listener));
    let admit = || proxy.admit([127, 0, 0, 1].into(), 0);
    let [first, second, third] = [(); 3].map(|()| admit());
    assert!(first.is_ok() && second.is_ok() && third.is_err());
    assert_eq!(proxy.open(), 2);
    drop(first);
    assert!(admit().is_ok());
    assert_eq!(proxy.open(), 1);
}

#[test]
fn one_address_has_as_many_places_as_it_may_and_nothing_is_kept_of_those_that_left() {
    let bounds = "[connections]\nmax = 4\nper_address = 2";
    let proxy = Arc::new(proxy(&format!("servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]\n{bounds}")));
    let admit = |host: u8| proxy.admit([127, 0, 0, host].into(), 0);
    let [first, second, third] = [1, 1, 1].map(admit);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(third.unwrap_err(), ConnectionLimit::Address);
    let mapped = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    assert_eq!(
        proxy.admit(mapped.into(), 0).unwrap_err(),
        ConnectionLimit::Address,
        "the same address in another form"
    );
    let others = [2, 3].map(admit);
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(admit(4).unwrap_err(), ConnectionLimit::Everybody);
    drop(first);
    let again = admit(1);
    assert!(again.is_ok());
    drop((second, again, others));
    assert_eq!((proxy.open(), proxy.places.addresses()), (0, 0));
}

#[test]
fn a_blocked_thread_notices_its_pause_before_anything_else_is_decided() {
    let proxy = proxy("servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]\nworkers = 2");
    proxy.begin_heartbeat(Some(1));
    let from = proxy.clock.now();
    std::thread::sleep(Duration::from_millis(350));
    // No sign of life was due in between: the question itself finds it.
    let paused = proxy.paused_within(from, proxy.clock.now());
    assert!(paused >= Duration::from_millis(340), "{paused:?}");
    assert!(proxy.telemetry.metrics().contains("zoogate_own_pauses_total 1\n"));
}

#[test]
fn claims_take_turns() {
    let proxy = proxy("servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]");
    assert_ne!(proxy.next_turn(), proxy.next_turn());
}

#[test]
fn a_timeout_is_believed_within_bounds() {
    assert_eq!((asked_timeout(18_000), claim_lasts(18_000)), (Duration::from_secs(18), Duration::from_secs(36)));
    assert_eq!((asked_timeout(0), asked_timeout(-1)), (SHORTEST_TIMEOUT, SHORTEST_TIMEOUT));
    assert_eq!((claim_lasts(4_000), claim_lasts(i32::MAX)), (Duration::from_secs(30), Duration::from_mins(2)));
}
