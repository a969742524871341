//! What the kernel says of our listeners' queues: how many clients wait in them, and how often one was put off
//! because a queue was full.
//!
//! A client that finds the queue full is not refused: its kernel knocks again, a second later at first. Nothing of
//! that reaches the listener; `ListenOverflows` of `/proc/net/netstat` counts it for all sockets in the network
//! namespace together. So the sockets themselves are asked for, through `sock_diag(7)`, which takes no privilege.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::ops::ControlFlow;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, AF_NETLINK, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_packet_sock_diag::message::SockDiagMessage;
use socket2::{Domain, Protocol, Socket, Type};

/// `NETLINK_SOCK_DIAG`
const SOCK_DIAG: i32 = 4;
/// Largest datagram that the kernel sends.
const LARGEST_DATAGRAM: usize = 32 * 1024;

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
    kernel: Socket,
    /// What each socket had dropped when it was last looked at, by its inode.
    seen: HashMap<u32, u32>,
}

impl AcceptQueues {
    /// The queues of these listening addresses.
    ///
    /// # Errors
    /// The kernel's, where it was built without `sock_diag` or does not allow it.
    pub(in crate::proxy) fn of(addresses: Vec<SocketAddr>) -> io::Result<Self> {
        let kernel = Socket::new(Domain::from(i32::from(AF_NETLINK)), Type::DGRAM, Some(Protocol::from(SOCK_DIAG)))?;
        // What is asked for is there when the question has been taken: nothing is ever waited for.
        kernel.set_nonblocking(true)?;
        Ok(Self { addresses, kernel, seen: HashMap::new() })
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
        let mut question = NetlinkMessage::from(SockDiagMessage::InetRequest(InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::SKMEMINFO,
            states: StateFlags::LISTEN,
            socket_id: SocketId { source_port: address.port(), ..any },
        }));
        question.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        question.finalize();
        let mut bytes = vec![0; question.buffer_len()];
        question.serialize(&mut bytes);
        let mut kernel = &self.kernel;
        kernel.write_all(&bytes)?;
        bytes.resize(LARGEST_DATAGRAM, 0);
        loop {
            match kernel.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    if read_messages(&bytes[..read?], &mut look)?.is_break() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Has `look` look at the sockets in a piece of an answer; Break where the answer ends.
///
/// # Errors
/// The kernel's, which it may give instead of an answer or at its end, and bytes that are no messages.
fn read_messages(mut piece: &[u8], look: &mut impl FnMut(&InetResponse)) -> io::Result<ControlFlow<()>> {
    loop {
        let strange = |error| io::Error::new(ErrorKind::InvalidData, error);
        let message = NetlinkMessage::deserialize(piece).map_err(strange)?;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) => look(&socket),
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            NetlinkPayload::Done(end) if end.code == 0 => return Ok(ControlFlow::Break(())),
            NetlinkPayload::Done(end) => return Err(io::Error::from_raw_os_error(end.code.wrapping_neg())),
            _ => {}
        }
        match piece.get((message.header.length as usize).next_multiple_of(4)..) {
            None | Some([]) => return Ok(ControlFlow::Continue(())),
            Some(rest) => piece = rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

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

    #[test]
    fn bytes_that_are_cut_or_strange_are_no_queue() {
        let socket = [&[AF_INET][..], &[0; 71]].concat();
        let body = [&socket[..], &40_u16.to_ne_bytes(), &7_u16.to_ne_bytes(), &[9; 36]].concat();
        let whole = message(20, &body);
        let mut seen = Vec::new();
        let mut look = |socket: &InetResponse| seen.push(socket.nlas.clone());
        assert!(read_messages(&whole, &mut look).unwrap().is_continue());
        for len in 0..whole.len() {
            assert!(read_messages(&whole[..len], &mut look).is_err(), "{len} bytes");
        }
        // Messages that are whole, with less in them.
        for len in (0..body.len()).filter(|len| *len != socket.len()) {
            assert!(read_messages(&message(20, &body[..len]), &mut look).is_err(), "{len} bytes");
        }
        let other_family = [&[77], &body[1..]].concat();
        for strange in [message(20, &other_family), vec![0; 15], vec![0; 16], vec![255; 99]] {
            assert!(read_messages(&strange, &mut look).is_err(), "{strange:?}");
        }
        let [nlas] = &seen[..] else { panic!("{seen:?}") };
        assert!(matches!(&nlas[..], [Nla::MemInfo(memory)] if memory.drops == 0x0909_0909));
    }

    #[test]
    fn what_the_kernel_refuses_is_an_error_wherever_it_says_so() {
        let nobody = &mut |_: &InetResponse| panic!("there is no socket");
        for kind in [2, 3] {
            let error = read_messages(&message(kind, &(-2_i32).to_ne_bytes()), nobody).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "message type {kind}");
        }
        assert!(read_messages(&message(3, &[0; 4]), nobody).unwrap().is_break());
        // Messages begin at multiples of four bytes; the first of these has nothing to say and ends between two.
        let both = [&message(1, &[0; 5])[..], &[0; 3], &message(3, &[0; 4])].concat();
        assert!(read_messages(&both, nobody).unwrap().is_break());
    }

    /// A message of the kernel's: its length, its type, what is in it.
    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 16).to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat()
    }
}
