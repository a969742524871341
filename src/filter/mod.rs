//! The one language by which rows are chosen: `op=create,delete path~/brokers/* latency>10ms`.
//!
//! Terms stand behind one another and all have to fit. A term is a field, an operator and a value: `=` and `!=`, `~` and
//! `!~` (a pattern with `*` and `?`), `<`, `<=`, `>` and `>=`. Values with commas between them mean any of them. A value
//! with spaces or commas in it stands in double quotes. `moved` stands alone.
//!
//! A row that does not have a field fits no term about it: `error!=ok` lets through operations that failed, and no
//! events that have no outcome.

mod field_value;
mod filter_error;
mod filter_field;
pub(crate) mod filter_term;
mod glob_pattern;
mod term_operator;
mod term_scanner;
mod term_value;

pub use field_value::{FieldValue, FilterSubject};
pub use filter_error::FilterError;
pub use filter_field::FilterField;
pub use filter_term::Filter;
pub use term_operator::TermOperator;
