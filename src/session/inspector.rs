//! One connection between a client and a server, understood from its bytes.
//!
//! Bytes and a timestamp go in, one sink gets [`Event`]s, and at the first sign of the end what is known then, a
//! [`ConnectionEnd`]. An inspector never asks for bytes and never closes anything. What the client begins with decides
//! what is read at all: a ConnectRequest is followed by frames; a four-letter word or another protocol is named and
//! nothing more of it is read; and once a frame cannot be read the connection stays opaque for good. The bytes go on
//! in any case.

use std::mem;
use std::time::Duration;

use super::client_signs::ClientSigns;
use super::connection_end::{
    ConnectionCloser, ConnectionEnd, ConnectionTraffic, LongReply, PAUSE_NOTED, ServerSilence, UNANSWERED_PATHS,
    UNANSWERED_SHOWN, UnansweredRequest,
};
use super::conversation::{Conversation, ReplyReader, RequestReader};
use super::dialect_frames::DialectFrames;
use super::event::{Event, EventSink, InspectedTurn};
use super::first_bytes::{answer_len, begun};
use super::owed_silence::OwedSilence;
use super::pending::PendingRequests;
use super::pings::PendingPings;
use crate::text::beginning;
use crate::time::Timestamp;
use crate::wire::first_frame::{ConnectionOpening, classify};
use crate::wire::handshake::{ClaimSecret, ConnectResponse, is_early_answer};
use crate::wire::{DecodeFault, Dialect, FrameScanner, ReplyHead, RequestHead};

/// Bytes of a client that are held until the answer to its handshake says how they are to be read. ClickHouse's own
/// client sends none before.
pub(crate) const HELD_CAP: usize = 16 * 1024;

/// Where one direction stands.
#[derive(Debug)]
enum StreamSide {
    /// At its first frame, of which these bytes have come; len < 4 + HANDSHAKE_CAP, without memory unless it is cut.
    First(Vec<u8>),
    /// What a client sent behind a handshake whose answer decides how it is to be read; len <= HELD_CAP.
    Held(Vec<u8>),
    /// ZooKeeper's frames.
    Frames(FrameScanner),
    /// Those of another dialect.
    Dialect(Box<DialectFrames>),
    /// No session: nothing is read.
    Unread,
}

/// Reads one connection between a client and a server, and passes events to its sink.
#[derive(Debug)]
pub struct Inspector<S> {
    up: StreamSide,
    down: StreamSide,
    opaque: bool,
    /// What the client asked for, until that is answered; what is spoken from then on.
    dialect: Dialect,
    talk: Conversation,
    /// Negotiated session timeout in milliseconds, once the session was given; 0 before.
    timeout_ms: u32,
    /// Boxed, as few servers are ever silent for so long.
    server_pause: Option<Box<ServerSilence>>,
    /// What has been read since the last turn.
    turn: InspectedTurn,
    sink: S,
}

impl<S: EventSink> Inspector<S> {
    /// A connection from its first byte on. `jute_maxbuffer` is the servers' limit for a request frame, in bytes
    /// (`jute.maxbuffer`, by default 1,048,575).
    pub fn new(jute_maxbuffer: u32, sink: S) -> Self {
        Self {
            up: StreamSide::First(Vec::new()),
            down: StreamSide::First(Vec::new()),
            opaque: false,
            dialect: Dialect::ZOOKEEPER,
            talk: Conversation::new(jute_maxbuffer),
            timeout_ms: 0,
            server_pause: None,
            turn: InspectedTurn::default(),
            sink,
        }
    }

    /// Begins with what was read of the client before it had a server: `bytes` is all of that, and `opening` what it
    /// was found to be. Where that was not done before, [`Inspector::read_client`] finds that out.
    pub fn start(&mut self, now: Timestamp, opening: ConnectionOpening, bytes: &[u8]) {
        self.hear_client(now, bytes);
        let opened = self.open(now, opening, bytes);
        self.talk.client_heard_at = now;
        if let Err(fault) = opened {
            self.give_up(fault);
        }
    }

    /// Reads bytes from the client.
    #[inline]
    pub fn read_client(&mut self, now: Timestamp, bytes: &[u8]) {
        self.hear_client(now, bytes);
        if self.opaque {
            self.talk.client_heard_at = now;
            return;
        }
        let fault = match &mut self.up {
            StreamSide::Frames(scanner) => {
                if self.sink.wants_client_bytes() {
                    self.sink.on_client_bytes(bytes, scanner.at_boundary());
                }
                let mut reader = RequestReader { talk: &mut self.talk, now, sink: &mut self.sink };
                scanner.scan::<RequestHead, _>(bytes, &mut reader).err()
            }
            _ => self.read_other_client(now, bytes).err(),
        };
        // Only now: when a ping comes says something of its client by what it had sent before.
        self.talk.client_heard_at = now;
        if let Some(fault) = fault {
            self.give_up(fault);
        }
    }

    #[inline]
    fn hear_client(&mut self, now: Timestamp, bytes: &[u8]) {
        self.sink.on_time(now);
        self.turn.client_bytes += bytes.len() as u64;
    }

    /// The first frame, and what is not laid out as ZooKeeper's own.
    #[cold]
    fn read_other_client(&mut self, now: Timestamp, bytes: &[u8]) -> Result<(), DecodeFault> {
        match &mut self.up {
            StreamSide::First(held) => {
                let begun = begun(held, bytes);
                let Some(opening) = classify(&begun) else {
                    self.up = StreamSide::First(begun.into_owned());
                    return Ok(());
                };
                self.open(now, opening, &begun)
            }
            StreamSide::Held(held) => {
                if held.len() + bytes.len() > HELD_CAP {
                    return Err(DecodeFault::EarlyBytes);
                }
                held.extend_from_slice(bytes);
                Ok(())
            }
            StreamSide::Frames(scanner) => {
                let mut reader = RequestReader { talk: &mut self.talk, now, sink: &mut self.sink };
                scanner.scan::<RequestHead, _>(bytes, &mut reader)
            }
            StreamSide::Dialect(frames) => {
                frames.read_requests(bytes, &mut RequestReader { talk: &mut self.talk, now, sink: &mut self.sink })
            }
            StreamSide::Unread => Ok(()),
        }
    }

    /// It is known what the client begins with: reports that, and reads what follows.
    fn open(&mut self, now: Timestamp, opening: ConnectionOpening, bytes: &[u8]) -> Result<(), DecodeFault> {
        match opening {
            ConnectionOpening::Handshake { request, len } => {
                let (frame, behind) = bytes.split_at_checked(4 + len).unwrap_or((bytes, &[]));
                self.dialect = request.dialect;
                self.talk.signs = ClientSigns::of(&request);
                self.up = match request.dialect {
                    asked if asked.is_clickhouse() => StreamSide::Held(Vec::new()),
                    _ => StreamSide::Frames(FrameScanner::new()),
                };
                self.sink.on_event(Event::ConnectRequested(request, ClaimSecret::of_request(frame)));
                self.read_other_client(now, behind)
            }
            ConnectionOpening::Unreadable(fault) => Err(fault),
            ConnectionOpening::Word(_) | ConnectionOpening::Foreign(_) => {
                (self.up, self.opaque) = (StreamSide::Unread, true);
                self.sink.on_event(Event::Unread(opening));
                Ok(())
            }
        }
    }

    /// Reads bytes from the server.
    #[inline]
    pub fn read_server(&mut self, now: Timestamp, bytes: &[u8]) {
        self.sink.on_time(now);
        if now.since(self.talk.server_heard_at) >= PAUSE_NOTED {
            self.note_pause(now);
        }
        self.talk.server_heard_at = now;
        self.turn.server_bytes += bytes.len() as u64;
        if self.opaque {
            return;
        }
        self.talk.pending.begin();
        let fault = match &mut self.down {
            StreamSide::Frames(scanner) => {
                let mut reader = ReplyReader { talk: &mut self.talk, now, sink: &mut self.sink };
                scanner.scan::<ReplyHead, _>(bytes, &mut reader).err()
            }
            _ => self.read_other_server(now, bytes).err(),
        };
        if let Some(fault) = fault {
            self.give_up(fault);
        }
    }

    /// The answer to the claim, and what is not laid out as ZooKeeper's own.
    #[cold]
    fn read_other_server(&mut self, now: Timestamp, bytes: &[u8]) -> Result<(), DecodeFault> {
        match &mut self.down {
            StreamSide::First(held) => {
                let begun = begun(held, bytes);
                self.read_answer(now, &begun)
            }
            StreamSide::Frames(scanner) => {
                let mut reader = ReplyReader { talk: &mut self.talk, now, sink: &mut self.sink };
                scanner.scan::<ReplyHead, _>(bytes, &mut reader)
            }
            StreamSide::Dialect(frames) => {
                frames.read_replies(bytes, &mut ReplyReader { talk: &mut self.talk, now, sink: &mut self.sink })
            }
            StreamSide::Held(_) | StreamSide::Unread => Ok(()),
        }
    }

    /// The answer to the claim, and the answers to credentials that may stand in front of it.
    fn read_answer(&mut self, now: Timestamp, mut begun: &[u8]) -> Result<(), DecodeFault> {
        loop {
            let Some(len) = answer_len(begun)? else {
                self.down = StreamSide::First(begun.to_vec());
                return Ok(());
            };
            let (frame, behind) = begun.split_at(4 + len);
            if !is_early_answer(&frame[4..]) {
                let response = ConnectResponse::read(&frame[4..])?;
                let timeout = u32::try_from(response.timeout_ms).ok().filter(|_| response.accepted());
                self.timeout_ms = timeout.unwrap_or(0);
                self.talk.signs.given(self.timeout_ms);
                self.sink.on_event(Event::ConnectResponded(response, ClaimSecret::of_answer(frame, &response)));
                self.agree(self.dialect.agreed(response.version), now)?;
                return self.read_other_server(now, behind);
            }
            let mut early = ReplyReader { talk: &mut self.talk, now, sink: &mut self.sink };
            FrameScanner::new().scan::<ReplyHead, _>(frame, &mut early)?;
            begun = behind;
        }
    }

    /// It is known how both sides speak from here on: reads what was held for that.
    fn agree(&mut self, dialect: Dialect, now: Timestamp) -> Result<(), DecodeFault> {
        self.dialect = dialect;
        let side = |frames: Option<DialectFrames>| {
            frames
                .map_or_else(|| StreamSide::Frames(FrameScanner::new()), |frames| StreamSide::Dialect(Box::new(frames)))
        };
        self.down = side(DialectFrames::of_replies(dialect));
        if dialect.compressed {
            self.sink.on_event(Event::Compressed);
        }
        let StreamSide::Held(held) = &mut self.up else { return Ok(()) };
        let held = mem::take(held);
        self.up = side(DialectFrames::of_requests(dialect));
        self.read_other_client(now, &held)
    }

    /// The server speaks again: notes for how long a client had waited for that.
    #[cold]
    fn note_pause(&mut self, now: Timestamp) {
        if self.is_owed() {
            let lasted = now.since(self.talk.server_heard_at);
            self.server_pause = Some(Box::new(ServerSilence { lasted, over_at: now }));
        }
    }

    /// Stops reading: the rest of this connection is forwarded unseen.
    #[cold]
    fn give_up(&mut self, fault: DecodeFault) {
        self.opaque = true;
        // What was asked may be answered, unseen: nothing that is known is owed.
        (self.talk.pending, self.talk.pings) = (PendingRequests::default(), PendingPings::default());
        self.sink.on_event(Event::Opaque(fault));
    }

    /// Reports what was read since the last call; false when nothing came.
    #[inline]
    pub fn finish_turn(&mut self) -> bool {
        let read = mem::take(&mut self.turn);
        if read.client_bytes + read.server_bytes == 0 {
            return false;
        }
        let (in_flight, inside_reply) = (self.in_flight() as u32, !self.down.at_boundary());
        self.sink.on_turn(InspectedTurn { in_flight, inside_reply, ..read });
        true
    }

    /// Reports the first sign of the connection's end.
    pub fn close(&mut self, closer: ConnectionCloser) {
        self.sink.on_end(self.end(closer));
    }
}

impl StreamSide {
    /// Whether it stands between two frames.
    fn at_boundary(&self) -> bool {
        match self {
            Self::First(held) | Self::Held(held) => held.is_empty(),
            Self::Frames(scanner) => scanner.at_boundary(),
            Self::Dialect(frames) => frames.at_boundary(),
            Self::Unread => true,
        }
    }
}

impl<S> Inspector<S> {
    /// Who is told.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// As [`Inspector::sink`], to be changed.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Whether nothing of it is understood: it has not begun, or can no longer be read.
    pub fn is_opaque(&self) -> bool {
        self.opaque || matches!(self.up, StreamSide::First(_))
    }

    /// Requests that wait for a reply, pings not counted.
    #[inline]
    pub fn in_flight(&self) -> usize {
        self.talk.pending.len()
    }

    /// Whether neither direction stands inside a frame. What is opaque has no frames to stand in, and a client that has
    /// sent half of its first one has no session yet.
    pub fn at_boundary(&self) -> bool {
        let up_is_whole = matches!(self.up, StreamSide::First(_)) || self.up.at_boundary();
        self.opaque || (self.down.at_boundary() && up_is_whole)
    }

    /// Whether the server owes the client an answer.
    fn is_owed(&self) -> bool {
        self.talk.pending.len() > 0 || self.talk.pings.waiting() > 0
    }

    /// Whether neither side owes the other anything: no request or ping waits and no frame is cut. Of what is no
    /// session that is never known.
    pub fn is_idle(&self) -> bool {
        let may_be = match &self.up {
            StreamSide::First(held) => held.is_empty(),
            StreamSide::Unread => false,
            StreamSide::Held(_) | StreamSide::Frames(_) | StreamSide::Dialect(_) => true,
        };
        may_be && !self.is_owed() && self.at_boundary()
    }

    /// The server's silence while it owes the client an answer; None when it owes nothing or there is no session.
    pub fn server_silence(&self) -> Option<OwedSilence> {
        if self.timeout_ms == 0 || !self.is_owed() {
            return None;
        }
        let heard_at = self.talk.server_heard_at;
        let request = self.talk.pending.waiting().next().map(|request| request.sent_at);
        // Of the many pings of a client that sends many the times are not kept.
        let ping = self.talk.pings.oldest().map(|sent_at| if sent_at == Timestamp::ZERO { heard_at } else { sent_at });
        let owed_since = request.into_iter().chain(ping).min().unwrap_or(heard_at);
        Some(OwedSilence { heard_at, owed_since, timeout: Duration::from_millis(self.timeout_ms.into()) })
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
                path = String::from(beginning(&path, room));
            }
            room -= path.len();
            UnansweredRequest {
                xid: request.xid,
                op: request.op,
                path,
                ephemeral: request.makes_ephemeral(),
                sent_at: request.sent_at,
            }
        });
        ConnectionEnd {
            closer,
            unanswered: shown.collect(),
            unanswered_count: pending.waiting().count() as u32,
            unanswered_pings: self.talk.pings.waiting(),
            oldest_ping_at: self.talk.pings.oldest().filter(|at| *at > Timestamp::ZERO),
            skipped: pending.skipped(),
            fatal_error: self.talk.fatal_error,
            throttled: self.talk.throttled,
            closing: self.talk.closing || matches!(&self.up, StreamSide::Dialect(frames) if frames.closes()),
            oversized: self.talk.oversized(),
            long_answered: self.talk.longest_answered(),
            long_reply: self.long_reply(),
            client_heard_at: self.talk.client_heard_at,
            server_heard_at: self.talk.server_heard_at,
            server_pause: self.server_pause.as_deref().copied(),
            client_sign: self.talk.signs.sign(),
            traffic: ConnectionTraffic::default(),
        }
    }

    /// The last reply that was longer than clients take, as far as it has passed.
    fn long_reply(&self) -> Option<LongReply> {
        let reply = self.talk.long_reply.clone()?;
        let inside = matches!(&self.down, StreamSide::Frames(scanner) if !scanner.at_boundary())
            || matches!(&self.down, StreamSide::Dialect(frames) if !frames.at_boundary());
        Some(LongReply { whole: reply.whole || !inside, ..*reply })
    }
}

#[cfg(test)]
#[path = "inspector_tests.rs"]
mod tests;
