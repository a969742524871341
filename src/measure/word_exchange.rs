//! One four-letter word on a connection of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long a connect may take, and an answer as a whole, however slowly its bytes come.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
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
