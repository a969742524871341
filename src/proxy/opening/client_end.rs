//! Whether a client is still there, right before something is done for it that cannot be taken back, and while it
//! waits and is not read.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes of a client that has more to say which are read at once.
const LONG_PIECE: usize = 2048;

/// How a client ended its side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) enum ClientEnd {
    /// In order: it may still read.
    Fin,
    /// It is gone: a reset, or a path that timed out.
    Broken,
}

/// Adds to `bytes` what the client has sent by now, up to `most` in all, without waiting; Some when its end stands
/// behind that, or has overtaken it.
pub(in crate::proxy) fn take_ready(client: &TcpStream, bytes: &mut Vec<u8>, most: usize) -> Option<ClientEnd> {
    // Nearly always there is nothing more, and a short piece is made ready in no time.
    let (mut short, mut long) = ([0; 64], None);
    while bytes.len() < most {
        let piece: &mut [u8] = long.as_deref_mut().unwrap_or(&mut short);
        let room = piece.len().min(most - bytes.len());
        match client.try_read(&mut piece[..room]) {
            Ok(0) => return Some(ClientEnd::Fin),
            Ok(count) => {
                bytes.extend_from_slice(&piece[..count]);
                long.get_or_insert_with(|| vec![0; LONG_PIECE].into_boxed_slice());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => return Some(ClientEnd::Broken),
        }
    }
    unread_end(client).filter(|end| *end == ClientEnd::Broken)
}

/// How the client has ended its side, by what the kernel knows of it while it is not read: an end in order may stand
/// behind bytes that are still to be read.
pub(super) fn unread_end(client: &TcpStream) -> Option<ClientEnd> {
    // As nothing was sent to it yet it can always be written to, and there is nothing to wait for.
    let all = Interest::READABLE | Interest::WRITABLE | Interest::ERROR;
    match pin!(client.ready(all)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(ready)) if ready.is_error() || ready.is_write_closed() => Some(ClientEnd::Broken),
        Poll::Ready(Ok(ready)) if ready.is_read_closed() => Some(ClientEnd::Fin),
        Poll::Ready(Ok(_)) | Poll::Pending => None,
        Poll::Ready(Err(_)) => Some(ClientEnd::Broken),
    }
}
