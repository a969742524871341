//! The deeds of a story, carried out on the stage. Each does what it still can when steps before it were left out.

use std::time::Duration;

use super::client::{ClientStage, CloseMotive, SimulatedClient};
use super::stage::StoryStage;
use super::stage_event::{ConversationItem, StageEvent};
use super::story::{ClientErrand, LeaveKind, StoryDeed};
use zoogate::ids::ServerId;
use zoogate::session::connection_end::CloseKind;

/// How long somebody else uses a session.
const TWIN_STAYS: Duration = Duration::from_secs(6);

impl StoryStage<'_> {
    pub(super) fn perform(&mut self, deed: StoryDeed) {
        let now = self.now;
        match deed {
            StoryDeed::Arrive(client, server) => {
                if self.actors[client].stand == ClientStage::Gone && self.actors[client].session == 0 {
                    self.claim(client, server);
                }
            }
            StoryDeed::Ask(client, errand) => self.ask(client, errand),
            StoryDeed::AskStale(client, errand) => {
                if let Some(wire) = self.actors[client].stale.first().copied() {
                    let bytes = self.actors[client].errand(errand);
                    self.wires[wire].asked_to_close |= errand == ClientErrand::CloseSession;
                    self.carry(wire, 0, ConversationItem::Bytes(bytes));
                }
            }
            StoryDeed::Move(client, server, leave) => self.move_to(client, server, leave),
            StoryDeed::DropStale(client) => {
                for wire in std::mem::take(&mut self.actors[client].stale) {
                    self.wires[wire].farewell = Some(CloseMotive::Whim);
                    self.carry(wire, 0, ConversationItem::End(CloseKind::Fin));
                }
            }
            StoryDeed::Twin(client, server) => {
                if let Some(twin) = self.double(client) {
                    self.actors[twin].leaves_at = Some(now.after(TWIN_STAYS));
                    self.claim(twin, server);
                }
            }
            StoryDeed::Forge(client, server) => {
                if let Some(forger) = self.double(client) {
                    self.actors[forger].forged = true;
                    self.claim(forger, server);
                }
            }
            StoryDeed::ClaimOutside(client, server) => self.outside(client, server, None),
            StoryDeed::CloseOutside(client, server) => self.outside(client, server, Some(ClientErrand::CloseSession)),
            StoryDeed::Pause(client, millis) => {
                self.actors[client].paused_until = now.after(Duration::from_millis(millis));
            }
            StoryDeed::Cut(client) => self.cut(client),
            StoryDeed::Vanish(client) => {
                self.hang_up(client, CloseMotive::Whim, CloseKind::Fin);
                self.actors[client].stand = ClientStage::Gone;
            }
            StoryDeed::Freeze(server) => self.ensemble.freeze(now, server),
            StoryDeed::Thaw(server) => self.ensemble.thaw(now, server),
            StoryDeed::Stop(server) => self.ensemble.stop(now, server),
            StoryDeed::Start(server) => self.ensemble.start(now, server),
            StoryDeed::Part(server) => self.ensemble.part(now, server),
            StoryDeed::Heal(server) => self.ensemble.heal(now, server),
            StoryDeed::StandStill(millis) => self.stand_still(Duration::from_millis(millis)),
            StoryDeed::Slow(millis) => self.ensemble.slow(now, Duration::from_millis(millis)),
            StoryDeed::Lag(server, millis) => self.ensemble.lag(now, server, Duration::from_millis(millis)),
        }
    }

    fn ask(&mut self, client: usize, errand: ClientErrand) {
        let actor = &mut self.actors[client];
        if actor.stand != ClientStage::Up || actor.is_closing() || actor.paused_until > self.now {
            return;
        }
        if let Some(wire) = actor.live {
            let bytes = actor.errand(errand);
            self.wires[wire].asked_to_close |= errand == ClientErrand::CloseSession;
            self.say(client, bytes);
        }
    }

    fn move_to(&mut self, client: usize, server: ServerId, leave: LeaveKind) {
        let actor = &mut self.actors[client];
        if actor.stand != ClientStage::Up || actor.is_closing() || actor.paused_until > self.now {
            return;
        }
        let Some(old) = actor.live.take() else { return };
        match leave {
            LeaveKind::Open => actor.stale.push(old),
            LeaveKind::Fin | LeaveKind::Reset => {
                let how = if leave == LeaveKind::Fin { CloseKind::Fin } else { CloseKind::Reset };
                self.wires[old].farewell = Some(CloseMotive::Whim);
                self.carry(old, 0, ConversationItem::End(how));
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
        let mut double = SimulatedClient::new(place, character);
        double.session = session;
        self.actors.push(double);
        self.later(Duration::from_millis(150), StageEvent::Glance(place));
        Some(place)
    }

    /// Somebody claims the session past the proxy, and perhaps closes it.
    fn outside(&mut self, client: usize, server: ServerId, errand: Option<ClientErrand>) {
        let Some(stranger) = self.double(client) else { return };
        let wire = self.open(stranger, server, false);
        if let Some(errand) = errand {
            let bytes = self.actors[stranger].errand(errand);
            self.carry(wire, 0, ConversationItem::Bytes(bytes));
        }
    }

    /// The proxy finds the server's side reset; the server finds the proxy gone.
    fn cut(&mut self, client: usize) {
        let Some(live) = self.actors[client].live else { return };
        let wire = self.asked(live).last().copied().unwrap_or(live);
        let standing = self.wires[wire].relayed.as_ref().is_some_and(|relayed| relayed.ended.is_none());
        if self.wires[wire].link.is_some() && standing {
            self.wires[wire].cut = true;
            self.happen(StageEvent::FromServer(wire, ConversationItem::End(CloseKind::Reset)));
            self.carry(wire, 1, ConversationItem::End(CloseKind::Reset));
        }
    }
}
