//! The program under test, as a process of its own.

use std::fs;
use std::io::{PipeReader, PipeWriter, pipe};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zoogate::bounds::{RESIDENT_BASE, RESIDENT_PER_SESSION};

use super::ports;
use super::wait::{until, within};

/// A running zoogate; it is killed when this is dropped.
pub(crate) struct Zoogate {
    child: Child,
    log: NamedTempFile,
    admin: SocketAddr,
}

/// What it is started with.
pub(crate) struct Plan {
    arguments: Vec<String>,
    descriptors: Option<u32>,
    hosts: Option<PathBuf>,
    small_disk: Option<PathBuf>,
    variables: Vec<(&'static str, String)>,
    log: Option<PipeWriter>,
    admin: SocketAddr,
}

impl Plan {
    /// In front of these servers.
    pub(crate) fn before(servers: &[SocketAddr]) -> Self {
        let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
        Self::before_names(&names.join(","))
    }

    /// In front of servers with names.
    pub(crate) fn before_names(servers: &str) -> Self {
        let admin = ports::free();
        let arguments = ["run", "--servers", servers, "--log-level", "debug"].map(str::to_owned).to_vec();
        // Servers of the tests count their connections: one that is asked for details says so.
        let variables = vec![("ZOOGATE_PROBE_DETAILS", "false".to_owned())];
        Self { arguments, descriptors: None, hosts: None, small_disk: None, variables, log: None, admin }
            .with("--admin", &admin.to_string())
    }

    /// With a pooled address.
    pub(crate) fn pooled(self, address: SocketAddr) -> Self {
        self.with("--listen", &address.to_string())
    }

    /// With an address of one server's own.
    pub(crate) fn mirror(self, address: SocketAddr, server: SocketAddr) -> Self {
        self.with("--listen", &format!("{address}={server}"))
    }

    /// With an option.
    pub(crate) fn with(mut self, option: &str, value: &str) -> Self {
        self.arguments.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// With this many descriptors at most.
    pub(crate) fn descriptors(mut self, most: u32) -> Self {
        self.descriptors = Some(most);
        self
    }

    /// With a file of names in the place of the system's, in a mount namespace of its own.
    pub(crate) fn hosts(mut self, file: &Path) -> Self {
        self.hosts = Some(file.to_path_buf());
        self
    }

    /// With a disk of one MiB at this folder, in a mount namespace of its own; others find it by
    /// [`Zoogate::own_path`].
    pub(crate) fn small_disk(mut self, folder: &Path) -> Self {
        self.small_disk = Some(folder.to_path_buf());
        self
    }

    /// With a variable in its environment.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// With a log that goes through a pipe, which is read by whoever asked for it, or not at all.
    pub(crate) fn log_to_pipe(mut self) -> (Self, PipeReader) {
        let (reader, writer) = pipe().expect("a pipe");
        self.log = Some(writer);
        (self, reader)
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(mut self) -> Zoogate {
        let log = NamedTempFile::new().expect("a file for the log");
        let piped = self.log.take();
        let by_log = piped.is_none();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(most) = self.descriptors {
            command.args(["prlimit", &format!("--nofile={most}:{most}")]);
        }
        if let Some(hosts) = &self.hosts {
            let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
            command.args(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(hosts);
        }
        if let Some(folder) = &self.small_disk {
            let script = "mount -t tmpfs -o size=1m,mode=700 none \"$0\" && exec \"$@\"";
            command.args(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(folder);
        }
        let child = command
            .arg(env!("CARGO_BIN_EXE_zoogate"))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .envs(self.variables)
            .stderr(piped.map_or_else(|| log.reopen().expect("the file for the log again").into(), Stdio::from))
            .spawn()
            .expect("start zoogate through setpriv, prlimit and unshare (util-linux)");
        let mut zoogate = Zoogate { child, log, admin: self.admin };
        if by_log {
            zoogate.logs("ready").await;
        } else {
            until("zoogate to be ready", async || (zoogate.status("/readyz").await == Some(200)).then_some(())).await;
        }
        zoogate
    }
}

impl Zoogate {
    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Where a path of its own mount namespace is found from here.
    pub(crate) fn own_path(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").expect("a whole path");
        PathBuf::from(format!("/proc/{}/root", self.child.id())).join(inside)
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).expect("a process to signal");
    }

    /// Sends it any signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a process to signal");
    }

    /// Stops it where it stands; no thread of it runs any more.
    pub(crate) fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).expect("a process to signal");
        waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("a process to stop");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).expect("a process to signal");
    }

    /// How it ended, once it has.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("zoogate to end", async || self.child.try_wait().expect("the state of a child")).await
    }

    /// Everything that it has written.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).expect("the log")
    }

    /// Waits until it has written this.
    pub(crate) async fn logs(&mut self, what: &str) {
        until(what, async || {
            let ended = self.child.try_wait().expect("the state of a child");
            let log = self.log();
            assert!(ended.is_none(), "zoogate has ended ({:?}):\n{log}", ended.map(ExitStatus::into_raw));
            log.contains(what).then_some(())
        })
        .await;
    }

    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the state of a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// Fails when it takes more memory than the README says, with this many sessions.
    pub(crate) fn expect_within_bounds(&self, sessions: u64) {
        let bound = (RESIDENT_BASE as u64 + RESIDENT_PER_SESSION as u64 * sessions) / 1024;
        let resident = self.resident();
        assert!(resident < bound, "{resident} KiB resident with {sessions} sessions; {bound} are allowed");
    }

    /// Descriptors that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("its descriptors").count()
    }

    /// Asks its admin address.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.admin).await.ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.admin);
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }

    /// Ends a connection as an operator does; the status of the answer, and its body.
    pub(crate) async fn disconnect(&self, connection: u64) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.admin).await.expect("an admin address");
        let request = format!(
            "POST /api/connections/{connection}/disconnect HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\n\r\n{{}}",
            self.admin
        );
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        within("an answer", stream.read_to_string(&mut answer)).await.expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body}")))
    }

    /// Its admin address.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The status with which its admin address answers.
    pub(crate) async fn status(&self, path: &str) -> Option<u16> {
        self.get(path).await?.split(' ').nth(1)?.parse().ok()
    }

    /// What its API says.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = within("an answer", self.get(path)).await.expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error} in {body}"))
    }

    /// Its threads.
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads").count()
    }

    /// How often it has written this.
    pub(crate) fn lines_with(&self, what: &str) -> usize {
        self.log().lines().filter(|line| line.contains(what)).count()
    }

    /// The sum of a metric's series that have all these labels, written as in the exposition (`reason="left"`).
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let page = within("metrics", until("metrics", async || self.get("/metrics").await)).await;
        let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let series = page.lines().filter(of_name).filter(|line| labels.iter().all(|label| line.contains(label)));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    }

    /// Waits until a metric has reached a value.
    pub(crate) async fn counts(&self, name: &str, labels: &[&str], least: u64) {
        until(name, async || (self.metric(name, labels).await >= least).then_some(())).await;
    }
}

impl Drop for Zoogate {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("zoogate's last lines:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}
