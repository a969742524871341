//! The program on a pseudo-terminal, as a terminal shows it.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::num::NonZeroU16;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::super::admin_stub;
use super::answers::{HARMLESS, HARMLESS_BEGINNING, json_of};

/// How long a screen is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many lines, or letters.
fn lines(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("some")
}

/// The program with its terminal.
struct TopTerminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// The terminal's settings before the program was started.
    settings: String,
}

impl TopTerminal {
    fn start(admin: &str, folder: &std::path::Path, variables: &[(&str, &str)]) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 })
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_zoogate"));
        command.args(["top", "--admin", admin, "--interval", "200ms"]);
        command.cwd(folder);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        for (name, value) in variables {
            command.env(name, value);
        }
        let settings = format!("{:?}", pair.master.get_termios());
        let child = pair.slave.spawn_command(command).expect("the binary starts");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(lines(24), lines(80), 0)));
        let (mut reader, shown) = (pair.master.try_clone_reader().expect("a reader"), Arc::clone(&screen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                shown.lock().expect("no panic").process(&bytes[..read]);
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        // The slave end stays open: what it was set to is looked at after the program's end.
        std::mem::forget(pair.slave);
        Self { child, master: pair.master, keys, screen, settings }
    }

    fn text(&self) -> String {
        self.screen.lock().expect("no panic").screen().contents()
    }

    fn is_alternate(&self) -> bool {
        self.screen.lock().expect("no panic").screen().alternate_screen()
    }

    /// Waits until the screen shows something.
    fn wait(&self, what: &str) {
        self.wait_for(what, |text| text.contains(what));
    }

    fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_there(&self.text()) {
            assert!(Instant::now() < deadline, "{what:?} did not come:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a terminal that takes keys");
        self.keys.flush().expect("a terminal that takes keys");
    }

    /// Waits for the end of the program, after which the terminal is as it was.
    fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("a child") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "it goes on:\n{}", self.text()),
            }
            thread::sleep(Duration::from_millis(20));
        };
        self.wait_for("the shell's screen", |_| !self.is_alternate());
        assert_eq!(format!("{:?}", self.master.get_termios()), self.settings);
        assert!(!self.screen.lock().expect("no panic").screen().hide_cursor());
        (status, self.text())
    }
}

#[test]
fn keys_do_what_the_help_says() {
    let stub = admin_stub::open_at("127.0.0.1:0", "200 OK", json_of);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut top = TopTerminal::start(&stub.address, folder.path(), &[]);
    top.wait("zk3.example.org");
    assert!(top.is_alternate());
    top.press("2");
    top.wait(HARMLESS_BEGINNING);
    top.press("?");
    top.wait("all marks away");
    top.press("\u{1b}");
    top.wait_for("no help", |text| !text.contains("all marks away"));
    top.press("/identity=broker\r");
    top.wait("filter: identity=broker");
    let deadline = Instant::now() + PATIENCE;
    while !stub.asked.try_iter().any(|line| line.contains("/api/sessions?filter=identity%3Dbroker&limit=10000 ")) {
        assert!(Instant::now() < deadline, "the filter was not asked for");
        thread::sleep(Duration::from_millis(20));
    }
    top.press("p");
    top.wait(&format!("zoogate sessions --admin {}", stub.address));
    top.press("\u{1b}");
    top.wait_for("no command", |text| !text.contains("zoogate sessions --admin"));
    top.press("\u{1b}[B\r");
    top.wait("session 0x10000000072000");
    top.wait("protocol version");
    top.press("\u{1b}");
    top.wait("by OPS/S");
    top.press("7");
    top.wait("path_to_server");
    top.press("\r");
    top.wait(&format!("[1] probe: no answer of {HARMLESS}"));
    top.press("\u{1b}");
    top.wait("WHAT HAPPENED");
    top.press("e");
    top.wait("2 rows written to");
    let written: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").map_while(Result::ok).collect();
    assert_eq!(written.len(), 1);
    let table = std::fs::read_to_string(written[0].path()).expect("a file");
    assert!(table.starts_with("incident,at,lasted,cause,") && table.lines().count() == 3, "{table}");
    top.press("q");
    let (status, left) = top.end();
    assert!(status.success());
    assert!(left.contains("[7 incidents]") && left.contains("path_to_server"), "the last screen stays:\n{left}");
}

#[test]
fn a_terminal_may_change_its_size_and_have_no_colours() {
    let stub = admin_stub::open_at("127.0.0.1:0", "200 OK", json_of);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut top = TopTerminal::start(&stub.address, folder.path(), &[("NO_COLOR", "1")]);
    top.wait("zk3.example.org");
    top.screen.lock().expect("no panic").screen_mut().set_size(lines(12), lines(60));
    top.master.resize(PtySize { rows: 12, cols: 60, pixel_width: 0, pixel_height: 0 }).expect("a smaller terminal");
    top.wait_for("a last line at the new end", |text| text.lines().nth(11).is_some_and(|line| line.contains("q quit")));
    let parser = top.screen.lock().expect("no panic");
    let cells = (0..12).flat_map(|line| (0..60).map(move |column| (line, column)));
    for (line, column) in cells {
        let cell = parser.screen().cell(line, column).expect("a cell");
        assert_eq!((cell.fgcolor(), cell.bgcolor()), (vt100::Color::Default, vt100::Color::Default));
    }
    drop(parser);
    top.press("\u{3}");
    assert!(top.end().0.success());
}

/// A key that comes in the moment in which the terminal changes its size.
#[test]
fn a_key_beside_a_new_size_is_heard() {
    let stub = admin_stub::open_at("127.0.0.1:0", "200 OK", json_of);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut top = TopTerminal::start(&stub.address, folder.path(), &[]);
    top.wait("zk3.example.org");
    for round in 0..40 {
        // The second size comes while the first is drawn, and the key right behind it.
        for rows in [23, 24] {
            top.master.resize(PtySize { rows, cols: 80, pixel_width: 0, pixel_height: 0 }).expect("another size");
            thread::sleep(Duration::from_micros(if rows == 23 { 100 * round } else { 0 }));
        }
        top.press("?");
        top.wait("all marks away");
        top.press("\u{1b}");
        top.wait_for("no help", |text| !text.contains("all marks away"));
    }
    top.press("q");
    assert!(top.end().0.success());
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2] {
        let stub = admin_stub::open_at("127.0.0.1:0", "200 OK", json_of);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = TopTerminal::start(&stub.address, folder.path(), &[]);
        top.wait("zk3.example.org");
        let process = top.child.process_id().and_then(|id| Pid::from_raw(id as i32)).expect("a process");
        kill_process(process, signal).expect("a signal");
        let (status, left) = top.end();
        assert!(status.success(), "{signal:?}");
        assert!(left.contains("[1 servers]"), "{signal:?}: the last screen stays:\n{left}");
    }
}

#[test]
fn a_zoogate_that_comes_back_is_shown_again() {
    let address = {
        let stub = admin_stub::open_at("127.0.0.1:0", "200 OK", |_| String::new());
        drop(stub.asked);
        // The stub ends with the first request that nobody wants to hear of.
        drop(
            std::net::TcpStream::connect(&stub.address)
                .and_then(|mut stream| stream.write_all(b"GET / HTTP/1.1\r\n\r\n")),
        );
        stub.address
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut top = TopTerminal::start(&address, folder.path(), &[]);
    top.wait("NO ANSWER since");
    let deadline = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(&address).is_ok() {
        assert!(Instant::now() < deadline, "the stub stays");
        thread::sleep(Duration::from_millis(20));
    }
    let _stub = admin_stub::open_at(&address, "200 OK", json_of);
    top.wait("zk3.example.org");
    top.wait_for("no alarm", |text| !text.contains("NO ANSWER"));
    top.press("q");
    assert!(top.end().0.success());
}

/// A running zoogate with clients, until it is dropped.
struct BusyZoogate {
    process: std::process::Child,
    admin: String,
}

impl BusyZoogate {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_zoogate"))
            .args(["demo", "--keep"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let admin = lines.find_map(|line| Some(line.split_once("--admin ")?.1.split(',').next()?.to_owned()));
        Self { process, admin: admin.expect("the admin address is printed") }
    }
}

impl Drop for BusyZoogate {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_zoogate_with_traffic_is_shown_as_it_is() {
    let zoogate = BusyZoogate::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut top = TopTerminal::start(&zoogate.admin, folder.path(), &[]);
    top.wait("3/3 serve");
    top.press("2");
    let is_busy = |line: &str| {
        let numbers = line.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        line.contains("broker-1 ") && numbers.fold(0.0, f64::max) > 5.0
    };
    top.wait_for("operations of a broker", |text| text.lines().any(is_busy));
    // The filter goes to the zoogate as it was typed.
    top.press("/identity=broker-4\r");
    top.wait_for("one row", |text| text.contains("broker-4") && !text.contains("broker-1 ") && text.contains("1 row "));
    top.press("3");
    top.wait_for("the path of its work", |text| {
        let numbers =
            |line: &str| line.split_whitespace().filter_map(|word| word.parse::<f64>().ok()).fold(0.0, f64::max);
        text.lines().any(|line| line.contains("/topics/t1") && numbers(line) > 5.0)
    });
    top.wait("operations counted since");
    top.press("5");
    // The filter holds here too, and can be switched off.
    let does = |text: &str, who: &str| text.lines().any(|line| line.contains(who) && line.contains(" %"));
    top.wait_for("what it does", |text| does(text, "broker-4") && !does(text, "broker-1"));
    top.press("f");
    top.wait_for("who else does it", |text| does(text, "broker-4") && does(text, "broker-1"));
    top.press("f");
    top.press("6");
    top.wait_for("its move and its refusal", |text| text.contains(" moved ") && text.contains(" refused "));
    top.press("\r");
    top.wait("session 0x");
    top.wait("born on");
    top.press("\u{1b}[F");
    top.wait("write");
    // A field that sessions do not have is named, and the rest holds.
    top.press("2/ op=create\r");
    top.wait("not in this view: op=create");
    top.wait("1 row ");
    top.press("/\u{15}server=zk9\r");
    top.wait("there is no server zk9");
    top.press("q");
    assert!(top.end().0.success());
}
