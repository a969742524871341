//! What an outage was to one session: who was silent, what waited, whether it came back.

use std::time::Duration;

use super::group::fact_group;
use super::value::{EndOffset, FactValue};
use crate::ids::ServerId;

fact_group! {
    /// What an outage was to one session.
    OutageFact {
        /// The client had sent nothing, and the server had.
        SilentSide "client_side_silent" {
            /// Nothing from the client for so long.
            client: Duration,
            /// Nothing from the server for so long.
            server: Duration,
            /// The session's timeout.
            timeout: Duration,
        }
        /// What was sent to the client was not acknowledged by its machine.
        ClientNotReached "client_not_reached" {
            /// Segments that waited.
            segments: u32,
            /// How often the first of them was sent again.
            resent: u32,
        }
        /// The server answered that it did not carry out requests for having too much to do.
        Throttled "throttled" {
            /// How many, in the connection's whole life.
            requests: u32,
        }
        /// The way to the client and back took long.
        SlowClient "slow_client_path" {
            /// The kernel's smoothed round trip.
            rtt: Duration,
            /// Segments that were sent again, in the connection's whole life.
            retransmissions: u32,
        }
        /// The client's machine acknowledged zoogate's end of the connection, and the client did not end its side.
        ClientAcknowledges "client_acknowledges" {
            /// Nothing from the client for so long before.
            silence: Duration,
        }
        /// The session was given again later.
        CameBackAt "session_back" {
            /// At which server.
            server: ServerId,
            /// When.
            at: EndOffset,
            /// Whether to the same client address.
            same_client: bool,
        }
        /// The session did not come back.
        StaysAway "session_stays_away" {
            /// For so long by now.
            time: Duration,
            /// The session's timeout.
            timeout: Duration,
        }
        /// The session had been heard last so long before.
        LastHeard "session_last_heard" {
            /// Before the claim.
            before: Duration,
            /// Its timeout.
            timeout: Duration,
        }
        /// Only part of an operation's way was slow: these were unanswered.
        WaitingWrites "waiting_writes" {
            /// Writes that waited.
            writes: u32,
            /// Others that waited.
            others: u32,
        }
    }
}
