//! Finding out that a server leads back to this proxy, through other proxies or a network's translation.
//!
//! What clients send is forwarded as it is, so nothing that goes round can carry a mark. The prober's own question can
//! be recognised instead: when its word comes in at the very moment in which one is out to a server, that server is
//! suspected, and the one that came in waits until the question is answered or too old. A suspect is then sent words in
//! an order that is drawn: when enough of them come in while they are out, it leads back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::ids::ServerId;
use crate::lock::lock;
use crate::session::probe_question::{ProbeQuestion, QUESTION};
use crate::time::Timestamp;

/// How old a question may be that a word which comes in is taken for, and how long that word waits at most.
pub(crate) const RECENT: Duration = Duration::from_millis(100);
/// How long the end of an echo is waited for, once its word is known to have come in.
const ECHO_END: Duration = Duration::from_millis(20);
/// What goes out and comes in.
#[derive(Debug)]
pub(in crate::proxy) struct LoopDetector {
    /// When each server was asked the question that is not answered yet; 0 for none.
    asked_at: Vec<AtomicU64>,
    /// Whether that is the usual question, or one of the first.
    usual: Vec<AtomicBool>,
    answered: Notify,
    suspected: Vec<Notify>,
    trial: Mutex<Option<TrialWord>>,
    trial_over: Notify,
    /// Said when the word of the trial has come in.
    echoed: Notify,
    /// One server is tried at a time.
    turn: tokio::sync::Mutex<()>,
}

/// The word that is out to a suspect.
#[derive(Debug)]
struct TrialWord {
    word: &'static str,
    came_in: bool,
}

/// What a word that came in is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum IncomingWord {
    /// The word that is out to a suspect.
    Echo,
    /// The prober's question, which is out to some server right now.
    Doubtful,
    /// Somebody else's.
    Strange,
}

impl LoopDetector {
    /// For this many servers.
    pub(in crate::proxy) fn new(servers: usize) -> Self {
        Self {
            asked_at: (0..servers).map(|_| AtomicU64::new(0)).collect(),
            usual: (0..servers).map(|_| AtomicBool::new(true)).collect(),
            answered: Notify::new(),
            suspected: (0..servers).map(|_| Notify::new()).collect(),
            trial: Mutex::new(None),
            trial_over: Notify::new(),
            echoed: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// A question goes out to a server; it is answered, or given up, when the result is dropped.
    pub(in crate::proxy) fn ask(&self, server: ServerId, word: &str, now: Timestamp) -> AskedWord<'_> {
        if let (Some(asked_at), Some(usual)) = (self.asked_at.get(server.index()), self.usual.get(server.index())) {
            usual.store(word == QUESTION, Ordering::Relaxed);
            asked_at.store(now.0, Ordering::Relaxed);
        }
        AskedWord { watch: self, server }
    }

    /// Notes a word that came in and is forwarded already.
    pub(in crate::proxy) fn note(&self, word: &str, now: Timestamp) {
        self.incoming(word, now);
    }

    /// Whether a word that came in is to be forwarded. What may be an echo waits until that is known.
    pub(in crate::proxy) async fn lets_pass(&self, word: &str, now: Timestamp, client: &TcpStream) -> bool {
        // Before the question is looked at: what is said in between must not be missed.
        let (answered, over) = (self.answered.notified(), self.trial_over.notified());
        match self.incoming(word, now) {
            IncomingWord::Strange => true,
            IncomingWord::Doubtful => {
                // However it ended: an echo is found out by the trial that has begun.
                let _ = timeout(RECENT, answered).await;
                true
            }
            IncomingWord::Echo => {
                // The trial of one word ends at once, and with it the connection that brought the echo.
                let _ = timeout(RECENT, over).await;
                let ended = timeout(ECHO_END, client.peek(&mut [0; 1])).await;
                !matches!(ended, Ok(Ok(0) | Err(_)))
            }
        }
    }

    fn incoming(&self, word: &str, now: Timestamp) -> IncomingWord {
        if let Some(trial) = self.trial().as_mut().filter(|trial| trial.word == word) {
            trial.came_in = true;
            self.echoed.notify_one();
            return IncomingWord::Echo;
        }
        let usual = word == QUESTION;
        // Any other word cannot be the prober's, so a monitor behind zoogate never raises a suspicion with it.
        if !usual && word != ProbeQuestion::First.word() {
            return IncomingWord::Strange;
        }
        let mut seen = IncomingWord::Strange;
        for ((asked_at, kind), suspected) in self.asked_at.iter().zip(&self.usual).zip(&self.suspected) {
            let asked_at = asked_at.load(Ordering::Relaxed);
            if kind.load(Ordering::Relaxed) == usual && asked_at != 0 && now.since(Timestamp(asked_at)) <= RECENT {
                // Every server whose question is out just now may be the one: which of them it is, the trial finds
                // out.
                suspected.notify_one();
                seen = IncomingWord::Doubtful;
            }
        }
        seen
    }

    /// Waits until a server is suspected.
    pub(in crate::proxy) async fn suspicion(&self, server: ServerId) {
        match self.suspected.get(server.index()) {
            Some(suspected) => suspected.notified().await,
            None => std::future::pending().await,
        }
    }

    /// The right to try a suspect.
    pub(in crate::proxy) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// A word of a trial goes out; the trial of it ends when the result is dropped.
    pub(in crate::proxy) fn try_word(&self, word: &'static str) -> LoopTrial<'_> {
        *self.trial() = Some(TrialWord { word, came_in: false });
        LoopTrial(self)
    }

    fn trial(&self) -> MutexGuard<'_, Option<TrialWord>> {
        lock(&self.trial)
    }
}

/// A question that is out.
pub(in crate::proxy) struct AskedWord<'a> {
    watch: &'a LoopDetector,
    server: ServerId,
}

impl Drop for AskedWord<'_> {
    fn drop(&mut self) {
        if let Some(asked_at) = self.watch.asked_at.get(self.server.index()) {
            asked_at.store(0, Ordering::Relaxed);
        }
        self.watch.answered.notify_waiters();
    }
}

/// A word that is out to a suspect.
pub(in crate::proxy) struct LoopTrial<'a>(&'a LoopDetector);

impl LoopTrial<'_> {
    /// Waits until the word has come in.
    pub(in crate::proxy) async fn came_in(&self) {
        while !self.has_come_in() {
            self.0.echoed.notified().await;
        }
    }

    /// Whether the word has come in.
    pub(in crate::proxy) fn has_come_in(&self) -> bool {
        self.0.trial().as_ref().is_some_and(|trial| trial.came_in)
    }
}

impl Drop for LoopTrial<'_> {
    fn drop(&mut self) {
        *self.0.trial() = None;
        self.0.trial_over.notify_waiters();
    }
}
