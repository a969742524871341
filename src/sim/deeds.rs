//! The deeds of a story, carried out on the stage. Each does what it still can when steps before it were left out.

use std::time::Duration;

use super::actor::{Actor, Farewell, Stand};
use super::happens::Item;
use super::stage::Stage;
use super::story::{Deed, Errand, Leave};
use crate::ids::ServerId;
use crate::session::ending::How;

/// How long somebody else uses a session.
const TWIN_STAYS: Duration = Duration::from_secs(6);

impl Stage<'_> {
    pub(super) fn perform(&mut self, deed: Deed) {
        let now = self.now;
        match deed {
            Deed::Arrive(client, server) => {
                if self.actors[client].stand == Stand::Gone && self.actors[client].session == 0 {
                    self.claim(client, server);
                }
            }
            Deed::Ask(client, errand) => self.ask(client, errand),
            Deed::AskStale(client, errand) => {
                if let Some(wire) = self.actors[client].stale.first().copied() {
                    let bytes = self.actors[client].errand(errand);
                    self.wires[wire].asked_to_close |= errand == Errand::CloseSession;
                    self.carry(wire, 0, Item::Bytes(bytes));
                }
            }
            Deed::Move(client, server, leave) => self.move_to(client, server, leave),
            Deed::DropStale(client) => {
                for wire in std::mem::take(&mut self.actors[client].stale) {
                    self.wires[wire].farewell = Some(Farewell::Whim);
                    self.carry(wire, 0, Item::End(How::Fin));
                }
            }
            Deed::Twin(client, server) => {
                if let Some(twin) = self.double(client) {
                    self.actors[twin].leaves_at = Some(now.after(TWIN_STAYS));
                    self.claim(twin, server);
                }
            }
            Deed::Forge(client, server) => {
                if let Some(forger) = self.double(client) {
                    self.actors[forger].forged = true;
                    self.claim(forger, server);
                }
            }
            Deed::ClaimOutside(client, server) => self.outside(client, server, None),
            Deed::CloseOutside(client, server) => self.outside(client, server, Some(Errand::CloseSession)),
            Deed::Pause(client, millis) => self.actors[client].paused_until = now.after(Duration::from_millis(millis)),
            Deed::Cut(client) => self.cut(client),
            Deed::Vanish(client) => {
                self.hang_up(client, Farewell::Whim, How::Fin);
                self.actors[client].stand = Stand::Gone;
            }
            Deed::Freeze(server) => self.ensemble.freeze(now, server),
            Deed::Thaw(server) => self.ensemble.thaw(now, server),
            Deed::Stop(server) => self.ensemble.stop(now, server),
            Deed::Start(server) => self.ensemble.start(now, server),
            Deed::Part(server) => self.ensemble.part(now, server),
            Deed::Heal(server) => self.ensemble.heal(now, server),
            Deed::Slow(millis) => self.ensemble.slow(now, Duration::from_millis(millis)),
            Deed::Lag(server, millis) => self.ensemble.lag(now, server, Duration::from_millis(millis)),
        }
    }

    fn ask(&mut self, client: usize, errand: Errand) {
        let actor = &mut self.actors[client];
        if actor.stand != Stand::Up || actor.is_closing() || actor.paused_until > self.now {
            return;
        }
        if let Some(wire) = actor.live {
            let bytes = actor.errand(errand);
            self.wires[wire].asked_to_close |= errand == Errand::CloseSession;
            self.say(client, bytes);
        }
    }

    fn move_to(&mut self, client: usize, server: ServerId, leave: Leave) {
        let actor = &mut self.actors[client];
        if actor.stand != Stand::Up || actor.is_closing() || actor.paused_until > self.now {
            return;
        }
        let Some(old) = actor.live.take() else { return };
        match leave {
            Leave::Open => actor.stale.push(old),
            Leave::Fin | Leave::Reset => {
                let how = if leave == Leave::Fin { How::Fin } else { How::Reset };
                self.wires[old].farewell = Some(Farewell::Whim);
                self.carry(old, 0, Item::End(how));
            }
        }
        self.claim(client, server);
    }

    /// Another client with the same session, at another address.
    fn double(&mut self, client: usize) -> Option<usize> {
        let (session, character) = (self.actors[client].session, self.actors[client].character);
        if session == 0 {
            return None;
        }
        let place = self.actors.len();
        let mut double = Actor::new(place, character);
        double.session = session;
        self.actors.push(double);
        self.later(Duration::from_millis(150), super::happens::Happens::Glance(place));
        Some(place)
    }

    /// Somebody claims the session past the proxy, and perhaps closes it.
    fn outside(&mut self, client: usize, server: ServerId, errand: Option<Errand>) {
        let Some(stranger) = self.double(client) else { return };
        let wire = self.open(stranger, server, false);
        if let Some(errand) = errand {
            let bytes = self.actors[stranger].errand(errand);
            self.carry(wire, 0, Item::Bytes(bytes));
        }
    }

    /// The proxy finds the server's side reset; the server finds the proxy gone.
    fn cut(&mut self, client: usize) {
        let Some(live) = self.actors[client].live else { return };
        let wire = self.asked(live).last().copied().unwrap_or(live);
        let standing = self.wires[wire].relayed.as_ref().is_some_and(|relayed| relayed.ended.is_none());
        if self.wires[wire].link.is_some() && standing {
            self.wires[wire].cut = true;
            self.hear_server(wire, Item::End(How::Reset));
            self.carry(wire, 1, Item::End(How::Reset));
        }
    }
}
