//! Opens ZooKeeper sessions by the thousand.

use crate::wire;
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sessions opened at once: far below any listen backlog.
const BATCH: usize = 64;
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens `count` sessions, each with its handshake done; the streams block with a deadline.
pub(crate) fn open(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    let hello = wire::connect_request();
    while streams.len() < count {
        let first = streams.len();
        for _ in first..count.min(first + BATCH) {
            let mut stream = TcpStream::connect(address)
                .with_context(|| format!("cannot connect session {} to {address}", streams.len()))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(&hello)?;
            streams.push(stream);
        }
        for (at, stream) in streams.iter_mut().enumerate().skip(first) {
            let mut answer = [0; wire::CONNECT_RESPONSE_BYTES];
            stream.read_exact(&mut answer).with_context(|| format!("session {at} of {address} got no answer"))?;
            anyhow::ensure!(wire::number(&answer, 8) > 0, "session {at} of {address} was refused");
        }
    }
    Ok(streams)
}

/// One request and its whole reply, whatever its size.
pub(crate) fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Vec<u8>> {
    stream.write_all(request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; wire::number(&length, 0).max(0) as usize];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}
