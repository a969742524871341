//! One four-letter word on a connection of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long a connect may take, and an answer as a whole, however slowly its bytes come.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// How long a port for TLS may take to end a connection that begins with something else.
const TLS_ENDS_WITHIN: Duration = Duration::from_secs(1);
/// The first byte of a TLS record that holds an alert.
const TLS_ALERT: u8 = 0x15;
/// Most bytes of an answer that are read.
const ANSWER_CAP: u64 = 64 << 10;

/// How an exchange ended.
#[derive(Debug)]
pub(super) enum WordOutcome {
    /// There is no connection.
    NoConnection(io::ErrorKind),
    /// The connection stood, and there was no whole answer in time.
    NoAnswer,
    /// The connection ended without a byte.
    Closed,
    /// The port waits for TLS.
    WaitsForTls,
    /// There was an answer.
    Answered(WordAnswer),
}

/// An answer to a word.
#[derive(Debug)]
pub(super) struct WordAnswer {
    /// Its bytes, at most [`ANSWER_CAP`].
    pub(super) bytes: Vec<u8>,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
    /// From the question to its end.
    pub(super) took: Duration,
    /// This end of the connection.
    pub(super) own_address: SocketAddr,
}

/// Asks one word; the time of the connect comes with the outcome where there was one.
pub(super) async fn ask(address: SocketAddr, word: &str) -> (Option<Duration>, WordOutcome) {
    let begun = Instant::now();
    let stream = match timeout(PATIENCE, TcpStream::connect(address)).await {
        Err(_) => return (None, WordOutcome::NoConnection(io::ErrorKind::TimedOut)),
        Ok(Err(error)) => return (None, WordOutcome::NoConnection(error.kind())),
        Ok(Ok(stream)) => stream,
    };
    let connected = Instant::now();
    (Some(connected - begun), exchange(stream, word, connected).await)
}

async fn exchange(mut stream: TcpStream, word: &str, asked: Instant) -> WordOutcome {
    let Ok(own_address) = stream.local_addr() else { return WordOutcome::Closed };
    let mut bytes = Vec::new();
    let answered = timeout(PATIENCE, async {
        stream.write_all(word.as_bytes()).await?;
        (&mut stream).take(ANSWER_CAP + 1).read_to_end(&mut bytes).await
    });
    match answered.await {
        Err(_) if bytes.is_empty() && waits_for_tls(&mut stream).await => WordOutcome::WaitsForTls,
        Err(_) => WordOutcome::NoAnswer,
        // A server may reset a connection behind its answer: what came counts.
        Ok(_) if bytes.is_empty() => WordOutcome::Closed,
        Ok(_) => {
            let is_whole = bytes.len() as u64 <= ANSWER_CAP;
            bytes.truncate(ANSWER_CAP as usize);
            WordOutcome::Answered(WordAnswer { bytes, is_whole, took: asked.elapsed(), own_address })
        }
    }
}

/// Whether a port that has not answered a word of four bytes waits for TLS: a record's head has five, and at the fifth byte
/// such a port sees that there is none (Netty's `SslHandler`). A process that stands still does nothing then either.
async fn waits_for_tls(stream: &mut TcpStream) -> bool {
    let mut first = [0];
    let fifth = timeout(TLS_ENDS_WITHIN, async {
        stream.write_all(b"\n").await?;
        stream.read(&mut first).await
    });
    match fifth.await {
        Err(_) => false,
        Ok(Ok(0) | Err(_)) => true,
        Ok(Ok(_)) => first == [TLS_ALERT],
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Asks a server that reads this many bytes and answers with these; then it ends the connection, or stays silent.
    async fn outcome(reads: usize, answer: &'static [u8], ends: bool) -> WordOutcome {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut vec![0; reads]).await.unwrap();
            stream.write_all(answer).await.unwrap();
            // Read until the other side goes.
            while !ends && stream.read(&mut [0; 64]).await.unwrap_or(0) > 0 {}
        });
        let (_, outcome) = ask(address, "srvr").await;
        server.abort();
        outcome
    }

    #[tokio::test]
    async fn a_port_that_waits_for_a_fifth_byte_waits_for_tls() {
        let (ends, alert, frozen, late) = tokio::join!(
            outcome(5, b"", true),
            outcome(5, b"\x15\x03\x03\x00\x02\x02\x16", true),
            outcome(4, b"", false),
            outcome(5, b"Zookeeper version", true),
        );
        assert!(matches!((ends, alert), (WordOutcome::WaitsForTls, WordOutcome::WaitsForTls)));
        assert!(
            matches!((frozen, late), (WordOutcome::NoAnswer, WordOutcome::NoAnswer)),
            "it stands still, or was late"
        );
        assert!(matches!(outcome(4, b"", true).await, WordOutcome::Closed));
        assert!(matches!(outcome(4, b"Zookeeper version", true).await, WordOutcome::Answered(_)));
    }
}
