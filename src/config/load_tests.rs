//! What people get for what they write.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::ids::ServerId;

/// A file, variables and flags, with two cores.
fn sources(file: &str, variables: &[(&str, &str)], flags: ConfigKeys) -> ConfigSources {
    ConfigSources {
        file: Some(FileText { path: PathBuf::from("z.toml"), text: file.to_owned() }),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags,
        cores: NonZeroUsize::new(2).unwrap(),
    }
}

fn settings(file: &str) -> Settings {
    load(&sources(file, &[], ConfigKeys::default())).unwrap().settings
}

fn error(file: &str) -> String {
    load(&sources(file, &[], ConfigKeys::default())).unwrap_err().to_string()
}

const LEAST: &str = "servers = \"zk1,zk2\"\nlisten = [\"127.0.0.1:2181\"]\n";

#[test]
fn a_small_file_gets_the_defaults() {
    let settings = settings(LEAST);
    assert_eq!(settings.servers.len(), 2);
    assert_eq!(settings.pin, PinMode::Soft);
    assert_eq!(settings.workers.get(), 2);
    assert_eq!(settings.jute_maxbuffer, 1_048_575);
    assert_eq!(settings.admin.unwrap().address.unwrap().to_string(), "127.0.0.1:9180");
    assert_eq!(settings.probe.interval, Duration::from_secs(1));
    assert_eq!(settings.chroot, None);
}

#[test]
fn the_reference_says_the_defaults() {
    let reference = settings(&reference_toml());
    let least = settings("servers = \"zk1,zk2,zk3\"\nlisten = [\"127.0.0.1:2181\"]\n");
    assert_eq!(reference, least);
}

#[test]
fn flags_win_over_variables_over_the_file_over_the_defaults() {
    let file = format!("{LEAST}[probe]\ninterval = \"2s\"\ntimeout = \"2s\"\n[log]\nlevel = \"warn\"\n");
    let variables = [
        ("ZOOGATE_PROBE_TIMEOUT", "3s"),
        ("ZOOGATE_LOG_LEVEL", "debug"),
        ("ZOOGATE_PIN", ""),
        ("ZOOGATE_PORT_2181_TCP", "tcp://10.0.0.1:2181"),
        ("OTHER", "x"),
    ];
    let flags =
        ConfigKeys { log: LogKeys { level: Some(LogLevel::Trace), ..LogKeys::default() }, ..ConfigKeys::default() };
    let loaded = load(&sources(&file, &variables, flags)).unwrap();
    assert_eq!(loaded.settings.probe.interval, Duration::from_secs(2));
    assert_eq!(loaded.settings.probe.timeout, Duration::from_secs(3));
    assert_eq!(loaded.settings.log.level, LogLevel::Trace);
    assert_eq!(loaded.settings.pin, PinMode::Soft);
    let origins: Vec<_> = loaded
        .effective
        .iter()
        .filter(|key| key.origin != ValueOrigin::Default)
        .map(|key| format!("{} {}", key.name.path, key.origin))
        .collect();
    let expected = [
        "servers z.toml:1:11",
        "listen z.toml:2:10",
        "probe.interval z.toml:4:12",
        "probe.timeout variable ZOOGATE_PROBE_TIMEOUT",
        "log.level flag --log-level",
    ];
    assert_eq!(origins, expected);
}

#[test]
fn every_key_has_a_variable_that_works() {
    let all = [
        ("ZOOGATE_SERVERS", "a:1,b:2/chroot"),
        ("ZOOGATE_LISTEN", "127.0.0.1:1,[::1]:2=c:3"),
        ("ZOOGATE_MIRROR", "127.0.0.1:10"),
        ("ZOOGATE_PIN", "off"),
        ("ZOOGATE_WORKERS", "3"),
        ("ZOOGATE_BUSY_POLL", "false"),
        ("ZOOGATE_SHUTDOWN_GRACE", "1m"),
        ("ZOOGATE_JUTE_MAXBUFFER", "4MiB"),
        ("ZOOGATE_ADMIN_ADDRESS", "0.0.0.0:9"),
        ("ZOOGATE_ADMIN_ALLOW_REMOTE", "true"),
        ("ZOOGATE_ADMIN_TOKEN_FILE", "/etc/z/token"),
        ("ZOOGATE_ADMIN_READ_TOKEN_FILE", "/etc/z/read-token"),
        ("ZOOGATE_ADMIN_SOCKET", "/run/z/admin.sock"),
        ("ZOOGATE_METRICS_SESSIONS", "0"),
        ("ZOOGATE_LEDGER_SESSIONS", "7"),
        ("ZOOGATE_LEDGER_KEEP_ENDED", "2h"),
        ("ZOOGATE_PROBE_INTERVAL", "20ms"),
        ("ZOOGATE_PROBE_TIMEOUT", "30ms"),
        ("ZOOGATE_PROBE_DETAILS", "false"),
        ("ZOOGATE_CONNECTIONS_MAX", "8"),
        ("ZOOGATE_CONNECTIONS_PER_ADDRESS", "3"),
        ("ZOOGATE_CONNECTIONS_FIRST_FRAME", "4s"),
        ("ZOOGATE_CONNECTIONS_BUFFER", "5KiB"),
        ("ZOOGATE_SLOW_LOG_READ", "20ms"),
        ("ZOOGATE_SLOW_LOG_WRITE", "0s"),
        ("ZOOGATE_TAP_DATA", "true"),
        ("ZOOGATE_STATE_DIR", "/var/lib/z"),
        ("ZOOGATE_STATE_KEEP", "7d"),
        ("ZOOGATE_STATE_MAX_SIZE", "64MiB"),
        ("ZOOGATE_OTLP_ENDPOINT", "http://127.0.0.1:4318/"),
        ("ZOOGATE_OTLP_INTERVAL", "15s"),
        ("ZOOGATE_LOG_FORMAT", "json"),
        ("ZOOGATE_LOG_LEVEL", "error"),
    ];
    assert_eq!(all.len(), key_names().len());
    let loaded = load(&sources("", &all, ConfigKeys::default())).unwrap();
    assert!(loaded.effective.iter().all(|key| matches!(key.origin, ValueOrigin::Variable(_))));
    let settings = loaded.settings;
    assert_eq!(settings.servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "b:2", "c:3"]);
    assert_eq!(settings.chroot.as_deref(), Some("/chroot"));
    let listeners: Vec<_> = settings.listeners.iter().map(|door| (door.address.to_string(), door.kind)).collect();
    let mirror = |place| ListenerKind::Mirror(ServerId(place));
    let expected = [
        ("127.0.0.1:1", ListenerKind::Pooled),
        ("[::1]:2", mirror(2)),
        ("127.0.0.1:10", mirror(0)),
        ("127.0.0.1:11", mirror(1)),
        ("127.0.0.1:12", mirror(2)),
    ];
    assert_eq!(listeners, expected.map(|(address, kind)| (address.to_owned(), kind)));
    assert_eq!((settings.connections.buffer, settings.busy_poll, settings.probe.details), (5 << 10, false, false));
    assert_eq!(settings.connections.per_address, NonZeroUsize::new(3));
    assert_eq!(settings.shutdown_grace, Duration::from_mins(1));
    let admin = settings.admin.unwrap();
    let paths = [admin.token_file, admin.read_token_file, admin.socket].map(|path| path.unwrap().display().to_string());
    assert_eq!(paths, ["/etc/z/token", "/etc/z/read-token", "/run/z/admin.sock"]);
    let slow = settings.slow_log;
    assert_eq!((slow.read, slow.write), (Some(Duration::from_millis(20)), None));
    assert!(settings.tap_data);
    let state = settings.state.unwrap();
    assert_eq!((state.dir.to_str(), state.max_size), (Some("/var/lib/z"), 64 << 20));
    assert_eq!(state.keep, Duration::from_hours(7 * 24));
    let otlp = settings.otlp.unwrap();
    assert_eq!((otlp.endpoint.as_str(), otlp.interval), ("http://127.0.0.1:4318", Duration::from_secs(15)));
}

#[test]
fn errors_in_the_file_name_their_place() {
    let unknown = error(&format!("{LEAST}\n[probe]\nintervall = \"2s\"\n"));
    assert_eq!(
        unknown,
        "z.toml:5:1: probe.intervall: unknown key `intervall`, expected one of `interval`, `timeout`, `details`\n  \
         5 | intervall = \"2s\"\n      ^^^^^^^^^"
    );
    let unit = error(&format!("{LEAST}[probe]\ninterval = \"2\"\n"));
    assert_eq!(
        unit.lines().next().unwrap(),
        "z.toml:4:12: probe.interval: \"2\" is not a time: expected a whole number and its unit (ms, s, m, h, d), such as \"10s\""
    );
    let kind = error(&format!("{LEAST}[probe]\ninterval = 2\n"));
    assert_eq!(
        kind.lines().next().unwrap(),
        "z.toml:4:12: probe.interval: invalid type: integer `2`, expected a time with its unit, such as \"10s\""
    );
    let item = error("servers = \"a\"\nlisten = [\n  \"127.0.0.1:1\",\n  \"localhost:2\",\n]\n");
    assert!(item.starts_with("z.toml:2:10: listen: \"localhost:2\" is not an address to listen on"), "{item}");
    let word = error(&format!("pin = \"hard\"\n{LEAST}"));
    assert!(word.starts_with("z.toml:1:7: pin: unknown variant `hard`, expected `off` or `soft`"), "{word}");
    let syntax = error("servers = zk1");
    assert!(syntax.starts_with("z.toml:1:11: "), "{syntax}");
    let section = error(&format!("{LEAST}[prove]\n"));
    assert!(section.starts_with("z.toml:3:2: prove: unknown key `prove`, expected one of `servers`, "), "{section}");
}

#[test]
fn errors_between_values_name_the_place_too() {
    let remote = error(&format!("{LEAST}[admin]\naddress = \"0.0.0.0:9180\"\n"));
    assert!(remote.starts_with("z.toml:4:11: admin.address: 0.0.0.0:9180 is not a loopback address: "), "{remote}");
    let twice = error("servers = \"a\"\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1=a\"]\n");
    assert!(twice.starts_with("z.toml:2:10: listen: 127.0.0.1:1 is used twice"), "{twice}");
    let door = error("servers = \"a\"\nlisten = [\"127.0.0.1:9180\"]\n");
    assert!(door.starts_with("admin.address: 127.0.0.1:9180 is used twice"), "{door}");
    let ports = error("servers = \"a,b,c\"\nmirror = \"127.0.0.1:65534\"\n");
    assert!(ports.starts_with("z.toml:2:10: mirror: 3 servers need the ports from 65534 on"), "{ports}");
    let workers = error(&format!("workers = 0\n{LEAST}"));
    for (size, message) in
        [("65KiB", "65KiB is too large: expected at most 64KiB"), ("1KiB", "1KiB is too small: expected at least 4KiB")]
    {
        let buffer = error(&format!("{LEAST}[connections]\nbuffer = \"{size}\"\n"));
        assert!(buffer.starts_with(&format!("z.toml:4:10: connections.buffer: {message}")), "{buffer}");
    }
    assert!(workers.starts_with("z.toml:1:11: workers: 0 is too small: expected at least 1"), "{workers}");
}

#[test]
fn every_bound_is_where_it_is_said_to_be() {
    let at = |section: &str, key: &str, value: &str| {
        let (above, below) = if section.is_empty() {
            (format!("{key} = {value}\n"), String::new())
        } else {
            (String::new(), format!("[{section}]\n{key} = {value}\n"))
        };
        load(&sources(&format!("{above}{LEAST}{below}"), &[], ConfigKeys::default()))
    };
    for (section, key, allowed, refused, message) in [
        ("", "workers", "1", "0", "0 is too small: expected at least 1"),
        ("", "jute_maxbuffer", "1", "0", "0 is too small: expected at least 1"),
        ("ledger", "sessions", "1", "0", "0 is too small: expected at least 1"),
        ("connections", "max", "1", "0", "0 is too small: expected at least 1"),
        ("connections", "buffer", "4096", "4095", "4095 is too small: expected at least 4KiB"),
        ("connections", "buffer", "65536", "65537", "65537 is too large: expected at most 64KiB"),
        ("connections", "first_frame", "\"10ms\"", "\"9ms\"", "9ms is too short: expected at least 10ms"),
        ("probe", "interval", "\"10ms\"", "\"9ms\"", "9ms is too short: expected at least 10ms"),
        ("probe", "timeout", "\"10ms\"", "\"9ms\"", "9ms is too short: expected at least 10ms"),
        // These may be nothing at all.
        ("metrics", "sessions", "0", "-1", "invalid value: integer `-1`, expected usize"),
        ("ledger", "keep_ended", "\"0s\"", "0", "invalid type: integer `0`, expected a time with its unit"),
        ("", "shutdown_grace", "\"0s\"", "0", "invalid type: integer `0`, expected a time with its unit"),
    ] {
        assert!(at(section, key, allowed).is_ok(), "{section} {key} = {allowed}");
        let error = at(section, key, refused).unwrap_err().to_string();
        let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        assert!(error.contains(&format!(": {path}: {message}")), "{error}");
    }
}

#[test]
fn there_are_as_many_servers_as_an_ensemble_can_have() {
    let of = |count: usize| {
        let names: Vec<String> = (1..=count).map(|number| format!("zk{number}")).collect();
        load(&sources(
            &format!("servers = \"{}\"\nlisten = [\"127.0.0.1:1\"]", names.join(",")),
            &[],
            ConfigKeys::default(),
        ))
    };
    assert_eq!(of(255).unwrap().settings.servers.len(), 255);
    let error = of(256).unwrap_err().to_string();
    assert!(error.starts_with("z.toml:1:11: servers: 256 servers"), "{error}");
}

#[test]
fn a_mirror_is_of_the_server_that_it_names_and_port_0_stays_free_to_choose() {
    let named = settings("servers = \"a,b\"\nlisten = [\"127.0.0.1:1=b\"]");
    assert_eq!((named.servers.len(), named.listeners[0].kind), (2, ListenerKind::Mirror(ServerId(1))));
    let free = settings("servers = \"a,b,c\"\nmirror = \"127.0.0.1:0\"");
    assert!(free.listeners.iter().all(|listener| listener.address.port() == 0), "{:?}", free.listeners);
}

#[test]
fn what_is_wrong_is_underlined_by_letters_and_not_by_bytes() {
    let error = error(&format!("pin = \"härt\"\n{LEAST}"));
    assert_eq!(error.lines().last().unwrap().matches('^').count(), "\"härt\"".chars().count(), "{error}");
}

#[test]
fn something_must_stand_on_both_sides() {
    assert!(error("listen = [\"127.0.0.1:1\"]").starts_with("servers: no server is named"));
    assert!(error("servers = \"a\"").starts_with("listen: no address to listen on"));
    assert_eq!(settings("listen = [\"127.0.0.1:1=a\"]").servers.len(), 1);
}

#[test]
fn errors_in_variables_name_the_variable() {
    let with = |name: &str, value: &str| {
        load(&sources(LEAST, &[(name, value)], ConfigKeys::default())).unwrap_err().to_string()
    };
    assert_eq!(
        with("ZOOGATE_PROBE_INTERVAL", "soon"),
        "variable ZOOGATE_PROBE_INTERVAL: probe.interval: \"soon\" is not a time: \
         expected a whole number and its unit (ms, s, m, h, d), such as \"10s\""
    );
    assert_eq!(
        with("ZOOGATE_PIN", "hard"),
        "variable ZOOGATE_PIN: pin: \"hard\" is not known here: expected off or soft"
    );
    assert_eq!(
        with("ZOOGATE_LISTENS", "x"),
        "variable ZOOGATE_LISTENS: no key has this variable: is ZOOGATE_LISTEN meant?"
    );
    assert_eq!(with("ZOOGATE_XYZ", "x"), "variable ZOOGATE_XYZ: no key has this variable");
}

#[test]
fn the_result_of_a_load_is_a_file_that_loads_to_the_same() {
    let loaded = load(&sources(&format!("{LEAST}[log]\nformat = \"json\"\n"), &[], ConfigKeys::default())).unwrap();
    let again = load(&sources(&effective_toml(&loaded.effective), &[], ConfigKeys::default())).unwrap();
    assert_eq!(again.settings, loaded.settings);
}

proptest::proptest! {
    /// Half-written files are what a checker is given; none may stop it, and every place lies in the file.
    #[test]
    fn any_text_is_read_or_refused_with_a_place(
        start in 0..40_usize, text in "[a-z=\"\\[\\]\\{\\}#.,:\\n é0-9_-]{0,60}",
    ) {
        let whole = reference_toml();
        let lines: Vec<_> = whole.lines().filter(|line| !line.starts_with('#')).collect();
        let mut lines = lines[..start.min(lines.len())].join("\n");
        lines.push_str(&text);
        let result = load(&sources(&lines, &[], ConfigKeys::default()));
        if let Err(ConfigError { origin: ValueOrigin::File(place), .. }) = result {
            proptest::prop_assert!(place.line <= lines.matches('\n').count() + 1);
            proptest::prop_assert!(place.column <= place.text.chars().count() + 1);
            proptest::prop_assert_eq!(lines.lines().nth(place.line - 1).unwrap_or_default(), place.text);
        }
    }

    #[test]
    fn connect_strings_are_printed_as_they_are_read(text in "[a-z0-9.:,/\\[\\] -]{0,40}") {
        if let Ok(read) = text.parse::<ConnectString>() {
            proptest::prop_assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn times_are_printed_as_they_are_read(millis in 0..u64::MAX / 1_000_000) {
        let period = Period(Duration::from_millis(millis));
        proptest::prop_assert_eq!(period.to_string().parse(), Ok(period));
    }
}
