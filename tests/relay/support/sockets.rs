//! Small things done to sockets.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::wait::{until, within};

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Orderly,
    Reset,
}

/// Connects as soon as the address accepts.
pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    until("an address to accept", async || TcpStream::connect(address).await.ok()).await
}

/// Connects with small socket buffers, so that it is soon known when nobody reads.
pub(crate) async fn connect_narrow(address: SocketAddr) -> TcpStream {
    until("an address to accept", async || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.expect("a socket");
        socket.set_recv_buffer_size(4096).expect("SO_RCVBUF");
        socket.set_send_buffer_size(4096).expect("SO_SNDBUF");
        socket.connect(address).await.ok()
    })
    .await
}

/// Whether the address refuses connections.
pub(crate) async fn refuses(address: SocketAddr) -> bool {
    matches!(TcpStream::connect(address).await, Err(error) if error.kind() == ErrorKind::ConnectionRefused)
}

/// Ends a connection with a reset.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(stream);
}

/// Writes everything; the peer is expected to read it.
pub(crate) async fn send(stream: &mut TcpStream, bytes: &[u8]) {
    within("bytes to be taken", stream.write_all(bytes)).await.expect("a connection that takes bytes");
}

/// Reads exactly what is expected.
pub(crate) async fn expect(stream: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    within("bytes to come", stream.read_exact(&mut bytes)).await.expect("a connection that goes on");
    let differs = bytes.iter().zip(expected).position(|(one, other)| one != other);
    assert_eq!(differs, None, "bytes differ from this place on, of {}", expected.len());
}

/// Reads until the connection ends.
pub(crate) async fn rest(stream: &mut TcpStream) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let end = within("the end of a connection", stream.read_to_end(&mut bytes)).await;
    (bytes, how(end.map(|_| ())))
}

fn how(end: io::Result<()>) -> End {
    match end {
        Ok(()) => End::Orderly,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
        Err(error) => panic!("a connection ended oddly: {error}"),
    }
}
