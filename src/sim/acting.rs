//! The clients' side of the stage: what each does with what arrives, and when it looks at its clock.

use std::time::Duration;

use super::actor::{Farewell, Heard, Stand};
use super::happens::{Happens, Item};
use super::stage::{GLANCE, Stage};
use super::story::{Errand, Routing};
use crate::ids::ServerId;
use crate::session::ending::How;

impl Stage<'_> {
    pub(super) fn at_client(&mut self, wire: usize, item: Item) {
        let place = self.wires[wire].actor;
        let (now, actor) = (self.now, &mut self.actors[place]);
        if actor.paused_until > now {
            let until = actor.paused_until;
            return self.at(until, Happens::AtClient(wire, item));
        }
        if actor.live != Some(wire) {
            if let Item::End(_) = item {
                actor.stale.retain(|stale| *stale != wire);
            }
            return;
        }
        match item {
            Item::Bytes(bytes) => {
                if actor.hear(now, &bytes) == Heard::Refused {
                    actor.lose_session();
                    let gone = actor.forged;
                    self.hang_up(place, Farewell::SessionOver, How::Fin);
                    if gone {
                        self.actors[place].stand = Stand::Gone;
                    }
                }
            }
            Item::End(_) => {
                actor.live = None;
                if actor.is_closing() {
                    actor.lose_session();
                    actor.stand = Stand::Gone;
                } else {
                    self.come_back(place);
                }
            }
        }
    }

    /// A client closes its present connection.
    pub(super) fn hang_up(&mut self, actor: usize, farewell: Farewell, how: How) {
        if let Some(wire) = self.actors[actor].live.take() {
            self.wires[wire].farewell = Some(farewell);
            self.carry(wire, 0, Item::End(how));
        }
        self.come_back(actor);
    }

    fn come_back(&mut self, actor: usize) {
        let pause = self.random.between(Duration::from_millis(100), Duration::from_millis(1100));
        let (now, servers) = (self.now, self.ensemble.len());
        let actor = &mut self.actors[actor];
        if actor.stand != Stand::Gone {
            actor.stand = Stand::Away(now.after(pause));
            actor.next_server = (actor.next_server + 1) % servers;
        }
    }

    /// A client looks at its clock.
    pub(super) fn glance(&mut self, place: usize) {
        self.later(GLANCE, Happens::Glance(place));
        let now = self.now;
        let actor = &mut self.actors[place];
        if actor.paused_until > now {
            return;
        }
        if actor.leaves_at.is_some_and(|at| at <= now) && actor.stand != Stand::Gone {
            self.hang_up(place, Farewell::Whim, How::Fin);
            self.actors[place].stand = Stand::Gone;
            return;
        }
        if let Some(farewell) = actor.overdue(now) {
            return self.hang_up(place, farewell, How::Fin);
        }
        if actor.wants_ping(now) {
            let ping = actor.errand(Errand::Ping);
            return self.say(place, ping);
        }
        if let Stand::Away(at) = actor.stand
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
            Routing::Mirror => self.open(actor, server, true),
            Routing::Pooled => self.open_pooled(actor, server),
        };
        self.actors[actor].live = Some(wire);
        self.actors[actor].next_server = server.index();
        self.actors[actor].begin(now);
    }

    /// A client sends bytes on its present connection.
    pub(super) fn say(&mut self, actor: usize, bytes: Vec<u8>) {
        if let Some(wire) = self.actors[actor].live {
            self.actors[actor].sent_at = self.now;
            self.carry(wire, 0, Item::Bytes(bytes));
        }
    }
}
