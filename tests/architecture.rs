//! The layers and the house rules, read off the sources.
//!
//! Imports point downwards only; the pure layers know no socket, clock, thread or metric; files stay small.
//! What the compiler and clippy already refuse (`unsafe`, `todo!`, `unwrap`, functions above 80 lines) is not
//! looked for again. Test code is exempt: a file whose name ends in `tests.rs`, or a module under `cfg(test)`.

mod code_lines;
mod sources;

/// Every layer and the layers that it may use, lowest first.
const LAYERS: [(&str, &[&str]); 25] = [
    ("ids", &[]),
    ("time", &[]),
    ("text", &[]),
    ("lock", &[]),
    ("config", &["text", "ids"]),
    ("wire", &["text", "ids", "time"]),
    ("session", &["wire", "text", "ids", "time"]),
    ("filter", &["session", "wire", "text", "ids"]),
    ("route", &["session", "wire", "text", "ids", "time"]),
    ("sim", &["route", "session", "wire", "text", "ids", "time"]),
    ("diagnose", &["route", "session", "wire", "text", "ids", "time"]),
    ("doctor", &["diagnose", "config", "session", "text", "ids"]),
    ("measure", &["doctor", "diagnose", "config", "session", "text", "ids"]),
    ("state", &["diagnose", "route", "session", "wire", "text", "lock", "ids", "time"]),
    ("observe", &["filter", "diagnose", "state", "config", "route", "session", "wire", "text", "lock", "ids", "time"]),
    ("control", &["session", "lock", "ids"]),
    (
        "proxy",
        &[
            "control", "observe", "diagnose", "state", "config", "route", "session", "wire", "text", "lock", "ids",
            "time",
        ],
    ),
    ("api", &["filter", "config"]),
    ("history", &["api", "observe", "state", "diagnose", "config", "session", "text", "lock", "ids", "time"]),
    ("report", &["api", "text"]),
    ("top", &["api", "filter", "session", "ids", "text"]),
    ("otlp", &["history", "api", "observe", "state", "diagnose", "config", "session", "text", "ids", "time"]),
    (
        "admin",
        &[
            "api", "history", "control", "observe", "filter", "diagnose", "state", "config", "route", "session",
            "wire", "text", "lock", "ids", "time",
        ],
    ),
    (
        "bounds",
        &["proxy", "admin", "otlp", "history", "control", "observe", "filter", "diagnose", "state", "route", "session"],
    ),
    (
        "cli",
        &[
            "proxy", "admin", "otlp", "history", "report", "top", "api", "control", "observe", "measure", "doctor",
            "sim", "filter", "diagnose", "config", "route", "session", "wire", "text", "lock", "ids", "time",
        ],
    ),
];

/// Layers that take bytes and a timestamp and give back facts, nothing else.
const PURE: [&str; 12] =
    ["ids", "time", "text", "wire", "session", "filter", "route", "sim", "diagnose", "doctor", "report", "top"];

/// What a pure layer must not mention.
const IMPURE: [&str; 16] = [
    "tokio",
    "TcpStream",
    "TcpListener",
    "TcpSocket",
    "UdpSocket",
    "UnixStream",
    "socket2",
    "Instant::now",
    "SystemTime",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "metrics::",
    "tracing::",
    "println!",
];

/// What only some layers may mention: the word, and the layers.
const RESERVED: [(&str, &[&str]); 8] = [
    ("anyhow", &["cli", "main"]),
    ("clap", &["cli", "config", "main"]),
    ("axum", &["admin"]),
    ("rusqlite", &["history"]),
    ("ureq", &["cli", "otlp"]),
    ("TcpListener", &["proxy", "admin", "cli"]),
    ("TcpStream", &["proxy", "admin", "measure", "cli"]),
    ("println!", &["cli", "main"]),
];

/// Endings that say nothing about a thing.
const EMPTY_NAMES: [&str; 10] =
    ["Manager", "Handler", "Context", "Util", "Helper", "Common", "Data", "Info", "Processor", "Service"];

/// Lines of a file without its tests.
const LONGEST_FILE: usize = 420;

/// One source file without its test code and comments.
struct Source {
    name: String,
    layer: String,
    lines: Vec<(usize, String)>,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let first = name.split('/').next().unwrap_or_default();
        Self { name: name.to_owned(), layer: first.trim_end_matches(".rs").to_owned(), lines: code_lines(text) }
    }

    /// Everything that breaks a rule.
    fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut report = |line: usize, what: String| found.push(format!("src/{}:{line}: {what}", self.name));
        if self.lines.len() > LONGEST_FILE {
            report(1, format!("{} lines of code: at most {LONGEST_FILE}", self.lines.len()));
        }
        for (number, line) in &self.lines {
            for target in uses(line) {
                if !self.may_use(target) {
                    report(*number, format!("{} must not use {target}", self.layer));
                }
            }
            for word in IMPURE.iter().filter(|word| PURE.contains(&self.layer.as_str()) && line.contains(**word)) {
                report(*number, format!("{} is pure and must not mention {word}", self.layer));
            }
            for (word, layers) in RESERVED {
                if line.contains(word) && !layers.contains(&self.layer.as_str()) {
                    report(*number, format!("{word} belongs to {}", layers.join(", ")));
                }
            }
            if line.contains("crate::{") || line.contains("super::super::") {
                report(*number, "imports name their layer right behind crate::, one layer a line".to_owned());
            }
            if line.contains("allow(dead_code)") || line.contains("allow(unused") {
                report(*number, "code that nothing uses is removed, not excused".to_owned());
            }
            if let Some(name) = declared(line).filter(|name| EMPTY_NAMES.iter().any(|empty| name.ends_with(empty))) {
                report(*number, format!("{name} does not say what it is"));
            }
        }
        found
    }

    fn may_use(&self, target: &str) -> bool {
        if ["main", "lib"].contains(&self.layer.as_str()) || target == self.layer {
            return true;
        }
        let is_layer = LAYERS.iter().any(|(name, _)| *name == target);
        !is_layer || LAYERS.iter().any(|(name, below)| *name == self.layer && below.contains(&target))
    }
}

/// The code lines with their numbers, from 1.
fn code_lines(text: &str) -> Vec<(usize, String)> {
    let lines = code_lines::lines_without_tests(text).into_iter();
    lines.filter(|(_, line)| code_lines::is_code(line)).map(|(number, line)| (number, line.to_owned())).collect()
}

/// The layers named on a line by `crate::…` or `zoogate::…`.
fn uses(line: &str) -> impl Iterator<Item = &str> {
    let after = |prefix: &'static str| line.split(prefix).skip(1);
    after("crate::").chain(after("zoogate::")).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// The name of the type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words =
        line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty());
    words.find(|word| ["struct", "enum", "trait"].contains(word))?;
    words.next()
}

fn every_source() -> Vec<Source> {
    sources::all().iter().map(|(name, text)| Source::new(name, text)).collect()
}

#[test]
fn the_sources_keep_the_rules() {
    let found: Vec<String> = every_source().iter().flat_map(Source::violations).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_source_belongs_to_a_layer() {
    let layers: Vec<_> = LAYERS.iter().map(|(name, _)| *name).chain(["main", "lib"]).collect();
    let found = every_source();
    assert!(found.len() > 20);
    for source in found {
        assert!(layers.contains(&source.layer.as_str()), "src/{}: not in a layer", source.name);
    }
}

#[test]
fn the_arrows_make_no_circle() {
    for (place, (name, below)) in LAYERS.iter().enumerate() {
        for target in *below {
            assert!(LAYERS[..place].iter().any(|(lower, _)| lower == target), "{name} points up to {target}");
        }
    }
}

/// The rules find what they are for.
#[test]
fn a_breach_is_found() {
    let breach = |name: &str, text: &str| Source::new(name, text).violations();
    assert_eq!(breach("wire/a.rs", "use crate::session::Ledger;"), ["src/wire/a.rs:1: wire must not use session"]);
    assert_eq!(breach("session/a.rs", "use crate::wire::A;\nuse crate::proxy::B;").len(), 1);
    assert_eq!(breach("route/a.rs", "fn f() {\n    let now = Instant::now();\n}").len(), 1);
    assert_eq!(breach("wire/a.rs", "use crate::{admin::X, cli::Y};").len(), 1);
    assert_eq!(breach("wire/a.rs", "use super::super::admin::X;").len(), 1);
    assert_eq!(breach("observe/a.rs", "use tokio::net::TcpStream;").len(), 1);
    assert_eq!(
        breach("session/a.rs", "pub struct SessionManager {"),
        ["src/session/a.rs:1: SessionManager does not say what it is"]
    );
    assert_eq!(breach("proxy/a.rs", &"x();\n".repeat(LONGEST_FILE + 1)).len(), 1);
    assert_eq!(breach("ids.rs", "#[allow(dead_code)]").len(), 1);
    let exempt = "// use crate::proxy::A;\n#[cfg(test)]\nmod tests {\n    use tokio::net;\n}\nfn f() {}";
    assert!(breach("wire/a.rs", exempt).is_empty());
    assert_eq!(breach("wire/a.rs", &format!("{exempt}\nuse crate::proxy::A;")).len(), 1);
}
