//! Files with what zoogate knows of sessions: readable for their owner alone.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// A session id is half of what takes a session over, and some clients send no password.
const OWNER_ALONE: u32 = 0o600;

/// An empty file, new or in place of what was in it. One that others may read is made private before it is emptied; a pipe or a
/// device is left as it is.
///
/// # Errors
/// It cannot be written, or it belongs to somebody else and others may read it.
pub(super) fn create(path: &Path) -> io::Result<File> {
    // Not emptied by opening it: what cannot be made private keeps what it has.
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(OWNER_ALONE).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        if metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(OWNER_ALONE))?;
        }
        file.set_len(0)?;
    }
    Ok(file)
}

/// A file that was not there.
///
/// # Errors
/// It is there, or cannot be written.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(OWNER_ALONE).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_can_read_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (new, wide, other) = (folder.path().join("new"), folder.path().join("wide"), folder.path().join("other"));
        fs::write(&wide, "what was there before").unwrap();
        fs::set_permissions(&wide, Permissions::from_mode(0o644)).unwrap();
        for path in [&new, &wide] {
            create(path).unwrap().write_all(b"text").unwrap();
            assert_eq!((fs::read_to_string(path).unwrap().as_str(), mode(path)), ("text", 0o600), "{path:?}");
        }
        drop(create_new(&other).unwrap());
        assert_eq!(mode(&other), 0o600);
        assert_eq!(create_new(&wide).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        create(Path::new("/dev/null")).unwrap().write_all(b"a device").unwrap();
    }
}
