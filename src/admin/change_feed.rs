//! `/api/stream`: what has changed, for all open pages together.
//!
//! What the lists show is looked at from time to time, by whoever of the pages comes first, and only while there is one;
//! rows that were not so before are kept for a while, and every page takes those that it has not had.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use foldhash::fast::FixedState;
use serde_json::json;
use tokio::time::Instant;

use super::event_stream::{EventBatch, EventSource, StreamEvent};
use super::query::ListFilter;
use super::streamed_list::{StreamedList, row_text};
use super::views;
use crate::api::DroppedEvents;
use crate::diagnose::incident_book::OPEN_INCIDENTS;
use crate::diagnose::risk::risk_book::{RISKS_OPEN, RISKS_PAST};
use crate::filter::Filter;
use crate::lock::lock;
use crate::observe::ProxyTelemetry;
use crate::text;

/// Between two looks.
pub(crate) const FEED_EVERY: Duration = Duration::from_millis(500);
/// Rows of each list that are looked at, the newest.
pub(crate) const FEED_ROWS: usize = 200;
/// Bytes of changed rows that are kept for pages that have not taken them.
pub(crate) const FEED_BYTES: usize = 256 * 1024;
/// Bytes of rows behind which an event is long enough.
const EVENT_BYTES: usize = 32 * 1024;

/// Lists whose rows hardly change once they are there: where all of the newest are new, older ones may be as well.
const APPENDED: [&str; 3] = ["moves", "refusals", "events"];

/// Hashes of the rows of a list as they were last seen.
type SeenRows = HashSet<u64, FixedState>;

/// What has changed, kept for all pages.
#[derive(Debug, Default)]
pub(super) struct ChangeFeed(Mutex<FeedLog>);

#[derive(Debug, Default)]
struct FeedLog {
    looked_at: Option<Instant>,
    seen: HashMap<&'static str, SeenRows, FixedState>,
    /// Incidents that were open at the last look.
    open: Vec<u64>,
    /// `bytes` in all, at most [`FEED_BYTES`] but for a single one.
    events: VecDeque<StreamEvent>,
    bytes: usize,
    /// The number of the next one.
    next: u64,
}

impl FeedLog {
    /// Looks for what has changed, unless somebody just did.
    fn look(&mut self, telemetry: &ProxyTelemetry, now: Instant) {
        // Ten pages cost as much as one: whoever comes first looks for the others too.
        if self.looked_at.is_some_and(|at| now.duration_since(at) < FEED_EVERY) {
            return;
        }
        self.looked_at = Some(now);
        for (name, rows) in lists(telemetry) {
            self.note(name, &rows);
        }
        // One that has become part of another is in no list any more, so a page that has it asks for the lists.
        let (open, has_absorbed) = telemetry.state().with_diagnosis(|diagnosis| {
            let (open, _) = diagnosis.incident_ids(OPEN_INCIDENTS, |one| one.until.is_none());
            let is_part = |id: &u64| diagnosis.incident(*id).is_some_and(|report| report.incident.id != *id);
            let has_absorbed = self.open.iter().any(|id| !open.contains(id) && is_part(id));
            (open, has_absorbed)
        });
        self.open = open;
        if has_absorbed {
            self.keep(dropped(1));
        }
    }

    /// Keeps those rows of a list that were not so before.
    fn note(&mut self, name: &'static str, rows: &[String]) {
        // Only hashes are remembered: rows of incidents are long, and all that matters is whether one is the same.
        let hash = FixedState::default();
        let hashes: Vec<u64> = rows.iter().map(|row| hash.hash_one(row)).collect();
        let before = self.seen.insert(name, hashes.iter().copied().collect());
        // The first look finds everything new; nobody has begun before it, so nobody is given that.
        let is_new = |place: &usize| before.as_ref().is_none_or(|before| !before.contains(&hashes[*place]));
        let new: Vec<usize> = (0..rows.len()).filter(is_new).collect();
        if APPENDED.contains(&name) && new.len() >= FEED_ROWS && before.is_some_and(|before| !before.is_empty()) {
            // What lies beyond them cannot be told: the page asks for the list.
            return self.keep(dropped(new.len() as u64));
        }
        // Oldest first, as the list has them, in pieces.
        let mut some = Vec::new();
        let mut bytes = 0;
        for place in new {
            bytes += rows[place].len();
            some.push(rows[place].as_str());
            // Small enough for a queue that is bounded in bytes to drop a part and not all.
            if bytes >= EVENT_BYTES {
                self.keep(event(name, &some));
                some.clear();
                bytes = 0;
            }
        }
        if !some.is_empty() {
            self.keep(event(name, &some));
        }
    }

    fn keep(&mut self, event: StreamEvent) {
        self.bytes += event.json.len();
        self.events.push_back(event);
        self.next += 1;
        // Who has not taken them by now is told so; the newest one stays, however long it is.
        while self.bytes > FEED_BYTES && self.events.len() > 1 {
            self.bytes -= self.events.pop_front().map_or(0, |event| event.json.len());
        }
    }

    /// The events from that number on, and how many of them are kept no longer.
    fn since(&self, number: u64) -> (u64, Vec<StreamEvent>) {
        // Numbers go on for ever, and the place of an event follows from how many are kept.
        let first = self.next - self.events.len() as u64;
        let skipped = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        (first.saturating_sub(number), self.events.iter().skip(skipped).cloned().collect())
    }
}

/// So many rows were not told: the page asks for the lists.
fn dropped(dropped: u64) -> StreamEvent {
    StreamEvent { name: "dropped", json: row_text(&DroppedEvents { dropped }) }
}

fn event(name: &'static str, rows: &[&str]) -> StreamEvent {
    // The rows are JSON already; what a terminal would obey is escaped in the whole at once.
    let json = format!("{{\"rows\":[{}]}}", rows.join(","));
    StreamEvent { name, json: text::json(&json).into_owned() }
}

/// The newest rows of all that a page shows, by the name of their event.
fn lists(telemetry: &ProxyTelemetry) -> Vec<(&'static str, Vec<String>)> {
    let newest = |limit, choose: fn(&ProxyTelemetry, &ListFilter) -> StreamedList| {
        choose(telemetry, &ListFilter { limit, filter: Filter::default() }).rows(telemetry)
    };
    let rows = |choose| newest(FEED_ROWS, choose);
    // One copy for the servers, for what happened to them, and for who leads.
    let ensemble = views::ensemble(telemetry);
    let older = ensemble.timeline.len().saturating_sub(FEED_ROWS);
    let head = json!({
        "leader": ensemble.leader,
        "epoch": ensemble.epoch,
        "leader_changes": ensemble.leader_changes,
    });
    vec![
        ("servers", rows(views::servers)),
        ("watched", ensemble.servers.iter().map(row_text).collect()),
        ("events", ensemble.timeline.iter().skip(older).map(row_text).collect()),
        ("ensemble", vec![row_text(&head)]),
        ("incidents", rows(views::incidents)),
        // All of them: any may pass, however old it is.
        ("risks", newest(RISKS_OPEN + RISKS_PAST, views::risks)),
        ("moves", rows(views::moves)),
        ("refusals", rows(views::session_moved)),
        ("latency", rows(views::latency)),
    ]
}

/// One page.
pub(super) struct FeedReader {
    feed: Arc<ChangeFeed>,
    /// The next event that it has not had; None before it has begun.
    next: Option<u64>,
    /// When it has had enough.
    until: Option<Instant>,
}

impl FeedReader {
    /// One that has had nothing yet, and has enough after that time.
    pub(super) fn new(feed: &Arc<ChangeFeed>, within: Option<Duration>) -> Self {
        // A time beyond all clocks is no end.
        let until = within.and_then(|within| Instant::now().checked_add(within));
        Self { feed: Arc::clone(feed), next: None, until }
    }
}

impl EventSource for FeedReader {
    fn interval(&self) -> Duration {
        // Not slept beyond the end that was asked for.
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(FEED_EVERY, |left| left.min(FEED_EVERY))
    }

    fn take(&mut self, telemetry: &ProxyTelemetry) -> EventBatch {
        let mut log = lock(&self.feed.0);
        // The lock is held while rows are made: other pages wait on the same thread at any rate.
        log.look(telemetry, Instant::now());
        let (dropped, events) = match self.next {
            Some(next) => log.since(next),
            // What was before it asks the lists for, once it knows that it misses nothing from now on.
            None => (0, vec![StreamEvent { name: "begun", json: "{}".to_owned() }]),
        };
        // What was dropped is told once, with what follows it.
        self.next = Some(log.next);
        EventBatch { dropped, events, is_last: self.until.is_some_and(|until| Instant::now() >= until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("\"{name}\"")).collect()
    }

    #[test]
    fn a_page_is_given_what_changed_and_only_once() {
        let mut log = FeedLog::default();
        log.note("moves", &rows(&["a", "b"]));
        let begun = log.next;
        log.note("moves", &rows(&["a", "b"]));
        assert_eq!(log.since(begun), (0, Vec::new()));
        log.note("moves", &rows(&["b", "c"]));
        let (dropped, events) = log.since(begun);
        assert_eq!((dropped, events.len()), (0, 1));
        assert_eq!(events[0], StreamEvent { name: "moves", json: "{\"rows\":[\"c\"]}".to_owned() });
        // Another list of the same rows is another list.
        log.note("risks", &rows(&["c"]));
        assert_eq!(log.since(begun).1.len(), 2);
        assert_eq!(log.since(log.next).1.len(), 0);
    }

    #[test]
    fn who_is_slow_is_told_what_is_missing() {
        let mut log = FeedLog::default();
        let padding = "x".repeat(EVENT_BYTES);
        for number in 0..20 {
            log.note("moves", &[format!("\"{number}{padding}\"")]);
            assert!(log.bytes <= FEED_BYTES, "{}", log.bytes);
            assert_eq!(log.bytes, log.events.iter().map(|event| event.json.len()).sum::<usize>());
        }
        let (dropped, events) = log.since(0);
        assert!(dropped > 0 && dropped + events.len() as u64 == 20, "{dropped}");
        assert_eq!(log.since(log.next - 1).0, 0);
    }

    #[test]
    fn more_than_were_looked_at_have_to_be_asked_for() {
        let mut log = FeedLog::default();
        let many = |from: usize| (from..from + FEED_ROWS).map(|number| number.to_string()).collect::<Vec<_>>();
        log.note("moves", &many(0));
        let begun = log.next;
        log.note("moves", &many(1_000));
        let (_, events) = log.since(begun);
        assert_eq!(events.iter().map(|event| event.name).collect::<Vec<_>>(), ["dropped"]);
    }

    #[test]
    fn long_lists_are_told_in_several_events() {
        let mut log = FeedLog::default();
        let row = format!("\"{}\"", "y".repeat(1_000));
        let all: Vec<String> = (0..FEED_ROWS - 1).map(|number| format!("[{number},{row}]")).collect();
        log.note("incidents", &all);
        assert!(log.events.len() > 3 && log.events.iter().all(|event| event.json.len() < EVENT_BYTES + 2_000));
        let told: usize = log.events.iter().map(|event| event.json.matches("yyy\"").count()).sum();
        assert_eq!(told, all.len());
    }
}
