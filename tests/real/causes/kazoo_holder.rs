//! A real client, kazoo, in a process of its own, so that it can be frozen and killed.

use tempfile::TempDir;

use crate::clients::peers;
use crate::support::child::{Process, Signal};
use crate::support::wait::{self, PATIENCE};

/// A running process that holds a session, with an ephemeral node that it writes to and watches.
#[derive(Debug)]
pub(super) struct KazooHolder {
    process: Process,
    session: String,
    path: String,
    _folder: TempDir,
}

impl KazooHolder {
    /// Starts it and waits until it has its session.
    pub(super) fn start(servers: &str, timeout_s: u32) -> Self {
        let folder = TempDir::with_prefix("zoogate-holder-").expect("create a folder for a client");
        let start = peers::kazoo_program("holding.py");
        let (name, value) = start.variable.expect("where its packages are");
        let mut arguments = vec![format!("{name}={value}"), start.program];
        arguments.extend(start.arguments);
        arguments.extend([servers.to_owned(), timeout_s.to_string()]);
        let process = Process::start("env", &arguments, &folder.path().join("log"));
        let line = wait::until_or(
            "a client to hold its session",
            PATIENCE,
            || process.log_text().lines().find_map(|line| line.strip_prefix("holds ").map(String::from)),
            || process.log_tail(),
        );
        let (session, path) = line.split_once(' ').expect("a session and a path");
        Self { session: session.into(), path: path.into(), process, _folder: folder }
    }

    /// The id of the session that it has first.
    pub(super) fn session(&self) -> String {
        self.session.clone()
    }

    /// The node that it watches.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Freezes it.
    pub(super) fn freeze(&self) {
        self.process.signal(Signal::Stop);
        self.process.wait_stopped();
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) {
        self.process.signal(Signal::Cont);
    }

    /// Kills it.
    pub(super) fn kill9(&mut self) {
        self.process.kill();
    }
}
