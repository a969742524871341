//! Two clients that use one session in turn: a copied id and password (protocol.md §11, 6).
//!
//! A single client closes its old connection before it claims again. Where two take turns, each claims while the
//! other's connection is open, and the server, not the client, ends the one that was left behind.

use std::net::SocketAddr;
use std::time::Duration;

use super::attachment::Attachment;
use super::session_record::SessionRecord;

/// Pause before the same pair is reported again.
pub const SHARED_PAUSE: Duration = Duration::from_mins(5);

/// Turns in a row, at one server and from one address, that are taken for two clients. A single one whose path
/// breaks without the server noticing looks the same, but not so often on end.
const TURNS_ALIKE: usize = 4;

/// How soon one takes the session over from the other again: a client that changes its address twice, as a gateway fails
/// over and back, takes longer.
const TURN_WITHIN: Duration = Duration::from_mins(5);

/// The two clients, in the order of their claims, when the session's last attaches show them taking turns.
pub(super) fn sharers(session: &SessionRecord) -> Option<[SocketAddr; 2]> {
    let mut accepted = session.attachments().rev().filter(|entry| entry.claim.attached_at().is_some());
    let (third, second, first) = (accepted.next()?, accepted.next()?, accepted.next()?);
    // One claim over an open connection happens to every client whose path breaks. Two in a row, each over the other,
    // need two clients.
    let in_turn = takes_over(first, second) && takes_over(second, third) && first.was_taken_over();
    // The first and the third must be one client: three clients in turn are a restart with other addresses.
    if !in_turn || !same_address(first, third) {
        return None;
    }
    let shared = if !same_address(second, third) {
        true
    } else if first.claim.server == second.claim.server {
        turns(session) >= TURNS_ALIKE
    } else {
        // An older link at another server is ended by the server only when it is still used.
        second.claim.attached_at().is_some_and(|at| first.open_at(at))
    };
    shared.then_some([second.claim.client, third.claim.client])
}

/// How many of the last attaches in a row each took the session over from the one before.
fn turns(session: &SessionRecord) -> usize {
    let mut accepted = session.attachments().rev().filter(|entry| entry.claim.attached_at().is_some());
    let Some(mut later) = accepted.next() else { return 0 };
    let mut turns = 0;
    for earlier in accepted {
        if !takes_over(earlier, later) {
            break;
        }
        turns += 1;
        later = earlier;
    }
    turns
}

/// Whether the earlier connection was open when the later one claimed, and its client, which was there, did not end it.
/// One that the proxy closed to make way for a newer claim was open until then.
fn takes_over(earlier: &Attachment, later: &Attachment) -> bool {
    let stood = earlier.open_at(later.claim.claimed_at) && (earlier.end.is_none() || earlier.ended_by_server());
    // A client whose path broke leaves a connection that is silent; one that is there pings each third of its timeout.
    let is_there = earlier.end.is_none_or(|end| end.client_silence() * 2 < earlier.claim.timeout());
    let soon = later.claim.claimed_at.since(earlier.claim.claimed_at) <= TURN_WITHIN;
    (stood || earlier.was_superseded()) && is_there && soon
}

fn same_address(one: &Attachment, other: &Attachment) -> bool {
    one.claim.client.ip() == other.claim.client.ip()
}
