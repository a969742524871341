//! Two clients that use one session in turn: a copied id and password (protocol.md §11, 6).
//!
//! A single client closes its old connection before it claims again, or has lost it. Two clients overlap: each
//! claims while the other's connection is open, and the server, not the client, ends the one that was left behind.

use std::net::SocketAddr;
use std::time::Duration;

use super::attachment::Attachment;
use super::record::SessionRecord;

/// Pause before the same pair is told again.
pub const SHARED_PAUSE: Duration = Duration::from_mins(5);

/// The two clients, in the order of their claims, when the session's last three attaches show them taking turns.
pub(super) fn sharers(session: &SessionRecord) -> Option<[SocketAddr; 2]> {
    let mut accepted = session.attachments().rev().filter(|entry| entry.claim.attached_at().is_some());
    let (third, second, first) = (accepted.next()?, accepted.next()?, accepted.next()?);
    let turns = overlap(first, second) && overlap(second, third) && first.ended_by_server();
    let same = |one: &Attachment, other: &Attachment| one.claim.client.ip() == other.claim.client.ip();
    (turns && same(first, third)).then_some([second.claim.client, third.claim.client])
}

/// Whether the earlier connection was still open when the session had been given to the later one.
fn overlap(earlier: &Attachment, later: &Attachment) -> bool {
    later.claim.attached_at().is_some_and(|at| earlier.open_at(at))
}
