//! Whether a client is still there, right before something is done for it that cannot be taken back.

use std::io;

use tokio::net::TcpStream;

use super::gate::READ_AHEAD;

/// How a client ended its side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClientEnd {
    /// In order: it may still read.
    Fin,
    /// It is gone: a reset, or a path that timed out.
    Broken,
}

/// Adds to `bytes` what the client has sent by now, up to [`READ_AHEAD`] in all, without waiting; Some when its end
/// stands behind that.
pub(super) fn take_ready(client: &TcpStream, bytes: &mut Vec<u8>) -> Option<ClientEnd> {
    let mut piece = [0; 2048];
    while bytes.len() < READ_AHEAD {
        let most = piece.len().min(READ_AHEAD - bytes.len());
        match client.try_read(&mut piece[..most]) {
            Ok(0) => return Some(ClientEnd::Fin),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => return Some(ClientEnd::Broken),
        }
    }
    None
}
