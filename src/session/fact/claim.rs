//! What was seen of claims, and of the session that they were for.

use std::net::SocketAddr;
use std::time::Duration;

use super::group::fact_group;
use super::value::{ClaimAnswer, EndOffset, FactValue, FullSign};
use crate::ids::{ConnectionId, ServerId, Zxid};
use crate::session::probe_result::ServerHealth;
use crate::wire::handshake::PasswordCheck;

fact_group! {
    /// Claims of a session, and their answers.
    ClaimFact {
        /// The claim was refused with timeout 0.
        Refused "claim_refused" {
            /// What its password proved.
            password: PasswordCheck,
        }
        /// The servers make passwords of their own: a right one cannot be distinguished from a wrong one here.
        OwnPasswords "own_passwords" {}
        /// A connection still carries the session.
        StillCarried "still_carried" {
            /// Which.
            connection: ConnectionId,
            /// At which server.
            server: ServerId,
        }
        /// The client had closed the session.
        ClosedBefore "closed_before" {
            /// When.
            at: EndOffset,
        }
        /// The claim was not answered, and the server was seen out of service.
        ServerSeen "claim_unanswered" {
            /// How long it had waited.
            waited: Duration,
            /// What was seen.
            health: ServerHealth,
        }
        /// The server is read-only.
        ReadOnlyServer "read_only_server" {
            /// Whether the client would have taken one.
            accepted: bool,
        }
        /// The client left before the claim was answered.
        ClientLeft "client_left_claim" {
            /// How long it had waited.
            waited: Duration,
        }
        /// The client gave the claim up.
        ClientGaveUp "client_gave_up_claim" {
            /// How long it had waited.
            waited: Duration,
        }
        /// The server closed the claim unanswered, and was just starting.
        Starting "server_starting" {
            /// Whether it closed a probe too; else it serves by now.
            probe_closed: bool,
        }
        /// The client had seen a zxid that the server had not reached.
        Behind "server_behind" {
            /// What the client had seen.
            seen: Zxid,
            /// What the server showed.
            shown: Zxid,
            /// Whether it showed that only before the claim.
            before: bool,
        }
        /// The server closed the claim at once and takes no more connections.
        Full "server_full" {
            /// How that is known.
            sign: FullSign,
            /// How long the claim had waited.
            waited: Duration,
        }
        /// The server held the claim and closed it unanswered.
        Held "claim_held" {
            /// For how long: one that is full closes at once.
            waited: Duration,
            /// Whether by a reset.
            reset: bool,
        }
        /// The server closed the claim without an answer, and no probe came in time.
        Unexplained "claim_unexplained" {}
    }
}

fact_group! {
    /// What happened to the session.
    SessionFact {
        /// The server closed the claim unanswered as the session was being closed.
        SessionClosing "session_closing" {
            /// When that was asked for.
            at: EndOffset,
        }
        /// The server closed the claim unanswered as the session expired.
        SessionExpiring "session_expiring" {
            /// The server that closed the session's silent connection.
            server: ServerId,
            /// When.
            at: EndOffset,
        }
        /// The session was claimed again at the same server, which closes the older connection.
        Reattached "reattached" {
            /// Who claimed it.
            by: SocketAddr,
            /// Whose connection was closed.
            from: SocketAddr,
            /// When.
            at: EndOffset,
            /// What came back.
            answer: ClaimAnswer,
        }
        /// A server refused the session.
        RefusedAt "session_refused" {
            /// Which.
            server: ServerId,
            /// When that was asked (afterwards) or answered (before).
            at: EndOffset,
        }
        /// The session was not claimed again.
        NotSeenAgain "not_seen_again" {
            /// Within this time.
            bound: Duration,
        }
        /// The session is not over: it was given again.
        CameBack "came_back" {
            /// To whom.
            client: SocketAddr,
            /// By which server.
            server: ServerId,
            /// On which connection.
            connection: ConnectionId,
            /// When.
            at: EndOffset,
        }
        /// The session lives on elsewhere.
        LivesOn "lives_on" {
            /// On this connection.
            connection: ConnectionId,
            /// At this server.
            server: ServerId,
        }
        /// The session was closed through another connection.
        ClosedThrough "closed_through_another" {
            /// When that was asked for.
            at: EndOffset,
        }
        /// Two clients use the session in turn.
        SharedBy "shared_by" {
            /// The one of this connection.
            client: SocketAddr,
            /// The other.
            other: SocketAddr,
        }
    }
}
