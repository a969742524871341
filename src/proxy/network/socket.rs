//! Sockets as the relay wants them: bound, connected, tuned, reset.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::name_lookup::ServerName;
use crate::config::ServerAddress;
use crate::session::connection_end::CloseKind;
use crate::session::probe_result::ServerHealth;

/// Connections that may wait to be accepted on one listener; the kernel caps it at `net.core.somaxconn`.
pub(crate) const BACKLOG: i32 = 4096;
/// Silence after which a peer's kernel is asked whether it is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// Between two such questions.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// How long sent bytes may stay unacknowledged, or bytes unsent because the peer takes none, before the path counts
/// as broken. Longer than the usual session timeouts, so that ZooKeeper's own rules end a session before this does.
pub(crate) const UNACKNOWLEDGED: Duration = Duration::from_mins(1);

/// Why a server could not be reached.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum ConnectError {
    /// The name has no address, or none could be had in time.
    #[error("cannot resolve {server}: {error}")]
    Resolve {
        /// The server.
        server: ServerAddress,
        /// What the resolver said.
        error: io::Error,
    },
    /// No address of the server took the connection.
    #[error("cannot connect to {server} ({address}): {error}")]
    Connect {
        /// The server.
        server: ServerAddress,
        /// The address tried last.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// The server is this proxy itself, directly or by way of something else.
    #[error("{server} leads back to this zoogate")]
    LeadsBack {
        /// The server.
        server: ServerAddress,
    },
}

impl ConnectError {
    /// What the failure says about the server; None when it is a want on this side.
    pub(in crate::proxy) fn health(&self) -> Option<ServerHealth> {
        match self {
            Self::Connect { error, .. } if error.kind() == io::ErrorKind::ConnectionRefused => {
                Some(ServerHealth::Refusing)
            }
            Self::Connect { error, .. } if was_ended(error) => Some(ServerHealth::HangingUp),
            Self::Connect { error, .. } if want(error).is_some() => None,
            _ => Some(ServerHealth::Unreachable),
        }
    }

    /// A short name for a metric label.
    pub(in crate::proxy) fn label(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "resolve",
            Self::LeadsBack { .. } => "leads_back",
            Self::Connect { error, .. } => match error.kind() {
                io::ErrorKind::ConnectionRefused => "refused",
                io::ErrorKind::TimedOut => "timeout",
                _ if was_ended(error) => "closed",
                _ => want(error).unwrap_or("other"),
            },
        }
    }
}

/// Whether the server took the connection and ended it before the connect was through. That is how a server refuses
/// an address that has too many: its FIN and its reset may be faster than the kernel's word that it is connected.
fn was_ended(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// What this machine lacks for a connection, by the kernel's error.
fn want(error: &io::Error) -> Option<&'static str> {
    match Errno::from_io_error(error)? {
        Errno::MFILE | Errno::NFILE => Some("descriptors"),
        Errno::NOBUFS | Errno::NOMEM => Some("memory"),
        Errno::ADDRNOTAVAIL => Some("ports"),
        _ => None,
    }
}

/// How a peer ended, by the error that its connection gave. A write finds a broken pipe where the peer had ended in
/// order before it reset what came after that (`tcp_reset` of Linux).
pub(in crate::proxy) fn how(error: &io::Error) -> CloseKind {
    match error.kind() {
        io::ErrorKind::TimedOut => CloseKind::Timeout,
        io::ErrorKind::BrokenPipe => CloseKind::Fin,
        _ => CloseKind::Reset,
    }
}

/// Connects to a server: its name is looked up anew, and its addresses share the time that is left.
///
/// # Errors
/// The last failure; a time that ran out shows as [`io::ErrorKind::TimedOut`].
pub(in crate::proxy) async fn connect(name: &ServerName, deadline: Instant) -> Result<TcpStream, ConnectError> {
    if name.leads_back() {
        return Err(ConnectError::LeadsBack { server: name.server().clone() });
    }
    connect_whatever(name, deadline).await
}

/// The same for a server that may lead back here by way of something else.
///
/// # Errors
/// As [`connect`].
pub(in crate::proxy) async fn connect_whatever(
    name: &ServerName,
    deadline: Instant,
) -> Result<TcpStream, ConnectError> {
    let server = name.server();
    let resolve = |error| ConnectError::Resolve { server: server.clone(), error };
    let addresses = name.elsewhere(name.addresses(deadline).await.map_err(resolve)?);
    if addresses.is_empty() {
        return Err(ConnectError::LeadsBack { server: server.clone() });
    }
    connect_to_any(server, &addresses, deadline).await
}

/// Connects to the first address that takes the connection.
async fn connect_to_any(
    server: &ServerAddress,
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<TcpStream, ConnectError> {
    let mut failure = None;
    for (place, address) in addresses.iter().enumerate() {
        // What one address leaves unused goes to the next ones: a refused address costs no time.
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / (addresses.len() - place) as u32;
        let attempt = timeout_at(now + share, connect_to(*address)).await;
        match attempt.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(ConnectError::Connect { server: server.clone(), address: *address, error }),
        }
    }
    Err(failure
        .unwrap_or_else(|| ConnectError::Resolve { server: server.clone(), error: io::ErrorKind::NotFound.into() }))
}

/// A connection to one address, its options set before it is made.
async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    tune_upstream(&socket, address);
    socket.connect(address).await
}

/// Sets the options of a listening socket that its connections to clients inherit, so that an accept needs no
/// system call for them.
fn tune_listener(socket: &Socket, address: SocketAddr) {
    tune_loopback(&SockRef::from(socket), address);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    for (option, outcome) in [
        ("TCP_NODELAY", socket.set_tcp_nodelay(true)),
        ("SO_KEEPALIVE", socket.set_tcp_keepalive(&keepalive)),
        ("TCP_USER_TIMEOUT", socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))),
    ] {
        note_option(option, outcome);
    }
}

/// Sets the options of a connection to a server. It needs no keepalive: while its client lives there are pings to
/// be acknowledged, and the client's own end is found out on the client's side.
fn tune_upstream(socket: &TcpSocket, address: SocketAddr) {
    let socket = SockRef::from(socket);
    tune_loopback(&socket, address);
    note_option("TCP_NODELAY", socket.set_tcp_nodelay(true));
    // The first words follow at once and carry the acknowledgement that ends the kernel's handshake.
    note_option("TCP_QUICKACK", socket.set_tcp_quickack(false));
    note_option("TCP_USER_TIMEOUT", socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)));
}

/// Inside a machine there is no congestion, so the cheapest control of it is the best: one that paces what it sends,
/// such as BBR, costs timers. Elsewhere the machine's choice stands.
fn tune_loopback(socket: &SockRef<'_>, address: SocketAddr) {
    if address.ip().is_loopback() {
        note_option("TCP_CONGESTION", socket.set_tcp_congestion(b"reno"));
    }
}

/// An option that the kernel does not take is no reason to refuse traffic.
fn note_option(option: &'static str, outcome: io::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(option, %error, "could not set a socket option");
    }
}

/// Ends a connection with a reset instead of an orderly end.
pub(in crate::proxy) fn reset(stream: TcpStream) {
    if let Err(error) = SockRef::from(&stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "could not set SO_LINGER: the connection is closed instead of reset");
    }
    drop(stream);
}

/// Whether several sockets may share an address. "Ours" are the listeners of this process; the kernel means those of
/// its user that ask to share.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AddressSharing {
    /// With no other socket, except for what is left of connections that have ended.
    Alone,
    /// With ours, and with what is left of connections.
    WithOurOwn,
    /// With ours only: another process that allows reuse cannot take the address either.
    Jealously,
}

fn bind(address: SocketAddr, sharing: AddressSharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(sharing != AddressSharing::Jealously)?;
    if address.is_ipv6() {
        // Otherwise `[::]:2181` would take the IPv4 port as well, and a second listener on it would fail.
        socket.set_only_v6(true)?;
    }
    if sharing != AddressSharing::Alone {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A listening address that is ours whether we listen on it or not: a socket that is bound and does not listen,
/// so that the kernel refuses connections while no listener is open, and no other process can take the port.
#[derive(Debug)]
pub(in crate::proxy) struct Reservation {
    address: SocketAddr,
    _socket: Socket,
}

impl Reservation {
    /// Takes the address; port 0 takes a free one.
    ///
    /// # Errors
    /// The kernel's, above all when another process has the address. Sockets that share an address would hide
    /// that, so it is first bound alone.
    pub(in crate::proxy) fn take(address: SocketAddr) -> io::Result<Self> {
        let alone = bind(address, AddressSharing::Alone)?;
        // Bound alone and listening: only then does the kernel report another process on this port.
        alone.listen(1)?;
        let address = alone.local_addr()?.as_socket().unwrap_or(address);
        drop(alone);
        // Jealousy fails while connections of an earlier program linger in TIME_WAIT.
        let socket = bind(address, AddressSharing::Jealously).or_else(|_| bind(address, AddressSharing::WithOurOwn))?;
        Ok(Self { address, _socket: socket })
    }

    /// The address, with the port that was found for port 0.
    pub(in crate::proxy) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens on it, beside any other listener of this process.
    ///
    /// # Errors
    /// The kernel's: out of descriptors or memory.
    pub(in crate::proxy) fn listen(&self) -> io::Result<TcpListener> {
        let socket = bind(self.address, AddressSharing::WithOurOwn)?;
        tune_listener(&socket, self.address);
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::ServerId;

    fn name(server: &ServerAddress) -> ServerName {
        ServerName::of((ServerId(0), server.clone()), &Arc::default(), &Arc::default())
    }

    #[tokio::test]
    async fn a_reserved_port_refuses_until_somebody_listens_and_again_after() {
        let reservation = Reservation::take("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = reservation.address();
        assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let listener = reservation.listen().unwrap();
        let second = reservation.listen().unwrap();
        TcpStream::connect(address).await.unwrap();
        drop((listener, second));
        assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(std::net::TcpListener::bind(address).is_err(), "somebody else could take the port");
    }

    #[tokio::test]
    async fn an_accepted_connection_has_the_listeners_options() {
        let reservation = Reservation::take("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = reservation.listen().unwrap();
        let _client = TcpStream::connect(reservation.address()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_AFTER);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_EVERY);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
        assert!(socket.tcp_congestion().unwrap().starts_with(b"reno"));
    }

    #[tokio::test]
    async fn a_connection_to_a_server_has_its_options() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = connect_to(listener.local_addr().unwrap()).await.unwrap();
        let socket = SockRef::from(&server);
        assert!(socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
        assert!(socket.tcp_congestion().unwrap().starts_with(b"reno"));
    }

    #[test]
    fn the_acknowledgement_of_a_handshake_waits_for_the_first_words() {
        // To be asked before: the connect itself sets it anew.
        let socket = TcpSocket::new_v4().unwrap();
        assert!(SockRef::from(&socket).tcp_quickack().unwrap());
        tune_upstream(&socket, "192.0.2.1:2181".parse().unwrap());
        assert!(!SockRef::from(&socket).tcp_quickack().unwrap());
    }

    #[test]
    fn beyond_this_machine_its_own_choice_of_congestion_control_stands() {
        let socket = TcpSocket::new_v4().unwrap();
        let choice = |socket| SockRef::from(socket).tcp_congestion().unwrap();
        SockRef::from(&socket).set_tcp_congestion(b"cubic").unwrap();
        tune_upstream(&socket, "192.0.2.1:2181".parse().unwrap());
        assert!(choice(&socket).starts_with(b"cubic"));
        tune_upstream(&socket, "127.0.0.1:2181".parse().unwrap());
        assert!(choice(&socket).starts_with(b"reno"));
    }

    #[test]
    fn an_address_of_all_interfaces_leaves_the_other_family_its_own() {
        let socket = bind("[::]:0".parse().unwrap(), AddressSharing::Alone).unwrap();
        assert!(socket.only_v6().unwrap());
    }

    #[test]
    fn an_address_is_taken_over_from_connections_that_linger() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        // The side that closes first is left with the lingering.
        drop((accepted, listener));
        assert_eq!(io::Read::read(&mut client, &mut [0]).unwrap(), 0);
        drop(client);
        assert!(bind(address, AddressSharing::Jealously).is_err(), "nothing lingers");
        Reservation::take(address).unwrap();
    }

    #[tokio::test]
    async fn an_address_that_swallows_connections_leaves_time_for_the_next() {
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hole = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        hole.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        hole.listen(0).unwrap();
        let addresses = [hole.local_addr().unwrap().as_socket().unwrap(), other.local_addr().unwrap()];
        let mut filling = Vec::new();
        while let Ok(taken) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(addresses[0])).await {
            filling.push(taken.unwrap());
        }
        let (server, deadline) = ("a:1".parse().unwrap(), Instant::now() + Duration::from_secs(4));
        let found = connect_to_any(&server, &addresses, deadline).await.unwrap();
        assert_eq!(found.peer_addr().unwrap(), addresses[1]);
        assert!(Instant::now() < deadline, "the first address has had all the time");
    }

    #[tokio::test]
    async fn an_address_in_use_is_an_error() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let error = Reservation::take(other.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn failures_name_the_server_and_say_what_it_is_worth() {
        let free = Reservation::take("127.0.0.1:0".parse().unwrap()).unwrap();
        let server: ServerAddress = free.address().to_string().parse().unwrap();
        let soon = Instant::now() + Duration::from_secs(5);
        let error = connect(&name(&server), soon).await.unwrap_err();
        assert_eq!((error.health(), error.label()), (Some(ServerHealth::Refusing), "refused"));
        assert!(error.to_string().starts_with(&format!("cannot connect to {server}")), "{error}");
        let server: ServerAddress = "no-such-host.invalid:1".parse().unwrap();
        let error = connect(&name(&server), soon).await.unwrap_err();
        assert_eq!((error.health(), error.label()), (Some(ServerHealth::Unreachable), "resolve"));
    }

    #[test]
    fn a_want_on_this_side_says_nothing_about_the_server() {
        let (server, address) = ("a:1".parse().unwrap(), "127.0.0.1:1".parse().unwrap());
        let error = ConnectError::Connect { server, address, error: Errno::MFILE.into() };
        assert_eq!((error.health(), error.label()), (None, "descriptors"));
    }

    #[test]
    fn a_path_that_timed_out_is_told_from_a_reset() {
        for (errno, expected) in
            [(Errno::TIMEDOUT, CloseKind::Timeout), (Errno::CONNRESET, CloseKind::Reset), (Errno::PIPE, CloseKind::Fin)]
        {
            assert_eq!(how(&errno.into()), expected, "{errno}");
        }
    }

    #[test]
    fn a_server_that_ends_the_connection_at_once_is_there() {
        let server: ServerAddress = "127.0.0.1:2181".parse().unwrap();
        let failed = |kind: io::ErrorKind| {
            let address = SocketAddr::from(([127, 0, 0, 1], 2181));
            ConnectError::Connect { server: server.clone(), address, error: kind.into() }
        };
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
            let error = failed(kind);
            assert_eq!((error.health(), error.label()), (Some(ServerHealth::HangingUp), "closed"), "{kind:?}");
        }
        let error = failed(io::ErrorKind::HostUnreachable);
        assert_eq!((error.health(), error.label()), (Some(ServerHealth::Unreachable), "other"));
    }
}
