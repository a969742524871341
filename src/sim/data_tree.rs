//! A small data tree: nodes, versions, ephemerals, sequential names. One copy on every server, and one that runs
//! ahead on the leader.
//!
//! A [`TreeChange`] is what a client asks for; [`DataTree::resolve`] turns it into a [`TreeStep`] that every copy can
//! apply without asking again. No ACLs, no quotas, no containers: nothing that decides who owns a session.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::ErrorCode;

/// What a client asks to be changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TreeChange {
    /// Make a node; flag 1 is ephemeral, flag 2 sequential.
    Create {
        /// Path, or the beginning of a sequential node's.
        path: String,
        /// Content.
        data: Vec<u8>,
        /// `CreateMode` flags.
        flags: i32,
    },
    /// Remove a node that has no children.
    Delete {
        /// Path.
        path: String,
        /// Version expected; -1 takes any.
        version: i32,
    },
    /// Replace a node's content.
    SetData {
        /// Path.
        path: String,
        /// Content.
        data: Vec<u8>,
        /// Version expected; -1 takes any.
        version: i32,
    },
    /// Change the access list; only counted here.
    SetAcl {
        /// Path.
        path: String,
    },
    /// Require a version.
    Check {
        /// Path.
        path: String,
        /// Version expected; -1 takes any.
        version: i32,
    },
}

/// A change that is decided: every copy of the tree applies it with the same result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TreeStep {
    /// Make this node for this owner (0: persistent).
    Create(String, Vec<u8>, i64),
    /// Remove it.
    Delete(String),
    /// Replace its content.
    SetData(String, Vec<u8>),
    /// Touch its access list.
    SetAcl(String),
    /// Nothing: the version was right.
    Check,
}

/// What a node is, for replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodeStat {
    /// Zxid that made it.
    pub czxid: i64,
    /// Zxid that last changed its content.
    pub mzxid: i64,
    /// Zxid that last changed its children.
    pub pzxid: i64,
    /// Changes of its content.
    pub version: i32,
    /// Changes of its children.
    pub cversion: i32,
    /// Session that it lives as long as; 0 for a persistent node.
    pub owner: i64,
    /// Bytes of content.
    pub data_len: i32,
    /// Children now.
    pub children: i32,
}

/// What happened to a path, in the numbers of watch events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TreeEvent {
    /// `NodeCreated`.
    Created = 1,
    /// `NodeDeleted`.
    Deleted = 2,
    /// `NodeDataChanged`.
    DataChanged = 3,
    /// `NodeChildrenChanged`.
    ChildrenChanged = 4,
}

#[derive(Clone, Debug, Default)]
struct TreeNode {
    data: Vec<u8>,
    stat: NodeStat,
    children: BTreeSet<String>,
}

/// The nodes of one copy.
#[derive(Clone, Debug)]
pub struct DataTree {
    nodes: BTreeMap<String, TreeNode>,
}

impl Default for DataTree {
    fn default() -> Self {
        Self { nodes: BTreeMap::from([("/".to_owned(), TreeNode::default())]) }
    }
}

fn split(path: &str) -> Option<(&str, &str)> {
    let (parent, name) = path.rsplit_once('/')?;
    Some((if parent.is_empty() { "/" } else { parent }, name))
}

impl DataTree {
    /// Decides what a change comes to, or why it is refused.
    ///
    /// # Errors
    /// The code that ZooKeeper answers.
    pub fn resolve(&self, change: &TreeChange, session: i64) -> Result<TreeStep, ErrorCode> {
        match change {
            TreeChange::Create { path, data, flags } => {
                let (parent, name) = split(path).ok_or(ErrorCode(-8))?;
                let node = self.nodes.get(parent).ok_or(ErrorCode::NO_NODE)?;
                if node.stat.owner != 0 {
                    return Err(ErrorCode(-108));
                }
                let path = match flags & 2 {
                    0 if name.is_empty() => return Err(ErrorCode(-8)),
                    0 => path.clone(),
                    // The parent's child version, as ZooKeeper counts: it never goes back when nodes are deleted.
                    _ => format!("{path}{:010}", node.stat.cversion),
                };
                if self.nodes.contains_key(&path) {
                    return Err(ErrorCode(-110));
                }
                Ok(TreeStep::Create(path, data.clone(), if flags & 1 == 1 { session } else { 0 }))
            }
            TreeChange::Delete { path, version } => {
                let node = self.versioned(path, *version)?;
                if !node.children.is_empty() {
                    return Err(ErrorCode(-111));
                }
                Ok(TreeStep::Delete(path.clone()))
            }
            TreeChange::SetData { path, data, version } => {
                self.versioned(path, *version)?;
                Ok(TreeStep::SetData(path.clone(), data.clone()))
            }
            TreeChange::SetAcl { path } => self.versioned(path, -1).map(|_| TreeStep::SetAcl(path.clone())),
            TreeChange::Check { path, version } => self.versioned(path, *version).map(|_| TreeStep::Check),
        }
    }

    fn versioned(&self, path: &str, version: i32) -> Result<&TreeNode, ErrorCode> {
        let node = self.nodes.get(path).ok_or(ErrorCode::NO_NODE)?;
        if version != -1 && version != node.stat.version {
            return Err(ErrorCode(-103));
        }
        Ok(node)
    }

    /// Carries out a step. Returns what happened to which path.
    pub fn apply(&mut self, step: &TreeStep, zxid: i64) -> Vec<(TreeEvent, String)> {
        match step {
            TreeStep::Create(path, data, owner) => {
                let Some((parent, name)) = split(path) else { return Vec::new() };
                let stat = NodeStat {
                    czxid: zxid,
                    mzxid: zxid,
                    pzxid: zxid,
                    owner: *owner,
                    data_len: data.len() as i32,
                    ..NodeStat::default()
                };
                self.nodes.insert(path.clone(), TreeNode { data: data.clone(), stat, children: BTreeSet::new() });
                self.change_children(parent, zxid, |children| {
                    children.insert(name.to_owned());
                });
                vec![(TreeEvent::Created, path.clone()), (TreeEvent::ChildrenChanged, parent.to_owned())]
            }
            TreeStep::Delete(path) => {
                let Some((parent, name)) = split(path) else { return Vec::new() };
                self.nodes.remove(path);
                self.change_children(parent, zxid, |children| {
                    children.remove(name);
                });
                vec![(TreeEvent::Deleted, path.clone()), (TreeEvent::ChildrenChanged, parent.to_owned())]
            }
            TreeStep::SetData(path, data) => {
                let Some(node) = self.nodes.get_mut(path) else { return Vec::new() };
                node.data.clone_from(data);
                (node.stat.mzxid, node.stat.data_len) = (zxid, data.len() as i32);
                node.stat.version += 1;
                vec![(TreeEvent::DataChanged, path.clone())]
            }
            TreeStep::SetAcl(_) | TreeStep::Check => Vec::new(),
        }
    }

    fn change_children(&mut self, parent: &str, zxid: i64, change: impl FnOnce(&mut BTreeSet<String>)) {
        if let Some(node) = self.nodes.get_mut(parent) {
            change(&mut node.children);
            (node.stat.pzxid, node.stat.children) = (zxid, node.children.len() as i32);
            node.stat.cversion += 1;
        }
    }

    /// The paths that live as long as `session`.
    pub fn ephemerals(&self, session: i64) -> Vec<String> {
        self.nodes.iter().filter(|(_, node)| node.stat.owner == session).map(|(path, _)| path.clone()).collect()
    }

    /// What a node is, if it is there.
    pub fn stat(&self, path: &str) -> Option<NodeStat> {
        self.nodes.get(path).map(|node| node.stat)
    }

    /// A node's content and what it is.
    pub fn read(&self, path: &str) -> Option<(&[u8], NodeStat)> {
        self.nodes.get(path).map(|node| (node.data.as_slice(), node.stat))
    }

    /// The names of a node's children and what it is.
    pub fn children(&self, path: &str) -> Option<(impl ExactSizeIterator<Item = &str>, NodeStat)> {
        self.nodes.get(path).map(|node| (node.children.iter().map(String::as_str), node.stat))
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: the root is always there.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(tree: &mut DataTree, path: &str, flags: i32, session: i64, zxid: i64) -> Result<String, ErrorCode> {
        let change = TreeChange::Create { path: path.to_owned(), data: b"x".to_vec(), flags };
        let step = tree.resolve(&change, session)?;
        tree.apply(&step, zxid);
        let TreeStep::Create(path, ..) = step else { panic!("{step:?}") };
        Ok(path)
    }

    #[test]
    fn names_in_sequence_count_the_changes_of_the_parent() {
        let mut tree = DataTree::default();
        create(&mut tree, "/q", 0, 9, 1).unwrap();
        assert_eq!(create(&mut tree, "/q/n-", 3, 9, 2).unwrap(), "/q/n-0000000000");
        assert_eq!(create(&mut tree, "/q/n-", 2, 9, 3).unwrap(), "/q/n-0000000001");
        assert_eq!(tree.ephemerals(9), ["/q/n-0000000000"]);
        assert_eq!(create(&mut tree, "/q/n-0000000000/x", 0, 9, 4), Err(ErrorCode(-108)));
    }

    #[test]
    fn refusals_are_zookeepers() {
        let mut tree = DataTree::default();
        assert_eq!(create(&mut tree, "/a/b", 0, 1, 1), Err(ErrorCode::NO_NODE));
        create(&mut tree, "/a", 0, 1, 1).unwrap();
        create(&mut tree, "/a/b", 0, 1, 2).unwrap();
        assert_eq!(create(&mut tree, "/a", 0, 1, 3), Err(ErrorCode(-110)));
        let refuse = |change| tree.resolve(&change, 1);
        assert_eq!(refuse(TreeChange::Delete { path: "/a".into(), version: -1 }), Err(ErrorCode(-111)));
        assert_eq!(refuse(TreeChange::Check { path: "/a".into(), version: 3 }), Err(ErrorCode(-103)));
        assert_eq!(refuse(TreeChange::SetAcl { path: "/z".into() }), Err(ErrorCode::NO_NODE));
    }

    #[test]
    fn changes_say_what_happened() {
        let mut tree = DataTree::default();
        create(&mut tree, "/a", 0, 1, 1).unwrap();
        let happened = tree.apply(&TreeStep::SetData("/a".into(), b"yy".to_vec()), 2);
        assert_eq!(happened, [(TreeEvent::DataChanged, "/a".to_owned())]);
        assert_eq!(tree.stat("/a").map(|stat| (stat.version, stat.mzxid, stat.data_len)), Some((1, 2, 2)));
        let happened = tree.apply(&TreeStep::Delete("/a".into()), 3);
        assert_eq!(happened, [(TreeEvent::Deleted, "/a".to_owned()), (TreeEvent::ChildrenChanged, "/".to_owned())]);
    }
}
