//! Who may do what at the admin address: by the token that a request presents, or by where it comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, header};

use super::admin_token::{AdminToken, TokenFileError};
use crate::observe::LogThrottle;

/// How old what was read of a token file may be before it is read again.
const READ_EVERY: Duration = Duration::from_secs(1);

/// What a request may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum AdminRight {
    /// Ask for what shows nothing of the traffic.
    Nothing,
    /// Ask for everything.
    Read,
    /// Change something too.
    Change,
}

/// A request presented a token that is none of those that are set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct WrongToken;

/// A token file, read anew while it is used.
#[derive(Debug)]
struct TokenFile {
    path: PathBuf,
    token: ArcSwap<AdminToken>,
    begun: Instant,
    /// When it was last read, in milliseconds since then.
    read_at: AtomicU64,
    /// Whether it is being read: a disk that hangs takes one thread, and not one more every second.
    reading: AtomicBool,
}

impl TokenFile {
    fn read(path: &Path) -> Result<Arc<Self>, TokenFileError> {
        let token = ArcSwap::from_pointee(AdminToken::read(path)?);
        Ok(Arc::new(Self {
            path: path.to_owned(),
            token,
            begun: Instant::now(),
            read_at: AtomicU64::new(0),
            reading: AtomicBool::new(false),
        }))
    }

    /// Whether it is this file's turn to be read again; true for one caller, until it has read.
    fn is_due(&self) -> bool {
        let (now, read_at) = (self.begun.elapsed().as_millis() as u64, self.read_at.load(Ordering::Relaxed));
        let is_old = now.saturating_sub(read_at) >= READ_EVERY.as_millis() as u64;
        is_old
            && self.read_at.compare_exchange(read_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            && !self.reading.swap(true, Ordering::Relaxed)
    }

    /// Reads it again. A file that is of no use at the moment changes nothing: it may be about to be replaced.
    fn read_again(&self, log: &LogThrottle) {
        match AdminToken::read(&self.path) {
            Ok(token) => self.token.store(Arc::new(token)),
            Err(error) => {
                if let Some(suppressed) = log.pass("token_file") {
                    tracing::warn!(%error, suppressed, "the token of the admin address stays as it was");
                }
            }
        }
        self.reading.store(false, Ordering::Relaxed);
    }
}

/// The tokens that are set.
#[derive(Clone, Debug, Default)]
pub struct AdminAccess {
    change: Option<Arc<TokenFile>>,
    read: Option<Arc<TokenFile>>,
    log: Arc<LogThrottle>,
}

impl AdminAccess {
    /// Reads the files that are given: of the token for everything, and of the one that may only read.
    ///
    /// # Errors
    /// [`TokenFileError`] for a file that is of no use.
    pub fn read(change: Option<&Path>, read: Option<&Path>) -> Result<Self, TokenFileError> {
        let file = |path: Option<&Path>| path.map(TokenFile::read).transpose();
        Ok(Self { change: file(change)?, read: file(read)?, log: Arc::default() })
    }

    /// Whether any token is set.
    pub(super) fn asks(&self) -> bool {
        self.change.is_some() || self.read.is_some()
    }

    /// Reads the files again when they were not read for a second. Nothing waits for that: the next request is judged
    /// by what was found.
    pub(super) fn refresh(&self) {
        for file in self.change.iter().chain(&self.read).filter(|file| file.is_due()) {
            let (file, log) = (Arc::clone(file), Arc::clone(&self.log));
            tokio::task::spawn_blocking(move || file.read_again(&log));
        }
    }

    /// What these headers give the right to where a token is asked for.
    pub(super) fn right(&self, headers: &HeaderMap) -> Result<AdminRight, WrongToken> {
        let mut presented = headers.get_all(header::AUTHORIZATION).iter();
        let Some(first) = presented.next() else { return Ok(AdminRight::Nothing) };
        let token = bearer(first.as_bytes()).filter(|_| presented.next().is_none()).ok_or(WrongToken)?;
        let is = |file: &Option<Arc<TokenFile>>| file.as_ref().is_some_and(|file| file.token.load().is(token));
        // Both are compared always: which of them it is not shows in no time either.
        match (is(&self.change), is(&self.read)) {
            (true, _) => Ok(AdminRight::Change),
            (false, true) => Ok(AdminRight::Read),
            (false, false) => Err(WrongToken),
        }
    }
}

/// The token in `Bearer TOKEN` (RFC 6750).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::OpenOptionsExt as _;

    use super::*;

    fn file(folder: &Path, name: &str, token: &str) -> PathBuf {
        let path = folder.join(name);
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        std::io::Write::write_all(&mut options.open(&path).unwrap(), token.as_bytes()).unwrap();
        path
    }

    fn right(access: &AdminAccess, values: &[&str]) -> Result<AdminRight, WrongToken> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        access.right(&headers)
    }

    const CHANGE: &str = "change-change-change";
    const READ: &str = "read-read-read-read";

    #[test]
    fn a_token_gives_its_own_right_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (change, read) = (file(folder.path(), "c", CHANGE), file(folder.path(), "r", READ));
        let access = AdminAccess::read(Some(&change), Some(&read)).unwrap();
        assert!(access.asks() && !AdminAccess::default().asks());
        for (values, expected) in [
            (&[][..], Ok(AdminRight::Nothing)),
            (&["Bearer change-change-change"], Ok(AdminRight::Change)),
            (&["bearer  change-change-change "], Ok(AdminRight::Change)),
            (&["Bearer read-read-read-read"], Ok(AdminRight::Read)),
            (&["Bearer change-change-changf"], Err(WrongToken)),
            (&["Bearer "], Err(WrongToken)),
            (&["change-change-change"], Err(WrongToken)),
            (&["Basic change-change-change"], Err(WrongToken)),
            (&["Bearer change-change-change", "Bearer change-change-change"], Err(WrongToken)),
            (&[""], Err(WrongToken)),
        ] {
            assert_eq!(right(&access, values), expected, "{values:?}");
        }
        let only = AdminAccess::read(Some(&change), None).unwrap();
        assert_eq!(right(&only, &["Bearer read-read-read-read"]), Err(WrongToken));
    }

    #[test]
    fn a_file_is_read_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let access = AdminAccess::read(Some(&file(folder.path(), "c", CHANGE)), None).unwrap();
        let file = access.change.as_ref().unwrap();
        let is_due = |read_seconds_ago: u64| {
            let begun = Instant::now().checked_sub(Duration::from_secs(read_seconds_ago)).unwrap();
            let file = TokenFile {
                path: file.path.clone(),
                token: ArcSwap::from(file.token.load_full()),
                begun,
                read_at: AtomicU64::new(0),
                reading: AtomicBool::new(false),
            };
            (file.is_due(), file)
        };
        assert!(!is_due(0).0);
        let (due, slow) = is_due(5);
        assert!(due);
        slow.read_at.store(0, Ordering::Relaxed);
        assert!(!slow.is_due(), "the first reading has not come to an end");
        slow.read_again(&access.log);
        slow.read_at.store(0, Ordering::Relaxed);
        assert!(slow.is_due());
    }

    #[test]
    fn a_file_that_changed_is_read_again_and_one_that_went_wrong_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let change = file(folder.path(), "c", CHANGE);
        let access = AdminAccess::read(Some(&change), None).unwrap();
        let again = || access.change.as_ref().unwrap().read_again(&access.log);
        file(folder.path(), "c", "short");
        again();
        assert_eq!(right(&access, &["Bearer change-change-change"]), Ok(AdminRight::Change));
        file(folder.path(), "c", "another-another-another");
        again();
        assert_eq!(right(&access, &["Bearer change-change-change"]), Err(WrongToken));
        assert_eq!(right(&access, &["Bearer another-another-another"]), Ok(AdminRight::Change));
    }
}
