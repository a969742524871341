//! One child process of a test: started, signalled by its own id, and ended with the test, frozen or not.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::wait;

/// What a test does to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ask it to end.
    Term,
    /// Freeze it; the kernel goes on accepting connections in its name.
    Stop,
    /// Let a frozen one go on.
    Cont,
    /// Tell it that its terminal is gone, which others use to have a configuration read again.
    HangUp,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
            Self::HangUp => "HUP",
        }
    }
}

/// A running child whose output goes to a file.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with both outputs appended to `log`.
    ///
    /// The kernel is asked to kill the child when the thread that started it ends, so that a test run that is itself
    /// killed leaves nothing behind: start a process on the thread that outlives its use.
    pub(crate) fn start(program: &str, arguments: &[String], log: &Path) -> Self {
        let output = OpenOptions::new().create(true).append(true).open(log).expect("open the log of a child process");
        let errors = output.try_clone().expect("share the log of a child process");
        let mut command = Command::new("setpriv");
        // What a test is told is not meant for the program.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ZOOGATE_")) {
            command.env_remove(name);
        }
        let child = command
            .args(["--pdeathsig", "KILL", program])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program} through setpriv (util-linux): {error}"));
        Self { child, log: log.to_path_buf() }
    }

    /// Sends a signal by process id.
    pub(crate) fn signal(&self, signal: Signal) {
        let command = format!("kill -{} {}", signal.name(), self.child.id());
        let ended = Command::new("sh").args(["-c", &command]).status().expect("run kill");
        assert!(ended.success(), "{command} failed");
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the state of a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        // An error here means that it has ended already, which is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for it to end by itself.
    pub(crate) fn wait_end(&mut self, patience: Duration) -> ExitStatus {
        let child = &mut self.child;
        wait::until("a child process to end", patience, || child.try_wait().expect("ask a child for its end"))
    }

    /// Whether it still runs, frozen or not.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("ask a child for its end").is_none()
    }

    /// Waits until every thread stands still: a signal to stop returns before the last of them does.
    pub(crate) fn wait_stopped(&self) {
        let tasks = format!("/proc/{}/task", self.child.id());
        let stands = |task: &Path| {
            let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        };
        wait::until_true("every thread to stand still", wait::PATIENCE, || {
            fs::read_dir(&tasks).is_ok_and(|tasks| tasks.flatten().all(|task| stands(&task.path())))
        });
    }

    /// Everything that it has written so far.
    pub(crate) fn log_text(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines that it has written, for a failing test to show.
    pub(crate) fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The Java runtime's arguments for a small, quickly started process.
pub(crate) fn small_java(heap_mib: u32, class_path: &str) -> Vec<String> {
    vec![
        format!("-Xmx{heap_mib}m"),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-XX:-UsePerfData".into(),
        "-cp".into(),
        class_path.into(),
    ]
}

/// Fails with one clear line where there is no Java.
pub(crate) fn require_java() {
    let found = Command::new("java").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(found.is_ok_and(|status| status.success()), "cannot run java (Debian package default-jre-headless)");
}
