//! The file of one week, open for writing.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Result, named_params};

use super::history_error::HistoryError;
use super::history_row::HistoryRow;
use super::schema_update::{self, SCHEMA, SCHEMA_VERSION};
use super::state_directory::is_a_link;

/// Says that it is a file of zoogate, in `application_id`: "zoog".
const APPLICATION: i64 = 0x7a6f_6f67;
/// How long a reader may be in the way.
const BUSY: Duration = Duration::from_secs(2);
/// Bytes that SQLite may use in memory, for all files together.
pub(crate) const SQLITE_MEMORY: usize = 16 << 20;
/// What each file that is written to may keep in memory, in KiB.
const PAGES_KIB: i64 = 512;
/// Bytes that the log beside a file keeps when it is empty.
const LOG_KEPT: i64 = 1 << 20;
/// Names that are looked at together, of which those go that no row has.
pub(crate) const NAMES_SWEPT: usize = 4_096;

/// Tables with a moment, from which the oldest rows are removed.
const TABLES: [&str; 6] = ["latency_hours", "ensemble_events", "moves", "refusals", "risks", "incidents"];

/// A file that is open.
#[derive(Debug)]
pub(super) struct WeekFile {
    connection: Connection,
    path: PathBuf,
    run: u64,
    /// The version of its tables.
    version: i64,
    /// The last of the names that were looked at; empty where the next to be looked at is the first.
    swept: String,
}

impl WeekFile {
    /// Opens the file, or creates it, readable for its owner alone.
    pub(super) fn open(path: &Path, run: u64) -> std::result::Result<Self, HistoryError> {
        let unusable = |error| HistoryError::File { path: path.to_path_buf(), error };
        // One that is there is not touched: whoever opens and closes a file by itself ends the locks that SQLite has on it
        // in this process, those of readers too.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(unusable(error));
            }
            _ => {}
        }
        let failed = |error| HistoryError::Database { path: path.to_path_buf(), error };
        // SQLite opens it by its path. With this flag it refuses a link anywhere in it, and the kernel does so for the file
        // itself and what stands beside it, so that nobody can be quicker than a look at it.
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = match Connection::open_with_flags(path, flags) {
            Err(_) if path.is_symlink() => return Err(unusable(is_a_link())),
            opened => opened.map_err(failed)?,
        };
        let version = prepare(&connection).map_err(failed)?;
        if version > SCHEMA_VERSION {
            return Err(HistoryError::Version { path: path.to_path_buf(), version, known: SCHEMA_VERSION });
        }
        let started = "INSERT OR IGNORE INTO runs (run, version) VALUES (?1, ?2)";
        connection.execute(started, (run, env!("CARGO_PKG_VERSION"))).map_err(failed)?;
        Ok(Self { connection, path: path.to_path_buf(), run, version, swept: String::new() })
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> HistoryError + '_ {
        |error| HistoryError::Database { path: self.path.clone(), error }
    }

    /// Looks whether all of it can be read.
    pub(super) fn check(&self) -> std::result::Result<(), HistoryError> {
        let found: String =
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(self.failed())?;
        if found == "ok" {
            return Ok(());
        }
        let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        Err(self.failed()(rusqlite::Error::SqliteFailure(corrupt, Some(found))))
    }

    /// Incidents and risks that an earlier run left open were cut: nothing more will be seen of them.
    pub(super) fn cut_what_is_open(&self) -> std::result::Result<(), HistoryError> {
        for sql in [
            "UPDATE incidents SET state = 'cut', until_ms = last_ms WHERE state = 'open' AND run <> ?1",
            "UPDATE risks SET state = 'cut' WHERE state = 'open' AND run <> ?1",
        ] {
            self.connection.execute(sql, [self.run]).map_err(self.failed())?;
        }
        Ok(())
    }

    /// Writes rows, all or none of them.
    pub(super) fn write<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a HistoryRow>,
    ) -> std::result::Result<(), HistoryError> {
        self.update()?;
        let run = self.run;
        let write = || {
            let transaction = self.connection.transaction()?;
            for row in rows {
                row.write(run, &transaction)?;
            }
            transaction.commit()
        };
        write().map_err(|error| HistoryError::Database { path: self.path.clone(), error })
    }

    /// Brings the tables of an earlier zoogate to those of today. Files that nothing is written to stay as they are: they
    /// can be read as well.
    fn update(&mut self) -> std::result::Result<(), HistoryError> {
        if self.version >= SCHEMA_VERSION {
            return Ok(());
        }
        let mut update = || {
            schema_update::update(&mut self.connection)?;
            all_rows(&self.connection, "PRAGMA incremental_vacuum")
        };
        update().map_err(|error| HistoryError::Database { path: self.path.clone(), error })?;
        self.version = SCHEMA_VERSION;
        Ok(())
    }

    /// Puts what stands in the log beside the file into the file, and empties the log; false where a reader is in the way.
    pub(super) fn empty_log(&self) -> std::result::Result<bool, HistoryError> {
        empty_log(&self.connection).map_err(self.failed())
    }

    /// Removes some of the oldest rows of each table, where wanted also names that no row has, and gives their room back to
    /// the disk. Returns how many rows there were.
    pub(super) fn remove_oldest(&mut self, most: usize, sweeps: bool) -> std::result::Result<usize, HistoryError> {
        self.update()?;
        let mut remove = || -> Result<usize> {
            let transaction = self.connection.transaction()?;
            let counts: Vec<usize> = TABLES.iter().map(|table| count(&transaction, table)).collect::<Result<_>>()?;
            let whole: usize = counts.iter().sum();
            // Most of a small file stays.
            let rows = most.min(whole / 8).max(1);
            let mut removed = 0;
            for (table, count) in TABLES.iter().zip(counts) {
                // Of each its share, so that none is emptied for the others.
                let share = (rows * count).div_ceil(whole.max(1));
                let Some(last) = share.checked_sub(1) else { continue };
                // All of that moment: also where many are of one, something is removed.
                let edge = format!("SELECT at_ms FROM {table} ORDER BY at_ms LIMIT 1 OFFSET {last}");
                removed += transaction.execute(&format!("DELETE FROM {table} WHERE at_ms <= ({edge})"), [])?;
            }
            for table in ["incident_holders", "incident_texts"] {
                let orphans = format!(
                    "DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM incidents
                        WHERE incidents.run = {table}.run AND incidents.incident = {table}.incident)"
                );
                transaction.execute(&orphans, [])?;
            }
            // Where there are no rows at all too: clients make as many names as they like.
            let swept = sweeps.then(|| sweep_names(&transaction, &self.swept)).transpose()?;
            transaction.commit()?;
            if let Some(swept) = swept {
                self.swept = swept;
            }
            all_rows(&self.connection, "PRAGMA incremental_vacuum")?;
            empty_log(&self.connection)?;
            Ok(removed)
        };
        remove().map_err(|error| HistoryError::Database { path: self.path.clone(), error })
    }
}

fn empty_log(connection: &Connection) -> Result<bool> {
    // A reader that is in the way now may stay there: what happens meanwhile does not wait for it.
    connection.busy_timeout(Duration::ZERO)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY)?;
    busy.map(|busy| busy == 0)
}

fn count(connection: &Connection, table: &str) -> Result<usize> {
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
        .map(|one| one as usize)
}

/// Removes those of the names behind this one that no row has. Returns the last that was looked at; none where that was the
/// last of all, and the next to be looked at is the first.
fn sweep_names(connection: &Connection, from: &str) -> Result<String> {
    let last = NAMES_SWEPT - 1;
    let edge =
        format!("SELECT identity FROM identities WHERE identity > :from ORDER BY identity LIMIT 1 OFFSET {last}");
    let to: Option<String> =
        connection.query_row(&edge, named_params! { ":from": from }, |row| row.get(0)).optional()?;
    // Four tables are asked by their index for each name; latencies have none, and are read once for all names.
    let sql = "DELETE FROM identities WHERE identity > :from AND (:to IS NULL OR identity <= :to)
        AND NOT EXISTS (SELECT 1 FROM moves WHERE moves.identity = identities.identity)
        AND NOT EXISTS (SELECT 1 FROM refusals WHERE refusals.identity = identities.identity)
        AND NOT EXISTS (SELECT 1 FROM risks WHERE risks.identity = identities.identity)
        AND NOT EXISTS (SELECT 1 FROM incident_holders WHERE incident_holders.identity = identities.identity)
        AND identity NOT IN
            (SELECT identity FROM latency_hours WHERE identity > :from AND (:to IS NULL OR identity <= :to))";
    connection.execute(sql, named_params! { ":from": from, ":to": to })?;
    Ok(to.unwrap_or_default())
}

/// Does what takes effect row by row.
fn all_rows(connection: &Connection, sql: &str) -> Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Makes the tables where there are none. Returns the version of the file.
fn prepare(connection: &Connection) -> Result<i64> {
    connection.busy_timeout(BUSY)?;
    all_rows(connection, &format!("PRAGMA hard_heap_limit = {SQLITE_MEMORY}"))?;
    connection.pragma_update(None, "cache_size", -PAGES_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > SCHEMA_VERSION {
        // Not ours to change.
        return Ok(version);
    }
    if version == 0 {
        // Rows that are removed leave no holes for good.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    all_rows(connection, "PRAGMA journal_mode = WAL")?;
    // Each transaction reaches the disk before the next: not only the process may be killed, the machine may fail too.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
    if version == 0 {
        let whole = format!(
            "BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        );
        connection.execute_batch(&whole)?;
        return Ok(SCHEMA_VERSION);
    }
    Ok(version)
}
