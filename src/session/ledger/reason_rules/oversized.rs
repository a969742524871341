//! Ends behind a request that is longer than its server takes, for all that is known.

use std::time::Duration;

use super::{RuleInput, still_serving_fact};
use crate::session::connection_end::LongRequest;
use crate::session::fact::{Fact, ServerFact};
use crate::session::ledger::burst_cause::BurstOutcome;
use crate::session::verdict::{EndReason, Explanation};

/// How soon a server closes at such a request: it looks at the length before it reads the rest (`NIOServerCnxn.readLength`,
/// `NettyServerCnxn.receiveMessage`). There is room for the way and for a loaded server.
const RIGHT_BEHIND: Duration = Duration::from_millis(250);

/// An unanswered request that is longer than all that the server is known to take.
fn too_long(input: RuleInput<'_>) -> Option<LongRequest> {
    let request = input.close.end.oversized?;
    let taken = input.view().map_or(0, |view| view.long_answered);
    (request.length > taken).then_some(LongRequest { limit: request.limit.max(taken), ..request })
}

/// Whether such a request waited as the server ended the connection.
pub(super) fn is_too_long(input: RuleInput<'_>) -> bool {
    too_long(input).is_some()
}

/// The server closed at the length of a request, and serves others. Its limit may be higher than is known: then it was
/// something else that happened while the request was on its way.
pub(super) fn closed_at_length(input: RuleInput<'_>, outcome: BurstOutcome) -> Option<Explanation> {
    let LongRequest { length, limit, sent_at } = too_long(input)?;
    let seen = still_serving_fact(outcome);
    let right_behind = input.silence(sent_at) <= RIGHT_BEHIND;
    let certain = right_behind && seen.is_some() && outcome.ended == 0;
    let facts = [Fact::from(ServerFact::LongRequest { length, limit }), input.in_flight()].into_iter().chain(seen);
    Some(if certain {
        Explanation::certain(EndReason::OversizedFrame, facts)
    } else {
        Explanation::likely(EndReason::OversizedFrame, facts)
    })
}
