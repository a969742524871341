//! A server that may lead back to this proxy, put on trial.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::ids::ServerId;
use crate::proxy::network::socket;
use crate::proxy::shared::proxy_state::ProxyState;
use crate::route::ServerEntry;
use crate::session::probe_result::ServerHealth;

/// Words of one trial at most: a proxy in between may send some of them to other servers.
pub(crate) const TRIAL_WORDS: usize = 12;
/// Words that must come in.
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
    /// It came in.
    Echo,
    /// It was answered by a server.
    Answer,
    /// Neither came.
    Nothing,
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
        let (server, log_throttle) = (name.server(), self.proxy.telemetry.log_throttle());
        // Kinds of their own: that it is used again is written although its proof just was.
        let (kind, level) =
            if leads_back { ("leads_back", Level::ERROR) } else { ("no_longer_leads_back", Level::INFO) };
        if let Some(suppressed) = log_throttle.pass_level(level, None, kind, Some(self.server)) {
            if leads_back {
                tracing::error!(%server, suppressed, "server leads back to this zoogate through something else: it is not used");
            } else {
                tracing::info!(%server, suppressed, "server no longer leads back to this zoogate");
            }
        }
        self.proxy.probe_soon(self.server);
    }

    /// Whether the server leads back; None when it is not there, or says nothing.
    async fn trial(&self) -> Option<bool> {
        let mut echoes = 0;
        for _ in 0..TRIAL_WORDS {
            match self.try_word().await {
                WordOutcome::Echo => echoes += 1,
                WordOutcome::Answer => {}
                // Neither proof nor disproof. A frozen server must not be called a loop, nor a loop be cleared whose way
                // round is closed because it was found.
                WordOutcome::Nothing => return None,
            }
            if echoes == ENOUGH {
                return Some(true);
            }
        }
        Some(false)
    }

    async fn try_word(&self) -> WordOutcome {
        let name = &self.proxy.names[self.server.index()];
        let Ok(mut stream) = socket::connect_whatever(name, Instant::now() + AFTER_TRIAL).await else {
            return WordOutcome::Nothing;
        };
        let (word, trial) = self.proxy.loops.try_word(self.server);
        let exchange = async {
            let mut answer = Vec::new();
            if stream.write_all(word.as_bytes()).await.is_ok() {
                // What was read counts, however the connection ended.
                let _ = stream.take(ANSWER_CAP).read_to_end(&mut answer).await;
            }
            !answer.is_empty()
        };
        tokio::select! {
            biased;
            () = trial.came_in() => WordOutcome::Echo,
            answered = exchange => match (trial.has_come_in(), answered) {
                (true, _) => WordOutcome::Echo,
                (false, true) => WordOutcome::Answer,
                (false, false) => WordOutcome::Nothing,
            },
            () = sleep(TRIAL_PATIENCE) => WordOutcome::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogFormat, LogLevel};
    use crate::observe::logs::logging::tests::written;
    use crate::proxy::shared::proxy_state::tests::proxy;

    #[test]
    fn a_server_that_leads_back_now_and_then_is_a_line_of_each_kind_in_a_while() {
        let proxy = Arc::new(proxy("servers = \"a:1,b:1\"\nlisten = [\"127.0.0.1:1\"]"));
        let suspects = [0, 1].map(|place| LoopSuspect { proxy: Arc::clone(&proxy), server: ServerId(place) });
        let text = written(LogFormat::Text, LogLevel::Info, |_| {
            for _ in 0..50 {
                for suspect in &suspects {
                    suspect.settle(true);
                    suspect.settle(false);
                }
            }
        });
        assert_eq!(text.lines().count(), 4, "two lines for each server\n{text}");
    }
}
