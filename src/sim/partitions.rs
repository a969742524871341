//! Followers that are cut from their leader on the quorum port, and leaders whose commits take long.

use std::time::Duration;

use super::ensemble::SimulatedEnsemble;
use super::server::ServerState;
use super::server_message::ServerMessage;
use super::truth::Cause;
use crate::ids::ServerId;
use crate::time::Timestamp;

/// What is sent again once a path is there anew may still wait so long for its turn.
const SENT_AGAIN: Duration = Duration::from_millis(1500);

impl SimulatedEnsemble {
    /// Nothing passes any more between a follower and the leader; both notice after `syncLimit`, and until then the
    /// follower says that it serves. A leader stays what it is.
    pub fn part(&mut self, now: Timestamp, server: ServerId) {
        self.advance(now);
        if self.leader() == Some(server) || self.servers[server.index()].severed {
            return;
        }
        let server = server.index();
        self.servers[server].severed = true;
        self.servers[server].cuts += 1;
        let cut = self.servers[server].cuts;
        self.schedule(self.settings.tick * self.settings.sync_limit, server, ServerMessage::Parted(cut));
    }

    /// The path is there again, with everything that was sent meanwhile.
    pub fn heal(&mut self, now: Timestamp, server: ServerId) {
        self.advance(now);
        let again = now.after(self.random.between(Duration::ZERO, SENT_AGAIN));
        let target = &mut self.servers[server.index()];
        if !std::mem::replace(&mut target.severed, false) {
            return;
        }
        target.uplink_at = target.uplink_at.max(again);
        target.downlink_at = target.downlink_at.max(again);
        let (up, down) = (std::mem::take(&mut target.held_up), std::mem::take(&mut target.held_down));
        for message in up {
            self.ask_leader(server.index(), message);
        }
        for message in down {
            self.deliver(Duration::ZERO, server.index(), message);
        }
        self.commit();
    }

    /// From now on commits take that much longer.
    pub fn slow(&mut self, now: Timestamp, slow: Duration) {
        self.advance(now);
        self.slowness = slow;
    }

    /// A path has been cut for `syncLimit` ticks, if it is still the same cut.
    pub(super) fn parted(&mut self, server: usize, cut: u64) {
        if !self.servers[server].severed || self.servers[server].cuts != cut {
            return;
        }
        self.lost(server);
        if self.servers[server].awake() && self.servers[server].state == ServerState::Serving {
            self.leave(server, Cause::ServerLeft);
            self.rejoin(server);
        }
    }
}
