//! The one-shot watches of one server. They live on a connection and go with it.

use std::collections::{BTreeMap, BTreeSet};

use super::LinkId;
use super::tree::{Happening, Tree};

/// What a watch waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WatchKind {
    /// A node's being there and its content (`getData`, `exists`).
    Node,
    /// A node's children.
    Children,
}

/// Who waits for what.
#[derive(Clone, Debug, Default)]
pub struct Watches {
    by_path: BTreeMap<(String, WatchKind), BTreeSet<LinkId>>,
}

/// The watches that a client wants back, and the zxid up to which it saw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Replay {
    /// Nothing up to here is news to the client.
    pub relative_zxid: i64,
    /// Nodes whose content it watched.
    pub data: Vec<String>,
    /// Nodes that it waits to appear.
    pub exist: Vec<String>,
    /// Nodes whose children it watched.
    pub child: Vec<String>,
}

impl Watches {
    /// Begins to wait.
    pub fn add(&mut self, path: &str, kind: WatchKind, link: LinkId) {
        self.by_path.entry((path.to_owned(), kind)).or_default().insert(link);
    }

    /// A connection is gone, and its watches with it.
    pub fn drop_link(&mut self, link: LinkId) {
        self.by_path.retain(|_, links| {
            links.remove(&link);
            !links.is_empty()
        });
    }

    /// Who must be told; they wait no more.
    pub fn fire(&mut self, happening: Happening, path: &str) -> BTreeSet<LinkId> {
        let mut told = BTreeSet::new();
        let mut take = |kind| told.extend(self.by_path.remove(&(path.to_owned(), kind)).unwrap_or_default());
        match happening {
            Happening::Created | Happening::DataChanged => take(WatchKind::Node),
            Happening::ChildrenChanged => take(WatchKind::Children),
            Happening::Deleted => {
                take(WatchKind::Node);
                take(WatchKind::Children);
            }
        }
        told
    }

    /// Takes a client's watches back: what it missed is returned, the rest is armed (`DataTree.setWatches`).
    pub fn replay(&mut self, replay: &Replay, tree: &Tree, link: LinkId) -> Vec<(Happening, String)> {
        let mut missed = Vec::new();
        for path in &replay.data {
            match tree.stat(path) {
                None => missed.push((Happening::Deleted, path.clone())),
                Some(stat) if stat.mzxid > replay.relative_zxid => missed.push((Happening::DataChanged, path.clone())),
                Some(_) => self.add(path, WatchKind::Node, link),
            }
        }
        for path in &replay.exist {
            match tree.stat(path) {
                Some(_) => missed.push((Happening::Created, path.clone())),
                None => self.add(path, WatchKind::Node, link),
            }
        }
        for path in &replay.child {
            match tree.stat(path) {
                None => missed.push((Happening::Deleted, path.clone())),
                Some(stat) if stat.pzxid > replay.relative_zxid => {
                    missed.push((Happening::ChildrenChanged, path.clone()));
                }
                Some(_) => self.add(path, WatchKind::Children, link),
            }
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Step;
    use super::*;

    #[test]
    fn a_watch_fires_once() {
        let mut watches = Watches::default();
        watches.add("/a", WatchKind::Node, LinkId(1));
        watches.add("/a", WatchKind::Children, LinkId(2));
        assert_eq!(watches.fire(Happening::DataChanged, "/a"), BTreeSet::from([LinkId(1)]));
        assert_eq!(watches.fire(Happening::DataChanged, "/a"), BTreeSet::new());
        assert_eq!(watches.fire(Happening::Deleted, "/a"), BTreeSet::from([LinkId(2)]));
    }

    #[test]
    fn a_replay_tells_what_was_missed_and_arms_the_rest() {
        let (mut watches, mut tree) = (Watches::default(), Tree::default());
        tree.apply(&Step::Create("/a".into(), vec![], 0), 5);
        let replay = |relative_zxid| Replay {
            relative_zxid,
            data: vec!["/a".into(), "/gone".into()],
            exist: vec!["/later".into()],
            child: vec!["/".into()],
        };
        let missed = watches.replay(&replay(4), &tree, LinkId(1));
        let kinds: Vec<_> = missed.iter().map(|(happening, _)| *happening).collect();
        assert_eq!(kinds, [Happening::DataChanged, Happening::Deleted, Happening::ChildrenChanged]);
        assert_eq!(watches.replay(&replay(5), &tree, LinkId(1)).len(), 1);
        assert_eq!(watches.fire(Happening::Created, "/later"), BTreeSet::from([LinkId(1)]));
        watches.drop_link(LinkId(1));
        assert_eq!(watches.fire(Happening::DataChanged, "/a"), BTreeSet::new());
    }
}
