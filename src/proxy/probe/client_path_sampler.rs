//! Asks the kernel about the connections of clients that end: whether what zoogate sent last reaches the client's machine
//! (`TCP_INFO`). That tells a path that is cut from a client that stands still.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::diagnose::{ClientPath, ClientPaths};
use crate::proxy::network::kernel_counts::KernelCounts;
use crate::proxy::network::sample_failures::SampleFailures;
use crate::proxy::network::socket_diag::SocketDiag;
use crate::proxy::shared::proxy_state::ProxyState;

/// Between two looks while an end is in question whose client had been silent, or left in haste.
pub(crate) const CLIENTS_EVERY: Duration = Duration::from_millis(400);
/// Connections of one listener that are looked at in one go.
pub(crate) const CLIENTS_LOOKED_AT: usize = 1_024;
/// A look that takes longer, for the kernel has many connections to go through, is followed by a rest.
const LONG_LOOK: Duration = Duration::from_millis(5);
/// The rest, by the look.
const REST: u32 = 80;
/// The longest rest.
pub(crate) const CLIENTS_REST: Duration = Duration::from_secs(2);

/// `TCP_FIN_WAIT2`: zoogate's end is acknowledged, and the client's has not come.
const FIN_WAIT2: u8 = 5;

/// Looks at the connections of clients that end.
pub(in crate::proxy) struct ClientPathSampler {
    proxy: Arc<ProxyState>,
    /// The ports of the listeners of IPv4 (true) and of IPv6.
    doors: BTreeMap<bool, BTreeSet<u16>>,
}

impl ClientPathSampler {
    /// Clients come to these addresses.
    pub(in crate::proxy) fn new(proxy: Arc<ProxyState>, listeners: &[SocketAddr]) -> Self {
        let mut doors: BTreeMap<bool, BTreeSet<u16>> = BTreeMap::new();
        for address in listeners {
            doors.entry(address.is_ipv4()).or_default().insert(address.port());
        }
        Self { proxy, doors }
    }

    /// Looks while something is in question, unless the kernel never tells. A look that fails otherwise is left out.
    pub(in crate::proxy) async fn run(self) {
        let mut rounds = interval(CLIENTS_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failures = SampleFailures::new("connections of clients");
        loop {
            rounds.tick().await;
            let clients = self.proxy.state.clients_in_question(self.proxy.clock.now());
            if clients.is_empty() {
                continue;
            }
            let begun = Instant::now();
            let looked = self.look(&clients);
            let took = begun.elapsed();
            let ControlFlow::Continue(paths) = failures.note(looked) else { return };
            self.proxy.state.note_client_paths(&paths.unwrap_or_default());
            if took > LONG_LOOK {
                sleep((took * REST).min(CLIENTS_REST)).await;
            }
        }
    }

    fn look(&self, clients: &[SocketAddr]) -> io::Result<ClientPaths> {
        let mut wanted: HashMap<SocketAddr, SocketAddr, RandomState> = HashMap::default();
        wanted.extend(clients.iter().map(|client| (canonical(*client), *client)));
        let (mut found, mut is_whole) = (ClientPaths::default(), true);
        for (is_ipv4, ports) in &self.doors {
            is_whole &= look_at_all(*is_ipv4, ports, |client, path| {
                found.extend(wanted.get(&canonical(client)).map(|client| (*client, Some(path))));
            })?;
        }
        if is_whole {
            // All that end were looked at: those that were not found have ended.
            for client in clients {
                found.entry(*client).or_default();
            }
        }
        Ok(found)
    }
}

/// Looks at connections that came to one of these ports and are ending. Whether those were all of them.
fn look_at_all(is_ipv4: bool, ports: &BTreeSet<u16>, mut look: impl FnMut(SocketAddr, ClientPath)) -> io::Result<bool> {
    // For each question the kernel goes through all connections of the machine: one for all ports is enough, unless
    // connections to other ports fill the answer.
    let mut is_whole = ports.len() > 1
        && look_at(is_ipv4, 0, |port, client, path| {
            if ports.contains(&port) {
                look(client, path);
            }
        })?;
    if !is_whole {
        is_whole = true;
        for port in ports {
            is_whole &= look_at(is_ipv4, *port, |_, client, path| look(client, path))?;
        }
    }
    Ok(is_whole)
}

/// An IPv4 address that came through a socket of IPv6 as what it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Looks at connections that came to a port, or to any for 0, and are ending: at [`CLIENTS_LOOKED_AT`] at most. Whether
/// those were all of them.
fn look_at(is_ipv4: bool, port: u16, mut look: impl FnMut(u16, SocketAddr, ClientPath)) -> io::Result<bool> {
    let (family, any) = if is_ipv4 { (AF_INET, SocketId::new_v4()) } else { (AF_INET6, SocketId::new_v6()) };
    let states = StateFlags::FIN_WAIT1
        | StateFlags::FIN_WAIT2
        | StateFlags::CLOSE_WAIT
        | StateFlags::LAST_ACK
        | StateFlags::CLOSING;
    let socket_id = SocketId { source_port: port, ..any };
    let question = InetRequest { family, protocol: IPPROTO_TCP, extensions: ExtensionFlags::INFO, states, socket_id };
    let mut looked = 0;
    SocketDiag::open()?.ask(question, |InetResponse { header, nlas }| {
        let info = nlas.iter().find_map(|nla| if let Nla::TcpInfo(info) = nla { Some(info) } else { None });
        if let Some(counts) = info.and_then(|info| KernelCounts::read(info)) {
            let client = SocketAddr::new(header.socket_id.destination_address, header.socket_id.destination_port);
            let path = ClientPath {
                rtt: counts.rtt,
                retransmissions: counts.resent,
                unacked: counts.unacked,
                resent: counts.resent_first,
                end_acknowledged: header.state == FIN_WAIT2,
            };
            look(header.socket_id.source_port, client, path);
        }
        looked += 1;
        if looked < CLIENTS_LOOKED_AT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(looked < CLIENTS_LOOKED_AT)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::thread;

    use socket2::{SockFilter, SockRef};

    use super::*;

    /// The listener's address, and a connection to it from both sides.
    fn connection() -> (SocketAddr, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        (address, client, listener.accept().unwrap().0)
    }

    /// Looks until what is seen of this client is as wanted.
    fn wait_for(ports: &BTreeSet<u16>, client: SocketAddr, wanted: impl Fn(ClientPath) -> bool) -> ClientPath {
        loop {
            let mut seen = None;
            look_at_all(true, ports, |peer, path| seen = seen.or(Some(path).filter(|_| peer == client))).unwrap();
            if let Some(path) = seen.filter(|path| wanted(*path)) {
                return path;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_client_that_reads_nothing_acknowledges_the_end_and_its_machine_is_there() {
        let (door, client, own) = connection();
        let peer = client.local_addr().unwrap();
        let mut seen = 0;
        look_at(true, door.port(), |_, _, _| seen += 1).unwrap();
        assert_eq!(seen, 0, "nothing ends");
        own.shutdown(Shutdown::Write).unwrap();
        // Alone, and with others in one question.
        for ports in [BTreeSet::from([door.port()]), BTreeSet::from([door.port(), 1])] {
            let path = wait_for(&ports, peer, |path| path.end_acknowledged);
            assert_eq!((path.unacked, path.resent), (0, 0));
        }
        // What came to other ports is not looked at.
        let mut seen = 0;
        look_at_all(true, &BTreeSet::from([1, 2]), |_, _| seen += 1).unwrap();
        assert_eq!(seen, 0);
    }

    #[test]
    fn behind_a_path_that_is_cut_the_end_is_sent_again_and_not_acknowledged() {
        let (door, client, mut own) = connection();
        let peer = client.local_addr().unwrap();
        // Drops all that comes, before it is acknowledged.
        SockRef::from(&client).attach_filter(&[SockFilter::new(0x06, 0, 0, 0)]).unwrap();
        own.write_all(b"reply").unwrap();
        own.shutdown(Shutdown::Write).unwrap();
        let ports = BTreeSet::from([door.port()]);
        let path = wait_for(&ports, peer, |path| path.is_stuck());
        assert!(!path.end_acknowledged);
        // Also when zoogate has closed its socket.
        drop(own);
        assert!(wait_for(&ports, peer, |path| path.is_stuck()).resent > 0);
    }
}
