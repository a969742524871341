//! Files of settings, whatever they are: one without an end is not read for ever, and one that nobody writes is not
//! waited for for ever.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// Longest file that is taken for settings, in bytes.
const LONGEST_FILE: u64 = 4 << 20;
/// How long more of a pipe or a terminal, or its end, is waited for: somebody may have to type a passphrase first.
const PATIENCE: Duration = Duration::from_mins(1);

/// All that can be read here, whatever it is: a device or a pipe may have no end.
pub(super) fn read_whole(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    if read as u64 > LONGEST_FILE {
        return Err(io::Error::other("it is longer than 4 MiB, which no configuration is"));
    }
    Ok(bytes)
}

/// All that is in a file, or comes out of a pipe.
///
/// # Errors
/// It cannot be read, it is too long, or neither more of it nor its end comes.
pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    read_within(path, PATIENCE)
}

fn read_within(path: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() {
        return read_whole(File::open(path)?);
    }
    // Without this, to open a pipe lasts until somebody writes. A regular file would be refused with it while another
    // program has a lease on it.
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    read_whole(AwaitedFile { file, heard_at: Instant::now(), patience })
}

/// What somebody else may write while it is read: a pipe, a terminal, a device.
struct AwaitedFile {
    file: File,
    /// When something last came out of it.
    heard_at: Instant,
    patience: Duration,
}

impl AwaitedFile {
    /// Waits until there is something to read, or the end.
    fn wait(&self) -> io::Result<()> {
        loop {
            let left = self.patience.saturating_sub(self.heard_at.elapsed());
            if left.is_zero() {
                let waited = self.patience.as_secs();
                let said = format!("it is no regular file, and neither more of it nor its end came within {waited} s");
                return Err(io::Error::new(io::ErrorKind::TimedOut, said));
            }
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&left)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for AwaitedFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match self.file.read(bytes) {
                // Another reader took it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    if read.as_ref().is_ok_and(|read| *read > 0) {
                        self.heard_at = Instant::now();
                    }
                    return read;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::thread;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    /// Far longer than a test takes.
    const LONG: Duration = Duration::from_hours(1);
    /// Over as soon as it is looked at.
    const SHORT: Duration = Duration::from_millis(1);

    fn pipe(folder: &Path) -> PathBuf {
        let path = folder.join("pipe");
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        path
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = pipe(folder.path());
        let written = "key = 1\n".repeat(100_000);
        let (to, text) = (path.clone(), written.clone());
        let writer = thread::spawn(move || fs::write(to, text).unwrap());
        assert_eq!(read_within(&path, LONG).unwrap(), written.as_bytes());
        writer.join().unwrap();
    }

    #[test]
    fn a_pipe_that_nobody_writes_or_ends_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = pipe(folder.path());
        let refusal = |path: &Path| {
            let error = read_within(path, SHORT).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            error.to_string()
        };
        assert_eq!(refusal(&path), "it is no regular file, and neither more of it nor its end came within 0 s");
        // Open for reading too, so that it opens without a reader.
        let mut held = File::options().read(true).write(true).open(&path).unwrap();
        held.write_all(b"key =").unwrap();
        refusal(&path);
    }

    #[test]
    fn whoever_writes_on_is_waited_for_anew() {
        let folder = tempfile::tempdir().unwrap();
        // Open for reading too, so that it opens without a reader.
        let mut file = File::options().read(true).write(true).open(pipe(folder.path())).unwrap();
        file.write_all(b"key =").unwrap();
        let began_at = Instant::now();
        let mut awaited = AwaitedFile { file, heard_at: began_at, patience: LONG };
        assert_eq!(awaited.read(&mut [0; 16]).unwrap(), 5);
        assert!(awaited.heard_at > began_at);
    }

    #[test]
    fn a_terminal_on_which_nobody_types_is_given_up() {
        let pair = portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).unwrap();
        let path = pair.master.tty_name().unwrap();
        assert_eq!(read_within(&path, SHORT).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_device_without_an_end_and_a_file_that_is_too_long_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "key = 1\n").unwrap();
        assert_eq!(read_within(&path, SHORT).unwrap(), b"key = 1\n");
        fs::write(&path, vec![b' '; LONGEST_FILE as usize + 1]).unwrap();
        for path in [Path::new("/dev/zero"), &path] {
            let said = read_within(path, LONG).unwrap_err().to_string();
            assert_eq!(said, "it is longer than 4 MiB, which no configuration is", "{path:?}");
        }
        assert_eq!(read_within(Path::new("/dev/null"), LONG).unwrap(), b"");
    }
}
