//! One conversation between a client and a server, understood from its bytes.
//!
//! Bytes and a timestamp go in, [`Event`]s come out; what the conversation knows when it ends is a
//! [`ConnectionEnd`]. It never asks for bytes, never closes anything, and once a frame cannot be read it stays
//! opaque for good while the bytes go on.

use std::time::Duration;

use super::connection_end::{
    ConnectionCloser, ConnectionEnd, LongReply, LongRequest, PAUSE_NOTED, ServerSilence, UNANSWERED_PATHS,
    UNANSWERED_SHOWN, UnansweredRequest,
};
use super::conversation::{Conversation, ReplyReader, RequestReader};
use super::dialect_frames::DialectFrames;
use super::event::{Event, Observer};
use crate::text::beginning;
use crate::time::Timestamp;
use crate::wire::handshake::{
    ConnectRequest, ConnectResponse, HANDSHAKE_CAP, answer_password, is_early_answer, request_len,
};
use crate::wire::{DecodeFault, Dialect, FrameScanner, ReplyHead, RequestHead};

/// Bytes of a client that are held until the answer to its handshake says how they are to be read. ClickHouse's own
/// client sends none before.
pub(crate) const HELD_CAP: usize = 16 * 1024;

/// One direction: its handshake frame, then other frames.
#[derive(Debug)]
enum StreamSide {
    /// The bytes of a handshake that came in pieces; len <= 4 + HANDSHAKE_CAP.
    Handshake(Vec<u8>),
    /// What a client sent behind a handshake whose answer decides how it is to be read; len <= HELD_CAP.
    Held(Vec<u8>),
    /// ZooKeeper's frames.
    Frames(FrameScanner),
    /// Those of another dialect.
    Dialect(Box<DialectFrames>),
}

/// What is known of one connection between a client and a server.
#[derive(Debug)]
pub struct ConnectionTracker {
    up: StreamSide,
    down: StreamSide,
    opaque: bool,
    /// What the client asked for, until that is answered; what is spoken from then on.
    dialect: Dialect,
    talk: Conversation,
    jute_maxbuffer: u32,
    /// Negotiated session timeout, once the session was given.
    timeout: Option<Duration>,
    client_heard_at: Timestamp,
    server_heard_at: Timestamp,
    server_pause: Option<ServerSilence>,
}

impl ConnectionTracker {
    /// A conversation from its first byte on. `jute_maxbuffer` is the servers' limit for a request frame, in
    /// bytes (`jute.maxbuffer`, by default 1,048,575).
    pub fn new(jute_maxbuffer: u32) -> Self {
        Self {
            up: StreamSide::Handshake(Vec::new()),
            down: StreamSide::Handshake(Vec::new()),
            opaque: false,
            dialect: Dialect::ZOOKEEPER,
            talk: Conversation::new(jute_maxbuffer),
            jute_maxbuffer,
            timeout: None,
            client_heard_at: Timestamp::ZERO,
            server_heard_at: Timestamp::ZERO,
            server_pause: None,
        }
    }

    /// Looks at bytes from the client.
    #[inline]
    pub fn on_client_bytes<O: Observer>(&mut self, now: Timestamp, bytes: &[u8], observer: &mut O) {
        self.client_heard_at = now;
        if self.opaque {
            return;
        }
        let fault = match &mut self.up {
            StreamSide::Frames(scanner) => {
                scanner.scan::<RequestHead, _>(bytes, &mut RequestReader { talk: &mut self.talk, now, observer }).err()
            }
            _ => self.read_other_client(now, bytes, observer).err(),
        };
        if let Some(fault) = fault {
            self.give_up(fault, observer);
        }
    }

    /// A handshake, and what is not laid out as ZooKeeper's own.
    #[cold]
    fn read_other_client<O: Observer>(
        &mut self,
        now: Timestamp,
        mut bytes: &[u8],
        observer: &mut O,
    ) -> Result<(), DecodeFault> {
        match &mut self.up {
            StreamSide::Handshake(held) => {
                let Some(request) = first_frame(held, &mut bytes, request_len, ConnectRequest::read)? else {
                    return Ok(());
                };
                self.dialect = request.dialect;
                self.up = match request.dialect {
                    asked if asked.is_clickhouse() => StreamSide::Held(Vec::new()),
                    _ => StreamSide::Frames(FrameScanner::new()),
                };
                observer.observe(Event::ConnectRequested(request));
                self.read_other_client(now, bytes, observer)
            }
            StreamSide::Held(held) => {
                if held.len() + bytes.len() > HELD_CAP {
                    return Err(DecodeFault::EarlyBytes);
                }
                held.extend_from_slice(bytes);
                Ok(())
            }
            StreamSide::Frames(scanner) => {
                scanner.scan::<RequestHead, _>(bytes, &mut RequestReader { talk: &mut self.talk, now, observer })
            }
            StreamSide::Dialect(frames) => {
                frames.read_requests(bytes, &mut RequestReader { talk: &mut self.talk, now, observer })
            }
        }
    }

    /// Looks at bytes from the server.
    #[inline]
    pub fn on_server_bytes<O: Observer>(&mut self, now: Timestamp, bytes: &[u8], observer: &mut O) {
        if now.since(self.server_heard_at) >= PAUSE_NOTED {
            self.note_pause(now);
        }
        self.server_heard_at = now;
        if self.opaque {
            return;
        }
        self.talk.pending.begin();
        let fault = match &mut self.down {
            StreamSide::Frames(scanner) => {
                scanner.scan::<ReplyHead, _>(bytes, &mut ReplyReader { talk: &mut self.talk, now, observer }).err()
            }
            _ => self.read_other_server(now, bytes, observer).err(),
        };
        if let Some(fault) = fault {
            self.give_up(fault, observer);
        }
    }

    /// A handshake's answer, and what is not laid out as ZooKeeper's own.
    #[cold]
    fn read_other_server<O: Observer>(
        &mut self,
        now: Timestamp,
        mut bytes: &[u8],
        observer: &mut O,
    ) -> Result<(), DecodeFault> {
        match &mut self.down {
            StreamSide::Handshake(held) => {
                let response = loop {
                    match first_frame(held, &mut bytes, announced, read_first_answer)? {
                        None => return Ok(()),
                        Some(Some(response)) => break response,
                        Some(None) => {
                            let mut early = ReplyReader { talk: &mut self.talk, now, observer };
                            FrameScanner::new().scan::<ReplyHead, _>(&std::mem::take(held), &mut early)?;
                        }
                    }
                };
                if let Some(password) = answer_password(held).filter(|_| response.accepted()) {
                    observer.learn_password(response.session, password);
                }
                let timeout = u64::try_from(response.timeout_ms).ok().filter(|_| response.accepted());
                self.timeout = timeout.map(Duration::from_millis);
                observer.observe(Event::ConnectResponded(response));
                self.agree(self.dialect.agreed(response.version), now, observer)?;
                self.read_other_server(now, bytes, observer)
            }
            StreamSide::Held(_) => Ok(()),
            StreamSide::Frames(scanner) => {
                scanner.scan::<ReplyHead, _>(bytes, &mut ReplyReader { talk: &mut self.talk, now, observer })
            }
            StreamSide::Dialect(frames) => {
                frames.read_replies(bytes, &mut ReplyReader { talk: &mut self.talk, now, observer })
            }
        }
    }

    /// It is known how both sides speak from here on: reads what was held for that.
    fn agree<O: Observer>(&mut self, dialect: Dialect, now: Timestamp, observer: &mut O) -> Result<(), DecodeFault> {
        self.dialect = dialect;
        let side = |frames: Option<DialectFrames>| {
            frames
                .map_or_else(|| StreamSide::Frames(FrameScanner::new()), |frames| StreamSide::Dialect(Box::new(frames)))
        };
        self.down = side(DialectFrames::of_replies(dialect));
        if dialect.compressed {
            observer.observe(Event::Compressed);
        }
        let StreamSide::Held(held) = &mut self.up else { return Ok(()) };
        let held = std::mem::take(held);
        self.up = side(DialectFrames::of_requests(dialect));
        self.read_other_client(now, &held, observer)
    }

    /// The server speaks again: notes for how long a client had waited for that.
    #[cold]
    fn note_pause(&mut self, now: Timestamp) {
        if self.is_owed() {
            self.server_pause = Some(ServerSilence { lasted: now.since(self.server_heard_at), over_at: now });
        }
    }

    /// Stops looking: the rest of this conversation is forwarded unseen.
    #[cold]
    fn give_up<O: Observer>(&mut self, fault: DecodeFault, observer: &mut O) {
        self.opaque = true;
        observer.observe(Event::Opaque(fault));
    }

    /// Whether the conversation can no longer be read.
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// Requests that wait for a reply, pings not counted.
    #[inline]
    pub fn in_flight(&self) -> usize {
        self.talk.pending.len()
    }

    /// Whether neither direction stands inside a frame; what is opaque has no frames to stand in.
    pub fn at_boundary(&self) -> bool {
        let whole = |side: &StreamSide| match side {
            StreamSide::Handshake(held) | StreamSide::Held(held) => held.is_empty(),
            StreamSide::Frames(scanner) => scanner.at_boundary(),
            StreamSide::Dialect(frames) => frames.at_boundary(),
        };
        self.opaque || (whole(&self.up) && whole(&self.down))
    }

    /// Whether the server owes the client an answer.
    fn is_owed(&self) -> bool {
        self.talk.pending.len() > 0 || self.talk.pings.waiting() > 0
    }

    /// Whether neither side owes the other anything: no request or ping waits and no frame is cut.
    pub fn is_idle(&self) -> bool {
        !self.is_owed() && self.at_boundary()
    }

    /// How long the server has been silent while it owes the client an answer, and the negotiated session timeout; None
    /// when it owes nothing or there is no session.
    pub fn server_silence(&self, now: Timestamp) -> Option<(Duration, Duration)> {
        let timeout = self.timeout.filter(|_| self.is_owed())?;
        Some((now.since(self.server_heard_at), timeout))
    }

    /// The last byte from the server.
    pub fn server_heard_at(&self) -> Timestamp {
        self.server_heard_at
    }

    /// Requests that could not be tracked because too many were in flight.
    pub fn untracked(&self) -> u64 {
        self.talk.pending.untracked()
    }

    /// What is known at the first sign of the connection's end.
    pub fn end(&self, closer: ConnectionCloser) -> ConnectionEnd {
        let pending = &self.talk.pending;
        let mut room = UNANSWERED_PATHS;
        let shown = pending.waiting().take(UNANSWERED_SHOWN).map(|request| {
            let mut path = UnansweredRequest::path_of(pending.path(request));
            if path.len() > room {
                path = beginning(&path, room).to_owned();
            }
            room -= path.len();
            UnansweredRequest { xid: request.xid, op: request.op, path, sent_at: request.sent_at }
        });
        ConnectionEnd {
            closer,
            unanswered: shown.collect(),
            unanswered_count: pending.waiting().count() as u32,
            unanswered_pings: self.talk.pings.waiting(),
            skipped: pending.skipped(),
            fatal_error: self.talk.fatal_error,
            closing: self.talk.closing || matches!(&self.up, StreamSide::Dialect(frames) if frames.closes()),
            oversized: self.oversized(),
            long_reply: self.long_reply(),
            client_heard_at: self.client_heard_at,
            server_heard_at: self.server_heard_at,
            server_pause: self.server_pause,
        }
    }

    /// The first unanswered request that is longer than servers accept; one that was answered had been accepted.
    fn oversized(&self) -> Option<LongRequest> {
        let limit = self.jute_maxbuffer;
        let long = self.talk.pending.waiting().find(|request| request.frame_len > limit)?;
        Some(LongRequest { length: long.frame_len, limit })
    }

    /// The last reply that was longer than clients take, as far as it has passed.
    fn long_reply(&self) -> Option<LongReply> {
        let reply = self.talk.long_reply.clone()?;
        let inside = match &self.down {
            StreamSide::Frames(scanner) => !scanner.at_boundary(),
            StreamSide::Dialect(frames) => !frames.at_boundary(),
            StreamSide::Handshake(_) | StreamSide::Held(_) => false,
        };
        Some(LongReply { whole: reply.whole || !inside, ..reply })
    }
}

/// Bytes of a frame behind its length, as that says.
fn announced(frame: &[u8]) -> Option<usize> {
    frame.first_chunk().map(|length| usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0))
}

/// The answer to a claim; None where credentials were answered in front of it.
fn read_first_answer(body: &[u8]) -> Result<Option<ConnectResponse>, DecodeFault> {
    if is_early_answer(body) { Ok(None) } else { ConnectResponse::read(body).map(Some) }
}

/// Gathers a handshake frame, whose bytes behind its length `whole` counts as soon as it can; None while it is not
/// whole. `bytes` is left at what follows it.
fn first_frame<T>(
    held: &mut Vec<u8>,
    bytes: &mut &[u8],
    whole: impl Fn(&[u8]) -> Option<usize>,
    read: impl Fn(&[u8]) -> Result<T, DecodeFault>,
) -> Result<Option<T>, DecodeFault> {
    loop {
        let want = match held.split_first_chunk::<4>() {
            None => 4,
            Some((length, body)) => {
                let length = i32::from_be_bytes(*length);
                if !usize::try_from(length).is_ok_and(|len| len <= HANDSHAKE_CAP) {
                    return Err(DecodeFault::LongHandshake(length));
                }
                match whole(held) {
                    Some(len) if body.len() == len => return read(body).map(Some),
                    Some(len) => 4 + len,
                    // One by one, until it can be told behind 34 bytes at the latest.
                    None => held.len() + 1,
                }
            }
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let (part, rest) = bytes.split_at((want - held.len()).min(bytes.len()));
        held.extend_from_slice(part);
        *bytes = rest;
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
