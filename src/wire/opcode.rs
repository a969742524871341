//! Operation codes, open: a code that we do not know survives and prints as its number.
//!
//! Source: `ZooDefs.OpCode` of ZooKeeper 3.4 to 3.9; from 500 on `OpNum` of ClickHouse's `ZooKeeperConstants.h`.

use std::fmt;

/// What kind of work an operation is, for latency by class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum OpClass {
    /// Answered by the connected server (`sync` included: it changes nothing).
    Read,
    /// Goes through the leader and is checked there for session ownership.
    Write,
    /// The session's heartbeat.
    Ping,
    /// Handshake, auth, SASL, session end, and whatever is unknown.
    Other,
}

/// The `type` field of a request header, or of a multi header.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpCode(pub i32);

struct KnownOperation {
    code: i32,
    name: &'static str,
    class: OpClass,
}

impl OpCode {
    /// `notification`.
    pub const NOTIFICATION: Self = Self(0);
    /// `create`.
    pub const CREATE: Self = Self(1);
    /// `delete`.
    pub const DELETE: Self = Self(2);
    /// `exists`.
    pub const EXISTS: Self = Self(3);
    /// `getData`.
    pub const GET_DATA: Self = Self(4);
    /// `setData`.
    pub const SET_DATA: Self = Self(5);
    /// `getACL`.
    pub const GET_ACL: Self = Self(6);
    /// `setACL`.
    pub const SET_ACL: Self = Self(7);
    /// `getChildren`.
    pub const GET_CHILDREN: Self = Self(8);
    /// `sync`.
    pub const SYNC: Self = Self(9);
    /// `ping`.
    pub const PING: Self = Self(11);
    /// `getChildren2`.
    pub const GET_CHILDREN2: Self = Self(12);
    /// `check`.
    pub const CHECK: Self = Self(13);
    /// `multi`.
    pub const MULTI: Self = Self(14);
    /// `create2`.
    pub const CREATE2: Self = Self(15);
    /// `reconfig`.
    pub const RECONFIG: Self = Self(16);
    /// `checkWatches`.
    pub const CHECK_WATCHES: Self = Self(17);
    /// `removeWatches`.
    pub const REMOVE_WATCHES: Self = Self(18);
    /// `createContainer`.
    pub const CREATE_CONTAINER: Self = Self(19);
    /// `deleteContainer`.
    pub const DELETE_CONTAINER: Self = Self(20);
    /// `createTTL`.
    pub const CREATE_TTL: Self = Self(21);
    /// `multiRead`.
    pub const MULTI_READ: Self = Self(22);
    /// `auth`.
    pub const AUTH: Self = Self(100);
    /// `setWatches`.
    pub const SET_WATCHES: Self = Self(101);
    /// `sasl`.
    pub const SASL: Self = Self(102);
    /// `getEphemerals`.
    pub const GET_EPHEMERALS: Self = Self(103);
    /// `getAllChildrenNumber`.
    pub const GET_ALL_CHILDREN_NUMBER: Self = Self(104);
    /// `setWatches2`.
    pub const SET_WATCHES2: Self = Self(105);
    /// `addWatch`.
    pub const ADD_WATCH: Self = Self(106);
    /// `whoAmI`.
    pub const WHO_AM_I: Self = Self(107);
    /// `filteredList`: the names of persistent or of ephemeral children.
    pub const FILTERED_LIST: Self = Self(500);
    /// `checkNotExists`.
    pub const CHECK_NOT_EXISTS: Self = Self(501);
    /// `createIfNotExists`.
    pub const CREATE_IF_NOT_EXISTS: Self = Self(502);
    /// `removeRecursive`.
    pub const REMOVE_RECURSIVE: Self = Self(503);
    /// `checkStat`.
    pub const CHECK_STAT: Self = Self(504);
    /// `tryRemove`: in order too when the node is not there.
    pub const TRY_REMOVE: Self = Self(505);
    /// `filteredListWithStatsAndData`.
    pub const FILTERED_LIST_WITH_DATA: Self = Self(506);
    /// `listRecursive`.
    pub const LIST_RECURSIVE: Self = Self(507);
    /// `createSession`.
    pub const CREATE_SESSION: Self = Self(-10);
    /// `closeSession`.
    pub const CLOSE_SESSION: Self = Self(-11);
    /// `error`.
    pub const ERROR: Self = Self(-1);

    /// How many different values [`OpCode::slot`] takes.
    pub const SLOTS: usize = KNOWN.len() + 1;
    const UNKNOWN_SLOT: usize = KNOWN.len();

    /// A dense number for tables indexed by operation; every unknown code shares the last one.
    pub fn slot(self) -> usize {
        match self.0 {
            code @ -11..=107 => usize::from(SLOT_OF[(code + SLOT_BIAS) as usize]),
            code @ 500..=507 => FIRST_OF_KEEPER + (code - 500) as usize,
            _ => Self::UNKNOWN_SLOT,
        }
    }

    /// The name of the operation whose [`OpCode::slot`] this is; `unknown` for the last slot and beyond.
    pub fn slot_name(slot: usize) -> &'static str {
        KNOWN.get(slot).map_or("unknown", |known| known.name)
    }

    /// The operation whose [`OpCode::slot`] this is; none has the last one and those beyond.
    pub fn of_slot(slot: usize) -> Option<Self> {
        KNOWN.get(slot).map(|known| Self(known.code))
    }

    /// What kind of work the operation of this [`OpCode::slot`] is; [`OpClass::Other`] for the last slot and beyond.
    pub fn slot_class(slot: usize) -> OpClass {
        KNOWN.get(slot).map_or(OpClass::Other, |known| known.class)
    }

    /// Its name in ZooKeeper's own spelling, if it is one that we know.
    pub fn name(self) -> Option<&'static str> {
        KNOWN.get(self.slot()).map(|known| known.name)
    }

    /// What kind of work it is; unknown codes are [`OpClass::Other`].
    pub fn class(self) -> OpClass {
        KNOWN.get(self.slot()).map_or(OpClass::Other, |known| known.class)
    }

    /// Whether it changes data, so that the leader checks who owns the session.
    pub fn is_write(self) -> bool {
        self.class() == OpClass::Write
    }
}

/// Distance from the lowest known code to index 0 of `SLOT_OF`.
const SLOT_BIAS: i32 = 11;

/// The slot of ClickHouse Keeper's first operation; the others follow, and nothing behind them.
const FIRST_OF_KEEPER: usize = KNOWN.len() - 8;

/// Slot by code, so that finding one costs a load and not a search.
const SLOT_OF: [u8; 119] = {
    let mut slots = [KNOWN.len() as u8; 119];
    let mut slot = 0;
    while slot < FIRST_OF_KEEPER {
        slots[(KNOWN[slot].code + SLOT_BIAS) as usize] = slot as u8;
        slot += 1;
    }
    slots
};

const KNOWN: &[KnownOperation] = &[
    KnownOperation { code: 0, name: "notification", class: OpClass::Other },
    KnownOperation { code: 1, name: "create", class: OpClass::Write },
    KnownOperation { code: 2, name: "delete", class: OpClass::Write },
    KnownOperation { code: 3, name: "exists", class: OpClass::Read },
    KnownOperation { code: 4, name: "getData", class: OpClass::Read },
    KnownOperation { code: 5, name: "setData", class: OpClass::Write },
    KnownOperation { code: 6, name: "getACL", class: OpClass::Read },
    KnownOperation { code: 7, name: "setACL", class: OpClass::Write },
    KnownOperation { code: 8, name: "getChildren", class: OpClass::Read },
    KnownOperation { code: 9, name: "sync", class: OpClass::Read },
    KnownOperation { code: 11, name: "ping", class: OpClass::Ping },
    KnownOperation { code: 12, name: "getChildren2", class: OpClass::Read },
    KnownOperation { code: 13, name: "check", class: OpClass::Write },
    KnownOperation { code: 14, name: "multi", class: OpClass::Write },
    KnownOperation { code: 15, name: "create2", class: OpClass::Write },
    KnownOperation { code: 16, name: "reconfig", class: OpClass::Write },
    KnownOperation { code: 17, name: "checkWatches", class: OpClass::Read },
    KnownOperation { code: 18, name: "removeWatches", class: OpClass::Read },
    KnownOperation { code: 19, name: "createContainer", class: OpClass::Write },
    KnownOperation { code: 20, name: "deleteContainer", class: OpClass::Write },
    KnownOperation { code: 21, name: "createTTL", class: OpClass::Write },
    KnownOperation { code: 22, name: "multiRead", class: OpClass::Read },
    KnownOperation { code: 100, name: "auth", class: OpClass::Other },
    KnownOperation { code: 101, name: "setWatches", class: OpClass::Read },
    KnownOperation { code: 102, name: "sasl", class: OpClass::Other },
    KnownOperation { code: 103, name: "getEphemerals", class: OpClass::Read },
    KnownOperation { code: 104, name: "getAllChildrenNumber", class: OpClass::Read },
    KnownOperation { code: 105, name: "setWatches2", class: OpClass::Read },
    KnownOperation { code: 106, name: "addWatch", class: OpClass::Read },
    KnownOperation { code: 107, name: "whoAmI", class: OpClass::Read },
    KnownOperation { code: -10, name: "createSession", class: OpClass::Other },
    KnownOperation { code: -11, name: "closeSession", class: OpClass::Other },
    KnownOperation { code: -1, name: "error", class: OpClass::Other },
    KnownOperation { code: 500, name: "filteredList", class: OpClass::Read },
    KnownOperation { code: 501, name: "checkNotExists", class: OpClass::Write },
    KnownOperation { code: 502, name: "createIfNotExists", class: OpClass::Write },
    KnownOperation { code: 503, name: "removeRecursive", class: OpClass::Write },
    KnownOperation { code: 504, name: "checkStat", class: OpClass::Write },
    KnownOperation { code: 505, name: "tryRemove", class: OpClass::Write },
    KnownOperation { code: 506, name: "filteredListWithStatsAndData", class: OpClass::Read },
    KnownOperation { code: 507, name: "listRecursive", class: OpClass::Read },
];

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "op {}", self.0),
        }
    }
}

impl fmt::Debug for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_code_has_its_own_slot() {
        for (slot, known) in KNOWN.iter().enumerate() {
            assert_eq!(OpCode(known.code).slot(), slot);
            assert_eq!(OpCode::slot_name(slot), known.name);
        }
        for code in [i32::MIN, -12, -9, 10, 23, 99, 108, 499, 508, i32::MAX] {
            assert_eq!(OpCode(code).slot(), OpCode::SLOTS - 1, "{code}");
            assert_eq!(OpCode(code).name(), None);
        }
    }

    #[test]
    fn unknown_codes_print_as_numbers() {
        assert_eq!(OpCode(4242).to_string(), "op 4242");
        assert_eq!(OpCode::MULTI_READ.to_string(), "multiRead");
        assert_eq!(OpCode(4242).class(), OpClass::Other);
    }

    #[test]
    fn operations_are_reads_writes_pings_or_neither() {
        let of = |class| {
            let codes = KNOWN.iter().map(|known| OpCode(known.code));
            codes.filter(|op| op.class() == class).filter_map(OpCode::name).collect::<Vec<_>>()
        };
        let writes = "create delete setData setACL check multi create2 reconfig createContainer deleteContainer createTTL \
             checkNotExists createIfNotExists removeRecursive checkStat tryRemove";
        assert_eq!(of(OpClass::Write).join(" "), writes);
        assert_eq!(of(OpClass::Ping), ["ping"]);
        let neither = ["notification", "auth", "sasl", "createSession", "closeSession", "error"];
        assert_eq!(of(OpClass::Other), neither);
        for slot in 0..OpCode::SLOTS {
            let class = KNOWN.get(slot).map_or(OpClass::Other, |known| OpCode(known.code).class());
            assert_eq!(OpCode::slot_class(slot), class);
        }
        assert!(OpCode::DELETE.is_write() && !OpCode::EXISTS.is_write());
    }

    #[test]
    fn operations_of_the_servers_own_are_negative() {
        let named = [
            (OpCode::CREATE_SESSION, "createSession"),
            (OpCode::CLOSE_SESSION, "closeSession"),
            (OpCode::ERROR, "error"),
        ];
        for (op, name) in named {
            assert_eq!((op.name(), op.0 < 0), (Some(name), true));
        }
        assert_eq!(OpCode::slot_name(OpCode::SLOTS - 1), "unknown");
    }
}
