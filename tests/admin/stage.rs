//! A zoogate that has seen some traffic, filled by hand, and its admin address.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zoogate::admin::{AdminListener, AdminThread};
use zoogate::config::SlowLogSettings;
use zoogate::control::ConnectionControl;
use zoogate::history::RunningHistory;
use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid, Zxid};
use zoogate::observe::{ConnectionMeter, ProxyTelemetry, Recorder, TelemetryScope, WallClock};
use zoogate::session::LedgerLimits;
use zoogate::session::RequestPath;
use zoogate::session::connection_end::{
    CloseKind, ConnectionCloser, ConnectionEnd, ConnectionTraffic, UnansweredRequest,
};
use zoogate::session::event::{Event, InspectedTurn, MovedCodeLocation, Reply};
use zoogate::session::identity::HolderIdentity;
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::RouteReason;
use zoogate::state::ChangeSink;
use zoogate::time::Timestamp;
use zoogate::wire::Dialect;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};
use zoogate::wire::{ErrorCode, OpCode};

pub(crate) const BROKER: SessionId = SessionId(0x0100_0000_0000_0007);
pub(crate) const OTHER: SessionId = SessionId(0x0200_0000_0000_0008);

/// A zoogate that has seen some traffic, and its admin address.
pub(crate) struct Stage {
    pub(crate) telemetry: Arc<ProxyTelemetry>,
    pub(crate) admin: AdminThread,
}

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::ZERO.after(Duration::from_millis(1_000 + millis))
}

fn client(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

impl Stage {
    pub(crate) fn empty() -> Self {
        let (stage, _) = Self::telling(Vec::new(), |_| None);
        stage
    }

    /// An empty one that tells these of what it finds out, and answers out of that history.
    pub(crate) fn telling(
        sinks: Vec<Box<dyn ChangeSink>>,
        history: impl FnOnce(&Arc<ProxyTelemetry>) -> Option<RunningHistory>,
    ) -> (Self, Option<RunningHistory>) {
        let scope = TelemetryScope {
            servers: ["zk1:2181", "zk2:2181"].map(str::to_owned).to_vec(),
            workers: 1,
            limits: LedgerLimits::default(),
            series: 100,
            jute_maxbuffer: 0xf_ffff,
            slow_log: SlowLogSettings::default(),
        };
        let telemetry = Arc::new(ProxyTelemetry::of_scope_with(&scope, WallClock::start(at(0)), at(0), sinks));
        let history = history(&telemetry);
        let admin = AdminListener::bind(([127, 0, 0, 1], 0).into())
            .expect("a free port")
            .with_history(history.as_ref().map(RunningHistory::reader))
            .start(Arc::clone(&telemetry), Arc::new(ConnectionControl::new(1)))
            .expect("a thread");
        (Self { telemetry, admin }, history)
    }

    /// The broker's session attached to zk1, left three requests unanswered there, moved to zk2 and was told
    /// there, in words, that it had moved. The other one is idle on zk1.
    pub(crate) fn after_a_move() -> Self {
        let stage = Self::empty();
        stage.play_a_move();
        stage
    }

    /// Has that happen.
    pub(crate) fn play_a_move(&self) {
        let stage = self;
        let mut first = stage.attach(BROKER, 1, 0, 4001, 0);
        let broker = SessionTransition::Identified { connection: ConnectionId(1), identity: HolderIdentity::broker(7) };
        stage.telemetry.state().apply(at(1), broker);
        reply(&mut first, 10, OpCode::GET_DATA, 3);
        reply(&mut first, 20, OpCode::SET_DATA, 9);
        stage.end(BROKER, 1, 30, 3);
        let mut second = stage.attach(BROKER, 2, 1, 4002, 50);
        reply(&mut second, 60, OpCode::GET_DATA, 5);
        let (connection, form) = (ConnectionId(2), MovedCodeLocation::Multi);
        let refused = Some(UnansweredRequest {
            xid: Xid(9),
            op: OpCode::MULTI,
            path: "/a\"b".into(),
            ephemeral: false,
            sent_at: at(61),
        });
        stage.telemetry.state().apply(at(62), SessionTransition::MoveRefused { connection, form, refused });
        stage.attach(OTHER, 3, 0, 4003, 40);
    }

    pub(crate) fn attach(&self, session: SessionId, connection: u64, server: u16, port: u16, millis: u64) -> Recorder {
        let (connection, server) = (ConnectionId(connection), ServerId(server));
        let request = ConnectRequest {
            last_zxid: Zxid(0),
            timeout_ms: 30_000,
            session,
            password: PasswordCheck::Right,
            read_only: None,
            dialect: Dialect::ZOOKEEPER,
        };
        let routed = RouteReason::Spread;
        let claimed = SessionTransition::Claimed { connection, client: client(port), server, request, routed };
        self.telemetry.state().apply(at(millis), claimed);
        let meter = Arc::new(ConnectionMeter::default());
        self.telemetry.meters().begin(session, connection, Arc::clone(&meter));
        let response = ConnectResponse { timeout_ms: 18_000, session, ..ConnectResponse::default() };
        self.telemetry.state().apply(at(millis), SessionTransition::Answered { connection, response });
        Recorder::new(meter, self.telemetry.counters(0, server))
    }

    pub(crate) fn end(&self, session: SessionId, connection: u64, millis: u64, unanswered: u32) {
        let connection = ConnectionId(connection);
        let request = UnansweredRequest {
            xid: Xid(5),
            op: OpCode::SET_DATA,
            path: "/lost".into(),
            ephemeral: false,
            sent_at: at(millis - 1),
        };
        let end = ConnectionEnd {
            closer: ConnectionCloser::Client(CloseKind::Fin),
            unanswered: vec![request; unanswered.min(1) as usize],
            unanswered_count: unanswered,
            unanswered_pings: 0,
            oldest_ping_at: None,
            skipped: 0,
            fatal_error: None,
            throttled: 0,
            closing: false,
            oversized: None,
            long_answered: 0,
            long_reply: None,
            client_heard_at: at(millis),
            server_heard_at: at(millis),
            server_pause: None,
            client_sign: None,
            traffic: ConnectionTraffic::default(),
        };
        self.telemetry.state().apply(at(millis), SessionTransition::Ended { connection, end });
        self.telemetry.meters().finish(session, connection);
    }

    pub(crate) fn serving(&self, server: u16) {
        let probe_result =
            ProbeResult { health: ServerHealth::Serving, role: ServerRole::Leader, zxid: Some(Zxid(0x1_0000_0002)) };
        let seen = SessionTransition::server_seen(ServerId(server), at(70), at(70), probe_result);
        self.telemetry.state().apply(at(71), seen);
        self.telemetry.state().set_ready(true);
    }

    pub(crate) fn ask(&self, path: &str) -> (u16, String) {
        answer(ureq::get(format!("http://{}{path}", self.admin.address())))
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, text) = self.ask(path);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"))
    }

    pub(crate) fn refusal(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.ask(path);
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"));
        assert!(body["error"].is_string() && body["reason"].is_string(), "{path}: {body}");
        (status, body)
    }

    /// Sends bytes as they are and reads until the other side closes.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.admin.address()).expect("a connection");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }
}

fn answer(request: ureq::RequestBuilder<ureq::typestate::WithoutBody>) -> (u16, String) {
    let mut response = request.config().http_status_as_error(false).build().call().expect("an answer");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("a text"))
}

pub(crate) fn reply(recorder: &mut Recorder, millis: u64, op: OpCode, took: u64) {
    recorder.set_time(at(millis));
    recorder.record(&Event::Reply(Reply {
        xid: Xid(1),
        op: Some(op),
        zxid: Zxid(0x1_0000_0001),
        error: ErrorCode::OK,
        sent_at: at(millis - took),
        path: RequestPath::NONE,
        flags: 0,
        request_len: 20,
        reply_len: 96,
    }));
    recorder.write_turn(InspectedTurn { client_bytes: 24, server_bytes: 100, in_flight: 2, inside_reply: false });
}
