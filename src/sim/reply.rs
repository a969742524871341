//! The frames that a simulated server writes.

use super::data_tree::{DataTree, NodeStat, TreeEvent, TreeStep};
use crate::ids::SessionId;
use crate::wire::{ErrorCode, JuteWriter, OpCode};

/// How a write ended, the same on every server.
#[derive(Clone, PartialEq, Debug)]
pub enum WriteOutcome {
    /// These steps were carried out; each with the operation that decides its result.
    Done(Vec<(OpCode, TreeStep)>),
    /// One change was refused: its place and the code.
    Refused(usize, ErrorCode),
    /// The session belongs to somebody else.
    Moved,
}

trait WriteStat {
    fn full_stat(self, stat: NodeStat) -> Self;
}

impl WriteStat for JuteWriter {
    fn full_stat(self, stat: NodeStat) -> Self {
        let times = self.long(stat.czxid).long(stat.mzxid).long(0).long(0);
        let versions = times.int(stat.version).int(stat.cversion).int(0).long(stat.owner);
        versions.int(stat.data_len).int(stat.children).long(stat.pzxid)
    }
}

/// The answer to a claim; a timeout of 0 refuses it. The read-only byte is there when the client sent one.
pub fn connect_response(timeout_ms: i32, session: SessionId, with_flag: bool) -> Vec<u8> {
    let password = if timeout_ms == 0 { [0; 16] } else { session.password() };
    let writer = JuteWriter::new().begin().int(0).int(timeout_ms).long(session.0).buffer(&password);
    if with_flag { writer.bool(false).end() } else { writer.end() }.into_bytes()
}

/// A reply that is a header and nothing else.
pub fn head(xid: i32, zxid: i64, error: ErrorCode) -> Vec<u8> {
    JuteWriter::new().reply(xid, zxid, error).end().into_bytes()
}

/// A reply with one text.
pub fn path(xid: i32, zxid: i64, path: &str) -> Vec<u8> {
    JuteWriter::new().reply(xid, zxid, ErrorCode::OK).buffer(path.as_bytes()).end().into_bytes()
}

/// A watch event; it carries its zxid from 3.9 on.
pub fn event(happening: TreeEvent, path: &str, zxid: i64) -> Vec<u8> {
    let head = JuteWriter::new().reply(-1, zxid, ErrorCode::OK);
    head.int(happening as i32).int(3).buffer(path.as_bytes()).end().into_bytes()
}

/// The answer to a question, out of this server's copy of the tree.
pub fn read(xid: i32, zxid: i64, op: OpCode, path: &str, tree: &DataTree) -> Vec<u8> {
    let ok = JuteWriter::new().reply(xid, zxid, ErrorCode::OK);
    let Some((content, stat)) = tree.read(path) else { return head(xid, zxid, ErrorCode::NO_NODE) };
    match op {
        OpCode::EXISTS => ok.full_stat(stat),
        OpCode::GET_ACL => ok.open_acl().full_stat(stat),
        OpCode::GET_DATA => ok.buffer(content).full_stat(stat),
        _ => {
            let names = tree.children(path).map(|(names, _)| names.collect::<Vec<_>>()).unwrap_or_default();
            let list = names.iter().fold(ok.int(names.len() as i32), |list, name| list.buffer(name.as_bytes()));
            if op == OpCode::GET_CHILDREN2 { list.full_stat(stat) } else { list }
        }
    }
    .end()
    .into_bytes()
}

fn result(writer: JuteWriter, op: OpCode, step: &TreeStep, tree: &DataTree) -> JuteWriter {
    let stat = |path: &str| tree.stat(path).unwrap_or_default();
    match step {
        TreeStep::Create(path, ..) if op == OpCode::CREATE => writer.buffer(path.as_bytes()),
        TreeStep::Create(path, ..) => writer.buffer(path.as_bytes()).full_stat(stat(path)),
        TreeStep::SetData(path, _) | TreeStep::SetAcl(path) => writer.full_stat(stat(path)),
        TreeStep::Delete(_) | TreeStep::Check => writer,
    }
}

/// The reply to a single write that was decided; not for [`WriteOutcome::Moved`].
pub fn write(xid: i32, zxid: i64, outcome: &WriteOutcome, tree: &DataTree) -> Vec<u8> {
    match outcome {
        WriteOutcome::Done(steps) => {
            let ok = JuteWriter::new().reply(xid, zxid, ErrorCode::OK);
            steps.iter().fold(ok, |writer, (op, step)| result(writer, *op, step, tree)).end().into_bytes()
        }
        WriteOutcome::Refused(_, error) => head(xid, zxid, *error),
        WriteOutcome::Moved => head(xid, zxid, ErrorCode::SESSION_MOVED),
    }
}

/// The reply to a multi of `parts` operations. A refused one has a code for each: none before the culprit, its
/// own, and -2 behind it.
pub fn multi(xid: i32, zxid: i64, outcome: &WriteOutcome, parts: usize, tree: &DataTree) -> Vec<u8> {
    let mut writer = JuteWriter::new().reply(xid, zxid, ErrorCode::OK);
    let (culprit, error) = match outcome {
        WriteOutcome::Done(steps) => {
            for (op, step) in steps {
                let told = if *op == OpCode::CREATE_CONTAINER { OpCode::CREATE2 } else { *op };
                writer = result(writer.multi_header(told.0, false, 0), *op, step, tree);
            }
            return writer.multi_end().end().into_bytes();
        }
        WriteOutcome::Refused(place, error) => (*place, *error),
        WriteOutcome::Moved => (0, ErrorCode::SESSION_MOVED),
    };
    for place in 0..parts {
        let code = match place.cmp(&culprit) {
            std::cmp::Ordering::Less => ErrorCode::OK,
            std::cmp::Ordering::Equal => error,
            std::cmp::Ordering::Greater => ErrorCode::RUNTIME_INCONSISTENCY,
        };
        writer = writer.multi_header(OpCode::ERROR.0, false, code.0).int(code.0);
    }
    writer.multi_end().end().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_session_has_the_bytes_that_servers_send() {
        let bytes = connect_response(0, SessionId(0), true);
        assert_eq!((bytes.len(), &bytes[..4]), (41, &[0, 0, 0, 37][..]));
        assert_eq!(connect_response(0, SessionId(0), false).len(), 40);
    }

    #[test]
    fn a_moved_multi_has_the_bytes_of_3_5() {
        let bytes = multi(2, 0x1_0000_0006, &WriteOutcome::Moved, 3, &DataTree::default());
        let part = |code: i32| [&[255, 255, 255, 255, 0][..], &code.to_be_bytes(), &code.to_be_bytes()].concat();
        let end = [255, 255, 255, 255, 1, 255, 255, 255, 255];
        let body = [&[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0][..], &part(-118), &part(-2), &part(-2), &end];
        assert_eq!(bytes[4..], body.concat());
    }
}
