//! A connection pair as the ledger knows it, and what the ledger gets of the events on it.

use std::net::SocketAddr;

use super::connection_end::UnansweredRequest;
use super::event::{Event, RefusedRequest};
use super::short_path::ShortPath;
use super::transition::SessionTransition;
use super::verdict::RouteReason;
use crate::ids::{ConnectionId, ServerId};

/// Who a connection joins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLink {
    /// Its number. A claim that is tried again on another server has another one.
    pub connection: ConnectionId,
    /// The client.
    pub client: SocketAddr,
    /// The server that its bytes go to.
    pub server: ServerId,
    /// Why that one.
    pub routed: RouteReason,
}

impl ConnectionLink {
    /// What an event on this connection changes about where sessions are; None when it changes nothing there. The end
    /// of a connection is no event and has its own [`SessionTransition::Ended`].
    pub fn transition(&self, event: Event<'_>) -> Option<SessionTransition> {
        let Self { connection, client, server, routed } = *self;
        Some(match event {
            Event::ConnectRequested(request, _) => {
                SessionTransition::Claimed { connection, client, server, request, routed }
            }
            Event::ConnectResponded(response, _) => SessionTransition::Answered { connection, response },
            Event::Identified(identity) => SessionTransition::Identified { connection, identity },
            Event::Recognised(sign) => SessionTransition::Recognised { connection, sign },
            Event::ControllerGone { chroot, watched } => {
                SessionTransition::ControllerGone { chroot: ShortPath::new(chroot), watched }
            }
            Event::MoveRefused { form, refused } => {
                SessionTransition::MoveRefused { connection, form, refused: refused.map(kept_request) }
            }
            Event::Unread(_)
            | Event::Request(_)
            | Event::Reply(_)
            | Event::Result { .. }
            | Event::Watch(_)
            | Event::Gap { .. }
            | Event::Untracked
            | Event::NodeExists(_)
            | Event::NodeOwned { .. }
            | Event::UnknownPart(_)
            | Event::Compressed
            | Event::Blocks { .. }
            | Event::Opaque(_) => return None,
        })
    }
}

/// A refused request as the ledger keeps it.
fn kept_request(refused: RefusedRequest<'_>) -> UnansweredRequest {
    let path = UnansweredRequest::path_of(refused.path);
    UnansweredRequest { xid: refused.xid, op: refused.op, path, ephemeral: false, sent_at: refused.sent_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Xid;
    use crate::session::event::MovedCodeLocation;
    use crate::time::Timestamp;
    use crate::wire::first_frame::ConnectionOpening;
    use crate::wire::handshake::{ClaimSecret, ConnectResponse};
    use crate::wire::{DecodeFault, OpCode};

    const LINK: ConnectionLink = ConnectionLink {
        connection: ConnectionId(7),
        client: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4000),
        server: ServerId(1),
        routed: RouteReason::Spread,
    };

    #[test]
    fn what_concerns_sessions_reaches_the_ledger_under_its_connection() {
        let response = ConnectResponse { timeout_ms: 6000, ..ConnectResponse::default() };
        let secret = ClaimSecret::of_request(&[]);
        let answered = LINK.transition(Event::ConnectResponded(response, secret));
        let Some(SessionTransition::Answered { connection, response: told }) = answered else { panic!("{answered:?}") };
        assert_eq!((connection, told), (LINK.connection, response));

        let refused = RefusedRequest { xid: Xid(3), op: OpCode::MULTI, path: b"/a\xff", sent_at: Timestamp(5) };
        let moved = LINK.transition(Event::MoveRefused { form: MovedCodeLocation::Multi, refused: Some(refused) });
        let Some(SessionTransition::MoveRefused { connection, form, refused: Some(kept) }) = moved else {
            panic!("{moved:?}")
        };
        assert_eq!((connection, form), (LINK.connection, MovedCodeLocation::Multi));
        assert_eq!((kept.xid, kept.op, kept.sent_at), (Xid(3), OpCode::MULTI, Timestamp(5)));
        assert_eq!(kept.path, UnansweredRequest::path_of(b"/a\xff"));
    }

    #[test]
    fn what_concerns_no_session_does_not() {
        for event in
            [Event::Gap { skipped: 1 }, Event::Untracked, Event::Opaque(DecodeFault::EarlyBytes), Event::Compressed]
        {
            assert!(LINK.transition(event).is_none(), "{event:?}");
        }
        assert!(LINK.transition(Event::Unread(ConnectionOpening::Word("ruok"))).is_none());
    }
}
