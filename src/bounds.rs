//! Everything that is bounded, in one list: what, by how much, what happens beyond it, and what shows that.
//!
//! A constant stays where it is used; the list refers to it. The README's table is made of the list, so a figure in
//! it cannot differ from the code.

mod quantity;
mod resource_bound;

use crate::admin::{
    accept as admin_accept, admin_token, api_state, change_feed, connections, cpu_throttle, peer_limits, stream_places,
    streamed_list, tap,
};
use crate::control::connection_control;
use crate::diagnose::risk::risk_book;
use crate::diagnose::{
    client_leg, diagnosis, health_span, impact, incident, incident_book, leader_history, server_details,
    taken_sessions, timeline,
};
use crate::filter::filter_term;
use crate::history::{
    change_queue, entry_pages, history_reader, history_summary, history_writer, latency_hours, later_rows, week_file,
    week_files,
};
use crate::observe::logs::{finding_log, log_throttle, logging};
use crate::observe::slow::slow_log;
use crate::observe::storage::latency_trend;
use crate::observe::tap::{data_room, load_book, tap_hub};
use crate::observe::wall_clock;
use crate::otlp::{collector_client, otlp_exporter};
use crate::proxy::accept::client_listener;
use crate::proxy::claim::{left_claim, older_connections, upstream_connect};
use crate::proxy::network::{name_lookup, socket};
use crate::proxy::opening::{first_frame, read_ahead};
use crate::proxy::probe::{
    client_leg_sampler, client_path_sampler, details_prober, loop_suspect, path_sampler, prober,
};
use crate::proxy::relay::{awaited_data, half_pipe, live_sink};
use crate::proxy::shared::{claim_registry, descriptors, loop_detector, mirror_gate, own_pause, proxy_state};
use crate::proxy::{connection, relay};
use crate::route;
use crate::session::ledger::{self, controller_roles, decision_queue, retention};
use crate::session::{connection_end, inspector, own_pause as known_pauses, path_ring, pending, short_path, watches};
use crate::state::{readers, risk_state};
pub use quantity::{BoundLimit, BoundQuantity};
pub use resource_bound::ResourceBound;
use resource_bound::bounds;

/// Resident bytes that zoogate may need whatever it carries.
pub const RESIDENT_BASE: usize = 32 << 20;
/// Resident bytes that a session may cost: its place in the ledger and its history included.
pub const RESIDENT_PER_SESSION: usize = 8 << 10;

bounds! {
    "connections of clients" [
        client: count descriptors::PER_CLIENT, own: count descriptors::RESERVED_DESCRIPTORS, left: count descriptors::LEFT_CLAIMS_SHARE,
        worker: count descriptors::PER_WORKER, server: count descriptors::PER_SERVER,
    ]
        "`connections.max`, or as many as the descriptor limit allows (the soft limit is raised to the hard one at the \
         start; a client takes {client}; {own} are reserved for zoogate itself, one in {left} for claims left behind, \
         {worker} for each worker, {server} for each server, and those of the listeners); further ones are reset",
        "`zoogate_rejected_connections_total{reason=\"too_many\"}`, log";
    "connections of one client address" []
        "`connections.per_address`, when that is set; further ones are reset",
        "`zoogate_rejected_connections_total{reason=\"too_many_of_address\"}`, log";
    "accepting with no descriptor left" [again: time client_listener::AFTER_FAILURE]
        "tried again every {again}; meanwhile clients wait in the accept queue",
        "`zoogate_listener_errors_total`, log";
    "clients in the accept queue" [queue: count socket::BACKLOG]
        "{queue} for each address and worker, or `net.core.somaxconn`; beyond that the kernel lets clients try again",
        "`zoogate_accept_queue_overflows_total`, log";
    "look-ups of a server's name" [
        within: time name_lookup::ANSWERS_WITHIN, holds: time name_lookup::LAST_ANSWER_HOLDS,
        addresses: count name_lookup::ADDRESSES_OF_NAME,
    ]
        "one at a time for each server; connections that need the name meanwhile share the answer; a resolver that \
         hangs delays no other server. While it has said nothing for {within}, its last answer is used, for {holds}. \
         Of a name's addresses the first {addresses} are used",
        "`zoogate_connect_failures_total{reason=\"resolve\"}`, `zoogate_probe_results_total`";
    "probe connections to a server" [
        apart: time prober::AFTER_REFUSAL, longest: time prober::LONGEST_PATIENCE,
    ]
        "one at a time, and a new one at most every {apart}; a server that does not answer is probed again on a new \
         one after `probe.timeout`, then after twice as long each time, up to {longest}",
        "`zoogate_probe_results_total`";
    "questions about a server's details" [
        apart: time details_prober::DETAILS_EVERY, wanted: time details_prober::DETAILS_WANTED, refused: time details_prober::REFUSED_FOR, read: bytes details_prober::DETAILS_CAP,
        version: bytes server_details::VERSION_BYTES,
    ]
        "one connection at a time, beside the probe's, every {apart} while the server serves, and `mntr` alone every \
         {wanted} while it leads and that decides why another one does not answer; a word that it does not allow is not asked again for {refused}. {read} of an answer are read, and {version} kept of a server's version",
        "";
    "connections to servers whose round trips and retransmissions are sampled" [
        sampled: count path_sampler::CONNECTIONS_SAMPLED, apart: time path_sampler::PATHS_EVERY, trouble: time path_sampler::PATHS_IN_TROUBLE,
    ]
        "{sampled} to each port, every {apart}, or every {trouble} while a server does not answer",
        "";
    "connections of clients whose round trips and retransmissions are sampled" [
        looked: count client_leg_sampler::LEGS_SAMPLED, apart: time client_leg_sampler::LEGS_EVERY, rest: time client_leg_sampler::LEGS_REST, kept: count client_leg::LEGS_KEPT, counts: time client_leg::LEG_COUNTS,
    ]
        "{looked} of one listener every {apart}, one after the other, and after a rest of at most {rest} where a look takes long; the last look at each of {kept} clients counts for {counts}",
        "";
    "connections of clients that end and whose way is looked at" [
        looked: count client_path_sampler::CLIENTS_LOOKED_AT, apart: time client_path_sampler::CLIENTS_EVERY, rest: time client_path_sampler::CLIENTS_REST, asked: time diagnosis::KERNEL_KNOWS,
    ]
        "{looked} of each listener, every {apart}, and after a rest of at most {rest} where a look takes long, for {asked} after an end whose client had been silent or left",
        "";
    "history of the ensemble" [
        events: count timeline::EVENTS_KEPT, spans: count health_span::SPANS_KEPT, leaders: count leader_history::LEADERS_KEPT,
    ]
        "the newest {events} events, {spans} states of each server, {leaders} changes of the leader",
        "`forgotten` in `/api/ensemble`";
    "a server that leads back to zoogate" [
        waits: time loop_detector::RECENT, words: count loop_suspect::TRIAL_WORDS, pause: time loop_suspect::AFTER_TRIAL,
        enough: count loop_suspect::ENOUGH, again: time loop_suspect::AFTER_PROOF, freely: count mirror_gate::WAITING_FREELY,
        held: time mirror_gate::HELD_WITHIN, slow: time mirror_gate::WORD_HELD,
    ]
        "zoogate's own address is an error at the start and in `zoogate check`, and is not used if a name resolves to \
         it later. Through something else: a `srvr` that comes in while one is out waits {waits} at most, and the \
         server is sent up to {words} words (`ruok` with a mark behind it) every {pause}; if {enough} of them come back here it is not used, and tried again every {again}. The same is done when more than {freely} clients of mirrored addresses wait for a \
         first word of one server, and again for twice as many; those beyond wait for the outcome, {held} at most, and \
         four-letter words {slow}",
        "log, `zoogate_probe_results_total{health=\"unreachable\"}`, `zoogate_connect_failures_total{reason=\"leads_back\"}`";
    "time for a client's first frame" []
        "`connections.first_frame`",
        "`zoogate_rejected_connections_total{reason=\"deadline\"}`";
    "time to connect to a mirror's server" [connect: time connection::MIRROR_CONNECT]
        "{connect}",
        "`zoogate_connect_failures_total`";
    "bytes buffered for a peer that does not read" [held: bytes half_pipe::READ_BUFFER]
        "`connections.buffer` for each direction, {held} at most; then reading from the other side pauses. None on an \
         idle connection",
        "`zoogate_backpressure_total`";
    "bytes taken from a client before a server has answered its handshake" [
        ahead: bytes first_frame::READ_AHEAD, ended: bytes read_ahead::READ_OF_ENDED,
    ]
        "{ahead}, {ended} of one that has ended its side; then reading from the client pauses",
        "";
    "time to connect to a server for a claim" [
        connect: time upstream_connect::CONNECT_WITHIN, share: count upstream_connect::CONNECT_SHARE,
    ]
        "{connect}, or one {share}th of the timeout that the client asked for",
        "`zoogate_connect_failures_total`";
    "time that a claim waits for its server" [
        least: time route::SHORTEST_PATIENCE, most: time proxy_state::LONGEST_TIMEOUT,
    ]
        "the timeout that the client asked for, at least {least}, at most {most}",
        "`zoogate_claim_wait_seconds`, `zoogate_rejected_connections_total{reason=\"no_server\"}`, log";
    "unanswered claims that are remembered" [
        claims: count claim_registry::CLAIMS_REMEMBERED, least: time route::SHORTEST_PATIENCE, most: time route::LONGEST_OUT,
        late: count claim_registry::LATE_ANSWERS,
    ]
        "{claims}, of which half for claims of sessions that a server gave here, with a password that may be right; for \
         twice the timeout asked, at least {least} and at most {most}; and the newest {late} that were carried out late",
        "`zoogate_dropped_total{queue=\"unanswered_claims\"}`";
    "time that a claim waits for the older connection of its session to end" [
        within: time older_connections::OLDER_ENDS_WITHIN,
    ]
        "{within}; then the claim is sent, and what the older connection still holds is dropped by its worker",
        "";
    "connections of claims left behind that are watched, and second ones for new sessions" [
        watched: count claim_registry::CONNECTIONS_WATCHED, share: count descriptors::LEFT_CLAIMS_SHARE,
        behind: bytes left_claim::LEFT_BEHIND_CLAIM,
    ]
        "{watched}, or one in {share} of the descriptors, as long as the claims are remembered; half of them for sessions \
         that a server gave here. {behind} at most still go up behind such a claim",
        "`zoogate_dropped_total{queue=\"left_claims\"}`";
    "complaints of clients that count against a server" [
        complaints: count route::COMPLAINTS, counts: time route::COMPLAINT_COUNTS,
    ]
        "{complaints} for each server, one in {counts} for each client address, for {counts}",
        "`zoogate_server_set_aside`";
    "bytes that one direction forwards in a turn" [
        turn: bytes half_pipe::BYTES_PER_TURN, short: bytes half_pipe::BYTES_PER_SHORT_TURN,
        many: count half_pipe::MANY_IN_FLIGHT,
    ]
        "{turn}, or {short} while more than {many} requests are in flight; its next turn comes after all connections that are ready by then",
        "";
    "requests searched for replies out of order" [looked: count pending::LOOKED_AT]
        "{looked} in one wake-up; further replies of that wake-up that do not match the oldest request count as \
         replies to nothing",
        "`zoogate_operations_total{op=\"unknown\"}`";
    "SESSION_MOVED replies that are examined" [refusals: count live_sink::REFUSALS_AT_ONCE]
        "{refusals} in one wake-up of a connection; further ones are counted",
        "`zoogate_session_moved_total`";
    "requests in flight that are tracked" [followed: count pending::IN_FLIGHT_CAP]
        "{followed} on a connection; more are forwarded untimed",
        "`zoogate_untracked_requests_total`";
    "paths kept to name unanswered requests" [kept: bytes path_ring::PATH_RING_CAP, path: bytes path_ring::KEPT]
        "{kept} on a connection, {path} of a path",
        "";
    "bytes held of a ClickHouse client that asks for another dialect, until it is answered" [
        held: bytes inspector::HELD_CAP,
    ]
        "{held}; then its conversation is opaque",
        "`zoogate_decode_faults_total{fault=\"early_bytes\"}`";
    "watched paths that are counted" [paths: count watches::WATCHED_PATHS_CAP, each: bytes watches::WATCHED_PATH_BYTES]
        "{paths} on a connection, {each} each",
        "";
    "sessions remembered" []
        "`ledger.sessions`, for `ledger.keep_ended` after their end. A session is remembered from when a server gives \
         it. The one that ended first makes room, then the one that has been detached the longest, one whose holder is \
         not known before one whose holder is; a living one never does",
        "`zoogate_dropped_total{queue=\"sessions\"}` (no room), `{queue=\"evicted_sessions\"}` (forgotten early)";
    "claims of sessions that no server has given here" [
        sessions: count ledger::CLAIMANTS, claims: count ledger::CLAIMANT_HISTORY,
    ]
        "those of {sessions} sessions, the newest {claims} of each; they displace one another and no session: those over go \
         first, then those that came to nothing, then those claimed longest ago",
        "`zoogate_dropped_total{queue=\"claims\"}`";
    "findings that wait to be logged and counted" [findings: count ledger::FINDINGS, held: bytes retention::FINDINGS_BYTES]
        "{findings}, or {held} of them",
        "`zoogate_dropped_total{queue=\"findings\"}`";
    "moves, refusals, ended connections that are kept" [
        each: count ledger::KEPT_OF_EACH, moves: bytes retention::MOVES_BYTES, refusals: bytes retention::VERDICTS_BYTES,
        ends: bytes retention::ENDED_BYTES,
    ]
        "{each} of each, or {moves} of moves, {refusals} of refusals and {ends} of ends",
        "";
    "ended connections whose reason is not decided" [
        ends: count decision_queue::UNDECIDED_CLOSES, held: bytes decision_queue::UNDECIDED_BYTES, session: bytes decision_queue::UNDECIDED_BYTES_A_SESSION,
    ]
        "{ends}, or {held} and {session} for each session; beyond that the one that is due next is decided \
         with what is known so far",
        "";
    "unanswered requests that are kept of a connection's end" [
        requests: count connection_end::UNANSWERED_SHOWN, path: bytes connection_end::UNANSWERED_PATH,
        paths: bytes connection_end::UNANSWERED_PATHS,
    ]
        "{requests}, with {path} of a path and {paths} of all of them; the others are counted",
        "`zoogate_unanswered_requests_total`";
    "claims in the history of one session" [claims: count ledger::HISTORY]
        "{claims}; forged ones are forgotten first, the current one never",
        "`forgotten` in the session's JSON";
    "bytes of an identity" [identity: bytes short_path::IDENTITY_PATH_CAP]
        "{identity}",
        "";
    "series by session" []
        "`metrics.sessions`",
        "";
    "log lines that wait for a reader" [lines: count logging::LINES, field: bytes finding_log::LONGEST_FIELD]
        "{lines}, each field of at most {field}; lines that standard error does not accept count as lost too",
        "`zoogate_dropped_total{queue=\"log\"}`";
    "log lines that repeat" [pause: time log_throttle::PAUSE]
        "one in {pause} for each kind and server, with the number of suppressed ones; `log.level = \"debug\"` \
         writes every finding",
        "log";
    "connections to the admin address" [
        connections: count connections::CONNECTIONS, still: time connections::STILL, idle: time connections::IDLE,
        lifetime: time admin_accept::LIFETIME,
    ]
        "{connections}; for a further one the connection that has been idle the longest is closed, unless it is \
         reading an answer. A request that does not arrive in full, or an answer that is not read, is given up after \
         {still}; a connection without a request is closed after {idle}, any after {lifetime}",
        "log";
    "answers of the admin address" [
        rest: count cpu_throttle::IDLE_FACTOR, longest: time cpu_throttle::LONGEST_IDLE, sent: count api_state::ANSWERS_AT_ONCE, waiting: count api_state::REQUESTS_WAITING,
    ]
        "made one at a time, each followed by a pause of {rest} times what it took, up to {longest}; {sent} are sent \
         at a time and {waiting} requests wait, further ones get `503`. `/livez` and `/readyz` never \
         wait",
        "`zoogate_admin_throttled_total`";
    "requests of one peer at the admin address" [
        burst: count peer_limits::REQUESTS_AT_ONCE, steady: count peer_limits::REQUESTS_A_SECOND, wrong: count peer_limits::WRONG_TOKEN,
        peers: count peer_limits::PEERS, connections: count connections::CONNECTIONS_OF_PEER,
    ]
        "{burst} at once and {steady} a second, further ones get `429`; a wrong token costs {wrong} of them. The last \
         {peers} addresses are remembered. `/livez`, `/readyz` and the socket have no limit. Beyond loopback one peer has \
         {connections} connections",
        "`zoogate_admin_refused_total`, log";
    "characters of a token of the admin address" [shortest: count admin_token::SHORTEST_TOKEN, longest: count admin_token::LONGEST_TOKEN]
        "{shortest} to {longest}",
        "";
    "connections that operators disconnect" [
        most: count connection_control::DISCONNECTS_AT_ONCE, apart: time connection_control::DISCONNECTS_APART,
        boundary: time connection_control::BOUNDARY_WITHIN, end: time connection_control::END_WITHIN,
    ]
        "{most} at a time, {apart} apart; further requests get `503`. A connection that reaches no frame boundary within \
         {boundary} is closed where it is; if its worker does not do that within {end} more, the request gets `503`",
        "log";
    "streams of the admin address" [
        streams: count stream_places::STREAMS_AT_ONCE, peer: count stream_places::STREAMS_OF_PEER, still: time connections::STILL,
    ]
        "{streams}, of which one address has {peer} at most; they do not count as answers; \
         further ones get `503`. What a stream sends is made at the pace of all answers. One that is not read for {still} is closed",
        "`zoogate_dropped_total{queue=\"streams\"}`";
    "changes that are kept for open pages" [kept: bytes change_feed::FEED_BYTES, rows: count change_feed::FEED_ROWS, every: time change_feed::FEED_EVERY]
        "{kept}, and hashes of the newest {rows} rows of each list; looked for every {every} while a page is open, for all pages together. A page that is slower is told how much is missing, and asks for the lists",
        "";
    "those who look at events" [
        readers: count tap_hub::TAP_READERS, each: bytes tap_hub::TAP_BYTES, piece: bytes tap::TAP_PIECE, every: time tap::TAP_EVERY,
    ]
        "{readers}, of whom each has {each} of events that wait for it, of which {piece} are sent every {every}; what finds no \
         room is dropped, and the stream says how much",
        "`zoogate_dropped_total{queue=\"tap\"}`";
    "node data that those who look may see (`tap.data`)" [
        each: bytes tap::DATA_MOST, waiting: count awaited_data::DATA_WAITING, all: bytes data_room::DATA_BYTES,
    ]
        "{each} of a request, of {waiting} unanswered requests of a connection, and {all} of all connections together; none \
         while nobody asks for it",
        "`zoogate_dropped_total{queue=\"tap_data\"}`";
    "slow operations that are kept" [
        kept: count slow_log::SLOW_KEPT, slowest: count slow_log::SLOWEST_KEPT, from: time slow_log::SLOWEST_FROM,
        once: count slow_log::SLOW_AT_ONCE, within: time slow_log::SLOW_WITHIN,
    ]
        "the newest {kept} beyond `slow_log.read` and `slow_log.write`, of {once} in {within}; and the slowest of each operation \
         and server from {from} on, {slowest} at most",
        "`/api/slow`, log, `zoogate_dropped_total{queue=\"slow_log\"}`";
    "what causes the load" [keys: count load_book::LOAD_KEYS, each: bytes load_book::LOAD_KEY_BYTES, asked: time load_book::LOAD_ASKED]
        "the {keys} most frequent paths, clients and holders, each with {each} of its name, for {asked} behind a question; \
         a new one takes the place of the rarest, and the answer says by how much counts may be wrong",
        "`/api/load`";
    "filters of lists and streams" [text: bytes filter_term::FILTER_BYTES, signs: count filter_term::RETRIED_SIGNS]
        "{text} of text; {signs} signs behind the first `*` of patterns",
        "";
    "rows of a list that are made before they are read" [rows: count streamed_list::ROWS_A_PIECE, piece: bytes streamed_list::PIECE_BYTES]
        "{rows} at a time, up to {piece} and one row more",
        "";
    "events in the timeline of one session" [each: count readers::STORY]
        "the newest {each} each of moves, refusals and reasons of ends",
        "`/api/moves`, `/api/session-moved` have the rest";
    "open incidents" [open: count incident_book::OPEN_INCIDENTS]
        "{open}; for a further one the oldest about one client or one session is closed, or the oldest of all",
        "`/api/incidents`, `zoogate_incidents_open`, `zoogate_dropped_total{queue=\"open_incidents\"}`";
    "incidents that are over" [kept: count incident_book::CLOSED_INCIDENTS, operations: count impact::OPERATIONS_SHOWN, holders: count impact::HOLDERS_SHOWN, revisions: count incident::REVISIONS]
        "the newest {kept}, of which those about one client or one session go first; of each the first {operations} operations without a reply, {holders} holders and {revisions} earlier causes",
        "`/api/incidents`, log, `zoogate_dropped_total{queue=\"incidents\"}`";
    "sessions whose return is credited to an incident" [taken: count taken_sessions::TAKEN_SESSIONS, again: time incident_book::AGAIN]
        "{taken}; further ones count as away until the incident is over. Those of one that is over are remembered for {again}, \
         as it may come again",
        "`zoogate_dropped_total{queue=\"away_sessions\"}`";
    "changes of incidents that wait to be told" [changes: count incident_book::CHANGES]
        "{changes}; further ones show in `/api/incidents` alone",
        "`zoogate_dropped_total{queue=\"incident_changes\"}`";
    "ended connections whose first cause waits" [waiting: count diagnosis::WAITING_ENDS, listed: count diagnosis::LISTED_ENDS, first: time diagnosis::FIRST_CAUSE]
        "{waiting} and {listed} that are looked up when it is due, for {first} at most; further ones get their cause when their reason is decided",
        "`zoogate_dropped_total{queue=\"waiting_ends\"}`";
    "causes of ended connections, and of refusals in words" [kept: count diagnosis::CAUSES_KEPT, refusals: count diagnosis::REFUSAL_CAUSES_KEPT]
        "the newest {kept}, and {refusals}",
        "`/api/connections`, `/api/session-moved`";
    "findings that wait to be sent to a collector" [records: count otlp_exporter::RECORDS_AT_ONCE, attempts: count otlp_exporter::ATTEMPTS, sent: time collector_client::SENT_WITHIN, stop: time otlp_exporter::STOPS_WITHIN]
        "as many as wait for the history; a request has {records} of them at most; what is sent is tried {attempts} times, {sent} each, and then dropped; a stop waits {stop}",
        "`zoogate_otlp_unsent_total`, `zoogate_findings_dropped_total{sink=\"otlp\"}`, log";
    "latency over time" [kept: count latency_trend::SLOTS_KEPT, slot: time latency_trend::SLOT]
        "the newest {kept} figures, one for each server and class of operations in {slot}",
        "`/api/latency`";
    "risks that stand" [open: count risk_book::RISKS_OPEN, nodes: count risk_book::NODES_OF_ONE, share: count risk_book::STRANGERS_SHARE]
        "{open}, of those {nodes} of one kind about nodes that one session met, and one in {share} of sessions whose holder is not \
         known; further ones are counted only",
        "`/api/risks`, `zoogate_dropped_total{queue=\"risks\"}`";
    "risks that went out" [past: count risk_book::RISKS_PAST, own: count risk_book::KEPT_OF_ONE]
        "the newest {past}, of those {own} of one session",
        "`/api/risks`, log";
    "sessions without a connection that are watched for a risk" [away: count risk_book::AWAY_WATCHED, share: count risk_book::STRANGERS_SHARE]
        "{away}, of those one in {share} whose holder is not known; further ones are counted only",
        "`zoogate_dropped_total{queue=\"watched_absences\"}`";
    "outages of clients by which timeouts are measured" [kept: count risk_book::OUTAGES_KEPT, own: count risk_book::KEPT_OF_ONE]
        "the newest {kept}, of those {own} of one session",
        "`timeout_advice` of `/api/sessions/ID`";
    "registrations that met a node and wait for its owner" [waiting: count risk_state::REGISTRATIONS, waits: time risk_state::REGISTRATION_WAITS, own: count risk_state::MET_BY_ONE]
        "the newest {waiting}; where there are too many, a client that has {own} of them pushes out its own; and as many of other ephemeral nodes that were there, for {waits}",
        "`zoogate_dropped_total{queue=\"risks\"}`";
    "names that two sessions seem to have" [doubles: count risk_state::SUSPECTS, own: count risk_state::MET_BY_ONE]
        "the newest {doubles}; where there are too many, a client that has {own} of them pushes out its own; until the other session is heard again",
        "`/api/risks`, `zoogate_dropped_total{queue=\"risks\"}`";
    "one direction stays open after the other has ended" [linger: time relay::LINGER]
        "{linger} without a byte",
        "`zoogate_connection_ends_total`";
    "sent bytes that a peer does not acknowledge, or does not read" [unacknowledged: time socket::UNACKNOWLEDGED]
        "{unacknowledged}; then its connection is reset. The other side's end shows only after such \
         bytes",
        "`zoogate_connection_ends_total{reason=\"server_gone\"}`";
    "steps of the machine's date" [steps: count wall_clock::STEPS]
        "only displayed times depend on it: each moment is shown by the clock that the machine had then, of the \
         newest {steps} steps",
        "`zoogate_clock_steps_total`, log";
    "zoogate's own pauses" [noted: time own_pause::NOTED, kept: count known_pauses::OWN_PAUSES_KEPT]
        "noticed from {noted} on (the process or its machine was stopped or throttled, or a worker was blocked); no \
         silence and no waiting time includes them; the newest {kept} are remembered",
        "`zoogate_own_pauses_total`, `zoogate_own_pause_seconds_total`, log";
    "Kafka clusters whose controller is known" [clusters: count controller_roles::CONTROLLERS]
        "{clusters}, one for each session; for a further one that makes room whose session is over or away, then the one \
         seen least recently",
        "";
    "changes that wait to be written to the history" [
        changes: count change_queue::CHANGES_WAITING, held: bytes change_queue::BYTES_WAITING, every: time history_writer::WRITES_EVERY,
        rows: count history_writer::ROWS_WAITING, pause: time history_writer::LONGEST_PAUSE,
    ]
        "{changes}, or {held} of them, written every {every}. A disk that fails is tried again, every {pause} in the end; \
         meanwhile they wait, with {rows} rows made of them and of open incidents, and further ones are dropped",
        "`zoogate_findings_dropped_total{sink=\"history\"}`, `zoogate_history_write_failures_total`, log";
    "files of the history" [
        open: count week_files::FILES_OPEN, memory: bytes week_file::SQLITE_MEMORY, rows: count week_files::ROWS_REMOVED,
        old: time week_files::OLD_FOR, names: count week_file::NAMES_SWEPT,
    ]
        "`state.keep`, after {old} in which the date said so, and `state.max_size`: the oldest weeks are deleted, then up to \
         {rows} of the oldest rows at a time, and of {names} names those that no row has; nothing while another program reads without an end, for that gives no room back. \
         {open} are open for writing; SQLite uses {memory} of memory for all at most",
        "`zoogate_history_bytes`, log";
    "moves and refusals whose cause is added to the history" [awaited: count later_rows::CAUSES_AWAITED]
        "{awaited} at a time; further ones have their reason only",
        "";
    "latencies in the history" [
        sessions: count latency_hours::SESSIONS_BY_NAME, sums: count latency_hours::SUMS_KEPT, every: time history_writer::LATENCIES_EVERY,
    ]
        "looked at every {every}; {sessions} sessions with a named holder, and {sums} servers and holders in an hour; others \
         count for their server alone",
        "";
    "answers out of the history" [
        within: time history_reader::ANSWERED_WITHIN, names: count history_summary::NAMES_COUNTED,
        rows: count entry_pages::ROWS_A_PAGE, bytes: bytes entry_pages::BYTES_A_PAGE,
    ]
        "one at a time, within {within}; what takes longer is cut short and says so. {rows} entries, or {bytes} of them, are \
         read before they are sent, and no file is held meanwhile. A summary counts the {names} most \
         frequent holders of each week",
        "`unread` in `/api/history`";
    "resident memory" [
        base: bytes RESIDENT_BASE, session: bytes RESIDENT_PER_SESSION, database: bytes week_file::SQLITE_MEMORY, queue: bytes change_queue::BYTES_WAITING,
    ]
        "{base} and {session} for each session, including its history after a reconnect storm, plus the buffers of \
         peers that do not read. With a state directory {database} for SQLite and {queue} for the queue come on top, at \
         most",
        "`process_resident_memory_bytes`";
}
