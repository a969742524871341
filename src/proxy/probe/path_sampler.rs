//! Samples what the kernel knows of the connections to servers: round trips, and segments that were sent again or are
//! not acknowledged (`TCP_INFO`).
//!
//! A question to an unresponsive server shows what is wrong there: if its segment is acknowledged, the other kernel is
//! there and the process is not; if it is sent again and again, nothing is reached.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::diagnose::PathSample;
use crate::ids::ServerId;
use crate::proxy::network::kernel_counts::KernelCounts;
use crate::proxy::network::sample_failures::SampleFailures;
use crate::proxy::network::socket_diag::SocketDiag;
use crate::proxy::shared::proxy_state::ProxyState;
use crate::session::probe_result::ServerHealth;

/// Between two samples.
pub(crate) const PATHS_EVERY: Duration = Duration::from_secs(5);
/// The same while a server does not answer.
pub(crate) const PATHS_IN_TROUBLE: Duration = Duration::from_secs(1);
/// Connections to one port that are looked at in a sample.
pub(crate) const CONNECTIONS_SAMPLED: usize = 64;

/// The kernel's number for a connection, which lasts longer than its descriptor.
type SocketCookie = [u8; 8];

/// Samples the paths to all servers.
pub(in crate::proxy) struct PathSampler {
    proxy: Arc<ProxyState>,
    /// Segments that were sent again in each connection when it was last looked at, by the kernel's number for it. As many
    /// as were looked at in the last sample.
    seen: HashMap<SocketCookie, u32>,
}

impl PathSampler {
    /// Nothing was looked at yet.
    pub(in crate::proxy) fn new(proxy: Arc<ProxyState>) -> Self {
        Self { proxy, seen: HashMap::new() }
    }

    /// Samples now and then, unless the kernel never tells. A sample that fails otherwise is left out.
    pub(in crate::proxy) async fn run(mut self) {
        let mut rounds = interval(PATHS_IN_TROUBLE);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sampled_at: Option<Instant> = None;
        let mut failures = SampleFailures::new("connections to servers");
        loop {
            rounds.tick().await;
            let rested = sampled_at.is_none_or(|at| at.elapsed() >= PATHS_EVERY);
            if !rested && !self.is_trouble() {
                continue;
            }
            sampled_at = Some(Instant::now());
            let servers = self.addresses().await;
            if failures.note(self.sample(&servers)).is_break() {
                return;
            }
        }
    }

    fn is_trouble(&self) -> bool {
        let silent = |health| matches!(health, ServerHealth::Unresponsive | ServerHealth::Unreachable);
        self.proxy.state.roster().servers.iter().any(|server| silent(server.health))
    }

    /// The addresses that each server's name has now.
    async fn addresses(&self) -> Vec<(SocketAddr, ServerId)> {
        let deadline = Instant::now() + PATHS_IN_TROUBLE;
        let mut servers = Vec::new();
        for (server, name) in (0..=u16::MAX).map(ServerId).zip(&self.proxy.names) {
            // A name that has no address now has no connection that could be looked at.
            let addresses = name.addresses(deadline).await.unwrap_or_default();
            servers.extend(addresses.iter().map(|address| (*address, server)));
        }
        servers
    }

    fn sample(&mut self, servers: &[(SocketAddr, ServerId)]) -> io::Result<()> {
        let ports: HashSet<_> = servers.iter().map(|(address, _)| (address.is_ipv4(), address.port())).collect();
        let is_first = self.seen.is_empty();
        let mut seen = HashMap::new();
        let mut samples: HashMap<ServerId, PathSample> = HashMap::new();
        for (is_ipv4, port) in ports {
            look_at(is_ipv4, port, |cookie, peer, counts| {
                let before = self.seen.get(&cookie).copied();
                seen.insert(cookie, counts.resent);
                let Some((_, server)) = servers.iter().find(|(address, _)| *address == peer) else { return };
                let sample = samples.entry(*server).or_default();
                // What a connection had sent again before it was first looked at may be long ago.
                let again = counts.resent.wrapping_sub(before.unwrap_or(if is_first { counts.resent } else { 0 }));
                sample.rtt = sample.rtt.max(counts.rtt);
                sample.retransmissions = sample.retransmissions.saturating_add(again);
                sample.unacked = sample.unacked.max(counts.unacked);
                sample.lost = sample.lost.saturating_add(counts.lost);
            })?;
        }
        self.seen = seen;
        let now = self.proxy.clock.now();
        for (server, sample) in samples {
            self.proxy.state.note_path(server, now, sample);
        }
        Ok(())
    }
}

/// Looks at connections to a port, by their cookies and peers: at [`CONNECTIONS_SAMPLED`] at most. The kernel goes through
/// them in the same order each time. Those that are closed here and not acknowledged are among them: a question that was
/// given up is.
fn look_at(is_ipv4: bool, port: u16, mut look: impl FnMut(SocketCookie, SocketAddr, KernelCounts)) -> io::Result<()> {
    let (family, any) = if is_ipv4 { (AF_INET, SocketId::new_v4()) } else { (AF_INET6, SocketId::new_v6()) };
    let question = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::ESTABLISHED | StateFlags::FIN_WAIT1,
        socket_id: SocketId { destination_port: port, ..any },
    };
    let mut looked = 0;
    // A way of its own: what is not looked at any more would stand before the next answer.
    SocketDiag::open()?.ask(question, |InetResponse { header, nlas }| {
        let info = nlas.iter().find_map(|nla| if let Nla::TcpInfo(info) = nla { Some(info) } else { None });
        if let Some(counts) = info.and_then(|info| KernelCounts::read(info)) {
            let id = &header.socket_id;
            look(id.cookie, SocketAddr::new(id.destination_address, id.destination_port), counts);
        }
        looked += 1;
        if looked < CONNECTIONS_SAMPLED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn counts_to(address: SocketAddr) -> Vec<(SocketCookie, SocketAddr, KernelCounts)> {
        let mut found = Vec::new();
        look_at(address.is_ipv4(), address.port(), |cookie, peer, counts| found.push((cookie, peer, counts))).unwrap();
        found
    }

    #[test]
    fn the_kernel_tells_the_round_trip_of_a_connection_to_a_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(counts_to(address), []);
        let mut client = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"?").unwrap();
        server.read_exact(&mut [0]).unwrap();
        server.write_all(b"!").unwrap();
        client.read_exact(&mut [0]).unwrap();
        let found = counts_to(address);
        let [(_, peer, counts)] = found[..] else { panic!("{found:?}") };
        assert_eq!(peer, address);
        assert!(counts.rtt > Duration::ZERO, "{counts:?}");
        assert_eq!((counts.unacked, counts.lost, counts.resent), (0, 0, 0));
    }

    #[test]
    fn of_many_connections_some_are_looked_at() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = || (TcpStream::connect(address).unwrap(), listener.accept().unwrap());
        let _open: Vec<_> = (0..CONNECTIONS_SAMPLED + 9).map(|_| open()).collect();
        let cookies = || counts_to(address).into_iter().map(|(cookie, ..)| cookie).collect::<Vec<_>>();
        let first = cookies();
        assert_eq!(first.len(), CONNECTIONS_SAMPLED);
        assert_eq!(cookies(), first, "the same ones each time");
    }
}
