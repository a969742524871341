//! Connections that trouble a proxy while others are measured.

use crate::cases::Trouble;
use crate::{sessions, wire};
use anyhow::Result;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

/// Bytes of data in a request of a stream.
const STREAM_DATA: usize = 1_000_000;
/// Requests in flight on a connection that pipelines: as many as a proxy may be expected to follow.
const IN_FLIGHT: usize = 4_096;
/// Of those, requests for replies to nothing.
const NOISY: usize = 4;

/// Connections that are busy until this is dropped.
pub(crate) struct Troublemakers {
    streams: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Troublemakers {
    pub(crate) fn start(address: SocketAddr, trouble: Trouble) -> Result<Self> {
        let count = match trouble {
            Trouble::Streams(count) => count,
            Trouble::Nobody | Trouble::Pipeline | Trouble::Noise => 1,
        };
        let mut all = Self { streams: sessions::open(address, count)?, threads: Vec::new(), stop: Arc::default() };
        let path = wire::path_of_bytes(0);
        for stream in &all.streams {
            stream.set_read_timeout(None)?;
            let (writer, reader, stop) = (stream.try_clone()?, stream.try_clone()?, Arc::clone(&all.stop));
            match trouble {
                Trouble::Nobody => {}
                Trouble::Streams(_) => {
                    let request = wire::set_data(1, &path, &vec![b'z'; STREAM_DATA]);
                    all.threads.push(thread::spawn(move || write_on(writer, &request, &stop)));
                    all.threads.push(thread::spawn(move || swallow(reader)));
                }
                Trouble::Pipeline | Trouble::Noise => {
                    let burst = burst(trouble == Trouble::Noise, &path);
                    let replies = reply_bytes(trouble == Trouble::Noise);
                    let (tell, answered) = channel();
                    all.threads.push(thread::spawn(move || send_bursts(writer, &burst, &answered, &stop)));
                    all.threads.push(thread::spawn(move || read_bursts(reader, replies, &tell)));
                }
            }
        }
        Ok(all)
    }
}

impl Drop for Troublemakers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for stream in &self.streams {
            // Whoever waits for it sees its end.
            let _ = stream.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn write_on(mut stream: TcpStream, bytes: &[u8], stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) && stream.write_all(bytes).is_ok() {}
}

fn swallow(mut stream: TcpStream) {
    let mut bytes = [0; 16 * 1024];
    while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
}

/// As many requests as may be in flight.
fn burst(noisy: bool, path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for xid in 1..=IN_FLIGHT as i32 {
        if noisy && xid as usize <= NOISY {
            bytes.extend_from_slice(&wire::bare_request(xid, wire::ASK_FOR_NOISE));
        } else {
            bytes.extend_from_slice(&wire::get_data(xid, path));
        }
    }
    bytes
}

fn reply_bytes(noisy: bool) -> usize {
    let asked = if noisy { NOISY } else { 0 };
    let plain = (IN_FLIGHT - asked) * wire::get_data_reply_bytes(0);
    plain + asked * (crate::server::NOISE as usize + 1) * wire::BARE_REPLY_BYTES
}

/// Sends a burst, and another one whenever all replies to the last one have come.
fn send_bursts(mut writer: TcpStream, burst: &[u8], answered: &Receiver<()>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) && writer.write_all(burst).is_ok() && answered.recv().is_ok() {}
}

/// Reads the replies to bursts, and tells when they are all there.
fn read_bursts(mut reader: TcpStream, replies: usize, answered: &Sender<()>) {
    let mut bytes = vec![0; replies];
    while reader.read_exact(&mut bytes).is_ok() && answered.send(()).is_ok() {}
}
