//! Logs findings: each becomes one wide log event and its counters.
//!
//! Texts that come from clients (paths, identities) are written so that they cannot forge a line.

use std::sync::Arc;
use std::time::Instant;

use tracing::Level;

use super::log_throttle::{LineKind, LogThrottle};
use crate::ids::ServerId;
use crate::observe::wording::FactWording;
use crate::session::connection_end::UnansweredRequest;
use crate::session::identity::HolderIdentity;
use crate::session::probe_result::SharedNameSign;
use crate::session::transition::{EndedConnection, LedgerFinding};
use crate::session::verdict::{SessionMove, SessionMovedRefusal};
use crate::state::SinkOutcome;
use crate::text::{beginning, one_line};
use crate::time::Timestamp;

/// Writes findings to the log.
#[derive(Debug)]
pub(in crate::observe) struct FindingLog {
    /// Addresses by [`ServerId`].
    servers: Vec<String>,
    log_throttle: Arc<LogThrottle>,
}

/// The subject of lines about ends, whose kind is their reason's name.
const ENDED: &str = "connection ended";
/// Kinds of other lines.
const MOVED: &str = "moved";
const REFUSED: &str = "refused";
const SHARED: &str = "shared";

/// Writes a finding at its level, or at level debug while lines of its kind are suppressed. Says whether it was written
/// at its level.
macro_rules! spared {
    ($suppressed:expr, $level:ident, $($fields:tt)*) => {{
        let suppressed: Option<u64> = $suppressed;
        match suppressed {
            Some(suppressed) => tracing::$level!(suppressed, $($fields)*),
            None => tracing::debug!($($fields)*),
        }
        suppressed.is_some()
    }};
}

impl FindingLog {
    pub(in crate::observe) fn new(servers: Vec<String>, log_throttle: Arc<LogThrottle>) -> Self {
        Self { servers, log_throttle }
    }

    /// Writes how many lines were suppressed of kinds that have had no line since, whichever log's they are.
    pub(in crate::observe) fn write_suppressed(&self, now: Instant) {
        self.write_numbers(self.log_throttle.overdue(now));
    }

    /// The same of all kinds, however long ago their last line was.
    pub(in crate::observe) fn write_all_suppressed(&self, now: Instant) {
        self.write_numbers(self.log_throttle.rest(now));
    }

    fn write_numbers(&self, numbers: Vec<(LineKind, u64)>) {
        const WHAT: &str = "lines of this kind were suppressed";
        for (LineKind { subject, word, server, level }, suppressed) in numbers {
            let server = server.map(|server| self.name(server));
            match level {
                Level::ERROR => tracing::error!(subject, kind = word, server, suppressed, "{WHAT}"),
                Level::WARN => tracing::warn!(subject, kind = word, server, suppressed, "{WHAT}"),
                _ => tracing::info!(subject, kind = word, server, suppressed, "{WHAT}"),
            }
        }
    }

    /// Whether to write a line of this kind now, at level info, and if so, how many were suppressed.
    pub(super) fn pass(&self, kind: &'static str, server: Option<ServerId>) -> Option<u64> {
        self.log_throttle.pass_level(Level::INFO, None, kind, server)
    }

    /// The address of a server as configured.
    pub(in crate::observe) fn name(&self, server: ServerId) -> &str {
        self.servers.get(server.index()).map_or("unknown", String::as_str)
    }

    pub(in crate::observe) fn names(&self) -> &[String] {
        &self.servers
    }

    /// The words for facts about a connection to this server that ended at that moment.
    pub(in crate::observe) fn wording(&self, server: ServerId, ended_at: Timestamp) -> FactWording<'_> {
        FactWording::new(&self.servers, server, ended_at)
    }

    /// Writes one finding; it is dropped while lines of its kind are suppressed.
    pub(in crate::observe) fn write_finding(&self, finding: &LedgerFinding) -> SinkOutcome {
        let written = match finding {
            LedgerFinding::Moved(one) => self.write_move(one, "session moved to another server"),
            LedgerFinding::MoveExplained(one) => self.write_move(one, "the reason of a move was found"),
            LedgerFinding::ManyServers { server, sign } => self.write_shared_name(*server, *sign),
            LedgerFinding::SessionMoved(verdict) => self.write_refusal(verdict),
            LedgerFinding::Ended(ended, _) => self.write_end(ended),
            LedgerFinding::SharedSession { session, clients: [first, second], .. } => {
                let suppressed = self.log_throttle.pass(SHARED);
                spared!(suppressed, warn, %session, %first, %second, "two clients use one session in turn")
            }
        };
        if written { SinkOutcome::Taken } else { SinkOutcome::Dropped }
    }

    fn write_move(&self, one: &SessionMove, what: &'static str) -> bool {
        spared!(
            self.pass(MOVED, Some(one.to)),
            info,
            session = %one.session,
            former = one.former.map(tracing::field::display),
            identity = named(one.identity),
            client = %one.client,
            from = self.name(one.from),
            to = self.name(one.to),
            gap_ms = one.gap.as_millis() as u64,
            unanswered = one.unanswered_count,
            reason = one.reason.map_or("pending", |reason| reason.label()),
            routed = one.routed.label(),
            "{what}"
        )
    }

    fn write_shared_name(&self, server: ServerId, sign: SharedNameSign) -> bool {
        tracing::warn!(
            server = self.name(server),
            sign = sign.label(),
            seen = ?sign,
            "this name stands for several servers: list each by a name of its own; until then no reason that depends on \
             which of them it was is certain, and no session returns to the server that it was on"
        );
        true
    }

    fn write_refusal(&self, verdict: &SessionMovedRefusal) -> bool {
        spared!(
            self.log_throttle.pass_server(REFUSED, verdict.server),
            warn,
            session = %verdict.session,
            identity = named(verdict.identity),
            client = %verdict.client,
            connection = verdict.connection.0,
            server = self.name(verdict.server),
            claimed_by = verdict.claimed_by.map(|server| self.name(server)),
            evidence = verdict.evidence.label(),
            confidence = verdict.confidence.label(),
            why = short(&self.wording(verdict.server, verdict.at).sentence(&verdict.facts)),
            unanswered = verdict.unanswered_count,
            refused = verdict.unanswered.first().map(request),
            "SESSION_MOVED"
        )
    }

    fn write_end(&self, ended: &EndedConnection) -> bool {
        // By far the most findings are these: nothing is counted for a log that takes none of them.
        if !tracing::enabled!(Level::INFO) {
            return true;
        }
        spared!(
            self.log_throttle.pass_level(Level::INFO, Some(ENDED), ended.reason.label(), Some(ended.server)),
            info,
            connection = ended.connection.0,
            session = ended.session.map(tracing::field::display),
            client = %ended.client,
            server = self.name(ended.server),
            reason = ended.reason.label(),
            why = short(&self.wording(ended.server, ended.ended_at).sentence(&ended.facts)),
            confidence = ended.confidence.label(),
            attached = ended.attached_at.is_some(),
            lasted_ms = ended.ended_at.since(ended.claimed_at).as_millis() as u64,
            operations = ended.traffic.operations,
            errors = ended.traffic.errors,
            client_bytes = ended.traffic.client_bytes,
            server_bytes = ended.traffic.server_bytes,
            unanswered = ended.unanswered_count,
            "{ENDED}"
        )
    }
}

fn named(identity: Option<HolderIdentity>) -> Option<String> {
    identity.map(|identity| one_line(&identity.to_string()).into_owned())
}

fn request(one: &UnansweredRequest) -> String {
    short(&format!("{} {} (xid {})", one.op, one.path, one.xid.0))
}

/// Longest text in a field of an event, in bytes.
pub(crate) const LONGEST_FIELD: usize = 1_024;

/// A text of several words, of a length that can be read.
fn short(text: &str) -> String {
    let safe = one_line(text);
    match beginning(&safe, LONGEST_FIELD) {
        whole if whole.len() == safe.len() => safe.into_owned(),
        cut => format!("{cut}…"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    use std::net::SocketAddr;
    use std::time::Duration;

    use crate::config::{LogFormat, LogLevel};
    use crate::ids::{ConnectionId, SessionId, Xid};
    use crate::observe::exposition::event_counters::EventCounters;
    use crate::observe::logs::logging::tests::written;
    use crate::observe::sinks::CounterSink;
    use crate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionTraffic};
    use crate::session::fact::{ClientFact, MoveFact};
    use crate::session::transition::CloseDetails;
    use crate::session::verdict::{Confidence, EndReason, Evidence, RouteReason};
    use crate::state::{ChangeSink, StateChange};
    use crate::time::Timestamp;
    use crate::wire::OpCode;

    const SESSION: SessionId = SessionId(7);

    /// The log line of a finding, and what is counted.
    fn logged(finding: &LedgerFinding) -> (serde_json::Value, String) {
        let servers = ["zk1:2181", "zk2:2181"].map(str::to_owned);
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let counters = CounterSink::new(Arc::new(EventCounters::new(&recorder, &servers)));
        let log = FindingLog::new(servers.to_vec(), Arc::default());
        let line = written(LogFormat::Json, LogLevel::Info, |_| {
            assert_eq!(log.write_finding(finding), SinkOutcome::Taken);
        });
        counters.take(StateChange::Found(finding));
        let page = recorder.handle().render();
        let counted: Vec<&str> = page.lines().filter(|line| line.ends_with(" 1")).collect();
        (serde_json::from_str(&line).unwrap(), counted.join("\n"))
    }

    fn client() -> SocketAddr {
        ([10, 0, 0, 1], 4000).into()
    }

    fn close() -> CloseDetails {
        CloseDetails {
            closer: ConnectionCloser::Client(CloseKind::Fin),
            timeout: Duration::from_secs(6),
            client_heard_at: Timestamp(2),
            client_silence: Duration::ZERO,
            server_silence: Duration::ZERO,
            unanswered: Vec::new(),
            unanswered_pings: 0,
            throttled: 0,
            closing: false,
            identity: None,
            client_sign: None,
            lives_at: None,
            unheard: None,
            closed_before: None,
        }
    }

    /// The end of a connection to a server.
    pub(in crate::observe::logs) fn end(server: u16, reason: EndReason) -> LedgerFinding {
        let ended = EndedConnection {
            connection: ConnectionId(3),
            session: Some(SESSION),
            server: ServerId(server),
            client: client(),
            claimed_at: Timestamp(1),
            attached_at: None,
            ended_at: Timestamp(6),
            reason,
            confidence: Confidence::Weak,
            facts: Vec::new().into(),
            unanswered_count: 0,
            traffic: ConnectionTraffic::default(),
        };
        LedgerFinding::Ended(ended, Some(Box::new(close())))
    }

    #[test]
    fn a_move_is_told_and_counted() {
        let one = SessionMove {
            session: SESSION,
            former: None,
            left: ConnectionId(3),
            from: ServerId(0),
            to: ServerId(1),
            at: Timestamp::ZERO,
            gap: Duration::from_millis(30),
            unanswered_count: 2,
            client: client(),
            reason: Some(EndReason::ServerLeaving),
            routed: RouteReason::PinUnhealthy,
            identity: None,
        };
        let (line, counted) = logged(&LedgerFinding::Moved(one));
        assert_eq!((&line["from"], &line["to"]), (&"zk1:2181".into(), &"zk2:2181".into()), "{line}");
        assert_eq!((&line["reason"], &line["routed"]), (&"server_leaving".into(), &"pin_unhealthy".into()), "{line}");
        assert_eq!((&line["gap_ms"], &line["unanswered"], &line["session"]), (&30.into(), &2.into(), &"0x7".into()));
        assert_eq!(counted, r#"zoogate_moves_total{from="zk1:2181",to="zk2:2181"} 1"#);
    }

    #[test]
    fn a_refusal_because_of_a_move_is_told_as_a_warning_and_counted() {
        let path = "/a\nb".to_owned();
        let lost =
            UnansweredRequest { xid: Xid(9), op: OpCode::CREATE, path, ephemeral: false, sent_at: Timestamp::ZERO };
        let verdict = SessionMovedRefusal {
            session: SESSION,
            connection: ConnectionId(3),
            client: client(),
            server: ServerId(1),
            claimed_by: Some(ServerId(0)),
            at: Timestamp::ZERO,
            evidence: Evidence::Multi,
            confidence: Confidence::Likely,
            facts: vec![MoveFact::ClosedUnanswered {}.into(), MoveFact::NoOtherClaim {}.into()].into(),
            identity: None,
            unanswered: vec![lost],
            unanswered_count: 1,
        };
        let (line, counted) = logged(&LedgerFinding::SessionMoved(verdict));
        assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &"SESSION_MOVED".into()), "{line}");
        assert_eq!((&line["server"], &line["claimed_by"]), (&"zk2:2181".into(), &"zk1:2181".into()), "{line}");
        assert_eq!(line["refused"], "create /a\\nb (xid 9)", "{line}");
        assert!(
            line["why"].as_str().unwrap().starts_with("server zk2:2181 closed without a byte; missing: "),
            "{line}"
        );
        let series = r#"zoogate_session_moved_total{server="zk2:2181",evidence="multi",confidence="likely"} 1"#;
        assert_eq!(counted, series);
    }

    #[test]
    fn an_end_is_told_with_what_its_connection_has_done() {
        let ended = EndedConnection {
            connection: ConnectionId(3),
            session: Some(SESSION),
            server: ServerId(0),
            client: client(),
            claimed_at: Timestamp(1_000_000),
            attached_at: None,
            ended_at: Timestamp(6_000_000),
            reason: EndReason::ClientGone,
            confidence: Confidence::Weak,
            facts: vec![ClientFact::Ended { how: CloseKind::Fin }.into()].into(),
            unanswered_count: 4,
            traffic: ConnectionTraffic { operations: 11, errors: 2, client_bytes: 33, server_bytes: 44 },
        };
        let (line, counted) = logged(&LedgerFinding::Ended(ended, Some(Box::new(close()))));
        let numbers = ["operations", "errors", "client_bytes", "server_bytes", "unanswered", "lasted_ms"];
        assert_eq!(numbers.map(|name| line[name].as_u64()), [11, 2, 33, 44, 4, 5].map(Some), "{line}");
        assert_eq!((&line["reason"], &line["attached"]), (&"client_gone".into(), &false.into()), "{line}");
        assert_eq!(line["why"], "the client closed its connection without closing its session", "{line}");
        assert_eq!(line["confidence"], "weak", "{line}");
        assert_eq!(counted, r#"zoogate_connection_ends_total{server="zk1:2181",reason="client_gone"} 1"#);
    }

    #[test]
    fn findings_of_one_kind_and_server_are_one_line_at_a_time_and_all_at_debug() {
        let lines_at = |level| {
            let log = FindingLog::new(vec!["zk1:2181".to_owned(), "zk2:2181".to_owned()], Arc::default());
            written(LogFormat::Text, level, |_| {
                for _ in 0..100 {
                    for (server, reason) in [(0, EndReason::Closed), (1, EndReason::Closed), (1, EndReason::ClientGone)]
                    {
                        log.write_finding(&end(server, reason));
                    }
                }
            })
        };
        assert_eq!(lines_at(LogLevel::Info).lines().count(), 3);
        assert_eq!(lines_at(LogLevel::Debug).lines().count(), 300);
    }

    #[test]
    fn two_clients_of_one_session_are_told_and_counted() {
        let clients = [client(), ([10, 0, 0, 2], 4000).into()];
        let (line, counted) = logged(&LedgerFinding::SharedSession { session: SESSION, clients, at: Timestamp::ZERO });
        assert_eq!((&line["first"], &line["second"]), (&"10.0.0.1:4000".into(), &"10.0.0.2:4000".into()), "{line}");
        assert_eq!(counted, "zoogate_shared_sessions_total 1");
    }

    #[test]
    fn a_field_is_one_line_of_bounded_length() {
        assert_eq!(short("/a\nERROR all is lost\u{7f}/é"), "/a\\nERROR all is lost\\u{7f}/é");
        let long = short(&"é".repeat(LONGEST_FIELD));
        assert!(long.len() <= LONGEST_FIELD + 3 && long.ends_with("é…"), "{} bytes", long.len());
    }
}
