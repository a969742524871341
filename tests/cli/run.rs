//! `zoogate run` from start to stop, as the one who starts it sees it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::{stderr, stdout, zoogate};

/// A zoogate that runs until it is dropped, and what it logs.
pub(crate) struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Running {
    /// Starts it on ports that the kernel chooses, with its log in JSON.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_zoogate"))
            .args(["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        Self { child, log }
    }

    /// The next event whose message begins like this. Ends with the log, so that it cannot wait for ever on a
    /// process that is gone.
    pub(crate) fn event(&mut self, message: &str) -> serde_json::Value {
        for line in self.log.by_ref().map_while(Result::ok) {
            let event: serde_json::Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if event["message"].as_str().is_some_and(|found| found.starts_with(message)) {
                return event;
            }
        }
        panic!("the log ended without {message:?}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running child");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that refuses: nobody listens on port 1.
pub(crate) const SILENT: &str = "127.0.0.1:1";

#[test]
fn it_ends_in_order_on_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = Running::start(&["--servers", SILENT, "--workers", "1"]);
        running.event("ready");
        running.signal(signal);
        running.event("stopping");
        assert_eq!(running.child.wait().unwrap().code(), Some(0));
    }
}

/// The start lasts as long as its file is written.
#[test]
fn signals_of_others_do_not_end_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("z.toml").to_string_lossy().into_owned();
    mkfifoat(CWD, path.as_str(), Mode::RUSR | Mode::WUSR).unwrap();
    let mut running = Running::start(&[path.as_str()]);
    let write_only = File::options().write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).clone();
    // A pipe opens when its reader has come, which never does where the start has failed.
    let mut file = loop {
        match write_only.open(&path) {
            Ok(file) => break file,
            Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::NXIO.raw_os_error())),
        }
        assert_eq!(running.child.try_wait().unwrap(), None);
        thread::sleep(Duration::from_millis(5));
    };
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2] {
        running.signal(signal);
    }
    file.write_all(format!("servers = \"{SILENT}\"\nworkers = 1\n").as_bytes()).unwrap();
    drop(file);
    running.event("ready");
    running.signal(Signal::HUP);
    running.event("there is no reload yet");
    running.signal(Signal::TERM);
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

/// All clients were ended in order: who asks again takes nothing from that.
#[test]
fn a_signal_behind_the_traffic_ends_it_in_order_too() {
    // Connections to it are made, and nothing is answered.
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let mut running = Running::start(&["--servers", SILENT, "--workers", "1", "--otlp-endpoint", &endpoint]);
    let admin = running.event("serving metrics and the API")["address"].as_str().unwrap_or_default().to_owned();
    running.event("ready");
    running.signal(Signal::TERM);
    // The admin address is given back when the traffic has ended, before the collector is waited for. Where another
    // test takes it, or this one comes late, zoogate ends without a second signal.
    while running.child.try_wait().unwrap().is_none() {
        if TcpStream::connect(&admin).is_err() {
            running.signal(Signal::TERM);
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_chroot_is_told_once() {
    let mut running = Running::start(&["--servers", &format!("{SILENT}/kafka")]);
    let event = running.event("the chroot is ignored");
    assert_eq!((event["chroot"].as_str(), event["level"].as_str()), (Some("/kafka"), Some("INFO")));
    running.event("ready");
}

#[test]
fn a_running_one_answers_every_question() {
    let mut running = Running::start(&["--servers", SILENT, "--workers", "1"]);
    let admin = running.event("serving metrics and the API")["address"].as_str().unwrap_or_default().to_owned();
    running.event("ready");
    let ask = |arguments: &[&str]| zoogate(&[arguments, &["--admin", &admin]].concat(), &[]);
    for list in ["sessions", "moves", "session-moved", "connections"] {
        assert_eq!(
            (stdout(&ask(&[list])).as_str(), ask(&[list, "--json"]).status.code()),
            ("none\n", Some(0)),
            "{list}"
        );
    }
    assert!(stdout(&ask(&["servers"])).contains("127.0.0.1:1  refusing  "), "{}", stdout(&ask(&["servers"])));
    let filtered = ask(&["servers", "--server", "127.0.0.1:1", "--state", "serving", "--limit", "5"]);
    assert_eq!(stdout(&filtered), "none\n");
    let unknown = ask(&["session", "0x5"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stdout(&unknown).starts_with("session 0x5 is not known: "), "{}", stdout(&unknown));
    let ready = ask(&["ready"]);
    assert_eq!(ready.status.code(), Some(1));
    assert!(stdout(&ready).starts_with("not ready: "), "{}", stdout(&ready));
    assert_eq!(stdout(&ask(&["log-level", "debug"])), "debug\n");
    assert_eq!(stdout(&ask(&["log-level"])), "debug\n");
    let wrong = ask(&["sessions", "--server", "zk9"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("there is no server zk9: the servers are 127.0.0.1:1"), "{}", stderr(&wrong));
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = zoogate(&["run", "--servers", "127.0.0.1:1", "--listen", &address, "--admin", "off"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains(&format!("zoogate: cannot listen on {address}: Address already in use")), "{told}");
}

#[test]
fn a_wrong_setting_stops_the_start() {
    let output = zoogate(&["run", "--servers", "127.0.0.1:1"], &[("ZOOGATE_LISTEN", "localhost:1")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("zoogate: variable ZOOGATE_LISTEN: listen: \"localhost:1\" is not an address"));
}
