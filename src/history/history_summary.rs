//! What the history has of each cause: how often, since when, and what was different.

use std::collections::BTreeMap;

use super::history_kind::HistoryKind;
use crate::api::{CalendarMoment, HistorySummaryView, NamedCount};
use crate::observe::WallClock;

/// Names of holders that are counted for a kind in each file: the most frequent.
pub(crate) const NAMES_COUNTED: usize = 64;
/// Names that are shown.
const NAMES_SHOWN: usize = 8;

/// Sums over all files, by kind and cause.
#[derive(Debug, Default)]
pub(super) struct HistorySummary {
    causes: BTreeMap<(HistoryKind, Option<String>), CauseSummary>,
}

/// The same of one cause.
#[derive(Debug, Default)]
struct CauseSummary {
    count: u64,
    first: Option<u64>,
    servers: BTreeMap<String, u64>,
    identities: BTreeMap<String, u64>,
    shortest: Option<u64>,
    longest: Option<u64>,
    lengths: f64,
    with_length: u64,
    newest: NewestOne,
}

/// The newest of a cause.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct NewestOne {
    pub(super) at_ms: u64,
    pub(super) server: Option<String>,
    pub(super) lasted_ms: Option<u64>,
}

/// What one file has of a cause at a server.
#[derive(Debug)]
pub(super) struct ServerCount {
    pub(super) server: Option<String>,
    pub(super) count: u64,
    pub(super) first: u64,
    pub(super) shortest: Option<u64>,
    pub(super) longest: Option<u64>,
    pub(super) lengths: f64,
    pub(super) with_length: u64,
}

/// The lesser of those that there are.
fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

impl HistorySummary {
    fn of(&mut self, kind: HistoryKind, cause: Option<String>) -> &mut CauseSummary {
        self.causes.entry((kind, cause)).or_default()
    }

    /// Whether the newest of a cause is known already.
    pub(super) fn knows_newest(&self, kind: HistoryKind, cause: Option<&str>) -> bool {
        let known = self.causes.get(&(kind, cause.map(str::to_owned)));
        known.is_some_and(|one| one.newest.at_ms > 0)
    }

    pub(super) fn add_server(&mut self, kind: HistoryKind, cause: Option<String>, found: ServerCount) {
        let one = self.of(kind, cause);
        one.count += found.count;
        one.first = least(one.first, Some(found.first));
        one.shortest = least(one.shortest, found.shortest);
        one.longest = one.longest.max(found.longest);
        one.lengths += found.lengths;
        one.with_length += found.with_length;
        if let Some(server) = found.server {
            *one.servers.entry(server).or_default() += found.count;
        }
    }

    pub(super) fn add_identity(&mut self, kind: HistoryKind, cause: Option<String>, identity: String, count: u64) {
        *self.of(kind, cause).identities.entry(identity).or_default() += count;
    }

    pub(super) fn add_newest(&mut self, kind: HistoryKind, cause: Option<String>, newest: NewestOne) {
        let one = self.of(kind, cause);
        if newest.at_ms >= one.newest.at_ms {
            one.newest = newest;
        }
    }

    /// The most frequent causes first.
    pub(super) fn views(self) -> Vec<HistorySummaryView> {
        let mut views: Vec<_> = self.causes.into_iter().map(|((kind, cause), one)| one.view(kind, cause)).collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.count));
        views
    }
}

impl CauseSummary {
    fn view(self, kind: HistoryKind, cause: Option<String>) -> HistorySummaryView {
        let moment = |unix_millis| CalendarMoment { text: WallClock::text(unix_millis), unix_millis };
        let different = self.different();
        HistorySummaryView {
            kind: kind.label().into(),
            cause: cause.map(Into::into),
            count: self.count,
            first: self.first.map(moment).into(),
            last: Some(moment(self.newest.at_ms)).into(),
            servers: most_frequent(self.servers),
            identities: most_frequent(self.identities),
            shortest_ms: self.shortest,
            mean_ms: (self.with_length > 0).then(|| (self.lengths / self.with_length as f64) as u64),
            longest_ms: self.longest,
            different,
        }
    }

    /// What the newest one has that those before it had not.
    fn different(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.count < 2 {
            return found;
        }
        if let Some(server) = self.newest.server.as_ref().filter(|server| self.servers.get(*server) == Some(&1)) {
            found.push(format!("the last was the first at {server}"));
        }
        let lasted = self.newest.lasted_ms.filter(|_| self.with_length > 1);
        if let Some(lasted) = lasted.filter(|_| self.shortest != self.longest) {
            if Some(lasted) == self.longest {
                found.push(format!("the last took {lasted} ms, the longest of all"));
            } else if Some(lasted) == self.shortest {
                found.push(format!("the last took {lasted} ms, the shortest of all"));
            }
        }
        found
    }
}

fn most_frequent(counts: BTreeMap<String, u64>) -> Vec<NamedCount> {
    let mut all: Vec<NamedCount> = counts.into_iter().map(|(name, count)| NamedCount { name, count }).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.count));
    all.truncate(NAMES_SHOWN);
    all
}
