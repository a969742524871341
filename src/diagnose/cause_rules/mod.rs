//! From an end to its cause: what the ledger found out, joined with what was watched around it. One file for each side
//! that may have failed.
//!
//! A cause is only named where a fact supports it, and each fact is carried along. What looks alike and was not ruled
//! out is named as well, and keeps the cause from being surer.

mod claim;
mod client;
mod ensemble;
mod overload;
mod quorum;
mod server;
mod session;
mod signs;

use super::cause_code::CauseCode;
use super::end_case::EndCase;
use super::verdict::{CapReason, Diagnosed};
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::fact::{EnsembleFact, Fact};
use crate::session::verdict::{Confidence, EndReason};

/// The cause of an end, with what is known by now.
pub(super) fn diagnose(case: EndCase<'_>) -> Diagnosed {
    use CauseCode as C;
    if case.undecided {
        return first_guess(case).capped(Confidence::Weak, CapReason::EvidencePending);
    }
    let found = match case.ended.reason {
        EndReason::SessionMoved => session::moved(case),
        EndReason::LateClaim => stated(case, C::LateClaim),
        EndReason::ReattachedSameServer | EndReason::Superseded => session::taken_over(case),
        EndReason::SessionExpired => session::expired(case),
        EndReason::Closed => stated(case, C::SessionClosed),
        EndReason::ClosedElsewhere => stated(case, C::ClosedElsewhere),
        EndReason::WrongPassword => stated(case, C::WrongPassword),
        EndReason::ServerLeaving | EndReason::LeaderLost | EndReason::ServerGone => server::left(case),
        EndReason::ServerUnresponsive | EndReason::ClientReadTimeout | EndReason::OperationTimeout => {
            server::kept_waiting(case)
        }
        EndReason::NotServing => claim::not_served(case),
        EndReason::LaggingServer => stated(case, C::ServerLagging),
        EndReason::ConnectionCap => stated(case, C::ConnectionCap),
        EndReason::UnknownVersion => stated(case, C::UnknownVersion),
        EndReason::OversizedFrame => oversized(case),
        EndReason::ReplyTooLarge => stated(case, C::OversizedReply),
        EndReason::AuthFailed => stated(case, C::AuthFailed),
        EndReason::ClientSilent => client::silent(case, case.close.client_silence),
        EndReason::ClientGone => client::gone(case),
        EndReason::ProxyPaused => stated(case, C::ZoogatePaused),
        EndReason::ProxyShutdown => stated(case, C::ZoogateStopped),
        EndReason::DisconnectedByOperator => stated(case, C::OperatorDisconnect),
        EndReason::Unknown => server::unknown(case),
    };
    let found = overload::or_overloaded(case, found);
    if has(case, |fact| matches!(fact, Fact::Ensemble(EnsembleFact::ManyServers {}))) {
        return found.capped(Confidence::Likely, CapReason::SharedName);
    }
    found
}

/// What the ledger's reason says by itself.
fn stated(case: EndCase<'_>, code: CauseCode) -> Diagnosed {
    Diagnosed::new(code, case.began_at().min(case.ended.ended_at), case.ended.confidence, case.facts())
}

/// The server closed at a request that is longer than it takes, as far as is known.
fn oversized(case: EndCase<'_>) -> Diagnosed {
    let found = stated(case, CauseCode::OversizedRequest);
    if found.cause.confidence == Confidence::Certain {
        return found;
    }
    found.or_else_may_be(&[CauseCode::PathServerReset, CauseCode::ServerRestarted])
}

/// The cause of an end whose reason is still looked for: by who ended it, and by what its server is seen doing.
fn first_guess(case: EndCase<'_>) -> Diagnosed {
    match case.close.closer {
        ConnectionCloser::Client(_) => client::gone(case),
        _ => quorum::quorum(case)
            .or_else(|| ensemble::leader(case))
            .or_else(|| server::own(case))
            .unwrap_or_else(|| server::stood(case)),
    }
}

fn has(case: EndCase<'_>, wanted: impl Fn(&Fact) -> bool) -> bool {
    case.ended.facts.iter().any(wanted)
}

/// Nothing explains it; these remain.
fn unknown(case: EndCase<'_>) -> Diagnosed {
    let remaining: &[CauseCode] = match case.close.closer {
        ConnectionCloser::Server(CloseKind::Reset) => {
            &[CauseCode::PathServerReset, CauseCode::ServerRestarted, CauseCode::ConnectionCap]
        }
        ConnectionCloser::Server(_) => {
            &[CauseCode::StaleConnection, CauseCode::ServerRestarted, CauseCode::ServerFrozen]
        }
        ConnectionCloser::Client(_) => &[CauseCode::ClientLeft, CauseCode::ClientCrashed, CauseCode::PathClientReset],
        ConnectionCloser::Proxy(_) => &[],
    };
    Diagnosed::new(CauseCode::Unknown, case.ended.ended_at, Confidence::Weak, case.facts()).or_else_may_be(remaining)
}
