//! A TCP connection made anew: addresses, sequence numbers, packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::rebuilt_frame::RebuiltFrame;

/// ZooKeeper's usual port, where a server's address names none.
const PORT: u16 = 2181;
/// Most bytes of a frame in one packet; a longer one is cut into several.
const SEGMENT: u32 = 32 * 1024;
/// Most packets of one frame: enough for 1 MiB, above which servers take no frame unless they are set to
/// (`jute.maxbuffer`). Lengths are what somebody says, and a packet takes room even where nothing of it is known.
const PACKETS: u32 = 33;
const TCP_HEADER: usize = 20;

/// One packet: what there is of it, and its length on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SyntheticPacket {
    pub(super) bytes: Vec<u8>,
    pub(super) wire_len: u32,
}

/// A connection between a client and its server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SyntheticFlow {
    client: SocketAddr,
    server: SocketAddr,
    /// The next sequence number of the client and of the server.
    next: [u32; 2],
}

impl SyntheticFlow {
    pub(super) fn new(client: SocketAddr, server: &str) -> Self {
        let port = server.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(PORT);
        let known = server.parse().ok().filter(|known: &SocketAddr| known.is_ipv4() == client.is_ipv4());
        // A name has no address here: one for examples (RFC 5737, RFC 3849), another one for each name.
        let number = server.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let host = match client.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into())),
        };
        Self { client, server: known.unwrap_or(SocketAddr::new(host, port)), next: [1, 1] }
    }

    /// Bytes of a frame for which there are no packets.
    pub(super) fn left_out(frame: &RebuiltFrame) -> u32 {
        frame.wire_len.saturating_sub(PACKETS * SEGMENT)
    }

    /// The packets of a frame, [`PACKETS`] at most. What is left out behind them is a gap in the sequence numbers.
    pub(super) fn packets(&mut self, frame: &RebuiltFrame) -> Vec<SyntheticPacket> {
        let left_out = Self::left_out(frame);
        let shown = frame.wire_len - left_out;
        let (mut packets, mut sent) = (Vec::new(), 0);
        loop {
            let len = (shown - sent).min(SEGMENT);
            let known = frame.bytes.len().clamp(sent as usize, (sent + len) as usize);
            let is_last = sent + len == shown;
            let payload = frame.bytes.get(sent as usize..known).unwrap_or_default();
            packets.push(self.packet(frame, payload, len, is_last));
            sent += len;
            if is_last {
                let next = &mut self.next[usize::from(!frame.from_client)];
                *next = next.wrapping_add(left_out);
                return packets;
            }
        }
    }

    fn packet(&mut self, frame: &RebuiltFrame, payload: &[u8], len: u32, is_last: bool) -> SyntheticPacket {
        let side = usize::from(!frame.from_client);
        let (from, to) = if frame.from_client { (self.client, self.server) } else { (self.server, self.client) };
        let mut tcp = Vec::with_capacity(TCP_HEADER + payload.len());
        tcp.extend(from.port().to_be_bytes());
        tcp.extend(to.port().to_be_bytes());
        tcp.extend(self.next[side].to_be_bytes());
        tcp.extend(self.next[1 - side].to_be_bytes());
        // Five words of header; ACK, and PSH or FIN.
        let flags = if frame.ends {
            0x11
        } else if is_last {
            0x18
        } else {
            0x10
        };
        tcp.extend([5 << 4, flags]);
        // A window, no checksum (what makes packets may leave it to the card), nothing urgent.
        tcp.extend([0xff, 0xff, 0, 0, 0, 0]);
        self.next[side] = self.next[side].wrapping_add(len).wrapping_add(u32::from(frame.ends));
        tcp.extend(payload);
        let inside = len + TCP_HEADER as u32;
        let head = ip_header(from.ip(), to.ip(), inside as u16);
        SyntheticPacket { wire_len: inside + head.len() as u32, bytes: [head, tcp].concat() }
    }
}

fn ip_header(from: IpAddr, to: IpAddr, inside: u16) -> Vec<u8> {
    const TCP: u8 = 6;
    const HOPS: u8 = 64;
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut head = vec![0x45, 0];
            head.extend((inside + 20).to_be_bytes());
            head.extend([0, 0, 0x40, 0, HOPS, TCP, 0, 0]);
            head.extend(from.octets());
            head.extend(to.octets());
            let sum: u32 = head.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
            let folded = (sum & 0xffff) + (sum >> 16);
            let checksum = !(((folded & 0xffff) + (folded >> 16)) as u16);
            head[10..12].copy_from_slice(&checksum.to_be_bytes());
            head
        }
        (from, to) => {
            let octets = |address| match address {
                IpAddr::V4(address) => Ipv4Addr::to_ipv6_mapped(&address).octets(),
                IpAddr::V6(address) => address.octets(),
            };
            let mut head = vec![0x60, 0, 0, 0];
            head.extend(inside.to_be_bytes());
            head.extend([TCP, HOPS]);
            head.extend(octets(from));
            head.extend(octets(to));
            head
        }
    }
}
