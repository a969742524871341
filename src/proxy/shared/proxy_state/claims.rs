//! What a claim's search asks of the running proxy: how servers are, in which order they are tried, who claims what.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::watch;

use super::ProxyState;
use crate::control::ClaimKey;
use crate::ids::ServerId;
use crate::lock::lock;
use crate::proxy::shared::server_activity::ServerActivity;
use crate::route::{CandidateOrder, ConnectIntent, ServerComplaint, ServerSnapshot, choose};
use crate::wire::handshake::{ClaimSecret, ConnectRequest};

impl ProxyState {
    /// The signs of life of a server.
    pub(in crate::proxy) fn activity(&self, server: ServerId) -> &ServerActivity {
        &self.activities[server.index()]
    }

    /// Says that a probe of a server is over.
    pub(in crate::proxy) fn probed(&self) {
        self.probes.send_replace(());
    }

    /// Follows the probes of servers.
    pub(in crate::proxy) fn probes(&self) -> watch::Receiver<()> {
        self.probes.subscribe()
    }

    /// Has a server probed when its last answer is older than that and no probe is under way.
    pub(in crate::proxy) fn probe_if_older(&self, server: ServerId, age: Duration) {
        let activity = self.activity(server);
        if !activity.is_probed() && activity.told_at().is_none_or(|at| self.clock.now().since(at) > age) {
            self.probe_soon(server);
        }
    }

    /// What a claim's search sees of every server now, by [`ServerId`].
    pub(in crate::proxy) fn snapshots(&self) -> SmallVec<[ServerSnapshot; 5]> {
        let roster = self.state.roster();
        roster.servers.iter().zip(&self.activities).map(|(entry, activity)| activity.snapshot(entry)).collect()
    }

    /// The servers for an intent in the order in which they are tried.
    pub(in crate::proxy) fn candidates(&self, intent: ConnectIntent, turn: usize) -> CandidateOrder {
        let load = |server| self.state.load(server).load(Ordering::Relaxed);
        choose(intent, &self.state.roster(), load, |server| self.activity(server).is_set_aside(), turn)
    }

    /// What distinguishes the claim in a client's first frame from those of others; None when it claims nothing that
    /// was given before.
    pub(in crate::proxy) fn claim_key(&self, request: &ConnectRequest, frame: &[u8]) -> Option<ClaimKey> {
        let secret = ClaimSecret::of_request(frame);
        (!request.session.is_new()).then(|| self.claim_registry.key(request.session, secret.bytes()))
    }

    /// Files what a client met at a server.
    pub(in crate::proxy) fn complain(&self, server: ServerId, complaint: ServerComplaint, client: SocketAddr) {
        let mut health = lock(&self.unresponsive_to_clients);
        health.complain(server, complaint, client.ip(), self.clock.now());
    }

    /// Looks at what the servers have done for clients since, and judges them by it.
    pub(in crate::proxy) fn judge_servers(&self) {
        let now = self.clock.now();
        for (place, activity) in self.activities.iter().enumerate() {
            activity.take_work(self.state.answered_work(ServerId(place as u16)), now);
        }
        let work: Vec<_> = self.activities.iter().map(ServerActivity::work).collect();
        // All servers at once: one is set aside only in comparison with what the others did meanwhile.
        let aside = lock(&self.unresponsive_to_clients).set_aside(&work, now);
        for ((place, activity), aside) in self.activities.iter().enumerate().zip(aside) {
            if activity.is_set_aside() != aside {
                activity.set_aside(aside);
                self.telemetry.note_set_aside(ServerId(place as u16), aside);
            }
        }
    }
}
