//! The dialects of the protocol: what the version in a handshake asks for, and what its answer agrees to.
//!
//! ZooKeeper knows version 0 only. ClickHouse's clients and servers also speak 10 (compression), 11 (xids of 64
//! bits) and 12 (tracing); 11 and 12 put one and two bytes behind the version that the frame's length does not
//! count. Source: ClickHouse's `ZooKeeper::sendHandshake` and `KeeperTCPHandler`, and the bytes of its client 26.9.

/// Version 10: what follows the handshakes is compressed.
const COMPRESSION: i32 = 10;
/// Version 11: xids have 8 bytes.
const WIDE_XIDS: i32 = 11;
/// Version 12: each request is followed by a tracing context.
const TRACING: i32 = 12;

/// Bytes of a ConnectRequest's body up to the length of its password, apart from the extra ones.
const PASSWORD_LENGTH_AT: usize = 4 + 8 + 4 + 8;
/// The length of the password in the handshakes of every client with extra bytes.
const PASSWORD_LENGTH: [u8; 4] = [0, 0, 0, 16];
/// Announced lengths of such handshakes, without and with the byte that says whether a read-only server will do.
const ANNOUNCED: [usize; 2] = [44, 45];

/// How two peers speak, or how one wishes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dialect {
    /// The version field of the handshake; 0 for ZooKeeper's own clients and servers.
    pub version: i32,
    /// Whether xids have 8 bytes instead of 4.
    pub wide_xids: bool,
    /// Whether all that follows the handshakes is compressed.
    pub compressed: bool,
    /// Whether a tracing context follows each request.
    pub traced: bool,
}

impl Dialect {
    /// ZooKeeper's own.
    pub const ZOOKEEPER: Self = Self { version: 0, wide_xids: false, compressed: false, traced: false };

    /// What the body of a ConnectRequest asks for, and how many extra bytes stand behind its version.
    pub(super) fn asked(body: &[u8]) -> (Self, usize) {
        let version = body.first_chunk::<4>().map_or(0, |version| i32::from_be_bytes(*version));
        let flag = |at: usize| body.get(4 + at).is_some_and(|byte| *byte != 0);
        let plain = Self { version, ..Self::default() };
        match (version, extra_bytes(version, body).unwrap_or(0)) {
            (COMPRESSION, _) => (Self { compressed: true, ..plain }, 0),
            (WIDE_XIDS, 1) => (Self { wide_xids: true, compressed: flag(0), ..plain }, 1),
            (TRACING, 2) => (Self { traced: true, wide_xids: flag(0), compressed: flag(1), ..plain }, 2),
            _ => (plain, 0),
        }
    }

    /// What is spoken once a server has answered this wish with that version: never more than was asked for.
    #[must_use]
    pub fn agreed(self, version: i32) -> Self {
        let plain = Self { version, ..Self::default() };
        match version {
            // A server never turns on what the client did not ask for; a higher version is something else that looks
            // alike.
            _ if !self.is_clickhouse() || version > self.version => plain,
            COMPRESSION => Self { compressed: true, ..plain },
            WIDE_XIDS => Self { wide_xids: true, compressed: self.compressed, ..plain },
            TRACING => Self { version, ..self },
            _ => plain,
        }
    }

    /// Whether only ClickHouse's clients speak so.
    pub fn is_clickhouse(self) -> bool {
        (COMPRESSION..=TRACING).contains(&self.version)
    }

    /// Whether frames are laid out as ZooKeeper's are.
    pub fn is_plain(self) -> bool {
        !self.wide_xids && !self.compressed && !self.traced
    }

    /// Bits of an xid.
    pub fn xid_bits(self) -> u8 {
        if self.wide_xids { 64 } else { 32 }
    }
}

/// Bytes of a client's first frame that its announced length does not count; None while there are too few to know.
/// `frame` begins with the length.
pub(super) fn uncounted(frame: &[u8]) -> Option<usize> {
    let (length, body) = frame.split_first_chunk::<4>()?;
    // Only these two lengths occur with extra bytes. For all others the answer is known without waiting for more.
    if !usize::try_from(i32::from_be_bytes(*length)).is_ok_and(|len| ANNOUNCED.contains(&len)) {
        return Some(0);
    }
    let version = i32::from_be_bytes(*body.first_chunk::<4>()?);
    extra_bytes(version, body)
}

/// Extra bytes behind the version in a body of the right length: they are there when the length of the password
/// stands that much later than in every other handshake.
fn extra_bytes(version: i32, body: &[u8]) -> Option<usize> {
    let extra = match version {
        WIDE_XIDS => 1,
        TRACING => 2,
        _ => return Some(0),
    };
    let length_at = |at: usize| body.get(at..at + PASSWORD_LENGTH.len());
    let shifted = length_at(PASSWORD_LENGTH_AT + extra)? == PASSWORD_LENGTH;
    Some(if shifted && length_at(PASSWORD_LENGTH_AT)? != PASSWORD_LENGTH { extra } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(version: i32, [traced, wide_xids, compressed]: [bool; 3]) -> Dialect {
        Dialect { version, wide_xids, compressed, traced }
    }

    #[test]
    fn the_answer_decides_and_gives_no_more_than_was_asked_for() {
        let all = dialect(12, [true, true, true]);
        assert_eq!(all.agreed(12), all);
        assert_eq!(all.agreed(0), Dialect::default());
        assert_eq!(dialect(12, [true, false, false]).agreed(12), dialect(12, [true, false, false]));
        assert_eq!(dialect(11, [false, true, false]).agreed(11), dialect(11, [false, true, false]));
        assert_eq!(dialect(10, [false, false, true]).agreed(10), dialect(10, [false, false, true]));
        for asked in [Dialect::default(), dialect(10, [false, false, true])] {
            assert!(asked.agreed(11).is_plain() && asked.agreed(12).is_plain(), "{asked:?}");
        }
        assert!(!all.is_plain() && all.is_clickhouse() && !Dialect::default().is_clickhouse());
        assert_eq!([all, Dialect::default()].map(Dialect::xid_bits), [64, 32]);
    }

    #[test]
    fn extra_bytes_are_told_by_the_place_of_the_passwords_length() {
        let frame = |announced: i32, version: i32, extra: usize| {
            let tail = [&[0; 20][..], &PASSWORD_LENGTH, &[0; 16], &[1]].concat();
            [&announced.to_be_bytes()[..], &version.to_be_bytes(), &vec![0; extra], &tail].concat()
        };
        for (announced, version, extra, told) in [
            (45, 11, 1, 1),
            (45, 12, 2, 2),
            (44, 11, 1, 1),
            (45, 11, 0, 0),
            (45, 12, 0, 0),
            (45, 0, 1, 0),
            (46, 11, 1, 0),
        ] {
            let whole = frame(announced, version, extra);
            assert_eq!(uncounted(&whole), Some(told), "{announced} {version} {extra}");
            for len in 0..whole.len() {
                assert!(uncounted(&whole[..len]).is_none_or(|told_early| told_early == told), "{len} bytes");
            }
        }
    }
}
