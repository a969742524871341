//! The zoogate binary under test, in front of an ensemble.

use std::net::{SocketAddr, TcpStream};

use tempfile::TempDir;

use super::child::{Process, Signal};
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
    process: Process,
    _folder: TempDir,
}

impl Gate {
    /// Starts it with a pooled listener and one per server.
    pub(crate) fn start(ensemble: &Ensemble) -> Self {
        let folder = TempDir::with_prefix("zoogate-gate-").expect("create a folder for zoogate");
        let admin = ports::loopback(ports::free());
        let pooled = ports::loopback(ports::free());
        let servers = ensemble.addresses();
        let mirrors: Vec<SocketAddr> = servers.iter().map(|_| ports::loopback(ports::free())).collect();
        let mut arguments: Vec<String> = ["run", "--servers", &ensemble.connect_string()].map(String::from).to_vec();
        arguments.extend(["--listen".into(), pooled.to_string(), "--admin".into(), admin.to_string()]);
        for (mirror, server) in mirrors.iter().zip(servers) {
            arguments.extend(["--listen".into(), format!("{mirror}={server}")]);
        }
        let process = Process::start(env!("CARGO_BIN_EXE_zoogate"), &arguments, &folder.path().join("log"));
        let mut gate = Self { mirrors, pooled, process, _folder: folder };
        wait::until_true("zoogate to be ready", PATIENCE, || {
            let runs = gate.process.runs();
            assert!(runs, "zoogate ended:\n{}", gate.process.log_tail());
            TcpStream::connect(gate.pooled).is_ok()
        });
        gate
    }

    /// Asks it to end, which it must do by itself and with success.
    pub(crate) fn stop(mut self) {
        self.process.signal(Signal::Term);
        let status = self.process.wait_end(PATIENCE);
        assert!(status.success(), "zoogate ended with {status}:\n{}", self.process.log_tail());
    }

    /// The listener in front of all servers.
    pub(crate) fn pooled(&self) -> SocketAddr {
        self.pooled
    }

    /// A connect string of the listeners of single servers.
    pub(crate) fn mirror_string(&self) -> String {
        let all: Vec<String> = self.mirrors.iter().map(SocketAddr::to_string).collect();
        all.join(",")
    }

    /// Everything that it has logged.
    pub(crate) fn log_text(&self) -> String {
        self.process.log_text()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if self.process.runs() {
            self.process.signal(Signal::Term);
        }
    }
}
