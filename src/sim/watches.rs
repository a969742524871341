//! The one-shot watches of one server. They live on a connection and go with it.

use std::collections::{BTreeMap, BTreeSet};

use super::data_tree::{DataTree, TreeEvent};
use super::link::LinkId;

/// What a watch waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WatchTarget {
    /// A node's being there and its content (`getData`, `exists`).
    Node,
    /// A node's children.
    Children,
}

/// Who waits for what.
#[derive(Clone, Debug, Default)]
pub struct ServerWatches {
    by_path: BTreeMap<(String, WatchTarget), BTreeSet<LinkId>>,
}

/// The watches that a client wants back, and the zxid up to which it saw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WatchReplay {
    /// Nothing up to here is news to the client.
    pub relative_zxid: i64,
    /// Nodes whose content it watched.
    pub data: Vec<String>,
    /// Nodes that it waits to appear.
    pub exist: Vec<String>,
    /// Nodes whose children it watched.
    pub child: Vec<String>,
}

impl ServerWatches {
    /// Begins to wait.
    pub fn add(&mut self, path: &str, kind: WatchTarget, link: LinkId) {
        self.by_path.entry((path.to_owned(), kind)).or_default().insert(link);
    }

    /// A connection is gone, and its watches with it.
    pub fn drop_link(&mut self, link: LinkId) {
        self.by_path.retain(|_, links| {
            links.remove(&link);
            !links.is_empty()
        });
    }

    /// Who must be notified; they wait no more.
    pub fn fire(&mut self, happening: TreeEvent, path: &str) -> BTreeSet<LinkId> {
        let mut told = BTreeSet::new();
        let mut take = |kind| told.extend(self.by_path.remove(&(path.to_owned(), kind)).unwrap_or_default());
        match happening {
            TreeEvent::Created | TreeEvent::DataChanged => take(WatchTarget::Node),
            TreeEvent::ChildrenChanged => take(WatchTarget::Children),
            TreeEvent::Deleted => {
                take(WatchTarget::Node);
                take(WatchTarget::Children);
            }
        }
        told
    }

    /// Takes a client's watches back: what it missed is returned, the rest is armed (`DataTree.setWatches`).
    pub fn replay(&mut self, replay: &WatchReplay, tree: &DataTree, link: LinkId) -> Vec<(TreeEvent, String)> {
        let mut missed = Vec::new();
        for path in &replay.data {
            match tree.stat(path) {
                None => missed.push((TreeEvent::Deleted, path.clone())),
                Some(stat) if stat.mzxid > replay.relative_zxid => missed.push((TreeEvent::DataChanged, path.clone())),
                Some(_) => self.add(path, WatchTarget::Node, link),
            }
        }
        for path in &replay.exist {
            match tree.stat(path) {
                Some(_) => missed.push((TreeEvent::Created, path.clone())),
                None => self.add(path, WatchTarget::Node, link),
            }
        }
        for path in &replay.child {
            match tree.stat(path) {
                None => missed.push((TreeEvent::Deleted, path.clone())),
                Some(stat) if stat.pzxid > replay.relative_zxid => {
                    missed.push((TreeEvent::ChildrenChanged, path.clone()));
                }
                Some(_) => self.add(path, WatchTarget::Children, link),
            }
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::super::data_tree::TreeStep;
    use super::*;

    #[test]
    fn a_watch_fires_once() {
        let mut watches = ServerWatches::default();
        watches.add("/a", WatchTarget::Node, LinkId(1));
        watches.add("/a", WatchTarget::Children, LinkId(2));
        assert_eq!(watches.fire(TreeEvent::DataChanged, "/a"), BTreeSet::from([LinkId(1)]));
        assert_eq!(watches.fire(TreeEvent::DataChanged, "/a"), BTreeSet::new());
        assert_eq!(watches.fire(TreeEvent::Deleted, "/a"), BTreeSet::from([LinkId(2)]));
    }

    #[test]
    fn a_replay_tells_what_was_missed_and_arms_the_rest() {
        let (mut watches, mut tree) = (ServerWatches::default(), DataTree::default());
        tree.apply(&TreeStep::Create("/a".into(), vec![], 0), 5);
        let replay = |relative_zxid| WatchReplay {
            relative_zxid,
            data: vec!["/a".into(), "/gone".into()],
            exist: vec!["/later".into()],
            child: vec!["/".into()],
        };
        let missed = watches.replay(&replay(4), &tree, LinkId(1));
        let kinds: Vec<_> = missed.iter().map(|(happening, _)| *happening).collect();
        assert_eq!(kinds, [TreeEvent::DataChanged, TreeEvent::Deleted, TreeEvent::ChildrenChanged]);
        assert_eq!(watches.replay(&replay(5), &tree, LinkId(1)).len(), 1);
        assert_eq!(watches.fire(TreeEvent::Created, "/later"), BTreeSet::from([LinkId(1)]));
        watches.drop_link(LinkId(1));
        assert_eq!(watches.fire(TreeEvent::DataChanged, "/a"), BTreeSet::new());
    }
}
