//! Who may do what at the admin address: by the token that a request presents, or by where it comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, header};

use super::admin_token::{AdminToken, TokenFileError, TokenProblem};
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
    /// Another one only when another text was found.
    token: ArcSwap<AdminToken>,
}

impl TokenFile {
    fn read(path: &Path) -> Result<Arc<Self>, TokenFileError> {
        let token = ArcSwap::from_pointee(AdminToken::read(path)?);
        Ok(Arc::new(Self { path: path.to_owned(), token }))
    }

    /// What is in the file now.
    fn newest(&self) -> Result<Arc<AdminToken>, TokenFileError> {
        let (known, found) = (self.token.load_full(), AdminToken::read(&self.path)?);
        Ok(if found.is_same(&known) { known } else { Arc::new(found) })
    }
}

/// The token by which a request was let in.
#[derive(Debug)]
pub(super) struct HeldToken {
    file: Arc<TokenFile>,
    token: Arc<AdminToken>,
}

impl HeldToken {
    /// Whether it would be let in by it again.
    pub(super) fn still_fits(&self) -> bool {
        Arc::ptr_eq(&self.file.token.load(), &self.token)
    }
}

/// When the files were read.
#[derive(Debug)]
struct ReadingClock {
    begun: Instant,
    /// When they were last read, in milliseconds since then.
    read_at: AtomicU64,
    /// Whether they are being read: a disk that hangs takes one thread, and not one more every second.
    reading: AtomicBool,
}

impl Default for ReadingClock {
    fn default() -> Self {
        Self { begun: Instant::now(), read_at: AtomicU64::new(0), reading: AtomicBool::new(false) }
    }
}

impl ReadingClock {
    /// Whether it is time to read again; true for one caller, until it has read.
    fn is_due(&self) -> bool {
        let (now, read_at) = (self.begun.elapsed().as_millis() as u64, self.read_at.load(Ordering::Relaxed));
        let is_old = now.saturating_sub(read_at) >= READ_EVERY.as_millis() as u64;
        is_old
            && self.read_at.compare_exchange(read_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            && !self.reading.swap(true, Ordering::Relaxed)
    }
}

/// The tokens that are set.
#[derive(Clone, Debug, Default)]
pub struct AdminAccess {
    change: Option<Arc<TokenFile>>,
    read: Option<Arc<TokenFile>>,
    clock: Arc<ReadingClock>,
    log_throttle: Arc<LogThrottle>,
}

impl AdminAccess {
    /// Reads the files that are given: of the token for everything, and of the one that may only read.
    ///
    /// # Errors
    /// [`TokenFileError`] for a file that is of no use, and for the second one if both have the same token.
    pub fn read(change: Option<&Path>, read: Option<&Path>) -> Result<Self, TokenFileError> {
        let file = |path: Option<&Path>| path.map(TokenFile::read).transpose();
        let (change, read) = (file(change)?, file(read)?);
        if let (Some(change), Some(read)) = (&change, &read) {
            differ((change, &change.token.load()), (read, &read.token.load()))?;
        }
        Ok(Self { change, read, clock: Arc::default(), log_throttle: Arc::default() })
    }

    /// With what spares the lines of the running proxy, which is there only after the files were read first.
    #[must_use]
    pub(super) fn with_log_throttle(self, log_throttle: &Arc<LogThrottle>) -> Self {
        Self { log_throttle: Arc::clone(log_throttle), ..self }
    }

    /// Whether any token is set.
    pub(super) fn asks(&self) -> bool {
        self.change.is_some() || self.read.is_some()
    }

    /// Reads the files again when they were not read for a second. Nothing waits for that: the next request is judged
    /// by what was found.
    pub(super) fn refresh(&self) {
        if self.clock.is_due() {
            let access = self.clone();
            tokio::task::spawn_blocking(move || access.read_again());
        }
    }

    /// Reads both files again. One that is of no use at the moment changes nothing: it may be about to be replaced.
    fn read_again(&self) {
        let newest = |file: &Option<Arc<TokenFile>>| {
            let file = Arc::clone(file.as_ref()?);
            let token = file.newest().unwrap_or_else(|error| {
                self.warn(&error);
                file.token.load_full()
            });
            Some((file, token))
        };
        let (change, read) = (newest(&self.change), newest(&self.read));
        let apart = match (&change, &read) {
            (Some((change, one)), Some((read, other))) => differ((change, one), (read, other)),
            _ => Ok(()),
        };
        match apart {
            Ok(()) => change.into_iter().chain(read).for_each(|(file, token)| file.token.store(token)),
            Err(error) => self.warn(&error),
        }
        self.clock.reading.store(false, Ordering::Relaxed);
    }

    fn warn(&self, error: &TokenFileError) {
        if let Some(suppressed) = self.log_throttle.pass("token_file") {
            tracing::warn!(%error, suppressed, "the tokens of the admin address stay as they were");
        }
    }

    /// What these headers give the right to where a token is asked for.
    pub(super) fn right(&self, headers: &HeaderMap) -> Result<AdminRight, WrongToken> {
        let Some(token) = presented(headers)? else { return Ok(AdminRight::Nothing) };
        let is = |file: &Option<Arc<TokenFile>>| file.as_ref().is_some_and(|file| file.token.load().is(token));
        // Both are compared always: which of them it is not shows in no time either.
        match (is(&self.change), is(&self.read)) {
            (true, _) => Ok(AdminRight::Change),
            (false, true) => Ok(AdminRight::Read),
            (false, false) => Err(WrongToken),
        }
    }

    /// The token that these headers present, if it is one of those that are set.
    pub(super) fn held(&self, headers: &HeaderMap) -> Option<HeldToken> {
        let presented = presented(headers).ok()??;
        self.change.iter().chain(&self.read).find_map(|file| {
            let token = file.token.load_full();
            token.is(presented).then(|| HeldToken { file: Arc::clone(file), token })
        })
    }
}

/// Whether the tokens of the two files differ: with the same one whoever may read could change everything.
fn differ(
    (change, one): (&TokenFile, &AdminToken),
    (read, other): (&TokenFile, &AdminToken),
) -> Result<(), TokenFileError> {
    if !one.is_same(other) {
        return Ok(());
    }
    Err(TokenFileError { path: read.path.clone(), problem: TokenProblem::Same { other: change.path.clone() } })
}

/// The token that these headers present, if any.
fn presented(headers: &HeaderMap) -> Result<Option<&[u8]>, WrongToken> {
    let mut presented = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = presented.next() else { return Ok(None) };
    bearer(first.as_bytes()).filter(|_| presented.next().is_none()).map(Some).ok_or(WrongToken)
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
    use crate::admin::api_state::tests::api;
    use crate::config::{LogFormat, LogLevel};
    use crate::observe::logs::logging::tests::written;

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
        let mut access = AdminAccess::read(Some(&file(folder.path(), "c", CHANGE)), None).unwrap();
        assert!(!access.clock.is_due());
        let begun = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        access.clock = Arc::new(ReadingClock { begun, ..ReadingClock::default() });
        assert!(access.clock.is_due());
        access.clock.read_at.store(0, Ordering::Relaxed);
        assert!(!access.clock.is_due(), "the first reading has not come to an end");
        access.read_again();
        access.clock.read_at.store(0, Ordering::Relaxed);
        assert!(access.clock.is_due());
    }

    #[test]
    fn a_file_that_changed_is_read_again_and_one_that_went_wrong_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let change = file(folder.path(), "c", CHANGE);
        let access = AdminAccess::read(Some(&change), None).unwrap();
        let again = || access.read_again();
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, format!("Bearer {CHANGE}").parse().unwrap());
        let held = access.held(&headers).unwrap();
        again();
        assert!(held.still_fits(), "the same text is the same token");
        file(folder.path(), "c", "short");
        again();
        assert!(held.still_fits());
        assert_eq!(right(&access, &["Bearer change-change-change"]), Ok(AdminRight::Change));
        file(folder.path(), "c", "another-another-another");
        again();
        assert_eq!(right(&access, &["Bearer change-change-change"]), Err(WrongToken));
        assert_eq!(right(&access, &["Bearer another-another-another"]), Ok(AdminRight::Change));
        assert!(!held.still_fits() && access.held(&headers).is_none());
    }

    #[test]
    fn a_file_that_stays_wrong_is_a_line_in_a_while_and_counted_with_all_others() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(AdminAccess::read(Some(&file(folder.path(), "c", CHANGE)), None).unwrap());
        file(folder.path(), "c", "short");
        let text = written(LogFormat::Text, LogLevel::Info, |_| (0..100).for_each(|_| api.access.read_again()));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(api.telemetry.log_throttle().pass("token_file"), None, "it was not asked");
    }

    #[test]
    fn one_token_in_both_files_is_an_error_and_changes_nothing_later() {
        let folder = tempfile::tempdir().unwrap();
        let (change, read) = (file(folder.path(), "c", CHANGE), file(folder.path(), "r", CHANGE));
        let said = AdminAccess::read(Some(&change), Some(&read)).unwrap_err().to_string();
        assert!(said.contains("/r: it has the same token as ") && said.ends_with("/c: make another one"), "{said}");
        assert!(!said.contains(CHANGE));
        assert!(AdminAccess::read(Some(&change), Some(&change)).is_err());
        file(folder.path(), "r", READ);
        let access = AdminAccess::read(Some(&change), Some(&read)).unwrap();
        file(folder.path(), "r", CHANGE);
        access.read_again();
        assert_eq!(right(&access, &["Bearer read-read-read-read"]), Ok(AdminRight::Read));
        assert_eq!(right(&access, &["Bearer change-change-change"]), Ok(AdminRight::Change));
        file(folder.path(), "c", READ);
        access.read_again();
        assert_eq!(right(&access, &["Bearer read-read-read-read"]), Ok(AdminRight::Change), "they were exchanged");
        assert_eq!(right(&access, &["Bearer change-change-change"]), Ok(AdminRight::Read));
    }
}
