//! How clients of mirrored addresses are kept from going round.

use std::pin::pin;

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::ProxyState;
use crate::ids::ServerId;
use crate::proxy::shared::loop_detector::MARKED_LEN;
use crate::proxy::shared::mirror_gate::{HELD_WITHIN, MirrorPlace, WORD_HELD};
use crate::wire::first_frame::{ConnectionOpening, classify};

impl ProxyState {
    /// A client is let in at a server's mirrored address.
    pub(in crate::proxy) fn enter_mirror(&self, server: ServerId) -> MirrorPlace<'_> {
        self.mirrors.place(server)
    }

    /// Waits until too many wait for a server.
    pub(in crate::proxy) async fn overfull_mirror(&self, server: ServerId) {
        let Some(queue) = self.mirrors.of(server) else { return std::future::pending().await };
        loop {
            queue.overfull.notified().await;
            // It may have been said before the last outcome, for all who came by then.
            if queue.is_overfull(self.activity(server).waiting()) {
                return;
            }
        }
    }

    /// Waits, where too many wait for the server already, until a client may be passed on; false for one that has gone
    /// or has brought this zoogate's own word.
    pub(in crate::proxy) async fn passes_mirror(&self, server: ServerId, client: &TcpStream) -> bool {
        let Some(queue) = self.mirrors.of(server) else { return true };
        // Before it is counted: an outcome that comes meanwhile must not be missed.
        let judged = pin!(queue.judged.notified());
        if !queue.is_overfull(self.activity(server).waiting()) {
            return true;
        }
        queue.overfull.notify_one();
        tokio::select! {
            () = judged => true,
            passes = self.passes_by_word(client) => passes,
            () = sleep(HELD_WITHIN) => true,
            () = self.stopping.cancelled() => false,
        }
    }

    /// Whether a client may be passed on that asks a word; never ready for one that says something else.
    async fn passes_by_word(&self, client: &TcpStream) -> bool {
        let mut said = [0; MARKED_LEN];
        match client.peek(&mut said).await {
            Ok(0) | Err(_) => return false,
            Ok(len) => {
                let opening = classify(&said[..len]);
                let Some(word @ ConnectionOpening::Word(_)) = opening else { return std::future::pending().await };
                if !self.lets_pass(word, &said[..len]).await {
                    return false;
                }
            }
        }
        sleep(WORD_HELD).await;
        true
    }

    /// It was looked whether a server leads back.
    pub(in crate::proxy) fn judge_mirror(&self, server: ServerId) {
        if let Some(queue) = self.mirrors.of(server) {
            queue.judge(self.activity(server).waiting());
        }
    }

    /// Has as few wait freely for a server as at first, once no more wait.
    pub(in crate::proxy) fn narrow_mirror(&self, server: ServerId) {
        if let Some(queue) = self.mirrors.of(server) {
            queue.narrow(self.activity(server).waiting());
        }
    }
}
