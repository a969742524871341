//! What a client's frame asks of a simulated server.
//!
//! An owned reading, unlike the [`scanner`](crate::wire::FrameScanner)'s: a server has to carry out what it reads.
//! Operations that the simulation does not know are answered as a server does that never heard of them.

use super::data_tree::TreeChange;
use super::watches::WatchReplay;
use crate::wire::{JuteReader, OpCode};

/// A frame's content.
#[derive(Clone, PartialEq, Debug)]
pub enum RequestContent {
    /// Changes that must all succeed; each with the operation that decides its reply.
    Write(Vec<(OpCode, TreeChange)>),
    /// Something that the connected server answers by itself.
    Read(ReadRequest),
    /// Wait until this server has caught up with the leader.
    Sync(String),
    /// I am alive.
    Ping,
    /// I am somebody: scheme and whether the simulation believes it.
    Auth(String),
    /// Take my watches back.
    SetWatches(WatchReplay),
    /// I am done.
    CloseSession,
    /// Not understood.
    Unknown,
}

/// A question that changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    /// `exists`, `getData`, `getChildren`, `getChildren2` or `getACL`.
    pub op: OpCode,
    /// The node.
    pub path: String,
    /// Whether to notify when the answer changes.
    pub watch: bool,
}

fn text(reader: &mut JuteReader<'_>) -> Option<String> {
    reader.buffer().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn texts(reader: &mut JuteReader<'_>) -> Option<Vec<String>> {
    (0..reader.int()?.max(0)).map(|_| text(reader)).collect()
}

impl RequestContent {
    /// Reads the body behind a request's header; None when it is broken.
    pub fn read(op: OpCode, body: &[u8]) -> Option<Self> {
        let mut reader = JuteReader::new(body);
        let reader = &mut reader;
        Some(match op {
            OpCode::PING => Self::Ping,
            OpCode::CLOSE_SESSION => Self::CloseSession,
            OpCode::SYNC => Self::Sync(text(reader)?),
            OpCode::AUTH => {
                reader.int()?;
                Self::Auth(text(reader)?)
            }
            OpCode::EXISTS | OpCode::GET_DATA | OpCode::GET_CHILDREN | OpCode::GET_CHILDREN2 => {
                Self::Read(ReadRequest { op, path: text(reader)?, watch: reader.bool()? })
            }
            OpCode::GET_ACL => Self::Read(ReadRequest { op, path: text(reader)?, watch: false }),
            OpCode::SET_WATCHES => Self::SetWatches(WatchReplay {
                relative_zxid: reader.long()?,
                data: texts(reader)?,
                exist: texts(reader)?,
                child: texts(reader)?,
            }),
            OpCode::MULTI => Self::Write(multi(reader)?),
            // A check stands only inside a multi (ZOOKEEPER-2623).
            OpCode::CHECK => Self::Unknown,
            _ => change(op, reader).map_or(Self::Unknown, |change| Self::Write(vec![(op, change)])),
        })
    }
}

fn multi(reader: &mut JuteReader<'_>) -> Option<Vec<(OpCode, TreeChange)>> {
    let mut changes = Vec::new();
    loop {
        let (op, done) = (OpCode(reader.int()?), reader.bool()?);
        reader.int()?;
        if done {
            return Some(changes);
        }
        changes.push((op, change(op, reader)?));
    }
}

fn change(op: OpCode, reader: &mut JuteReader<'_>) -> Option<TreeChange> {
    Some(match op {
        OpCode::CREATE | OpCode::CREATE2 | OpCode::CREATE_CONTAINER => {
            let (path, data) = (text(reader)?, reader.buffer()?.to_vec());
            for _ in 0..reader.int()?.max(0) {
                reader.int()?;
                reader.buffer()?;
                reader.buffer()?;
            }
            let flags = reader.int()?;
            TreeChange::Create { path, data, flags: if flags > 3 { 0 } else { flags } }
        }
        OpCode::DELETE => TreeChange::Delete { path: text(reader)?, version: reader.int()? },
        OpCode::CHECK => TreeChange::Check { path: text(reader)?, version: reader.int()? },
        OpCode::SET_DATA => {
            TreeChange::SetData { path: text(reader)?, data: reader.buffer()?.to_vec(), version: reader.int()? }
        }
        OpCode::SET_ACL => TreeChange::SetAcl { path: text(reader)? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::JuteWriter;

    #[test]
    fn reads_a_multi() {
        let body = JuteWriter::new()
            .multi_header(1, false, -1)
            .buffer(b"/a")
            .null()
            .open_acl()
            .int(1)
            .multi_header(5, false, -1)
            .buffer(b"/b")
            .buffer(b"x")
            .int(-1)
            .multi_end()
            .into_bytes();
        let Some(RequestContent::Write(changes)) = RequestContent::read(OpCode::MULTI, &body) else { panic!() };
        assert_eq!(changes[0], (OpCode::CREATE, TreeChange::Create { path: "/a".into(), data: vec![], flags: 1 }));
        assert!(matches!(changes[1].1, TreeChange::SetData { version: -1, .. }));
        assert_eq!(RequestContent::read(OpCode::MULTI, &body[..body.len() - 1]), None);
    }

    #[test]
    fn what_is_not_known_is_unknown() {
        assert_eq!(RequestContent::read(OpCode(4242), &[]), Some(RequestContent::Unknown));
        assert_eq!(RequestContent::read(OpCode::CHECK, &[]), Some(RequestContent::Unknown));
        assert_eq!(RequestContent::read(OpCode::GET_DATA, &[0, 0, 0, 9]), None);
    }
}
