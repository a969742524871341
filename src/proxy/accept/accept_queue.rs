//! What the kernel says of our listeners' queues: how many clients wait in them, and how often one was put off
//! because a queue was full.
//!
//! A client that finds the queue full is not refused: its kernel knocks again, a second later at first. Nothing of
//! that reaches the listener; `ListenOverflows` of `/proc/net/netstat` counts it for all sockets in the network
//! namespace together. So the sockets themselves are asked for.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;

use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};

use crate::proxy::network::socket_diag::SocketDiag;

/// What was found at one address since it was last looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct QueueOverflow {
    /// The listening address.
    pub(in crate::proxy) address: SocketAddr,
    /// Clients that were put off.
    pub(in crate::proxy) times: u64,
    /// Clients that wait to be let in.
    pub(in crate::proxy) waiting: u32,
}

/// Looks at the queues again and again.
#[derive(Debug)]
pub(super) struct AcceptQueues {
    addresses: Vec<SocketAddr>,
    kernel: SocketDiag,
    /// What each socket had dropped when it was last looked at, by its inode.
    seen: HashMap<u32, u32>,
}

impl AcceptQueues {
    /// The queues of these listening addresses.
    ///
    /// # Errors
    /// The kernel's, where it was built without `sock_diag` or does not allow it.
    pub(in crate::proxy) fn of(addresses: Vec<SocketAddr>) -> io::Result<Self> {
        Ok(Self { addresses, kernel: SocketDiag::open()?, seen: HashMap::new() })
    }

    /// Asks on a socket of its own again, behind an answer that was cut. What was counted stays.
    pub(in crate::proxy) fn renew(&mut self) {
        if let Ok(kernel) = SocketDiag::open() {
            self.kernel = kernel;
        }
    }

    /// Looks at every address. What sockets have dropped that were closed meanwhile is not known.
    ///
    /// # Errors
    /// The kernel's.
    pub(in crate::proxy) fn look(&mut self) -> io::Result<Vec<QueueOverflow>> {
        let mut found = Vec::with_capacity(self.addresses.len());
        let mut seen = HashMap::new();
        for &address in &self.addresses {
            let mut overflow = QueueOverflow { address, times: 0, waiting: 0 };
            self.ask(address, |InetResponse { header, nlas }| {
                let drops = nlas.iter().find_map(|nla| if let Nla::MemInfo(of) = nla { Some(of.drops) } else { None });
                if let Some(drops) = drops
                    && header.socket_id.source_address == address.ip()
                {
                    let before = self.seen.get(&header.inode).copied().unwrap_or(0);
                    overflow.times += u64::from(drops.wrapping_sub(before));
                    overflow.waiting += header.recv_queue;
                    seen.insert(header.inode, drops);
                }
            })?;
            found.push(overflow);
        }
        self.seen = seen;
        Ok(found)
    }

    /// Has `look` look at the sockets that listen on this port, as the address's family has them. The kernel itself
    /// leaves out all others, of which a machine may have thousands.
    fn ask(&self, address: SocketAddr, mut look: impl FnMut(&InetResponse)) -> io::Result<()> {
        let (family, any) =
            if address.is_ipv4() { (AF_INET, SocketId::new_v4()) } else { (AF_INET6, SocketId::new_v6()) };
        let question = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::SKMEMINFO,
            states: StateFlags::LISTEN,
            socket_id: SocketId { source_port: address.port(), ..any },
        };
        self.kernel.ask(question, |socket| {
            look(socket);
            ControlFlow::Continue(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// A listener that has room for very few, and the queues of its address.
    fn narrow(address: &str) -> (Socket, SocketAddr, AcceptQueues) {
        let address: SocketAddr = address.parse().unwrap();
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&address.into()).unwrap();
        socket.listen(2).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let other = "127.0.0.1:1".parse().unwrap();
        (socket, address, AcceptQueues::of(vec![other, address]).unwrap())
    }

    #[test]
    fn clients_that_wait_and_clients_that_are_put_off_are_seen() {
        let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
        for address in ["127.0.0.1:0", "[::1]:0"].into_iter().take(1 + usize::from(has_ipv6)) {
            let (listener, address, mut queues) = narrow(address);
            let nothing = |address| QueueOverflow { address, times: 0, waiting: 0 };
            assert_eq!(queues.look().unwrap(), [nothing("127.0.0.1:1".parse().unwrap()), nothing(address)]);
            let mut clients = Vec::new();
            while let Ok(client) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
                clients.push(client);
            }
            let full = queues.look().unwrap()[1];
            assert_eq!((full.address, full.waiting as usize), (address, clients.len()));
            assert!(full.times > 0);
            let began = Instant::now();
            while queues.look().unwrap()[1].times > 0 {
                assert!(began.elapsed() < Duration::from_mins(1), "the one that was put off still knocks");
            }
            drop(listener);
            assert_eq!(queues.look().unwrap()[1], nothing(address));
        }
    }

    #[test]
    fn the_kernel_tells_of_no_other_port() {
        let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
        for address in ["127.0.0.1:0", "[::1]:0"].into_iter().take(1 + usize::from(has_ipv6)) {
            let ((_other, ..), (_listener, address, queues)) = (narrow(address), narrow(address));
            let mut ports = Vec::new();
            queues.ask(address, |socket| ports.push(socket.header.socket_id.source_port)).unwrap();
            assert_eq!(ports, [address.port()]);
        }
    }

    #[test]
    fn sockets_that_share_an_address_are_added_up() {
        // Whichever the kernel reports first.
        for rooms in [[0, 512], [512, 0]] {
            let mut address: SocketAddr = "127.0.0.1:0".parse().unwrap();
            let mut listeners = Vec::new();
            for room in rooms {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                socket.set_reuse_port(true).unwrap();
                socket.bind(&address.into()).unwrap();
                address = socket.local_addr().unwrap().as_socket().unwrap();
                socket.listen(room).unwrap();
                listeners.push(socket);
            }
            let mut queues = AcceptQueues::of(vec![address]).unwrap();
            let mut clients = Vec::new();
            // The kernel leads about half of them to either; the narrow one has room for one.
            while clients.len() < 256
                && let Ok(client) = TcpStream::connect_timeout(&address, Duration::from_millis(300))
            {
                clients.push(client);
            }
            let both = queues.look().unwrap()[0];
            assert!(both.times > 0, "{both:?} of {rooms:?}");
            assert_eq!(both.waiting as usize, clients.len(), "{both:?} of {rooms:?}");
        }
    }
}
