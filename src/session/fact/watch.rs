//! What watching the servers and the paths shows, beside any one connection.

use std::time::Duration;

use super::group::fact_group;
use super::value::{EndOffset, FactValue};
use crate::ids::ServerId;
use crate::session::probe_result::ServerHealth;

fact_group! {
    /// What watching the servers and the paths shows.
    WatchFact {
        /// A server was found in a state, from then on.
        HealthSince "server_state" {
            /// Which server.
            server: ServerId,
            /// What was found.
            health: ServerHealth,
            /// Since when.
            since: EndOffset,
            /// Whether it led the ensemble, as last seen before.
            leads: bool,
        }
        /// A server was in that state until then.
        HealthUntil "server_state_over" {
            /// Which server.
            server: ServerId,
            /// What it had been.
            health: ServerHealth,
            /// For how long.
            lasted: Duration,
        }
        /// It answered every probe around that time.
        ServedThrough "served_through" {
            /// Which server.
            server: ServerId,
        }
        /// Connects to it succeeded.
        ConnectsSucceed "connects_succeed" {
            /// Which server.
            server: ServerId,
        }
        /// Another server leads since then.
        LeaderChanged "leader_changed" {
            /// The one that led; the same as `now` where that is not known.
            before: ServerId,
            /// The one that leads.
            now: ServerId,
            /// When that was seen.
            at: EndOffset,
        }
        /// Another server leads and serves, while the one that led runs and does not serve.
        LeadsInstead "leads_instead" {
            /// The one that led.
            former: ServerId,
            /// The one that leads.
            now: ServerId,
        }
        /// The election count rose.
        EpochChanged "epoch_changed" {
            /// To this.
            now: i64,
            /// When that was seen.
            at: EndOffset,
        }
        /// So many of the servers serve.
        ServingCount "servers_serving" {
            /// How many.
            serving: u32,
            /// Of how many.
            of: u32,
        }
        /// A leader that had been silent leads on in the same epoch: its majority was there.
        LeadsOn "leads_on" {
            /// Which.
            server: ServerId,
            /// The election count.
            epoch: i64,
        }
        /// A server was started anew.
        Restarted "server_restarted" {
            /// Which.
            server: ServerId,
            /// When that was seen.
            at: EndOffset,
        }
        /// Its probes are slower than usual.
        SlowProbes "slow_probes" {
            /// Which server.
            server: ServerId,
            /// As it is usually.
            usual: Duration,
            /// As it was then.
            worst: Duration,
        }
        /// It answered probes after they had been given up, one after the other.
        LateAnswers "late_answers" {
            /// Which server.
            server: ServerId,
            /// How many.
            answers: u32,
            /// The longest time that one of them took.
            longest: Duration,
        }
        /// It had more requests outstanding than it takes by default.
        Outstanding "outstanding_requests" {
            /// Which server.
            server: ServerId,
            /// How many.
            requests: u32,
            /// How many it takes by default before it stops reading from its clients.
            limit: u32,
        }
        /// Connecting to it takes longer than usual.
        SlowConnects "slow_connects" {
            /// Which server.
            server: ServerId,
            /// As it is usually.
            usual: Duration,
            /// As it was then.
            worst: Duration,
        }
        /// The way to it and back took long.
        SlowRoundTrip "slow_round_trip" {
            /// Which server.
            server: ServerId,
            /// The kernel's smoothed round trip, the longest of its connections.
            rtt: Duration,
        }
        /// How long the way to it and back took, whether that is much or not.
        ServerRoundTrip "server_round_trip" {
            /// Which server.
            server: ServerId,
            /// The kernel's smoothed round trip, the longest of its connections.
            rtt: Duration,
            /// Segments that were sent again since the sample before, of all connections.
            retransmissions: u32,
        }
        /// What was sent to the server is not acknowledged by its machine.
        Unacknowledged "unacknowledged" {
            /// Which server.
            server: ServerId,
            /// Segments that wait.
            segments: u32,
            /// Segments that were sent again.
            retransmissions: u32,
        }
        /// The leader counts its followers as in step.
        SyncedFollowers "synced_followers" {
            /// The leader.
            server: ServerId,
            /// How many.
            synced: u32,
        }
        /// Pauses of this server that were long enough for that, in the last hour.
        RepeatedPauses "repeated_pauses" {
            /// Which server.
            server: ServerId,
            /// How many.
            pauses: u32,
            /// The longest.
            longest: Duration,
            /// The session's timeout.
            timeout: Duration,
        }
    }
}
