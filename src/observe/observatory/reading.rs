//! What readers copy out of the ledger. Each takes its lock for a short time and formats nothing meanwhile.

use std::cmp::Reverse;

use super::{Books, Observatory};
use crate::ids::{ConnectionId, SessionId};
use crate::observe::lock::lock;
use crate::observe::rows::{Closing, ConnectionFacts, ConnectionRow, SessionPlace, SessionRow, SessionStory};
use crate::session::ledger::{LedgerLosses, OpenConnection, SessionState};
use crate::session::transition::EndedConnection;
use crate::session::verdict::{MoveVerdict, SessionMove};
use crate::time::Timestamp;

/// Sessions that a reader copies before it lets others have the lock: some tens of microseconds.
pub(super) const ROWS_AT_ONCE: usize = 256;

impl Observatory {
    /// The page of all metrics.
    pub fn metrics(&self) -> String {
        self.exporter.page(self)
    }

    /// The ids of all sessions, in no order.
    pub fn session_ids(&self) -> Vec<SessionId> {
        lock(&self.books).ledger.session_ids().collect()
    }

    /// Copies sessions out, some at a time, so that nobody waits long for the ledger. Those that it has
    /// forgotten meanwhile are left out.
    pub fn session_rows(&self, sessions: &[SessionId]) -> Vec<SessionRow> {
        let mut rows = Vec::with_capacity(sessions.len());
        for some in sessions.chunks(ROWS_AT_ONCE) {
            let books = lock(&self.books);
            rows.extend(some.iter().filter_map(|session| books.ledger.session(*session)).map(SessionRow::of));
        }
        rows
    }

    /// Copies out where sessions are, as [`Observatory::session_rows`] does.
    pub(in crate::observe) fn session_places(&self, sessions: &[SessionId]) -> Vec<SessionPlace> {
        let mut places = Vec::with_capacity(sessions.len());
        for some in sessions.chunks(ROWS_AT_ONCE) {
            let books = lock(&self.books);
            places.extend(some.iter().filter_map(|session| {
                let record = books.ledger.session(*session)?;
                Some(SessionPlace { session: *session, state: record.state(), server: record.server() })
            }));
        }
        places
    }

    /// How many sessions are attached to each server, by [`ServerId`](crate::ids::ServerId).
    pub fn attached(&self) -> Vec<usize> {
        self.count_attached(&self.session_places(&self.session_ids()))
    }

    pub(in crate::observe) fn count_attached(&self, places: &[SessionPlace]) -> Vec<usize> {
        let mut counts = vec![0; self.loads.len()];
        for place in places.iter().filter(|place| place.state == SessionState::Live) {
            if let Some(count) = place.server.and_then(|server| counts.get_mut(server.index())) {
                *count += 1;
            }
        }
        counts
    }

    /// Everything about one session.
    pub fn session_story(&self, session: SessionId) -> Option<SessionStory> {
        let books = lock(&self.books);
        let record = books.ledger.session(session)?;
        Some(SessionStory {
            row: SessionRow::of(record),
            record: record.clone(),
            moves: books.ledger.moves().filter(|one| one.session == session).cloned().collect(),
            verdicts: books.ledger.verdicts().filter(|one| one.session == session).cloned().collect(),
            ended: books.ledger.ended_connections().filter(|one| one.session == Some(session)).cloned().collect(),
        })
    }

    /// The newest moves that are wanted, newest first, and whether there are more.
    pub fn moves(&self, limit: usize, wanted: impl Fn(&SessionMove) -> bool) -> (Vec<SessionMove>, bool) {
        newest(lock(&self.books).ledger.moves().rev().filter(|one| wanted(one)), limit)
    }

    /// The newest verdicts that are wanted, newest first, and whether there are more.
    pub fn verdicts(&self, limit: usize, wanted: impl Fn(&MoveVerdict) -> bool) -> (Vec<MoveVerdict>, bool) {
        newest(lock(&self.books).ledger.verdicts().rev().filter(|one| wanted(one)), limit)
    }

    /// The newest connections that are wanted, newest first, and whether there are more.
    pub fn connections(&self, limit: usize, wanted: impl Fn(&ConnectionFacts) -> bool) -> (Vec<ConnectionRow>, bool) {
        let books = lock(&self.books);
        let mut found = books.connections(wanted);
        let key =
            |(claimed_at, connection, _): &(Timestamp, ConnectionId, Source<'_>)| Reverse((*claimed_at, *connection));
        let more = found.len() > limit;
        if more {
            found.select_nth_unstable_by_key(limit, key);
            found.truncate(limit);
        }
        found.sort_unstable_by_key(key);
        (found.into_iter().map(|(_, connection, source)| books.row(connection, source)).collect(), more)
    }

    pub(in crate::observe) fn losses(&self) -> LedgerLosses {
        lock(&self.books).ledger.losses()
    }
}

/// Where a connection is remembered.
#[derive(Clone, Copy)]
enum Source<'a> {
    Open(&'a OpenConnection),
    Closing(&'a Closing),
    Ended(&'a EndedConnection),
}

impl Books {
    fn connections(&self, wanted: impl Fn(&ConnectionFacts) -> bool) -> Vec<(Timestamp, ConnectionId, Source<'_>)> {
        let open = self.ledger.open_connections();
        let open = open.map(|(id, open)| (ConnectionFacts::of_open(id, open), Source::Open(open)));
        let closing = self.closing.iter();
        let closing =
            closing.map(|(id, closing)| (ConnectionFacts::of_closing(*id, closing), Source::Closing(closing)));
        let ended = self.ledger.ended_connections();
        let ended = ended.map(|ended| (ConnectionFacts::of_ended(ended), Source::Ended(ended)));
        let wanted = open.chain(closing).chain(ended).filter(|(facts, _)| wanted(facts));
        wanted.map(|(facts, source)| (facts.claimed_at, facts.connection, source)).collect()
    }

    fn row(&self, connection: ConnectionId, source: Source<'_>) -> ConnectionRow {
        match source {
            Source::Open(open) => ConnectionRow::Open { connection, open: *open },
            Source::Closing(closing) => ConnectionRow::Closing { connection, closing: *closing },
            Source::Ended(ended) => {
                let record = ended.session.and_then(|session| self.ledger.session(session));
                let claimed = record.and_then(|record| record.attachments().find(|one| one.connection == connection));
                ConnectionRow::Ended { ended: ended.clone(), routed: claimed.map(|one| one.claim.routed) }
            }
        }
    }
}

/// Clones the first so many, and says whether there are more.
fn newest<'a, T: Clone + 'a>(mut all: impl Iterator<Item = &'a T>, limit: usize) -> (Vec<T>, bool) {
    let taken = all.by_ref().take(limit).cloned().collect();
    (taken, all.next().is_some())
}
