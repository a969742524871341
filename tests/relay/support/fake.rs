//! A server that answers zoogate's own question by itself and hands every other visitor to the test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::ports;
use super::sockets::{expect, send};
use super::wait::within;

/// What it answers to that.
pub(crate) const SRVR: &[u8] = b"Zookeeper version: 3.9.3-fake, built on now\nReceived: 1\nSent: 1\nConnections: 1\n\
    Outstanding: 0\nZxid: 0x7\nMode: standalone\nNode count: 5\n";

/// What it answers to the question in front of that.
const NOT_ALLOWED: &[u8] = b"ruok is not executed because it is not in the whitelist.\n";

/// What a server answers to zoogate's own question, if it does.
type Says = Arc<Mutex<Option<&'static [u8]>>>;

/// The server. It refuses connections once it is dropped.
pub(crate) struct Fake {
    address: SocketAddr,
    visits: mpsc::UnboundedReceiver<Visit>,
    says: Says,
    task: AbortHandle,
}

/// A connection that was opened by, or for, a client.
pub(crate) struct Visit {
    /// Its rest.
    pub(crate) stream: TcpStream,
    /// The bytes that it began with: four, read ahead.
    pub(crate) opening: [u8; 4],
}

impl Fake {
    /// A server on a free address.
    pub(crate) async fn start() -> Self {
        Self::at(ports::free()).await
    }

    /// A server on this address.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("an address to listen on");
        Self::with(listener)
    }

    /// A server that takes little before it reads.
    pub(crate) fn start_narrow() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(8192).expect("SO_RCVBUF");
        // Connections of an earlier run may linger there.
        socket.set_reuseaddr(true).expect("SO_REUSEADDR");
        socket.bind(ports::free()).expect("an address to listen on");
        Self::with(socket.listen(128).expect("a listener"))
    }

    /// A server on this listener.
    pub(crate) fn with(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("the address of a listener");
        let (sender, visits) = mpsc::unbounded_channel();
        let says: Says = Arc::new(Mutex::new(Some(SRVR)));
        let task = tokio::spawn(serve(listener, sender, Arc::clone(&says))).abort_handle();
        Self { address, visits, says, task }
    }

    /// Answers zoogate's own questions with this from now on; with nothing where it is None.
    pub(crate) fn says(&self, answer: Option<&'static [u8]>) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// Answers them as it did at first.
    pub(crate) fn says_again(&self) {
        self.says(Some(SRVR));
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next visitor.
    pub(crate) async fn visit(&mut self) -> Visit {
        within("a visitor", self.visits.recv()).await.expect("a server that listens")
    }

    /// The next visitor, however long that takes.
    pub(crate) async fn next(&mut self) -> Visit {
        self.visits.recv().await.expect("a server that listens")
    }

    /// The next visitor, if there is one already.
    pub(crate) fn visit_now(&mut self) -> Option<Visit> {
        self.visits.try_recv().ok()
    }

    /// The next visitor, who must begin with exactly this.
    pub(crate) async fn visit_with(&mut self, opening: &[u8]) -> TcpStream {
        let mut visit = self.visit().await;
        assert_eq!(visit.opening, opening[..4]);
        expect(&mut visit.stream, &opening[4..]).await;
        visit.stream
    }

    /// Accepts a session: reads the claim, which must be exactly this, and answers it.
    pub(crate) async fn attach(&mut self, claim: &[u8], answer: &[u8]) -> TcpStream {
        let mut stream = self.visit_with(claim).await;
        send(&mut stream, answer).await;
        stream
    }
}

/// The next question at a listener. What a server is asked that nothing is known of is answered as ZooKeeper does.
pub(crate) async fn asked(listener: &TcpListener) -> TcpStream {
    loop {
        let (mut stream, _) = within("a question", listener.accept()).await.expect("a connection");
        let mut word = [0; 4];
        within("a word", stream.read_exact(&mut word)).await.expect("a word");
        if &word == b"srvr" {
            return stream;
        }
        assert_eq!(&word, b"ruok");
        send(&mut stream, NOT_ALLOWED).await;
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, visits: mpsc::UnboundedSender<Visit>, says: Says) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        tokio::spawn(receive(stream, visits.clone(), Arc::clone(&says)));
    }
}

async fn receive(mut stream: TcpStream, visits: mpsc::UnboundedSender<Visit>, says: Says) {
    let mut opening = [0; 4];
    if stream.read_exact(&mut opening).await.is_err() {
        return;
    }
    if matches!(&opening, b"srvr" | b"ruok") {
        let answer = *says.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever asked may be gone, or lose patience; that is not this server's business.
        let _ = match answer.map(|answer| if &opening == b"ruok" { NOT_ALLOWED } else { answer }) {
            Some(answer) => stream.write_all(answer).await,
            None => stream.read(&mut opening).await.map(|_| ()),
        };
    } else {
        // A test that has ended looks at no more visitors.
        let _ = visits.send(Visit { stream, opening });
    }
}
