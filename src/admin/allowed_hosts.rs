//! Whether a request may be meant for this address, by the name that it was sent to.
//!
//! A web page can make a browser ask any name that the page's owner controls, and let that name point here. The
//! browser then says that name in `Host`: so only addresses and loopback's own name are answered.

use std::net::IpAddr;

/// Which names are answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AllowedHosts {
    /// Addresses, and the name of loopback.
    Local,
    /// Any: the address was opened to other machines, who may know it by any name.
    Any,
}

impl AllowedHosts {
    /// The names for a listening address.
    pub(super) fn of(listening: IpAddr) -> Self {
        if listening.is_loopback() { Self::Local } else { Self::Any }
    }

    /// Whether a request with this `Host` is answered. Without one it does not come from a browser.
    pub(super) fn admit(self, host: Option<&str>) -> bool {
        match (self, host) {
            // HTTP/1.0 has no Host, and browsers never leave it out: no page can make one ask without.
            (Self::Any, _) | (Self::Local, None) => true,
            (Self::Local, Some(host)) => is_local(host),
        }
    }
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_loopbacks_own_name_are_local() {
        for host in ["localhost", "LOCALHOST:9180", "localhost.:9180", "127.0.0.1:9180", "[::1]:9180", "[::1]"] {
            assert!(AllowedHosts::Local.admit(Some(host)), "{host}");
        }
        for host in ["evil.example", "evil.example:9180", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!AllowedHosts::Local.admit(Some(host)), "{host}");
            assert!(AllowedHosts::Any.admit(Some(host)), "{host}");
        }
        assert!(AllowedHosts::Local.admit(None));
    }

    #[test]
    fn an_address_open_to_others_has_any_name() {
        assert_eq!(AllowedHosts::of([127, 0, 0, 1].into()), AllowedHosts::Local);
        assert_eq!(AllowedHosts::of([10, 0, 0, 1].into()), AllowedHosts::Any);
        assert_eq!(AllowedHosts::of([0, 0, 0, 0].into()), AllowedHosts::Any);
    }
}
