//! Finding out that a server leads back to this proxy, through other proxies or a network's translation.
//!
//! When the prober's question comes in at the very moment in which it is out to a server, that server is suspected, and
//! the one that came in waits until the question is answered or too old. Others ask the same, so this proves nothing. A
//! suspect is then sent marked words: what stands behind a word no server reads, and every proxy passes on. Nobody can
//! guess a mark, so when words with their marks come in, the server leads back.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::ids::ServerId;
use crate::lock::lock;
use crate::session::probe_question::{ProbeQuestion, QUESTION};
use crate::time::Timestamp;

/// How old a question may be that a word which comes in is taken for, and how long that word waits at most.
pub(crate) const RECENT: Duration = Duration::from_millis(100);
/// How long a marked word is: what says what it is, and 64 bits drawn.
pub(in crate::proxy) const MARKED_LEN: usize = MARKED_WORD.len() + 17;
/// Every server answers this word, be it with a refusal, and takes a line's end behind it.
const MARKED_WORD: &str = "ruok\nzoogate ";

/// What goes out and comes in.
#[derive(Debug)]
pub(in crate::proxy) struct LoopDetector {
    servers: Vec<ServerWords>,
    answered: Notify,
}

/// What goes out to one server.
#[derive(Debug)]
struct ServerWords {
    /// When it was asked the question that is not answered yet; 0 for none.
    asked_at: AtomicU64,
    /// Whether that is the usual question, or one of the first.
    usual: AtomicBool,
    suspected: Notify,
    trial: Mutex<Option<MarkedWord>>,
    /// Said when the marked word has come in.
    echoed: Notify,
}

/// The marked word that is out to a suspect.
#[derive(Debug)]
struct MarkedWord {
    line: String,
    came_in: bool,
}

/// What a word that came in is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum IncomingWord {
    /// A marked word that is out to a suspect.
    Echo,
    /// The prober's question, which is out to some server right now.
    Doubtful,
    /// Somebody else's.
    Strange,
}

impl LoopDetector {
    /// For this many servers.
    pub(in crate::proxy) fn new(servers: usize) -> Self {
        let words = || ServerWords {
            asked_at: AtomicU64::new(0),
            usual: AtomicBool::new(true),
            suspected: Notify::new(),
            trial: Mutex::new(None),
            echoed: Notify::new(),
        };
        Self { servers: (0..servers).map(|_| words()).collect(), answered: Notify::new() }
    }

    /// A question goes out to a server; it is answered, or given up, when the result is dropped.
    pub(in crate::proxy) fn ask(&self, server: ServerId, word: &str, now: Timestamp) -> AskedWord<'_> {
        let words = self.servers.get(server.index());
        if let Some(words) = words {
            words.usual.store(word == QUESTION, Ordering::Relaxed);
            words.asked_at.store(now.0, Ordering::Relaxed);
        }
        AskedWord { words, answered: &self.answered }
    }

    /// Notes a word that came in, with all that came with it; false for a marked one that has gone round.
    pub(in crate::proxy) fn note(&self, word: &str, said: &[u8], now: Timestamp) -> bool {
        self.incoming(word, said, now) != IncomingWord::Echo
    }

    /// Whether a word that came in, with all that came with it, is to be forwarded. What may be an echo waits until that
    /// is known.
    pub(in crate::proxy) async fn lets_pass(&self, word: &str, said: &[u8], now: Timestamp) -> bool {
        // Before the question is looked at: what is said in between must not be missed.
        let answered = self.answered.notified();
        match self.incoming(word, said, now) {
            IncomingWord::Strange => true,
            IncomingWord::Doubtful => {
                // However it ended: an echo is found out by the trial that has begun.
                let _ = timeout(RECENT, answered).await;
                true
            }
            IncomingWord::Echo => false,
        }
    }

    fn incoming(&self, word: &str, said: &[u8], now: Timestamp) -> IncomingWord {
        if said.starts_with(MARKED_WORD.as_bytes()) && self.servers.iter().any(|words| words.came_in(said)) {
            return IncomingWord::Echo;
        }
        let usual = word == QUESTION;
        // Any other word cannot be the prober's, so a monitor behind zoogate never raises a suspicion with it.
        if !usual && word != ProbeQuestion::First.word() {
            return IncomingWord::Strange;
        }
        let mut seen = IncomingWord::Strange;
        for words in &self.servers {
            let asked_at = words.asked_at.load(Ordering::Relaxed);
            let is_out = asked_at != 0 && now.since(Timestamp(asked_at)) <= RECENT;
            if is_out && words.usual.load(Ordering::Relaxed) == usual {
                // Every server whose question is out just now may be the one: which of them it is, the trial finds
                // out.
                words.suspected.notify_one();
                seen = IncomingWord::Doubtful;
            }
        }
        seen
    }

    /// Waits until a server is suspected.
    pub(in crate::proxy) async fn suspicion(&self, server: ServerId) {
        match self.servers.get(server.index()) {
            Some(words) => words.suspected.notified().await,
            None => std::future::pending().await,
        }
    }

    /// A marked word for a server, and its trial, which ends when that is dropped.
    pub(in crate::proxy) fn try_word(&self, server: ServerId) -> (String, LoopTrial<'_>) {
        let line = format!("{MARKED_WORD}{:016x}\n", RandomState::new().build_hasher().finish());
        let words = self.servers.get(server.index());
        if let Some(words) = words {
            *lock(&words.trial) = Some(MarkedWord { line: line.clone(), came_in: false });
        }
        (line, LoopTrial(words))
    }
}

impl ServerWords {
    /// Whether this is the marked word that is out to the server; notes that it came in.
    fn came_in(&self, said: &[u8]) -> bool {
        let mut trial = lock(&self.trial);
        let Some(marked) = trial.as_mut().filter(|marked| said.starts_with(marked.line.as_bytes())) else {
            return false;
        };
        marked.came_in = true;
        self.echoed.notify_one();
        true
    }
}

/// A question that is out.
pub(in crate::proxy) struct AskedWord<'a> {
    words: Option<&'a ServerWords>,
    answered: &'a Notify,
}

impl Drop for AskedWord<'_> {
    fn drop(&mut self) {
        if let Some(words) = self.words {
            words.asked_at.store(0, Ordering::Relaxed);
        }
        self.answered.notify_waiters();
    }
}

/// A marked word that is out to a suspect.
pub(in crate::proxy) struct LoopTrial<'a>(Option<&'a ServerWords>);

impl LoopTrial<'_> {
    /// Waits until the word has come in.
    pub(in crate::proxy) async fn came_in(&self) {
        let Some(words) = self.0 else { return std::future::pending().await };
        while !self.has_come_in() {
            words.echoed.notified().await;
        }
    }

    /// Whether the word has come in.
    pub(in crate::proxy) fn has_come_in(&self) -> bool {
        self.0.is_some_and(|words| lock(&words.trial).as_ref().is_some_and(|marked| marked.came_in))
    }
}

impl Drop for LoopTrial<'_> {
    fn drop(&mut self) {
        if let Some(words) = self.0 {
            *lock(&words.trial) = None;
        }
    }
}
