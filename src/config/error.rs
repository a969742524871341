//! What can be wrong with a configuration, always with the place where it was said.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::address::ServerAddress;
use super::units::{ByteSize, Period};
use crate::text::{beginning, one_line};

/// A configuration that cannot be used: where, which key, and what was expected.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{}{problem}{}", ErrorPlace { origin, key }, FileExcerpt(origin))]
pub struct ConfigError {
    /// Where the value comes from.
    pub origin: ValueOrigin,
    /// The path of the key, such as `probe.interval`; empty where the text could not be read that far.
    pub key: String,
    /// What is wrong with it.
    pub problem: ValueProblem,
}

/// Origin and key in front of a message; what is not known or says nothing is left out.
struct ErrorPlace<'a> {
    origin: &'a ValueOrigin,
    key: &'a str,
}

impl fmt::Display for ErrorPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self.origin != ValueOrigin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        if self.key.is_empty() { Ok(()) } else { write!(f, "{}: ", quoted(self.key)) }
    }
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueOrigin {
    /// No source set it.
    Default,
    /// A place in a file.
    File(Box<FilePlace>),
    /// An environment variable, by name.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => {
                write!(f, "{}:{}:{}", one_line(&place.path.to_string_lossy()), place.line, place.column)
            }
            Self::Variable(name) => write!(f, "variable {}", one_line(name)),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A place in a configuration file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilePlace {
    /// The file, as it was named.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Characters that are meant; at least 1.
    pub width: usize,
    /// The whole line.
    pub text: String,
}

/// Letters of a line that are shown, and of those in front of the place.
const SHOWN: usize = 160;
const BEFORE: usize = 100;
/// Bytes of a message that are shown at its beginning and at its end; what a long one leaves out is what it quotes.
const QUOTED: usize = 200;

/// A text in one line and of a length that can be read.
fn quoted(text: &str) -> String {
    let line = one_line(text);
    if line.len() <= 2 * QUOTED {
        return line.into_owned();
    }
    let end = &line[line.ceil_char_boundary(line.len() - QUOTED)..];
    format!("{}…{end}", beginning(&line, QUOTED))
}

/// The line of the file with a mark below, or nothing for other origins.
struct FileExcerpt<'a>(&'a ValueOrigin);

impl fmt::Display for FileExcerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ValueOrigin::File(place) = self.0 else { return Ok(()) };
        let number = place.line.to_string();
        // Of a long line what is around the place.
        let skipped = (place.column - 1).saturating_sub(BEFORE);
        let shown: String = place.text.chars().skip(skipped).take(SHOWN).collect();
        write!(f, "\n  {number} | {shown}\n  ")?;
        let column = place.column - 1 - skipped;
        let before = number.len() + 3 + column;
        write!(f, "{:before$}{}", "", "^".repeat(place.width.min(SHOWN - column)))
    }
}

/// What is wrong with a value.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ValueProblem {
    /// It cannot be read; the words are those of the reader of the format or of the value's type.
    #[error("{}", quoted(.0))]
    Unreadable(String),
    /// A variable that begins as ours do and names no key.
    #[error("no key has this variable{}", .nearest.as_ref().map(|name| format!(": is {name} meant?")).unwrap_or_default())]
    UnknownVariable {
        /// The variable most like it.
        nearest: Option<String>,
    },
    /// Nothing stands behind the proxy.
    #[error("no server is named: give --servers host:port,host:port,…, ZOOGATE_SERVERS, or `servers` in the file")]
    NoServer,
    /// Nothing stands before it.
    #[error(
        "no address to listen on: give --listen ADDR (pooled), --listen ADDR=SERVER or --mirror ADDR, \
         or the same as variables or in the file"
    )]
    NoListener,
    /// More servers than an ensemble can have.
    #[error("{count} servers: expected at most {most}, since a server's id in its ensemble is one byte")]
    TooManyServers {
        /// Servers named.
        count: usize,
        /// The bound.
        most: usize,
    },
    /// Two listeners on one address.
    #[error("{address} is used twice: expected a different address for each listener and for the admin address")]
    SameAddress {
        /// The address.
        address: SocketAddr,
    },
    /// A server is a listener.
    #[error("{server} is zoogate itself, which listens on {listener}: expected a server of the ensemble")]
    OwnListener {
        /// The server.
        server: ServerAddress,
        /// The listener that it reaches.
        listener: SocketAddr,
    },
    /// Consecutive ports run past the last.
    #[error("{servers} servers need the ports from {first} on, which end at 65535: expected a lower first port")]
    MirrorPorts {
        /// The first port.
        first: u16,
        /// Servers to mirror.
        servers: usize,
    },
    /// The admin address would be open to others.
    #[error(
        "{address} is not a loopback address: the admin API shows session ids, and a session's password follows \
         from its id; expected 127.0.0.1 or [::1], or admin.allow_remote = true with admin.token_file"
    )]
    RemoteAdmin {
        /// The address.
        address: SocketAddr,
    },
    /// The admin address would be open to others without a token.
    #[error(
        "the admin address {address} is open to other machines and has no token: set admin.token_file to a file with \
         one (--admin-token-file PATH)"
    )]
    RemoteAdminWithoutToken {
        /// The address.
        address: SocketAddr,
    },
    /// A token that only reads, and none beside it.
    #[error("a token that only reads needs one that changes beside it: set admin.token_file too")]
    ReadTokenAlone,
    /// A number below its bound.
    #[error("{given} is too small: expected at least {least}")]
    TooFew {
        /// The value.
        given: usize,
        /// The bound.
        least: usize,
    },
    /// A number above its bound.
    #[error("{given} is too many: expected at most {most}")]
    TooMany {
        /// The value.
        given: usize,
        /// The bound.
        most: usize,
    },
    /// A time below its bound.
    #[error("{given} is too short: expected at least {least}")]
    TooShort {
        /// The value.
        given: Period,
        /// The bound.
        least: Period,
    },
    /// A size below its bound.
    #[error("{given} is too small: expected at least {least}")]
    TooSmall {
        /// The value.
        given: ByteSize,
        /// The bound.
        least: ByteSize,
    },
    /// A size above its bound.
    #[error("{given} is too large: expected at most {most}")]
    TooLarge {
        /// The value.
        given: ByteSize,
        /// The bound.
        most: ByteSize,
    },
}
