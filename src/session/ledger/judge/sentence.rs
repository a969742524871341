//! Requests and claims in words, for the sentences of a reason.

use std::fmt::Write;

use crate::ids::Xid;
use crate::session::ending::Unanswered;
use crate::session::ledger::attachment::{Attachment, Outcome};
use crate::session::ledger::case::Case;
use crate::session::ledger::ensemble::Ensemble;
use crate::time::Timestamp;
use crate::wire::OpCode;

/// An operation by name, or by number.
fn operation(op: OpCode) -> String {
    op.name().map_or_else(|| format!("operation {}", op.0), str::to_owned)
}

/// `setData /a (xid 7), sent 12 ms before`.
pub(super) fn request(request: &Unanswered, end: Timestamp) -> String {
    let Xid(xid) = request.xid;
    let mut text = operation(request.op);
    if !request.path.is_empty() {
        let _ = write!(text, " {}", request.path);
    }
    let _ = write!(text, " (xid {xid}), sent {} ms before", end.since(request.sent_at).as_millis());
    text
}

/// What was in flight at the end: the head of line, or pings.
pub(super) fn in_flight(case: &Case) -> String {
    match (case.head(), case.end.unanswered_count, case.end.unanswered_pings) {
        (Some(head), 0 | 1, _) => format!("{} was unanswered", request(head, case.ended_at)),
        (Some(head), all, _) => format!("{} and {} more were unanswered", request(head, case.ended_at), all - 1),
        (None, 0, 0) => "nothing was unanswered".to_owned(),
        (None, 0, 1) => "a ping was unanswered".to_owned(),
        (None, 0, pings) => format!("{pings} pings were unanswered"),
        (None, all, _) => format!("{all} requests were unanswered"),
    }
}

/// `the session was given to 10.0.0.7:4100 by server 2, 40 ms before (connection 9)`.
pub(super) fn claim(entry: &Attachment, end: Timestamp, ensemble: &Ensemble) -> String {
    let claim = &entry.claim;
    let (server, client) = (ensemble.name(claim.server), claim.client);
    match claim.outcome {
        Outcome::Accepted { at, .. } => format!(
            "server {server} gave the session to {client} {} (connection {})",
            relative(at, end),
            entry.connection
        ),
        _ => format!(
            "{client} claimed the session at server {server} {} and was not answered (connection {})",
            relative(claim.claimed_at, end),
            entry.connection
        ),
    }
}

/// `12 ms before` or `12 ms after`.
pub(super) fn relative(moment: Timestamp, end: Timestamp) -> String {
    if moment > end {
        format!("{} ms after", moment.since(end).as_millis())
    } else {
        format!("{} ms before", end.since(moment).as_millis())
    }
}
