//! A server that may lead back to this proxy, put on trial.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::ids::ServerId;
use crate::proxy::network::socket;
use crate::proxy::shared::proxy_state::ProxyState;
use crate::route::ServerEntry;
use crate::session::probe_result::ServerHealth;

/// Words that every server answers, be it with a refusal, and that monitors do not ask all at once.
const WORDS: [&str; 4] = ["conf", "envi", "isro", "ruok"];
/// Words of one trial at most: a proxy in between may send some of them to other servers.
pub(crate) const TRIAL_WORDS: usize = 12;
/// Words that must come in while they are out.
pub(crate) const ENOUGH: usize = 4;
/// How long a word waits for its answer, and for its echo.
const TRIAL_PATIENCE: Duration = Duration::from_millis(200);
/// Between two trials of one server.
pub(crate) const AFTER_TRIAL: Duration = Duration::from_secs(1);
/// Between two trials of one that leads back.
pub(crate) const AFTER_PROOF: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const ANSWER_CAP: u64 = 4096;

/// The outcome of one word.
enum WordOutcome {
    /// It came in while it was out.
    Echo,
    /// It was answered, or the server is not there at all.
    Answer,
    /// Neither came.
    Silence,
}

/// The watch over one server.
pub(in crate::proxy) struct LoopSuspect {
    /// The proxy.
    pub(in crate::proxy) proxy: Arc<ProxyState>,
    /// The server.
    pub(in crate::proxy) server: ServerId,
}

impl LoopSuspect {
    /// Tries the server whenever it is suspected, until the proxy stops.
    pub(in crate::proxy) async fn run(self) {
        let stopping = self.proxy.stopping.clone();
        stopping.run_until_cancelled(self.watch_server()).await;
    }

    async fn watch_server(&self) {
        let name = &self.proxy.names[self.server.index()];
        let mut overfull = false;
        loop {
            if name.leads_back() {
                sleep(AFTER_PROOF).await;
            } else if !overfull {
                self.suspicion().await;
            }
            let mut found = self.trial().await;
            if found == Some(true) && !name.leads_back() && !self.others_serve() {
                // Another proxy on the way round may have another server and leave this one: that is waited for.
                sleep(AFTER_TRIAL).await;
                found = self.trial().await;
            }
            if let Some(leads_back) = found {
                self.settle(leads_back);
            }
            self.proxy.judge_mirror(self.server);
            overfull = tokio::select! {
                () = sleep(AFTER_TRIAL) => false,
                // Twice as many wait as when it was tried.
                () = self.proxy.overfull_mirror(self.server) => true,
            };
        }
    }

    /// Waits until the server is to be tried.
    async fn suspicion(&self) {
        loop {
            tokio::select! {
                () = self.proxy.loops.suspicion(self.server) => return,
                () = self.proxy.overfull_mirror(self.server) => return,
                () = sleep(AFTER_TRIAL), if self.proxy.mirrors.is_widened(self.server) => {
                    self.proxy.narrow_mirror(self.server);
                }
            }
        }
    }

    /// Whether another server serves, so that this one can be done without.
    fn others_serve(&self) -> bool {
        let roster = self.proxy.state.roster();
        let serves = |server: &ServerEntry| server.id != self.server && server.health == ServerHealth::Serving;
        roster.servers.iter().any(serves)
    }

    fn settle(&self, leads_back: bool) {
        let name = &self.proxy.names[self.server.index()];
        if name.set_leads_back(leads_back) == leads_back {
            return;
        }
        if leads_back {
            let server = name.server();
            tracing::error!(%server, "server leads back to this zoogate through something else: it is not used");
        } else {
            tracing::info!(server = %name.server(), "server no longer leads back to this zoogate");
        }
        self.proxy.probe_soon(self.server);
    }

    /// Whether the server leads back; None when it keeps silent.
    async fn trial(&self) -> Option<bool> {
        // One trial at a time: two words that are out at once could be taken for one another.
        let _turn = self.proxy.loops.turn().await;
        let mut echoes = 0;
        for _ in 0..TRIAL_WORDS {
            match self.try_word().await {
                WordOutcome::Echo => echoes += 1,
                WordOutcome::Answer => {}
                // Neither proof nor disproof. A frozen server must not be called a loop, nor a loop be cleared.
                WordOutcome::Silence => return None,
            }
            if echoes == ENOUGH {
                return Some(true);
            }
        }
        Some(false)
    }

    async fn try_word(&self) -> WordOutcome {
        // Drawn, so that a monitor that asks the same words in a fixed order cannot match them by chance.
        let draw = RandomState::new().build_hasher().finish() as usize;
        let word = WORDS[draw % WORDS.len()];
        let name = &self.proxy.names[self.server.index()];
        let Ok(mut stream) = socket::connect_whatever(name, Instant::now() + AFTER_TRIAL).await else {
            return WordOutcome::Answer;
        };
        let trial = self.proxy.loops.try_word(word);
        let exchange = async {
            stream.write_all(word.as_bytes()).await?;
            stream.take(ANSWER_CAP).read_to_end(&mut Vec::new()).await
        };
        tokio::select! {
            biased;
            () = trial.came_in() => WordOutcome::Echo,
            _ = exchange => if trial.has_come_in() { WordOutcome::Echo } else { WordOutcome::Answer },
            () = sleep(TRIAL_PATIENCE) => WordOutcome::Silence,
        }
    }
}
