//! One run of a client program: what it printed, with its cable cut when it asks for that.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use tempfile::NamedTempFile;

use super::cutter::Cutter;
use super::peers::Start;
use crate::support::wait::PATIENCE;

/// What a program prints when it wants its connections cut.
const CUT: &str = "#cut";

/// A child that ends with the run, whatever comes of it.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program against these addresses and gives its lines, with the root of its nodes left out.
pub(crate) fn record(start: &Start, addresses: &[SocketAddr], root: &str) -> Vec<String> {
    record_with(start, addresses, root, || {})
}

/// The same; where its cable is cut, more is done just before that.
pub(crate) fn record_with(start: &Start, addresses: &[SocketAddr], root: &str, at_cut: impl Fn()) -> Vec<String> {
    let cables: Vec<Cutter> = addresses.iter().map(|address| Cutter::to(*address)).collect();
    let servers: Vec<String> = cables.iter().map(|cable| cable.address().to_string()).collect();
    let errors = NamedTempFile::new().expect("create a file for what a client complains of");
    let mut run = launch(start, &servers.join(","), root, errors.reopen().expect("open a file again"));
    let output = run.0.stdout.take().expect("the output is a pipe");
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut said = Vec::new();
    loop {
        match lines.recv_timeout(2 * PATIENCE) {
            Ok(line) if line == CUT => {
                at_cut();
                cables.iter().for_each(Cutter::cut);
            }
            Ok(line) => said.push(line.replace(root, "")),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs after {said:#?}"),
        }
    }
    let ended = run.0.wait().expect("wait for a client program");
    let complaints = std::fs::read_to_string(errors.path()).unwrap_or_default();
    assert!(ended.success(), "it ended with {ended} after {said:#?}\n{complaints}");
    said
}

fn launch(start: &Start, servers: &str, root: &str, errors: File) -> Run {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", &start.program]).args(&start.arguments).args([servers, root]);
    if let Some((name, value)) = &start.variable {
        command.env(name, value);
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
    Run(child.unwrap_or_else(|error| panic!("cannot run {} through setpriv (util-linux): {error}", start.program)))
}
