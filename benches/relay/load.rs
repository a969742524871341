//! The closed loop: every connection keeps `depth` requests under way and sends one more for each reply.

use crate::histogram::Histogram;
use crate::{sessions, wire};
use anyhow::{Context, Result, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const READ_BUFFER_BYTES: usize = 256 * 1024;
/// A wake-up at least this often, so that a stalled peer cannot hold the clock.
const TICK: Duration = Duration::from_millis(50);
/// How long a peer may answer nothing at all before the round is given up.
const STALL: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    pub(crate) depth: usize,
    /// Bytes of data in every reply.
    pub(crate) data_bytes: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) operations: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latency: Histogram,
    /// CPU time of the proxy between the two readings of its meter.
    pub(crate) proxy_cpu: Duration,
}

/// Runs `plan` against `address`; `proxy_cpu` is read when measuring begins and when it ends.
pub(crate) fn run(address: SocketAddr, plan: &Plan, proxy_cpu: &dyn Fn() -> Result<Duration>) -> Result<Outcome> {
    let mut load = Load::open(address, plan)?;
    load.drive_for(plan.warm_up)?;
    load.latency = Histogram::new();
    let (cpu, start) = (proxy_cpu()?, Instant::now());
    load.drive_for(plan.measure)?;
    let outcome = Outcome {
        operations: load.latency.count(),
        elapsed: start.elapsed(),
        proxy_cpu: proxy_cpu()?.saturating_sub(cpu),
        latency: load.latency.clone(),
    };
    ensure!(outcome.operations > 0, "{address} answered nothing in {:?}", plan.measure);
    load.finish()?;
    Ok(outcome)
}

struct Load {
    poll: Poll,
    events: Events,
    lanes: Vec<Lane>,
    request: Vec<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
    latency: Histogram,
    /// False once no more requests are to follow the replies.
    refill: bool,
}

impl Load {
    fn open(address: SocketAddr, plan: &Plan) -> Result<Self> {
        let poll = Poll::new()?;
        let mut lanes = Vec::with_capacity(plan.connections);
        for (index, stream) in sessions::open(address, plan.connections)?.into_iter().enumerate() {
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            lanes.push(Lane::new(stream, plan.depth));
        }
        let mut load = Self {
            poll,
            events: Events::with_capacity(1024),
            lanes,
            request: wire::get_data(0, &wire::path_of_bytes(plan.data_bytes)),
            input: vec![0; READ_BUFFER_BYTES],
            output: Vec::new(),
            latency: Histogram::new(),
            refill: true,
        };
        for lane in &mut load.lanes {
            lane.issue(plan.depth, &load.request, &mut load.output, Instant::now())?;
        }
        Ok(load)
    }

    fn drive_for(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Takes the replies that are still under way and closes everything.
    fn finish(mut self) -> Result<()> {
        self.refill = false;
        let mut last = (self.under_way(), Instant::now());
        while last.0 > 0 {
            self.turn()?;
            let now = self.under_way();
            if now != last.0 {
                last = (now, Instant::now());
            }
            ensure!(last.1.elapsed() < STALL, "{now} replies never came");
        }
        Ok(())
    }

    fn under_way(&self) -> usize {
        self.lanes.iter().map(|lane| lane.sent_at.len()).sum()
    }

    fn turn(&mut self) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(TICK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let lane = &mut self.lanes[event.token().0];
            if event.is_writable() && !lane.unsent.is_empty() {
                lane.flush()?;
            }
            if !event.is_readable() {
                continue;
            }
            loop {
                let read = match lane.stream.read(&mut self.input) {
                    Ok(0) => anyhow::bail!("a session was closed in the middle of a round"),
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        return Err(error).context("a session broke in the middle of a round");
                    }
                };
                let now = Instant::now();
                let replies = lane.take_replies(&self.input[..read], now, &mut self.latency)?;
                if self.refill && replies > 0 {
                    lane.issue(replies, &self.request, &mut self.output, now)?;
                }
                if read < self.input.len() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// One connection of the loop.
struct Lane {
    stream: TcpStream,
    sent_at: VecDeque<Instant>,
    next_xid: i32,
    awaited_xid: i32,
    /// Length and xid of the reply that is being read.
    head: [u8; 8],
    head_filled: usize,
    /// Bytes of the current reply's body still to come.
    skip: usize,
    unsent: Vec<u8>,
}

impl Lane {
    fn new(stream: TcpStream, depth: usize) -> Self {
        Self {
            stream,
            sent_at: VecDeque::with_capacity(depth),
            next_xid: 1,
            awaited_xid: 1,
            head: [0; 8],
            head_filled: 0,
            skip: 0,
            unsent: Vec::new(),
        }
    }

    /// Sends `count` requests in one write.
    fn issue(&mut self, count: usize, request: &[u8], output: &mut Vec<u8>, now: Instant) -> Result<()> {
        output.clear();
        for _ in 0..count {
            let start = output.len();
            output.extend_from_slice(request);
            output[start + 4..start + 8].copy_from_slice(&self.next_xid.to_be_bytes());
            self.next_xid += 1;
            self.sent_at.push_back(now);
        }
        if self.unsent.is_empty() {
            let sent = self.write(output)?;
            self.unsent.extend_from_slice(&output[sent..]);
        } else {
            self.unsent.extend_from_slice(output);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let unsent = std::mem::take(&mut self.unsent);
        let sent = self.write(&unsent)?;
        self.unsent.extend_from_slice(&unsent[sent..]);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.stream.write(bytes) {
            Ok(sent) => Ok(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error).context("a session broke in the middle of a round"),
        }
    }

    /// Counts the replies that are whole within `input`, whose bodies are skipped, and checks their order.
    fn take_replies(&mut self, mut input: &[u8], now: Instant, latency: &mut Histogram) -> Result<usize> {
        let mut replies = 0;
        while !input.is_empty() {
            if self.skip > 0 {
                let step = self.skip.min(input.len());
                self.skip -= step;
                input = &input[step..];
            } else {
                let step = (8 - self.head_filled).min(input.len());
                self.head[self.head_filled..self.head_filled + step].copy_from_slice(&input[..step]);
                self.head_filled += step;
                input = &input[step..];
                if self.head_filled < 8 {
                    break;
                }
                let length = wire::number(&self.head, 0);
                ensure!(length >= 16, "a reply of {length} bytes");
                self.skip = length as usize - 4;
            }
            if self.skip == 0 {
                let xid = wire::number(&self.head, 4);
                ensure!(xid == self.awaited_xid, "reply {xid} where {} was awaited", self.awaited_xid);
                self.awaited_xid += 1;
                self.head_filled = 0;
                replies += 1;
                let sent_at = self.sent_at.pop_front().context("a reply to nothing")?;
                latency.record(now.saturating_duration_since(sent_at));
            }
        }
        Ok(replies)
    }
}
