//! Asks the kernel about TCP sockets, through `sock_diag(7)`, which takes no privilege.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::ControlFlow;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::constants::AF_NETLINK;
use netlink_packet_sock_diag::inet::{InetRequest, InetResponse};
use netlink_packet_sock_diag::message::SockDiagMessage;
use socket2::{Domain, Protocol, Socket, Type};

/// `NETLINK_SOCK_DIAG`
const SOCK_DIAG: i32 = 4;
/// Largest datagram that the kernel sends.
const LARGEST_DATAGRAM: usize = 32 * 1024;

/// Ports of peers, both ends among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) struct PortRange {
    /// The first.
    pub(in crate::proxy) from: u16,
    /// The last.
    pub(in crate::proxy) to: u16,
}

impl PortRange {
    /// Every port.
    pub(in crate::proxy) const ALL: Self = Self { from: 0, to: u16::MAX };

    /// The kernel's program that lets these pass (linux/inet_diag.h, `INET_DIAG_REQ_BYTECODE`): two comparisons, each with
    /// its number behind it. One that fails jumps past the end.
    fn program(self) -> Vec<u8> {
        const REQ_BYTECODE: u16 = 1;
        const AT_LEAST: u8 = 4;
        const AT_MOST: u8 = 5;
        let mut program = Vec::with_capacity(4 + 16);
        program.extend(20_u16.to_ne_bytes());
        program.extend(REQ_BYTECODE.to_ne_bytes());
        for (code, past_end, port) in [(AT_LEAST, 20_u16, self.from), (AT_MOST, 12, self.to)] {
            program.extend([code, 8]);
            program.extend(past_end.to_ne_bytes());
            program.extend([0, 0]);
            program.extend(port.to_ne_bytes());
        }
        program
    }
}

/// The way to the kernel.
#[derive(Debug)]
pub(in crate::proxy) struct SocketDiag(Socket);

impl SocketDiag {
    /// Opens it.
    ///
    /// # Errors
    /// The kernel's, where it was built without `sock_diag` or does not allow it.
    pub(in crate::proxy) fn open() -> io::Result<Self> {
        let kernel = Socket::new(Domain::from(i32::from(AF_NETLINK)), Type::DGRAM, Some(Protocol::from(SOCK_DIAG)))?;
        // What is asked for is there when the question has been taken: nothing is ever waited for.
        kernel.set_nonblocking(true)?;
        Ok(Self(kernel))
    }

    /// Has `look` look at the sockets that a question is about, until there are no more or it breaks off. After that,
    /// nothing else is to be asked here: the rest of the answer would come first.
    ///
    /// # Errors
    /// The kernel's.
    pub(in crate::proxy) fn ask(
        &self,
        question: InetRequest,
        look: impl FnMut(&InetResponse) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.ask_some(question, None, look)
    }

    /// The same, of sockets whose peers have these ports.
    ///
    /// # Errors
    /// The kernel's.
    pub(in crate::proxy) fn ask_some(
        &self,
        question: InetRequest,
        peers: Option<PortRange>,
        mut look: impl FnMut(&InetResponse) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut question = NetlinkMessage::from(SockDiagMessage::InetRequest(question));
        question.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        question.finalize();
        let mut bytes = vec![0; question.buffer_len()];
        question.serialize(&mut bytes);
        if let Some(peers) = peers.filter(|peers| *peers != PortRange::ALL) {
            bytes.extend(peers.program());
            let length = bytes.len() as u32;
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
        }
        let mut kernel = &self.0;
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

/// Has `look` look at the sockets in a piece of an answer; Break where the answer ends, or `look` has seen enough.
///
/// # Errors
/// The kernel's, which it may give instead of an answer or at its end, and bytes that are no messages.
fn read_messages(
    mut piece: &[u8],
    look: &mut impl FnMut(&InetResponse) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    loop {
        let strange = |error| io::Error::new(ErrorKind::InvalidData, error);
        let message = NetlinkMessage::deserialize(piece).map_err(strange)?;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) if look(&socket).is_break() => {
                return Ok(ControlFlow::Break(()));
            }
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
    use netlink_packet_sock_diag::constants::AF_INET;
    use netlink_packet_sock_diag::inet::nlas::Nla;

    use super::*;

    #[test]
    fn bytes_that_are_cut_or_strange_are_no_queue() {
        let socket = [&[AF_INET][..], &[0; 71]].concat();
        let body = [&socket[..], &40_u16.to_ne_bytes(), &7_u16.to_ne_bytes(), &[9; 36]].concat();
        let whole = message(20, &body);
        let mut seen = Vec::new();
        let mut look = |socket: &InetResponse| {
            seen.push(socket.nlas.clone());
            ControlFlow::Continue(())
        };
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

    #[test]
    fn what_is_enough_ends_the_answer() {
        let socket = message(20, &[&[AF_INET][..], &[0; 71]].concat());
        let mut seen = 0;
        let mut look = |_: &InetResponse| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert!(read_messages(&socket.repeat(9), &mut look).unwrap().is_break());
        assert_eq!(seen, 2);
    }
}
