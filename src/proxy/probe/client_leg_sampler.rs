//! Looks at the connections of clients that stand, a few each second and one after the other: how long the way to them
//! takes, and what had to be sent again (`TCP_INFO`). So the way to a client is known before its connection ends.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::diagnose::ClientLeg;
use crate::proxy::network::kernel_counts::KernelCounts;
use crate::proxy::network::sample_failures::SampleFailures;
use crate::proxy::network::socket_diag::{PortRange, SocketDiag};
use crate::proxy::shared::proxy_state::ProxyState;

/// Between two looks, each at one listener.
pub(crate) const LEGS_EVERY: Duration = Duration::from_secs(1);
/// Connections that are looked at in one go.
pub(crate) const LEGS_SAMPLED: usize = 64;
/// The rest behind a look, by what it took: the kernel goes through all connections of the machine.
const REST: u32 = 400;
/// The longest rest.
pub(crate) const LEGS_REST: Duration = Duration::from_secs(30);
/// Where so few are found, the next look is at more ports.
const FEW: usize = LEGS_SAMPLED / 4;

/// A listener, and which clients' ports are next.
#[derive(Debug)]
struct ClientDoor {
    address: SocketAddr,
    next: PortRange,
}

impl ClientDoor {
    /// Goes on to the ports behind those that were looked at, to more of them where few were found; where not all could be
    /// looked at, to the first half of the same ones.
    fn go_on(&mut self, looked: usize) {
        let PortRange { from, to } = self.next;
        let width = u32::from(to - from) + 1;
        let (from, width) = match looked {
            LEGS_SAMPLED.. if width > 1 => (from, width / 2),
            0..FEW => (to.wrapping_add(1), width * 2),
            _ => (to.wrapping_add(1), width),
        };
        let to = (u32::from(from) + width - 1).min(u16::MAX.into()) as u16;
        self.next = PortRange { from, to };
    }
}

/// Looks at the connections of clients.
pub(in crate::proxy) struct ClientLegSampler {
    proxy: Arc<ProxyState>,
    doors: Vec<ClientDoor>,
}

impl ClientLegSampler {
    /// Clients come to these addresses.
    pub(in crate::proxy) fn new(proxy: Arc<ProxyState>, listeners: &[SocketAddr]) -> Self {
        let doors = listeners.iter().map(|address| ClientDoor { address: *address, next: PortRange::ALL });
        Self { proxy, doors: doors.collect() }
    }

    /// Looks while there are clients, unless the kernel never tells. A look that fails otherwise is left out.
    pub(in crate::proxy) async fn run(mut self) {
        let mut rounds = interval(LEGS_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failures = SampleFailures::new("connections of clients that stand");
        let mut turn = 0;
        loop {
            rounds.tick().await;
            if self.proxy.open() == 0 || self.doors.is_empty() {
                continue;
            }
            let begun = Instant::now();
            turn = (turn + 1) % self.doors.len();
            let ControlFlow::Continue(looked) = failures.note(look(&mut self.doors[turn])) else { return };
            let took = begun.elapsed();
            self.proxy.state.note_client_legs(self.proxy.clock.now(), &looked.unwrap_or_default());
            sleep((took * REST).min(LEGS_REST)).await;
        }
    }
}

/// Looks at the next connections of a listener, and goes on.
fn look(door: &mut ClientDoor) -> io::Result<Vec<(SocketAddr, ClientLeg)>> {
    let (family, any) =
        if door.address.is_ipv4() { (AF_INET, SocketId::new_v4()) } else { (AF_INET6, SocketId::new_v6()) };
    let question = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::ESTABLISHED,
        socket_id: SocketId { source_port: door.address.port(), ..any },
    };
    let mut legs = Vec::new();
    // A way of its own: what is not looked at any more would stand before the next answer.
    SocketDiag::open()?.ask_some(question, Some(door.next), |InetResponse { header, nlas }| {
        let info = nlas.iter().find_map(|nla| if let Nla::TcpInfo(info) = nla { Some(info) } else { None });
        if let Some(counts) = info.and_then(|info| KernelCounts::read(info)) {
            let client = SocketAddr::new(header.socket_id.destination_address, header.socket_id.destination_port);
            let KernelCounts { rtt, resent: retransmissions, unacked, .. } = counts;
            legs.push((client, ClientLeg { rtt, retransmissions, unacked }));
        }
        if legs.len() < LEGS_SAMPLED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    door.go_on(legs.len());
    Ok(legs)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn all_clients_have_their_turn() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = || (TcpStream::connect(address).unwrap(), listener.accept().unwrap());
        let clients: Vec<_> = (0..LEGS_SAMPLED * 2 + 9).map(|_| open()).collect();
        let expected: HashSet<_> = clients.iter().map(|(client, _)| client.local_addr().unwrap()).collect();
        let mut door = ClientDoor { address, next: PortRange::ALL };
        let mut seen = HashSet::new();
        for _ in 0..1_000 {
            let found = look(&mut door).unwrap();
            assert!(found.len() <= LEGS_SAMPLED);
            seen.extend(found.into_iter().map(|(client, _)| client));
            if seen == expected {
                return;
            }
        }
        panic!("{} of {} were looked at", seen.len(), expected.len());
    }

    #[test]
    fn a_look_tells_the_clients_within_its_ports_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> =
            (0..5).map(|_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap())).collect();
        let ports: Vec<u16> = clients.iter().map(|(client, _)| client.local_addr().unwrap().port()).collect();
        let looked = |from, to| {
            let mut found: Vec<u16> = look(&mut ClientDoor { address, next: PortRange { from, to } })
                .unwrap()
                .iter()
                .map(|one| one.0.port())
                .collect();
            found.sort_unstable();
            found
        };
        let (least, most) = (*ports.iter().min().unwrap(), *ports.iter().max().unwrap());
        assert_eq!(looked(least, most).len(), 5);
        assert_eq!(looked(least + 1, most).len(), 4);
        assert_eq!(looked(least, most - 1).len(), 4);
        assert_eq!(looked(ports[0], ports[0]), [ports[0]]);
    }
}
