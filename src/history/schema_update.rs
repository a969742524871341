//! The tables of a file, and how a file of an earlier version gets them.

use rusqlite::{Connection, Result, Transaction, TransactionBehavior};

/// The tables, as the documentation of the files too.
pub(super) const SCHEMA: &str = include_str!("schema.sql");
/// The version of the tables, in `user_version` of each file.
pub(super) const SCHEMA_VERSION: i64 = 2;
/// Tables that there were in version 1.
const TABLES: [&str; 9] = [
    "runs",
    "identities",
    "moves",
    "refusals",
    "incidents",
    "incident_holders",
    "ensemble_events",
    "latency_hours",
    "risks",
];

/// Makes the tables as they are in a file that is new, and takes every row over: all of it or nothing.
pub(super) fn update(connection: &mut Connection) -> Result<()> {
    let all = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    all.execute_batch("DROP VIEW IF EXISTS history")?;
    // Their names are those of the new ones.
    for index in names(&all, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")? {
        all.execute_batch(&format!("DROP INDEX {}", quoted(&index)))?;
    }
    for table in TABLES {
        all.execute_batch(&format!("ALTER TABLE {table} RENAME TO earlier_{table}"))?;
    }
    all.execute_batch(SCHEMA)?;
    for table in TABLES {
        // Columns that are made from others are none of these.
        let columns = names(&all, &format!("SELECT name FROM pragma_table_info('{table}')"))?;
        let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        let columns = columns.join(", ");
        // One row after the other: what sorts them for an index at once would need them all in memory.
        all.execute_batch(&format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM earlier_{table}"))?;
    }
    all.execute_batch(
        "INSERT INTO incident_texts (run, incident, evidence, impact, revisions)
            SELECT run, incident, evidence, impact, revisions FROM earlier_incidents",
    )?;
    for table in TABLES {
        all.execute_batch(&format!("DROP TABLE earlier_{table}"))?;
    }
    all.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    all.commit()
}

fn names(from: &Transaction<'_>, sql: &str) -> Result<Vec<String>> {
    let mut found = from.prepare(sql)?;
    found.query_map([], |row| row.get(0))?.collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
