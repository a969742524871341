//! The watches that one connection has set and that have not fired.
//!
//! A server registers a watch when it answers, so does this table; a one-shot watch goes with its event
//! (protocol.md §8.3). Watches live on the connection and end with it. Paths are remembered as 64-bit hashes:
//! enough to distinguish a second watch on a node from a first one, and small.
//!
//! Of the watches that a client carries over with set-watches only the number is known. They are counted apart,
//! and an event on a path that is not in the table uses up one of them.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use super::event::{Request, WatchEvent};
use crate::ids::Xid;
use crate::wire::{ErrorCode, OpCode, PATH_CAP};

/// Watched paths remembered of a connection. Watches beyond them are not counted.
pub const WATCHED_PATHS_CAP: usize = 32_768;
/// Bytes that each takes: its hash, the kinds of its watches, and a byte of the table's own.
pub(crate) const WATCHED_PATH_BYTES: usize = size_of::<(u64, u8)>() + 1;
/// Requests that may set or remove watches and wait for their reply; later ones are not counted.
pub const WATCH_REQUESTS_CAP: usize = 4096;
/// Of those, the oldest that are looked at for one reply: where more were passed over, watches are counted too low.
const LOOKED_AT: usize = 256;

/// The kinds of watches that a server keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum WatchKind {
    /// On a node's data, set by getData, or by exists on a node that is there.
    Data,
    /// On a node that is missing, set by exists.
    Exist,
    /// On a node's children.
    Child,
    /// On data and children of a node, until it is removed.
    Persistent,
    /// On a whole subtree, until it is removed.
    Recursive,
    /// Carried over from an earlier connection, of whatever kind. At most this many: one that the client has set
    /// again since is counted twice.
    Carried,
}

impl WatchKind {
    /// All kinds, in the order of [`WatchCounts`].
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in labels and JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// How many watches of each kind there are, in the order of [`WatchKind::ALL`].
pub type WatchCounts = [u32; WatchKind::ALL.len()];

/// The watches of one connection. Holds no memory while there are none.
#[derive(Debug, Default)]
pub struct WatchTable(Option<Box<WatchedPath>>);

#[derive(Debug, Default)]
struct WatchedPath {
    /// Kinds (as bits) by the hash of their path.
    paths: HashMap<u64, u8, foldhash::fast::RandomState>,
    /// Requests not yet answered, in the order in which they were sent.
    waiting: VecDeque<WaitingWatch>,
    counts: WatchCounts,
    /// Carried watches that fired before the server confirmed that it took them over, as it does (§3.2).
    fired_early: u32,
}

#[derive(Clone, Copy, Debug)]
struct WaitingWatch {
    xid: Xid,
    path: u64,
    change: WatchChange,
}

/// What a reply will do to the table.
#[derive(Clone, Copy, Debug)]
enum WatchChange {
    /// Adds a watch of this kind if the node is there.
    Add(WatchKind),
    /// Adds a data watch if the node is there, else an exist watch.
    AddExists,
    /// Removes the kinds with these bits.
    Remove(u8),
    /// Carries over this many watches.
    Carry(u32),
}

impl WatchChange {
    fn of(request: &Request<'_>) -> Option<Self> {
        let flag = request.flags != 0;
        // Nearly all requests: they set no watch, remove none and carry none over.
        if !flag && request.op != OpCode::ADD_WATCH {
            return None;
        }
        match request.op {
            OpCode::GET_DATA => flag.then_some(Self::Add(WatchKind::Data)),
            OpCode::EXISTS => flag.then_some(Self::AddExists),
            OpCode::GET_CHILDREN | OpCode::GET_CHILDREN2 | OpCode::FILTERED_LIST | OpCode::FILTERED_LIST_WITH_DATA => {
                flag.then_some(Self::Add(WatchKind::Child))
            }
            // Persistent watches carry no flag in other requests: their mode is the number itself (`AddWatchMode`).
            OpCode::ADD_WATCH if request.flags == 0 => Some(Self::Add(WatchKind::Persistent)),
            OpCode::ADD_WATCH => Some(Self::Add(WatchKind::Recursive)),
            OpCode::REMOVE_WATCHES => Some(Self::Remove(removed_kinds(request.flags))),
            OpCode::SET_WATCHES | OpCode::SET_WATCHES2 => u32::try_from(request.flags).ok().map(Self::Carry),
            _ => None,
        }
    }
}

/// The watches that a removal of the given type takes away (`Watcher.WatcherType`).
fn removed_kinds(watcher_type: i32) -> u8 {
    match watcher_type {
        1 => WatchKind::Child.bit(),
        2 => WatchKind::Data.bit() | WatchKind::Exist.bit(),
        3 => WatchKind::ALL.iter().fold(0, |bits, kind| bits | kind.bit()),
        4 => WatchKind::Persistent.bit(),
        5 => WatchKind::Recursive.bit(),
        _ => 0,
    }
}

/// The watches that an event of the given type uses up.
fn fired_kinds(event_type: i32) -> u8 {
    let node = WatchKind::Data.bit() | WatchKind::Exist.bit();
    match event_type {
        1 | 3 => node,
        2 => node | WatchKind::Child.bit(),
        4 => WatchKind::Child.bit(),
        _ => 0,
    }
}

/// Whether requests of this operation are ever waited for; saves the search for all others.
fn may_concern_watches(op: OpCode) -> bool {
    matches!(
        op,
        OpCode::GET_DATA
            | OpCode::EXISTS
            | OpCode::GET_CHILDREN
            | OpCode::GET_CHILDREN2
            | OpCode::FILTERED_LIST
            | OpCode::FILTERED_LIST_WITH_DATA
            | OpCode::ADD_WATCH
            | OpCode::REMOVE_WATCHES
            | OpCode::SET_WATCHES
            | OpCode::SET_WATCHES2
    )
}

impl WatchTable {
    /// Remembers a request whose reply may set or remove watches.
    #[inline]
    pub fn on_request(&mut self, request: &Request<'_>) {
        if let Some(change) = WatchChange::of(request) {
            self.expect(request, change);
        }
    }

    fn expect(&mut self, request: &Request<'_>, change: WatchChange) {
        // A removal without watches changes nothing; so a client that only removes costs no memory.
        if matches!(change, WatchChange::Remove(_)) && self.0.is_none() {
            return;
        }
        let watched = self.0.get_or_insert_default();
        // Beyond the cap watches are counted too low rather than memory grow: the number is shown, nothing depends on
        // it.
        if watched.waiting.len() < WATCH_REQUESTS_CAP {
            let path = watched.hash(request.path);
            watched.waiting.push_back(WaitingWatch { xid: request.xid, path, change });
        }
    }

    /// Notes a reply by its request's number and operation, where that is known. Returns whether the counts have
    /// changed. Not by the whole [`Reply`](super::event::Reply): most replies need not be built anywhere.
    #[inline]
    pub fn on_reply(&mut self, xid: Xid, op: Option<OpCode>, error: ErrorCode) -> bool {
        self.0.is_some() && op.is_none_or(may_concern_watches) && self.settle(xid, error)
    }

    #[inline(never)]
    fn settle(&mut self, xid: Xid, error: ErrorCode) -> bool {
        let Some(watched) = self.0.as_mut().filter(|watched| !watched.waiting.is_empty()) else { return false };
        let changed = watched.settle(xid, error);
        // Most clients set no watch for most of their lives: an empty table is freed at once.
        self.give_back();
        changed
    }

    /// Notes a watch that fired. Returns whether the counts have changed.
    pub fn on_event(&mut self, event: &WatchEvent<'_>) -> bool {
        let Some(watched) = &mut self.0 else { return false };
        let path = watched.hash(event.path);
        let changed = watched.fire(path, event.kind);
        self.give_back();
        changed
    }

    /// How many watches there are.
    pub fn counts(&self) -> WatchCounts {
        self.0.as_ref().map_or_else(WatchCounts::default, |watched| watched.counts)
    }

    fn give_back(&mut self) {
        if self.0.as_ref().is_some_and(|watched| watched.counts == WatchCounts::default() && watched.waiting.is_empty())
        {
            self.0 = None;
        }
    }
}

impl WatchedPath {
    fn hash(&self, path: &[u8]) -> u64 {
        // A path that was cut by a chunk edge is known up to the cap only; a whole one must hash alike.
        self.paths.hasher().hash_one(&path[..path.len().min(PATH_CAP)])
    }

    /// Where the request with this xid waits. Clients count their requests up, and are answered in order: most replies
    /// are to the first one, or to none of these.
    fn place_of(&self, xid: Xid) -> Option<usize> {
        // Of a number with a meaning of its own nothing follows for those behind it.
        let may_be_behind = |waiting: &WaitingWatch| waiting.xid.0 <= xid.0.max(0) || xid.0 < 0;
        let looked_at = self.waiting.iter().take(LOOKED_AT).take_while(|waiting| may_be_behind(waiting));
        looked_at.enumerate().find(|(_, waiting)| waiting.xid == xid).map(|(place, _)| place)
    }

    /// Carries out what the replied request was to do; requests that were sent before it and skipped are
    /// dropped with it, because their replies will not come.
    fn settle(&mut self, xid: Xid, error: ErrorCode) -> bool {
        let Some(place) = self.place_of(xid) else { return false };
        let Some(waiting) = self.waiting.drain(..=place).next_back() else { return false };
        match waiting.change {
            // Servers register a watch only with a successful answer; only exists also watches a node that is
            // missing.
            WatchChange::Add(kind) if error.is_ok() => self.add(waiting.path, kind),
            WatchChange::AddExists if error.is_ok() => self.add(waiting.path, WatchKind::Data),
            WatchChange::AddExists if error == ErrorCode::NO_NODE => self.add(waiting.path, WatchKind::Exist),
            WatchChange::Remove(kinds) if error.is_ok() => self.remove(waiting.path, kinds),
            WatchChange::Carry(number) if error.is_ok() => {
                // A set-watches is answered after the events of those watches that would have fired meanwhile.
                let still_set = number.saturating_sub(std::mem::take(&mut self.fired_early));
                let carried = &mut self.counts[WatchKind::Carried as usize];
                *carried = carried.saturating_add(still_set);
                still_set > 0
            }
            WatchChange::Add(_) | WatchChange::AddExists | WatchChange::Remove(_) | WatchChange::Carry(_) => false,
        }
    }

    fn fire(&mut self, path: u64, event_type: i32) -> bool {
        // A watch that is known by its path comes first; only an event that fits none uses up a carried one.
        if self.paths.contains_key(&path) {
            return self.remove(path, fired_kinds(event_type));
        }
        let carried = &mut self.counts[WatchKind::Carried as usize];
        if self.waiting.iter().any(|waiting| matches!(waiting.change, WatchChange::Carry(_))) {
            self.fired_early = self.fired_early.saturating_add(1);
        } else if *carried > 0 {
            *carried -= 1;
            return true;
        }
        false
    }

    fn add(&mut self, path: u64, kind: WatchKind) -> bool {
        // A path that is known needs no more room, so its other kinds are counted even in a full table.
        if self.paths.len() >= WATCHED_PATHS_CAP && !self.paths.contains_key(&path) {
            return false;
        }
        let kinds = self.paths.entry(path).or_default();
        let new = *kinds & kind.bit() == 0;
        *kinds |= kind.bit();
        self.counts[kind as usize] += u32::from(new);
        new
    }

    fn remove(&mut self, path: u64, removed: u8) -> bool {
        let Some(kinds) = self.paths.get_mut(&path) else { return false };
        let gone = *kinds & removed;
        *kinds &= !removed;
        if *kinds == 0 {
            self.paths.remove(&path);
        }
        for &kind in WatchKind::ALL {
            self.counts[kind as usize] -= u32::from(gone & kind.bit() != 0);
        }
        gone != 0
    }
}

#[cfg(test)]
#[path = "watches_tests.rs"]
mod tests;
