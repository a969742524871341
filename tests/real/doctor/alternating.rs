//! One address that leads to one server after the other, as a load balancer's does.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::support::ports;

/// Starts it; it ends with the process.
pub(super) fn start(servers: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free())).expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for (client, server) in listener.incoming().flatten().zip(servers.iter().cycle()) {
            let Ok(server) = TcpStream::connect(server) else { continue };
            join(&client, &server);
            join(&server, &client);
        }
    });
    address
}

fn join(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    thread::spawn(move || {
        // Whichever side ends, the other one is told.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
