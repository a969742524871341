//! Sessions that live for a moment: connect, handshake, closeSession, FIN, and again.

use crate::histogram::Histogram;
use crate::load::Outcome;
use crate::wire;
use anyhow::{Context, Result, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(50);
/// The closing request's xid.
const CLOSE_XID: i32 = 1;

/// Runs `lanes` such loops side by side for `measure` after `warm_up`; an operation is one whole life of a session.
pub(crate) fn run(
    address: SocketAddr,
    lanes: usize,
    (warm_up, measure): (Duration, Duration),
    proxy_cpu: &dyn Fn() -> Result<Duration>,
) -> Result<Outcome> {
    let mut loops = Loops::open(address, lanes)?;
    loops.drive_for(warm_up)?;
    loops.latency = Histogram::new();
    let (cpu, start) = (proxy_cpu()?, Instant::now());
    loops.drive_for(measure)?;
    let outcome = Outcome {
        operations: loops.latency.count(),
        elapsed: start.elapsed(),
        proxy_cpu: proxy_cpu()?.saturating_sub(cpu),
        latency: loops.latency.clone(),
    };
    ensure!(outcome.operations > 0, "{address} finished no session in {measure:?}");
    Ok(outcome)
}

struct Loops {
    address: SocketAddr,
    poll: Poll,
    events: Events,
    lanes: Vec<Life>,
    hello: Vec<u8>,
    latency: Histogram,
}

/// One session, from its SYN to the server's FIN.
struct Life {
    stream: TcpStream,
    began: Instant,
    greeted: bool,
    answered: usize,
}

impl Loops {
    fn open(address: SocketAddr, lanes: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let lives = (0..lanes).map(|lane| Life::begin(address, &poll, lane)).collect::<Result<_>>()?;
        Ok(Self {
            address,
            poll,
            events: Events::with_capacity(256),
            lanes: lives,
            hello: wire::connect_request(),
            latency: Histogram::new(),
        })
    }

    fn drive_for(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            match self.poll.poll(&mut self.events, Some(TICK)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &self.events {
                let lane = event.token().0;
                let life = &mut self.lanes[lane];
                if event.is_writable() && !life.greeted {
                    life.stream.write_all(&self.hello).context("the handshake was refused")?;
                    life.greeted = true;
                }
                if (event.is_readable() || event.is_read_closed()) && life.read_to_end()? {
                    self.latency.record(life.began.elapsed());
                    *life = Life::begin(self.address, &self.poll, lane)?;
                }
            }
        }
        Ok(())
    }
}

impl Life {
    fn begin(address: SocketAddr, poll: &Poll, lane: usize) -> Result<Self> {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        poll.registry().register(&mut stream, Token(lane), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, began, greeted: false, answered: 0 })
    }

    /// Reads on; asks for the close once the ConnectResponse is there; true at the server's FIN.
    fn read_to_end(&mut self) -> Result<bool> {
        let mut input = [0; 256];
        loop {
            match self.stream.read(&mut input) {
                Ok(0) => {
                    let whole = wire::CONNECT_RESPONSE_BYTES + wire::BARE_REPLY_BYTES;
                    ensure!(self.answered == whole, "a session ended after {} of {whole} bytes", self.answered);
                    return Ok(true);
                }
                Ok(read) => {
                    let before = self.answered;
                    self.answered += read;
                    let granted = wire::CONNECT_RESPONSE_BYTES;
                    if before < granted && self.answered >= granted {
                        let close = wire::bare_request(CLOSE_XID, wire::CLOSE_SESSION);
                        self.stream.write_all(&close)?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error).context("a session broke"),
            }
        }
    }
}
