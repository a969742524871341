//! Which zoogate is asked, and by what right.

use std::env;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::query_options::{DEFAULT_ADMIN, RunningZoogate};

/// Where the packaged unit has its socket.
const PACKAGED_SOCKET: &str = "/run/zoogate/admin.sock";
/// Where else a socket is named, and the token file.
const SOCKET_VARIABLE: &str = "ZOOGATE_ADMIN_SOCKET";

/// Where a zoogate is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum AdminTarget {
    /// At an address.
    Address(String),
    /// At a socket.
    Socket(PathBuf),
}

impl AdminTarget {
    /// What the options and the environment name: first the socket that an option names, then an address that an option or
    /// the environment names, then the socket of the environment or of the packaged unit, where one answers.
    pub(super) fn of(options: &RunningZoogate) -> Self {
        Self::chosen(options, env::var_os(SOCKET_VARIABLE).map(PathBuf::from), Path::new(PACKAGED_SOCKET))
    }

    fn chosen(options: &RunningZoogate, variable: Option<PathBuf>, packaged: &Path) -> Self {
        if let Some(socket) = &options.socket {
            return Self::Socket(socket.clone());
        }
        // The variable is also what `zoogate run` reads, where `off` means none.
        if let Some(admin) = options.admin.as_ref().filter(|admin| !admin.is_empty() && *admin != "off") {
            return Self::Address(admin.clone());
        }
        match variable.filter(|path| !path.as_os_str().is_empty() && path.as_os_str() != "off") {
            Some(socket) => Self::Socket(socket),
            // One that this user may not open is not the one that is meant.
            None if UnixStream::connect(packaged).is_ok() => Self::Socket(packaged.to_owned()),
            None => Self::Address(DEFAULT_ADMIN.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_is_preferred_unless_an_address_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let packaged = folder.path().join("admin.sock");
        let options = |admin: Option<&str>, socket: Option<&str>| RunningZoogate {
            admin: admin.map(str::to_owned),
            socket: socket.map(PathBuf::from),
            token_file: None,
        };
        let chosen = |admin, socket, variable: Option<&str>| {
            AdminTarget::chosen(&options(admin, socket), variable.map(PathBuf::from), &packaged)
        };
        let (address, socket) =
            (|text: &str| AdminTarget::Address(text.to_owned()), |path: &str| AdminTarget::Socket(path.into()));
        let other = Some("10.0.0.1:9180");
        assert_eq!(chosen(None, None, None), address(DEFAULT_ADMIN));
        assert_eq!(chosen(None, None, Some("off")), address(DEFAULT_ADMIN));
        assert_eq!(chosen(None, None, Some("/v")), socket("/v"));
        assert_eq!(chosen(Some("off"), None, Some("/v")), socket("/v"));
        assert_eq!(chosen(other, None, Some("/v")), address("10.0.0.1:9180"));
        assert_eq!(
            chosen(Some(DEFAULT_ADMIN), None, Some("/v")),
            address(DEFAULT_ADMIN),
            "named, if as it is by default"
        );
        assert_eq!(chosen(other, Some("/s"), Some("/v")), socket("/s"));
        let _listener = UnixListener::bind(&packaged).unwrap();
        assert_eq!(chosen(None, None, None), AdminTarget::Socket(packaged.clone()));
        assert_eq!(chosen(other, None, None), address("10.0.0.1:9180"));
        assert_eq!(chosen(Some(DEFAULT_ADMIN), None, None), address(DEFAULT_ADMIN));
    }
}
