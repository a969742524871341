//! What a connection's first bytes are: a handshake, a four-letter word, or not ZooKeeper at all.
//!
//! Only as many bytes are gathered as the answer needs, and never more than a handshake can have.

use super::DecodeFault;
use super::handshake::{ConnectRequest, HANDSHAKE_CAP, request_len};

/// What a connection turned out to speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionOpening {
    /// A ConnectRequest, now whole.
    Handshake {
        /// What it asks for.
        request: ConnectRequest,
        /// Its bytes behind its length; those that its announced length does not count (versions 11 and 12) are among
        /// them.
        len: usize,
    },
    /// A frame of a handshake's size that is none.
    Unreadable(DecodeFault),
    /// One of ZooKeeper's four-letter words.
    Word(&'static str),
    /// Something else.
    Foreign(ForeignProtocol),
}

/// Protocols that end up on a ZooKeeper port by mistake or by design.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ForeignProtocol {
    /// A TLS record: encrypted ZooKeeper, which is relayed unseen.
    Tls,
    /// An HTTP request.
    Http,
    /// A PROXY protocol line or block in front of the real traffic.
    ProxyLine,
    /// Anything else.
    #[strum(serialize = "not_zookeeper")]
    Unknown,
}

impl ForeignProtocol {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// A short name for a metric label.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// The words that `FourLetterCommands` knows (3.4 to 3.9), then those that only ClickHouse's Keeper or `RaftKeeper`
/// know.
pub const WORDS: [&str; 34] = [
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst", "srvr", "stat",
    "stmk", "wchc", "wchp", "wchs", "apiv", "clrs", "csnp", "ftfl", "jmdp", "jmep", "jmfp", "jmst", "lgif", "lgrq",
    "pfev", "rclc", "rcvr", "rqld", "uptm", "ydld",
];
/// Telnet's interrupt sequence, which the server takes for a word that closes the connection.
const TELNET_CLOSE: [u8; 4] = [0xff, 0xf4, 0xff, 0xfd];

const HTTP_VERBS: [&[u8; 4]; 7] = [b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"CONN"];

/// Looks at the bytes that a connection began with; None while there are too few to know.
pub fn classify(bytes: &[u8]) -> Option<ConnectionOpening> {
    let head = bytes.first_chunk::<4>()?;
    // A handshake's length begins with 0, and need not be compared with every word.
    if head[0] != 0
        && let Some(word) = WORDS.iter().find(|word| word.as_bytes() == head)
    {
        return Some(ConnectionOpening::Word(word));
    }
    if *head == TELNET_CLOSE {
        return Some(ConnectionOpening::Word("telnet_close"));
    }
    // Text and TLS read as lengths far above any handshake, so four bytes are enough to recognise them.
    if !usize::try_from(i32::from_be_bytes(*head)).is_ok_and(|len| len <= HANDSHAKE_CAP) {
        return Some(ConnectionOpening::Foreign(foreign(*head)));
    }
    let len = request_len(bytes)?;
    let body = bytes.get(4..4 + len)?;
    Some(match ConnectRequest::read(body) {
        Ok(request) => ConnectionOpening::Handshake { request, len },
        Err(fault) => ConnectionOpening::Unreadable(fault),
    })
}

fn foreign(head: [u8; 4]) -> ForeignProtocol {
    match head {
        [0x16, 3, ..] => ForeignProtocol::Tls,
        [b'P', b'R', b'O', b'X'] | [0x0d, 0x0a, 0x0d, 0x0a] => ForeignProtocol::ProxyLine,
        _ if HTTP_VERBS.contains(&&head) => ForeignProtocol::Http,
        _ => ForeignProtocol::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of the ConnectRequest that these bytes are taken for.
    fn handshake_len(bytes: &[u8]) -> Option<usize> {
        match classify(bytes) {
            Some(ConnectionOpening::Handshake { len, .. }) => Some(len),
            _ => None,
        }
    }

    #[test]
    fn tells_words_handshakes_and_strangers_apart() {
        assert_eq!(classify(b"srv"), None);
        assert_eq!(classify(b"srvr"), Some(ConnectionOpening::Word("srvr")));
        assert_eq!(classify(&[0xff, 0xf4, 0xff, 0xfd]), Some(ConnectionOpening::Word("telnet_close")));
        assert_eq!(classify(&[0, 0, 0, 45, 0]), None);
        assert_eq!(classify(&[0; 4]), Some(ConnectionOpening::Unreadable(DecodeFault::ShortHandshake { len: 0 })));
        assert_eq!(handshake_len(&[&[0, 0, 0, 45][..], &[0; 45]].concat()), Some(45));
        assert_eq!(classify(&[0x16, 3, 1, 0]), Some(ConnectionOpening::Foreign(ForeignProtocol::Tls)));
        assert_eq!(classify(b"GET / HTTP/1.1"), Some(ConnectionOpening::Foreign(ForeignProtocol::Http)));
        assert_eq!(classify(b"PROXY TCP4"), Some(ConnectionOpening::Foreign(ForeignProtocol::ProxyLine)));
        assert_eq!(classify(&[0x7f, 0xff, 0xff, 0xff]), Some(ConnectionOpening::Foreign(ForeignProtocol::Unknown)));
        assert_eq!(classify(&[0, 0, 0x20, 0]), Some(ConnectionOpening::Foreign(ForeignProtocol::Unknown)));
    }

    #[test]
    fn a_first_frame_is_as_long_as_a_handshake_can_be() {
        let frame = |len: usize| [&(len as u32).to_be_bytes()[..], &vec![0; len]].concat();
        let longest = frame(HANDSHAKE_CAP);
        assert_eq!(handshake_len(&longest), Some(HANDSHAKE_CAP));
        assert_eq!(classify(&longest[..longest.len() - 1]), None);
        assert_eq!(classify(&frame(HANDSHAKE_CAP + 1)), Some(ConnectionOpening::Foreign(ForeignProtocol::Unknown)));
    }

    #[test]
    fn a_first_frame_is_whole_with_the_bytes_that_its_length_does_not_count() {
        let plain = [&[0, 0, 0, 45, 0, 0, 0, 11][..], &[0; 20], &[0, 0, 0, 16], &[0; 16], &[1]].concat();
        assert_eq!(handshake_len(&plain), Some(45));
        for (version, extra) in [(11, 1), (12, 2)] {
            let mut frame = plain.clone();
            frame[7] = version;
            frame.splice(8..8, vec![0; extra]);
            assert_eq!(frame.len(), 49 + extra);
            assert_eq!(handshake_len(&frame), Some(45 + extra));
            assert!((0..frame.len()).all(|len| classify(&frame[..len]).is_none()));
        }
    }

    #[test]
    fn strangers_have_labels() {
        let strangers =
            [ForeignProtocol::Tls, ForeignProtocol::Http, ForeignProtocol::ProxyLine, ForeignProtocol::Unknown];
        assert_eq!(strangers.map(ForeignProtocol::label).join(" "), "tls http proxy_line not_zookeeper");
        let openings = [&[0x16, 3, 3, 0][..], b"CONNECT a", b"\r\n\r\n\0", &[0x16, 4, 3, 0]];
        let expected =
            [ForeignProtocol::Tls, ForeignProtocol::Http, ForeignProtocol::ProxyLine, ForeignProtocol::Unknown];
        for (opening, stranger) in openings.into_iter().zip(expected) {
            assert_eq!(classify(opening), Some(ConnectionOpening::Foreign(stranger)));
        }
    }
}
