//! The nodes of a Keeper double, and what its operations do to them.

use std::collections::BTreeMap;

use zoogate::wire::{JuteReader, JuteWriter};

/// Operations, by their numbers on the wire.
pub(crate) mod op {
    pub(crate) const CREATE: i32 = 1;
    pub(crate) const DELETE: i32 = 2;
    pub(crate) const EXISTS: i32 = 3;
    pub(crate) const GET: i32 = 4;
    pub(crate) const SET: i32 = 5;
    pub(crate) const LIST: i32 = 8;
    pub(crate) const SYNC: i32 = 9;
    pub(crate) const PING: i32 = 11;
    pub(crate) const LIST2: i32 = 12;
    pub(crate) const CHECK: i32 = 13;
    pub(crate) const MULTI: i32 = 14;
    pub(crate) const MULTI_READ: i32 = 22;
    pub(crate) const AUTH: i32 = 100;
    pub(crate) const FILTERED_LIST: i32 = 500;
    pub(crate) const CHECK_NOT_EXISTS: i32 = 501;
    pub(crate) const CREATE_IF_NOT_EXISTS: i32 = 502;
    pub(crate) const REMOVE_RECURSIVE: i32 = 503;
    pub(crate) const TRY_REMOVE: i32 = 505;
    pub(crate) const CLOSE: i32 = -11;
}

const NO_NODE: i32 = -101;
const BAD_VERSION: i32 = -103;
const NODE_EXISTS: i32 = -110;
const NOT_EMPTY: i32 = -111;
const RUNTIME_INCONSISTENCY: i32 = -2;
/// The Keeper ends the connection at an operation that it does not know.
pub(crate) const UNKNOWN: i32 = i32::MIN;

/// What the double knows, as the bits of `/keeper/feature_flags`: filtered lists, multi reads, checkNotExists,
/// createIfNotExists and removeRecursive in the first byte, tryRemove in the second.
const FEATURES: [u8; 2] = [0xf8, 0x40];

#[derive(Clone, Default)]
struct Node {
    data: Vec<u8>,
    version: i32,
    children_made: i32,
    created: i64,
    changed: i64,
    owner: i64,
}

/// All nodes.
#[derive(Clone)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Node>,
    pub(crate) zxid: i64,
}

/// The body of a reply, or an error code.
type Outcome = Result<Vec<u8>, i32>;

impl Tree {
    pub(crate) fn new() -> Self {
        let mut nodes = BTreeMap::new();
        for (path, data) in [("", &[][..]), ("/keeper", &[]), ("/keeper/feature_flags", &FEATURES)] {
            nodes.insert(path.to_owned(), Node { data: data.to_vec(), ..Node::default() });
        }
        Self { nodes, zxid: 0x70 }
    }

    /// Removes what a session leaves behind.
    pub(crate) fn forget(&mut self, session: i64) {
        self.nodes.retain(|_, node| node.owner != session);
    }

    /// Carries out one request of a session.
    pub(crate) fn carry_out(&mut self, session: i64, code: i32, body: &mut JuteReader<'_>) -> Outcome {
        match code {
            op::PING | op::AUTH => Ok(Vec::new()),
            op::SYNC => Ok(JuteWriter::new().buffer(text(body).as_bytes()).into_bytes()),
            op::MULTI => self.multi(session, body),
            op::MULTI_READ => self.multi_read(body),
            op::EXISTS | op::GET | op::LIST | op::LIST2 | op::FILTERED_LIST => self.read(code, body),
            _ => {
                self.zxid += 1;
                self.write(session, code, body)
            }
        }
    }

    fn multi(&mut self, session: i64, body: &mut JuteReader<'_>) -> Outcome {
        let mut changed = self.clone();
        changed.zxid += 1;
        let mut results = JuteWriter::new();
        let mut asked = 0;
        let mut failure = None;
        while let Some(code) = header(body) {
            match changed.write(session, code, body) {
                Err(UNKNOWN) => return Err(UNKNOWN),
                Err(error) => _ = failure.get_or_insert((asked, error)),
                Ok(result) if failure.is_none() => results = results.multi_header(code, false, 0).raw(&result),
                Ok(_) => {}
            }
            asked += 1;
        }
        let Some((failed, error)) = failure else {
            *self = changed;
            return Ok(results.multi_end().into_bytes());
        };
        let mut results = JuteWriter::new();
        for place in 0..asked {
            let told = match place {
                _ if place < failed => 0,
                _ if place == failed => error,
                _ => RUNTIME_INCONSISTENCY,
            };
            results = results.multi_header(-1, false, told).int(told);
        }
        Ok(results.multi_end().into_bytes())
    }

    /// Results of reads keep their operation when they fail, and have no body then.
    fn multi_read(&self, body: &mut JuteReader<'_>) -> Outcome {
        let mut results = JuteWriter::new();
        while let Some(code) = header(body) {
            let told = if code == op::FILTERED_LIST { op::LIST2 } else { code };
            results = match self.read(code, body) {
                Err(UNKNOWN) => return Err(UNKNOWN),
                Err(error) => results.multi_header(told, false, error),
                Ok(result) => results.multi_header(told, false, 0).raw(&result),
            };
        }
        Ok(results.multi_end().into_bytes())
    }

    fn read(&self, code: i32, body: &mut JuteReader<'_>) -> Outcome {
        let path = text(body);
        let _watch = body.bool();
        let kind = if code == op::FILTERED_LIST { body.bytes(1).map_or(0, |kind| kind[0]) } else { 0 };
        let node = self.nodes.get(&path).ok_or(NO_NODE)?;
        let names: Vec<&str> = self
            .children(&path)
            .filter(|(_, child)| kind == 0 || (kind == 2) == (child.owner != 0))
            .map(|(name, _)| name.rsplit('/').next().unwrap_or_default())
            .collect();
        let list =
            || names.iter().fold(JuteWriter::new().int(names.len() as i32), |list, name| list.buffer(name.as_bytes()));
        match code {
            op::EXISTS => Ok(self.stat(&path, node)),
            op::GET => Ok(JuteWriter::new().buffer(&node.data).raw(&self.stat(&path, node)).into_bytes()),
            op::LIST => Ok(list().into_bytes()),
            op::LIST2 | op::FILTERED_LIST => Ok(list().raw(&self.stat(&path, node)).into_bytes()),
            _ => Err(UNKNOWN),
        }
    }

    fn write(&mut self, session: i64, code: i32, body: &mut JuteReader<'_>) -> Outcome {
        let path = text(body);
        match code {
            op::CREATE | op::CREATE_IF_NOT_EXISTS => {
                let data = body.buffer().unwrap_or_default().to_vec();
                for _ in 0..body.int().unwrap_or(0) {
                    body.int();
                    body.buffer();
                    body.buffer();
                }
                let flags = body.int().unwrap_or(0);
                let made = self.create(session, path.clone(), data, flags);
                let path = match made {
                    Err(NODE_EXISTS) if code == op::CREATE_IF_NOT_EXISTS => path,
                    made => made?,
                };
                Ok(JuteWriter::new().buffer(path.as_bytes()).into_bytes())
            }
            op::SET => {
                let data = body.buffer().unwrap_or_default().to_vec();
                self.check(&path, body.int().unwrap_or(-1))?;
                let zxid = self.zxid;
                let node = self.nodes.get_mut(&path).ok_or(NO_NODE)?;
                (node.data, node.version, node.changed) = (data, node.version + 1, zxid);
                let node = node.clone();
                Ok(self.stat(&path, &node))
            }
            op::DELETE | op::TRY_REMOVE => {
                let removed = self.remove(&path, body.int().unwrap_or(-1));
                if code == op::TRY_REMOVE { Ok(Vec::new()) } else { removed.map(|()| Vec::new()) }
            }
            op::REMOVE_RECURSIVE => {
                let _limit = body.int();
                self.nodes.get(&path).ok_or(NO_NODE)?;
                let below = format!("{path}/");
                self.nodes.retain(|name, _| *name != path && !name.starts_with(&below));
                Ok(Vec::new())
            }
            op::CHECK => self.check(&path, body.int().unwrap_or(-1)).map(|()| Vec::new()),
            op::CHECK_NOT_EXISTS => {
                let _version = body.int();
                if self.nodes.contains_key(&path) { Err(NODE_EXISTS) } else { Ok(Vec::new()) }
            }
            _ => Err(UNKNOWN),
        }
    }

    fn create(&mut self, session: i64, mut path: String, data: Vec<u8>, flags: i32) -> Result<String, i32> {
        let (parent, _) = path.rsplit_once('/').ok_or(NO_NODE)?;
        let parent = self.nodes.get_mut(parent).ok_or(NO_NODE)?;
        if flags & 2 != 0 {
            path = format!("{path}{:010}", parent.children_made);
        } else if self.nodes.contains_key(&path) {
            return Err(NODE_EXISTS);
        }
        if let Some(parent) = path.rsplit_once('/').and_then(|(parent, _)| self.nodes.get_mut(parent)) {
            parent.children_made += 1;
        }
        let owner = if flags & 1 != 0 { session } else { 0 };
        let (created, changed) = (self.zxid, self.zxid);
        self.nodes.insert(path.clone(), Node { data, created, changed, owner, ..Node::default() });
        Ok(path)
    }

    fn remove(&mut self, path: &str, version: i32) -> Result<(), i32> {
        self.check(path, version)?;
        if self.children(path).next().is_some() {
            return Err(NOT_EMPTY);
        }
        self.nodes.remove(path);
        Ok(())
    }

    fn check(&self, path: &str, version: i32) -> Result<(), i32> {
        let node = self.nodes.get(path).ok_or(NO_NODE)?;
        if version == -1 || version == node.version { Ok(()) } else { Err(BAD_VERSION) }
    }

    fn children<'a>(&'a self, path: &str) -> impl Iterator<Item = (&'a String, &'a Node)> + use<'a> {
        let below = format!("{path}/");
        let all = self.nodes.range(below.clone()..).take_while({
            let below = below.clone();
            move |(name, _)| name.starts_with(&below)
        });
        all.filter(move |(name, _)| !name[below.len()..].contains('/'))
    }

    fn stat(&self, path: &str, node: &Node) -> Vec<u8> {
        let head = JuteWriter::new().long(node.created).long(node.changed).long(0).long(0);
        let head = head.int(node.version).int(node.children_made).int(0).long(node.owner);
        let children = self.children(path).count() as i32;
        head.int(node.data.len() as i32).int(children).long(node.changed).into_bytes()
    }
}

/// The operation of the next part of a multi; None at its end.
fn header(body: &mut JuteReader<'_>) -> Option<i32> {
    let (code, done) = (body.int()?, body.bool()?);
    body.int()?;
    (!done).then_some(code)
}

/// A path; the root is empty, so that what is below it begins alike.
fn text(body: &mut JuteReader<'_>) -> String {
    let path = String::from_utf8_lossy(body.buffer().unwrap_or_default()).into_owned();
    if path == "/" { String::new() } else { path }
}
