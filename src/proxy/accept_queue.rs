//! What the kernel says of our listeners' queues: how many clients wait in them, and how often one was put off
//! because a queue was full.
//!
//! A client that finds the queue full is not refused: its kernel knocks again, a second later at first. Nothing of
//! that reaches the listener; `ListenOverflows` of `/proc/net/netstat` counts it for everybody in the network
//! namespace together. So the sockets themselves are asked for, through `sock_diag(7)`, which takes no privilege.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// `AF_NETLINK` and `NETLINK_SOCK_DIAG`.
const NETLINK: (i32, i32) = (16, 4);
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
/// `SOCK_DIAG_BY_FAMILY`, the type of a question and of each answer.
const BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`
const DUMP: u16 = 0x301;
/// `INET_DIAG_SKMEMINFO`, whose ninth number is what the socket has dropped.
const SKMEMINFO: u16 = 7;
const DROPS_AT: usize = 8 * 4;
/// `1 << TCP_LISTEN`
const LISTENING: u32 = 1 << 10;
const HEADER: usize = 16;
/// `struct inet_diag_msg`.
const MESSAGE: usize = 72;
/// The kernel sends no longer pieces.
const PIECE: usize = 32 * 1024;

/// What the kernel says of one listening socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Queue {
    address: SocketAddr,
    inode: u32,
    waiting: u32,
    drops: u32,
}

/// What was found at one address since it was last looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Overflow {
    /// The listening address.
    pub(super) address: SocketAddr,
    /// Clients that were put off.
    pub(super) times: u64,
    /// Clients that wait to be let in.
    pub(super) waiting: u32,
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
    pub(super) fn of(addresses: Vec<SocketAddr>) -> io::Result<Self> {
        let (family, protocol) = NETLINK;
        let kernel = Socket::new(Domain::from(family), Type::DGRAM, Some(Protocol::from(protocol)))?;
        // What is asked for is there when the question has been taken: nothing is ever waited for.
        kernel.set_nonblocking(true)?;
        Ok(Self { addresses, kernel, seen: HashMap::new() })
    }

    /// Looks at every address. What sockets have dropped that were closed meanwhile is not known.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn look(&mut self) -> io::Result<Vec<Overflow>> {
        let mut queues = Vec::new();
        for (family, wanted) in [(AF_INET, SocketAddr::is_ipv4 as fn(&_) -> _), (AF_INET6, SocketAddr::is_ipv6)] {
            if self.addresses.iter().any(wanted) {
                self.ask(family, &mut queues)?;
            }
        }
        queues.retain(|queue| self.addresses.contains(&queue.address));
        let mut found: Vec<Overflow> =
            self.addresses.iter().map(|address| Overflow { address: *address, times: 0, waiting: 0 }).collect();
        for overflow in &mut found {
            for queue in queues.iter().filter(|queue| queue.address == overflow.address) {
                let before = self.seen.get(&queue.inode).copied().unwrap_or(0);
                overflow.times += u64::from(queue.drops.wrapping_sub(before));
                overflow.waiting += queue.waiting;
            }
        }
        self.seen = queues.iter().map(|queue| (queue.inode, queue.drops)).collect();
        Ok(found)
    }

    /// Asks for all listening sockets of a family.
    fn ask(&self, family: u8, queues: &mut Vec<Queue>) -> io::Result<()> {
        let mut kernel = &self.kernel;
        kernel.write_all(&question(family))?;
        let mut piece = vec![0; PIECE];
        loop {
            let len = match kernel.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            let mut rest = &piece[..len];
            if rest.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            while let Some((kind, body, behind)) = next_message(rest) {
                rest = behind;
                match kind {
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => {
                        return Err(io::Error::from_raw_os_error(number(body, 0).cast_signed().wrapping_neg()));
                    }
                    BY_FAMILY => queues.extend(queue(body)),
                    _ => {}
                }
            }
        }
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`; no field but these has to be filled in.
fn question(family: u8) -> [u8; HEADER + 56] {
    let mut bytes = [0; HEADER + 56];
    bytes[..4].copy_from_slice(&(HEADER as u32 + 56).to_ne_bytes());
    bytes[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    bytes[HEADER..HEADER + 3].copy_from_slice(&[family, IPPROTO_TCP, 1 << (SKMEMINFO - 1)]);
    bytes[HEADER + 4..HEADER + 8].copy_from_slice(&LISTENING.to_ne_bytes());
    bytes
}

/// The first message: its type, what is in it, and what follows it.
fn next_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let len = number(bytes.get(..HEADER)?, 0) as usize;
    let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
    let body = bytes.get(HEADER..len)?;
    Some((kind, body, bytes.get(len.next_multiple_of(4)..).unwrap_or(&[])))
}

/// The socket of an answer.
fn queue(body: &[u8]) -> Option<Queue> {
    let (message, mut attributes) = body.split_at_checked(MESSAGE)?;
    let port = u16::from_be_bytes([message[4], message[5]]);
    let ip: IpAddr = match message[0] {
        AF_INET => Ipv4Addr::from(*message[8..].first_chunk::<4>()?).into(),
        AF_INET6 => Ipv6Addr::from(*message[8..].first_chunk::<16>()?).into(),
        _ => return None,
    };
    let (waiting, inode) = (number(message, 56), number(message, 68));
    while let Some((length, kind)) = attributes.get(..4).map(|head| head.split_at(2)) {
        let (length, kind) = (u16::from_ne_bytes([length[0], length[1]]), u16::from_ne_bytes([kind[0], kind[1]]));
        let value = attributes.get(4..usize::from(length))?;
        if kind == SKMEMINFO && value.len() >= DROPS_AT + 4 {
            return Some(Queue { address: SocketAddr::new(ip, port), inode, waiting, drops: number(value, DROPS_AT) });
        }
        attributes = attributes.get(usize::from(length).next_multiple_of(4)..)?;
    }
    None
}

/// A number of the kernel's; 0 where there is none.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_ne_bytes(*bytes))
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
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (listener, address, mut queues) = narrow(address);
            let nothing = |address| Overflow { address, times: 0, waiting: 0 };
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
    fn bytes_that_are_cut_or_strange_are_no_queue() {
        let message = [&[AF_INET][..], &[0; MESSAGE - 1]].concat();
        let attribute = [&40_u16.to_ne_bytes()[..], &SKMEMINFO.to_ne_bytes(), &[9; 36]].concat();
        let whole = [&message[..], &attribute].concat();
        assert_eq!(queue(&whole).unwrap().drops, 0x0909_0909);
        for len in 0..whole.len() {
            assert_eq!(queue(&whole[..len]), None, "{len} bytes");
        }
        assert_eq!(queue(&[&[77], &whole[1..]].concat()), None, "a family that is none");
        assert!(
            next_message(&[0; 15]).is_none() && next_message(&[0; 16]).is_none() && next_message(&[255; 99]).is_none()
        );
    }
}
