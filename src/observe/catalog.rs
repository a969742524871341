//! Every metric that zoogate exports: its name, what it means, and its labels, in one table.
//!
//! Label values are bounded everywhere: servers are the configured ones, words come from tables in the code,
//! and sessions are as many as the configuration says.

/// What kind of number a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, in buckets.
    Histogram,
}

impl Kind {
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
    pub kind: Kind,
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
                Metric { name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*] };
        )*

        /// All metrics.
        pub const CATALOG: &[Metric] = &[$($constant),*];
    };
}

catalog! {
    OPERATIONS: Counter "zoogate_operations_total" ["server", "op"]
        "Requests that were answered.";
    OPERATION_ERRORS: Counter "zoogate_operation_errors_total" ["server", "op", "code"]
        "Answers with an error code; of a failed multi the code of the operation that made it fail.";
    REQUEST_BYTES: Counter "zoogate_request_bytes_total" ["server", "op"]
        "Bytes of the frames of answered requests.";
    REPLY_BYTES: Counter "zoogate_reply_bytes_total" ["server", "op"]
        "Bytes of the frames of replies.";
    OPERATION_DURATION: Histogram "zoogate_operation_duration_seconds" ["server", "op"]
        "From the last byte of a request's head to the head of its reply, both as seen by zoogate.";
    WATCH_EVENTS: Counter "zoogate_watch_events_total" ["server", "type"]
        "Watch events sent to clients.";
    LARGE_FRAMES: Counter "zoogate_large_frames_total" ["server", "direction", "size"]
        "Frames of at least half of jute.maxbuffer, nine tenths of it, all of it, or 4 MiB; larger ones count in each size they reach.";
    LARGEST_FRAME: Gauge "zoogate_largest_frame_bytes" ["server", "direction"]
        "The longest frame among those of at least half of jute.maxbuffer.";
    OVERSIZED_FRAMES: Counter "zoogate_oversized_frames_total" ["server"]
        "Connections that ended behind a request longer than jute.maxbuffer.";
    UNTRACKED: Counter "zoogate_untracked_requests_total" ["server"]
        "Requests that were relayed without being followed, because 4,096 others were in flight on their connection: they are neither timed nor missed when they get no answer.";
    COMPRESSED_BLOCKS: Counter "zoogate_compressed_blocks_total" ["server", "direction"]
        "Blocks of compressed conversations, which ClickHouse's clients may ask for: about one for each request and reply, whose contents are not looked at.";
    PAUSES: Counter "zoogate_paused_reads_total" ["server", "direction"]
        "Times that one side was not read on because the other one took no more: the server in direction request, the client in direction reply.";
    SESSIONS: Gauge "zoogate_sessions" ["server"]
        "Sessions that are attached now.";
    SESSIONS_KNOWN: Gauge "zoogate_sessions_known" ["state"]
        "Sessions that are remembered, the ended ones included.";
    CONNECTIONS: Gauge "zoogate_connections" ["server"]
        "Client connections that are open now.";
    ATTACHES: Counter "zoogate_attaches_total" ["server", "routed"]
        "Sessions given by a server, by why this server was asked.";
    REFUSALS: Counter "zoogate_refused_attaches_total" ["server"]
        "Claims that a server refused in words: with timeout 0 (the session is over, or the password is wrong), or as a Keeper without a leader does.";
    MOVES: Counter "zoogate_moves_total" ["from", "to"]
        "Sessions that came to another server than before.";
    SESSION_MOVED: Counter "zoogate_session_moved_total" ["server", "evidence", "confidence"]
        "Refusals of a session by ZooKeeper because it has moved.";
    SHARED_SESSIONS: Counter "zoogate_shared_sessions_total" []
        "Times that two clients were seen to use one session in turn.";
    CONNECTION_ENDS: Counter "zoogate_connection_ends_total" ["server", "reason"]
        "Connections whose end has its final reason.";
    UNANSWERED: Counter "zoogate_unanswered_requests_total" ["server"]
        "Requests that never got their answer because their connection ended.";
    OPAQUE: Counter "zoogate_opaque_connections_total" ["reason"]
        "Connections that are relayed without being understood.";
    DECODE_FAULTS: Counter "zoogate_decode_faults_total" ["fault"]
        "Frames that could not be read. All but unknown_sub_operation, of which only the rest of its frame is not read, make their connection opaque.";
    WORDS: Counter "zoogate_four_letter_words_total" ["word"]
        "Four-letter words that were passed on.";
    WAITING_CLAIMS: Gauge "zoogate_waiting_claims" []
        "Clients that wait for a server to take their claim.";
    CLAIM_WAIT: Histogram "zoogate_claim_wait_seconds" ["server"]
        "From a client's claim to the answer of the server that took it.";
    LATE_CLAIMS: Counter "zoogate_late_claims_total" ["server"]
        "Claims that a server carried out after they had been left behind there: the session's connection elsewhere was ended, so that its client comes back.";
    ORPHANS: Counter "zoogate_orphaned_sessions_total" ["server"]
        "New sessions that a server gave after their client had gone; they are closed.";
    SET_ASIDE: Gauge "zoogate_server_set_aside" ["server"]
        "1 while the server is tried last because clients were given no session or no answers there while other servers gave them.";
    CONNECT_FAILURES: Counter "zoogate_connect_failures_total" ["server", "reason"]
        "Attempts to connect to a server that failed.";
    PROBES: Counter "zoogate_probe_results_total" ["server", "health"]
        "Looks at a server, by what they showed.";
    SERVER_SERVING: Gauge "zoogate_server_serving" ["server"]
        "1 while the server serves, as last seen.";
    SERVER_LEADER: Gauge "zoogate_server_leader" ["server"]
        "1 while the server leads, as last seen.";
    REJECTED: Counter "zoogate_rejected_connections_total" ["reason"]
        "Client connections that were closed instead of relayed.";
    LISTENER_ERRORS: Counter "zoogate_listener_errors_total" ["operation", "reason"]
        "Failures of a listener, to accept a connection among them.";
    PUT_OFF: Counter "zoogate_accept_queue_overflows_total" ["listener"]
        "Times that the kernel put a client off because the queue of those who wait to be let in was full.";
    CLOCK_STEPS: Counter "zoogate_clock_steps_total" []
        "Times that the machine's date was seen to be stepped; only the times that are shown depend on it.";
    OWN_PAUSES: Counter "zoogate_own_pauses_total" []
        "Times that zoogate itself stood still for 300 ms or longer: stopped, throttled, or one of its threads blocked.";
    OWN_PAUSE_TIME: Counter "zoogate_own_pause_seconds_total" []
        "Time that zoogate itself stood still in those pauses; what several threads tell of one counts once.";
    ADMIN_WAITS: Counter "zoogate_admin_waits_total" []
        "Requests at the admin address that had to wait: answers are made one at a time, with a pause behind each.";
    DROPPED: Counter "zoogate_dropped_total" ["queue"]
        "Items that found no room, or had to make some before their time.";
    READY: Gauge "zoogate_ready" []
        "1 while zoogate serves.";
    BUILD_INFO: Gauge "zoogate_build_info" ["version"]
        "Always 1.";
    SESSION_INFO: Gauge "zoogate_session_info" ["session", "server", "client", "identity"]
        "Always 1: who the sessions with series of their own are, and where.";
    SESSION_IN_FLIGHT: Gauge "zoogate_session_in_flight" ["session"]
        "Requests waiting for their answer.";
    SESSION_LATENCY: Histogram "zoogate_session_latency_seconds" ["session", "class"]
        "Latency of the sessions with series of their own; `other` takes all the rest, ended sessions included.";
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
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), metric.kind == Kind::Histogram, "{name}");
            assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
            assert!(CATALOG[..place].iter().all(|other| other.name != name), "{name} is there twice");
        }
    }
}
