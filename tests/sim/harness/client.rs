//! A simulated client: claims a session, keeps it alive with pings, gives up on silent servers, comes back.
//!
//! What it sends beyond that is an [`ClientErrand`] of the story. Timing follows the Java client's: connect and read
//! time out at a third and two thirds of the session timeout, and it comes back after up to a second.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::story::{ClientCharacter, ClientErrand};
use zoogate::ids::SessionId;
use zoogate::time::Timestamp;
use zoogate::wire::handshake::ConnectResponse;
use zoogate::wire::{JuteReader, JuteWriter, OpCode};

/// Why a client closed a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CloseMotive {
    /// The server was silent for too long.
    ReadTimeout,
    /// Its claim was not answered in time.
    ConnectTimeout,
    /// A server said that its session is over.
    SessionOver,
    /// It moved on of its own will.
    Whim,
}

/// Where a client stands with its present connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClientStage {
    /// None; it claims again at this time.
    Away(Timestamp),
    /// Its claim is under way since then.
    Claiming(Timestamp),
    /// It has its session.
    Up,
    /// It will not come back.
    Gone,
}

#[derive(Debug)]
pub(super) struct SimulatedClient {
    pub(super) character: ClientCharacter,
    place: usize,
    pub(super) session: i64,
    /// A password that is not the session's, for those who forge.
    pub(super) forged: bool,
    pub(super) negotiated: Duration,
    last_zxid: i64,
    pub(super) stand: ClientStage,
    /// Its present connection.
    pub(super) live: Option<usize>,
    /// Connections that it left open.
    pub(super) stale: Vec<usize>,
    pub(super) next_server: usize,
    xid: i32,
    pub(super) sent_at: Timestamp,
    pub(super) heard_at: Timestamp,
    pub(super) paused_until: Timestamp,
    /// When it loses interest, if it does.
    pub(super) leaves_at: Option<Timestamp>,
    closing: bool,
    inbox: Vec<u8>,
}

/// What a client makes of bytes that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClientReaction {
    Nothing,
    Attached,
    Refused,
}

impl SimulatedClient {
    pub(super) fn new(place: usize, character: ClientCharacter) -> Self {
        Self {
            character,
            place,
            session: 0,
            forged: false,
            negotiated: Duration::from_millis(character.timeout_ms as u64),
            last_zxid: 0,
            stand: ClientStage::Gone,
            live: None,
            stale: Vec::new(),
            next_server: 0,
            xid: 0,
            sent_at: Timestamp::ZERO,
            heard_at: Timestamp::ZERO,
            paused_until: Timestamp::ZERO,
            leaves_at: None,
            closing: false,
            inbox: Vec::new(),
        }
    }

    /// Its address: one host for each client, one port for each connection.
    pub(super) fn address(&self, connection: usize) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::new(10, 0, 0, self.place as u8 + 1), 20_000 + connection as u16))
    }

    pub(super) fn begin(&mut self, now: Timestamp) {
        self.inbox.clear();
        (self.stand, self.heard_at, self.sent_at, self.closing) = (ClientStage::Claiming(now), now, now, false);
    }

    pub(super) fn claim_frame(&self) -> Vec<u8> {
        let id = SessionId(self.session);
        let password = match (id.is_new(), self.forged) {
            (true, _) => [0; 16],
            (_, true) => [7; 16],
            _ => id.password(),
        };
        let frame = JuteWriter::new().begin().int(0).long(self.last_zxid).int(self.character.timeout_ms).long(id.0);
        let frame = frame.buffer(&password);
        if self.character.with_flag { frame.bool(false).end() } else { frame.end() }.into_bytes()
    }

    /// What it does when its timer fires: nothing, or gives its connection up, or pings.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<CloseMotive> {
        match self.stand {
            ClientStage::Claiming(since) if now.since(since) > self.negotiated / self.character.addresses => {
                Some(CloseMotive::ConnectTimeout)
            }
            ClientStage::Up if now.since(self.heard_at) > self.negotiated * 2 / 3 => Some(CloseMotive::ReadTimeout),
            _ => None,
        }
    }

    pub(super) fn wants_ping(&self, now: Timestamp) -> bool {
        self.stand == ClientStage::Up && !self.closing && now.since(self.sent_at) > self.negotiated / 3
    }

    /// Reads what came on its present connection.
    pub(super) fn hear(&mut self, now: Timestamp, bytes: &[u8]) -> ClientReaction {
        self.heard_at = now;
        self.inbox.extend_from_slice(bytes);
        let mut heard = ClientReaction::Nothing;
        loop {
            let mut reader = JuteReader::new(&self.inbox);
            let Some(frame) = reader.buffer().map(<[u8]>::to_vec) else { return heard };
            let rest = reader.rest().to_vec();
            self.inbox = rest;
            if let ClientStage::Claiming(_) = self.stand {
                match ConnectResponse::read(&frame) {
                    Ok(response) if response.accepted() => {
                        self.session = response.session.0;
                        self.negotiated = Duration::from_millis(response.timeout_ms as u64);
                        self.stand = ClientStage::Up;
                        heard = ClientReaction::Attached;
                    }
                    _ => return ClientReaction::Refused,
                }
            } else {
                let mut fields = JuteReader::new(&frame);
                if let (Some(xid), Some(zxid)) = (fields.int(), fields.long())
                    && xid > 0
                {
                    self.last_zxid = self.last_zxid.max(zxid);
                }
            }
        }
    }

    fn next_xid(&mut self) -> i32 {
        self.xid += 1;
        self.xid
    }

    fn frame(&mut self, op: OpCode) -> JuteWriter {
        JuteWriter::new().request(self.next_xid(), op)
    }

    /// The bytes of an errand.
    pub(super) fn errand(&mut self, errand: ClientErrand) -> Vec<u8> {
        match errand {
            ClientErrand::Read => self.exists(false),
            ClientErrand::Watch => self.exists(true),
            ClientErrand::Write => self.write(),
            ClientErrand::Ephemeral => {
                let path = format!("/c{}-", self.place);
                let frame = self.frame(OpCode::CREATE).buffer(path.as_bytes()).null();
                frame.open_acl().int(3).end().into_bytes()
            }
            ClientErrand::Multi => {
                let frame = self.frame(OpCode::MULTI).multi_header(OpCode::CHECK.0, false, -1).buffer(b"/").int(-1);
                let frame = frame.multi_header(OpCode::SET_DATA.0, false, -1).buffer(b"/").buffer(b"m").int(-1);
                frame.multi_end().end().into_bytes()
            }
            ClientErrand::Sync => self.frame(OpCode::SYNC).buffer(b"/").end().into_bytes(),
            ClientErrand::Ping => JuteWriter::new().request(-2, OpCode::PING).end().into_bytes(),
            ClientErrand::Pipeline => [self.exists(false), self.write(), self.exists(false)].concat(),
            ClientErrand::WriteThenUnknown => [self.write(), self.unknown()].concat(),
            ClientErrand::WriteThenAuth => {
                let write = self.write();
                let xid = self.next_xid();
                [write, auth(xid, b"digest")].concat()
            }
            ClientErrand::Oversized => {
                let xid = self.next_xid();
                JuteWriter::new().int(0x10_0010).int(xid).int(OpCode::SET_DATA.0).buffer(b"/").into_bytes()
            }
            ClientErrand::Unknown => self.unknown(),
            ClientErrand::BadAuth => auth(-4, b"nobody"),
            ClientErrand::CloseSession => {
                self.closing = true;
                self.frame(OpCode::CLOSE_SESSION).end().into_bytes()
            }
        }
    }

    fn exists(&mut self, watch: bool) -> Vec<u8> {
        self.frame(OpCode::EXISTS).buffer(b"/").bool(watch).end().into_bytes()
    }

    fn write(&mut self) -> Vec<u8> {
        self.frame(OpCode::SET_DATA).buffer(b"/").buffer(b"w").int(-1).end().into_bytes()
    }

    fn unknown(&mut self) -> Vec<u8> {
        self.frame(OpCode(4242)).end().into_bytes()
    }

    /// The session is over for it; the next claim is for a new one.
    pub(super) fn lose_session(&mut self) {
        (self.session, self.last_zxid) = (0, 0);
    }

    /// Whether its next return, if any, is for the session that it had.
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }
}

fn auth(xid: i32, scheme: &[u8]) -> Vec<u8> {
    JuteWriter::new().request(xid, OpCode::AUTH).int(0).buffer(scheme).buffer(b"user:word").end().into_bytes()
}
