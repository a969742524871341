//! What was seen of the connection itself: of zoogate's part in it, of its client, and of a refusal on it.

use std::net::SocketAddr;
use std::time::Duration;

use super::group::fact_group;
use super::value::{EndOffset, FactValue};
use crate::ids::{ConnectionId, ServerId};
use crate::session::client_profile::{ClientProfile, ClientSign};
use crate::session::connection_end::{CloseKind, DisconnectPoint, UnansweredRequest};
use crate::session::event::MovedCodeLocation;
use crate::session::probe_result::ServerHealth;

fact_group! {
    /// What zoogate itself did, or did not.
    ProxyFact {
        /// It was being stopped.
        Stopping "proxy_stopping" {}
        /// The client gave up a silence that was long enough only because zoogate stood still.
        PausedForClient "proxy_paused_for_client" {
            /// The silence.
            silence: Duration,
            /// The part of it for which zoogate stood still.
            paused: Duration,
            /// The session's timeout.
            timeout: Duration,
        }
        /// The server closed right behind a pause of zoogate's.
        PausedForServer "proxy_paused_for_server" {
            /// The pause.
            paused: Duration,
            /// From its end to the server's close.
            after: Duration,
            /// The session's timeout.
            timeout: Duration,
        }
        /// It gave up a server that answered nothing.
        GaveUpServer "gave_up_server" {
            /// Since the server's last byte.
            silence: Duration,
            /// What the last look at it showed.
            health: ServerHealth,
        }
        /// A claim that had been left behind was carried out: the client is to come back and own its session again.
        LateClaim "late_claim" {}
        /// The client came back with the session's password on a newer connection.
        Superseded "superseded" {}
        /// An operator wanted the connection to end.
        Disconnected "disconnected_by_operator" {
            /// Where it stood.
            point: DisconnectPoint,
        }
        /// It gave up a claim that was not answered.
        GaveUpClaim "gave_up_claim" {
            /// For how long.
            waited: Duration,
        }
    }
}

fact_group! {
    /// What the client did.
    ClientFact {
        /// It had asked to close its session.
        AskedToClose "asked_to_close" {
            /// Whether the session is known to be over.
            over: bool,
        }
        /// It gave up a server that owed it an answer.
        GaveUp "client_gave_up" {
            /// How long nothing had come.
            silence: Duration,
            /// The session's timeout.
            timeout: Duration,
        }
        /// Which client library it is, and for how long such a one bears a silent server.
        Recognised "client_recognised" {
            /// Which.
            profile: ClientProfile,
            /// By what; None for an unknown one.
            sign: Option<ClientSign>,
            /// For so long, with this session's timeout.
            patience: Duration,
            /// Whether that is how long it waits for the answer to its claim.
            claim: bool,
        }
        /// It gave up as the server answered at last.
        CrossedAnswer "crossed_answer" {
            /// How long nothing had come.
            silence: Duration,
            /// The session's timeout.
            timeout: Duration,
            /// Whether its claim was what was answered.
            claim: bool,
        }
        /// It had been silent itself.
        Silent "client_silent" {
            /// For how long.
            silence: Duration,
            /// The session's timeout.
            timeout: Duration,
        }
        /// It ended its connection.
        Ended "client_ended" {
            /// How.
            how: CloseKind,
        }
        /// It asked to close its session while something was unanswered.
        ClosedUnanswered "closed_unanswered" {
            /// For how long that had been.
            waited: Duration,
            /// Whether that is why: it waits no longer for any operation.
            gave_up: bool,
        }
        /// It asked for a version of the protocol that the server does not know, or turned away.
        UnknownVersion "unknown_version" {
            /// The version.
            version: i32,
            /// Whether the server answered version 0; else it closed the claim.
            answered: bool,
            /// Whether xids of 64 bits were asked for.
            wide_xids: bool,
            /// Whether compression was asked for.
            compressed: bool,
            /// Whether tracing contexts were asked for.
            traced: bool,
        }
        /// It hung up at a reply that is longer than clients take.
        LongReply "long_reply" {
            /// The reply's length in bytes.
            length: u32,
            /// The longest that a client takes by default.
            limit: u32,
            /// What was answered.
            request: Option<UnansweredRequest>,
            /// Whether the whole reply had passed.
            whole: bool,
            /// From its head to the client's end.
            after: Duration,
        }
    }
}

fact_group! {
    /// What shows that a session was refused because it has moved, or is missing for that.
    MoveFact {
        /// A reply said -118.
        Said "moved_said" {
            /// Where.
            form: MovedCodeLocation,
            /// To what.
            request: Option<UnansweredRequest>,
        }
        /// Later requests were answered and this one was not.
        Overtaken "overtaken" {
            /// The first that was skipped.
            request: Option<UnansweredRequest>,
            /// How many were.
            skipped: u32,
            /// Whether the client ended the connection, and not the server.
            by_client: bool,
        }
        /// The server closed without a byte.
        ClosedUnanswered "closed_unanswered" {}
        /// The session was claimed at another server.
        RivalClaim "rival_claim" {
            /// By whom.
            client: SocketAddr,
            /// Where.
            server: ServerId,
            /// On which connection.
            connection: ConnectionId,
            /// When the session was given, or claimed when it was not.
            at: EndOffset,
            /// Whether it was given.
            given: bool,
        }
        /// The server of such a claim serves again, and carries out what it was sent meanwhile.
        RivalThawed "rival_thawed" {
            /// Which.
            server: ServerId,
        }
        /// The proxy itself had left such a claim behind there: what comes of it is the proxy's doing.
        RivalLeftBehind "rival_left_behind" {
            /// Where.
            server: ServerId,
        }
        /// No other claim of the session was seen here.
        NoOtherClaim "no_other_claim" {}
        /// The server's own close was not seen.
        CloseUnseen "close_unseen" {}
        /// The connection was reset, which a broken path does as well.
        WasReset "was_reset" {}
    }
}
