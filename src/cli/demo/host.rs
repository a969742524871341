//! The simulated ensemble behind real loopback sockets.
//!
//! One lock around the whole ensemble, one thread for each connection and one for the time: this is for a handful
//! of clients that somebody watches, not for load.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::ids::ServerId;
use crate::lock::lock;
use crate::sim::{EnsembleOutput, EnsembleSettings, LinkId, SimulatedEnsemble};
use crate::time::Timestamp;

/// Longest wait before the ensemble is given the time again.
const STEP: Duration = Duration::from_millis(1);

/// A running ensemble; its threads end with the process.
pub(super) struct EnsembleHost {
    addresses: Vec<SocketAddr>,
}

struct HostedServer {
    ensemble: SimulatedEnsemble,
    sockets: HashMap<LinkId, TcpStream>,
}

struct SharedEnsemble {
    started: Instant,
    hosted: Mutex<HostedServer>,
}

impl SharedEnsemble {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO.after(self.started.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, HostedServer> {
        lock(&self.hosted)
    }
}

impl HostedServer {
    /// Does what the ensemble says.
    fn drain(&mut self) {
        while let Some(output) = self.ensemble.poll_output() {
            match output {
                EnsembleOutput::Bytes(link, bytes) => {
                    if let Some(socket) = self.sockets.get_mut(&link) {
                        // A peer that is gone is noticed by the connection's reader.
                        _ = socket.write_all(&bytes);
                    }
                }
                EnsembleOutput::Closed(link, _) => {
                    if let Some(socket) = self.sockets.remove(&link) {
                        _ = socket.shutdown(Shutdown::Both);
                    }
                }
            }
        }
        while self.ensemble.poll_truth().is_some() {}
    }
}

impl EnsembleHost {
    /// Starts three servers on ports that the kernel chooses; the last one leads.
    pub(super) fn start() -> io::Result<Self> {
        let settings = EnsembleSettings::default();
        let count = settings.servers.len();
        let hosted = HostedServer { ensemble: SimulatedEnsemble::new(settings, 1), sockets: HashMap::new() };
        let shared = Arc::new(SharedEnsemble { started: Instant::now(), hosted: Mutex::new(hosted) });
        let mut addresses = Vec::new();
        for place in 0..count {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            addresses.push(listener.local_addr()?);
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&shared, ServerId(place as u16), &listener));
        }
        thread::spawn(move || {
            loop {
                thread::sleep(STEP);
                let mut hosted = shared.lock();
                let now = shared.now();
                hosted.ensemble.advance(now);
                hosted.drain();
            }
        });
        Ok(Self { addresses })
    }

    /// Where the servers listen.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

fn accept(shared: &Arc<SharedEnsemble>, server: ServerId, listener: &TcpListener) {
    for socket in listener.incoming() {
        let Ok(socket) = socket else { continue };
        let (Ok(peer), Ok(reader)) = (socket.peer_addr(), socket.try_clone()) else { continue };
        _ = socket.set_nodelay(true);
        let mut hosted = shared.lock();
        let now = shared.now();
        let Some(link) = hosted.ensemble.connect(now, server, peer.ip()) else { continue };
        hosted.sockets.insert(link, socket);
        hosted.drain();
        drop(hosted);
        let shared = Arc::clone(shared);
        thread::spawn(move || read(&shared, server, link, reader));
    }
}

fn read(shared: &SharedEnsemble, server: ServerId, link: LinkId, mut socket: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = socket.read(&mut buffer).unwrap_or(0);
        let mut hosted = shared.lock();
        let now = shared.now();
        match read {
            0 => hosted.ensemble.hang_up(now, server, link),
            _ => hosted.ensemble.receive(now, server, link, &buffer[..read]),
        }
        hosted.drain();
        if read == 0 {
            hosted.sockets.remove(&link);
            return;
        }
    }
}
