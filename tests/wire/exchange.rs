//! Generated conversations, as clients and servers hold them.

use proptest::prelude::*;
use zoogate::wire::{ErrorCode, JuteWriter, OpCode};

use crate::talk::{From, Piece};

/// A request and what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) ask: Ask,
    pub(crate) fate: Fate,
    /// A watch event that comes down before the fate.
    event: Option<(i32, String)>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Create(OpCode, String, u16, i32),
    Path(OpCode, String),
    Set(String, u16),
    Ping,
    Auth(u16),
    SetWatches(Vec<String>),
    Multi(Vec<Part>),
    /// An operation of no known layout.
    Strange(i32, Vec<u8>),
}

/// A part of a multi.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Create(String, u16, i32),
    Set(String, u16),
    Check(String),
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    Failed(i32),
    /// It is not answered.
    Lost,
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "(/[a-z]{1,6}){1,3}",
        1 => "/[a-zä-ÿ]{200,280}",
        1 => Just(format!("/{}", "long".repeat(300))),
        1 => Just("/controller".to_owned()),
        1 => (0..20u32).prop_map(|id| format!("/kafka/brokers/ids/{id}")),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let create = prop_oneof![Just(OpCode::CREATE), Just(OpCode::CREATE2), Just(OpCode::CREATE_CONTAINER)];
    let by_path = prop_oneof![
        Just(OpCode::EXISTS),
        Just(OpCode::GET_DATA),
        Just(OpCode::GET_CHILDREN),
        Just(OpCode::GET_CHILDREN2),
        Just(OpCode::SYNC),
        Just(OpCode::DELETE),
        Just(OpCode::GET_ACL),
        Just(OpCode::ADD_WATCH),
    ];
    let part = prop_oneof![
        (path(), 0..40u16, 0..4).prop_map(|(path, data, flags)| Part::Create(path, data, flags)),
        (path(), 0..40u16).prop_map(|(path, data)| Part::Set(path, data)),
        path().prop_map(Part::Check),
    ];
    prop_oneof![
        3 => (create, path(), 0..200u16, 0..4).prop_map(|(op, path, data, flags)| Ask::Create(op, path, data, flags)),
        6 => (by_path, path()).prop_map(|(op, path)| Ask::Path(op, path)),
        3 => (path(), 0..3000u16).prop_map(|(path, data)| Ask::Set(path, data)),
        2 => Just(Ask::Ping),
        1 => (0..100u16).prop_map(Ask::Auth),
        1 => prop::collection::vec(path(), 0..4).prop_map(Ask::SetWatches),
        3 => prop::collection::vec(part, 0..4).prop_map(Ask::Multi),
        1 => (200..300, prop::collection::vec(any::<u8>(), 0..30)).prop_map(|(op, body)| Ask::Strange(op, body)),
    ]
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let code = prop_oneof![Just(-101), Just(-110), Just(-103), Just(-118), Just(-112)];
    let fate = prop_oneof![8 => Just(Fate::Done), 2 => code.prop_map(Fate::Failed), 1 => Just(Fate::Lost)];
    let event = prop::option::weighted(0.2, (1..5, path()));
    (ask(), fate, event).prop_map(|(ask, fate, event)| Exchange { ask, fate, event })
}

/// Rounds of requests: all of a round go up before its answers come down.
pub(crate) fn rounds() -> impl Strategy<Value = Vec<Vec<Exchange>>> {
    prop::collection::vec(prop::collection::vec(exchange(), 1..12), 0..6)
}

/// The bytes of these rounds behind a handshake. Requests are numbered from 1 on, pings apart.
pub(crate) fn render(rounds: &[Vec<Exchange>]) -> Vec<Piece> {
    let claim = JuteWriter::new().begin().int(0).long(0).int(6000).long(0).buffer(&[0; 16]).bool(false).end();
    let given = JuteWriter::new().begin().int(0).int(6000).long(0x77).buffer(&[1; 16]).bool(false).end();
    let mut pieces = vec![
        Piece { from: From::Client, bytes: claim.into_bytes() },
        Piece { from: From::Server, bytes: given.into_bytes() },
    ];
    let mut xid = 0;
    for round in rounds {
        let (mut up, mut down) = (JuteWriter::new(), JuteWriter::new());
        for exchange in round {
            if !matches!(exchange.ask, Ask::Ping) {
                xid += 1;
            }
            up = exchange.ask.write(up, xid);
            if let Some((kind, path)) = &exchange.event {
                down = down.reply(-1, -1, ErrorCode::OK).int(*kind).int(3).buffer(path.as_bytes()).end();
            }
            down = exchange.answer(down, xid);
        }
        pieces.push(Piece { from: From::Client, bytes: up.into_bytes() });
        pieces.push(Piece { from: From::Server, bytes: down.into_bytes() });
    }
    pieces
}

impl Ask {
    /// The path by which an unanswered request is named.
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Create(_, path, ..) | Self::Path(_, path) | Self::Set(path, _) => path,
            Self::Multi(parts) => parts.first().map_or("", |part| match part {
                Part::Create(path, ..) | Part::Set(path, _) | Part::Check(path) => path,
            }),
            Self::Auth(_) => "digest",
            Self::Ping | Self::SetWatches(_) | Self::Strange(..) => "",
        }
    }

    fn write(&self, up: JuteWriter, xid: i32) -> JuteWriter {
        match self {
            Self::Create(op, path, data, flags) => {
                let head = up.request(xid, *op).buffer(path.as_bytes());
                head.buffer(&vec![b'd'; usize::from(*data)]).open_acl().int(*flags)
            }
            Self::Path(op, path) => {
                let head = up.request(xid, *op).buffer(path.as_bytes());
                match *op {
                    OpCode::DELETE | OpCode::ADD_WATCH => head.int(0),
                    OpCode::SYNC | OpCode::GET_ACL => head,
                    _ => head.bool(true),
                }
            }
            Self::Set(path, data) => {
                let head = up.request(xid, OpCode::SET_DATA).buffer(path.as_bytes());
                head.buffer(&vec![b'd'; usize::from(*data)]).int(-1)
            }
            Self::Ping => up.request(-2, OpCode::PING),
            Self::Auth(len) => {
                up.request(xid, OpCode::AUTH).int(0).buffer(b"digest").buffer(&vec![b's'; usize::from(*len)])
            }
            Self::SetWatches(paths) => {
                let mut body = up.request(xid, OpCode::SET_WATCHES).long(5).int(paths.len() as i32);
                for path in paths {
                    body = body.buffer(path.as_bytes());
                }
                body.int(0).null()
            }
            Self::Multi(parts) => {
                let head = up.request(xid, OpCode::MULTI);
                parts.iter().fold(head, |body, part| part.write(body)).multi_end()
            }
            Self::Strange(op, body) => up.request(xid, OpCode(*op)).raw(body),
        }
        .end()
    }
}

impl Part {
    fn op(&self) -> OpCode {
        match self {
            Self::Create(..) => OpCode::CREATE,
            Self::Set(..) => OpCode::SET_DATA,
            Self::Check(_) => OpCode::CHECK,
        }
    }

    fn write(&self, body: JuteWriter) -> JuteWriter {
        let body = body.multi_header(self.op().0, false, -1);
        match self {
            Self::Create(path, data, flags) => {
                body.buffer(path.as_bytes()).buffer(&vec![b'd'; usize::from(*data)]).open_acl().int(*flags)
            }
            Self::Set(path, data) => body.buffer(path.as_bytes()).buffer(&vec![b'd'; usize::from(*data)]).int(-1),
            Self::Check(path) => body.buffer(path.as_bytes()).int(3),
        }
    }
}

impl Exchange {
    fn answer(&self, down: JuteWriter, xid: i32) -> JuteWriter {
        let code = match self.fate {
            Fate::Lost => return down,
            Fate::Done => 0,
            Fate::Failed(code) => code,
        };
        match &self.ask {
            Ask::Ping => down.reply(-2, 9, ErrorCode::OK),
            Ask::Multi(parts) => {
                let mut body = down.reply(xid, 9, ErrorCode::OK);
                for (place, part) in parts.iter().enumerate() {
                    let failure = if place == 0 { code } else { -2 };
                    body = match (self.fate, part) {
                        (Fate::Failed(_), _) => body.multi_header(-1, false, failure).int(failure),
                        (_, Part::Create(path, ..)) => body.multi_header(1, false, 0).buffer(path.as_bytes()),
                        (_, Part::Set(..)) => body.multi_header(5, false, 0).stat(9, 1, 0, 4),
                        (_, Part::Check(_)) => body.multi_header(13, false, 0),
                    };
                }
                body.multi_end()
            }
            _ if code != 0 => down.reply(xid, 9, ErrorCode(code)),
            Ask::Create(op, path, ..) => {
                let made = down.reply(xid, 9, ErrorCode::OK).buffer(path.as_bytes());
                if *op == OpCode::CREATE { made } else { made.stat(9, 0, 0, 0) }
            }
            _ => down.reply(xid, 9, ErrorCode::OK).raw(&[7; 90]),
        }
        .end()
    }
}
