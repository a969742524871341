//! A client that works like a broker: it holds a name, reads, writes, pings and comes back with its session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::client::{Client, Credentials, Greeting, Kind, Received, TIMEOUT_MS};
use crate::support::frames::{Frame, op};
use crate::support::wait::PATIENCE;

/// Between two rounds of requests.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it waits for a reply before it leaves.
const SILENCE: Duration = Duration::from_secs(5);

/// A client on a thread of its own, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct WorkingClient {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl WorkingClient {
    /// Registers below `/brokers/ids`, which must be there, and begins to work.
    pub(super) fn start(address: SocketAddr, number: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut client = Client::create_session(address);
        let path = format!("/brokers/ids/{number}");
        assert_eq!(client.create(&path, b"", Kind::Ephemeral), 0);
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut client = Some(client);
            let mut session = Credentials { session: 0, password: vec![0; 16], last_zxid: 0, timeout_ms: TIMEOUT_MS };
            while !seen.load(Ordering::Relaxed) {
                if let Some(mut working) = client.take().or_else(|| come_back(address, &session)) {
                    session = working.credentials();
                    while !seen.load(Ordering::Relaxed) && work(&mut working, &path) {
                        thread::sleep(PAUSE);
                    }
                }
                thread::sleep(PAUSE);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

fn come_back(address: SocketAddr, session: &Credentials) -> Option<Client> {
    match Client::hear(Client::claim(address, session).ok()?, session) {
        Greeting::Accepted(client) => Some(client),
        Greeting::Refused | Greeting::Ended => None,
    }
}

/// One round of requests; false when the connection is over.
fn work(client: &mut Client, path: &str) -> bool {
    let requests: [fn(&mut Client, &str) -> Frame; 4] = [
        |client, path| client.request(op::SET_DATA).text(path).buffer(b"at work").int(-1),
        |client, path| client.request(op::GET_DATA).text(path).bool(false),
        |client, path| client.request(op::GET_DATA).text(&format!("{path}-none")).bool(false),
        |client, _| client.request(op::PING),
    ];
    requests.iter().all(|request| {
        let frame = request(client, path);
        client.send(frame);
        matches!(client.link().receive(SILENCE.min(PATIENCE)), Received::Frame(_))
    })
}

impl Drop for WorkingClient {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A client that failed has said so already.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
