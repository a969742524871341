//! Claims of a story that nobody waits for any more: a server may still carry them out, so their connections are
//! watched, as the live proxy does.

use super::stage::StoryStage;
use super::stage_event::ConversationItem;
use zoogate::session::connection_end::{CloseKind, ProxyClose};
use zoogate::wire::handshake::ConnectResponse;
use zoogate::wire::{JuteWriter, OpCode};

impl StoryStage<'_> {
    /// The time of a claim that was left behind is over.
    pub(super) fn unwatch(&mut self, wire: usize) {
        if self.watched.contains(&wire) {
            self.watched.retain(|other| *other != wire);
            self.carry(wire, 1, ConversationItem::End(CloseKind::Fin));
        }
    }

    /// A server has said something to a claim that was left behind there.
    pub(super) fn hear_late(&mut self, wire: usize, item: &ConversationItem) {
        if item.settles() {
            self.sent_claims.settled(wire);
        }
        let response = match item {
            ConversationItem::Bytes(bytes) => ConnectResponse::read(bytes.get(4..).unwrap_or(&[])).ok(),
            ConversationItem::End(_) => None,
        };
        let Some(response) = response else {
            return self.watched.retain(|other| *other != wire);
        };
        let session = self.wires[wire].claimed;
        if session == 0 {
            return self.close_orphan(wire, response.accepted());
        }
        let (now, server) = (self.now, self.wires[wire].server);
        if let Some(relayed) = &self.wires[wire].relayed {
            self.relay.answered_late(now, relayed.id(), session, response);
        }
        self.unwatch(wire);
        if !response.accepted() {
            return;
        }
        self.wires[wire].answered_late = Some(now);
        self.sent_claims.answered_late(session, now);
        for carrier in self.carriers(session) {
            if self.wires[carrier].server != server {
                self.end_pooled(carrier, ProxyClose::LateClaim, CloseKind::Fin);
            }
        }
    }

    /// A session was given whose answer reaches no client: it is closed.
    fn close_orphan(&mut self, wire: usize, given: bool) {
        self.watched.retain(|other| *other != wire);
        if given {
            let close = JuteWriter::new().request(1, OpCode::CLOSE_SESSION).end().into_bytes();
            self.carry(wire, 1, ConversationItem::Bytes(close));
        }
        self.carry(wire, 1, ConversationItem::End(CloseKind::Fin));
    }
}
