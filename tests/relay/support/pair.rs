//! A session through zoogate, and its two ends.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::fake::Fake;
use super::frames;
use super::sockets::{connect, expect, send};

/// A session timeout beyond which nobody on a loaded machine loses patience, in milliseconds.
const TIMEOUT: i32 = 600_000;

/// A client and the server that it is attached to.
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

impl Pair {
    /// A new session, given by this server, through this address.
    pub(crate) async fn attach(fake: &mut Fake, address: SocketAddr, session: i64) -> Self {
        Self::attach_for(fake, address, session, TIMEOUT).await
    }

    /// The same with a session timeout of this many milliseconds.
    pub(crate) async fn attach_for(fake: &mut Fake, address: SocketAddr, session: i64, timeout_ms: i32) -> Self {
        let mut client = connect(address).await;
        let (claim, answer) = (frames::connect(timeout_ms), frames::connected(timeout_ms, session));
        send(&mut client, &claim).await;
        let server = fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
        Self { client, server }
    }

    /// One ping and its answer.
    pub(crate) async fn heartbeat(&mut self) {
        send(&mut self.client, &frames::ping()).await;
        expect(&mut self.server, &frames::ping()).await;
        send(&mut self.server, &frames::pong()).await;
        expect(&mut self.client, &frames::pong()).await;
    }
}
