//! The files that people deploy agree with the program: settings they give are settings, bounds are wide enough,
//! alerts and dashboards ask for what is exported.

mod alerts;
mod dashboards;
mod selectors;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use zoogate::config::{self, ConfigKeys, ConfigSources, FileText, Period, Settings};

pub(crate) fn deployed(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file)).expect("a readable file")
}

pub(crate) fn settings(file: Option<&str>, variables: Vec<(String, String)>) -> Settings {
    let file = file.map(|name| FileText { path: PathBuf::from(name), text: deployed(name) });
    let sources = ConfigSources { file, variables, flags: ConfigKeys::default(), cores: NonZeroUsize::MIN };
    config::load(&sources).unwrap_or_else(|error| panic!("{error}")).settings
}

#[test]
fn the_smallest_file_is_valid() {
    let settings = settings(Some("zoogate.toml"), Vec::new());
    assert_eq!((settings.servers.len(), settings.listeners.len()), (3, 1));
}

#[test]
fn the_unit_gives_enough_time_and_descriptors() {
    let unit = deployed("zoogate.service");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    let settings = settings(Some("zoogate.toml"), Vec::new());
    let stop: Period = value("TimeoutStopSec").parse().unwrap();
    assert!(stop.0 > settings.shutdown_grace);
    let descriptors: usize = value("LimitNOFILE").parse().unwrap();
    assert!(descriptors > 2 * settings.connections.max.get() + 1_000);
    assert_eq!(value("KillSignal"), "SIGTERM");
    // Where commands look for it by themselves.
    assert!(unit.contains("RuntimeDirectory=zoogate\n"));
    assert!(unit.contains("Environment=ZOOGATE_ADMIN_SOCKET=%t/zoogate/admin.sock\n"));
    // What hands a token over can be taken as it stands.
    assert_eq!(value("#LoadCredential"), "admin-token:/etc/zoogate/token");
    let (name, path) = unit.lines().find_map(|line| line.strip_prefix("#Environment=")?.split_once('=')).unwrap();
    let admin = self::settings(Some("zoogate.toml"), vec![(name.to_owned(), path.to_owned())]).admin.unwrap();
    assert_eq!(admin.token_file.as_deref(), Some(Path::new("%d/admin-token")));
}

#[test]
fn the_sidecars_variables_are_valid() {
    let sidecar = deployed("kubernetes-sidecar.yaml");
    let mut lines = sidecar.lines().map(str::trim);
    let mut variables = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("- name: ZOOGATE_") {
            let value = lines.next().and_then(|line| line.strip_prefix("value: ")).expect("a value");
            variables.push((format!("ZOOGATE_{name}"), value.trim_matches('"').to_owned()));
        }
    }
    assert_eq!(variables.len(), 7);
    let settings = settings(None, variables);
    let connect = sidecar.lines().find_map(|line| line.trim().strip_prefix("value: \"")?.strip_suffix("/kafka\""));
    let listeners: Vec<_> = settings.listeners.iter().map(|listener| listener.address.to_string()).collect();
    assert_eq!(connect, Some(listeners.join(",").as_str()), "clients connect to what zoogate listens on");
    let admin = settings.admin.expect("an admin address");
    let mounted = sidecar.lines().find_map(|line| line.trim().strip_prefix("mountPath: ")).expect("a mount");
    assert_eq!(admin.token_file, Some(Path::new(mounted).join("token")), "the token is where it is mounted");
    assert!(sidecar.contains("defaultMode: 0440"), "a token that all users can read is refused");
    let port = sidecar.lines().find_map(|line| line.trim().strip_prefix("containerPort: ")).expect("a port");
    assert_eq!(Some(port), admin.address.map(|address| address.port().to_string()).as_deref());
}
