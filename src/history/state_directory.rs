//! The state directory and its files: one zoogate's, a file for each week.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::calendar_week::CalendarWeek;
use super::history_error::HistoryError;
use crate::text::one_line;

/// Who holds the directory: locked while that process lives, with its number inside.
const LOCK_FILE: &str = "zoogate.lock";
/// What SQLite puts beside a file.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];
/// Bytes that a file needs at least when it is opened: a page of its log, and the index of that.
const LEAST_ROOM: u64 = 64 << 10;
/// What stands behind the name of a file that was set aside, before a number.
const DAMAGED: &str = ".damaged-";

/// A state directory that belongs to this process as long as this value lives.
#[derive(Debug)]
pub(super) struct StateDirectory {
    /// Without links on the way.
    path: PathBuf,
    _lock: File,
}

impl StateDirectory {
    /// Creates the directory where it is missing, readable for its owner alone, and takes it.
    ///
    /// # Errors
    /// [`HistoryError::InUse`] when another process has it, [`HistoryError::Directory`] when it cannot be used.
    pub(super) fn claim(path: &Path) -> Result<Self, HistoryError> {
        let failed = |operation| {
            let path = path.to_path_buf();
            move |error| HistoryError::Directory { path, operation, error }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create it"))?;
        let (directory, held) = held(path).map_err(failed("open it"))?;
        let mut lock = open_lock(&held).map_err(failed("open its lock file"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let process = lock.read_to_string(&mut process).ok().and_then(|_| process.trim().parse().ok());
                return Err(HistoryError::InUse { path: path.to_path_buf(), process });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock it")(error)),
        }
        // The number is for people. Without it the directory is taken all the same, also on a full disk.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        warn_of_others(path);
        Ok(Self { path: directory, _lock: lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a week.
    pub(super) fn file(&self, week: CalendarWeek) -> PathBuf {
        self.path.join(week.file_name())
    }

    /// Bytes of all files of the history, those that were set aside included.
    pub(super) fn size(&self) -> u64 {
        own_files(&self.path).map(|(_, size)| size).sum()
    }

    /// The same without the logs beside the files: how long those are is a matter of readers, and nothing that is deleted
    /// makes them shorter.
    pub(super) fn size_without_logs(&self) -> u64 {
        let is_log = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(COMPANIONS[0]) && !name.contains(DAMAGED)
        };
        own_files(&self.path).filter(|(path, _)| !is_log(path)).map(|(_, size)| size).sum()
    }

    /// Whether the disk has hardly any room left: by what fails then that is not always said.
    pub(super) fn is_full(&self) -> bool {
        rustix::fs::statvfs(&self.path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < LEAST_ROOM)
    }

    /// Deletes the file of a week.
    pub(super) fn remove(&self, week: CalendarWeek) -> io::Result<()> {
        let file = self.file(week);
        for companion in COMPANIONS {
            let _ = fs::remove_file(beside(&file, companion));
        }
        fs::remove_file(file)
    }

    /// Puts the file of a week out of the way, and says where it is now.
    pub(super) fn set_aside(&self, week: CalendarWeek) -> io::Result<PathBuf> {
        let file = self.file(week);
        let free = (1..=u32::MAX).map(|number| beside(&file, &format!("{DAMAGED}{number}")));
        let target = free.into_iter().find(|path| !path.exists()).unwrap_or_else(|| beside(&file, DAMAGED));
        for companion in COMPANIONS {
            // They belong to this file: a new one must not find them.
            let _ = fs::rename(beside(&file, companion), beside(&target, companion));
        }
        fs::rename(&file, &target)?;
        Ok(target)
    }

    /// Files that were set aside, the oldest first.
    pub(super) fn damaged(&self) -> Vec<(PathBuf, SystemTime)> {
        let is_damaged = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains(DAMAGED));
        let set_aside = own_files(&self.path).map(|(path, _)| path).filter(is_damaged);
        let mut found: Vec<_> = set_aside
            .map(|path| {
                let changed = fs::metadata(&path).and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                (path, changed)
            })
            .collect();
        found.sort_by_key(|(_, changed)| *changed);
        found
    }

    /// Files that were set aside longer ago than this.
    pub(super) fn damaged_before(&self, keep: Duration) -> Vec<PathBuf> {
        let is_old = |changed: &SystemTime| changed.elapsed().is_ok_and(|age| age > keep);
        self.damaged().into_iter().filter(|(_, changed)| is_old(changed)).map(|(path, _)| path).collect()
    }
}

/// What is said of a file that is a link: what it names is nothing of zoogate's.
pub(super) fn is_a_link() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link, which is not followed")
}

/// The path of a directory without the links that may be on the way to it, for SQLite to open files by: then it refuses
/// every link that it meets.
///
/// # Errors
/// There is no such directory.
pub(super) fn without_links(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// The directory, opened once for what is opened in it, and its path.
fn held(path: &Path) -> io::Result<(PathBuf, OwnedFd)> {
    let path = without_links(path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::open(&path, flags, Mode::empty())?;
    Ok((path, held))
}

/// The kernel itself refuses a link here: no look before could be outrun by whoever puts one there.
fn open_lock(directory: &OwnedFd) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, LOCK_FILE, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::LOOP) => Err(is_a_link()),
        opened => Ok(File::from(opened?)),
    }
}

/// Says where others may put files into the directory, or take them out of it. It is used all the same: volumes of
/// containers are often so.
fn warn_of_others(path: &Path) {
    let Ok(about) = fs::metadata(path) else { return };
    let (mode, owner) = (about.mode() & 0o777, about.uid());
    let is_ours = owner == 0 || owner == rustix::process::geteuid().as_raw();
    if !is_ours || mode & 0o002 != 0 {
        let directory = path.display().to_string();
        tracing::warn!(directory = %one_line(&directory), owner, mode = format!("{mode:o}"), "other users may change the state directory: give zoogate one of its own with mode 0700");
    }
}

/// The weeks that have a file in a directory, oldest first.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn weeks_of(path: &Path) -> io::Result<Vec<CalendarWeek>> {
    let names = fs::read_dir(path)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut weeks: Vec<CalendarWeek> = names.filter_map(|name| CalendarWeek::of_file(&name)).collect();
    weeks.sort_unstable();
    Ok(weeks)
}

/// Whether a file has changes beside it that are not in it yet.
pub(super) fn has_log(file: &Path) -> bool {
    beside(file, COMPANIONS[0]).exists()
}

/// Files of the history, with their sizes in bytes.
fn own_files(path: &Path) -> impl Iterator<Item = (PathBuf, u64)> {
    let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let end = name.find(".db")?;
        CalendarWeek::of_file(&name[..end + 3])?;
        // The index of the log is not on the disk until it is written to.
        let size = if name.ends_with(COMPANIONS[1]) { 0 } else { entry.metadata().ok()?.len() };
        Some((entry.path(), size))
    })
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::api::HistoryParameters;
    use crate::history::history_error::FailureKind;
    use crate::history::week_file::WeekFile;
    use crate::history::{HistoryFilter, HistoryReader};

    #[test]
    fn a_directory_belongs_to_one_and_is_free_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/state");
        let first = StateDirectory::claim(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let error = StateDirectory::claim(&path).unwrap_err().to_string();
        let process = format!("in use by another zoogate (process {})", std::process::id());
        assert!(error.contains(&process), "{error}");
        drop(first);
        StateDirectory::claim(&path).unwrap();
    }

    #[test]
    fn what_is_no_directory_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "").unwrap();
        let error = StateDirectory::claim(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot use the state directory {}: cannot create it", path.display())));
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (state, target) = (folder.path().join("state"), folder.path().join("target"));
        fs::create_dir(&state).unwrap();
        fs::write(&target, "of another").unwrap();
        std::os::unix::fs::symlink(&target, state.join(LOCK_FILE)).unwrap();
        let error = StateDirectory::claim(&state).unwrap_err();
        assert!(error.to_string().ends_with("it is a symbolic link, which is not followed"), "{error}");
        fs::remove_file(state.join(LOCK_FILE)).unwrap();
        let directory = StateDirectory::claim(&state).unwrap();
        let week = directory.file(CalendarWeek::of(0));
        // Nobody looks at the file before SQLite opens it: what refuses the link is the opening.
        std::os::unix::fs::symlink(&target, &week).unwrap();
        let error = WeekFile::open(&week, 1).unwrap_err();
        assert!(error.to_string().ends_with("it is a symbolic link, which is not followed"), "{error}");
        fs::remove_file(&week).unwrap();
        drop(WeekFile::open(&week, 1).unwrap());
        for companion in COMPANIONS {
            let link = beside(&week, companion);
            // The index of the log is left behind by nobody who closes the file.
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(&target, &link).unwrap();
            // SQLite may remove a link that it has no use for.
            if let Err(error) = WeekFile::open(&week, 1) {
                assert_eq!(error.kind(), FailureKind::Disk, "{companion}: {error}");
            }
            assert_eq!(fs::read_to_string(&target).unwrap(), "of another", "{companion}");
            let _ = fs::remove_file(&link);
        }
        WeekFile::open(&week, 1).unwrap();
    }

    #[test]
    fn a_link_on_the_way_to_the_directory_is_followed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, link) = (folder.path().join("disk"), folder.path().join("link"));
        fs::create_dir(&disk).unwrap();
        std::os::unix::fs::symlink(&disk, &link).unwrap();
        let directory = StateDirectory::claim(&link.join("state")).unwrap();
        let week = directory.file(CalendarWeek::of(0));
        assert!(week.starts_with(fs::canonicalize(&disk).unwrap()), "{week:?}");
        drop(WeekFile::open(&week, 1).unwrap());
        // Where the link leads later is no matter.
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("/nowhere", &link).unwrap();
        WeekFile::open(&directory.file(CalendarWeek::of(0)), 1).unwrap();
    }

    #[test]
    fn whoever_reads_follows_no_links_either() {
        let folder = tempfile::tempdir().unwrap();
        let (state, other) = (folder.path().join("state"), folder.path().join("other"));
        let [week, later] = [0, 7 * 86_400_000].map(CalendarWeek::of);
        for path in [&state, &other] {
            let directory = StateDirectory::claim(path).unwrap();
            WeekFile::open(&directory.file(week), 1).unwrap();
        }
        std::os::unix::fs::symlink(other.join(week.file_name()), state.join(later.file_name())).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&state, &link).unwrap();
        let asked = HistoryFilter::of(&HistoryParameters::default(), 0).unwrap();
        let (_, unread) = HistoryReader::new(&link).summary(&asked).unwrap();
        let unread: Vec<&str> = unread.iter().map(|one| one.file.as_str()).collect();
        assert_eq!(unread, [later.file_name()], "the link is named, and the directory is read by the one to it");
    }

    #[test]
    fn files_are_set_aside_with_what_belongs_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let directory = StateDirectory::claim(folder.path()).unwrap();
        let week = CalendarWeek::of(0);
        for round in 1..=2 {
            fs::write(directory.file(week), "four").unwrap();
            fs::write(beside(&directory.file(week), "-wal"), "log").unwrap();
            assert_eq!((directory.size(), directory.size_without_logs()), (7 * round, 7 * round - 3));
            let aside = directory.set_aside(week).unwrap();
            assert!(aside.ends_with(format!("zoogate-1970-W01.db.damaged-{round}")), "{aside:?}");
            assert!(!has_log(&directory.file(week)));
        }
        assert_eq!((directory.damaged().len(), weeks_of(folder.path()).unwrap().len()), (4, 0));
        assert_eq!(directory.damaged_before(Duration::ZERO).len(), 4);
        assert_eq!(directory.damaged_before(Duration::from_hours(1)).len(), 0);
    }
}
