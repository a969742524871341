//! The simulated ensemble behind real sockets, so that one client can meet it and the real one in the same way.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use zoogate::ids::ServerId;
use zoogate::sim::{EnsembleOutput, EnsembleSettings, LinkId, SimulatedEnsemble};
use zoogate::time::Timestamp;

/// How often time passes for the simulation when nobody talks to it.
const STEP: Duration = Duration::from_millis(1);

/// A running simulation; its threads end with it.
#[derive(Debug)]
pub(crate) struct Simulated {
    world: Arc<World>,
    addresses: Vec<SocketAddr>,
}

#[derive(Debug)]
struct World {
    scene: Mutex<Scene>,
    start: Instant,
    done: AtomicBool,
}

#[derive(Debug)]
struct Scene {
    ensemble: SimulatedEnsemble,
    sockets: HashMap<LinkId, TcpStream>,
}

impl Simulated {
    /// Serves an ensemble with these settings on loopback.
    pub(crate) fn start(settings: EnsembleSettings) -> Self {
        let scene = Scene { ensemble: SimulatedEnsemble::new(settings, 1), sockets: HashMap::new() };
        let world = World { scene: Mutex::new(scene), start: Instant::now(), done: AtomicBool::new(false) };
        let world = Arc::new(world);
        let servers = world.scene().ensemble.len();
        let addresses = (0..servers).map(|index| listen(Arc::clone(&world), ServerId(index as u16))).collect();
        let clock = Arc::clone(&world);
        thread::spawn(move || {
            while !clock.done.load(Ordering::Relaxed) {
                clock.change(|_, _| ());
                thread::sleep(STEP);
            }
        });
        Self { world, addresses }
    }

    /// Where server `index` takes clients.
    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        self.addresses[index]
    }

    /// Freezes a server.
    pub(crate) fn freeze(&self, index: usize) {
        self.world.change(|ensemble, now| ensemble.freeze(now, ServerId(index as u16)));
    }

    /// Lets a frozen server go on.
    pub(crate) fn thaw(&self, index: usize) {
        self.world.change(|ensemble, now| ensemble.thaw(now, ServerId(index as u16)));
    }

    /// Ends a server.
    pub(crate) fn stop(&self, index: usize) {
        self.world.change(|ensemble, now| ensemble.stop(now, ServerId(index as u16)));
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.world.done.store(true, Ordering::Relaxed);
        for address in &self.addresses {
            // Wakes the thread that waits for a connection; when that is gone already nothing needs waking.
            drop(TcpStream::connect(address));
        }
    }
}

impl World {
    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass, lets something happen, and carries out what follows.
    fn change<T>(&self, happen: impl FnOnce(&mut SimulatedEnsemble, Timestamp) -> T) -> T {
        let mut scene = self.scene();
        let now = Timestamp::ZERO.after(self.start.elapsed());
        scene.ensemble.advance(now);
        let result = happen(&mut scene.ensemble, now);
        scene.carry_out();
        result
    }
}

impl Scene {
    fn carry_out(&mut self) {
        while self.ensemble.poll_truth().is_some() {}
        while let Some(output) = self.ensemble.poll_output() {
            match output {
                EnsembleOutput::Bytes(link, bytes) => {
                    if let Some(socket) = self.sockets.get_mut(&link) {
                        // A client that is gone shows in the thread that reads from it.
                        let _ = socket.write_all(&bytes);
                    }
                }
                EnsembleOutput::Closed(link, _) => {
                    if let Some(socket) = self.sockets.remove(&link) {
                        // The client may have been first.
                        let _ = socket.shutdown(Shutdown::Both);
                    }
                }
            }
        }
    }
}

fn listen(world: Arc<World>, server: ServerId) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, super::ports::free())).expect("listen on loopback");
    let address = listener.local_addr().expect("a listener has an address");
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            if world.done.load(Ordering::Relaxed) {
                return;
            }
            serve(&world, server, socket);
        }
    });
    address
}

fn serve(world: &Arc<World>, server: ServerId, mut socket: TcpStream) {
    let peer = socket.peer_addr().expect("a client has an address").ip();
    let writer = socket.try_clone().expect("share a socket");
    let mut scene = world.scene();
    let now = Timestamp::ZERO.after(world.start.elapsed());
    let Some(link) = scene.ensemble.connect(now, server, peer) else { return };
    scene.sockets.insert(link, writer);
    scene.carry_out();
    drop(scene);
    let world = Arc::clone(world);
    thread::spawn(move || {
        let mut chunk = [0; 16 * 1024];
        while let Ok(count @ 1..) = socket.read(&mut chunk) {
            world.change(|ensemble, now| ensemble.receive(now, server, link, &chunk[..count]));
        }
        world.change(|ensemble, now| ensemble.hang_up(now, server, link));
        world.scene().sockets.remove(&link);
    });
}
