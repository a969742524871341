//! The Unix socket of the admin address: taken, and given back.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::text::one_line;

/// Who may open it: its owner and its group.
const MODE: u32 = 0o660;

/// Bytes of a path at most. The kernel takes 107 (unix(7): `sun_path` has 108, the last of them 0), and one more is needed
/// for a while.
const LONGEST_PATH: usize = 106;

/// Why a socket cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SocketProblem {
    /// Somebody serves it.
    #[error("another process answers there; end it, or name another path")]
    Taken,
    /// The path leads to something else.
    #[error("a file that is no socket is there; remove it, or name another path")]
    OtherFile,
    /// No socket can have a path of that length.
    #[error("its path has {length} bytes: expected at most {LONGEST_PATH}")]
    TooLong {
        /// How many it has.
        length: usize,
    },
    /// There is no folder for it.
    #[error("the folder {} is not there; make it, or name another path", one_line(&folder.to_string_lossy()))]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The operating system refused it.
    #[error("{0}")]
    Refused(#[from] io::Error),
}

/// A socket that is taken.
#[derive(Debug)]
pub(super) struct AdminSocket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// The file of a socket. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// By which it is known again: its device and its number there.
    identity: (u64, u64),
}

impl AdminSocket {
    /// Takes a path. A socket that nobody serves any more is replaced.
    pub(super) fn bind(path: &Path) -> Result<Self, SocketProblem> {
        check_socket_path(path)?;
        if fs::symlink_metadata(path).is_ok() && is_served(path)? {
            return Err(SocketProblem::Taken);
        }
        // Made under another name first, so that nobody finds it before its mode is set.
        let mut new = path.as_os_str().to_owned();
        new.push("~");
        let new = PathBuf::from(new);
        remove_socket(&new);
        let listener = UnixListener::bind(&new)?;
        let made = || -> io::Result<(u64, u64)> {
            fs::set_permissions(&new, Permissions::from_mode(MODE))?;
            listener.set_nonblocking(true)?;
            let about = fs::symlink_metadata(&new)?;
            fs::rename(&new, path)?;
            Ok((about.dev(), about.ino()))
        };
        let identity = made().inspect_err(|_| remove_socket(&new))?;
        Ok(Self { listener, file: SocketFile { path: path.to_owned(), identity } })
    }
}

/// Whether a socket could be at a path, as far as can be told without taking it: another process may serve it.
///
/// # Errors
/// [`SocketProblem`] for a path that is too long, leads to something else, or is in no folder.
pub fn check_socket_path(path: &Path) -> Result<(), SocketProblem> {
    let length = path.as_os_str().len();
    if length > LONGEST_PATH {
        return Err(SocketProblem::TooLong { length });
    }
    if fs::symlink_metadata(path).is_ok_and(|about| !about.file_type().is_socket()) {
        return Err(SocketProblem::OtherFile);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(folder) {
        Ok(about) if about.is_dir() => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(_) | Err(_) => Err(SocketProblem::NoFolder { folder: folder.to_owned() }),
    }
}

/// Whether somebody answers at a socket. One that cannot be asked is taken for served.
fn is_served(path: &Path) -> Result<bool, SocketProblem> {
    match UnixStream::connect(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Ok(false),
        // Its queue is full: somebody has it.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn remove_socket(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket()) {
        let _ = fs::remove_file(path);
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another zoogate may have taken the path meanwhile.
        if fs::symlink_metadata(&self.path).is_ok_and(|about| (about.dev(), about.ino()) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_a_living_one_and_another_file_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a stale one");
        let first = AdminSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        assert!(UnixStream::connect(&path).is_ok());
        assert!(matches!(AdminSocket::bind(&path), Err(SocketProblem::Taken)));
        assert!(UnixStream::connect(&path).is_ok());
        drop(first);
        assert!(!path.exists(), "it is removed at the end");

        fs::write(&path, "text").unwrap();
        assert!(matches!(AdminSocket::bind(&path), Err(SocketProblem::OtherFile)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert!(matches!(AdminSocket::bind(&folder.path().join("none/s")), Err(SocketProblem::NoFolder { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn each_path_that_is_short_enough_can_be_taken() {
        let folder = tempfile::tempdir().unwrap();
        let of_length = |length: usize| {
            let begin = folder.path().join("");
            let missing = length - begin.as_os_str().len();
            begin.join("s".repeat(missing))
        };
        drop(AdminSocket::bind(&of_length(LONGEST_PATH)).unwrap());
        let said = AdminSocket::bind(&of_length(LONGEST_PATH + 1)).unwrap_err().to_string();
        assert_eq!(said, "its path has 107 bytes: expected at most 106");
        assert!(matches!(check_socket_path(&of_length(200)), Err(SocketProblem::TooLong { length: 200 })));
        assert!(check_socket_path(&of_length(LONGEST_PATH)).is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "looking takes nothing");
    }

    #[test]
    fn what_another_one_took_meanwhile_is_left_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let first = AdminSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = AdminSocket::bind(&path).unwrap();
        drop(first);
        assert!(UnixStream::connect(&path).is_ok());
        drop(second);
        assert!(!path.exists());
    }
}
