//! The zoogate binary under test, in front of an ensemble, asked through its own API.

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::child::{Process, Signal};
use super::client::{Client, Credentials, Greeting};
use super::ensemble::Ensemble;
use super::wait::PATIENCE;
use super::{ports, wait};

/// A running zoogate.
#[derive(Debug)]
pub(crate) struct Gate {
    /// One listener per server, in the ensemble's order.
    mirrors: Vec<SocketAddr>,
    /// One listener in front of all.
    pooled: SocketAddr,
    admin: SocketAddr,
    process: Process,
    program: String,
    arguments: Vec<String>,
    folder: TempDir,
}

impl Gate {
    /// Starts it with a pooled listener and one per server.
    pub(crate) fn start(ensemble: &Ensemble) -> Self {
        Self::start_with(ensemble, &[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(ensemble: &Ensemble, further: &[&str]) -> Self {
        Self::before_with(&ensemble.addresses(), further)
    }

    /// The same in front of servers of any kind.
    pub(crate) fn before(servers: &[SocketAddr]) -> Self {
        Self::before_with(servers, &[])
    }

    fn before_with(servers: &[SocketAddr], further: &[&str]) -> Self {
        let folder = TempDir::with_prefix("zoogate-gate-").expect("create a folder for zoogate");
        let admin = ports::loopback(ports::free());
        let pooled = ports::loopback(ports::free());
        let names: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
        let mirrors: Vec<SocketAddr> = servers.iter().map(|_| ports::loopback(ports::free())).collect();
        let mut arguments: Vec<String> = ["run", "--servers", &names.join(",")].map(String::from).to_vec();
        arguments.extend(["--listen".into(), pooled.to_string(), "--admin".into(), admin.to_string()]);
        for (mirror, server) in mirrors.iter().zip(servers) {
            arguments.extend(["--listen".into(), format!("{mirror}={server}")]);
        }
        arguments.extend(further.iter().copied().map(String::from));
        // Another build of it, to compare with.
        let program = env::var("REAL_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_zoogate").into());
        let process = Process::start(&program, &arguments, &folder.path().join("log"));
        let mut gate = Self { mirrors, pooled, admin, process, program, arguments, folder };
        gate.wait_ready();
        gate
    }

    fn wait_ready(&mut self) {
        wait::until_true("zoogate to be ready", PATIENCE, || {
            let runs = self.process.runs();
            assert!(runs, "zoogate ended:\n{}", self.process.log_tail());
            self.ask("/readyz").is_some()
        });
    }

    /// The listener in front of server `index` alone.
    pub(crate) fn mirror(&self, index: usize) -> SocketAddr {
        self.mirrors[index]
    }

    /// Attaches to a session through the pooled listener; `None` while that leads nowhere.
    pub(crate) fn reattach(&self, session: &Credentials) -> Option<Client> {
        let link = Client::claim(self.pooled, session).ok()?;
        match Client::hear(link, session) {
            Greeting::Accepted(client) => Some(client),
            Greeting::Ended => None,
            Greeting::Refused => panic!("session {} was lost", session.id()),
        }
    }

    /// Asks it to end, which it must do by itself and with success.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    /// The same, and its log can still be read.
    pub(crate) fn end(&mut self) {
        self.process.signal(Signal::Term);
        let status = self.process.wait_end(PATIENCE);
        assert!(status.success(), "zoogate ended with {status}:\n{}", self.process.log_tail());
    }

    /// Ends it and starts it anew on the same addresses; all of the log that it has written before.
    pub(crate) fn restart(&mut self) -> String {
        self.end();
        let log = self.log_text();
        self.process = Process::start(&self.program, &self.arguments, &self.folder.path().join("log-anew"));
        self.wait_ready();
        log
    }

    /// The listener in front of all servers.
    pub(crate) fn pooled(&self) -> SocketAddr {
        self.pooled
    }

    /// Its admin address.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.process.resident_kib()
    }

    /// The sum of a metric's series that have all these labels, written as on the page.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = wait::until("the metrics", PATIENCE, || self.ask("/metrics"));
        let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let series = page.lines().filter(of_name).filter(|line| labels.iter().all(|label| line.contains(label)));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// A connect string of the listeners of single servers.
    pub(crate) fn mirror_string(&self) -> String {
        let all: Vec<String> = self.mirrors.iter().map(SocketAddr::to_string).collect();
        all.join(",")
    }

    /// What the API says at `path`; `None` for anything but success.
    pub(crate) fn ask(&self, path: &str) -> Option<String> {
        let mut response = ureq::get(format!("http://{}{path}", self.admin)).call().ok()?;
        response.body_mut().read_to_string().ok()
    }

    /// Ends the connections of a session as an operator does; how each of them ended.
    pub(crate) fn disconnect(&self, session: &Credentials) -> Vec<String> {
        let open = self.json(&format!("/api/connections?session={}", session.id()));
        let open = list(&open, "connections").iter().filter(|one| one["state"] != "ended").cloned();
        open.map(|one| {
            let url = format!("http://{}/api/connections/{}/disconnect", self.admin, one["connection"]);
            let request = ureq::post(url).content_type("application/json");
            let mut answer = request.send("{}").expect("an open connection");
            let answer = answer.body_mut().read_to_string().expect("an answer");
            text(&serde_json::from_str(&answer).expect("JSON"), "ended")
        })
        .collect()
    }

    /// The same as JSON.
    pub(crate) fn json(&self, path: &str) -> Value {
        let text = self.ask(path).unwrap_or_else(|| panic!("no answer from {path}\n{}", self.process.log_tail()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path} answered {text}: {error}"))
    }

    /// Every refusal that was flagged, of all sessions.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        list(&self.json("/api/session-moved"), "session_moved").iter().map(Flag::read).collect()
    }

    /// Every move, of all sessions: session, from, to.
    pub(crate) fn moves(&self) -> Vec<(String, String, String)> {
        let moves = self.json("/api/moves");
        list(&moves, "moves").iter().map(|one| (text(one, "session"), text(one, "from"), text(one, "to"))).collect()
    }

    /// What the last look at a server showed.
    pub(crate) fn state_of(&self, server: SocketAddr) -> String {
        let servers = self.json(&format!("/api/servers?server={server}"));
        text(&list(&servers, "servers")[0], "state")
    }

    /// Who holds the sessions that are on a server now.
    pub(crate) fn live_identities(&self) -> Vec<String> {
        self.live_sessions().iter().filter_map(|one| one["identity"].as_str()).map(String::from).collect()
    }

    /// The server that carries this session.
    pub(crate) fn home_of(&self, session: &Credentials) -> String {
        text(&self.json(&format!("/api/sessions/{}", session.id())), "server")
    }

    fn live_sessions(&self) -> Vec<Value> {
        let sessions = self.json("/api/sessions?limit=10000");
        list(&sessions, "sessions").iter().filter(|one| one["state"] == "attached").cloned().collect()
    }

    /// The reason of a connection's end, by its client's address; `None` while it lives or is not judged.
    pub(crate) fn end_of(&self, client: SocketAddr) -> Option<String> {
        let connections = self.json("/api/connections?limit=10000");
        let client = client.to_string();
        // A local port is used again at most when its connection has ended: the newest is meant.
        let mut found = list(&connections, "connections").iter().filter(|one| text(one, "client") == client);
        found.next()?["reason"].as_str().filter(|&reason| reason != "pending").map(String::from)
    }

    /// Waits for the final reason of each of these connections and compares.
    pub(crate) fn expect_ends(&self, expected: &[(SocketAddr, &str)]) {
        for (client, reason) in expected {
            let judged = || self.end_of(*client);
            let judged = wait::until_or("a connection's end to be judged", PATIENCE, judged, || self.tell());
            assert_eq!(judged, *reason, "end of {client}\n{}", self.tell());
        }
    }

    /// Waits until nothing is pending and as much was flagged as is expected, then compares all of it.
    ///
    /// Bytes are forwarded before they are looked at: who was told of a refusal may ask before zoogate has read it.
    pub(crate) fn expect_flags(&self, expected: &[Expected]) {
        let told = || Some(self.flags()).filter(|flags| flags.len() >= expected.len());
        wait::until_or("refusals to be flagged", PATIENCE, told, || self.tell());
        self.expect_all_judged();
        let mut flags = self.flags();
        for wanted in expected {
            let found = flags.iter().position(|flag| wanted.fits(flag));
            let found = found.unwrap_or_else(|| panic!("{wanted:?} is missing among {flags:#?}\n{}", self.tell()));
            flags.remove(found);
        }
        assert!(flags.is_empty(), "flagged too much: {flags:#?}");
    }

    /// Waits until there are as many moves as expected, then compares those of all sessions, in order.
    pub(crate) fn expect_moves(&self, expected: &[(Credentials, SocketAddr, SocketAddr)]) {
        let expected: Vec<_> =
            expected.iter().map(|(session, from, to)| (session.id(), from.to_string(), to.to_string())).collect();
        let moves = wait::until_or(
            "the moves to be told",
            PATIENCE,
            || Some(self.moves()).filter(|moves| moves.len() >= expected.len()),
            || self.tell(),
        );
        assert_eq!(moves, expected);
    }

    /// How many connections have ended for each reason.
    pub(crate) fn reasons(&self) -> BTreeMap<String, usize> {
        let connections = self.json("/api/connections?limit=10000");
        let mut seen = BTreeMap::new();
        for reason in list(&connections, "connections").iter().filter_map(|one| one["reason"].as_str()) {
            *seen.entry(reason.to_owned()).or_default() += 1;
        }
        seen
    }

    /// How connections have ended, in a line each.
    pub(crate) fn tell_ends(&self) -> Vec<String> {
        let connections = self.json("/api/connections?limit=10000");
        let tell = |one: &Value| format!("{} at {}: {} ({})", one["client"], one["server"], one["reason"], one["why"]);
        let ended = list(&connections, "connections").iter().filter(|one| one["reason"].is_string());
        ended.map(tell).collect()
    }

    /// How the connection of this client has ended.
    pub(crate) fn tell_end(&self, client: SocketAddr) -> Option<String> {
        let beginning = format!("\"{client}\" ");
        self.tell_ends().into_iter().find(|told| told.starts_with(&beginning))
    }

    /// Waits until nothing is pending.
    pub(crate) fn expect_all_judged(&self) {
        let judged = || (!self.reasons().contains_key("pending")).then_some(());
        wait::until_or("every end to be judged", PATIENCE, judged, || self.tell());
    }

    /// What a failing test shows: all connections, and the log's end.
    pub(crate) fn tell(&self) -> String {
        format!("{:#}\n{}", self.json("/api/connections?limit=10000"), self.process.log_tail())
    }

    /// Everything that it has logged.
    pub(crate) fn log_text(&self) -> String {
        self.process.log_text()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("zoogate's log ends with\n{}", self.process.log_tail());
        }
    }
}

/// One refusal as `/api/session-moved` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flag {
    pub(crate) session: String,
    pub(crate) server: String,
    pub(crate) evidence: String,
    pub(crate) confidence: String,
    pub(crate) why: Vec<String>,
}

impl Flag {
    fn read(element: &Value) -> Self {
        Self {
            session: text(element, "session"),
            server: text(element, "server"),
            evidence: text(element, "evidence"),
            confidence: text(element, "confidence"),
            why: list(element, "why").iter().filter_map(Value::as_str).map(String::from).collect(),
        }
    }
}

/// A refusal that must have been flagged.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) session: Credentials,
    pub(crate) server: SocketAddr,
    pub(crate) evidence: &'static str,
    pub(crate) confidence: &'static str,
}

impl Expected {
    fn fits(&self, flag: &Flag) -> bool {
        flag.session == self.session.id()
            && flag.server == self.server.to_string()
            && flag.evidence == self.evidence
            && flag.confidence == self.confidence
            && !flag.why.is_empty()
    }
}

fn text(element: &Value, field: &str) -> String {
    element[field].as_str().unwrap_or_else(|| panic!("no text {field} in {element}")).into()
}

fn list<'a>(element: &'a Value, field: &str) -> &'a [Value] {
    element[field].as_array().unwrap_or_else(|| panic!("no list {field} in {element}"))
}
