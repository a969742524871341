//! What a pooled client wants: its first frame is read, and no more than that is waited for.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::wire::first_frame::{ConnectionOpening, classify};

/// Most bytes that are read ahead of a server: a handshake, and what a client pipelines behind it. Beyond
/// that the client is not read until a server has answered.
pub(crate) const READ_AHEAD: usize = 64 * 1024;

/// What a client began with.
#[derive(Debug)]
pub(in crate::proxy) struct FirstFrame {
    /// Everything that it has sent so far.
    pub(in crate::proxy) bytes: Vec<u8>,
    /// What that is.
    pub(in crate::proxy) opening: ConnectionOpening,
}

/// Why there was no first frame.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum FirstFrameError {
    /// The client went away after this many bytes.
    #[error("client left after {0} bytes of its first frame")]
    Left(usize),
    /// It took too long.
    #[error("client sent {0} bytes of its first frame and then nothing until the deadline")]
    Deadline(usize),
    /// The connection failed.
    #[error("client connection failed: {0}")]
    Failed(#[from] io::Error),
}

/// Reads until it is clear what the client wants.
///
/// # Errors
/// [`FirstFrameError`]; the connection is of no use then.
pub(in crate::proxy) async fn read_first_frame(
    client: &mut TcpStream,
    deadline: Instant,
) -> Result<FirstFrame, FirstFrameError> {
    let mut bytes = Vec::new();
    loop {
        match timeout_at(deadline, client.read_buf(&mut bytes)).await {
            Err(_) => return Err(FirstFrameError::Deadline(bytes.len())),
            Ok(Err(error)) => return Err(error.into()),
            Ok(Ok(0)) => return Err(FirstFrameError::Left(bytes.len())),
            Ok(Ok(_)) => {}
        }
        if let Some(opening) = classify(&bytes) {
            return Ok(FirstFrame { bytes, opening });
        }
    }
}
