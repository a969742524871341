//! Every metric that zoogate exports: its name, what it means, and its labels, in one table.
//!
//! Label values are bounded everywhere: servers are the configured ones, words come from tables in the code,
//! and sessions are as many as the configuration says.

/// What kind of number a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, in buckets.
    Histogram,
}

impl MetricKind {
    /// Its name in the exposition format.
    pub fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metric {
    /// Its name, unit included.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: MetricKind,
    /// What it counts, in one sentence.
    pub help: &'static str,
    /// Names of its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
}

macro_rules! catalog {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric =
                Metric { name: $name, kind: MetricKind::$kind, help: $help, labels: &[$($label),*] };
        )*

        /// All metrics.
        pub const CATALOG: &[Metric] = &[$($constant),*];
    };
}

catalog! {
    OPERATIONS: Counter "zoogate_operations_total" ["server", "op"]
        "Requests that were answered.";
    OPERATION_ERRORS: Counter "zoogate_operation_errors_total" ["server", "op", "code"]
        "Replies with an error code. A failed multi counts under the code of the operation that made it fail.";
    REQUEST_BYTES: Counter "zoogate_request_bytes_total" ["server", "op"]
        "Bytes of answered requests, frame lengths included.";
    REPLY_BYTES: Counter "zoogate_reply_bytes_total" ["server", "op"]
        "Bytes of replies, frame lengths included.";
    OPERATION_DURATION: Histogram "zoogate_operation_duration_seconds" ["server", "op"]
        "Time from the request's header to the reply's header, as zoogate sees them.";
    WATCH_EVENTS: Counter "zoogate_watch_events_total" ["server", "type"]
        "Watch events sent to clients.";
    LARGE_FRAMES: Counter "zoogate_large_frames_total" ["server", "direction", "size"]
        "Frames that reach half, nine tenths or all of jute.maxbuffer, or 4 MiB. A frame counts under every size that it reaches.";
    LARGEST_FRAME: Gauge "zoogate_largest_frame_bytes" ["server", "direction"]
        "Longest frame so far, from half of jute.maxbuffer on.";
    OVERSIZED_FRAMES: Counter "zoogate_oversized_frames_total" ["server"]
        "Connections that a server closed at a request longer than jute.maxbuffer.";
    UNTRACKED: Counter "zoogate_untracked_requests_total" ["server"]
        "Requests forwarded untimed, because 4,096 others were in flight on their connection. They do not count as unanswered either.";
    COMPRESSED_BLOCKS: Counter "zoogate_compressed_blocks_total" ["server", "direction"]
        "Blocks of compressed conversations (ClickHouse's use_compression), about one for each request and reply. Their contents are not decoded.";
    PAUSES: Counter "zoogate_backpressure_total" ["server", "direction"]
        "Times that reading was paused because the peer's buffer was full: the server's in direction request, the client's in direction reply.";
    SESSIONS: Gauge "zoogate_sessions" ["server"]
        "Sessions attached to the server now.";
    SESSIONS_KNOWN: Gauge "zoogate_sessions_known" ["state"]
        "Sessions that zoogate remembers, ended ones included.";
    CONNECTIONS: Gauge "zoogate_connections" ["server"]
        "Client connections open now.";
    ATTACHES: Counter "zoogate_attaches_total" ["server", "routed"]
        "Claims that a server accepted, by why zoogate asked this server.";
    REFUSALS: Counter "zoogate_refused_attaches_total" ["server"]
        "Claims that a server refused with an answer: timeout 0 (session over or wrong password), or a Keeper without a leader.";
    MOVES: Counter "zoogate_moves_total" ["from", "to"]
        "Moves of sessions from one server to another.";
    SESSION_MOVED: Counter "zoogate_session_moved_total" ["server", "evidence", "confidence"]
        "Times that ZooKeeper refused a session because it had moved.";
    SHARED_SESSIONS: Counter "zoogate_shared_sessions_total" []
        "Times that two clients were seen using one session in turn.";
    CONNECTION_ENDS: Counter "zoogate_connection_ends_total" ["server", "reason"]
        "Ended connections by their final reason.";
    INCIDENTS: Counter "zoogate_incidents_total" ["cause"]
        "Incidents that are over, by cause.";
    INCIDENTS_OPEN: Gauge "zoogate_incidents_open" []
        "Incidents that are open now.";
    RISKS: Counter "zoogate_risks_total" ["code"]
        "Times that something was about to be lost: a session near its timeout, a node of an older session, two holders of one name.";
    RISKS_OPEN: Gauge "zoogate_risks_open" ["code"]
        "Risks that stand now, of those that are kept.";
    END_CAUSES: Counter "zoogate_end_causes_total" ["cause"]
        "Ended connections by the first cause that was found. `zoogate incident` has what it was revised to.";
    UNANSWERED: Counter "zoogate_unanswered_requests_total" ["server"]
        "Requests whose connection ended before their reply.";
    OPAQUE: Counter "zoogate_opaque_connections_total" ["reason"]
        "Connections forwarded without being decoded.";
    DECODE_FAULTS: Counter "zoogate_decode_faults_total" ["fault"]
        "Frames that could not be decoded. Their connection is opaque from then on; after unknown_sub_operation only the rest of the frame is skipped.";
    WORDS: Counter "zoogate_four_letter_words_total" ["word"]
        "Four-letter words forwarded to servers.";
    WAITING_CLAIMS: Gauge "zoogate_waiting_claims" []
        "Clients waiting for a server to accept their claim.";
    CLAIM_WAIT: Histogram "zoogate_claim_wait_seconds" ["server"]
        "Time from a client's claim to its acceptance by a server.";
    LATE_CLAIMS: Counter "zoogate_late_claims_total" ["server"]
        "Claims that a server carried out after zoogate had gone on to another server. zoogate then ends the session's connection, so that its client reconnects.";
    ORPHANS: Counter "zoogate_orphaned_sessions_total" ["server"]
        "New sessions that a server gave after their client had left. zoogate closes them.";
    SET_ASIDE: Gauge "zoogate_server_set_aside" ["server"]
        "1 while the server is tried last, because clients got no session or no replies there while other servers gave them.";
    CONNECT_FAILURES: Counter "zoogate_connect_failures_total" ["server", "reason"]
        "Failed attempts to connect to a server.";
    PROBES: Counter "zoogate_probe_results_total" ["server", "health"]
        "Probes of a server, by result.";
    SERVER_SERVING: Gauge "zoogate_server_serving" ["server"]
        "1 if the server was serving at the last probe.";
    SERVER_LEADER: Gauge "zoogate_server_leader" ["server"]
        "1 if the server was leading at the last probe.";
    SERVER_LATENCY: Gauge "zoogate_server_latency_milliseconds" ["server", "of", "which"]
        "How long probes (question to answer), TCP connects, and clients' pings (ping to reply) take at the server: a median that moves slowly (`usual`), the last one, and the worst of the last half a minute or minute.";
    SERVER_RESTARTS: Counter "zoogate_server_restarts_total" ["server"]
        "Times that the server refused connections and then served again.";
    BEHIND: Gauge "zoogate_server_behind_transactions" ["server"]
        "Transactions that the server lacked, as last compared with what another one had reached before.";
    BYPASSING: Gauge "zoogate_server_bypassing_connections" ["server"]
        "Connections of the server's own count that do not come through this zoogate.";
    RETRANSMISSIONS: Counter "zoogate_server_retransmissions_total" ["server"]
        "Segments that the kernel sent again on the connections to the server that are sampled, 64 for each port.";
    LEADER_CHANGES: Counter "zoogate_leader_changes_total" []
        "Times that another server than before was seen leading.";
    EPOCH: Gauge "zoogate_ensemble_epoch" []
        "The highest epoch that was seen in a zxid; every elected leader begins a new one.";
    REJECTED: Counter "zoogate_rejected_connections_total" ["reason"]
        "Client connections that zoogate closed instead of relaying.";
    LISTENER_ERRORS: Counter "zoogate_listener_errors_total" ["operation", "reason"]
        "Failures to listen or to accept a connection.";
    PUT_OFF: Counter "zoogate_accept_queue_overflows_total" ["listener"]
        "Connection attempts that the kernel dropped because the accept queue was full.";
    CLOCK_STEPS: Counter "zoogate_clock_steps_total" []
        "Steps of the machine's wall clock. Only displayed times depend on it.";
    OWN_PAUSES: Counter "zoogate_own_pauses_total" []
        "Times that zoogate itself paused for 300 ms or longer: stopped, throttled, or a thread blocked.";
    OWN_PAUSE_TIME: Counter "zoogate_own_pause_seconds_total" []
        "Total length of zoogate's own pauses. A pause that several threads notice counts once.";
    ADMIN_WAITS: Counter "zoogate_admin_throttled_total" []
        "Requests to the admin address that had to wait. Answers are made one at a time, with a pause after each.";
    ADMIN_REFUSED: Counter "zoogate_admin_refused_total" ["reason"]
        "Requests that the admin address refused: `no_token`, `wrong_token`, `read_only_token`, `foreign_page`, `rate`. `connections`: connections beyond those that one peer may have.";
    DROPPED: Counter "zoogate_dropped_total" ["queue"]
        "Items dropped because a queue or table was full, or evicted early to make room.";
    SINK_DROPS: Counter "zoogate_findings_dropped_total" ["sink"]
        "Findings that a sink had no room for. `log_lines`: lines that were suppressed; the next line of that kind says how many, or a line of its own at the same level: after ten seconds without one, or at a stop.";
    HISTORY_SIZE: Gauge "zoogate_history_bytes" []
        "Bytes of the files in the state directory; 0 without one.";
    HISTORY_FAILURES: Counter "zoogate_history_write_failures_total" []
        "Attempts to write the history that failed. They are repeated; what finds no room meanwhile counts as dropped by the sink `history`.";
    OTLP_UNSENT: Counter "zoogate_otlp_unsent_total" []
        "Findings that the collector did not take, after several attempts.";
    READY: Gauge "zoogate_ready" []
        "1 while zoogate is ready.";
    BUILD_INFO: Gauge "zoogate_build_info" ["version"]
        "Always 1.";
    SESSION_INFO: Gauge "zoogate_session_info" ["session", "server", "client", "identity"]
        "Always 1. Names client, server and holder of each session with its own series.";
    SESSION_IN_FLIGHT: Gauge "zoogate_session_in_flight" ["session"]
        "Requests in flight.";
    SESSION_LATENCY: Histogram "zoogate_session_latency_seconds" ["session", "class"]
        "Latency of each session with its own series. `other` sums up all other sessions, ended ones included.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_and_are_unique() {
        for (place, metric) in CATALOG.iter().enumerate() {
            let name = metric.name;
            assert!(name.starts_with("zoogate_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == MetricKind::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), metric.kind == MetricKind::Histogram, "{name}");
            assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
            assert!(CATALOG[..place].iter().all(|other| other.name != name), "{name} is there twice");
        }
    }
}
