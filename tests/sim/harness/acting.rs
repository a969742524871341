//! The clients' side of the stage: what each does with what arrives, and when it looks at its clock.

use std::time::Duration;

use super::client::{ClientReaction, ClientStage, CloseMotive};
use super::stage::{GLANCE, StoryStage};
use super::stage_event::{ConversationItem, StageEvent};
use super::story::{ClientErrand, ClientRouting};
use zoogate::ids::ServerId;
use zoogate::session::connection_end::CloseKind;

impl StoryStage<'_> {
    pub(super) fn at_client(&mut self, wire: usize, item: ConversationItem) {
        let place = self.wires[wire].actor;
        let (now, actor) = (self.now, &mut self.actors[place]);
        if actor.paused_until > now {
            let until = actor.paused_until;
            return self.at(until, StageEvent::AtClient(wire, item));
        }
        if actor.live != Some(wire) {
            if let ConversationItem::End(_) = item {
                actor.stale.retain(|stale| *stale != wire);
            }
            return;
        }
        match item {
            ConversationItem::Bytes(bytes) => {
                if actor.hear(now, &bytes) == ClientReaction::Refused {
                    actor.lose_session();
                    let gone = actor.forged;
                    self.hang_up(place, CloseMotive::SessionOver, CloseKind::Fin);
                    if gone {
                        self.actors[place].stand = ClientStage::Gone;
                    }
                }
            }
            ConversationItem::End(_) => {
                actor.live = None;
                if actor.is_closing() {
                    actor.lose_session();
                    actor.stand = ClientStage::Gone;
                } else {
                    self.come_back(place);
                }
            }
        }
    }

    /// A client closes its present connection.
    pub(super) fn hang_up(&mut self, actor: usize, farewell: CloseMotive, how: CloseKind) {
        if let Some(wire) = self.actors[actor].live.take() {
            self.wires[wire].farewell = Some(farewell);
            self.carry(wire, 0, ConversationItem::End(how));
        }
        self.come_back(actor);
    }

    fn come_back(&mut self, actor: usize) {
        let pause = self.random.between(Duration::from_millis(100), Duration::from_millis(1100));
        let (now, servers) = (self.now, self.ensemble.len());
        let actor = &mut self.actors[actor];
        if actor.stand != ClientStage::Gone {
            actor.stand = ClientStage::Away(now.after(pause));
            actor.next_server = (actor.next_server + 1) % servers;
        }
    }

    /// A client looks at its clock.
    pub(super) fn glance(&mut self, place: usize) {
        self.later(GLANCE, StageEvent::Glance(place));
        let now = self.now;
        let actor = &mut self.actors[place];
        if actor.paused_until > now {
            return;
        }
        if actor.leaves_at.is_some_and(|at| at <= now) && actor.stand != ClientStage::Gone {
            self.hang_up(place, CloseMotive::Whim, CloseKind::Fin);
            self.actors[place].stand = ClientStage::Gone;
            return;
        }
        if let Some(farewell) = actor.overdue(now) {
            return self.hang_up(place, farewell, CloseKind::Fin);
        }
        if actor.wants_ping(now) {
            let ping = actor.errand(ClientErrand::Ping);
            return self.say(place, ping);
        }
        if let ClientStage::Away(at) = actor.stand
            && at <= now
        {
            let server = ServerId(actor.next_server as u16);
            self.claim(place, server);
        }
    }

    /// A client claims its session at a server.
    pub(super) fn claim(&mut self, actor: usize, server: ServerId) {
        let now = self.now;
        let wire = match self.actors[actor].character.routing {
            ClientRouting::Mirror => self.open(actor, server, true),
            ClientRouting::Pooled => self.open_pooled(actor, server),
        };
        self.actors[actor].live = Some(wire);
        self.actors[actor].next_server = server.index();
        self.actors[actor].begin(now);
    }

    /// A client sends bytes on its present connection.
    pub(super) fn say(&mut self, actor: usize, bytes: Vec<u8>) {
        if let Some(wire) = self.actors[actor].live {
            self.actors[actor].sent_at = self.now;
            self.carry(wire, 0, ConversationItem::Bytes(bytes));
        }
    }
}
