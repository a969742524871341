//! A server that gives sessions and answers each request with its head alone.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use zoogate::wire::{ErrorCode, JuteWriter, OpCode};

/// What a prober is told.
const SRVR: &[u8] = b"Zookeeper version: 3.9.3-fake, built on now\nZxid: 0x7\nMode: standalone\nNode count: 5\n";
/// The words that a prober asks.
const WORDS: [&[u8; 4]; 2] = [b"srvr", b"ruok"];

/// Serves for as long as the test runs.
pub(crate) fn start(address: SocketAddr) {
    static SESSIONS: AtomicI64 = AtomicI64::new(1 << 56);
    let listener = TcpListener::bind(address).expect("an address to listen on");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = SESSIONS.fetch_add(1, Ordering::Relaxed);
            // Whoever has gone is served no longer.
            thread::spawn(move || drop(serve(stream, session)));
        }
    });
}

fn serve(mut stream: TcpStream, session: i64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0; 4];
    stream.read_exact(&mut first)?;
    if WORDS.contains(&&first) {
        return stream.write_all(SRVR);
    }
    read_body(&mut stream, first)?;
    let given = JuteWriter::new().begin().int(0).int(18_000).long(session).buffer(&[7; 16]).bool(false).end();
    stream.write_all(&given.into_bytes())?;
    loop {
        let request = read_frame(&mut stream)?;
        let xid = request.first_chunk().map_or(0, |xid| i32::from_be_bytes(*xid));
        stream.write_all(&JuteWriter::new().reply(xid, 8, ErrorCode::OK).end().into_bytes())?;
        if request.get(4..8) == Some(&OpCode::CLOSE_SESSION.0.to_be_bytes()) {
            return Ok(());
        }
    }
}

/// Reads a frame; returns what stands behind its length.
pub(crate) fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    read_body(stream, length)
}

fn read_body(stream: &mut TcpStream, length: [u8; 4]) -> io::Result<Vec<u8>> {
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body)?;
    Ok(body)
}
