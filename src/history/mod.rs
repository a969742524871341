//! The history on disk: what happened, in SQLite files, one for each week, for those who ask whether it happened before.
//!
//! It takes the changes of the state as the log does, copies what it keeps to a bounded queue, and writes that on a thread
//! of its own. Nothing on the way of the traffic waits for a disk. Whoever reads opens the files anew: the commands read them
//! without a running zoogate too. The tables are described in `schema.sql`.

mod calendar_week;
pub(crate) mod change_queue;
mod directory_claim;
pub(crate) mod entry_pages;
mod history_change;
mod history_error;
mod history_filter;
mod history_kind;
mod history_moment;
pub(crate) mod history_reader;
mod history_row;
mod history_sink;
mod history_store;
pub(crate) mod history_summary;
#[cfg(test)]
mod history_tests;
pub(crate) mod history_writer;
pub(crate) mod latency_hours;
pub(crate) mod later_rows;
#[cfg(test)]
mod later_rows_tests;
#[cfg(test)]
mod question_tests;
mod read_week;
mod row_maker;
mod row_values;
mod schema_update;
#[cfg(test)]
mod schema_update_tests;
mod state_directory;
pub(crate) mod week_file;
#[cfg(test)]
mod week_file_tests;
pub(crate) mod week_files;

pub(crate) use change_queue::ChangeQueue;
pub(crate) use history_change::HistoryChange;
pub use history_error::HistoryError;
pub use history_filter::HistoryFilter;
pub use history_kind::HistoryKind;
pub use history_moment::parse_moment;
pub use history_reader::{HistoryReader, ReadOutcome};
pub(crate) use history_sink::HistorySink;
pub use history_store::{HistoryStore, RunningHistory};
pub use row_maker::HistoryViews;
