//! What a session costs that comes, reads once and goes: the whole program's part in it.
//!
//! Two runs are compared that differ in the number of their sessions and in nothing else: what the program does at its
//! start is not counted, and both last equally long, so that what time drives (ticks, signs of life) is the same.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use zoogate::wire::{JuteWriter, OpCode};

use crate::valgrind::{Tool, has_valgrind};
use crate::{fake, ports};

/// Sessions of the two runs that are compared, and those before them that nobody counts.
const FEW: u64 = 100;
const MANY: u64 = 900;
const BEFORE: u64 = 50;
/// Allocations for one session: a task and what its handshake needs, two sockets, the ledger's record, meters, what
/// waits for replies.
const ALLOCATIONS: u64 = 18;
/// Instructions for one session that its client closes, and for one whose client just goes away, so that a cause is
/// looked for. How often the program wakes up for a session is the kernel's choice, and makes some percent.
const CLOSED: u64 = if cfg!(debug_assertions) { 88_000 } else { 50_000 };
const LEFT: u64 = if cfg!(debug_assertions) { 85_000 } else { 52_000 };
/// When a client comes again that is turned away.
const RETURNS_AFTER: Duration = Duration::from_millis(100);
/// Measurements until one is within its bound: what comes in between makes a figure larger and never smaller.
const ATTEMPTS: usize = 3;
/// Long enough for anything that a loaded machine does in the end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Held by the one that measures.
static ALONE: Mutex<()> = Mutex::new(());

/// How a session ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Farewell {
    /// Its client closes it.
    Closed,
    /// Its client ends the connection.
    Left,
}

#[test]
fn a_session_takes_few_allocations() {
    expect(Tool::Allocations, Farewell::Closed, ALLOCATIONS);
}

#[test]
fn a_session_takes_few_instructions() {
    expect(Tool::Instructions, Farewell::Closed, CLOSED);
    expect(Tool::Instructions, Farewell::Left, LEFT);
}

fn expect(tool: Tool, farewell: Farewell, bound: u64) {
    if !has_valgrind() {
        return;
    }
    // Two programs under valgrind would take time and ports from each other.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut least = u64::MAX;
    for _ in 0..ATTEMPTS {
        let (many, lasted) = of_run(tool, farewell, MANY, Duration::ZERO);
        let (few, _) = of_run(tool, farewell, FEW, lasted);
        let each = many.saturating_sub(few) / (MANY - FEW);
        println!("{tool:?}: {each} for each session ({farewell:?}), bound {bound}");
        assert!(each > 0, "nothing was counted");
        least = least.min(each);
        if least <= bound {
            return;
        }
    }
    panic!("a session takes {least} {tool:?} ({farewell:?}), more than {bound}");
}

/// What a whole run takes with this many sessions, one after the other, and how long they lasted: `least` or longer.
fn of_run(tool: Tool, farewell: Farewell, sessions: u64, least: Duration) -> (u64, Duration) {
    let [server, listener, admin] = [(); 3].map(|()| ports::loopback(ports::free()));
    fake::start(server);
    let counts = tempfile::NamedTempFile::new().expect("a file for the counts");
    let mut command = tool.command(counts.path(), Path::new(env!("CARGO_BIN_EXE_zoogate")));
    command.args(["run", "--servers", &server.to_string(), "--listen", &listener.to_string(), "--workers", "1"]);
    command.args(["--admin", &admin.to_string(), "--log-level", "error", "--busy-poll=false"]);
    command.args(["--probe-interval", "1h"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut program = Running(Some(child.expect("run valgrind")));
    let began = Instant::now();
    while TcpStream::connect(listener).is_err() {
        assert!(began.elapsed() < PATIENCE, "zoogate does not listen");
        sleep(Duration::from_millis(50));
    }
    (0..BEFORE).for_each(|_| come_and_go(listener, farewell));
    tool.begin(program.id());
    let began = Instant::now();
    (0..sessions).for_each(|_| come_and_go(listener, farewell));
    sleep(least.saturating_sub(began.elapsed()));
    let lasted = began.elapsed();
    let output = program.stop();
    (tool.count(&output, counts.path()), lasted)
}

/// A session, from its first byte until zoogate has seen both of its ends.
fn come_and_go(listener: SocketAddr, farewell: Farewell) {
    // A program that gets no processor for a second turns its client away, which comes again.
    let began = Instant::now();
    while live(listener, farewell).is_err() {
        assert!(began.elapsed() < PATIENCE, "zoogate gives no session");
        sleep(RETURNS_AFTER);
    }
}

fn live(listener: SocketAddr, farewell: Farewell) -> io::Result<()> {
    let mut stream = TcpStream::connect(listener)?;
    stream.set_nodelay(true)?;
    let hello = JuteWriter::new().begin().int(0).long(0).int(18_000).long(0).buffer(&[0; 16]).bool(false).end();
    let read = JuteWriter::new().request(1, OpCode::GET_DATA).buffer(b"/a").bool(false).end();
    let close = JuteWriter::new().request(2, OpCode::CLOSE_SESSION).end();
    let closes = farewell == Farewell::Closed;
    for frame in [hello, read].into_iter().chain(closes.then_some(close)) {
        stream.write_all(&frame.into_bytes())?;
        fake::read_frame(&mut stream)?;
    }
    if !closes {
        stream.shutdown(Shutdown::Write)?;
    }
    assert_eq!(stream.read(&mut [0])?, 0, "an end in order");
    Ok(())
}

/// A program that does not outlive its test.
struct Running(Option<Child>);

impl Running {
    fn id(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }

    /// Ends it in order.
    fn stop(&mut self) -> std::process::Output {
        let child = self.0.take().expect("a program that runs");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("a process to signal");
        child.wait_with_output().expect("its output")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
