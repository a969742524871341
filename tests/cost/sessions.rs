//! What a session costs that comes, reads once and goes: the whole program's part in it.

use std::io::{Read, Write};
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

/// Sessions of the two runs that are compared.
const FEW: u64 = 50;
const MANY: u64 = 350;
/// Allocations for one session: a task and what its handshake needs, two sockets, the ledger's record, meters, what
/// waits for replies.
const ALLOCATIONS: u64 = 24;
/// Instructions for one session.
const INSTRUCTIONS: u64 = if cfg!(debug_assertions) { 120_000 } else { 52_000 };
/// Long enough for anything that a loaded machine does in the end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Held by the one that measures.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn a_session_takes_few_allocations() {
    expect(Tool::Allocations, ALLOCATIONS);
}

#[test]
fn a_session_takes_few_instructions() {
    expect(Tool::Instructions, INSTRUCTIONS);
}

fn expect(tool: Tool, bound: u64) {
    if !has_valgrind() {
        return;
    }
    // Two programs under valgrind would take time and ports from each other.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let each = of_run(tool, MANY).saturating_sub(of_run(tool, FEW)) / (MANY - FEW);
    println!("{tool:?}: {each} for each session, bound {bound}");
    assert!(each > 0, "nothing was counted");
    assert!(each <= bound, "a session takes {each} {tool:?}, more than {bound}");
}

/// What a whole run takes with this many sessions, one after the other.
fn of_run(tool: Tool, sessions: u64) -> u64 {
    let [server, listener, admin] = [(); 3].map(|()| ports::loopback(ports::free()));
    fake::start(server);
    let mut command = tool.command(Path::new(env!("CARGO_BIN_EXE_zoogate")));
    command.args(["run", "--servers", &server.to_string(), "--listen", &listener.to_string(), "--workers", "1"]);
    command.args(["--admin", &admin.to_string(), "--log-level", "error", "--busy-poll=false"]);
    // What goes on beside sessions is hardly more in the longer run.
    command.args(["--probe-interval", "1h"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut program = Running(Some(child.expect("run valgrind")));
    let began = Instant::now();
    while TcpStream::connect(listener).is_err() {
        assert!(began.elapsed() < PATIENCE, "zoogate does not listen");
        sleep(Duration::from_millis(50));
    }
    (0..sessions).for_each(|_| come_and_go(listener));
    let output = program.stop();
    tool.count(&output)
}

/// A session, from its first byte until zoogate has seen both of its ends.
fn come_and_go(listener: SocketAddr) {
    let mut stream = TcpStream::connect(listener).expect("zoogate accepts");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    let hello = JuteWriter::new().begin().int(0).long(0).int(18_000).long(0).buffer(&[0; 16]).bool(false).end();
    let read = JuteWriter::new().request(1, OpCode::GET_DATA).buffer(b"/a").bool(false).end();
    for frame in [hello, read] {
        stream.write_all(&frame.into_bytes()).expect("zoogate reads");
        fake::read_frame(&mut stream).expect("an answer");
    }
    stream.shutdown(Shutdown::Write).expect("an end");
    assert_eq!(stream.read(&mut [0]).expect("an end in order"), 0);
}

/// A program that does not outlive its test.
struct Running(Option<Child>);

impl Running {
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
