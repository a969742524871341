//! The addresses on which zoogate itself listens: a server of it that is one of them would be zoogate again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::settings::ListenerSettings;

/// All listening addresses with a port that is known beforehand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnListeners(Vec<SocketAddr>);

impl OwnListeners {
    /// The addresses of these listeners.
    pub fn of(listeners: &[ListenerSettings]) -> Self {
        Self(listeners.iter().map(|listener| listener.address).filter(|address| address.port() != 0).collect())
    }

    /// Whether any of them has this port.
    pub fn has_port(&self, port: u16) -> bool {
        self.0.iter().any(|listener| listener.port() == port)
    }

    /// The listener that a connection to `target` would reach. A listener on the unspecified address stands on all of
    /// this machine's; `is_here` says which these are, and is asked for no others than those that are not loopback.
    pub fn reached_at(&self, target: SocketAddr, is_here: impl Fn(IpAddr) -> bool) -> Option<SocketAddr> {
        let ip = reached_ip(target.ip());
        let reaches = |listener: &&SocketAddr| {
            listener.port() == target.port()
                && if listener.ip().is_unspecified() {
                    listener.is_ipv4() == ip.is_ipv4() && (ip.is_loopback() || is_here(ip))
                } else {
                    listener.ip().to_canonical() == ip
                }
        };
        self.0.iter().find(reaches).copied()
    }
}

/// Where a connection to an address ends up: the unspecified one leads to this machine, and an IPv4 address may be
/// written as an IPv6 one.
fn reached_ip(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ListenerKind;

    fn reached(listeners: &[&str], target: &str) -> Option<String> {
        let listener = |text: &&str| ListenerSettings { address: text.parse().unwrap(), kind: ListenerKind::Pooled };
        let own = OwnListeners::of(&listeners.iter().map(listener).collect::<Vec<_>>());
        let here: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
        own.reached_at(target.parse().unwrap(), |ip| here.contains(&ip)).map(|address| address.to_string())
    }

    #[test]
    fn a_target_is_a_listener_by_its_address() {
        let listeners = ["127.0.0.1:1", "10.0.0.1:2"];
        assert_eq!(reached(&listeners, "127.0.0.1:1").as_deref(), Some("127.0.0.1:1"));
        assert_eq!(reached(&listeners, "[::ffff:127.0.0.1]:1").as_deref(), Some("127.0.0.1:1"));
        assert_eq!(reached(&listeners, "0.0.0.0:1").as_deref(), Some("127.0.0.1:1"));
        for other in ["127.0.0.1:2", "127.0.0.2:1", "10.0.0.1:1", "[::1]:1", "[::]:1"] {
            assert_eq!(reached(&listeners, other), None, "{other}");
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_at_each_of_this_machine() {
        for (listener, targets) in [
            ("0.0.0.0:1", ["127.0.0.1:1", "127.9.9.9:1", "10.0.0.1:1", "0.0.0.0:1"]),
            ("[::]:1", ["[::1]:1", "[fd00::1]:1", "[::]:1", "[::1]:1"]),
        ] {
            for target in targets {
                assert_eq!(reached(&[listener], target).as_deref(), Some(listener), "{target}");
            }
            for other in ["10.0.0.2:1", "[fd00::2]:1", "10.0.0.1:2"] {
                assert_eq!(reached(&[listener], other), None, "{other}");
            }
        }
        assert_eq!(reached(&["0.0.0.0:1"], "[::1]:1"), None, "each family listens for itself");
    }

    #[test]
    fn a_port_that_the_kernel_chooses_is_nobodys_target() {
        assert_eq!(reached(&["127.0.0.1:0"], "127.0.0.1:0"), None);
    }
}
