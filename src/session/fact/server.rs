//! What was seen of the server and of its neighbours.

use std::time::Duration;

use super::group::fact_group;
use super::value::{EndOffset, FactValue};
use crate::ids::ServerId;
use crate::session::connection_end::UnansweredRequest;
use crate::session::probe_result::ServerHealth;
use crate::wire::ErrorCode;

fact_group! {
    /// What the server did.
    ServerFact {
        /// The path to it timed out.
        PathTimedOut "path_timed_out" {
            /// Whether a claim was unanswered.
            claim: bool,
        }
        /// The path to it was reset.
        PathReset "path_reset" {}
        /// This many connections to it were reset within a moment.
        ManyReset "many_reset" {
            /// How many.
            connections: u32,
            /// From the first to the last.
            within: Duration,
        }
        /// It closed this connection alone.
        ClosedAlone "closed_alone" {}
        /// It answered with an error behind which it closes.
        FatalReply "fatal_reply" {
            /// The error.
            error: ErrorCode,
        }
        /// It answered with an error of a Keeper that is stopping or has no quorum.
        KeeperStops "keeper_stops" {
            /// The error.
            error: ErrorCode,
        }
        /// It answered the claim with version 42: it serves no client.
        RefusesToServe "refuses_to_serve" {}
        /// A request was longer than it accepts.
        LongRequest "long_request" {
            /// The request's length in bytes.
            length: u32,
            /// What it accepts.
            limit: u32,
        }
        /// It closed after the client had sent nothing.
        ClosedSilent "closed_silent" {
            /// For how long.
            silence: Duration,
            /// The session's timeout.
            timeout: Duration,
        }
        /// What was unanswered.
        InFlight "in_flight" {
            /// The oldest request.
            request: Option<UnansweredRequest>,
            /// How many requests.
            requests: u32,
            /// How many pings.
            pings: u32,
        }
        /// It said nothing when asked shortly before, and closed as it came back.
        Thawed "thawed" {
            /// When it was asked.
            at: EndOffset,
        }
    }
}

fact_group! {
    /// What was seen of the server and of its neighbours.
    EnsembleFact {
        /// It was seen out of service.
        Down "server_down" {
            /// What was seen.
            health: ServerHealth,
            /// When it was asked.
            at: EndOffset,
        }
        /// It closed all of its connections.
        ClosedAll "closed_all" {
            /// How many.
            connections: u32,
            /// From the first to the last.
            within: Duration,
        }
        /// A new leader was elected, as the election count shows.
        NewEpoch "new_epoch" {
            /// The count before.
            before: i64,
            /// The count now.
            now: i64,
        }
        /// Another server leads.
        NewLeader "new_leader" {
            /// The one that leads.
            server: ServerId,
            /// The one that led.
            before: ServerId,
        }
        /// The leader is out of order.
        LeaderDown "leader_down" {
            /// Which server.
            server: ServerId,
            /// What was seen.
            health: ServerHealth,
        }
        /// No other server was serving.
        NoneServing "none_serving" {}
        /// All other servers dropped their connections too.
        AllDropped "all_dropped" {}
        /// Others stayed connected to it.
        OthersStand "others_stand" {
            /// How many.
            connections: u32,
        }
        /// It said that it serves when asked later.
        Serves "serves" {
            /// How much later.
            after: Duration,
        }
        /// It answered on a connection that was open before the end: it stood through it.
        StoodThrough "stood_through" {
            /// How much later it answered.
            after: Duration,
            /// How many of its connections ended together.
            closed: u32,
        }
        /// Nothing shows whether it went on serving.
        NobodyLooked "nobody_looked" {}
        /// Its name stands for several servers: which one it was is not known.
        ManyServers "many_servers" {}
    }
}
