//! Addresses as people write them: ZooKeeper connect strings, and what to listen on.
//!
//! Names are kept as names. They are looked up at every connect, because what they stand for changes.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use thiserror::Error;

use crate::text::one_line;

/// The port on which ZooKeeper serves clients by default.
pub const DEFAULT_PORT: u16 = 2181;

/// What is wrong with an address, in words that follow the text in question.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AddressError {
    /// Nothing was given, or nothing but separators.
    #[error("no server is named: expected host:port,host:port,…")]
    NoServer,
    /// The host part cannot be a name or an address.
    #[error("{0:?} does not name a server: expected host or host:port")]
    Host(String),
    /// Several colons without brackets.
    #[error("{0:?} has several colons: an IPv6 address is written in brackets, such as [::1]:2181")]
    Brackets(String),
    /// The part behind the colon is no port.
    #[error("{text:?} is not a port: expected a number from 1 to 65535 (in {whole:?})")]
    Port {
        /// What stands where a port was expected.
        text: String,
        /// The whole address.
        whole: String,
    },
    /// A listening address is not an IP address and a port.
    #[error(
        "{0:?} is not an address to listen on: expected an IP address and a port, such as 127.0.0.1:2181 or [::1]:2181"
    )]
    Listen(String),
    /// The admin address is no IP address with a port, nor the word for none.
    #[error("{0:?} is not an admin address: expected an IP address and a port, such as 127.0.0.1:9180, or off")]
    Admin(String),
    /// A chroot in a place where one server is meant.
    #[error("{0:?} has a chroot, which belongs to the clients' connect strings: expected host:port")]
    Chroot(String),
    /// A chroot with letters that ZooKeeper takes in no path (`PathUtils.validatePath`).
    #[error("{0:?} is no chroot: control characters and unseen ones are in no path")]
    ChrootLetters(String),
}

/// One server of the ensemble: a name or an IP address, and a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerAddress {
    /// In lower case; an IPv6 address without its brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.contains('/') {
            return Err(AddressError::Chroot(text.to_owned()));
        }
        let (host, port) = split_port(text)?;
        let port = port.map_or(Ok(DEFAULT_PORT), |port| match port.parse() {
            Ok(0) | Err(_) => Err(AddressError::Port { text: port.to_owned(), whole: text.to_owned() }),
            Ok(number) => Ok(number),
        })?;
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

/// Divides `host`, `host:port` and `[v6]:port`.
fn split_port(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    let wrong = || AddressError::Host(text.to_owned());
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(wrong()),
        };
    }
    let (host, port) = match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => return Err(AddressError::Brackets(text.to_owned())),
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if host.is_empty() || !host.bytes().all(allowed) { Err(wrong()) } else { Ok((host, port)) }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A ZooKeeper connect string: servers, then perhaps a chroot that holds for all of them.
///
/// Read as `ConnectStringParser` of the Java client reads it: the first slash begins the chroot, empty
/// parts are skipped, the port is 2181 unless given. A server named twice counts once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectString {
    /// In the order given, no two alike, never empty.
    pub servers: Vec<ServerAddress>,
    /// With its leading slash; `None` for a lone slash too.
    pub chroot: Option<String>,
}

impl FromStr for ConnectString {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (hosts, chroot) = text.find('/').map_or((text, ""), |slash| text.split_at(slash));
        let (mut servers, mut known) = (Vec::new(), BTreeSet::new());
        for part in hosts.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let server: ServerAddress = part.parse()?;
            if known.insert(server.clone()) {
                servers.push(server);
            }
        }
        if servers.is_empty() {
            return Err(AddressError::NoServer);
        }
        if one_line(chroot) != chroot {
            return Err(AddressError::ChrootLetters(chroot.to_owned()));
        }
        Ok(Self { servers, chroot: (chroot.len() > 1).then(|| chroot.to_owned()) })
    }
}

impl fmt::Display for ConnectString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, server) in self.servers.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{server}")?;
        }
        f.write_str(self.chroot.as_deref().unwrap_or_default())
    }
}

/// One `listen` value: `ADDR` for the whole ensemble, `ADDR=SERVER` for one server of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenValue {
    /// Where to listen.
    pub address: SocketAddr,
    /// The one server behind it; `None` for all of them.
    pub server: Option<ServerAddress>,
}

impl FromStr for ListenValue {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (address, server) = match text.split_once('=') {
            Some((address, server)) => (address, Some(server.parse()?)),
            None => (text, None),
        };
        Ok(Self { address: address.parse::<ListenAddress>()?.0, server })
    }
}

impl fmt::Display for ListenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Some(server) => write!(f, "{}={server}", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// An IP address and a port to listen on. A name is not taken: it may stand for several addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenAddress(pub SocketAddr);

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        text.parse().map(Self).map_err(|_| AddressError::Listen(text.to_owned()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where the admin address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdminAddress {
    /// Nowhere.
    Off,
    /// Here.
    At(SocketAddr),
}

impl FromStr for AdminAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.trim() {
            "off" => Ok(Self::Off),
            text => text.parse().map(Self::At).map_err(|_| AddressError::Admin(text.to_owned())),
        }
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

/// Lets types that are written as one string be so in the file and in its schema.
macro_rules! written_as_a_string {
    ($($type:ident),+) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    )+};
}

pub(super) use written_as_a_string;
written_as_a_string!(ConnectString, ListenValue, ListenAddress, AdminAddress);

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(text: &str) -> Result<String, String> {
        text.parse::<ConnectString>().map(|read| read.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn connect_strings_are_taken_as_they_are() {
        assert_eq!(connect("zk1:2181,zk2:2182").unwrap(), "zk1:2181,zk2:2182");
        assert_eq!(connect("zk1").unwrap(), "zk1:2181");
        assert_eq!(connect(" ZK1 , zk2:99 ,, zk1:2181").unwrap(), "zk1:2181,zk2:99");
        assert_eq!(connect("[::1]:2181,[fe80::2]").unwrap(), "[::1]:2181,[fe80::2]:2181");
        assert_eq!(connect("10.0.0.1,10.0.0.2/kafka/east").unwrap(), "10.0.0.1:2181,10.0.0.2:2181/kafka/east");
        assert_eq!(connect("zk1/").unwrap(), "zk1:2181");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("", "no server is named: expected host:port,host:port,…"),
            ("/kafka", "no server is named: expected host:port,host:port,…"),
            ("zk1:0", "\"0\" is not a port: expected a number from 1 to 65535 (in \"zk1:0\")"),
            ("zk1:65536", "\"65536\" is not a port: expected a number from 1 to 65535 (in \"zk1:65536\")"),
            ("zk1:", "\"\" is not a port: expected a number from 1 to 65535 (in \"zk1:\")"),
            ("zk1;zk2", "\"zk1;zk2\" does not name a server: expected host or host:port"),
            (":2181", "\":2181\" does not name a server: expected host or host:port"),
            ("[::g]:1", "\"[::g]:1\" does not name a server: expected host or host:port"),
            ("::1", "\"::1\" has several colons: an IPv6 address is written in brackets, such as [::1]:2181"),
        ];
        for (text, expected) in cases {
            assert_eq!(connect(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn listens_pooled_and_mirrored() {
        let pooled: ListenValue = "127.0.0.1:2181".parse().unwrap();
        assert_eq!(pooled.server, None);
        let mirror: ListenValue = "[::1]:2191=[::2]:7".parse().unwrap();
        assert_eq!(mirror.to_string(), "[::1]:2191=[::2]:7");
        assert!(matches!("localhost:2181".parse::<ListenValue>(), Err(AddressError::Listen(_))));
        assert!(matches!("127.0.0.1:1=zk1/kafka".parse::<ListenValue>(), Err(AddressError::Chroot(_))));
    }
}
