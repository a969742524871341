//! Asks one server for its details (`mntr`, `conf`, `cons`), rarely, on connections of their own.
//!
//! Servers tell them only where they are configured to: nothing here is required, and what a server refuses it is not
//! asked again for a time. A server that does not serve is not asked at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::diagnose::{DetailAnswer, DetailWord};
use crate::ids::ServerId;
use crate::proxy::network::socket;
use crate::proxy::shared::proxy_state::ProxyState;
use crate::session::probe_result::{ServerHealth, ServerRole};

/// Between two rounds of questions to a server.
pub(crate) const DETAILS_EVERY: Duration = Duration::from_secs(30);
/// The same when it has come back since: a server that flaps is not to be asked all the time.
const DETAILS_AFTER_RETURN: Duration = Duration::from_secs(5);
/// The same when what it tells decides why another server does not answer.
pub(crate) const DETAILS_WANTED: Duration = Duration::from_secs(3);
/// For how long a server is not asked a word that it does not allow.
pub(crate) const REFUSED_FOR: Duration = Duration::from_mins(10);
/// Most bytes of an answer that are read.
pub(crate) const DETAILS_CAP: u64 = 64 << 10;

/// The one who asks a server for its details.
pub(in crate::proxy) struct DetailsProber {
    /// The proxy.
    pub(in crate::proxy) proxy: Arc<ProxyState>,
    /// The server.
    pub(in crate::proxy) server: ServerId,
}

/// When a server may be asked what.
#[derive(Debug, Default)]
struct DetailSchedule {
    /// When it was asked everything last.
    asked_at: Option<Instant>,
    /// When it was asked last because that decided something.
    wanted_at: Option<Instant>,
    /// Whether it has been seen not serving since.
    was_away: bool,
    /// When it refused each of the words.
    refused_at: [Option<Instant>; DetailWord::ALL.len()],
}

impl DetailSchedule {
    /// Whether a server that serves is to be asked now.
    fn is_due(&self, now: Instant) -> bool {
        let pause = if self.was_away { DETAILS_AFTER_RETURN } else { DETAILS_EVERY };
        self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= pause)
    }

    /// Whether it may be asked now what decides something.
    fn may_want(&self, now: Instant) -> bool {
        let rests = self.wanted_at.is_some_and(|at| now.saturating_duration_since(at) < DETAILS_WANTED);
        !rests && self.may_ask(DetailWord::Mntr, now)
    }

    fn begin(&mut self, now: Instant) {
        (self.asked_at, self.was_away) = (Some(now), false);
    }

    fn may_ask(&self, word: DetailWord, now: Instant) -> bool {
        self.refused_at[word as usize].is_none_or(|at| now.saturating_duration_since(at) >= REFUSED_FOR)
    }

    fn refused(&mut self, word: DetailWord, now: Instant) {
        self.refused_at[word as usize] = Some(now);
    }
}

impl DetailsProber {
    /// Asks the server now and then, until the proxy stops.
    pub(in crate::proxy) async fn run(self) {
        let stopping = self.proxy.stopping.clone();
        stopping.run_until_cancelled(self.ask_on()).await;
    }

    async fn ask_on(&self) {
        let mut probes = self.proxy.probes();
        let mut schedule = DetailSchedule::default();
        // The probes of all servers wake this, some times a second; there is nothing to do at nearly all of them.
        while probes.changed().await.is_ok() {
            if !self.serves() {
                schedule.was_away = true;
            } else if schedule.is_due(Instant::now()) {
                schedule.begin(Instant::now());
                self.ask_all(&mut schedule, DetailWord::ALL).await;
            } else if schedule.may_want(Instant::now()) && self.is_wanted() {
                schedule.wanted_at = Some(Instant::now());
                self.ask_all(&mut schedule, &[DetailWord::Mntr]).await;
            }
        }
    }

    /// Whether the server serves, and has said in which role: what answers `ruok` alone takes other words for the length
    /// of a frame, and what leads back here would send them round.
    fn serves(&self) -> bool {
        let tells = self.proxy.state.with_watch(|watch| {
            let watch = watch.server(self.server);
            watch.health() == ServerHealth::Serving && watch.role() != ServerRole::Unknown
        });
        tells && !self.proxy.names[self.server.index()].leads_back()
    }

    /// Whether what it tells decides something now.
    fn is_wanted(&self) -> bool {
        let now = self.proxy.clock.now();
        self.proxy.state.with_watch(|watch| watch.wants_details(self.server, now))
    }

    async fn ask_all(&self, schedule: &mut DetailSchedule, words: &[DetailWord]) {
        let mut has_count = false;
        for &word in words {
            // Every connection of a server makes a line of `cons`: where `mntr` tells how many there are, that is enough.
            let needed = word != DetailWord::Cons || !has_count;
            if !needed || !schedule.may_ask(word, Instant::now()) || !self.serves() {
                continue;
            }
            let Some((answer, is_whole)) = self.ask(word).await else { continue };
            match word.read(&answer, is_whole) {
                DetailAnswer::Told(details) => {
                    has_count |= details.connections.is_some();
                    self.proxy.state.note_details(self.server, self.proxy.clock.now(), details);
                }
                DetailAnswer::Refused => schedule.refused(word, Instant::now()),
                DetailAnswer::Nothing => {}
            }
            if !is_whole {
                tracing::debug!(server = %self.proxy.names[self.server.index()].server(), word = word.word(), "answer cut");
            }
        }
    }

    /// Asks one word; its answer and whether that is all of it. None where none came in time.
    async fn ask(&self, word: DetailWord) -> Option<(Vec<u8>, bool)> {
        let patience = self.proxy.settings.probe.timeout;
        let name = &self.proxy.names[self.server.index()];
        let mut stream = socket::connect(name, Instant::now() + patience).await.ok()?;
        let mut answer = Vec::new();
        let exchange = async {
            stream.write_all(word.word().as_bytes()).await?;
            (&mut stream).take(DETAILS_CAP + 1).read_to_end(&mut answer).await
        };
        timeout(patience, exchange).await.ok()?.ok()?;
        let is_whole = answer.len() as u64 <= DETAILS_CAP;
        answer.truncate(DETAILS_CAP as usize);
        Some((answer, is_whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_rarely_and_once_when_it_is_back() {
        let (begin, mut schedule) = (Instant::now(), DetailSchedule::default());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(schedule.is_due(at(0)));
        schedule.begin(at(0));
        assert_eq!([1, 29, 30].map(|seconds| schedule.is_due(at(seconds))), [false, false, true]);
        schedule.was_away = true;
        assert_eq!([1, 4, 5].map(|seconds| schedule.is_due(at(seconds))), [false, false, true]);
        schedule.begin(at(5));
        assert_eq!([10, 34, 35].map(|seconds| schedule.is_due(at(seconds))), [false, false, true]);
    }

    #[test]
    fn what_decides_something_is_asked_between_the_rounds_and_not_all_the_time() {
        let (begin, mut schedule) = (Instant::now(), DetailSchedule::default());
        let at = |seconds| begin + Duration::from_secs(seconds);
        schedule.begin(at(0));
        assert!(schedule.may_want(at(0)));
        schedule.wanted_at = Some(at(1));
        assert_eq!([1, 3, 4].map(|seconds| schedule.may_want(at(seconds))), [false, false, true]);
        schedule.refused(DetailWord::Mntr, at(4));
        assert!(!schedule.may_want(at(60)), "a word that is not allowed decides nothing");
    }

    #[test]
    fn a_word_that_is_not_allowed_is_left_alone_for_a_time() {
        let (begin, mut schedule) = (Instant::now(), DetailSchedule::default());
        schedule.refused(DetailWord::Mntr, begin);
        assert!(!schedule.may_ask(DetailWord::Mntr, begin + Duration::from_secs(599)));
        assert!(schedule.may_ask(DetailWord::Mntr, begin + REFUSED_FOR));
        assert!(schedule.may_ask(DetailWord::Conf, begin) && schedule.may_ask(DetailWord::Cons, begin));
    }
}
