//! A cable that a test can cut: what a client sees when the path to its server breaks.
//!
//! It stands between a client and whatever it was told to connect to, zoogate or a server, so that the cut is the
//! same in both cases; it forwards bytes and ends as they come.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::support::{ports, wait};

/// An address that leads to another one until it is cut; new connections get through again.
#[derive(Debug)]
pub(crate) struct Cutter {
    address: SocketAddr,
    cable: Arc<Cable>,
}

#[derive(Debug, Default)]
struct Cable {
    open: Mutex<Vec<TcpStream>>,
}

impl Cable {
    fn open(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry(&self, client: TcpStream, target: SocketAddr) -> io::Result<()> {
        let server = TcpStream::connect(target)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        self.open().extend([client.try_clone()?, server.try_clone()?]);
        let (up, down) = ((client.try_clone()?, server.try_clone()?), (server, client));
        for (from, to) in [up, down] {
            thread::spawn(move || forward(from, to));
        }
        Ok(())
    }
}

impl Cutter {
    /// A way to `target`.
    pub(crate) fn to(target: SocketAddr) -> Self {
        // A port that was free a moment ago may be taken by now.
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free())).ok();
        let listener = wait::until("a port to listen on", wait::PATIENCE, bind);
        let address = listener.local_addr().expect("a listener has an address");
        let cable = Arc::<Cable>::default();
        let carried = Arc::clone(&cable);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Where the target refuses, the client is dropped, which is all that it can be told here.
                let _ = carried.carry(client, target);
            }
        });
        Self { address, cable }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections that stand now.
    pub(crate) fn cut(&self) {
        for stream in self.cable.open().drain(..) {
            // One that has ended by itself is cut already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    // The other side may have been first.
    let _ = to.shutdown(Shutdown::Write);
}
