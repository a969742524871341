//! What a server wrote into its transaction log: every session that was made, and every write that was refused, as
//! ZooKeeper itself has it.
//!
//! The layout is `FileTxnLog`'s: a head of 16 bytes, then for each transaction a checksum, a length, the transaction, and
//! a closing `B`. A file is longer than what was written; the rest is zero.

use std::fs;
use std::path::Path;

use super::frames::Fields;

/// `ZooDefs.OpCode.createSession`.
const CREATE_SESSION: i32 = -10;
/// `ZooDefs.OpCode.error`.
const ERROR: i32 = -1;
/// `KeeperException.Code.SESSIONMOVED`.
const SESSION_MOVED: i32 = -118;

/// One transaction, as far as the tests ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) session: i64,
    pub(crate) kind: TransactionKind,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionKind {
    /// A session was made, with this timeout in milliseconds.
    SessionMade(i32),
    /// A request was refused, since the session had moved to another server.
    MovedRefusal,
    /// Anything else.
    Other,
}

/// Every transaction in the logs of this data folder, in order.
pub(crate) fn read(data: &Path) -> Vec<Transaction> {
    let entries = fs::read_dir(data.join("version-2")).expect("list a server's transaction logs");
    let paths = entries.flatten().map(|entry| entry.path());
    let mut logs: Vec<_> = paths.filter(|path| name(path).starts_with("log.")).collect();
    // Names end in the hexadecimal zxid that the file begins with.
    logs.sort_by_key(|path| i64::from_str_radix(name(path).trim_start_matches("log."), 16).unwrap_or_default());
    logs.iter().flat_map(|path| parse(&fs::read(path).expect("read a transaction log"))).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Vec<Transaction> {
    let mut rest = bytes.get(16..).unwrap_or_default();
    let mut found = Vec::new();
    // The tail may be written at this very moment: what is not whole is not there yet.
    while let Some((head, behind)) = rest.split_first_chunk::<12>() {
        let length = Fields(&head[8..]).int() as usize;
        let Some(body) = behind.get(..length).filter(|body| body.len() >= 32) else { break };
        if behind.get(length) != Some(&b'B') {
            break;
        }
        found.push(transaction(body));
        rest = &behind[length + 1..];
    }
    found
}

/// `TxnHeader` (client, cxid, zxid, time, type), then the record of that type.
fn transaction(body: &[u8]) -> Transaction {
    let mut fields = Fields(body);
    let session = fields.long();
    let (_cxid, _zxid, _time) = (fields.int(), fields.long(), fields.long());
    let kind = match fields.int() {
        CREATE_SESSION => TransactionKind::SessionMade(fields.int()),
        ERROR if fields.int() == SESSION_MOVED => TransactionKind::MovedRefusal,
        _ => TransactionKind::Other,
    };
    Transaction { session, kind }
}
