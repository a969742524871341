//! Error codes of reply headers and multi results, open like the operation codes.
//!
//! Source: `KeeperException.Code` of ZooKeeper 3.4 to 3.9; -10 is from ClickHouse's `Error`.

use std::fmt;

/// An `err` field. [`ErrorCode::SESSION_MOVED`] is seen only from servers before 3.6, and from 3.4 on only in
/// the results of a multi; later servers close the connection instead (ZOOKEEPER-2886).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ErrorCode(pub i32);

impl ErrorCode {
    /// `OK`.
    pub const OK: Self = Self(0);
    /// `RUNTIMEINCONSISTENCY`.
    pub const RUNTIME_INCONSISTENCY: Self = Self(-2);
    /// `CONNECTIONLOSS`; on the wire only from a Keeper whose log takes no more entries.
    pub const CONNECTION_LOSS: Self = Self(-4);
    /// `OPERATIONTIMEOUT`; on the wire only from a Keeper whose log took too long.
    pub const OPERATION_TIMEOUT: Self = Self(-7);
    /// `ZOUTOFMEMORY` of a Keeper.
    pub const OUT_OF_MEMORY: Self = Self(-10);
    /// `UNIMPLEMENTED`.
    pub const UNIMPLEMENTED: Self = Self(-6);
    /// `NONODE`.
    pub const NO_NODE: Self = Self(-101);
    /// `NOAUTH`.
    pub const NO_AUTH: Self = Self(-102);
    /// `NODEEXISTS`.
    pub const NODE_EXISTS: Self = Self(-110);
    /// `SESSIONEXPIRED`.
    pub const SESSION_EXPIRED: Self = Self(-112);
    /// `INVALIDACL`.
    pub const INVALID_ACL: Self = Self(-114);
    /// `AUTHFAILED`.
    pub const AUTH_FAILED: Self = Self(-115);
    /// `SESSIONMOVED`.
    pub const SESSION_MOVED: Self = Self(-118);
    /// `NOTREADONLY`.
    pub const NOT_READ_ONLY: Self = Self(-119);
    /// `SESSIONCLOSEDREQUIRESASLAUTH`.
    pub const SASL_REQUIRED: Self = Self(-124);

    /// `THROTTLEDOP`.
    pub const THROTTLED: Self = Self(-127);

    /// How many different values [`ErrorCode::slot`] takes.
    pub const SLOTS: usize = KNOWN.len() + 1;

    /// Whether the request was carried out.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// A dense number for tables indexed by code; every unknown code shares the last one.
    pub fn slot(self) -> usize {
        KNOWN.iter().position(|known| known.0 == self.0).unwrap_or(KNOWN.len())
    }

    /// The name of the code whose [`ErrorCode::slot`] this is; `unknown` for the last slot and beyond.
    pub fn slot_name(slot: usize) -> &'static str {
        KNOWN.get(slot).map_or("unknown", |known| known.1)
    }

    /// The code whose [`ErrorCode::slot`] this is; none has the last one and those beyond.
    pub fn of_slot(slot: usize) -> Option<Self> {
        KNOWN.get(slot).map(|known| Self(known.0))
    }

    /// Its name in `KeeperException.Code`, if it is one that we know.
    pub fn name(self) -> Option<&'static str> {
        KNOWN.get(self.slot()).map(|known| known.1)
    }
}

const KNOWN: &[(i32, &str)] = &[
    (0, "OK"),
    (-1, "SYSTEMERROR"),
    (-2, "RUNTIMEINCONSISTENCY"),
    (-3, "DATAINCONSISTENCY"),
    (-4, "CONNECTIONLOSS"),
    (-5, "MARSHALLINGERROR"),
    (-6, "UNIMPLEMENTED"),
    (-7, "OPERATIONTIMEOUT"),
    (-8, "BADARGUMENTS"),
    (-10, "OUTOFMEMORY"),
    (-12, "UNKNOWNSESSION"),
    (-13, "NEWCONFIGNOQUORUM"),
    (-14, "RECONFIGINPROGRESS"),
    (-100, "APIERROR"),
    (-101, "NONODE"),
    (-102, "NOAUTH"),
    (-103, "BADVERSION"),
    (-108, "NOCHILDRENFOREPHEMERALS"),
    (-110, "NODEEXISTS"),
    (-111, "NOTEMPTY"),
    (-112, "SESSIONEXPIRED"),
    (-113, "INVALIDCALLBACK"),
    (-114, "INVALIDACL"),
    (-115, "AUTHFAILED"),
    (-118, "SESSIONMOVED"),
    (-119, "NOTREADONLY"),
    (-120, "EPHEMERALONLOCALSESSION"),
    (-121, "NOWATCHER"),
    (-122, "REQUESTTIMEOUT"),
    (-123, "RECONFIGDISABLED"),
    (-124, "SESSIONCLOSEDREQUIRESASLAUTH"),
    (-125, "QUOTAEXCEEDED"),
    (-127, "THROTTLEDOP"),
];

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_names_agree() {
        for (slot, known) in KNOWN.iter().enumerate() {
            assert_eq!(ErrorCode(known.0).slot(), slot);
            assert_eq!(ErrorCode::slot_name(slot), known.1);
        }
        assert_eq!(ErrorCode(-9999).slot(), ErrorCode::SLOTS - 1);
        assert_eq!(ErrorCode(-9999).to_string(), "error -9999");
        assert_eq!(ErrorCode::SESSION_MOVED.to_string(), "SESSIONMOVED (-118)");
    }

    #[test]
    fn errors_are_negative_and_told_apart() {
        let (ok, errors) = KNOWN.split_first().expect("codes that are known");
        assert_eq!(ok.0, 0);
        assert!(errors.iter().all(|known| known.0 < 0));
        let named = [
            (ErrorCode::OK, "OK"),
            (ErrorCode::RUNTIME_INCONSISTENCY, "RUNTIMEINCONSISTENCY"),
            (ErrorCode::CONNECTION_LOSS, "CONNECTIONLOSS"),
            (ErrorCode::OPERATION_TIMEOUT, "OPERATIONTIMEOUT"),
            (ErrorCode::OUT_OF_MEMORY, "OUTOFMEMORY"),
            (ErrorCode::UNIMPLEMENTED, "UNIMPLEMENTED"),
            (ErrorCode::NO_NODE, "NONODE"),
            (ErrorCode::NO_AUTH, "NOAUTH"),
            (ErrorCode::NODE_EXISTS, "NODEEXISTS"),
            (ErrorCode::SESSION_EXPIRED, "SESSIONEXPIRED"),
            (ErrorCode::INVALID_ACL, "INVALIDACL"),
            (ErrorCode::AUTH_FAILED, "AUTHFAILED"),
            (ErrorCode::SESSION_MOVED, "SESSIONMOVED"),
            (ErrorCode::NOT_READ_ONLY, "NOTREADONLY"),
            (ErrorCode::SASL_REQUIRED, "SESSIONCLOSEDREQUIRESASLAUTH"),
        ];
        for (code, name) in named {
            assert_eq!((code.name(), code.is_ok()), (Some(name), code.0 == 0));
        }
        assert_eq!((ErrorCode(-9999).name(), ErrorCode::slot_name(ErrorCode::SLOTS - 1)), (None, "unknown"));
    }
}
